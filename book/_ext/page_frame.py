"""What surrounds a page: its description for search and sharing, buttons, icons.

* Each page has a description: the first goal of a chapter, or its first sentence.
* A preview picture and an icon are cut out of a rendered scene at each build.
* Buttons that start a notebook stand only where the source is one.
* MathJax is loaded only by pages with formulas.
* Icons come from a font with the few that pages use, not from a script with all.
* Pictures say their size, so that the text does not jump, and sharp ones stay small.
"""

from __future__ import annotations

import html
import re
import struct
from pathlib import Path
from typing import Any

from docutils import nodes

#: The scene that stands for the book, and the square of it that becomes the icon.
SCENE, ICON_BOX = "facade", (132, 166, 188, 222)

#: Dots an inch of a figure that is drawn once for every pixel of a page.
PLAIN_DPI = 110

SIDES = ("width", "height")

FONTAWESOME = re.compile(r"\s*<script [^>]*scripts/fontawesome\.js[^>]*></script>")


def description(doctree: nodes.document) -> str:
    """Return the first goal of a chapter, or the first sentence of a page."""
    for goals in doctree.findall(nodes.admonition):
        title = goals.next_node(nodes.title)
        item = goals.next_node(nodes.list_item)
        if title is not None and item is not None and "you can" in title.astext():
            first = re.sub(r"\s+", " ", item.astext()).rstrip(".;,")
            return f"{title.astext()} {first}."
    for paragraph in doctree.findall(nodes.paragraph):
        text = re.sub(r"\s+", " ", paragraph.astext()).strip()
        if len(text) > 40:
            return re.split(r"(?<=[.?!]) (?=[A-Z])", text)[0]
    return ""


