"""Figures of the book: the few kinds that its chapters share.

Imports matplotlib, so nothing in the library imports this module. Functions return
the figure and draw on a white background, which is legible in both themes. A figure
is shown once, whether it is the value of the last line of a notebook's cell or was
only drawn there.
"""

from __future__ import annotations

import base64
import functools
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure

from fusionlib.vgg.layers import (
    CONVOLUTIONS,
    map_shape,
    multiply_adds,
    receptive_box,
    receptive_field,
)
from fusionlib.vgg.layers import layer as find_layer

from . import colours
from .colours import BLUE, LAYER_COLOURS, ORANGE

__all__ = [
    "BLUE",
    "DIVERGING",
    "LAYER_COLOURS",
    "ORANGE",
    "SEQUENTIAL",
    "BookFigure",
    "figure",
    "limits_around",
    "show_costs",
    "show_images",
    "show_layer_maps",
    "show_receptive_fields",
    "show_winner",
]

#: Colour maps for amounts, and for values on both sides of a middle (high: orange).
SEQUENTIAL = ListedColormap(colours.SEQUENTIAL / 255, "sequential")
DIVERGING = ListedColormap(colours.DIVERGING / 255, "diverging")

#: Dots an inch of images in figures, two for each of a page.
SHARP_DPI = 220

#: Characters above which a chart of very many points is rather a PNG.
LARGEST_SVG = 400_000

#: Largest change of a colour channel, of 255, that a palette may cause.
_INVISIBLE = 12

#: Colours above which no palette of 256 comes close.
_MANY_COLOURS = 20_000

_STYLE: dict[Any, Any] = {
    "image.cmap": "gray",
    "figure.dpi": 110,
    "savefig.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=LAYER_COLOURS),
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.h_pad": 0.02,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.hspace": 0.02,
    "figure.constrained_layout.wspace": 0.02,
}


def _styled(*names: str) -> Callable[[type], type]:
    """Return a decorator of classes that runs methods in the style of the book.

    Matplotlib looks up sizes and colours when a title or a line is made, and that is
    in the caller's code. So the style goes with the figure, and the settings of the
    process stay as they are.
    """

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*arguments: Any, **options: Any) -> Any:
            with plt.rc_context(_STYLE):
                return method(*arguments, **options)

        return call

    def decorate(cls: type) -> type:
        for name in names:
            setattr(cls, name, wrap(getattr(cls, name)))
        return cls

    return decorate


@_styled(
    "annotate", "axhline", "axvline", "bar", "bar_label", "barh", "boxplot", "contour",
    "errorbar", "fill_between", "hist", "imshow", "legend", "loglog", "pcolormesh",
    "plot", "scatter", "semilogx", "semilogy", "set_title", "set_xlabel", "set_xscale",
    "set_xticks", "set_ylabel", "set_yscale", "set_yticks", "stairs", "step", "text",
    "tick_params", "twinx", "twiny",
)  # fmt: skip
class BookAxes(Axes):
    """Axes whose titles, lines and labels have the style of the book."""


