"""Serve the built book on this machine.

The headers make its pages cross-origin isolated: then the lab page may use several
threads, which browsers refuse to a page that is opened from a folder.
"""

from __future__ import annotations

import argparse
import functools
import http.server
from pathlib import Path

HTML = Path(__file__).resolve().parents[1] / "_build" / "html"


class Isolated(http.server.SimpleHTTPRequestHandler):
    """Serves files with the two headers of cross-origin isolation."""

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing about each file."""


def main() -> int:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8000, help="default: 8000")
    port = parser.parse_args().port
    if not (HTML / "index.html").is_file():
        parser.error("the book is not built yet: run 'make book'")
    handler = functools.partial(Isolated, directory=str(HTML))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        parser.error(f"port {port} cannot be used ({error.strerror}): try --port 8001")
    print(f"The book is at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends)")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
