"""The frame of the built pages: numbers, descriptions, weight, folded code."""

import re
from urllib.parse import unquote, urlparse

import pytest

from ..support.built_book import HTML, PAGES
from ..support.page_files import is_external, local, read

CHAPTERS = sorted((HTML / "notebooks").glob("[0-9]*.html"))
READ = [p for p in PAGES if "_modules" not in p.parts]


def title(path):
    """The heading of a page, without its link."""
    text = path.read_text("utf-8")
    heading = re.search(r'<h1>([^\n]*?)<a class="headerlink"', text)
    return re.sub(r"<[^>]+>", "", heading[1]).strip()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_has_the_number_of_its_file(path):
    number = int(path.stem[:2])
    found = re.match(r"(\d+)\. ", title(path))
    assert (int(found[1]) if found else 0) == number


def test_links_that_name_a_chapter_by_number_lead_to_it():
    link = re.compile(r'<a [^>]*href="([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)
    seen = 0
    for path in READ:
        for address, text in link.findall(path.read_text("utf-8")):
            words = re.sub(r"<[^>]+>", "", text).strip()
            named = re.fullmatch(r"[Cc]hapter (\d+)", words)
            if named and not is_external(address):
                target = local(path, address)
                assert target.stem.startswith(f"{int(named[1]):02d}_"), (path, words)
                seen += 1
    assert seen > 10


def described(path):
    """The tags by which others show a page."""
    text = path.read_text("utf-8")
    found = dict(re.findall(r'<meta property="(og:[a-z:]+)" content="([^"]*)"', text))
    name = re.search(r'<meta name="description" content="([^"]*)"', text)
    return {**found, "description": name[1] if name else ""}


def test_every_page_can_be_searched_for_and_shared():
    descriptions = {}
    for path in READ:
        if path.name in (
            "404.html",
            "genindex.html",
            "py-modindex.html",
            "search.html",
        ):
            continue
        tags = described(path)
        assert tags["og:title"], path
        assert len(tags["description"]) > 20, path
        assert local(path, tags["og:image"]).is_file(), path
        descriptions.setdefault(tags["description"], []).append(path.name)
    assert [same for same in descriptions.values() if len(same) > 1] == []


def test_the_title_of_the_first_page_is_not_doubled():
    text = (HTML / "book" / "home.html").read_text("utf-8")
    found = re.search(r"<title>(.*?)</title>", text)[1]
    assert found.count("image fusion") == 1


def loaded(path):
    """Every file that a page asks for, with the fonts and scripts of its own."""
    text = path.read_text("utf-8")
    files = {local(path, a) for a in read(path).loads if not a.startswith("data:")}
    for style in [f for f in files if f.suffix == ".css"]:
        for address in re.findall(r"url\(([^)]+)\)", style.read_text("utf-8")):
            address = unquote(urlparse(address.strip("\"'")).path)
            target = (style.parent / address).resolve()
            if "data:" not in address and target.is_file():
                files.add(target)
    assert "fontawesome.js" not in text
    return files


def test_the_first_page_weighs_less_than_two_megabytes_with_everything():
    path = HTML / "book" / "home.html"
    files = loaded(path)
    assert not [f for f in files if "mathjax" in f.parts]
    weight = path.stat().st_size + sum(f.stat().st_size for f in files)
    assert weight < 2_000_000
    assert weight > 500_000  # it did count


def test_formulas_are_loaded_where_there_are_some():
    for path in READ:
        text = path.read_text("utf-8")
        has = bool(re.search(r'class="[^"]*\bmath\b', text))
        assert has == ("tex-chtml.js" in text), path


def test_only_notebooks_can_be_started_elsewhere():
    for path in READ:
        text = path.read_text("utf-8")
        assert ("fa-rocket" in text) == (path in CHAPTERS or "appendix" in path.stem), (
            path
        )


def test_code_of_figures_is_folded_and_checks_are_named():
    for path in CHAPTERS:
        text = path.read_text("utf-8")
        cells = text.split('<div class="cell ')[1:]
        for cell in cells:
            figure = "<figure" in cell.partition('class="cell_output')[2][:400]
            if figure and "tag_show-input" not in cell[:80] and "cell_input" in cell:
                assert "above-input" in cell.partition("cell_input")[0], (
                    path,
                    cell[:900],
                )


def test_the_title_of_a_solution_is_no_link():
    titles = [
        found
        for path in CHAPTERS
        for found in re.findall(
            r'<p class="admonition-title">Solution to.*?</p>', path.read_text("utf-8")
        )
    ]
    assert len(titles) > 10
    assert not [found for found in titles if "<a " in found]


def test_a_page_of_the_reference_is_no_book():
    """Each package has a page of its own, and no page a footnote number twice."""
    pages = sorted((HTML / "book" / "api").glob("*.html"))
    assert len(pages) >= 8
    for path in pages:
        labels = re.findall(r'role="doc-footnote">\s*<span class="label">.*?>(\d+)<',
                            path.read_text("utf-8"))  # fmt: skip
        assert len(labels) == len(set(labels)), path