@_styled(
    "add_axes", "add_subplot", "colorbar", "draw", "legend", "savefig", "suptitle",
    "supxlabel", "supylabel", "text",
)  # fmt: skip
class BookFigure(Figure):
    """A figure that a notebook shows once: a chart as SVG, images as a small PNG.

    Attributes
    ----------
    vector : bool or None
        Whether it is shown as SVG; None, the default: if it has no images in it.
    """

    vector: bool | None = None

    def svg(self) -> str:
        """Return the figure as SVG, and close it; images in it become JPEG.

        Letters of a figure with images are text; those of a chart are outlines, since
        its layout depends on their widths.
        """
        text = "none" if self._has_images() else "path"
        style: dict[Any, Any] = {"svg.hashsalt": "book", "svg.fonttype": text}
        buffer = io.StringIO()
        with plt.rc_context(style):
            self.savefig(
                buffer,
                format="svg",
                dpi=SHARP_DPI,
                bbox_inches="tight",
                pad_inches=0.04,
                metadata={"Date": None},
            )
        plt.close(self)
        return re.sub(r"data:image/png;base64,([^\"]+)", _as_jpeg, buffer.getvalue())

    def _has_images(self) -> bool:
        return any(axes.get_images() for axes in self.axes)

    def png(self) -> bytes:
        """Return the figure as the bytes of a PNG file, two dots for each of a page.

        Figures in grey get a palette of 256 colours, a third of the size. Where
        that would change a colour visibly, as it does in most colour bars, channels
        are rounded to 64 levels instead.
        """
        from PIL import Image

        exact, dpi = self._drawn(), (SHARP_DPI, SHARP_DPI)
        small = io.BytesIO()
        # Looking for a palette takes seconds where there are very many colours.
        if exact.getcolors(_MANY_COLOURS):
            palette = exact.quantize(256, kmeans=1, dither=Image.Dither.NONE)
            change = np.asarray(palette.convert("RGB"), int) - np.asarray(exact, int)
            if np.abs(change).max() <= _INVISIBLE:
                palette.save(small, "png", optimize=True, dpi=dpi)
                return small.getvalue()
        levels = [round(round(v * 63 / 255) * 255 / 63) for v in range(256)]
        exact.point(levels * 3).save(small, "png", compress_level=7, dpi=dpi)
        return small.getvalue()

    def _drawn(self) -> Any:
        from PIL import Image

        buffer = io.BytesIO()
        self.savefig(buffer, dpi=SHARP_DPI, bbox_inches="tight", pad_inches=0.04)
        return Image.open(buffer).convert("RGB")

    def _ipython_display_(self) -> None:
        from IPython.display import SVG, Image, display

        vector = not self._has_images() if self.vector is None else self.vector
        if vector and len(drawn := self.svg()) < LARGEST_SVG:
            display(SVG(drawn))
        else:
            display(Image(self.png(), format="png", retina=True))
        plt.close(self)


def _as_jpeg(address: re.Match[str]) -> str:
    """Return a picture in the SVG of matplotlib as a JPEG, a tenth of the size."""
    from PIL import Image

    small = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(address[1])))
    picture.convert("RGB").save(small, "jpeg", quality=88, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(small.getvalue()).decode()}"


def figure(
    rows: int = 1,
    columns: int = 1,
    *,
    size: tuple[float, float] = (7.6, 3.0),
    **options: Any,
) -> tuple[BookFigure, Any]:
    """Return a figure in the style of the book and its axes.

    The settings of matplotlib stay as they are.

    Parameters
    ----------
    rows, columns : int, optional
        Grid of axes.
    size : tuple of float, optional
        Width and height in inches.
    **options
        Passed to ``matplotlib.pyplot.subplots``.
    """
    with plt.rc_context(_STYLE):
        return plt.subplots(
            rows,
            columns,
            figsize=size,
            layout="constrained",
            FigureClass=BookFigure,
            subplot_kw={"axes_class": BookAxes},
            **options,
        )


def limits_around(
    values: Any, centre: float = 0.0, *, percentile: float = 100.0
) -> tuple[float, float]:
    """Return limits of equal distance from a centre that hold the values.

    Parameters
    ----------
    values : array_like
        What is to be shown.
    centre : float, optional
        The middle of the scale.
    percentile : float, optional
        How much of the values must fit: with 99, the most extreme hundredth is
        shown in the colour of the limit.
    """
    reach = float(np.percentile(np.abs(np.asarray(values) - centre), percentile))
    return centre - reach, centre + reach


