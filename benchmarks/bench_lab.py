"""The lab page in headless Chromium: time of a pair, and how long the page is blocked.

After the first pair, which also loads runtime and network, each embedded scene
(320x256) is fused in the same page over http. The longest task of the main thread is
taken over all of it, loading and moving sliders included. Needs the built book.

    python benchmarks/bench_lab.py [--html FOLDER] [--large] [--json FILE]
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import os
import statistics
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fusionlib.cli.options import table  # noqa: E402
from fusionlib.data import load_pair, scenes  # noqa: E402
from fusionlib.images.io import write_image  # noqa: E402
from tests.browser.conftest import ARGUMENTS, chromium_path  # noqa: E402

HTML = Path(os.environ.get("FUSIONLIB_HTML", ROOT / "book" / "_build" / "html"))

#: Seconds to fuse, and seconds that one task may block the page.
MOST_SECONDS, MOST_BLOCKED = 3.0, 0.2

#: Keeps every task of the main thread above 50 ms.
OBSERVE = """
    globalThis.longTasks = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) longTasks.push(entry.duration);
    }).observe({type: 'longtask', buffered: true});
"""

DONE = "['done', 'error'].includes(document.querySelector('.fl-lab').dataset.state)"
SECONDS = "Number(document.querySelector('.fl-lab').dataset.seconds)"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that does not print."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def wait(page: Any) -> float:
    """Wait for a result and return the seconds that the page says it took."""
    page.wait_for_function(DONE, timeout=300_000)
    if page.get_attribute(".fl-lab", "data-state") == "error":
        raise SystemExit(page.inner_text(".lab-error"))
    return float(page.evaluate(SECONDS))


def measure(page: Any, address: str, large: bool) -> dict[str, Any]:
    """Return seconds and blocked seconds."""
    page.add_init_script(OBSERVE)
    page.goto(f"{address}/book/lab/index.html")
    times = {}
    for name in (next(iter(scenes())), *scenes()):
        page.select_option(".lab-scene select", name)
        page.click(".lab-scene button")
        page.wait_for_function(
            "n => document.querySelector('.fl-lab').dataset.state === 'busy'", arg=name
        )
        times[name if times else "first, with loading"] = wait(page)
    for control in ("wipe", "x", "radius", "lambda"):
        page.focus(f'[data-control="{control}"]')
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        wait(page)
    if large:
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for k, image in enumerate(load_pair("street").sources):
                files.append(f"{folder}/{k}.png")
                write_image(files[-1], np.tile(image, (4, 4))[:1024, :1024])
            for k, file in enumerate(files):
                page.locator(".lab-drop input").nth(k).set_input_files(file)
            page.wait_for_function(
                "document.querySelector('.lab-stage-name').textContent"
                ".includes('1024 × 1024')",
                timeout=300_000,
            )
            times["1024x1024"] = wait(page)
    blocked = page.evaluate("Math.max(0, ...longTasks)") / 1000
    return {"seconds": times, "blocked": blocked}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--html", type=Path, default=HTML, help="the built book")
    parser.add_argument("--large", action="store_true", help="also 1024x1024 pixels")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    options = parser.parse_args()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("not measured: playwright is not installed")
        return 0
    if not (options.html / "_static/lab/network.onnx").is_file():
        print("not measured: needs the lab page built by `make book`")
        return 0
    handler = functools.partial(Quiet, directory=str(options.html))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            print("not measured: needs Chromium")
            return 0
        browser = playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS, headless=True
        )
        address = f"http://127.0.0.1:{server.server_port}"
        result = measure(browser.new_page(), address, options.large)
        browser.close()
    server.shutdown()
    pairs = [result["seconds"][name] for name in scenes()]
    result["pair"] = statistics.median(pairs)
    rows = [[name, f"{value:.2f} s"] for name, value in result["seconds"].items()]
    rows.append(["median of the scenes", f"{result['pair']:.2f} s"])
    rows.append(["asked for: at most", f"{MOST_SECONDS:.2f} s"])
    rows.append(["longest block of the page", f"{1000 * result['blocked']:.0f} ms"])
    rows.append(["asked for: at most", f"{1000 * MOST_BLOCKED:.0f} ms"])
    print(table(["pair", "time"], rows))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return int(result["pair"] > MOST_SECONDS or result["blocked"] > MOST_BLOCKED)


if __name__ == "__main__":
    sys.exit(main())
