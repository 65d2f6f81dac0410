"""Colours of the book: the same in figures, explorers and lab page."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fusionlib.evaluation.tables import COLOURS

__all__ = [
    "BLUE",
    "DIVERGING",
    "GREEN",
    "LAYER_COLOURS",
    "MARK",
    "ORANGE",
    "PURPLE",
    "SEQUENTIAL",
    "rgb",
]

#: One colour for each of the paper's four layers.
LAYER_COLOURS = COLOURS[:4]

BLUE, ORANGE, GREEN, PURPLE = LAYER_COLOURS

#: Marks in a picture, on a black rim that keeps them visible on any ground. The style
#: sheet of the explorers repeats it; a test compares the two.
MARK = "#ffd166"


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _table(*stops: str) -> NDArray[np.uint8]:
    """Return 256 colours between the given ones, shape (256, 3)."""
    anchors = np.array([rgb(stop) for stop in stops], dtype=float)
    places = np.linspace(0, 255, len(stops))
    lanes = [np.interp(np.arange(256), places, lane) for lane in anchors.T]
    return np.floor(np.stack(lanes, axis=1) + 0.5).astype(np.uint8)


#: For amounts: from nothing to much, rising steadily in lightness.
SEQUENTIAL = _table(
    "#05070f", "#2b1b5a", "#7a2a78", "#c8465f", "#f28b46", "#fbd267", "#fffbe6"
)

#: For values on both sides of a middle: low is blue, the middle near white, high is
#: orange. Of a weight: blue favours the other source, orange the source itself.
DIVERGING = _table(
    "#08306b", "#3b82c4", "#a9cfe8", "#f7f5f2", "#f9c79a", "#e0762b", "#8c3200"
)