def describe(
    app: Any, name: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Add the tags by which search engines and messengers show a page."""
    title = html.unescape(re.sub(r"<[^>]+>", "", context.get("title") or ""))
    if name == app.config.root_doc:
        context["docstitle"] = ""  # the title would be there twice
    text = "" if doctree is None else description(doctree)
    base = (app.config.html_baseurl or "").rstrip("/")
    root = f"{base}/" if base else context["pathto"]("", 1)
    properties = {"og:title": title, "og:description": text, "og:type": "article"}
    properties |= {
        "og:image": f"{root}_static/preview.png",
        "og:image:alt": PREVIEW_ALT,
    }
    tags = [
        f'<meta property="{key}" content="{html.escape(value)}" />'
        for key, value in properties.items()
        if value
    ]
    if text:
        tags.insert(0, f'<meta name="description" content="{html.escape(text)}" />')
    icon = context["pathto"]("_static/icon.png", 1)
    tags.append(f'<link rel="icon" type="image/png" href="{icon}" />')
    context["metatags"] = context.get("metatags", "") + "\n".join(tags)


PREVIEW_ALT = "A house front: left half in infrared, right half in visible light"


def draw_previews(app: Any) -> None:
    """Write the preview picture and the icon."""
    if app.builder.format != "html":
        return
    import numpy as np
    from PIL import Image

    from fusionlib import load_pair
    from fusionlib.images.io import to_uint8

    pair = load_pair(SCENE)
    halves = np.array(pair.infrared)
    middle = halves.shape[1] // 2
    halves[:, middle:] = pair.visible[:, middle:]
    folder = Path(app.outdir, "_static")
    folder.mkdir(parents=True, exist_ok=True)
    wide = Image.fromarray(to_uint8(halves)).resize(
        (1200, 960), Image.Resampling.LANCZOS
    )
    wide.crop((0, 300, 1200, 930)).quantize(64).save(
        folder / "preview.png", optimize=True
    )
    icon = Image.fromarray(to_uint8(pair.infrared)).crop(ICON_BOX).resize((64, 64))
    icon.save(folder / "icon.png", optimize=True)


def drop_launch_buttons(
    app: Any, name: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Leave out the buttons of Binder and Colab where the source is no notebook."""
    if doctree is None or not str(app.env.doc2path(name)).endswith(".ipynb"):
        context["header_buttons"] = [
            button
            for button in context.get("header_buttons", [])
            if button.get("label") != "launch-buttons"
        ]


def drop_mathjax(
    app: Any, name: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Leave out MathJax where there is no formula."""
    if re.search(r'class="[^"]*\bmath\b', context.get("body") or ""):
        return

    def is_mathjax(script: Any) -> bool:
        body = getattr(script, "attributes", {}).get("body") or ""
        return (
            "mathjax" in str(getattr(script, "filename", script)) or "MathJax" in body
        )

    context["script_files"] = [s for s in context["script_files"] if not is_mathjax(s)]


def open_solutions(
    app: Any, name: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take the link out of the title of a solution, so that a tap there opens it."""
    if body := context.get("body"):
        context["body"] = re.sub(
            r'(<p class="admonition-title">Solution to)<a [^>]*>(.*?)</a>',
            r"\1\2",
            body,
        )


def size_pictures(
    app: Any, name: str, template: str, context: dict[str, Any], doctree: Any
) -> None:
    """Write the size of each picture of a notebook into the page."""
    if not (body := context.get("body")):
        return
    sources = {Path(new).name: old for old, new in _pictures(app).items()}

    def sized(tag: re.Match[str]) -> str:
        path = sources.get(Path(tag["file"]).name)
        size = picture_size(Path(app.srcdir, path)) if path else None
        if size is None or re.search(r"\b(width|height|style)=", tag[0]):
            return tag[0]
        return f'<img width="{size[0]}" height="{size[1]}"{tag[0][4:]}'

    pattern = r'<img[^>]*\bsrc="(?P<file>[^"]*_images/[^"]+)"[^>]*>'
    context["body"] = re.sub(pattern, sized, body)


def _pictures(app: Any) -> dict[str, str]:
    """Return the names under which pictures are in the book, by their source."""
    return dict(app.builder.images)


def picture_size(path: Path) -> tuple[int, int] | None:
    """Return width and height in pixels of a page, of a figure in PNG or SVG."""
    if path.suffix == ".png" and path.is_file():
        content = path.read_bytes()
        wide, high = struct.unpack(">II", content[16:24])
        dense = content.find(b"pHYs", 0, 2000)
        dots = PLAIN_DPI
        if dense > 0:
            dots = 0.0254 * struct.unpack(">I", content[dense + 4 : dense + 8])[0]
        scale = PLAIN_DPI / max(dots, PLAIN_DPI)
        return round(wide * scale), round(high * scale)
    if path.suffix == ".svg" and path.is_file():
        start = path.read_text("utf-8").partition("<svg")[2].partition(">")[0]
        size = [re.search(rf'\b{side}="([\d.]+)pt"', start) for side in SIDES]
        if all(size):
            wide, high = (float(s[1]) * PLAIN_DPI / 72 for s in size if s)
            return round(wide), round(high)
    return None


def cut_icons(app: Any, error: Exception | None) -> None:
    """Replace the script of all icons by a font of those that the pages use."""
    if error or app.builder.format != "html":
        return
    static, used = Path(app.outdir, "_static"), set()
    pages = [p for p in Path(app.outdir).rglob("*.html") if "_static" not in p.parts]
    scripts = [p for p in static.rglob("*.js") if p.name != "fontawesome.js"]
    for path in (*pages, *scripts):
        text = path.read_text("utf-8", errors="replace")
        used |= set(re.findall(r"\bfa-[a-z0-9-]+", text))
        if path.suffix == ".html" and FONTAWESOME.search(text):
            path.write_text(FONTAWESOME.sub("", text), "utf-8")
    (static / "scripts" / "fontawesome.js").unlink(missing_ok=True)
    style = static / "styles" / "pydata-sphinx-theme.css"
    style.write_text(_with_small_font(style.read_text("utf-8"), used, static), "utf-8")
    for old in static.rglob("*.map"):
        old.unlink()


#: Rules of the icons' style sheet, each for the names of one icon.
ICON = re.compile(r'((?:\.fa-[a-z0-9-]+:{1,2}before,?)+)\{content:"\\([0-9a-f]+)"\}')


def _with_small_font(style: str, used: set[str], static: Path) -> str:
    """Return the theme's style sheet with fonts of few icons, and write these."""
    fonts = static / "vendor" / "fontawesome" / "webfonts"
    if not (fonts / "fa-solid-900.ttf").is_file():  # done by an earlier build
        return style

    def shown(names: str) -> bool:
        return bool(used & set(re.findall(r"fa-[a-z0-9-]+", names)))

    codes = {int(code, 16) for names, code in ICON.findall(style) if shown(names)}
    style = ICON.sub(lambda rule: rule[0] if shown(rule[1]) else "", style)
    for name in ("fa-solid-900", "fa-brands-400"):
        _cut_font(fonts / f"{name}.ttf", codes, fonts / f"{name}.woff")
        style = re.sub(
            rf"src:url\([^)]*{name}\.woff2[^}}]*(?=\}})",
            f'src:url(../vendor/fontawesome/webfonts/{name}.woff) format("woff")',
            style,
        )
    for path in [*fonts.glob("*.ttf"), *fonts.glob("*.woff2")]:
        path.unlink()
    return re.sub(r"@font-face\{[^}]*fa-regular[^}]*\}", "", style)


def _cut_font(source: Path, codes: set[int], target: Path) -> None:
    """Write a font with those of the characters that it has."""
    from fontTools import subset

    options = subset.Options(flavor="woff", layout_features=[], notdef_outline=False)
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=codes)
    cutter.subset(font)
    subset.save_font(font, str(target), options)


def setup(app: Any) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("builder-inited", draw_previews)
    app.connect("html-page-context", describe)
    app.connect("html-page-context", drop_launch_buttons, priority=900)
    app.connect("html-page-context", drop_mathjax, priority=900)
    app.connect("html-page-context", open_solutions)
    app.connect("html-page-context", size_pictures)
    app.connect("build-finished", cut_icons)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
