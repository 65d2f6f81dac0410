"""Make the editions of the notebooks that people work in.

``work``
    The chapters in the folder ``work``, for JupyterLab, solutions folded. What a
    reader has changed there stays as it is.
``student``
    No solutions; with library, numbers and lists of packages in one archive.
``instructor``
    The whole chapters, and a notebook with all answers.
``pages``
    The student edition behind the download buttons of the built book.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from plain import FENCE, Labels, cited, convert, read_labels

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
BUILD = ROOT / "book" / "_build"

GATE = re.compile(r"(```\{(?:exercise-end|solution-start|solution-end)\}[^`]*```)")
TIME = re.compile(r"\*\*Time\*\*: (\d+) minutes")
LEVEL = re.compile(r"\*\*Level (\d)\*\*")

#: What only the build of the book needs, of the packages of the extra ``book``.
FOR_PAGES = {"django-static-mathjax", "jupyter-book", "jupyterlab-myst",
             "sphinx-exercise"}  # fmt: skip

START = """# {title}

| chapter | minutes | exercises |
|---|---|---|
{rows}

Run a cell with Shift+Enter, and the cells of a chapter in their order. Below the
question of an exercise is a cell to type in: replace each `...` by your answer, and
`check` says whether it is right, or gives a hint. {solutions}

The next cell says which images and which weights of the network are on this machine.
"""
#: No pink box about weights that are not the paper's.
QUIET = """import warnings

from fusionlib.vgg.weights import WeightsWarning

warnings.simplefilter("ignore", WeightsWarning)"""

FOLDED = "Solutions are folded; a click on the arrow beside one opens it."
ABSENT = "Your lecturer has the solutions."

ARCHIVE_TEXT = """Infrared and visible image fusion, layer by layer: student edition

You need Python 3.11 or newer. In this folder:

    python -m venv env
    env/bin/python -m pip install -r requirements.txt
    env/bin/jupyter lab notebooks/START_HERE.ipynb

(on Windows env\\Scripts instead of env/bin)

or with conda:

    conda env create -f environment.yml
    conda activate fusionlib-course
    jupyter lab notebooks/START_HERE.ipynb

