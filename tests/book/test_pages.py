"""The built book as files: nothing external, nothing heavy, nothing without words."""

import re
from urllib.parse import unquote, urlparse

import pytest

from fusionlib.vgg.weights import KINDS

from ..support.built_book import HTML, PAGES, ROOT
from ..support.page_files import is_external, local, read

MEGABYTE = 1_000_000


@pytest.fixture(params=PAGES, ids=lambda p: str(p.relative_to(HTML)))
def path(request):
    return request.param


def test_pages_load_nothing_from_elsewhere(path):
    page = read(path)
    assert [a for a in page.loads if is_external(a)] == []
    files = [local(path, a) for a in page.loads if not a.startswith("data:")]
    assert [f for f in files if not f.is_file()] == []


def test_links_inside_the_book_lead_somewhere(path):
    ids = {}
    for address in read(path).links:
        if is_external(address) or urlparse(address).scheme:
            continue
        target = local(path, address)
        assert target.is_file(), address
        anchor = unquote(urlparse(address).fragment)
        if anchor and target.suffix == ".html":
            ids.setdefault(target, set(read(target).ids))
            assert anchor in ids[target], address


def test_pictures_have_alternative_text(path):
    for image in read(path).images:
        assert (image.get("alt") or "").strip(), image.get("src", "")[:80]
        assert not re.match(r"\.\./_images|_images", image["alt"]), image["alt"]


def test_pages_have_a_language_and_unique_ids(path):
    text = path.read_text("utf-8")
    assert '<html lang="en"' in text
    ids = [i for i in read(path).ids if i]
    repeated = {i for i in ids if ids.count(i) > 1 and not re.fullmatch(r"id\d+", i)}
    repeated -= THEMES_OWN_REPEATS
    assert repeated == set()


#: The theme and sphinx-exercise write these more than once.
THEMES_OWN_REPEATS = {"search-input", "exercise-content", "solution-content"}


def weight(path):
    """Bytes of a page with its own pictures, without what all pages share."""
    pictures = {
        local(path, a)
        for a in read(path).loads
        if not a.startswith("data:") and "_images" in a
    }
    return path.stat().st_size + sum(p.stat().st_size for p in pictures)


def test_no_page_is_heavy(path):
    if "_modules" in path.parts:
        pytest.skip("a listing of source code")
    assert weight(path) < 4 * MEGABYTE


def test_the_home_page_is_light():
    assert weight(HTML / "book" / "home.html") < MEGABYTE


def test_the_home_page_says_which_weights_and_data_made_it():
    words = read(HTML / "book" / "home.html").words
    assert "Weights" in words
    assert "House front" in words


def test_pages_name_the_kind_of_the_weights(path):
    words = read(path).words.replace("’", "'")
    assert "{weights}" not in words or "_modules" in path.parts
    assert "random stand-in" not in words
    if path.parent.name == "notebooks" and path.stem != "01_decomposition":
        assert any(kind in words for kind in KINDS.values())


def test_the_root_leads_to_the_home_page():
    assert "book/home.html" in (HTML / "index.html").read_text("utf-8")
    assert (HTML / "404.html").is_file()


def test_every_notebook_is_in_the_book_and_can_be_downloaded():
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        assert (HTML / "notebooks" / f"{notebook.stem}.html").is_file()
        assert (HTML / "_sources" / "notebooks" / notebook.name).is_file()


def test_no_failed_cell_and_no_traceback():
    for path in PAGES:
        if "_modules" not in path.parts:
            words = read(path).words
            assert "Traceback (most recent call last)" not in words, path


def test_mathjax_is_local():
    assert (HTML / "_static" / "mathjax" / "tex-chtml.js").is_file()
    fonts = HTML / "_static" / "mathjax" / "output" / "chtml" / "fonts" / "woff-v2"
    assert len(list(fonts.glob("*.woff"))) > 10
