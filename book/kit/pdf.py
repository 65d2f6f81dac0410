"""Print the handout, and the built book without and with solutions, by Chromium."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "book" / "_build"

#: What paper cannot do, by CSS selector.
LIVE = ".fl-explorer, .fl-lab, script, button, .headerlink, .fl-quiz .read, video"

#: Code that pages fold: it draws figures and checks sentences, and stands in the
#: notebooks.
FOLDED = "details.above-input"

#: Pages for the screen alone: the reference of every function.
SCREEN = "book/api/"

STYLE = """
html { font-size: 13px; }
article { break-before: page; max-width: none; }
article:first-of-type { break-before: auto; }
pre, figure, img, table, tr, .admonition { break-inside: avoid; max-width: 100%; }
table:has(tr:nth-child(9)), .cell_output:has(tr:nth-child(9)) {
  break-inside: auto !important;
}
.pst-scrollable-table-container { overflow: visible; }
figure img { max-height: 215mm; object-fit: contain; }
pre { white-space: pre-wrap; }
h1, h2, h3, dt { break-after: avoid; break-inside: avoid; }
figcaption, figcaption * { color: #333 !important; opacity: 1 !important; }
p { orphans: 3; widows: 3; }
details > summary { list-style: none; }
"""

FOOTER = (
    '<div style="font-size: 8px; width: 100%; text-align: center">'
    '<span class="pageNumber"></span></div>'
)


def pages(toc: Path) -> list[str]:
    """Return the documents of a table of contents that are printed, in order."""
    content = yaml.safe_load(toc.read_text("utf-8"))
    found = [content["root"], *re.findall(r"'file': '([^']+)'", str(content))]
    return [name for name in found if not name.startswith(SCREEN)]


def one_page(html: Path, documents: list[str], *, solutions: bool) -> str:
    """Return the articles of all pages as one page.

    Parameters
    ----------
    html : pathlib.Path
        The built book.
    documents : list of str
        Its pages, without suffix.
    solutions : bool
        Whether solutions stay; they are then open.

    Returns
    -------
    str
        HTML whose links are absolute, without scripts of single pages.
    """
    whole: Any = None
    scripts: list[Any] = []
    for name in documents:
        path = html / f"{name}.html"
        soup: Any = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        article = soup.select_one("article.bd-article") or soup.select_one("article")
        if article is None:
            raise RuntimeError(f"{path} has no article")
        for explorer in article.select(".fl-explorer"):
            note = soup.new_tag("p")
            note.string = "(An explorer, which paper cannot show: see the page.)"
            explorer.insert_before(note)
        for live in article.select(f"{LIVE}, {FOLDED}"):
            live.decompose()
        if not solutions:
            for solution in article.select("div.solution, .solution"):
                solution.decompose()
        for folded in article.select("details"):
            folded["open"] = ""
        for link in [*soup.head.find_all(["link", "script"]), *article.find_all(True)]:
            for key in ("src", "href"):
                if link.has_attr(key) and not link[key].startswith("#"):
                    link[key] = urljoin(path.as_uri(), link[key])
        if whole is None:
            whole = soup
            style = soup.new_tag("style")
            style.string = STYLE
            soup.head.append(style)
            soup.body.clear()
        # Only pages with formulas bring what sets them.
        if formulas := [s for s in soup.head("script") if "mathjax" in str(s).lower()]:
            scripts = scripts or formulas
        whole.body.append(article)
    if whole is None:
        raise RuntimeError("the book has no page")
    for script in scripts:
        whole.head.append(script)
    whole.html["data-theme"] = whole.html["data-mode"] = "light"
    # Printers rarely have the coloured sign that stands for a green run.
    return str(whole).replace("\u2705", "\u2713")


def chromium() -> str | None:
    """Return the path of a Chromium of this machine, or None for playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def print_page(source: Path, target: Path, page: Any) -> None:
    """Print a page on A4, when its formulas are set."""
    page.set_default_timeout(600_000)
    page.goto(source.as_uri(), wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise")
    page.emulate_media(media="print", color_scheme="light")
    partial = target.with_suffix(".partial")
    page.pdf(
        path=partial, format="A4", print_background=True, outline=True, tagged=True,
        display_header_footer=True, header_template="<span></span>",
        footer_template=FOOTER,
        margin={"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
    )  # fmt: skip
    partial.replace(target)


def main(arguments: list[str] | None = None) -> int:
    """Print the three files, and say where those of the book are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--html", type=Path, default=BUILD / "html")
    parser.add_argument("--output", type=Path, default=BUILD / "pdf")
    asked = parser.parse_args(arguments)
    html, output = asked.html.resolve(), asked.output.resolve()
    if not (html / "index.html").is_file():
        print(f"error: {html} holds no built book: run make book", file=sys.stderr)
        return 2
    output.mkdir(parents=True, exist_ok=True)
    documents = pages(ROOT / "book" / "_toc.yml")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        handout = Path(__file__).with_name("handout.html")
        print_page(handout, output / "handout.pdf", browser.new_page())
        for solutions, name in ((False, "book"), (True, "book_with_solutions")):
            source = output / f"{name}.html"
            source.write_text(one_page(html, documents, solutions=solutions), "utf-8")
            print_page(source, output / f"{name}.pdf", browser.new_page())
            source.unlink()
            print(output / f"{name}.pdf")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
