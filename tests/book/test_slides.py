"""Slides of the built book, in a browser and without a network."""

from __future__ import annotations

import pytest

from ..support.built_book import HTML, ROOT
from ..support.files import load_script

KIT = ROOT / "book" / "kit"

#: Elements of the current slide that reach over its edge, or show nothing.
WRONG = """() => {
  const slide = Reveal.getCurrentSlide(), frame = slide.getBoundingClientRect();
  const all = [...slide.querySelectorAll("h1, h2, p, img, pre, svg")];
  return all.filter((e) => !e.closest("aside") && !e.closest("svg svg")).filter((e) => {
    const box = e.getBoundingClientRect();
    return box.bottom > frame.bottom + 1 || box.right > frame.right + 1
      || box.width * box.height === 0 || (e.tagName === "IMG" && !e.naturalWidth);
  }).map((e) => e.outerHTML.slice(0, 80));
}"""


@pytest.mark.parametrize("name", ["plan-a", "plan-b"])
def test_every_slide_fits_and_shows_something(visit, tmp_path, name):
    maker = load_script(KIT / "slides.py")
    if not (maker.REVEAL / "reveal.js").is_file():
        pytest.skip("no reveal.js: npm was not there when the book was built")
    path = tmp_path / f"{name}.html"
    path.write_text(maker.make(KIT / f"{name}.yaml", HTML), "utf-8")
    seen = visit(path.as_uri())
    page = seen.page
    page.wait_for_function("() => window.Reveal?.isReady()")
    slides = [s for p in maker.read_plan(KIT / f"{name}.yaml")["parts"]
              for s in p["slides"]]  # fmt: skip
    assert page.evaluate("Reveal.getTotalSlides()") == 1 + len(slides)
    formulas = page.locator(".equation mjx-container").count()
    assert formulas == sum("equation" in slide for slide in slides)
    for number, _ in enumerate(["title", *slides]):
        page.evaluate("(n) => Reveal.slide(n)", number)
        assert page.evaluate(WRONG) == [], number
    assert seen.problems == []


def test_notes_open_in_a_window_of_their_own(visit, tmp_path):
    maker = load_script(KIT / "slides.py")
    if not (maker.REVEAL / "reveal.js").is_file():
        pytest.skip("no reveal.js: npm was not there when the book was built")
    path = tmp_path / "plan-a.html"
    path.write_text(maker.make(KIT / "plan-a.yaml", HTML), "utf-8")
    page = visit(path.as_uri()).page
    page.wait_for_function("() => window.Reveal?.isReady()")
    with page.expect_popup() as opening:
        page.keyboard.press("s")
    notes = opening.value.locator(".speaker-controls-notes")
    page.evaluate("Reveal.slide(1)")
    notes.get_by_text("what should a good fusion keep").wait_for(timeout=60_000)