The library is the file that ends in .whl. Text and figures: CC BY 4.0, code: MIT.
"""


def chapter(path: Path, labels: Labels, *, solutions: bool) -> NotebookNode:
    """Return a chapter in plain Markdown.

    Parameters
    ----------
    path : pathlib.Path
        The notebook of the book.
    labels : Labels
        Where references lead to.
    solutions : bool
        Whether solutions are kept, folded.

    Returns
    -------
    nbformat.NotebookNode
        Without outputs; with a caption below each figure.
    """
    book = nbformat.read(path, as_version=4)
    references = cited([c.source for c in book.cells], labels.entries)
    cells: list[NotebookNode] = []
    inside = False
    for cell in book.cells:
        if cell.cell_type == "code":
            if not inside or solutions:
                cells += code_cells(cell, labels)
            continue
        for number, part in enumerate(GATE.split(cell.source)):
            if GATE.fullmatch(part):
                inside = "solution-start" in part or (inside and "end" not in part)
                if "solution-start" in part and solutions:
                    cells.append(folded_heading(f"{cell.id}-{number}"))
            elif solutions or not inside:
                text = convert(part, labels, {"bibliography": lambda _: references})
                same = {"id": cell.id if number == 0 else f"{cell.id}-{number}"}
                cells += [new_markdown_cell(text, **same)] if text else []
    return new_notebook(cells=cells, metadata=copy.deepcopy(book.metadata))


def folded_heading(name: str) -> NotebookNode:
    """Return the heading of a solution; JupyterLab folds what is below it.

    Only folding by a heading hides outputs, too, after all cells have been run.
    """
    folded = {"jp-MarkdownHeadingCollapsed": True}
    return new_markdown_cell("#### Solution", id=name, metadata=folded)


def code_cells(cell: NotebookNode, labels: Labels) -> Iterator[NotebookNode]:
    """Yield a code cell, and a cell with the caption of its figure."""
    tags = cell.metadata.get("tags", [])
    if "%pip" in cell.source:  # installs from an index, for pages opened in the cloud
        return
    if "load_weights()" in cell.source:  # the chapter says itself what they are
        hidden = {"jupyter": {"source_hidden": True}}
        yield new_code_cell(QUIET, id=f"{cell.id}-quiet", metadata=hidden)
    metadata: dict = {"tags": [t for t in tags if t in ("stub", "solution")]}
    if {"hide-input", "remove-input", "hide-cell"} & set(tags):
        metadata["jupyter"] = {"source_hidden": True}
    if "stub" in tags:
        metadata["nbgrader"] = {
            "grade": True, "grade_id": cell.id, "locked": False, "points": 1,
            "schema_version": 3, "solution": True, "task": False,
        }  # fmt: skip
    yield new_code_cell(cell.source, id=cell.id, metadata=metadata)
    caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption")
    if caption:
        text = convert(caption.replace("{weights}", "the weights above"), labels)
        yield new_markdown_cell(f"*Figure.* {text}", id=f"{cell.id}-caption")


def start(labels: Labels, *, solutions: bool) -> NotebookNode:
    """Return the notebook that leads to the chapters."""
    rows = []
    titles = {name: title for name, title in labels.places.values()
              if not title.startswith(("Exercise ", "the figure"))}  # fmt: skip
    for path in CHAPTERS:
        text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells)
        minutes, exercises = TIME.search(text), len(LEVEL.findall(text))
        shown = minutes[1] if minutes else ""
        rows.append(f"| [{titles[path.name]}]({path.name}) | {shown} | {exercises} |")
    text = START.format(
        title="Infrared and visible image fusion, layer by layer",
        rows="\n".join(rows), solutions=FOLDED if solutions else ABSENT,
    )  # fmt: skip
    code = (
        "from fusionbook.text import open_weights\n"
        "from fusionlib.data import real_pairs\n\n"
        "open_weights()\n"
        'print(f"{len(real_pairs())} of the 21 real pairs; rendered scenes: built in")'
    )
    cells = [new_markdown_cell(text, id="start"), new_code_cell(code, id="machine")]
    return new_notebook(cells=cells, metadata=kernel())


def kernel() -> dict:
    """Return the metadata of a notebook that runs in Python."""
    named = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"kernelspec": named, "language_info": {"name": "python"}}


def answers(labels: Labels) -> NotebookNode:
    """Return one notebook with question and solution of every exercise."""
    cells = [new_markdown_cell("# Answers to all exercises", id="title")]
    for path in CHAPTERS:
        book = nbformat.read(path, as_version=4)
        for index, cell in enumerate(book.cells):
            if "{exercise-start}" not in cell.source:
                continue
            question = GATE.split(cell.source)[-1]
            text, key = book.cells[index + 2], book.cells[index + 3]
            answer = GATE.split(text.source)[-1]
            shown = f"{convert(question, labels)}\n\n**Answer.** "
            shown += f"{convert(answer, labels)}\n\n```python\n{key.source}\n```"
            cells.append(new_markdown_cell(shown, id=cell.id))
    return new_notebook(cells=cells, metadata=kernel())


def notebooks(*, solutions: bool) -> dict[str, NotebookNode]:
    """Return the notebooks of an edition by their file names."""
    labels = read_labels(CHAPTERS, ROOT / "book")
    found = {p.name: chapter(p, labels, solutions=solutions) for p in CHAPTERS}
    for name, notebook in found.items():
        for cell in notebook.cells:
            raw = [line for line in cell.source.splitlines() if FENCE.fullmatch(line)]
            if raw and cell.cell_type == "markdown":
                raise RuntimeError(f"{name}, {cell.id}: {raw[0]} is left")
    return {"START_HERE.ipynb": start(labels, solutions=solutions)} | found


def as_text(notebook: NotebookNode) -> str:
    """Return the text of a notebook's file."""
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def work(target: Path) -> list[str]:
    """Write the chapters for JupyterLab; return the files that stay as they are.

    A file that its reader has changed is kept, and so is one that is new here only
    by its outputs.
    """
    target.mkdir(exist_ok=True)
    note = target / ".made.json"
    made = json.loads(note.read_text("utf-8")) if note.is_file() else {}
    kept = []
    for name, notebook in notebooks(solutions=True).items():
        path, text = target / name, as_text(notebook)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if path.is_file():
            now = hashlib.sha256(path.read_bytes()).hexdigest()
            if now != made.get(name):
                if made.get(name) != digest:
                    kept.append(name)
                continue
        path.write_text(text, "utf-8")
        made[name] = digest
    note.write_text(json.dumps(made, indent=1), "utf-8")
    return kept


