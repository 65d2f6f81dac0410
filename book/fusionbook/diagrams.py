"""Drawings that show no data: the network, and the rooms of the library."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from fusionlib.vgg.layers import CONVOLUTIONS, PAPER_LAYERS, map_shape

from .figures import LAYER_COLOURS, BookFigure, figure

__all__ = ["ROOMS", "room_imports", "show_network", "show_rooms"]

#: Height of a full-size map; deeper maps are lower, as they are in the network.
_TALL = 2.4

#: Width of a box by the number of channels.
_WIDE = {1: 0.5, 64: 0.62, 128: 0.74, 256: 0.86, 512: 1.15}

#: Modules and packages of the library, and ``fusionbook``, the Python of the book, with
#: column and row in the drawing: those that need others are above those they need.
ROOMS = {
    "fusionbook": (0.75, 0), "cli": (2.25, 0),
    "evaluation": (1.5, 1),
    "fusion": (0.75, 2), "baselines": (2.25, 2), "metrics": (3.0, 2),
    "features": (0.0, 3), "activity": (0.75, 3), "weight_maps": (1.5, 3),
    "data": (3.0, 3),
    "config": (0.0, 4),
    "vgg": (0.0, 5), "decomposition": (2.25, 5),
    "images": (1.1, 6),
}  # fmt: skip

_GREY, _EDGE, _GAP, _POOL = "#D9D9D9", "#777777", 0.12, 0.34


def show_network(height: int, width: int) -> BookFigure:
    """Return the network up to relu4_1 as a strip of boxes.

    Parameters
    ----------
    height, width : int
        Size of the detail content in pixels.

    Returns
    -------
    matplotlib.figure.Figure
        A box for each convolution with the ReLU behind it, as high as its maps; the
        channels are under its name. Layers that the method reads are coloured and
        say how large their maps are; wedges marked ½ are poolings.
    """
    drawing, axes = figure(size=(7.6, 2.9))
    left = _box(axes, 0.0, 1.0, 1, "detail", "white")
    left += _GAP
    block = 1
    for convolution in CONVOLUTIONS:
        share = 0.5 ** (convolution.block - 1)
        if convolution.block > block:
            left = _pooling(axes, left, 2 * share, share)
            block = convolution.block
        reads = convolution.relu in PAPER_LAYERS
        colour = LAYER_COLOURS[block - 1] if reads else _GREY
        start = left
        left = _box(axes, left, share, convolution.outputs, convolution.name, colour)
        if reads:
            size = map_shape(height, width, convolution.relu)
            middle = (start + left) / 2
            _tap(axes, middle, share, convolution.relu, size, colour)
        left += _GAP
    axes.set(xlim=(-0.1, left + 0.15), ylim=(-_TALL / 2 - 0.75, _TALL / 2 + 1.25))
    axes.set_axis_off()
    return drawing


def _box(
    axes: Axes, left: float, share: float, channels: int, name: str, colour: str
) -> float:
    """Draw one box with its name and channels below; return its right edge."""
    wide, tall = _WIDE[channels], _TALL * share
    style: dict[str, Any] = {"facecolor": colour, "edgecolor": _EDGE, "linewidth": 0.8}
    axes.add_patch(Rectangle((left, -tall / 2), wide, tall, **style))
    text = f"{name}\n{channels}"
    axes.text(left + wide / 2, -_TALL / 2 - 0.12, text, ha="center", va="top", size=6.5)
    return left + wide


def _pooling(axes: Axes, left: float, before: float, after: float) -> float:
    """Draw a pooling as a wedge between two heights; return its right edge."""
    left -= _GAP / 2
    right = left + _POOL
    heights = (_TALL * before / 2, _TALL * after / 2)
    corners = [(left, heights[0]), (right, heights[1]),
               (right, -heights[1]), (left, -heights[0])]  # fmt: skip
    axes.add_patch(
        Polygon(corners, facecolor="#F2F2F2", edgecolor="0.8", linewidth=0.6)
    )
    axes.text((left + right) / 2, 0, "½", ha="center", va="center", size=8)
    return right + _GAP / 2


def _tap(
    axes: Axes, x: float, share: float, name: str, size: tuple[int, int], colour: str
) -> None:
    """Draw an arrow up from a box to what the method reads there."""
    top = _TALL / 2 + 0.35
    axes.annotate("", (x, top), (x, _TALL * share / 2),
                  arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.4,
                              "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    text = f"{size[0]} × {size[1]}"
    axes.text(x, top + 0.45, name, ha="center", va="bottom", size=8, weight="bold",
              color=colour)  # fmt: skip
    axes.text(x, top + 0.08, text, ha="center", va="bottom", size=7)


def room_imports() -> dict[str, set[str]]:
    """Return which rooms of :data:`ROOMS` import which, also within a function."""
    found: dict[str, set[str]] = {name: set() for name in ROOMS}
    for package in ("fusionlib", "fusionbook"):
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        folder = Path(spec.origin).parent
        for path in sorted(folder.rglob("*.py")):
            module = ".".join(path.relative_to(folder.parent).with_suffix("").parts)
            here = _room(module)
            if here in ROOMS:
                targets = {_room(target) for target in _targets(path, module)}
                found[here] |= targets & set(ROOMS) - {here}
    return found


def _room(module: str) -> str:
    """Return the room of a module."""
    package, *rest = module.split(".")
    return package if package == "fusionbook" else (rest or [""])[0]


def _targets(path: Path, module: str) -> Iterator[str]:
    """Yield what a file imports, by full names."""
    package = module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level + (node.module or "")
            base = resolve_name(dots, package) if node.level else dots
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _arrows() -> list[tuple[str, str]]:
    """Return the imports to draw: down, and none that follows from two others."""
    depth = {name: row for name, (_, row) in ROOMS.items()}
    below = {name: {other for other in others if depth[other] > depth[name]}
             for name, others in room_imports().items()}  # fmt: skip
    reached: dict[str, set[str]] = {}
    for name in sorted(below, key=lambda room: -depth[room]):
        reached[name] = below[name].union(*(reached[other] for other in below[name]))
    return [
        (name, other)
        for name, others in below.items()
        for other in sorted(others)
        if not any(other in reached[between] for between in others)
    ]


def show_rooms() -> BookFigure:
    """Return the rooms of the library as boxes, with an arrow to what each imports.

    Returns
    -------
    matplotlib.figure.Figure
        Arrows point down. One that follows from two others is left out, as are the
        small modules that everything uses (errors, downloads, registers).
    """
    drawing, axes = figure(size=(7.6, 4.6))
    wide, high = 0.66, 0.46
    for name, (x, y) in ROOMS.items():
        colour = "#F2F2F2" if y < 2 else "white"
        corner = x - wide / 2, -y - high / 2
        # Boxes lie on the arrows that pass behind them.
        axes.add_patch(Rectangle(corner, wide, high, facecolor=colour, edgecolor=_EDGE,
                                 zorder=3))  # fmt: skip
        axes.text(
            x, -y, name, zorder=4, ha="center", va="center", size=8, family="monospace"
        )
    for name, other in _arrows():
        (x, y), (to_x, to_y) = ROOMS[name], ROOMS[other]
        # Below the boxes, behind which some of them pass.
        axes.annotate("", (to_x + 0.12 * (x - to_x), high / 2 - to_y),
                      (x + 0.12 * (to_x - x), -y - high / 2), zorder=0.5,
                      arrowprops={"arrowstyle": "-|>", "color": "0.45", "lw": 0.9,
                                  "shrinkA": 0, "shrinkB": 0})  # fmt: skip
    axes.set(xlim=(-0.4, 3.4), ylim=(-6.3, 0.3))
    axes.set_axis_off()
    return drawing
