"""The form of the chapters: what every reader may rely on in each of them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[2]
PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHAPTERS = [path for path in PATHS if path.stem[:2].isdigit()]
LONGEST_CELL = 15
ENDING = ["Summary", "Exercises", "References"]

EXERCISE = re.compile(r"\{exercise-start\}[^\n]*\n:label: (ex-[\w-]+)")
SOLUTION = re.compile(r"\{solution-start\} (ex-[\w-]+)\n(?::\w+:[^\n]*\n)*")


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def headings(cell: nbformat.NotebookNode, level: int) -> list[str]:
    if cell.cell_type != "markdown":
        return []
    prose = re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL)
    return re.findall(rf"^{'#' * level} (.+)$", prose, flags=re.MULTILINE)


def sections(notebook: nbformat.NotebookNode) -> dict[str, list[str]]:
    """Return the code cells under each heading of the second level."""
    found: dict[str, list[str]] = {}
    current = ""
    for cell in notebook.cells:
        for current in headings(cell, 2):
            found[current] = []
        if cell.cell_type == "code" and current:
            found[current].append(cell.source)
    return found


def draws(source: str) -> bool:
    """Tell whether a cell shows a figure: its last line is one, or makes one."""
    if "%pip" in source:
        return False
    last = ast.parse(source).body[-1]
    if not isinstance(last, ast.Expr):
        return False
    value = last.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        name = value.func.id
        return (
            name.startswith("show_") or f"fusionbook.pipeline import {name}" in source
        )
    return isinstance(value, ast.Name) and "figure(" in source


def asserts(source: str) -> bool:
    """Tell whether a cell asserts something about a value that it computed."""
    if "%pip" in source:
        return False
    claims = (n.test for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Assert))
    return any(isinstance(part, ast.Name) for one in claims for part in ast.walk(one))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("value = 1\nassert value == 1", True),
        ("for value in values:\n    assert value > 0", True),
        ("assert True", False),
        ("assert 1 == 1, message", False),
        ("# assert value == 1", False),
        ("text = 'assert value == 1'", False),
    ],
)
def test_an_assertion_names_what_it_is_about(source: str, expected: bool) -> None:
    assert asserts(source) is expected


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return read(request.param)


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    """A notebook with a number: it has exercises, an appendix has none."""
    return read(request.param)


def test_the_table_of_contents_lists_all_chapters_in_order() -> None:
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text("utf-8"))
    files = re.findall(r"'file': '(notebooks/[^']+)'", str(toc))
    assert files == [f"notebooks/{path.stem}" for path in PATHS]
    assert [int(path.stem[:2]) for path in CHAPTERS] == list(range(len(CHAPTERS)))


def test_names_are_unique_in_the_book() -> None:
    names, labels = [], []
    for path in PATHS:
        for cell in read(path).cells:
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            names += [figure["name"]] if "name" in figure else []
            labels += EXERCISE.findall(cell.source)
            labels += re.findall(r"^\((ch-[\w-]+)\)=$", cell.source, re.MULTILINE)
    assert len(set(names)) == len(names)
    assert len(set(labels)) == len(labels)


def test_is_valid_and_stored_without_outputs(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert "widgets" not in notebook.metadata
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs, f"{cell.id} has outputs"
            assert cell.execution_count is None, f"{cell.id} has a count"


def test_opens_with_label_title_and_aims(notebook: nbformat.NotebookNode) -> None:
    opening = notebook.cells[0].source + "\n" + notebook.cells[1].source
    assert re.search(r"^\(ch-[\w-]+\)=\n# \S", opening, re.MULTILINE)
    assert "After this chapter you can" in opening
    assert "**You need**: " in opening
    assert re.search(r"\*\*Time\*\*: \d+ minutes", opening)
    assert sum(len(headings(cell, 1)) for cell in notebook.cells) == 1


def test_installs_on_colab_only(notebook: nbformat.NotebookNode) -> None:
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    assert 'if "google.colab" in sys.modules:' in first.source
    assert "remove-cell" in first.metadata.tags


def test_has_the_required_sections(chapter: nbformat.NotebookNode) -> None:
    names = list(sections(chapter))
    assert names[-3:] == ENDING
    number = int(chapter.cells[0].id[2:4])
    if 1 <= number <= 6:
        assert names[-4] == "Explore"


def test_every_section_with_code_asserts(notebook: nbformat.NotebookNode) -> None:
    for name, codes in sections(notebook).items():
        if codes and name != "Explore":
            assert any(map(asserts, codes)), f"none in {name!r}"


def test_cells_are_short(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            lines = len(cell.source.splitlines())
            assert lines <= LONGEST_CELL, f"{cell.id} has {lines} lines"


def test_figures_have_caption_and_alt_text(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        meta = cell.metadata.get("mystnb", {})
        if not meta:
            assert not draws(cell.source), f"{cell.id} draws without a caption"
            continue
        assert meta["figure"]["name"].startswith("fig-"), cell.id
        caption, alt = meta["figure"]["caption"], meta["image"]["alt"]
        assert caption.endswith("."), cell.id
        assert len(alt) > 40, cell.id
        assert alt != caption, cell.id


def test_exercises_are_paired_with_solutions(chapter: nbformat.NotebookNode) -> None:
    prose = [c.source for c in chapter.cells if c.cell_type == "markdown"]
    text = "\n".join(prose)
    labels = EXERCISE.findall(text)
    assert 3 <= len(labels) <= 5
    assert SOLUTION.findall(text) == labels
    assert text.count("{exercise-end}") == text.count("{solution-end}") == len(labels)
    dropdowns = [match.group(0) for match in SOLUTION.finditer(text)]
    assert all(":class: dropdown" in one for one in dropdowns)


def test_solutions_are_executed(chapter: nbformat.NotebookNode) -> None:
    inside = ""
    codes: dict[str, list[str]] = {}
    for cell in chapter.cells:
        if cell.cell_type == "code":
            if inside:
                codes[inside].append(cell.source)
            continue
        for mark in re.finditer(
            r"\{solution-(?:end\}|start\} (ex-[\w-]+))", cell.source
        ):
            inside = mark.group(1) or ""
            if inside:
                codes[inside] = []
    assert codes
    for label, cells in codes.items():
        assert any(map(asserts, cells)), f"the solution of {label} checks nothing"


def test_the_method_takes_forty_lines() -> None:
    """Three cells with equations, and no checks among them."""
    cells = read(ROOT / "notebooks" / "appendix_forty_lines.ipynb").cells
    codes = [cell.source for cell in cells if "# equation" in cell.source]
    assert len(codes) == 3
    lines = [line for code in codes for line in code.splitlines() if line.strip()]
    assert len(lines) <= 40
    assert not any(map(asserts, codes))
    numbers = re.findall(r"# equation \((\d+)\)", "\n".join(codes))
    assert sorted(map(int, numbers)) == list(range(1, 12))
