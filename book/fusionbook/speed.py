"""Tables and figure of the book's page on speed, from what ``make bench`` wrote.

Imports matplotlib when a figure is asked for, and measures nothing itself: that is
``benchmarks/bench_fusion.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .text import markdown_table

__all__ = [
    "area",
    "cold",
    "machine",
    "memory",
    "others",
    "peers",
    "show_scaling",
    "sizes",
    "workers",
]

Record = Mapping[str, Any]


def machine(record: Record) -> str:
    """Return one sentence on where and with what a record was measured."""
    where = record["machine"]
    rates = " and ".join(
        f"{rate / 1e9:.0f} billion multiply-adds a second in {name}"
        for name, rate in where["rates"].items()
    )
    return (
        f"Measured on {record['date']} on {where['processor']}, {where['threads']} "
        f"threads, torch {where['torch']}, which multiplies matrices at {rates}. "
        f"Weights: {record['weights']}. Images: {record['data']}."
    )


def sizes(record: Record) -> str:
    """Return the table of ours against the plain port and the floor."""
    header = (
        "Size", "Arithmetic", "Port, s", "Ours, s", "Times faster", "Network, s",
        "Network / floor", "Outside", "PSNR, dB",
    )  # fmt: skip
    rows = [
        (
            _size(row),
            name,
            f"{row['naive_s']:.2f}",
            f"{row[name]['s']:.2f}",
            f"{row[name]['times_faster']:.1f}",
            f"{row[name]['network_s']:.2f}",
            f"{row[name]['network_over_floor']:.2f}",
            f"{100 * row[name]['outside_network']:.0f} %",
            f"{row[name]['psnr_db']:.0f}",
        )
        for row in record["sizes"]
        for name in record["machine"]["rates"]
    ]
    return markdown_table(header, rows)


def memory(record: Record) -> str:
    """Return the table of peak memory."""
    header = ("Size", "Port, MB", "Ours, MB", "Image only, MB", "Pixels that differ")
    rows = [
        (
            _size(row),
            *(f"{row[name]['peak_mb']:.0f}" for name in ("naive", "fuse")),
            f"{row['fuse_image']['peak_mb']:.0f}",
            str(row["pixels_image_differs"]),
        )
        for row in record["memory"]
    ]
    return markdown_table(header, rows)


def area(record: Record) -> str:
    """Return the table of time and memory over the size, of the fused image only."""
    header = ("Size", "Megapixels", "Seconds", "Microseconds a pixel", "Peak, MB")
    rows = [
        (
            _size(row),
            f"{_pixels(row) / 1e6:.2f}",
            f"{row['s']:.2f}",
            f"{1e6 * row['s'] / _pixels(row):.2f}",
            f"{row['peak_mb']:.0f}",
        )
        for row in record["area"]["rows"]
    ]
    return markdown_table(header, rows)


def cold(record: Record) -> str:
    """Return the table of what a command takes from its start to its end."""
    rows = [(part, f"{seconds:.2f}") for part, seconds in record["cold"].items()]
    return markdown_table(("Part", "Seconds"), rows)


def workers(record: Record) -> str:
    """Return one sentence on many pairs by one process and by two."""
    row = record["workers"]
    one, two = (row[f"workers_{n}_s"] for n in (1, 2))
    return (
        f"`fusionlib batch` fused {row['pairs']} pairs of {_size(row)} pixels in "
        f"{one:.0f} s with one worker and in {two:.0f} s with two, one thread each: "
        f"{one / two:.2f} times faster. In the same run two processes that only "
        f"multiply matrices reached {row['products']:.2f} times the rate of one."
    )


def others(record: Record) -> str:
    """Return the table of metrics, methods and explorers."""
    kinds = {
        "metric": "metrics_s",
        "method": "baselines_s",
        "explorer": "explorers_s",
    }
    rows = [
        (kind, name, f"{seconds:.3f}")
        for kind, key in kinds.items()
        for name, seconds in record[key].items()
    ]
    if "book_s" in record:
        rows.append(("book", "make book", f"{record['book_s']:.0f}"))
    return markdown_table(("Kind", "Name", "Seconds"), rows)


def peers(record: Record) -> str:
    """Return the table of programs that run the network, and a sentence about it.

    Parameters
    ----------
    record : mapping
        What ``benchmarks/bench_peers.py`` wrote.
    """
    rows = record["rows"]
    ours = rows["ours"]["s"]
    cells = [
        (
            name,
            f"{row['s']:.2f}",
            f"{row['fastest_s']:.2f}\N{EN DASH}{row['slowest_s']:.2f}",
            f"{row['s'] / ours:.2f}",
            f"{row['difference']:.0e}" if row.get("difference") else "",
        )
        if "s" in row
        else (name, row["problem"], "", "", "")
        for name, row in rows.items()
    ]
    others = {
        name: row["s"]
        for name, row in rows.items()
        if row["precision"] == "fp32"
        and "s" in row
        and name != "ours"
        and not name.startswith("floor")
    }
    fastest = min(others, key=others.__getitem__)
    height, width = record["size"]
    versions = ", ".join(p.replace("==", " ") for p in record["packages"].values())
    sentence = (
        f"Measured on {record['date']} on {record['processor']}, {record['threads']} "
        f"threads, {width} × {height} pixels, {record['rounds']} rounds, torch "
        f"{record['torch']}, {versions}. Weights: seeded, random numbers, not a "
        f"trained network. In float32 ours takes {ours / others[fastest]:.2f} of the "
        f"time of the fastest other program, {fastest}, and "
        f"{ours / others['plain port']:.2f} of the plain port's."
    )
    header = ("Program", "Seconds", "Range", "Times ours", "Error")
    return f"{sentence}\n\n{markdown_table(header, cells)}"


def show_scaling(record: Record) -> Any:
    """Return the figure of time over pixels, sources and pairs.

    Parameters
    ----------
    record : mapping
        What ``benchmarks/bench_fusion.py`` wrote.

    Returns
    -------
    fusionbook.figures.BookFigure
        Three panels with logarithmic axes and a line of slope 1 in each.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    from .colours import BLUE, ORANGE
    from .figures import figure

    pixels = [_pixels(row) / 1e6 for row in record["area"]["rows"]]
    panels = (
        ("megapixels", pixels, record["area"]["rows"]),
        ("sources", [row["sources"] for row in record["sources"]], record["sources"]),
        ("pairs", [row["pairs"] for row in record["pairs"]], record["pairs"]),
    )
    drawing, axes = figure(1, 3, size=(7.6, 2.6))
    for panel, (label, amounts, rows) in zip(axes, panels, strict=True):
        seconds = [row["s"] for row in rows]
        middle = len(rows) // 2
        line = [seconds[middle] * x / amounts[middle] for x in amounts]
        panel.loglog(amounts, line, color=ORANGE, linewidth=1, label="slope 1")
        panel.loglog(amounts, seconds, "o", color=BLUE, label="measured")
        panel.set_xlabel(label)
        panel.set_xticks(amounts, [f"{x:.2g}" for x in amounts])
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
    axes[0].set_ylabel("seconds")
    axes[0].set_title(f"fitted slope {record['area']['exponent']:.2f}")
    axes[0].legend()
    return drawing


def _pixels(row: Mapping[str, Any]) -> int:
    return row["height"] * row["width"]


def _size(row: Mapping[str, Any]) -> str:
    return f"{row['width']}\u00a0×\u00a0{row['height']}"  # on one line
