"""A browser without network, and pages that report what goes wrong in them."""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

import pytest

from ..support.files import load_script
from ..support.missing import missing

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path(playwright):
    """Return the path of this machine's Chromium, or of playwright's, or None."""
    found = [*map(shutil.which, NAMES), playwright.chromium.executable_path]
    return next((path for path in found if path and Path(path).is_file()), None)


@pytest.fixture(scope="session")
def browser():
    """Chromium without network."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("BROWSER", "playwright is not installed: no browser tests")
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        if path is None:
            missing("BROWSER", "no chromium on this machine: no browser tests")
        chromium = playwright.chromium.launch(
            executable_path=path, args=ARGUMENTS, headless=True
        )
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A page and everything that went wrong in it."""

    page: object
    problems: list[str] = field(default_factory=list)


@pytest.fixture
def visit(browser):
    """Open pages: ``visit(url, width=1280, dark=False, scale=1)`` returns a Visit.

    Only files and the host of the address are reachable; anything else is a problem,
    as are console errors, exceptions and failed requests.
    """
    with contextlib.ExitStack() as stack:

        def go(url: str, *, width: int = 1280, dark: bool = False, scale: float = 1):
            context = browser.new_context(
                viewport={"width": width, "height": 800},
                color_scheme="dark" if dark else "light",
                device_scale_factor=scale,
            )
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(20_000)
            seen = Visit(page)
            own = urlparse(url).netloc

            def check(route, request):
                there = urlparse(request.url)
                if there.scheme in ("data", "blob", "file") or there.netloc == own:
                    route.continue_()
                else:
                    seen.problems.append(f"external request: {request.url[:200]}")
                    route.abort()

            context.route("**/*", check)
            page.on("pageerror", lambda e: seen.problems.append(f"exception: {e}"))
            page.on(
                "console",
                lambda m: (
                    seen.problems.append(f"console: {m.text}")
                    if m.type in ("error", "warning")
                    # Only the tests read canvases back; no graphics card is no error.
                    and "willReadFrequently" not in m.text
                    and "No available adapters" not in m.text
                    else None
                ),
            )
            page.on(
                "requestfailed",
                lambda r: seen.problems.append(f"failed request: {r.url[:200]}"),
            )
            page.goto(url)
            return seen

        yield go


@pytest.fixture(scope="session")
def serve():
    """Serve a folder over http: ``serve(folder)`` returns its address.

    With ``isolated=True`` as ``make serve`` does it.
    """
    with contextlib.ExitStack() as stack:

        class Plain(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        def start(folder: Path, *, isolated: bool = False) -> str:
            script = Path(__file__).parents[2] / "book" / "kit" / "serve.py"
            kind = load_script(script).Isolated if isolated else Plain

            class Quiet(kind):
                def do_GET(self):
                    if self.path == "/favicon.ico":
                        self.send_response(204)
                        self.end_headers()
                    else:
                        super().do_GET()

            handler = functools.partial(Quiet, directory=str(folder))
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start
