"""The printed book: all pages in order, with or without solutions."""

import re
from pathlib import Path

import numpy as np
import pytest

from fusionlib.weight_maps import weights_from_activity

from ..support.files import load_script

ROOT = Path(__file__).parents[2]

PAGE = """<!doctype html><html data-theme="dark"><head><meta charset="utf-8">
<title>{name}</title>{script}</head><body><nav>menu</nav><article class="bd-article">
<h1>{name}</h1><p><a href="two.html">next</a></p><img src="_images/a.png" alt="a">
<div class="fl-explorer">live</div><script>broken(</script>
<div class="admonition solution dropdown"><p>Answer {name}</p></div>
<p>Run: \u2705</p>
<details><summary>Hint</summary><p>folded {name}</p></details>
<details class="admonition hide above-input"><p>drawing code</p></details>
</article></body></html>
"""


@pytest.fixture
def printer():
    return load_script(ROOT / "book/kit/pdf.py")


@pytest.fixture
def html(tmp_path):
    for name in ("one", "two"):
        # As in the book, the first page has no formula.
        script = "<script>window.MathJax = {}</script>" if name == "two" else ""
        text = PAGE.format(name=name, script=script)
        (tmp_path / f"{name}.html").write_text(text, "utf-8")
    return tmp_path


def test_pages_are_those_of_the_table_of_contents(printer):
    found = printer.pages(ROOT / "book" / "_toc.yml")
    assert found[0] == "book/home"
    assert "notebooks/01_decomposition" in found
    assert len(set(found)) == len(found)
    assert not [name for name in found if name.startswith("book/api/")]


def test_one_page_holds_all_and_solutions_only_if_asked(printer, html):
    without = printer.one_page(html, ["one", "two"], solutions=False)
    whole = printer.one_page(html, ["one", "two"], solutions=True)
    for text in (without, whole):
        assert text.index("folded one") < text.index("folded two")
        assert "live" not in text
        assert text.count("An explorer, which paper cannot show") == 2
        assert text.count("Run: \u2713") == 2  # the fonts of a printer have it
        assert "broken(" not in text
        assert "menu" not in text
        assert "drawing code" not in text
        assert text.count("window.MathJax = {}") == 1
        assert text.count('<details open="">') == 2
        assert (html / "_images" / "a.png").as_uri() in text
        assert 'data-theme="light"' in text
    assert "Answer" not in without
    assert "Answer one" in whole
    assert "Answer two" in whole


def test_the_handout_has_two_pages(printer, browser, tmp_path):
    context = browser.new_context()
    target = tmp_path / "handout.pdf"
    printer.print_page(ROOT / "book/kit/handout.html", target, context.new_page())
    context.close()
    assert len(re.findall(rb"/Type\s*/Page\b[^s]", target.read_bytes())) == 2


def test_the_pixel_of_the_handout_is_right():
    bases, details = np.array([0.6, 0.2]), np.array([0.04, -0.02])
    activities = np.array([[30, 20], [9, 11]]).T.reshape(2, 1, 2)
    W = weights_from_activity(activities)
    candidates = (W * details[:, None, None]).sum(axis=0)
    fused = bases.mean() + candidates.max()
    text = " ".join((ROOT / "book" / "lecturer.md").read_text("utf-8").split())
    for part in (
        f"candidates {candidates[0, 0]:.3f} and {candidates[0, 1]:.3f}",
        f"weights {W[0, 0, 0]:g}, {W[1, 0, 0]:g} and {W[0, 0, 1]:g}, {W[1, 0, 1]:g}",
        f"the fused pixel is {fused:.3f}",
        f"plain mean {(bases + details).mean():.3f}",
    ):
        assert part in text, part


def test_chromium_prints_a_page_for_each_article(printer, html, browser):
    source = html / "all.html"
    source.write_text(printer.one_page(html, ["one", "two"], solutions=True), "utf-8")
    printing = printer.print_page
    target = html / "all.pdf"
    context = browser.new_context()
    printing(source, target, context.new_page())
    context.close()
    content = target.read_bytes()
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b[^s]", content)) == 2


def test_a_figure_that_is_taller_than_a_page_is_shrunk_onto_one(printer, browser, html):
    tall = "<svg xmlns='http://www.w3.org/2000/svg' width='500' height='1600'/>"
    page = (
        '<html><head></head><body><article class="bd-article"><figure>'
        f'<img src="data:image/svg+xml,{tall}"><figcaption>It.</figcaption>'
        "</figure></article></body></html>"
    )
    (html / "one.html").write_text(page, "utf-8")
    source, target = html / "all.html", html / "all.pdf"
    source.write_text(printer.one_page(html, ["one"], solutions=True), "utf-8")
    context = browser.new_context()
    printer.print_page(source, target, context.new_page())
    context.close()
    assert len(re.findall(rb"/Type\s*/Page\b[^s]", target.read_bytes())) == 1
