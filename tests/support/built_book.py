"""The pages of the built book; a test module that needs them is skipped without."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HTML = Path(os.environ.get("FUSIONLIB_HTML", ROOT / "book" / "_build" / "html"))

if not (HTML / "index.html").is_file():
    pytest.skip("the book is not built: run `make book`", allow_module_level=True)

PAGES = sorted(
    path
    for path in HTML.rglob("*.html")
    if "_static" not in path.parts and path.name != "index.html"
)