def show_images(
    images: Sequence[Any],
    titles: Sequence[str] = (),
    *,
    columns: int | None = None,
    limits: tuple[float, float] | None = (0, 1),
    cmap: str | Colormap = "gray",
    colorbar: str | None = None,
    row_labels: Sequence[str] = (),
    width: float = 7.6,
) -> Figure:
    """Return images side by side.

    Parameters
    ----------
    images : sequence of array_like, shape (H, W)
        What to show.
    titles : sequence of str, optional
        A title for each; with ``row_labels``, titles of the columns are enough.
    columns : int, optional
        Images in a row; all by default.
    limits : tuple of float or None, optional
        Values shown as black and white; None takes each image's own range.
    cmap : str or matplotlib.colors.Colormap, optional
        Colour map.
    colorbar : str, optional
        Label of a colour bar: what it measures, with its unit. One is drawn for all
        images, or with ``limits=None`` one for each; by default none.
    row_labels : sequence of str, optional
        A label at the left of each row.
    width : float, optional
        Width of the figure in inches.
    """
    columns = columns or len(images)
    rows = math.ceil(len(images) / columns)
    height, across = np.shape(images[0])[:2]
    bars = 0.0 if colorbar is None else 0.75 if limits else 0.55 * columns
    cell = (width - bars - (0.25 if row_labels else 0)) / columns - 0.08
    titled = rows if len(titles) > columns else 1
    tall = rows * (cell * height / across + 0.06) + 0.22 * titled
    drawing, axes = figure(rows, columns, size=(width, tall), squeeze=False)
    low, high = limits or (None, None)
    for panel, image in zip(axes.flat, images, strict=False):
        shown = panel.imshow(image, cmap=cmap, vmin=low, vmax=high)
        if colorbar is not None and not limits:
            drawing.colorbar(shown, ax=panel, shrink=0.8, label=colorbar)
    for panel, title in zip(axes.flat, titles, strict=False):
        panel.set_title(title)
    for panel in axes.flat:
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
    for row, name in zip(axes, row_labels, strict=False):
        row[0].set_ylabel(name)
    if colorbar is not None and limits:
        drawing.colorbar(
            shown, ax=axes, fraction=0.03, pad=0.015, aspect=10 * tall, label=colorbar
        )
    return drawing


