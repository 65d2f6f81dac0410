"""Chapters and explorers in JupyterLab, as ``make lab`` opens them."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from ..support.missing import missing

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
#: The chapter that needs no network weights and little time.
QUICK = "01_decomposition.ipynb"

#: Explorers of a notebook of its own, one a cell.
LIVE = {
    "decomposition": "decomposition_explorer('street')",
    "features": "feature_browser('street', 'seeded')",
    "activity": "activity_explorer('street', 'seeded')",
    "weights": "weights_explorer('street', 'seeded')",
    "selection": "selection_explorer('street', 'seeded')",
    "metrics": "metrics_explorer('street', 'seeded')",
    "playground": "playground('street', 'seeded')",
}

#: What one sees and what is in the outputs, cell by cell.
CELLS = """() => jupyterapp.shell.currentWidget.content.widgets.map((cell) => ({
    id: cell.model.id, type: cell.model.type, source: cell.model.sharedModel.source,
    shown: !cell.isHidden, text: cell.node.innerText,
    outputs: cell.model.type === "code" ? cell.model.outputs.toJSON() : [],
}))"""

#: Type into a cell, run it, and return its outputs.
TYPED = """async ([id, source]) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    const index = notebook.widgets.findIndex((cell) => cell.model.id === id);
    notebook.activeCellIndex = index;
    notebook.widgets[index].model.sharedModel.setSource(source);
    await jupyterapp.commands.execute("notebook:run-cell");
    return notebook.widgets[index].model.outputs.toJSON();
}"""


def wait_for(address: str, server: subprocess.Popen) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(address).read()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail("JupyterLab does not start")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab in a working copy of the chapters."""
    if importlib.util.find_spec("jupyterlab") is None:
        missing("BROWSER", "jupyterlab is not installed")
    home = tmp_path_factory.mktemp("lab")
    (home / "book").mkdir()
    (home / "book" / "results").symlink_to(ROOT / "book" / "results")
    make = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1]); import editions; "
        "editions.work(pathlib.Path(sys.argv[2]))"
    )
    folder = home / "work"
    kit = ROOT / "book" / "kit"
    subprocess.run([sys.executable, "-c", make, str(kit), str(folder)], check=True)
    cells = [new_code_cell(f"from fusionbook.explorers import *\n{call}", id=kind)
             for kind, call in LIVE.items()]  # fmt: skip
    named = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    live = new_notebook(cells=cells, metadata=named)
    nbformat.write(live, folder / "live.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER{name}_DIR": str(home / name.lower()) for name in
           ("_CONFIG", "LAB_SETTINGS", "LAB_WORKSPACES")}  # fmt: skip
    path = os.pathsep.join([str(ROOT), str(ROOT / "book"),
                            os.environ.get("PYTHONPATH", "")])  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser",
         f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}",
         "--IdentityProvider.token=", "--LabApp.expose_app_in_browser=True",
         f"--LabApp.app_settings_dir={kit / 'lab'}"],
        env={"FUSIONLIB_WEIGHTS": "seeded", **os.environ, **own, "PYTHONPATH": path,
             "FUSIONLIB_BOOK": "0"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api", server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def opened(browser, lab):
    """Open a notebook: ``opened(name)`` returns its page, with a kernel."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})

    def check(route, request):
        there = urlparse(request.url)
        if there.scheme in ("data", "blob") or there.netloc == urlparse(lab).netloc:
            route.continue_()
        else:
            outside.append(request.url)
            route.abort()

    outside: list[str] = []
    context.route("**/*", check)

    def go(name: str):
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{lab}/lab/tree/{name}?reset")
        page.wait_for_function(
            "() => window.jupyterapp?.shell?.currentWidget?.context?.isReady"
        )
        page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.ready")
        return page

    yield go
    context.close()
    assert outside == []  # nothing needs a network


@pytest.fixture
def explored(opened):
    """Run one explorer: ``explored(kind)`` returns its page and its output."""

    def go(kind: str):
        page = opened("live.ipynb")
        index = list(LIVE).index(kind)
        page.evaluate(
            "async (index) => {"
            " jupyterapp.shell.currentWidget.content.activeCellIndex = index;"
            " await jupyterapp.commands.execute('notebook:run-cell'); }",
            index,
        )
        output = page.locator(".jp-Notebook .jp-CodeCell").nth(index)
        output = output.locator(".jp-OutputArea").first
        output.locator("canvas").first.wait_for()
        page.wait_for_function(DRAWN)
        output.scroll_into_view_if_needed()
        return page, output

    return go


#: Whether all pictures have their pixels.
DRAWN = """() => [...document.querySelectorAll(".fl-alone .fl-frame > canvas")]
    .every((canvas) => canvas.width > 100)"""

PIXELS = "(canvas) => canvas.toDataURL()"


def readout(output, label):
    """What stands beside the slider under a label."""
    named = output.page.get_by_text(label, exact=True)
    box = output.locator(".widget-vbox").filter(has=named).last
    return box.locator(".widget-readout")


def middle(element):
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def kinds(cells):
    return [output.get("name", output["output_type"])
            for cell in cells for output in cell["outputs"]]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name == QUICK else pytest.mark.more)
     for name in ("START_HERE.ipynb", *CHAPTERS)],
)  # fmt: skip
def test_a_chapter_runs_and_shows_no_markup_and_no_solution(opened, name):
    page = opened(name)
    page.set_default_timeout(600_000)
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    page.evaluate(
        "async () => { const panel = jupyterapp.shell.currentWidget;"
        " for (const cell of panel.content.widgets) panel.content.scrollToItem("
        "panel.content.widgets.indexOf(cell), 'smart'); }"
    )
    cells = page.evaluate(CELLS)
    assert "error" not in kinds(cells)
    assert "stderr" not in kinds(cells)  # a pink box
    for cell in cells:
        if cell["type"] == "markdown":
            raw = re.search(r"^(:::|`{3}\{)|\{[a-z:]+\}`|^\([\w-]+\)=$",
                            cell["source"] + cell["text"], re.MULTILINE)  # fmt: skip
            assert not raw, cell["source"]
    solutions = [cell for cell in cells if cell["id"].endswith("-key")]
    assert not any(cell["shown"] for cell in solutions)
    stubs = [cell for cell in cells if cell["id"].endswith("-stub")]
    assert len(stubs) == len(solutions)
    for cell in stubs:
        assert cell["shown"]
        assert "Not answered yet" in str(cell["outputs"]), cell["id"]
    captions = [cell for cell in cells if cell["id"].endswith("-caption")]
    assert all(cell["source"].startswith("*Figure.* ") for cell in captions)
    assert captions or name == "START_HERE.ipynb"
    assert stubs or not name[:2].isdigit()  # an appendix has no exercises
    assert page.locator(".Toastify__toast").count() == 0


def test_a_wrong_answer_gets_a_hint_and_the_right_one_is_right(opened):
    page = opened(QUICK)
    page.evaluate(TYPED, ["ch01-check", "from fusionbook.exercises import check"])
    said = {}
    for lam in (5, 40.6):
        source = f'lam = {lam}\ncheck("decomposition-period", lam)'
        (output,) = page.evaluate(TYPED, ["ex-decomposition-period-stub", source])
        said[lam] = "".join(output["data"]["text/markdown"])
    assert "Not yet" in said[5]
    assert "Too small" in said[5]
    assert "Right" in said[40.6]
    hint = page.locator('[data-mime-type="text/markdown"]', has_text="Right")
    hint.first.wait_for()


def test_the_dividing_line_follows_keys_and_pointer(explored):
    page, output = explored("decomposition")
    canvas = output.locator(".fl-frame > canvas").first
    before = canvas.evaluate(PIXELS)
    output.locator(".noUi-handle").first.focus()
    page.keyboard.press("ArrowRight")
    output.get_by_text("λ = 10").wait_for()
    page.wait_for_function(f"(old) => ({PIXELS})(document.querySelector("
                           "'.fl-frame > canvas')) !== old", arg=before)  # fmt: skip
    box = canvas.bounding_box()
    page.mouse.move(*middle(output.locator(".fl-handle")))
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20, steps=5)
    page.mouse.up()
    readout(output, "Dividing line").get_by_text("25 %").wait_for()
    assert output.locator(".fl-left").inner_text() == "Base"


def test_a_pixel_is_picked_by_a_click_and_by_keys(explored):
    page, output = explored("selection")
    canvas = output.locator(".fl-frame > canvas").first
    column, row = (readout(output, f"Pixel {name}") for name in ("column", "row"))
    before = [(one, one.inner_text()) for one in (column, row)]
    box = canvas.bounding_box()
    canvas.click(position={"x": 0.125 * box["width"], "y": 0.25 * box["height"]})
    for one, text in before:
        one.filter(has_not_text=re.compile(f"^{text}$")).wait_for()
    picked = [int(one.inner_text()) for one in (column, row)]
    assert picked == pytest.approx([0.125 * 320, 0.25 * 256], abs=1.5)
    ring = output.locator(".fl-cursor").first
    left = float(ring.evaluate("(e) => e.style.left").rstrip("%"))
    assert left == pytest.approx(100 * (picked[0] + 0.5) / 320, abs=0.01)
    with page.expect_download() as waiting:
        output.get_by_text("Download").click()
    assert waiting.value.suggested_filename == "selection-picture.png"
    with Image.open(io.BytesIO(waiting.value.path().read_bytes())) as image:
        assert image.size == (320, 256)


def test_pictures_share_a_cursor_and_sliders_play(explored):
    page, output = explored("activity")
    first, second = (output.locator(".fl-frame > canvas").nth(k) for k in (0, 1))
    rings = output.locator(".fl-ghost")
    assert [rings.nth(k).is_visible() for k in (0, 1)] == [False, False]
    first.hover(position={"x": 50, "y": 40})
    rings.nth(1).wait_for()
    place = "(e) => [e.style.left, e.style.top]"
    assert rings.nth(0).evaluate(place) == rings.nth(1).evaluate(place)
    page.mouse.move(5, 5)
    rings.nth(1).wait_for(state="hidden")
    before = second.evaluate(PIXELS)
    output.locator(".widget-play").last.locator("button").first.click()
    readout(output, "Shift").filter(has_not_text="0 px").wait_for()
    page.wait_for_function(
        f"([index, old]) => ({PIXELS})("
        "document.querySelectorAll('.fl-frame > canvas')[index]) !== old",
        arg=[1, before],
    )


@pytest.mark.more
@pytest.mark.parametrize("kind", LIVE)
def test_controls_pictures_and_numbers_are_in_sight_together(explored, kind):
    page, output = explored(kind)
    names = (
        "widget-slider",
        "widget-dropdown",
        "widget-checkbox",
        "fl-frame",
        "fl-live",
    )
    parts = output.locator(", ".join(f".{name}" for name in names))
    boxes = [box for box in (parts.nth(k).bounding_box() for k in range(parts.count()))
             if box and box["height"]]  # fmt: skip
    assert len(boxes) > 2
    view = page.locator(".jp-WindowedPanel-outer").first.bounding_box()
    top = min(box["y"] for box in boxes)
    bottom = max(box["y"] + box["height"] for box in boxes)
    assert bottom - top <= view["height"]
    assert max(box["x"] + box["width"] for box in boxes) <= view["x"] + view["width"]
