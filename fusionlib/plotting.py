"""Figures of the book: the few kinds that its chapters share.

Imports matplotlib, so nothing in the library imports this module. Functions return
the figure and draw on a white background, which is legible in both themes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["BLUE", "LAYER_COLOURS", "ORANGE", "show_images", "show_winner"]

#: Colours that stay apart for colour-blind readers and in print (Okabe and Ito).
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"

#: One colour for each of the paper's four layers.
LAYER_COLOURS = (BLUE, ORANGE, GREEN, PURPLE)

_STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 9,
    "axes.titlesize": 9,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}


def figure(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float] = (7.6, 3.0)
) -> tuple[Figure, Any]:
    """Return a figure in the style of the book and its axes.

    Parameters
    ----------
    rows, columns : int, optional
        Grid of axes.
    size : tuple of float, optional
        Width and height in inches.
    """
    with plt.rc_context(_STYLE):
        return plt.subplots(rows, columns, figsize=size, layout="constrained")


def show_images(
    images: Sequence[Any],
    titles: Sequence[str],
    *,
    columns: int | None = None,
    limits: tuple[float, float] | None = (0, 1),
    cmap: str = "gray",
    colorbar: bool = False,
    width: float = 7.6,
) -> Figure:
    """Return images side by side, each with a title.

    Parameters
    ----------
    images : sequence of array_like, shape (H, W)
        What to show.
    titles : sequence of str
        A title for each.
    columns : int, optional
        Images in a row; all by default.
    limits : tuple of float or None, optional
        Values shown as black and white; None takes each image's own range.
    cmap : str, optional
        Colour map.
    colorbar : bool, optional
        Draw a colour bar beside each image.
    width : float, optional
        Width of the figure in inches.
    """
    columns = columns or len(images)
    rows = math.ceil(len(images) / columns)
    height, across = np.shape(images[0])[:2]
    cell = width / columns
    size = (width, rows * (cell * height / across * (0.86 if colorbar else 1) + 0.3))
    drawing, axes = figure(rows, columns, size=size)
    panels = np.atleast_1d(axes).ravel()
    low, high = limits or (None, None)
    for panel, image, title in zip(panels, images, titles, strict=False):
        shown = panel.imshow(image, cmap=cmap, vmin=low, vmax=high)
        panel.set_title(title)
        if colorbar:
            drawing.colorbar(shown, ax=panel, shrink=0.8)
    for panel in panels:
        panel.set_axis_off()
    return drawing


def show_winner(
    axes: Axes, winner: Any, layers: Sequence[str], colours: Sequence[str] | None = None
) -> None:
    """Draw which layer won at each pixel, with a legend.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    winner : array_like of int, shape (H, W)
        Index into ``layers``.
    layers : sequence of str
        Names for the legend.
    colours : sequence of str, optional
        A colour for each layer; :data:`LAYER_COLOURS` by default.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    chosen = list(colours or LAYER_COLOURS)[: len(layers)]
    axes.imshow(
        winner,
        cmap=ListedColormap(chosen),
        vmin=-0.5,
        vmax=len(chosen) - 0.5,
        interpolation="nearest",
    )
    handles = [Patch(color=c, label=n) for c, n in zip(chosen, layers, strict=True)]
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.02),
        ncols=len(handles),
        frameon=False,
        fontsize=8,
        handlelength=1,
    )
    axes.set_axis_off()
