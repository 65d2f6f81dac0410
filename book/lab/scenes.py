"""What the lab page loads besides the runtime: its scripts, colours and scenes.

The book's extension calls :func:`write_lab_files` in every build; none of it needs
npm.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from fusionbook import explorers
from fusionbook.explorers._colours import DIVERGING, HEAT, LAYER_COLOURS, rgb
from fusionbook.explorers._page import pack
from fusionlib.data import load_pair, scenes
from fusionlib.images.io import to_uint8
from fusionlib.vgg.layers import PAPER_LAYERS

__all__ = ["SHARED", "write_lab_files"]

STATIC = Path(__file__).resolve().parent / "static"

#: Scripts and style that the page shares with the explorers.
SHARED = (
    "arithmetic.js", "decomposition.js", "method.js", "similarity.js", "explorers.css",
)  # fmt: skip


def write_lab_files(folder: Path) -> None:
    """Write scripts, style, colours and scenes of the lab page.

    Parameters
    ----------
    folder : Path
        ``_static/lab`` of the built book.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shared = Path(explorers.__file__).parent / "static"
    own = sorted(p for p in STATIC.iterdir() if p.suffix in (".js", ".css"))
    for path in [*own, *(shared / name for name in SHARED)]:
        shutil.copy(path, folder / path.name)
    for name, scene in scenes().items():
        data = {
            "title": scene["title"],
            "description": scene["description"],
            "planes": [pack(to_uint8(p)) for p in load_pair(name).sources],
        }
        _assign(folder / f"scene-{name}.js", f"__fusionlibScene_{name}", data)
    tables = {
        "heat": HEAT.ravel().tolist(),
        "diverging": DIVERGING.ravel().tolist(),
        "colours": [rgb(colour) for colour in LAYER_COLOURS],
        "layers": PAPER_LAYERS,
        "scenes": {name: scene["title"] for name, scene in scenes().items()},
    }
    _assign(folder / "lab-data.js", "__fusionlibLabData", tables)


def _assign(path: Path, name: str, value: Any) -> None:
    """Write a classic script, which a page opened from a file may load."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    path.write_text(f"globalThis.{name} = {text};\n", "utf-8")
