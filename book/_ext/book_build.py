"""What the book needs from Sphinx beyond its configuration file.

* MathJax comes from a package and is copied into the book: no page needs a network.
* What the lab page runs is copied from ``book/lab``, see ``book/lab/build.py``.
* No script that would need a network. A page for addresses that do not exist.
* A reference that leads nowhere is an error; words of numpydoc's types are none.
* ``{weights}`` in the caption of a figure becomes the name and kind of the weights.
"""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

# Parts of MathJax 3 that a page with TeX input can ask for.
MATHJAX_PARTS = ("tex-chtml.js", "input/tex/extensions", "output/chtml/fonts/woff-v2")


def mathjax_folder() -> Path:
    """Return the folder es5 of the installed MathJax."""
    spec = importlib.util.find_spec("mathjax")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("MathJax is missing: pip install django-static-mathjax")
    root = Path(next(iter(spec.submodule_search_locations)))
    return next(root.rglob("es5/tex-chtml.js")).parent


def copy_mathjax(app: Any) -> None:
    """Copy MathJax into the static folder of the book."""
    if app.builder.format != "html":
        return
    source, target = mathjax_folder(), Path(app.outdir) / "_static" / "mathjax"
    for part in MATHJAX_PARTS:
        place = target / part
        if place.exists():
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if (source / part).is_dir():
            shutil.copytree(source / part, place)
        else:
            shutil.copy(source / part, place)


def copy_lab(app: Any) -> None:
    """Copy network and runtime of the lab page if built, and write its scripts."""
    if app.builder.format != "html":
        return
    lab = _lab("build")
    target = Path(app.outdir) / "_static" / "lab"
    shutil.rmtree(target, ignore_errors=True)
    if lab.OUTPUT.is_dir():
        shutil.copytree(lab.OUTPUT, target)
    else:
        lab.missing(target, "the book was built without 'make book'")
    _lab("scenes").write_lab_files(target)


def _lab(name: str) -> Any:
    """Return a script of ``book/lab`` as a module."""
    path = Path(__file__).parents[1] / "lab" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"book_lab_{name}", path)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named_weights(text: str) -> str:
    """Put the name and kind of the weights where a caption says ``{weights}``.

    Captions stand on one line, in the metadata of a notebook's cells or in front of
    a code cell of a text file; both quote them as JSON does.
    """
    captions = re.compile(r'^.*\bcaption"?: ".*\{weights\}.*$', re.MULTILINE)
    if not captions.search(text):
        return text
    from fusionlib.vgg.weights import quiet_weights

    phrase = json.dumps(quiet_weights().short_label, ensure_ascii=False)[1:-1]
    return captions.sub(lambda line: line[0].replace("{weights}", phrase), text)


def name_weights(app: Any, docname: str, source: list[str]) -> None:
    """Name the weights in the captions of a document that has been read."""
    source[0] = named_weights(source[0])


def add_pages(app: Any) -> list[tuple[str, dict[str, Any], str]]:
    """Return the page for addresses that do not exist."""
    body = (
        "<h1>There is no such page</h1>"
        "<p>The book may have been reorganised. Try the "
        '<a href="book/home.html">first page</a> or the '
        '<a href="search.html">search</a>.</p>'
    )
    return [("404", {"title": "Page not found", "body": body}, "page.html")]


def drop_thebe(
    app: Any, name: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Leave out the scripts of live code cells, which would need a network.

    Sphinx writes their constants twice, too, which is an error in the page.
    """

    def is_thebe(script: Any) -> bool:
        body = getattr(script, "attributes", {}).get("body") or ""
        return "thebe" in str(getattr(script, "filename", script)) or "THEBE" in body

    context["script_files"] = [s for s in context["script_files"] if not is_thebe(s)]


def is_word(app: Any, domain: Any, node: Any) -> bool:
    """Tell whether a missing reference is only a word of a type.

    Sphinx looks for a class behind every word of numpydoc's types, such as ``float,
    optional`` or ``shape (H, W)``. What a role names, and names written like a class,
    must exist.
    """
    is_role = "refwarn" in node
    like_a_class = re.fullmatch(r"[A-Z]\w*[a-z]\w*", node["reftarget"])
    return not is_role and not like_a_class


def setup(app: Any) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("builder-inited", copy_mathjax)
    app.connect("builder-inited", copy_lab)
    app.connect("source-read", name_weights)
    app.connect("html-collect-pages", add_pages)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("warn-missing-reference", is_word)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
