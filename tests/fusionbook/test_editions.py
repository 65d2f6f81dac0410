"""What students, instructors and JupyterLab get: no markup; keys, or none."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
KIT = ROOT / "book" / "kit"
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MARKUP = re.compile(r"^(:::|`{3}\{)|\{[a-z:]+\}`|^\([\w-]+\)=$|\]\((ch|ex|fig)-", re.M)


@pytest.fixture(scope="module")
def kit():
    """The modules ``editions`` and ``plain`` of book/kit."""
    sys.path.insert(0, str(KIT))
    try:
        import editions
        import plain

        yield editions, plain
    finally:
        sys.path.remove(str(KIT))


@pytest.fixture(scope="module")
def student(kit):
    return kit[0].notebooks(solutions=False)


@pytest.fixture(scope="module")
def complete(kit):
    return kit[0].notebooks(solutions=True)


@pytest.fixture(scope="module")
def archive(kit, tmp_path_factory):
    """The archive, unpacked."""
    pytest.importorskip("setuptools")
    editions = kit[0]
    folder = tmp_path_factory.mktemp("student")
    editions.write_all(folder / "made", editions.notebooks(solutions=False))
    packed = editions.archive(folder / "course.zip", folder / "made")
    with zipfile.ZipFile(packed) as file:
        file.extractall(folder)
    return folder / "course"


def keys(path):
    """Solution code by exercise."""
    cells = nbformat.read(path, as_version=4).cells
    return {
        cell.id.removesuffix("-key"): cell.source
        for cell in cells
        if "solution" in cell.metadata.get("tags", [])
    }


KEYS = {path.name: keys(path) for path in CHAPTERS}


def statements(source):
    """Lines of a solution that are more than its question and its layout."""
    return {
        ast.unparse(one)
        for one in ast.parse(source).body
        if not isinstance(one, ast.Assert)
    }


def test_every_edition_has_all_chapters_in_plain_markdown(student, complete):
    for edition in (student, complete):
        assert list(edition) == ["START_HERE.ipynb", *(p.name for p in CHAPTERS)]
        for name, notebook in edition.items():
            nbformat.validate(notebook)
            for cell in notebook.cells:
                if cell.cell_type == "markdown":
                    assert not MARKUP.search(cell.source), (name, cell.source)


def test_the_student_edition_holds_no_solution(student):
    for name, solutions in KEYS.items():
        text = "\n".join(cell.source for cell in student[name].cells)
        stubs = {
            cell.id: cell.source
            for cell in student[name].cells
            if "stub" in cell.metadata.get("tags", [])
        }
        given = statements("\n".join(stubs.values()))
        assert list(stubs) == [f"{exercise}-stub" for exercise in solutions]
        assert "Solution" not in text
        for source in solutions.values():
            assert source not in text
            assert statements(source) - given
            found = [one for one in statements(source) - given if one in text]
            assert not [one for one in found if len(one) > 30], found


def test_solutions_are_below_folded_headings(complete):
    for name, solutions in KEYS.items():
        cells = complete[name].cells
        assert sum(cell.source in solutions.values() for cell in cells) == len(
            solutions
        )
        headings = [c for c in cells if c.source == "#### Solution"]
        assert len(headings) == len(solutions)
        assert all(c.metadata["jp-MarkdownHeadingCollapsed"] for c in headings)


def test_each_figure_has_its_caption_below(student):
    for path in CHAPTERS:
        book = nbformat.read(path, as_version=4).cells
        figures = [c.id for c in book if "figure" in c.metadata.get("mystnb", {})]
        ids = [cell.id for cell in student[path.name].cells]
        for figure in figures:
            assert ids[ids.index(figure) + 1] == f"{figure}-caption"
        assert "{weights}" not in "".join(c.source for c in student[path.name].cells)


def test_links_lead_to_notebooks_of_the_edition(student):
    for notebook in student.values():
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                for target in re.findall(r"\]\(([^)#]+)\)", cell.source):
                    assert target in student or target.startswith("https://"), target


def test_markup_becomes_what_it_says(kit):
    _, plain = kit
    labels = plain.read_labels(CHAPTERS, ROOT / "book")
    source = (
        "(ch-x)=\n# T\n\n:::{admonition} Note this\n:class: tip\n* one\n:::\n\n"
        "{cite:p}`li2018infrared,simonyan2015vgg`, {cite:t}`xydeas2000`, "
        "{ref}`ch-metrics`, {ref}`there <ch-metrics>`, [two](ch-features), "
        "{term}`bases <base part>`"
    )
    assert plain.convert(source, labels) == (
        "# T\n\n> **Note this**\n>\n> * one\n\n"
        "(Li et al. 2018; Simonyan and Zisserman 2015), Xydeas and Petrović (2000), "
        "[Metrics: what a number sees](06_metrics.ipynb), [there](06_metrics.ipynb), "
        "[two](02_vgg_features.ipynb), bases"
    )


def test_what_a_reader_changed_stays(kit, tmp_path):
    editions, _ = kit
    assert editions.work(tmp_path) == []
    mine, other = tmp_path / CHAPTERS[0].name, tmp_path / CHAPTERS[1].name
    made = json.loads((tmp_path / ".made.json").read_text())
    mine.write_text("mine")
    other.write_text("as made before")
    digest = editions.hashlib.sha256(b"as made before").hexdigest()
    old = made | {other.name: digest, mine.name: "the digest of an older version"}
    (tmp_path / ".made.json").write_text(json.dumps(old))
    assert editions.work(tmp_path) == [mine.name]
    assert mine.read_text() == "mine"
    assert nbformat.read(other, as_version=4).cells


def test_git_ignores_what_a_reader_works_in():
    lines = (ROOT / ".gitignore").read_text().splitlines()
    assert {"work/", "book/_build/"} <= set(lines)


def test_a_run_that_is_saved_changes_nothing_that_git_keeps(kit, tmp_path):
    """`make lab`, run all, save: `make test` sees the same files as before."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    clone = tmp_path / "clone"
    git = ["git", "-c", "safe.directory=*"]
    subprocess.run([*git, "clone", "-q", "--shared", ROOT, clone], check=True)
    assert kit[0].work(clone / "work") == []
    for path in sorted((clone / "work").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata["widgets"] = {}
        for count, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                cell.execution_count = count
                cell.outputs = [nbformat.v4.new_output("stream", text="done")]
        nbformat.write(notebook, path)
    (clone / "work" / ".ipynb_checkpoints").mkdir()
    (clone / "work" / ".ipynb_checkpoints" / "01-checkpoint.ipynb").write_text("{}")
    (clone / "work" / "fused.png").write_bytes(b"")
    status = subprocess.run([*git, "status", "--porcelain"], cwd=clone, check=True,
                            capture_output=True, text=True)  # fmt: skip
    assert status.stdout == ""
    form = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/fusionbook/test_notebooks.py",
        "-k",
        "stored or contents",
    ]
    done = subprocess.run(form, cwd=clone, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_the_answers_name_every_exercise(kit):
    editions, plain = kit
    notebook = editions.answers(plain.read_labels(CHAPTERS, ROOT / "book"))
    text = "\n".join(cell.source for cell in notebook.cells)
    for solutions in KEYS.values():
        assert all(source in text for source in solutions.values())


def test_the_archive_is_whole_and_holds_no_solution(archive):
    names = {path.relative_to(archive).as_posix() for path in archive.rglob("*.*")}
    assert {"README.txt", "requirements.txt", "environment.yml"} <= names
    assert {f"notebooks/{path.name}" for path in CHAPTERS} <= names
    (wheel,) = archive.glob("*.whl")
    requirements = (archive / "requirements.txt").read_text().splitlines()
    assert f"./{wheel.name}" in requirements
    assert {"jupyterlab", "matplotlib", "torch"} <= {
        r.split("==")[0] for r in requirements
    }
    texts = [
        path.read_text("utf-8")
        for path in archive.rglob("*.*")
        if path.suffix in (".txt", ".yml", ".csv")
    ]
    with zipfile.ZipFile(wheel) as file:
        assert any(name.startswith("fusionbook/exercises") for name in file.namelist())
        texts += [
            file.read(name).decode()
            for name in file.namelist()
            if name.endswith((".py", ".json", ".js"))
        ]
    for solutions in KEYS.values():
        for source in solutions.values():
            assert not [text for text in texts if source in text]


def closure(names):
    """Packages, and all that they require on this machine."""
    found, todo = set(), {canonicalize_name(name) for name in names}
    while todo:
        name = todo.pop()
        found.add(name)
        for one in map(Requirement, requires(name) or ()):
            if one.marker is None or one.marker.evaluate({"extra": ""}):
                todo |= {canonicalize_name(one.name)} - found
    return found


def test_requirements_bring_all_that_the_notebooks_import(archive):
    lines = (archive / "requirements.txt").read_text().splitlines()
    brought = closure(line.split("==")[0] for line in lines if "==" in line)
    sources = [path.read_text("utf-8") for path in (ROOT / "book" / "fusionbook")
               .rglob("*.py")]  # fmt: skip
    for path in (archive / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        sources += [cell.source for cell in cells if cell.cell_type == "code"]
    modules = set()
    for node in (n for source in sources for n in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.add(node.module.split(".")[0])
    homes = packages_distributions()
    for module in modules - set(sys.stdlib_module_names) - {"fusionlib", "fusionbook"}:
        assert {canonicalize_name(home) for home in homes[module]} & brought, module


@pytest.fixture(scope="module")
def installed(archive):
    """The library of the archive alone, as an environment of its own would have it."""
    (wheel,) = archive.glob("*.whl")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    target = archive / "library"
    subprocess.run([*command, "--target", str(target), str(wheel)], check=True)
    return target


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            path.name, marks=() if path.name.startswith("01") else pytest.mark.more
        )
        for path in CHAPTERS
    ],
)
def test_the_archive_runs_with_stubs_and_with_keys(archive, installed, name):
    """First as it is, to the end; then with the key in each stub, all of them right."""
    notebook = nbformat.read(archive / "notebooks" / name, as_version=4)
    for cell in list(notebook.cells):
        if cell.id.endswith("-stub"):
            source = KEYS[name][cell.id.removesuffix("-stub")]
            code = source + "\nimport fusionbook\nprint(fusionbook.__file__)"
            key = nbformat.v4.new_code_cell(
                code, id=cell.id.replace("-stub", "-filled")
            )
            notebook.cells.insert(notebook.cells.index(cell) + 1, key)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": archive / "notebooks"}},
    )
    client.execute(env=environment)
    outputs = {cell.id: str(cell.get("outputs")) for cell in notebook.cells}
    for exercise in KEYS[name]:
        assert "Not answered yet" in outputs[f"{exercise}-stub"]
        assert str(installed) in outputs[f"{exercise}-filled"]


