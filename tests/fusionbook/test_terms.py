"""Terms that pages link to are in the glossary, and each is explained once."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROLE = re.compile(r"\{term\}`([^`]+)`")


def prose(path):
    """The text of a page, or that of a notebook's text cells."""
    if path.suffix != ".ipynb":
        return path.read_text("utf-8")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "\n".join(
        "".join(c["source"]) for c in cells if c["cell_type"] == "markdown"
    )


def glossary():
    """The terms in the order of the page, block by block."""
    text = prose(ROOT / "book" / "glossary.md")
    blocks = re.findall(r"^```\{glossary\}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [re.findall(r"^(\S.*)$", block, re.MULTILINE) for block in blocks]


PAGES = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "book").glob("*.md")]


@pytest.mark.parametrize("path", sorted(PAGES), ids=lambda path: path.stem)
def test_a_term_that_is_linked_is_explained(path):
    known = {term.lower() for block in glossary() for term in block}
    linked = {
        re.sub(r".*<(.*)>", r"\1", " ".join(words.split())).lower()
        for words in ROLE.findall(prose(path))
    }
    assert linked <= known


def test_terms_are_in_alphabetical_order_and_explained_once():
    blocks = glossary()
    terms = [term for block in blocks for term in block]
    assert len(terms) == len(set(terms)) > 40
    for block in blocks:
        assert block == sorted(block, key=str.lower)
