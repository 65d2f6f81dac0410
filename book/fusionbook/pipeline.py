"""The pipeline as one figure, drawn from a real result.

Like :mod:`fusionbook.figures`, this imports matplotlib and nothing imports it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch

from fusionlib.errors import InputError
from fusionlib.fusion import FusionResult
from fusionlib.images.validation import Image

from .figures import DIVERGING, SEQUENTIAL, BookFigure, figure

__all__ = ["before_and_after", "pipeline"]


def _panel(
    drawing: BookFigure,
    place: tuple[float, float, float, float],
    image: Any,
    title: str,
    **options: Any,
) -> Axes:
    """Draw one image at a place given in fractions of the figure."""
    axes = drawing.add_axes(place)
    axes.imshow(image, interpolation="antialiased", aspect="auto", **options)
    axes.set_title(title, fontsize=7.5, pad=2.5)
    axes.set_axis_off()
    return axes


def _line(
    drawing: BookFigure, *points: tuple[float, float], arrow: bool = True
) -> None:
    """Draw a line through points of the figure, with a head at its end."""
    style: dict[str, Any] = {"color": "0.45", "linewidth": 0.9}
    xs, ys = zip(*points, strict=True)
    if len(points) > 2:
        drawing.add_artist(Line2D(xs[:-1], ys[:-1], solid_joinstyle="miter", **style))
    head = "-|>,head_width=0.16,head_length=0.3" if arrow else "-"
    drawing.add_artist(
        FancyArrowPatch(
            points[-2],
            points[-1],
            transform=drawing.transFigure,
            arrowstyle=head,
            shrinkA=0,
            shrinkB=0,
            mutation_scale=10,
            **style,
        )
    )


def _detail_limits(details: Image) -> dict[str, Any]:
    bound = float(np.quantile(np.abs(details), 0.99)) or 1e-3
    return {"cmap": "gray", "vmin": -bound, "vmax": bound}


def _share_limits(share: Image) -> dict[str, Any]:
    bound = float(np.quantile(np.abs(share - 0.5), 0.995)) or 1e-3
    return {"cmap": DIVERGING, "vmin": 0.5 - bound, "vmax": 0.5 + bound}


def _activity_limits(activity: Image) -> dict[str, Any]:
    # The border, where blocks reach outside the map, would hide the rest.
    inner = activity[3:-3, 3:-3] if min(activity.shape) > 8 else activity
    low, high = np.quantile(inner, [0.02, 0.995])
    return {"cmap": SEQUENTIAL, "vmin": low, "vmax": high}


class _Grid:
    """Places of the panels: seven columns; a row of bases above four layers."""

    width, height = 0.125, 0.133
    columns = tuple(0.004 + i * (1 - 0.125 - 0.008) / 6 for i in range(7))
    rows = (0.813, 0.625, 0.42, 0.215, 0.01)

    def __init__(self, drawing: BookFigure, links: Mapping[str, str]) -> None:
        self.drawing, self.links = drawing, links

    def put(
        self, column: int, row: float, image: Any, title: str, **options: Any
    ) -> tuple[float, float, float]:
        """Draw a panel; return its left and right edge and its middle height.

        The first word of the title says which link it carries.
        """
        below, above = self.rows[int(row)], self.rows[min(int(row) + 1, 4)]
        level = below + (row % 1) * (above - below)
        left = self.columns[column]
        place = (left, level, self.width, self.height)
        axes = _panel(self.drawing, place, image, title, **options)
        axes.title.set_url(self.links.get(title.split(" $")[0]))
        return left - 0.004, left + self.width + 0.004, level + self.height / 2


def _check_counts(result: FusionResult, layers: int | None = None) -> None:
    """Refuse a result that the places of a figure were not made for."""
    if len(result.I) != 2:
        raise InputError(f"result must be of two sources, got {len(result.I)}")
    if layers is not None and not 1 <= len(result.C) <= layers:
        raise InputError(
            f"result must be of at most {layers} layers, got {len(result.C)}"
        )


def pipeline(
    result: FusionResult, *, width: float = 7.6, links: Mapping[str, str] | None = None
) -> BookFigure:
    """Return the method as a figure, from sources to fused image.

    Parameters
    ----------
    result : FusionResult
        A result of two sources and at most four layers.
    width : float, optional
        Width of the figure in inches.
    links : mapping of str to str, optional
        Addresses that titles lead to, by what they name: ``source``, ``detail``,
        ``base``, ``fused base``, ``activity``, ``weight``, ``candidate``, ``fused
        detail``, ``fused image``. They work where the SVG stands in a page itself.

    Returns
    -------
    matplotlib.figure.Figure
        Left to right: sources, detail contents, activity maps, weight maps and
        candidates of the four layers, fused parts, fused image; base parts above.
        Activity and weight maps are those of the first source, each in its own
        range, since they would be blank in a common one.

    Raises
    ------
    InputError
        If the result has more sources or layers.
    """
    _check_counts(result, layers=len(_Grid.rows) - 1)
    size = width, width * (0.125 / 0.133) * result.F.shape[0] / result.F.shape[1]
    drawing, axes = figure(size=size)
    drawing.set_layout_engine("none")
    axes.remove()
    drawing.vector = True
    grid = _Grid(drawing, links or {})
    grey = {"cmap": "gray", "vmin": 0, "vmax": 1}
    detail = _detail_limits(result.I_d)
    source, content = [], []
    for k in (0, 1):
        row = 1.5 + 2 * k
        source.append(grid.put(0, row, result.I[k], f"source $I_{k + 1}$", **grey))
        title = f"detail $I_{k + 1}^d$"
        content.append(grid.put(1, row, result.I_d[k], title, **detail))
    bases = [
        grid.put(1 + k, 0, result.I_b[k], f"base $I_{k + 1}^b$", **grey) for k in (0, 1)
    ]
    fused_base = grid.put(5, 0, result.F_b, "fused base $F_b$", **grey)
    fused_detail = grid.put(5, 2.5, result.F_d, "fused detail $F_d$", **detail)
    fused = grid.put(6, 2.5, result.image, "fused image $F$", **grey)
    candidates = [
        _layer_row(grid, result, name, 1 + i, content, detail)
        for i, name in enumerate(result.C)
    ]
    _connect(drawing, source, content, bases, fused_base)
    bus = fused_detail[0] - 0.01
    for _, right, level in candidates:
        _line(drawing, (right, level), (bus, level), arrow=False)
    ends = candidates[0][2], candidates[-1][2]
    _line(drawing, (bus, ends[0]), (bus, ends[1]), arrow=False)
    _line(drawing, (bus, fused_detail[2]), (fused_detail[0], fused_detail[2]))
    _line(drawing, (fused_detail[1], fused_detail[2]), (fused[0], fused[2]))
    middle = fused[0] + 0.004 + grid.width / 2
    top = fused[2] + grid.height / 2 + 0.04
    _line(
        drawing, (fused_base[1], fused_base[2]), (middle, fused_base[2]), (middle, top)
    )
    return drawing


def _layer_row(
    grid: _Grid,
    result: FusionResult,
    name: str,
    row: int,
    content: list[tuple[float, float, float]],
    detail: dict[str, Any],
) -> tuple[float, float, float]:
    """Draw activity, weight and candidate of one layer and the lines between."""
    share = result.weight_map(name)
    activity = result.C_hat[name][0]
    shares = _share_limits(share[0])
    panels = [
        grid.put(2, row, activity, rf"activity $\hat C_1^{row}$",
                 **_activity_limits(activity)),
        grid.put(3, row, share[0], rf"weight $\hat W_1^{row}$", **shares),
        grid.put(4, row, result.F_d_i[name], f"candidate $F_d^{row}$", **detail),
    ]  # fmt: skip
    bus = panels[0][0] - 0.01
    level = panels[0][2]
    _line(grid.drawing, (bus, level), (panels[0][0], level))
    for _, right, middle in content:
        _line(grid.drawing, (right, middle), (bus, middle), (bus, level), arrow=False)
    for first, second in pairwise(panels):
        _line(grid.drawing, (first[1], level), (second[0], level))
    return panels[-1]


def _connect(
    drawing: BookFigure,
    source: list[tuple[float, float, float]],
    content: list[tuple[float, float, float]],
    bases: list[tuple[float, float, float]],
    fused_base: tuple[float, float, float],
) -> None:
    """Draw the lines from the sources to both parts, and along the base parts."""
    for start, end in zip(source, content, strict=True):
        _line(drawing, (start[1], start[2]), (end[0], end[2]))
    # One line under both base parts, and one above them: neither leads to the other.
    half = _Grid.height / 2
    bus, top = bases[0][0] - 0.01, bases[0][2]
    below, above = top - half - 0.012, top + half + 0.046
    middles = [(left + right) / 2 for left, right, _ in bases]
    _line(
        drawing, (bus, source[-1][2]), (bus, below), (middles[-1], below), arrow=False
    )
    corner = fused_base[0] - 0.02
    for middle in middles:
        _line(drawing, (middle, below), (middle, top - half))
        _line(drawing, (middle, top + half + 0.038), (middle, above), arrow=False)
    _line(drawing, (middles[0], above), (corner, above), (corner, top), arrow=False)
    _line(drawing, (corner, top), (fused_base[0], top))


def before_and_after(result: FusionResult, *, width: float = 7.6) -> BookFigure:
    """Return two sources and the fused image side by side.

    Parameters
    ----------
    result : FusionResult
        A result of two sources.
    width : float, optional
        Width of the figure in inches.

    Raises
    ------
    InputError
        If the result has more sources.
    """
    _check_counts(result)
    rows, columns = result.F.shape
    drawing, axes = figure(1, 3, size=(width, width / 3 / columns * rows + 0.25))
    titles = ("infrared", "visible", "fused")
    for panel, image, title in zip(
        axes, (*result.I, result.image), titles, strict=True
    ):
        panel.imshow(image, cmap="gray", vmin=0, vmax=1)
        panel.set_title(title)
        panel.set_axis_off()
    return drawing
