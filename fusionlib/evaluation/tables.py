"""Tables I and II and Figure 7 of the paper, the printed values beside ours."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

#: One line of the results: a method on an image, and its metrics.
Result = dict[str, Any]

#: Columns of the paper's tables, in their order.
DEFAULT_METHODS = ("cbf", "wls", "jsr", "jsrsd", "convsr", "proposed")

#: Rows of Table I.
METRICS = ("FMI_dct", "FMI_w", "SSIM_a", "N_abf")


@dataclass(frozen=True)
class Published:
    """A number as it is printed.

    Attributes
    ----------
    text : str
        Its digits.
    """

    text: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)

    @property
    def decimals(self) -> int:
        """How many decimals are printed."""
        return len(self.text.partition(".")[2])

    def agrees(self, ours: float) -> bool:
        """Return whether a value rounds to the printed digits."""
        return f"{ours:.{self.decimals}f}" == self.text


def read_table(path: Any) -> list[dict[str, str]]:
    """Return the rows of a CSV file; lines that start with ``#`` are left out."""
    lines = path.read_text("utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def _reference(name: str) -> list[dict[str, str]]:
    """Read a table that ships."""
    return read_table(resources.files(__package__) / "reference_tables" / name)


def published_table_1() -> dict[str, dict[str, Published]]:
    """Return Table I of the paper: means over the 21 pairs, by metric and method."""
    return {
        row["metric"]: {m: Published(row[m]) for m in DEFAULT_METHODS}
        for row in _reference("table1_means.csv")
    }


def published_table_2() -> dict[int, dict[str, Published]]:
    """Return Table II of the paper: N_abf by pair number and method."""
    return {
        int(row["image"]): {m: Published(row[m]) for m in DEFAULT_METHODS}
        for row in _reference("table2_nabf.csv")
    }


def read_results(path: str | os.PathLike[str]) -> list[Result]:
    """Return results from a ``results.csv`` that `fusionlib reproduce` wrote.

    Parameters
    ----------
    path : path-like
        The file; see :func:`fusionlib.evaluation.tables.read_table`.
    """
    rows: list[Result] = [*read_table(Path(path))]
    for row in rows:
        row["image"] = int(row["image"])
        for name in (*METRICS, "seconds"):
            row[name] = float(row[name])
    return rows


def _by_method(results: Iterable[Result]) -> dict[str, list[Result]]:
    grouped: dict[str, list[Result]] = {}
    for result in results:
        grouped.setdefault(result["method"], []).append(result)
    return grouped


def _row(ours: float, published: Published | None, *, comparable: bool) -> Result:
    """Return the columns that both tables share."""
    difference = ""
    if published is not None and comparable:
        # Adding zero makes a negative zero positive.
        difference = f"{round(ours - published.value, 5) + 0.0:+.5f}"
    return {
        "published": published.text if published else "",
        "ours": f"{ours:.5f}",
        "difference": difference,
    }


def table_1(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return our means beside those of Table I, of what :func:`read_results` returns.

    Each row has ``metric``, ``method``, ``images`` (how many the mean is over),
    ``published``, ``ours`` and ``difference``. The published mean is over 21 images, so
    there is a difference only where ours is too.
    """
    printed, grouped = published_table_1(), _by_method(results)
    return [
        {
            "metric": metric,
            "method": method,
            "images": len(lines),
            **_row(
                float(np.mean([line[metric] for line in lines])),
                printed[metric].get(method),
                comparable=len(lines) == 21,
            ),
        }
        for metric in METRICS
        for method, lines in grouped.items()
    ]


def table_2(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return our N_abf beside that of Table II, of what :func:`read_results` returns.

    Each row has ``image``, ``method``, ``published``, ``ours`` and ``difference``.
    """
    printed = published_table_2()
    return [
        {
            "image": result["image"],
            "method": result["method"],
            **_row(
                result["N_abf"],
                printed[result["image"]].get(result["method"]),
                comparable=True,
            ),
        }
        for result in results
    ]


#: Colours that stay apart for colour-blind readers and in print (Okabe and Ito).
COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000", "#56B4E9",
)  # fmt: skip


def draw_figure_7(results: Iterable[Result], axes: Any = None) -> Any:
    """Draw N_abf of each image, ours as lines and the published values as dots.

    Parameters
    ----------
    results : iterable of dict
        As :func:`read_results` returns them.
    axes : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; a new one is not registered with pyplot.
    """
    if axes is None:
        from matplotlib.figure import Figure

        axes = Figure(figsize=(8, 4.2), layout="constrained").subplots()
    printed = published_table_2()
    for k, (method, lines) in enumerate(_by_method(results).items()):
        images = [line["image"] for line in lines]
        colour = COLOURS[k % len(COLOURS)]
        dashes = "-" if k < len(COLOURS) else "--"
        ours = [line["N_abf"] for line in lines]
        axes.plot(images, ours, dashes, color=colour, label=method)
        if method in printed[1]:
            dots = [printed[image][method].value for image in images]
            axes.plot(images, dots, "o", color=colour, markersize=3.5)
    axes.plot([], [], "o", color="grey", markersize=3.5, label="published")
    axes.set(xlabel="image", ylabel="$N_{abf}$", xticks=range(1, 22))
    axes.set_ylim(0, None)
    axes.legend(ncols=4, fontsize="small", loc="upper center")
    return axes.figure
