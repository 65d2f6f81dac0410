"""Slides of the lecturer's plans: what they show exists, and their minutes add up."""

import re
from pathlib import Path

import pytest

from ..support.files import load_script

ROOT = Path(__file__).parents[2]
KIT = ROOT / "book" / "kit"
PLANS = sorted(KIT.glob("plan-*.yaml"))
SHOWN = {"figure", "equation", "cell", "task"}

FIGURE = (
    '<figure id="{}"><img src="a.png" alt="A drawing"><figcaption>'
    '<span class="caption-text">It. Weights: vgg16.</span></figcaption></figure>'
)


@pytest.fixture(scope="module")
def maker():
    return load_script(KIT / "slides.py")


@pytest.fixture(scope="module")
def chapters(maker):
    return maker.read_chapters()


@pytest.fixture(params=PLANS, ids=lambda path: path.stem)
def plan(request, maker):
    return maker.read_plan(request.param)


@pytest.fixture
def built(tmp_path, chapters):
    """A book whose pages hold nothing but the figures, and reveal.js."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "book").mkdir()
    (tmp_path / "notebooks" / "a.png").write_bytes(b"png")
    for stem in chapters.titles:
        names = [name for name, home in chapters.figures.items() if home == stem]
        text = "".join(map(FIGURE.format, names))
        (tmp_path / "notebooks" / f"{stem}.html").write_text(text)
    (tmp_path / "book" / "home.html").write_text(
        '<div><div class="fl-hero mathjax_ignore">both</div></div>'
    )
    reveal = tmp_path / "reveal"
    (reveal / "plugin").mkdir(parents=True)
    for name in ("reveal.js", "plugin/notes.js", "reset.css", "reveal.css"):
        (reveal / name).write_text("")
    return tmp_path


def rows(plan):
    """Times and labels of a plan on the page for lecturers, by its length."""
    text = (ROOT / "book" / "lecturer.md").read_text("utf-8")
    end = int(plan["parts"][-1]["time"].split("–")[1])
    for part in re.split(r"^## Plan ", text, flags=re.MULTILINE)[1:]:
        found = re.findall(
            r"^\| (\d+–\d+) \|.*\|(.*)\|$", part.split("\n## ")[0], re.MULTILINE
        )
        if found[-1][0].endswith(f"–{end}"):
            return [(time, re.findall(r"\((ch-[\w-]+)\)", where))
                    for time, where in found]  # fmt: skip
    raise AssertionError(f"no plan of {end} minutes")


def test_parts_and_chapters_are_those_of_the_page_for_lecturers(plan, chapters):
    said = rows(plan)
    assert [part["time"] for part in plan["parts"]] == [time for time, _ in said]
    for part, (_, labels) in zip(plan["parts"], said, strict=True):
        stems = {chapters.labels.get(label, label) for label in labels}
        for slide in part["slides"]:
            home = {
                "figure": lambda key: chapters.figures.get(key, "ch-home"),
                "equation": lambda key: chapters.equations[key][0],
                "cell": lambda key: chapters.cells[key][0],
                "task": lambda _: None,
            }
            (kind,) = SHOWN & set(slide)
            stem = home[kind](slide[kind])
            assert stem is None or stem in stems, slide["title"]


def test_minutes_of_slides_fill_each_part(plan):
    for part in plan["parts"]:
        begin, end = map(int, part["time"].split("–"))
        assert sum(slide["minutes"] for slide in part["slides"]) == end - begin


def test_every_slide_shows_one_thing_that_exists(plan, chapters):
    for slide in (s for part in plan["parts"] for s in part["slides"]):
        (kind,) = SHOWN & set(slide)
        assert set(slide) == {"title", "text", "notes", "minutes", kind}
        assert kind != "figure" or slide[kind] in {"hero", *chapters.figures}
        assert kind != "equation" or slide[kind] in chapters.equations
        assert kind != "cell" or slide[kind] in chapters.cells


def test_text_is_short_and_notes_ask_something(plan):
    for slide in (s for part in plan["parts"] for s in part["slides"]):
        assert len(re.findall(r"[.?:](?= |$)", slide["text"])) <= 3
        assert len(slide["text"]) < 160, slide["title"]
        assert "?" in slide["notes"] + slide["text"]


def test_equations_are_those_of_the_chapters(chapters):
    assert set(range(1, 13)) <= set(chapters.equations)
    stem, formula = chapters.equations[7]
    assert stem == "04_weight_maps"
    assert formula.startswith("W_k^i(x, y) = ")
    assert "tag" not in formula


def test_a_plan_becomes_one_page_that_needs_nothing_else(maker, built):
    for path in PLANS:
        text = maker.make(path, built, built / "reveal")
        slides = [s for part in maker.read_plan(path)["parts"] for s in part["slides"]]
        assert text.count("<aside") == text.count("<section") == 1 + len(slides)
        addresses = re.findall(r'(?:src|href)="([^"]{,40})', text)
        assert addresses
        assert all(address.startswith("data:") for address in addresses)
        assert "Weights: vgg16." in text
        assert r"\tag{7}" in text
        assert (">both<" in text) == any(s.get("figure") == "hero" for s in slides)


def test_what_is_missing_is_said_in_one_sentence(maker, built, capsys):
    with pytest.raises(maker.Unavailable, match=r"npm brings it during make book"):
        maker.make(PLANS[0], built, built / "nowhere")
    (built / "notebooks" / "00_quickstart.html").write_text("<p>no figure</p>")
    with pytest.raises(maker.Unavailable, match=r"has no figure fig-quickstart"):
        maker.make(PLANS[0], built, built / "reveal")
    maker.read_page.cache_clear()
    (built / "book" / "home.html").write_text("<div>no picture</div>")
    with pytest.raises(maker.Unavailable, match=r"has no first picture"):
        maker.make(PLANS[0], built, built / "reveal")
    asked = ["--html", str(built / "none"), "--output", str(built / "out")]
    assert maker.main(asked) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not list((built / "out").iterdir())
