"""The built book in a browser without network: every page, every control."""

import pytest

from ..support.built_book import HTML, PAGES
from ..support.pages import COLOURS, contrast, wait_drawn

READ = [p for p in PAGES if "_modules" not in p.parts]
NAMES = [str(p.relative_to(HTML)) for p in READ]
EXPLORERS = [
    n for p, n in zip(READ, NAMES, strict=True) if "fl-explorer" in p.read_text()
]


@pytest.fixture(scope="module")
def addresses(serve):
    return {"file": HTML.as_uri(), "http": serve(HTML)}


@pytest.mark.parametrize("name", NAMES)
def test_pages_open_without_a_complaint(name, visit, addresses):
    """Light on a desktop from files, dark on a phone over http."""
    for scheme, width, dark in (("file", 1280, False), ("http", 360, True)):
        seen = visit(f"{addresses[scheme]}/{name}", width=width, dark=dark)
        page = seen.page
        page.wait_for_load_state("load")
        if name in EXPLORERS:
            wait_drawn(page)
        page.wait_for_function(
            "() => !document.querySelector('.math') ||"
            " document.querySelector('mjx-container')"
        )
        assert page.locator("mjx-merror").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT_OFF) == []
        assert page.evaluate(CUT_BLOCKS) == []
        assert page.locator("article mjx-container[tabindex]").count() == 0
        theme = page.evaluate("document.documentElement.dataset.theme")
        assert theme == ("dark" if dark else "light")
        assert seen.problems == []


#: Formulas whose beginning no scrolling can reach.
CUT_OFF = """() => [...document.querySelectorAll('div.math')].filter((e) => {
    const left = e.getBoundingClientRect().left - 1;
    return [...e.querySelectorAll('mjx-container, mjx-mtable')].some(
        (part) => part.getBoundingClientRect().left < left);
}).map((e) => e.textContent)"""


#: Code, printed text and pictures that do not fit into their place.
CUT_BLOCKS = """() => [...document.querySelectorAll(
    'article pre, article figure img, article .cell_output img')].filter((e) => {
    if (!e.offsetParent) return false;
    const place = e.closest('section').getBoundingClientRect();
    return e.scrollWidth > e.clientWidth + 1
        || e.getBoundingClientRect().right > place.right + 1;
}).map((e) => e.outerHTML.slice(0, 200))"""


def test_one_switch_opens_all_code_and_later_pages_remember(visit, addresses):
    page = visit(f"{addresses['http']}/notebooks/03_activity_maps.html").page
    shut = "document.querySelectorAll('article details.above-input:not([open])').length"
    assert page.evaluate(shut) > 3
    page.keyboard.press("Tab")
    button = page.get_by_role("button", name="Show all code")
    button.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(shut) == 0
    assert button.get_attribute("aria-pressed") == "true"
    page.goto(f"{addresses['http']}/notebooks/04_weight_maps.html")
    assert page.evaluate(shut) == 0
    page.get_by_role("button", name="Show all code").click()
    assert page.evaluate(shut) > 0


def test_a_tap_on_the_title_of_a_solution_opens_it(visit, addresses):
    name = "notebooks/03_activity_maps.html"
    page = visit(f"{addresses['file']}/{name}", width=390).page
    solution = page.locator("div.solution.dropdown").first
    inside = solution.locator("section").first
    assert not inside.is_visible()
    solution.locator(".admonition-title").click(position={"x": 40, "y": 10})
    page.wait_for_timeout(300)
    assert inside.is_visible()


def test_the_line_of_the_wipe_follows_pointer_keys_and_choices(visit, addresses):
    page = visit(f"{addresses['file']}/book/home.html").page
    wipe = page.locator(".fl-wipe")
    drawn = "e => JSON.parse(e.dataset.drawn)"
    assert wipe.evaluate(drawn) == {"wipe": 50, "left": "mean", "right": "paper"}
    wipe.locator("[data-control=right]").select_option("recommended")
    picture = wipe.locator("[data-side=right]")
    assert picture.get_attribute("alt") == "recommended"
    frame = wipe.locator(".fl-frame")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    page.mouse.click(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
    assert wipe.evaluate(drawn)["wipe"] == pytest.approx(20, abs=1)
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2)
    page.mouse.up()
    assert wipe.evaluate(drawn)["wipe"] == pytest.approx(80, abs=1)
    wipe.locator("input").press("ArrowLeft")
    assert wipe.evaluate(drawn)["wipe"] == pytest.approx(79, abs=1)
    cut = wipe.locator("[data-side=left]").evaluate("e => e.style.clipPath")
    assert cut == f"inset(0px {100 - wipe.evaluate(drawn)['wipe']}% 0px 0px)"