def write_all(target: Path, found: dict[str, NotebookNode]) -> None:
    """Write notebooks into an empty folder."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name, notebook in found.items():
        (target / name).write_text(as_text(notebook), "utf-8")


def requirements() -> dict[str, str]:
    """Return the versions that a student installs, by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {re.split(r"[<>=]", one)[0] for one in
              (*project["dependencies"], *extras["book"])} - FOR_PAGES  # fmt: skip
    pins = dict(one.split("==") for one in extras["pinned"])
    return {name: pins[name] for name in sorted(wanted, key=str.lower)}


def wheel(folder: Path) -> Path:
    """Build the library's wheel from the sources alone, and return it."""
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "source"
        ignore = shutil.ignore_patterns(
            "__pycache__", "*.pyc", "*.nb[ic]", "*.egg-info"
        )
        for part in ("fusionlib", "book/fusionbook"):
            shutil.copytree(ROOT / part, source / part, ignore=ignore)
        for part in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / part, source / part)
        command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet",
                   "--wheel-dir", str(folder), str(source)]  # fmt: skip
        try:
            if int(version("setuptools").split(".")[0]) >= 77:
                command.insert(4, "--no-build-isolation")
        except PackageNotFoundError:
            pass  # pip then fetches what builds a wheel
        subprocess.run(command, check=True, cwd=temporary)
    return next(folder.glob("*.whl"))


def archive(target: Path, folder: Path) -> Path:
    """Write the archive with all that a student needs, and return it."""
    pins = requirements()
    conda = {"torch": "pytorch"}
    with tempfile.TemporaryDirectory() as temporary:
        built = wheel(Path(temporary))
        lines = [f"{name}=={pin}" for name, pin in pins.items()]
        environment = ["name: fusionlib-course", "channels: [conda-forge]",
                       "dependencies:", "  - python=3.11", "  - pip"]  # fmt: skip
        environment += [
            f"  - {conda.get(n, n).lower()}={pin}" for n, pin in pins.items()
        ]
        environment += ["  - pip:", f"      - --no-deps ./{built.name}"]
        texts = {
            "README.txt": ARCHIVE_TEXT,
            "requirements.txt": "\n".join([*lines, f"./{built.name}", ""]),
            "environment.yml": "\n".join([*environment, ""]),
        }
        path = target.with_suffix(".partial")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            top = target.stem
            for name, text in texts.items():
                file.writestr(f"{top}/{name}", text)
            file.write(built, f"{top}/{built.name}")
            for notebook in sorted(folder.glob("*.ipynb")):
                file.write(notebook, f"{top}/notebooks/{notebook.name}")
            for table in sorted((ROOT / "book" / "results").glob("*.*")):
                if table.suffix in (".csv", ".json"):
                    file.write(table, f"{top}/book/results/{table.name}")
        path.replace(target)
    return target


def student() -> Path:
    """Write notebooks and archive of the student edition; return the archive."""
    folder = BUILD / "student"
    write_all(folder, notebooks(solutions=False))
    return archive(folder / "fusionlib-course.zip", folder)


def instructor() -> Path:
    """Write the whole chapters and the answers; return their folder."""
    folder = BUILD / "instructor"
    found = notebooks(solutions=True)
    labels = read_labels(CHAPTERS, ROOT / "book")
    write_all(folder, found | {"answers.ipynb": answers(labels)})
    return folder


def pages(html: Path = BUILD / "html") -> Path:
    """Put the student edition behind the download buttons of the built book."""
    folder = html / "_sources" / "notebooks"
    for name, notebook in notebooks(solutions=False).items():
        if (folder / name).is_file():
            (folder / name).write_text(as_text(notebook), "utf-8")
    return folder


def main(arguments: list[str] | None = None) -> int:
    """Make the edition that is asked for, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("edition", choices=["work", "student", "instructor", "pages"])
    asked = parser.parse_args(arguments)
    if asked.edition == "work":
        for name in work(ROOT / "work"):
            print(f"work/{name}: yours is kept; delete it to get the new version")
    else:
        print(globals()[asked.edition]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