def show_layer_maps(
    maps: Mapping[str, Any],
    rows: Sequence[str],
    *,
    limits: tuple[float, float] | None = None,
    centre: float | None = None,
    percentile: float = 99.0,
    cmap: str | Colormap | None = None,
    label: str = "",
    width: float = 7.6,
) -> Figure:
    """Return maps of several layers: a column for each layer, a row for each source.

    Parameters
    ----------
    maps : mapping of str to array_like, shape (K, h, w)
        Maps by layer.
    rows : sequence of str
        Labels of the first sources; as many rows are drawn.
    limits : tuple of float, optional
        One scale for everything. By default each column has its own, taken from the
        samples whose receptive field lies inside the image.
    centre : float, optional
        Middle of each column's own scale, which then also takes the diverging
        colour map.
    percentile : float, optional
        How much of the values a column's own scale must hold.
    cmap : str or matplotlib.colors.Colormap, optional
        Colour map.
    label : str, optional
        What the colour bars measure, with its unit.
    width : float, optional
        Width of the figure in inches.
    """
    cmap = cmap or (SEQUENTIAL if centre is None else DIVERGING)
    count = len(rows)
    h, w = np.shape(next(iter(maps.values())))[1:]
    cell = (width - 0.25) / len(maps) - 0.1
    size = (width, 0.25 + count * (cell * h / w + 0.06) + 0.55)
    drawing, axes = figure(count, len(maps), size=size, squeeze=False)
    for column, (name, stack) in zip(axes.T, maps.items(), strict=True):
        values = np.asarray(stack)[:count]
        low, high = limits or _own_limits(_inner(values, name), centre, percentile)
        for panel, values_of_one in zip(column, values, strict=True):
            # One extent for all: maps of odd sizes differ by part of a sample.
            shown = panel.imshow(
                values_of_one, cmap=cmap, vmin=low, vmax=high, extent=(0, w, h, 0)
            )
            panel.set(xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
        column[0].set_title(name)
        bar = drawing.colorbar(
            shown, ax=column, location="bottom", fraction=0.05, pad=0.02, aspect=18
        )
        bar.ax.locator_params(axis="x", nbins=4, prune="both")
        bar.ax.ticklabel_format(useOffset=False)
        bar.outline.set_visible(False)
    for row, name in zip(axes, rows, strict=True):
        row[0].set_ylabel(name)
    if label:
        drawing.supxlabel(label, fontsize=9)
    return drawing


def _inner(values: Any, name: str) -> Any:
    """Return the samples whose receptive field lies inside the image."""
    rim = receptive_field(name) // (2 * find_layer(name).stride)
    inner = values[:, rim:-rim, rim:-rim]
    return inner if inner.size else values


def _own_limits(
    values: Any, centre: float | None, percentile: float
) -> tuple[float, float]:
    if centre is not None:
        return limits_around(values, centre, percentile=percentile)
    low, high = np.percentile(values, (100 - percentile, percentile))
    return float(low), float(high)


def _field(name: str, row: int, column: int) -> tuple[int, int, int]:
    """Return first row, first column and side of what the sample over a pixel sees."""
    stride = find_layer(name).stride
    return receptive_box(name, row // stride, column // stride)


def show_receptive_fields(
    image: Any, influences: Mapping[str, Any], row: int, column: int
) -> Figure:
    """Return what one sample of each layer sees, on the image and close up.

    Parameters
    ----------
    image : array_like, shape (H, W)
        Grey image in [0, 1].
    influences : mapping of str to array_like, shape (H, W)
        By layer, how much each pixel changes the sample's activity.
    row, column : int
        The pixel that the samples lie over.
    """
    from matplotlib.patches import Rectangle

    def square(name: str, colour: str, wide: float) -> Rectangle:
        top, left, side = _field(name, row, column)
        corner = (left - 0.5, top - 0.5)
        return Rectangle(corner, side, side, fill=False, color=colour, lw=wide)

    height, across = np.shape(image)
    big = 3.7
    size = (7.6, max(big * height / across + 0.3, 3.0))
    drawing, axes = figure(1, 2, size=size, width_ratios=[big, 7.5 - big])
    axes[0].imshow(image, cmap="gray", vmin=0, vmax=1)
    for name, colour in zip(influences, LAYER_COLOURS, strict=False):
        axes[0].add_patch(square(name, colour, 1.8))
    axes[0].set_axis_off()
    axes[0].set_title("receptive fields on the image")
    axes[1].set_axis_off()
    grid = axes[1].get_subplotspec().subgridspec(2, 2, hspace=0.08)
    for place, (name, influence), colour in zip(
        grid, influences.items(), LAYER_COLOURS, strict=False
    ):
        panel = drawing.add_subplot(place, axes_class=BookAxes)
        amount = np.abs(influence)
        panel.imshow(amount, cmap=SEQUENTIAL, vmin=0, vmax=np.percentile(
            amount[amount > 0], 98) if amount.any() else 1)  # fmt: skip
        panel.add_patch(square(name, colour, 2.2))
        top, left, side = _field(name, row, column)
        around = max(2, side // 8)
        panel.set_xlim(left - around, left + side + around)
        panel.set_ylim(top + side + around, top - around)
        panel.set(xticks=[], yticks=[])
        panel.set_title(f"{name}: {side} × {side} pixels")
    return drawing


def show_costs(height: int, width: int) -> Figure:
    """Return the work and the memory of each convolution up to relu4_1.

    Parameters
    ----------
    height, width : int
        Size of one source in pixels.
    """
    from matplotlib.ticker import MaxNLocator

    names = [c.name for c in CONVOLUTIONS]
    upto = [multiply_adds(height, width, c.relu) for c in CONVOLUTIONS]
    work = np.diff([0, *upto]) / 1e9
    values = [
        math.prod(map_shape(height, width, c.relu)) * c.outputs / 1e6
        for c in CONVOLUTIONS
    ]
    colours = [
        LAYER_COLOURS[c.block - 1] if c.number == 1 else "#BBBBBB" for c in CONVOLUTIONS
    ]
    drawing, axes = figure(1, 2, size=(7.6, 2.7), sharey=True)
    panels = zip(
        axes,
        (work, values),
        ("multiply-adds, 10⁹", "values in the feature maps, 10⁶"),
        strict=True,
    )
    for panel, amounts, label in panels:
        bars = panel.barh(names, amounts, color=colours)
        panel.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
        panel.set_xlabel(label)
        panel.xaxis.set_major_locator(MaxNLocator(4))
        panel.margins(x=0.14)
    axes[0].invert_yaxis()
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
