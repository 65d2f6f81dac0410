"""What the lab page loads besides the runtime: its scripts, colours and scenes.

The book's extension calls :func:`write_lab_files` in every build; none of it needs
npm.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import fusionbook
from fusionbook.colours import DIVERGING, LAYER_COLOURS, SEQUENTIAL, rgb
from fusionbook.packing import as_text, encode
from fusionlib.config import PRESETS, FusionConfig
from fusionlib.data import load_pair, scenes
from fusionlib.images.io import to_uint8
from fusionlib.vgg.layers import PAPER_LAYERS, receptive_field

__all__ = ["write_lab_files"]

#: Scripts and styles of explorers and lab page.
STATIC = Path(fusionbook.__file__).parent / "static"


#: What the reader sees for each preset.
PRESET_WORDS = {
    "paper": "As the paper says",
    "released": "As the authors released",
    "recommended": "Recommended here",
    "custom": "Own settings",
}


def write_lab_files(folder: Path) -> None:
    """Write scripts, style, colours and scenes of the lab page.

    Parameters
    ----------
    folder : Path
        ``_static/lab`` of the built book.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(STATIC.iterdir()):
        shutil.copy(path, folder / path.name)
    for name, scene in scenes().items():
        files = [encode(to_uint8(p), "PNG") for p in load_pair(name).sources]
        data = {"title": scene["title"], "sources": [as_text(file) for file in files]}
        _assign(folder / f"scene-{name}.js", f"__fusionlibScene_{name}", data)
    tables = {
        "sequential": SEQUENTIAL.ravel().tolist(),
        "diverging": DIVERGING.ravel().tolist(),
        "colours": [rgb(colour) for colour in LAYER_COLOURS],
        "layers": PAPER_LAYERS,
        "fields": [receptive_field(name) for name in PAPER_LAYERS],
        "presets": {name: FusionConfig.preset(name).as_dict() for name in PRESETS},
        "words": PRESET_WORDS,
        "scenes": {name: scene["title"] for name, scene in scenes().items()},
    }
    _assign(folder / "lab-data.js", "__fusionlibLabData", tables)


def _assign(path: Path, name: str, value: Any) -> None:
    """Write a classic script, which a page opened from a file may load."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    path.write_text(f"globalThis.{name} = {text};\n", "utf-8")
