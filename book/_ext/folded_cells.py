"""Which code cells a page shows folded, and under which words.

Readers want the lines of the method. So these are folded, unless a cell is tagged
``show-input``:

* cells that draw a figure with a caption, or show an explorer;
* cells that only check what was said before, as the tag ``check`` says or as their
  statements show. Those of solutions stay open: there they are the answer.

This happens when pages are written. Tags that were added before would make executed
notebooks look changed.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

#: What the line over folded code says.
FIGURE, CHECK, EXPLORER = "Code of the figure", "Checked", "Code of the explorer"

#: Endings of a cell that shows an explorer.
EXPLORERS = re.compile(r"(_explorer|feature_browser|Wipe)\([^()]*\)\s*$")


def is_check(code: str) -> bool:
    """Tell whether code does nothing but prepare and make assertions."""
    try:
        statements = ast.parse(code).body
    except SyntaxError:  # a magic command of IPython
        return False
    asserts = [s for s in statements if isinstance(s, ast.Assert)]
    quiet = (ast.Assert, ast.Import, ast.ImportFrom, ast.Assign)
    few = len(statements) - len(asserts) <= len(asserts)
    return bool(asserts) and few and all(isinstance(s, quiet) for s in statements)


def words(cell: nodes.Element) -> str:
    """Return what the line over the folded code of a cell says; nothing: it is open."""
    classes = cell["classes"]
    code = cell.children[0].astext()
    above: nodes.Element | None = cell
    while above is not None and "solution" not in above.get("classes", []):
        above = above.parent
    if "tag_show-input" in classes:
        return ""
    if "tag_check" in classes or (above is None and is_check(code)):
        return CHECK
    if EXPLORERS.search(code):
        return EXPLORER
    outputs = cell.children[1:]
    figures = any(part.next_node(nodes.figure) is not None for part in outputs)
    return FIGURE if figures else ""


class FoldCells(SphinxPostTransform):
    """Fold cells, before MyST-NB writes the folded ones."""

    default_priority = 150
    formats = ("html",)

    def run(self, **kwargs: Any) -> None:
        """Mark each cell that is to be folded."""
        for cell in list(self.document.findall(nodes.container)):
            if cell.get("nb_element") != "cell_code" or not cell.children:
                continue
            source = cell.children[0]
            open_now = cell.get("hide_mode") in (None, "input")
            if source.get("nb_element") != "cell_code_source" or not open_now:
                continue
            if text := words(cell):
                cell["hide_mode"] = "input"
                cell["prompt_show"] = cell["prompt_hide"] = text
                if text == CHECK and "tag_check" not in cell["classes"]:
                    cell["classes"].append("tag_check")


def setup(app: Any) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.add_post_transform(FoldCells)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
