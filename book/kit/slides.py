"""Make the slides of the lecturer's plans from the figures of the built book.

``plan-a.yaml`` and ``plan-b.yaml`` say what is shown. Each slide has a title, one or
two sentences, notes for the speaker, minutes, and one of

``figure``
    The name of a figure in a chapter, or ``hero``, the first picture of the book.
``equation``
    The number of an equation of the method.
``cell``
    The id of a code cell of a chapter.
``task``
    A few words, where students do something.
"""

from __future__ import annotations

import argparse
import base64
import mimetypes
import re
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import yaml
from bs4 import BeautifulSoup, SoupStrainer
from jinja2 import Environment

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "book" / "_build"
PLANS = sorted(HERE.glob("plan-*.yaml"))
REVEAL = ROOT / "book" / "lab" / "node_modules" / "reveal.js" / "dist"

DISPLAY = re.compile(r"\$\$(.+?)\\tag\{(\d+)\}(.*?)\$\$", re.DOTALL)
TITLE = re.compile(r"^\((ch-[\w-]+)\)=\n# (.+)", re.MULTILINE)


class Unavailable(Exception):
    """Why there can be no slides, in a sentence."""


class Chapters(NamedTuple):
    """What slides may show, by name.

    Attributes
    ----------
    titles : dict of str to str
        Title of each chapter by the stem of its file.
    labels : dict of str to str
        Stem of each chapter by its label, such as ``ch-weights``.
    figures, cells, equations : dict
        Stem of the chapter by the name of a figure; stem and source by the id of a
        code cell; stem and formula by the number of an equation.
    """

    titles: dict[str, str]
    labels: dict[str, str]
    figures: dict[str, str]
    cells: dict[str, tuple[str, str]]
    equations: dict[int, tuple[str, str]]


def read_chapters(folder: Path = ROOT / "notebooks") -> Chapters:
    """Collect what the notebooks have to show.

    Parameters
    ----------
    folder : pathlib.Path, optional
        Where they are.
    """
    found = Chapters({}, {}, {}, {}, {})
    for path in sorted(folder.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                found.cells[cell.id] = path.stem, cell.source
                figure = cell.metadata.get("mystnb", {}).get("figure", {})
                if "name" in figure:
                    found.figures[figure["name"]] = path.stem
                continue
            for label, title in TITLE.findall(cell.source):
                found.titles[path.stem], found.labels[label] = title, path.stem
            for before, number, after in DISPLAY.findall(cell.source):
                formula = f"{before}{after}".strip().rstrip(" ,.")
                found.equations.setdefault(int(number), (path.stem, formula))
    return found


def read_plan(path: Path) -> dict[str, Any]:
    """Return a plan: its title, and its parts with their slides."""
    plan = yaml.safe_load(path.read_text("utf-8"))
    plan["parts"] = [dict(part) for part in plan["parts"]]
    return plan


def as_address(path: Path) -> str:
    """Return the content of a file as an address."""
    kind = mimetypes.guess_type(path.name)[0] or "text/javascript"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


@cache
def read_page(page: Path, name: str) -> BeautifulSoup:
    """Return all elements of a name, such as ``figure``, of a built page."""
    if not page.is_file():
        raise Unavailable(f"{page} is missing: run make book")
    text, kept = page.read_text("utf-8"), SoupStrainer(name)
    return BeautifulSoup(text, "html.parser", parse_only=kept)


def figure_of(name: str, page: Path) -> dict[str, Any]:
    """Return picture, description and origin of a figure of a built page.

    Raises
    ------
    Unavailable
        If the page is not built or has no such figure.
    """
    found: Any = read_page(page, "figure").find(id=name)
    image = found and found.find("img")
    if not image:
        raise Unavailable(f"{page} has no figure {name}: run make book")
    caption = found.select_one(".caption-text")
    said = caption.get_text() if caption else ""
    weights = re.search(r"[Ww]eights[^.:]*: (.+)", said)
    return {
        "image": {
            "address": as_address((page.parent / image["src"]).resolve()),
            "alt": image.get("alt", ""),
        },
        "weights": f"Weights: {weights[1]}" if weights else "",
    }


def filled(slide: dict[str, Any], chapters: Chapters, html: Path) -> dict[str, Any]:
    """Return a slide with what it shows, and where that is from."""
    shown: dict[str, Any] = {}
    if slide.get("figure") == "hero":
        home = html / "book" / "home.html"
        hero = read_page(home, "div").select_one(".fl-hero")
        if hero is None:
            raise Unavailable(f"{home} has no first picture: run make book")
        shown = {"markup": str(hero), "source": "First page of the book."}
    elif "figure" in slide:
        stem = chapters.figures[slide["figure"]]
        shown = figure_of(slide["figure"], html / "notebooks" / f"{stem}.html")
        shown["source"] = f"{chapters.titles[stem]}. {shown.pop('weights')}".strip()
    elif "equation" in slide:
        stem, formula = chapters.equations[slide["equation"]]
        number = slide["equation"]
        shown = {"formula": rf"{formula} \tag{{{number}}}"}
        shown["source"] = chapters.titles[stem] + "."
    elif "cell" in slide:
        stem, source = chapters.cells[slide["cell"]]
        shown = {"code": source, "source": chapters.titles[stem] + "."}
    return {**slide, **shown}


def mathjax() -> Path:
    """Return the script of MathJax that draws formulas as SVG."""
    spec = find_spec("mathjax")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable("MathJax is missing: pip install django-static-mathjax")
    root = Path(next(iter(spec.submodule_search_locations)))
    return next(root.rglob("es5/tex-svg.js"))


def make(path: Path, html: Path, reveal: Path = REVEAL) -> str:
    """Return the slides of a plan as one page.

    Parameters
    ----------
    path : pathlib.Path
        The plan.
    html : pathlib.Path
        The built book.
    reveal : pathlib.Path, optional
        The folder ``dist`` of reveal.js.

    Raises
    ------
    Unavailable
        If the book is not built, or reveal.js or MathJax is missing.
    """
    if not (reveal / "reveal.js").is_file():
        raise Unavailable("reveal.js is missing: npm brings it during make book")
    plan, chapters = read_plan(path), read_chapters()
    for part in plan["parts"]:
        part["slides"] = [filled(slide, chapters, html) for slide in part["slides"]]
    scripts = (mathjax(), reveal / "reveal.js", reveal / "plugin" / "notes.js")
    template = (HERE / "slides.html").read_text("utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        plan=plan,
        minutes=sum(s["minutes"] for part in plan["parts"] for s in part["slides"]),
        reset=(reveal / "reset.css").read_text("utf-8"),
        reveal_style=(reveal / "reveal.css").read_text("utf-8"),
        scripts=[as_address(script) for script in scripts],
    )


def main(arguments: list[str] | None = None) -> int:
    """Make the slides of all plans, and say where they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--html", type=Path, default=BUILD / "html")
    parser.add_argument("--output", type=Path, default=BUILD / "slides")
    asked = parser.parse_args(arguments)
    asked.output.mkdir(parents=True, exist_ok=True)
    for path in PLANS:
        target = asked.output / f"{path.stem}.html"
        try:
            text = make(path, asked.html.resolve())
        except Unavailable as reason:
            print(f"error: {reason}", file=sys.stderr)
            return 2
        partial = target.with_suffix(".partial")
        partial.write_text(text, "utf-8")
        partial.replace(target)
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
