"""The chapters in JupyterLab, as ``make lab`` opens them."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from ..support.missing import missing

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
#: The chapter that needs no network weights and little time.
QUICK = "01_decomposition.ipynb"

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
        env={"FUSIONLIB_WEIGHTS": "seeded", **os.environ, **own, "PYTHONPATH": path},
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
    assert name == "START_HERE.ipynb" or (stubs and captions)
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
