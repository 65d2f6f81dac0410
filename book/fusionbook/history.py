"""The systems that the paper names, and which of them builds on which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray

from fusionlib.baselines import METHODS
from fusionlib.evaluation.comparison import rank

from .colours import BLUE, GREEN, ORANGE, PURPLE
from .figures import BookFigure, figure
from .text import markdown_table

__all__ = ["FAMILIES", "SYSTEMS", "System", "mean_ranks", "show_lineage", "table_of"]

#: The families of ideas, each with its colour in the figure.
FAMILIES = {
    "transforms": BLUE,
    "filters and saliency": GREEN,
    "sparse and low-rank": ORANGE,
    "learned networks": PURPLE,
}


@dataclass(frozen=True)
class System:
    """A system of the paper's introduction or its second section.

    Attributes
    ----------
    title : str
        Its name in the figure.
    year : int
        When it was published.
    family : str
        A key of :data:`FAMILIES`.
    number : int or None
        Its number in the paper's list of references; None if it is not there.
    place : tuple of float
        Column and row in the figure.
    after : tuple of str
        The systems whose idea it takes further, keys of :data:`SYSTEMS`.
    """

    title: str
    year: int
    family: str
    number: int | None
    place: tuple[float, float]
    after: tuple[str, ...] = ()


_T, _F, _S, _L = FAMILIES

#: The systems by name; what is a method of the library has its name there.
#:
#: :meta hide-value:
SYSTEMS: Mapping[str, System] = {
    "laplacian": System("Laplacian\npyramid", 1983, _T, None, (0, 2)),
    "dwt": System("Wavelets", 1995, _T, 2, (1, 0), ("laplacian",)),
    "swt": System("Stationary\nwavelets", 1997, _T, None, (1, 1), ("dwt",)),
    "nsct": System("Contourlets", 2006, _T, 3, (2, 2), ("laplacian",)),
    "dtcwt": System("Dual-tree\nwavelets", 2007, _T, None, (2, 0), ("dwt",)),
    "qwt": System("Quaternion\nwavelets", 2012, _T, 5, (3, 0), ("dtcwt",)),
    "nsst": System("Shearlets", 2014, _T, 4, (4, 2), ("nsct",)),
    "cbf": System("Cross bilat.\nfilter", 2013, _F, 21, (4, 6)),
    "gff": System("Guided\nfiltering", 2013, _F, 15, (4, 5)),
    "two_scale": System("Two-scale\nsaliency", 2016, _F, 6, (5, 5), ("gff",)),
    "wls": System("WLS", 2017, _F, 20, (6, 6), ("gff",)),
    "sr": System("Sparse\nrepresent.", 2010, _S, None, (3, 9)),
    "jsr": System("JSR", 2013, _S, 10, (4, 7), ("sr",)),
    "sr_pcnn": System("SR, PCNN", 2014, _S, 8, (4, 8), ("sr",)),
    "convsr": System("ConvSR", 2016, _S, 13, (5, 9), ("sr",)),
    "sr_shearlet": System("Shearlets,\nSR", 2017, _S, 9, (6, 2), ("nsst", "sr")),
    "jsrsd": System("JSRSD", 2017, _S, 22, (6, 7), ("jsr",)),
    "cosparse": System("Cosparse", 2017, _S, 11, (6, 8), ("sr",)),
    "sr_hog": System("SR, HOG", 2017, _S, 7, (6, 10), ("sr",)),
    "lrr": System("Low rank", 2017, _S, 12, (6, 11), ("sr_hog",)),
    "vgg": System("VGG-19", 2015, _L, 17, (4, 11)),
    "gatys": System("Style\ntransfer", 2016, _L, 16, (5, 11), ("vgg",)),
    "johnson": System("Style by one\nnetwork", 2016, _L, 18, (5, 12), ("gatys",)),
    "adain": System("AdaIN", 2017, _L, 19, (6, 12), ("johnson",)),
    "cnn_focus": System("CNN for\nfocus", 2017, _L, 14, (6, 4), ("gff",)),
    "cnn": System("CNN", 2018, _L, None, (7, 3), ("cnn_focus", "laplacian")),
    "paper": System(
        "the paper", 2018, _L, None, (7, 10), ("convsr", "lrr", "gatys", "gff", "vgg")
    ),
}

#: Years above the columns of the figure.
_COLUMNS = ("1983", "1995–97", "2006–07", "2010–12", "2013–15", "2016", "2017", "2018")

#: How close what is no method of the register is to what was published; for style
#: transfer see ``fusionbook.style``.
_ELSEWHERE = {
    "vgg": "exact", "paper": "exact", "gatys": "after the paper",
    "adain": "transform only",
}  # fmt: skip

#: Half the width and height of a box, in columns and rows.
_HALF = (0.43, 0.36)

Corners = list[tuple[float, float]]

#: Corners of the arrows that go around boxes.
_AROUND: Mapping[tuple[str, str], Corners] = {
    ("laplacian", "dwt"): [(0, 2), (0, 0), (1, 0)],
    ("laplacian", "cnn"): [(0, 2), (0, 3), (7, 3)],
    ("sr", "sr_shearlet"): [(2.9, 9), (2.9, 2.56), (5.8, 2.56), (5.8, 2)],
    ("sr", "jsr"): [(3.2, 9), (3.2, 7), (4, 7)],
    ("sr", "sr_pcnn"): [(3.2, 9), (3.2, 8), (4, 8)],
    ("gff", "cnn_focus"): [(4, 5), (4, 4), (6, 4)],
    ("gff", "wls"): [(4.3, 5), (4.3, 5.5), (6, 5.5), (6, 6)],
    ("gff", "paper"): [(4.3, 5), (4.3, 5.5), (7.2, 5.5), (7.2, 10)],
    ("convsr", "paper"): [(5, 9), (6.8, 9), (6.8, 10)],
    ("gatys", "paper"): [(5, 11), (5, 10.5), (6.3, 10.5), (7, 10)],
    ("lrr", "paper"): [(6, 11), (6.8, 11), (6.8, 10)],
    ("vgg", "paper"): [(4, 11), (4, 12.7), (7.2, 12.7), (7.2, 10)],
}

#: Line of a box by how close the library's program is to what was published.
_LINES = {"exact": "-", "after the paper": "--", "transform only": ":", "": "-"}


def mean_ranks(values: Mapping[str, NDArray[Any]], metrics: Iterable[str]) -> Any:
    """Return the mean of the ranks of each method over metrics.

    Parameters
    ----------
    values : mapping of str to numpy.ndarray, shape (M,)
        The metrics of each method.
    metrics : iterable of M str
        Their names.

    Returns
    -------
    dict of str to float
        1 would be the best in every metric; equal values share a rank.
    """
    ranks = rank(np.array(list(values.values())), metrics)
    return dict(zip(values, ranks.mean(axis=1), strict=True))


def table_of(names: Iterable[str], ranks: Mapping[str, float]) -> Any:
    """Return methods of the library with their status and their place.

    Parameters
    ----------
    names : iterable of str
        Which.
    ranks : mapping of str to float
        Mean ranks of all methods, see :func:`mean_ranks`.

    Returns
    -------
    IPython.display.Markdown
        The table; places count all methods that have a rank.
    """
    from IPython.display import Markdown

    rows = []
    for name in names:
        method, system = METHODS[name], SYSTEMS.get(name)
        number = system.number if system else None
        rows.append([
            f"`{name}`", f"[{number}]" if number else "", f"{method.year or ''}",
            method.status, f"{ranks[name]:.1f}", f"{place_of(name, ranks)}",
        ])  # fmt: skip
    head = ["", "in the paper", "year", "status", "mean rank", f"place of {len(ranks)}"]
    return Markdown(markdown_table(head, rows))


def place_of(name: str, ranks: Mapping[str, float]) -> int:
    """Return the place of a method by its mean rank; equals share the better one."""
    return 1 + sum(other < ranks[name] - 1e-9 for other in ranks.values())


def show_lineage() -> BookFigure:
    """Return the systems as boxes, from left to right by year, with arrows between.

    Returns
    -------
    matplotlib.figure.Figure
        Colours are families; the line of a box says the status of the program here,
        and grey text that there is none.
    """
    drawing, axes = figure(size=(7.6, 6.2))
    for name, system in SYSTEMS.items():
        for parent in system.after:
            ends: Corners = [SYSTEMS[parent].place, system.place]
            _arrow(axes, _AROUND.get((parent, name), ends))
    for name, system in SYSTEMS.items():
        _box(axes, name, system)
    for column, years in enumerate(_COLUMNS):
        axes.text(column, -0.75, years, ha="center", size=7, color="0.3")
    _legend(axes)
    axes.set(xlim=(-0.5, 7.5), ylim=(13, -1))
    axes.set_axis_off()
    return drawing


def _box(axes: Axes, name: str, system: System) -> None:
    """Draw one system with its number in the paper."""
    status = METHODS[name].status if name in METHODS else _ELSEWHERE.get(name, "")
    (x, y), (wide, tall) = system.place, _HALF
    colour = FAMILIES[system.family]
    edge = {
        "edgecolor": colour if status else "0.7",
        "linestyle": _LINES[status],
        "linewidth": 2 if name == "paper" else 1.2,
    }
    tint = {"facecolor": colour, "alpha": 0.16, "edgecolor": "none"}
    for style in ({"color": "white"}, tint, {"facecolor": "none", **edge}):
        axes.add_patch(
            FancyBboxPatch(
                (x - wide, y - tall), 2 * wide, 2 * tall, zorder=2,
                boxstyle="round,pad=0,rounding_size=0.1", **style,
            )
        )  # fmt: skip
    text = f"{system.title} [{system.number}]" if system.number else system.title
    axes.text(x, y, text, ha="center", va="center", size=6.5, zorder=3,
              color="black" if status else "0.45",
              weight="bold" if name == "paper" else "normal")  # fmt: skip


def _arrow(axes: Axes, corners: Corners) -> None:
    """Draw an arrow along corners; its ends are middles of boxes."""
    points = [np.array(corner) for corner in corners]
    points[0] = _edge(points[0], points[1])
    points[-1] = _edge(points[-1], points[-2])
    xs, ys = zip(*points[:-1], strict=True)
    axes.plot(xs, ys, color="0.5", lw=0.9, zorder=1, solid_joinstyle="miter")
    arrow = FancyArrowPatch(
        tuple(points[-2]),
        tuple(points[-1]),
        arrowstyle="-|>,head_width=0.16,head_length=0.3",
        mutation_scale=10,
        shrinkA=0,
        shrinkB=0,
        color="0.5",
        lw=0.9,
        zorder=1,
    )
    axes.add_patch(arrow)


def _edge(middle: NDArray[Any], towards: NDArray[Any]) -> NDArray[Any]:
    """Return where the line from the middle of a box leaves it."""
    way = towards - middle
    shares = [half / abs(w) for half, w in zip(_HALF, way, strict=True) if w]
    return middle + min([1.0, *shares]) * way


def _legend(axes: Axes) -> None:
    """Draw what colours and lines mean."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    marks: list[Any] = [
        Patch(facecolor=colour, alpha=0.4, label=family)
        for family, colour in FAMILIES.items()
    ]
    marks += [
        Line2D([], [], color="0.3", lw=1.2, ls=line, label=status)
        for status, line in _LINES.items()
        if status
    ]
    marks.append(Line2D([], [], color="0.7", lw=1.2, label="no program here"))
    axes.legend(handles=marks, loc="lower left", bbox_to_anchor=(0, 0.03), fontsize=7)
