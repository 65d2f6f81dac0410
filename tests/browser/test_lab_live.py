"""One explorer in a running JupyterLab, with a kernel behind it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

CELL = (
    "from fusionbook.explorers import decomposition_explorer\n"
    "decomposition_explorer('street')"
)

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "id": "explorer",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": CELL,
        }
    ],
    "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def lab(browser, tmp_path):
    """Address of a JupyterLab of its own, with a notebook in it."""
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "live.ipynb").write_text(json.dumps(NOTEBOOK))
    port = free_port()
    homes = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    own = {f"JUPYTER_{name}": str(tmp_path / name.lower()) for name in homes}
    own |= {
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "OMP_NUM_THREADS": "1",
    }
    inherited = {k: v for k, v in os.environ.items() if k != "FUSIONLIB_BOOK"}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
        f"--port={port}", "--ServerApp.port_retries=0", "--ip=127.0.0.1",
        "--IdentityProvider.token=", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--ServerApp.root_dir={tmp_path / 'work'}",
    ]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    with open(tmp_path / "lab.log", "wb") as log:
        process = subprocess.Popen(
            command,
            env=inherited | own,
            stdout=log,
            stderr=log,
            start_new_session=True,  # so that its kernels end with it
        )
        try:
            wait_for(f"{address}/api/status", process, tmp_path / "lab.log")
            yield address
        finally:
            with contextlib.suppress(urllib.error.URLError, OSError):
                shut_kernels(address)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)


def wait_for(url, process, log):
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"jupyter lab ended: {log.read_text()[-2000:]}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.3)
    pytest.fail(f"jupyter lab does not answer: {log.read_text()[-2000:]}")


def shut_kernels(address):
    """Kernels have sessions of their own and would outlive the server."""
    with urllib.request.urlopen(f"{address}/api/kernels", timeout=5) as answer:
        kernels = json.load(answer)
    for kernel in kernels:
        request = urllib.request.Request(
            f"{address}/api/kernels/{kernel['id']}", method="DELETE"
        )
        with urllib.request.urlopen(request, timeout=15):
            pass


def test_a_live_slider_changes_the_picture(lab, visit):
    seen = visit(f"{lab}/lab/tree/live.ipynb?reset")
    page = seen.page
    page.set_default_timeout(60_000)
    cell = page.locator(".jp-Notebook .jp-CodeCell").first
    cell.wait_for()
    page.locator(".jp-StatusBar-Widget").get_by_text("| Idle").wait_for()
    prompt = cell.locator(".jp-InputPrompt").first
    for _ in range(5):  # a kernel that is still connecting runs nothing
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1500)
        if prompt.inner_text().strip() != "[ ]:":
            break

    image = cell.locator(".jp-OutputArea img").first
    image.wait_for()
    assert cell.locator(".widget-slider").count() == 2
    before = image.get_attribute("src")
    handle = cell.locator(".noUi-handle").first
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(old) => document.querySelector('.jp-OutputArea img').src !== old",
        arg=before,
    )
    assert "λ = 10" in cell.locator(".jp-OutputArea").inner_text()
    assert [p for p in seen.problems if p.startswith("external")] == []