def test_figures_keep_their_colours_in_the_dark_and_can_be_seen_alone(visit, addresses):
    """The theme's contrast swallowed weak detail, and opposite signs looked alike."""
    name = "notebooks/03_activity_maps.html"
    page = visit(f"{addresses['file']}/{name}", dark=True).page
    figures = page.locator("article figure img")
    assert figures.count() > 3
    for k in range(figures.count()):
        style = figures.nth(k).evaluate(
            "e => [getComputedStyle(e).filter, getComputedStyle(e).padding]"
        )
        assert "contrast" not in style[0]
        assert style[1] == "0px"
        link = figures.nth(k).locator("xpath=..")
        assert link.evaluate("e => e.href") == figures.nth(k).evaluate("e => e.src")


def test_prints_are_light_and_unfolded(visit, addresses):
    name = "notebooks/05_max_selection.html"
    page = visit(f"{addresses['file']}/{name}", dark=True).page
    state = """() => [document.documentElement.dataset.theme,
        document.querySelectorAll('details:not([open])').length]"""
    before = page.evaluate(state)
    assert before[0] == "dark"
    assert before[1] > 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(state) == ["light", 0]
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(state) == before


@pytest.mark.parametrize("name", EXPLORERS)
def test_every_control_of_every_explorer_works_in_its_page(name, visit, addresses):
    """By keyboard, in the book itself; the explorers' own tests do the rest."""
    seen = visit(f"{addresses['file']}/{name}")
    page = seen.page
    wait_drawn(page)
    roots = page.locator(".fl-explorer[data-kind]")
    assert roots.count() >= 1
    for k in range(roots.count()):
        root = roots.nth(k)
        controls = root.locator("[data-control]")
        assert controls.count() >= 2
        for i in range(controls.count()):
            box = controls.nth(i)
            before = root.evaluate("e => e.dataset.drawn")
            box.focus()
            kind = box.evaluate("e => e.type")
            if kind == "checkbox":
                page.keyboard.press("Space")
            elif kind == "range":
                at_end = box.evaluate("e => e.value === e.max")
                page.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
            else:
                last = box.evaluate("e => e.selectedIndex === e.options.length - 1")
                page.keyboard.press("ArrowUp" if last else "ArrowDown")
            page.wait_for_function(
                "([e, d]) => e.dataset.drawn !== d", arg=[root.element_handle(), before]
            )
    assert seen.problems == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_has_enough_contrast(dark, visit, addresses):
    """WCAG AA, 4.5 : 1, for the kinds of text that pages are made of."""
    name = "notebooks/01_decomposition.html"
    page = visit(f"{addresses['file']}/{name}", dark=dark).page
    wait_drawn(page)
    kinds = ["article p", "article figcaption .caption-text", "article h1",
             "article a.reference", ".fl-caption", ".fl-how", ".bd-toc-item a",
             ".highlight pre", ".prev-next-title"]  # fmt: skip
    for kind in kinds:
        found = page.locator(kind).first.evaluate(COLOURS)
        assert contrast(found["text"], found["ground"]) >= 4.5, (kind, found)


#: The colour of an element's text, thinned by its opacity, and what lies under it.
def test_the_theme_button_switches(visit, addresses):
    page = visit(f"{addresses['file']}/book/home.html").page
    button = page.locator("button.theme-switch-button:visible").first
    seen = set()
    for _ in range(3):
        button.click()
        seen.add(page.evaluate("document.documentElement.dataset.theme"))
    assert seen == {"light", "dark"}


def test_search_finds_a_word(visit, addresses):
    page = visit(f"{addresses['http']}/search.html?q=decomposition").page
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li").count() >= 1


def test_search_lists_each_page_once(visit, addresses):
    page = visit(f"{addresses['file']}/search.html?q=N_abf").page
    page.wait_for_selector("#search-results li p.context")
    page.wait_for_function("!document.title.includes('Searching')")
    page.wait_for_timeout(1000)
    links = page.locator("#search-results li > a").evaluate_all(
        "found => found.map(a => a.href.split('#')[0].split('?')[0])"
    )
    assert len(links) > 3
    assert len(set(links)) == len(links)


def test_search_from_a_folder_shows_excerpts(visit, addresses):
    seen = visit(f"{addresses['file']}/search.html?q=receptive")
    seen.page.wait_for_selector("#search-results li p.context")
    words = seen.page.locator("#search-results li p.context").first.inner_text()
    assert "receptive" in words.lower()
    assert seen.problems == []
