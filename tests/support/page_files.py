"""Built pages as files: what they load, link to and show."""

import functools
from html.parser import HTMLParser
from urllib.parse import unquote, urlparse


@functools.cache
def read(path):
    """Return a page, parsed once."""
    return Page(path)


class Page(HTMLParser):
    """What a page loads, links to and shows."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.links, self.images, self.ids = [], [], [], []
        self.words = ""
        self._silent = 0
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if "id" in found:
            self.ids.append(found["id"])
        if tag in ("script", "img", "iframe", "source", "video") and found.get("src"):
            self.loads.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "preload", "icon"):
            self.loads.append(found.get("href", ""))
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        if tag == "img":
            self.images.append(found)
        self._silent += tag in ("script", "style")

    def handle_endtag(self, tag):
        self._silent -= tag in ("script", "style")

    def handle_data(self, data):
        if not self._silent:
            self.words += data


def is_external(address):
    """Tell whether an address is of another site."""
    return urlparse(address).scheme in ("http", "https") or address.startswith("//")


def local(path, address):
    """Return the file that an address in a page means."""
    clean = unquote(urlparse(address).path)
    return path if not clean else (path.parent / clean).resolve()