def test_the_lecturers_page_states_the_minutes_of_the_chapters():
    text = (ROOT / "book" / "lecturer.md").read_text("utf-8")
    low, high = re.search(r"(\d+) to (\d+) minutes of reading", text).groups()
    heads = [
        re.search(r"\*\*Time\*\*: (\d+) minutes", path.read_text("utf-8"))[1]
        for path in CHAPTERS
    ]
    assert (min(map(int, heads)), max(map(int, heads))) == (int(low), int(high))


def test_the_plans_fill_their_time_without_a_gap():
    text = (ROOT / "book" / "lecturer.md").read_text("utf-8")
    plans = re.split(r"^## Plan ", text, flags=re.MULTILINE)[1:]
    for plan, length in zip(plans, (90, 240, 60, 45), strict=True):
        plan = plan.split("\n## ")[0]
        times = re.findall(r"^\| (\d+)–(\d+) \|", plan, re.MULTILINE)
        ends = [int(end) for _, end in times]
        assert [int(begin) for begin, _ in times] == [0, *ends[:-1]]
        assert ends[-1] == length


def test_the_project_names_the_limits_of_the_table():
    from fusionbook.leaderboard import MORE

    text = (ROOT / "book" / "lecturer.md").read_text("utf-8")
    assert f"more than {MORE['N_abf']} more N_abf" in text
    assert f"more than {MORE['texture']} less texture" in " ".join(text.split())
