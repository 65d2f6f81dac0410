"""The pair that opens the book: what only one sensor sees, each with an arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fusionlib.data import Pair
from fusionlib.images.io import to_uint8

from .explorers._templates import render
from .packing import webp

__all__ = ["sensor_pair"]


def sensor_pair(
    pair: Pair, only_infrared: Sequence[float], only_visible: Sequence[float]
) -> Any:
    """Return both sources side by side, on a phone one above the other.

    Parameters
    ----------
    pair : Pair
        What to show.
    only_infrared, only_visible : sequence of four float
        An arrow: column and row of its label, and of its head, in pixels.

    Returns
    -------
    IPython.display.HTML
        The figure, without a caption.
    """
    from IPython.display import HTML

    views = [
        ("infrared", pair.infrared, only_infrared),
        ("visible", pair.visible, only_visible),
    ]
    pictures = [
        {
            "name": name,
            "address": webp(to_uint8(image), 88),
            "arrow": _arrow(*arrow),
        }
        for name, image, arrow in views
    ]
    height, width = pair.infrared.shape
    return HTML(render("hero.html", pictures=pictures, width=width, height=height))


def _arrow(x: float, y: float, tip_x: float, tip_y: float) -> dict[str, float]:
    """Return an arrow that starts beside its label, at two thirds of a line."""
    down = 1 if tip_y > y else -1
    return {
        "x": x,
        "y": y,
        "from_y": y + (5 if down > 0 else -13),
        "to_x": tip_x,
        "to_y": tip_y,
    }
