"""Colours of the explorers."""

from __future__ import annotations

import numpy as np

from ._arithmetic import Bytes

__all__ = ["DIVERGING", "HEAT", "LAYER_COLOURS", "MARK", "rgb"]

#: One colour for each layer; apart for colour-blind readers (Okabe and Ito), and
#: the same as in the figures of the chapters.
LAYER_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")

#: Marks in a picture, on a black rim that keeps them visible on any ground.
MARK = "#ffd166"


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _table(*stops: str) -> Bytes:
    """Return 256 colours between the given ones."""
    anchors = np.array([rgb(stop) for stop in stops], dtype=float)
    places = np.linspace(0, 255, len(stops))
    lanes = [np.interp(np.arange(256), places, lane) for lane in anchors.T]
    return np.floor(np.stack(lanes, axis=1) + 0.5).astype(np.uint8)


#: From nothing to much, rising steadily in lightness.
HEAT = _table(
    "#05070f", "#2b1b5a", "#7a2a78", "#c8465f", "#f28b46", "#fbd267", "#fffbe6"
)

#: From one source (blue) through equal shares (near white) to the other (orange).
DIVERGING = _table(
    "#08306b", "#3b82c4", "#a9cfe8", "#f7f5f2", "#f9c79a", "#e0762b", "#8c3200"
)
