"""Results of a search: each page once, with excerpts also from a folder.

The search fetches each page that it lists, which browsers refuse for files. So the
words of all pages are kept in a script that only the search page loads. A page that
is found by a term or a function and by its words is listed by the first of them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

#: Answers the search's requests for pages out of the stored words, and leaves out the
#: second result of a page.
SCRIPT = """
document.addEventListener("DOMContentLoaded", () => {
  const box = document.getElementById("search-results");
  if (!box) return;
  new MutationObserver(() => {
    const seen = new Set();
    for (const item of box.querySelectorAll("li")) {
      const page = item.querySelector("a").href.split(/[?#]/)[0];
      if (seen.has(page)) item.remove();
      seen.add(page);
    }
  }).observe(box, { childList: true, subtree: true });
});
if (location.protocol === "file:") {
  const original = window.fetch, root = new URL("./", location.href).href;
  window.fetch = (address, ...rest) => {
    const page = new URL(address, location.href).href.split(/[?#]/)[0];
    const words = page.startsWith(root) && WORDS[page.slice(root.length)];
    if (!words) return original(address, ...rest);
    return Promise.resolve(new Response(`<div role="main">${words}</div>`));
  };
}
"""


def words(page: str) -> str:
    """Return the text of the article of a page, with the tags that hold anchors."""
    _, _, article = page.partition('<article class="bd-article"')
    article = article.partition("</article>")[0]
    left = re.sub(
        r"<(script|style|svg|pre|select)\b.*?</\1>", " ", article, flags=re.DOTALL
    )
    other = r"<(?!section id|/section|dt [^>]*id=|/dt)[^>]*>"
    text = re.sub(other, " ", left.partition(">")[2])
    return re.sub(r"\s+", " ", text).strip()


def write_words(app: Any, error: Exception | None) -> None:
    """Write the script of the search page, and load it there."""
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    pages = {f"{name}.html": out / f"{name}.html" for name in app.env.found_docs}
    texts = {
        name: words(path.read_text("utf-8"))
        for name, path in sorted(pages.items())
        if path.is_file()
    }
    content = f"const WORDS = {json.dumps(texts, ensure_ascii=False)};\n{SCRIPT}"
    (out / "_static" / "search-words.js").write_text(content, "utf-8")
    search = out / "search.html"
    page = search.read_text("utf-8")
    if "search-words.js" not in page:
        tag = '<script src="_static/search-words.js"></script>\n</head>'
        search.write_text(page.replace("</head>", tag, 1), "utf-8")


def setup(app: Any) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("build-finished", write_words)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
