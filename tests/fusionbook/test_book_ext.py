"""What the book adds to Sphinx, without a build."""

import importlib
import sys
from pathlib import Path

import pytest
from docutils import nodes
from docutils.core import publish_doctree

pytest.importorskip("sphinx")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def extension(monkeypatch):
    """Import an extension of the book by its name."""
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))

    def load(name):
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return load


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("assert a == b", True),
        ("import numpy as np\nassert np.all(x > 0)", True),
        ("near = a - b\nassert near < 1\nassert near > 0", True),
        ("near = a - b", False),
        ("a = 1\nb = 2\nassert a < b", False),
        ("for x in y:\n    assert x", False),
        ("assert a\nprint(a)", False),
        ("%pip install x", False),
    ],
)
def test_a_check_is_a_cell_of_assertions(code, expected, extension):
    assert extension("folded_cells").is_check(code) is expected


def cell(code, *classes, figure=False):
    """A code cell of a page, as MyST-NB makes it."""
    source = nodes.container("", nodes.literal_block(code, code))
    source["nb_element"] = "cell_code_source"
    output = nodes.container("", nodes.figure() if figure else nodes.paragraph())
    return nodes.container("", source, output, classes=["cell", *classes])


def test_figures_and_checks_are_folded_and_the_method_is_not(extension):
    words = extension("folded_cells").words
    assert words(cell("show(x)", figure=True)) == "Code of the figure"
    assert words(cell("assert x")) == "Checked"
    assert words(cell("print(x)", "tag_check")) == "Checked"
    assert words(cell("from a import b\n\nb_explorer(pair)")) == "Code of the explorer"
    assert words(cell("x = fuse(a)\nprint(x)")) == ""
    assert words(cell("show(x)", "tag_show-input", figure=True)) == ""


def test_assertions_of_a_solution_stay_open(extension):
    inside = cell("assert x")
    nodes.admonition("", inside, classes=["solution"])
    assert extension("folded_cells").words(inside) == ""


def test_a_page_is_described_by_its_first_goal_or_sentence(extension):
    description = extension("page_frame").description
    goals = ".. admonition:: After this chapter you can\n\n   * fuse two images;\n"
    page = publish_doctree(goals + "\nSome longer text that comes after the goals.\n")
    assert description(page) == "After this chapter you can fuse two images."
    text = "Title\n=====\n\nA first sentence of some length, and more. A second one.\n"
    assert description(publish_doctree(text)) == (
        "A first sentence of some length, and more."
    )


def test_sharp_pictures_are_shown_at_half_their_pixels(extension, tmp_path):
    from fusionbook.figures import SHARP_DPI, figure

    page_frame = extension("page_frame")
    drawing, axes = figure(size=(4, 2))
    axes.plot([1, 2])
    (tmp_path / "a.png").write_bytes(drawing.png())
    (tmp_path / "a.svg").write_text(drawing.svg())
    scale = page_frame.PLAIN_DPI
    assert scale == SHARP_DPI / 2
    for name in ("a.png", "a.svg"):
        wide, high = page_frame.picture_size(tmp_path / name)
        assert wide == pytest.approx(4 * scale, abs=0.08 * scale)
        assert high == pytest.approx(2 * scale, abs=0.08 * scale)
