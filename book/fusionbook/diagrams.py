"""Drawings of the book that show no data: the network as a strip of boxes."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from fusionlib.vgg.layers import CONVOLUTIONS, PAPER_LAYERS, map_shape

from .figures import LAYER_COLOURS, BookFigure, figure

__all__ = ["show_network"]

#: Height of a full-size map; deeper maps are lower, as they are in the network.
_TALL = 2.4

#: Width of a box by the number of channels.
_WIDE = {1: 0.5, 64: 0.62, 128: 0.74, 256: 0.86, 512: 1.15}

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
