"""What a comparison of methods found, and the tables and the plot that show it."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from .._registry import CONVENTIONS
from ..display import figure, picture, show, table
from ..errors import InputError
from ..images.io import atomic_path
from ..metrics import METRICS
from .runner import write_csv

__all__ = ["FORMATS", "Comparison", "rank"]

#: Share of such intervals that hold the mean of all pairs there could be.
LEVEL = 0.95

#: Names of the files that :meth:`Comparison.write` writes.
FORMATS = ("values.csv", "table.csv", "table.md", "table.tex", "table.html")


def rank(values: NDArray[Any], metrics: Iterable[str]) -> NDArray[np.float64]:
    """Rank methods in each metric, shape (methods, metrics).

    Parameters
    ----------
    values : numpy.ndarray, shape (methods, metrics)
        The values.
    metrics : iterable of str
        Names of the metrics. 1 is the best in the direction of the metric; equals
        share their mean rank.
    """
    lower = np.array([METRICS[name].direction == "lower" for name in metrics])
    return scipy.stats.rankdata(np.where(lower, 1, -1) * values, axis=0)


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Values of metrics of several methods on several pairs.

    Attributes
    ----------
    methods, pairs, metrics : tuple of str
        Names, in the order of the axes of ``values``.
    convention : str
        Convention of the metrics.
    values : numpy.ndarray, shape (methods, pairs, metrics)
        The values.
    provenance : dict
        How our own methods were run.
    images : dict of str to numpy.ndarray
        Of a single pair, infrared, visible, and what each method made of them, by
        name; empty for several pairs, or where a folder keeps the results.
    """

    methods: tuple[str, ...]
    pairs: tuple[str, ...]
    metrics: tuple[str, ...]
    convention: str
    values: NDArray[np.float64]
    provenance: dict[str, Any] = field(default_factory=dict)
    images: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def means(self) -> NDArray[np.float64]:
        """Means over the pairs, shape (methods, metrics)."""
        return self.values.mean(axis=1)

    @property
    def margins(self) -> NDArray[np.float64]:
        """Half the width of the 95% confidence interval of each mean.

        By Student's t over the pairs; NaN for a single pair, or values that are not
        finite. Shape (methods, metrics).
        """
        count = len(self.pairs)
        if count < 2:
            return np.full(self.means.shape, math.nan)
        with np.errstate(invalid="ignore"):
            spread = self.values.std(axis=1, ddof=1)
        return scipy.stats.t.ppf((1 + LEVEL) / 2, count - 1) * spread / math.sqrt(count)

    @property
    def ranks(self) -> NDArray[np.float64]:
        """Rank of each mean in its metric, see :func:`rank`."""
        return rank(self.means, self.metrics)

    @property
    def mean_ranks(self) -> NDArray[np.float64]:
        """Mean of the ranks over the metrics, shape (methods,)."""
        return self.ranks.mean(axis=1)

    @property
    def order(self) -> list[int]:
        """Positions of the methods by their mean rank, the best first."""
        return [int(k) for k in np.argsort(self.mean_ranks, kind="stable")]

    @property
    def note(self) -> str:
        """What the numbers are, in one sentence."""
        parts = [
            f"Means over {len(self.pairs)} pairs",
            "± half the 95% confidence interval (Student's t)" * (len(self.pairs) > 1),
            "in brackets the rank",
            f"convention {self.convention}: {CONVENTIONS[self.convention].title}",
        ]
        if colour := self.provenance.get("colour"):
            parts.append(f"our methods fuse colour by {colour}")
        if weights := self.provenance.get("weights"):
            parts.append(f"weights {weights}")
        return "; ".join(filter(None, parts)) + "."

    def summary(self, plus_minus: str = "±") -> list[list[str]]:
        """Return the lines of the table as text, the best method first."""
        lines = []
        for k in self.order:
            cells = [self.methods[k]]
            for mean, margin, rank in zip(
                self.means[k], self.margins[k], self.ranks[k], strict=True
            ):
                width = f" {plus_minus} {margin:.2g}" if math.isfinite(margin) else ""
                cells.append(f"{mean:.5g}{width} ({rank:g})")
            lines.append([*cells, f"{self.mean_ranks[k]:.2f}"])
        return lines

    def _is_best(self) -> NDArray[np.bool_]:
        """Return which cells of :meth:`summary` hold the best value."""
        ranks = np.column_stack([self.ranks, self.mean_ranks])[self.order]
        first = np.zeros((len(ranks), 1), bool)
        return np.hstack([first, ranks == ranks.min(axis=0)])

    def to_markdown(self) -> str:
        """Return the table of means in Markdown; the best of a column is bold."""
        rows = [self._header(), ["---"] * (len(self.metrics) + 2)]
        for cells, best in zip(self.summary(), self._is_best(), strict=True):
            pairs = zip((cell.replace("|", r"\|") for cell in cells), best, strict=True)
            rows.append([f"**{c}**" if is_best else c for c, is_best in pairs])
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([*lines, "", self.note, ""])

    def to_latex(self) -> str:
        """Return the table of means for LaTeX; the best of a column is bold."""
        arrows = {"higher": r"$\uparrow$", "lower": r"$\downarrow$"}
        titles = [f"${m.symbol}$ {arrows[m.direction]}"
                  for m in map(METRICS.__getitem__, self.metrics)]  # fmt: skip
        rows = [" & ".join(["Method", *titles, "Mean rank"])]
        for cells, best in zip(self.summary("+-"), self._is_best(), strict=True):
            texts = (_tex(cell).replace("+-", r"$\pm$") for cell in cells)
            pairs = zip(texts, best, strict=True)
            rows.append(
                " & ".join(rf"\textbf{{{t}}}" if is_best else t for t, is_best in pairs)
            )
        head, *body = (row + r" \\" for row in rows)
        columns = "l" + "r" * (len(self.metrics) + 1)
        return "\n".join([
            f"% {self.note}", rf"\begin{{tabular}}{{{columns}}}", r"\hline", head,
            r"\hline", *body, r"\hline", r"\end{tabular}", "",
        ])  # fmt: skip

    def to_html(self) -> str:
        """Return the table of means as a page of its own."""
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
            "<title>Comparison of fusion methods</title>\n"
            "<style>body{font-family:sans-serif;margin:2em;overflow-x:auto}"
            "table{border-collapse:collapse}th,td{padding:.3em .6em;text-align:right;"
            "border-bottom:1px solid #bbb;white-space:nowrap}"
            f"th:first-child{{text-align:left}}</style>\n{self._table()}\n</html>\n"
        )

    def _table(self) -> str:
        return table(self._header(), self.summary(), self.note, self._is_best())

    def _header(self) -> list[str]:
        return ["Method", *map(_titled, self.metrics), "Mean rank"]

    def _repr_html_(self) -> str:
        row = figure(self.images, self.pairs[0]) if self.images else ""
        return f"{row}{self._table()}"

    def __repr__(self) -> str:
        size = f"{len(self.pairs)} pairs, {len(self.metrics)} metrics"
        best = self.methods[self.order[0]]
        names = textwrap.shorten(", ".join(self.methods), 200, placeholder=" ...")
        return f"Comparison({size}, best by mean rank: {best}, of {names})"

    def show(self) -> None:
        """Show sources and fused images of a single pair, in a notebook or a window.

        Raises
        ------
        InputError
            If there are none: of several pairs, or those kept in a folder.
        """
        if not self.images:
            raise InputError(
                "show needs a single pair, compared without output; of others, "
                "plot(path) draws the means"
            )
        show(picture(list(self.images.values())))

    def _rows(self) -> list[dict[str, Any]]:
        """Return the values of each pair and method."""
        return [
            {"pair": pair, "method": method}
            | dict(zip(self.metrics, self.values[m, p].tolist(), strict=True))
            for p, pair in enumerate(self.pairs)
            for m, method in enumerate(self.methods)
        ]

    def _mean_rows(self) -> list[dict[str, Any]]:
        """Return means, intervals and ranks of each method and metric."""
        rows = []
        for k in self.order:
            for j, metric in enumerate(self.metrics):
                mean, margin = float(self.means[k, j]), float(self.margins[k, j])
                known = math.isfinite(margin)
                rows.append(
                    {
                        "method": self.methods[k],
                        "metric": metric,
                        "mean": mean,
                        "low": mean - margin if known else "",
                        "high": mean + margin if known else "",
                        "rank": float(self.ranks[k, j]),
                        "mean_rank": float(self.mean_ranks[k]),
                    }
                )
        return rows

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write the values and the tables into a folder, :data:`FORMATS`.

        Raises
        ------
        InputError
            If the folder cannot be written.
        """
        folder = Path(folder)
        write_csv(folder / "values.csv", self._rows())
        write_csv(folder / "table.csv", self._mean_rows())
        texts = {"md": self.to_markdown, "tex": self.to_latex, "html": self.to_html}
        for ending, text in texts.items():
            with atomic_path(folder / f"table.{ending}") as temporary:
                temporary.write_text(text(), encoding="utf-8")

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw means with their intervals, a panel for each metric.

        Parameters
        ----------
        path : path-like
            A file that matplotlib can write: PNG, SVG or PDF.

        Raises
        ------
        InputError
            If matplotlib is not installed or the file cannot be written.
        """
        try:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError:
            raise InputError(
                "plot needs matplotlib, which is not installed; get it with "
                "pip install matplotlib"
            ) from None
        columns = min(4, len(self.metrics))
        rows = -(-len(self.metrics) // columns)
        height = 0.6 + 0.24 * len(self.methods)
        figure = Figure(figsize=(3 * columns + 1, (height + 0.5) * rows))
        FigureCanvasAgg(figure)
        figure.set_layout_engine("constrained")
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
        places = range(len(self.methods))
        for panel in panels.flat[len(self.metrics) :]:
            panel.set_visible(False)
        for j, (panel, name) in enumerate(zip(panels.flat, self.metrics, strict=False)):
            means, margins = self.means[self.order, j], self.margins[self.order, j]
            widths = np.nan_to_num(margins, posinf=0)
            panel.errorbar(means, places, xerr=widths, fmt="o", ms=4, capsize=2)
            panel.set_title(_titled(name), fontsize=10)
            panel.set_yticks(places, [self.methods[k] for k in self.order], fontsize=8)
            panel.tick_params(axis="x", labelsize=8)
            panel.grid(axis="x", alpha=0.3)
        panels[0, 0].invert_yaxis()  # shared by all panels
        with atomic_path(path) as temporary:
            ending = Path(path).suffix.lstrip(".") or "png"
            figure.savefig(temporary, format=ending, dpi=150)


def _titled(name: str) -> str:
    return f"{name} {'↑' if METRICS[name].direction == 'higher' else '↓'}"


def _tex(text: str) -> str:
    """Escape what LaTeX reads as a command."""
    special = {sign: f"\\{sign}" for sign in "&%$#_{}"}
    names = {"\\": "textbackslash", "~": "textasciitilde", "^": "textasciicircum"}
    special |= {sign: rf"\{name}{{}}" for sign, name in names.items()}
    return "".join(special.get(sign, sign) for sign in text)
