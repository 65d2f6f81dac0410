"""``fusionlib compare``: our methods and results of other programs, side by side."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..errors import InputError
from .options import (
    add_folder,
    add_shared,
    is_terminal,
    print_note,
    print_text,
    split,
    table,
)


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "compare",
        help="compare methods and folders of results on the same pairs",
        description="Compare fused images of any programs and methods of this one by "
        "metrics. SOURCES are two patterns or folders, infrared and visible, paired "
        "by name as in batch; or names of pairs, such as street, 7, vifb:carLight or "
        "vifb. DIR gets the values of each pair; means, 95%% confidence intervals and "
        "ranks as CSV, Markdown, LaTeX and HTML; a plot; the images of our methods. "
        "The same command again does only what is missing.",
        examples=(
            "fusionlib compare street harbour --methods paper,wls -o comparison",
            "fusionlib compare ir vis --fused mine=results --methods cbf -o comparison",
        ),
    )
    parser.add_argument("sources", metavar="SOURCES", nargs="+", help="see above")
    parser.add_argument(
        "--fused",
        metavar="NAME=FOLDER",
        action="append",
        default=[],
        help="results of a program: its name, and a folder or a pattern of images "
        "named as the pairs; may be repeated",
    )
    parser.add_argument(
        "--methods",
        metavar="NAME,...",
        help="methods to run: names of presets, and those of `fusionlib methods`",
    )
    add_folder(parser)
    parser.add_argument(
        "--common",
        action="store_true",
        help="leave out pairs for which a program has no image",
    )
    add_shared(parser, "--metrics", "--convention", "--colour", "--weights")
    add_shared(parser, "--workers", text="processes (default: work in this one)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare, write the tables, and print them."""
    from ..evaluation.compare import Plan
    from ..evaluation.pools import Processes
    from ..evaluation.runner import progress_bar

    plan = Plan.of(
        _pairs(arguments.sources),
        methods=split(arguments.methods) or (),
        fused=dict(_named(text) for text in arguments.fused),
        metrics=split(arguments.metrics),
        convention=arguments.convention,
        colour=arguments.colour or "luminance",
        weights=arguments.weights,
    )
    if arguments.common:
        asked = len(plan.sources)
        plan = plan.without_missing()
        if left := asked - len(plan.sources):
            print_note(
                f"fusionlib: {left} pairs left out, of which an image is missing"
            )
    pool = Processes(arguments.workers) if arguments.workers else None
    total = len(plan.entries) * len(plan.sources)
    with progress_bar(total, "image", is_terminal()) as advance:
        result = plan.run(arguments.output, pool, advance)
    result.write(arguments.output)
    folder = Path(arguments.output)
    try:
        result.plot(folder / "plot.png")
    except InputError as error:
        print_note(f"fusionlib: {error}")
    print_text(table(("METHOD", *result.metrics, "MEAN RANK"), result.summary()))
    print_text(f"{result.note}\n{folder}")
    return 0


def _named(text: str) -> tuple[str, str]:
    name, equals, folder = text.partition("=")
    if not (name.strip() and equals and folder):
        raise InputError(f"--fused must be NAME=FOLDER, got {text!r}")
    return name.strip(), os.path.expanduser(folder)


def _pairs(sources: list[str]) -> Any:
    """Return names of pairs, or the pairs that two patterns or folders give."""
    from ..evaluation.pairing import find_pairs

    if not any(os.path.exists(text) or set("*?[/") & set(text) for text in sources):
        return sources
    if len(sources) != 2:
        raise InputError(
            "SOURCES must be two patterns, infrared and visible, or names of pairs, "
            f"got {len(sources)} arguments; put each pattern in quotes"
        )
    return find_pairs(*sources)
