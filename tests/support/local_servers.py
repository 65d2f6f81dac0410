"""A server for tests of downloads."""

import contextlib
import http.server
import threading
import time


class LocalServer(http.server.ThreadingHTTPServer):
    """Serves bytes by path, and does what a bad network does.

    Attributes
    ----------
    files : dict of str to bytes
        What is served, by path.
    faults : list of str
        What goes wrong with the next requests, one each: ``500``, ``cut``, ``drip``,
        ``endless``.
    ranges : list of str or None
        The ``Range`` of each request so far.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.faults, self.ranges = {}, [], []
        self.url = f"http://127.0.0.1:{self.server_port}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.ranges.append(self.headers["Range"])
        fault = server.faults.pop(0) if server.faults else ""
        content = server.files.get(self.path.lstrip("/"))
        if fault == "500" or content is None:
            self.send_error(500 if fault else 404)
            return
        start = 0
        if self.headers["Range"]:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if fault != "endless":
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        with contextlib.suppress(OSError):  # the reader may go away
            self.send(content[start:], fault)
        self.close_connection = True

    def send(self, content, fault):
        if fault == "cut":
            self.wfile.write(content[: len(content) // 2])
        elif fault == "drip":
            for byte in content:
                self.wfile.write(bytes([byte]))
                time.sleep(0.2)
        elif fault == "endless":
            while True:
                self.wfile.write(content)
        else:
            self.wfile.write(content)

    def log_message(self, *args):
        pass
