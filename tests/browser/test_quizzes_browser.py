"""Quick questions answer in a page: by mouse, by keyboard, in both themes."""

import pytest

from fusionbook.quizzes import quiz

from ..support.pages import COLOURS, contrast


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def page(request, visit, tmp_path):
    """A page with one quiz and the section that it names."""
    path = tmp_path / "page.html"
    path.write_text(
        '<!doctype html><meta charset="utf-8"><title>Quiz</title>'
        "<style>body {background: #fff; color: #222}"
        "@media (prefers-color-scheme: dark) {body {background: #121212; color: #ddd}"
        " a {color: #8cf}}</style>"
        f"{quiz('decomposition')._repr_html_()}<div style='height: 3000px'></div>"
        "<h2>A low-pass filter with a known response<a>#</a></h2>",
        "utf-8",
    )
    seen = visit(path.as_uri(), dark=request.param)
    yield seen.page
    assert seen.problems == []


def said(page, number):
    return page.locator("fieldset").nth(number).locator("[role=status]")


def test_a_choice_is_judged_and_leads_to_its_section(page):
    page.get_by_label("nothing, λ only changes the border").click()
    assert said(page, 0).inner_text().startswith("✗ Not quite.")
    page.get_by_role("link", name="A low-pass filter").first.click()
    assert page.evaluate("() => scrollY") > 1000
    page.get_by_label("it moves from the base into the detail").click()
    assert said(page, 0).inner_text().startswith("✓ Right.")
    assert not page.locator(".read").first.is_visible()


def test_a_number_is_judged_with_its_tolerance_by_keyboard(page):
    box = page.get_by_label("Answer")
    for typed, start in (
        ("0.5", "✗"), ("abc", "✗"), ("0,048", "✓"), ("0.047", "✓"), ("0.05", "✗"),
    ):  # fmt: skip
        box.fill(typed)
        box.press("Enter")
        assert said(page, 1).inner_text().startswith(start), typed
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert said(page, 1).inner_text().startswith("✗")


def test_arrow_keys_choose_and_text_is_legible(page):
    page.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    assert said(page, 0).inner_text()
    for part in ("legend", "label", "[role=status]"):
        colours = page.locator(part).first.evaluate(COLOURS)
        assert contrast(colours["text"], colours["ground"]) > 4.5, part
