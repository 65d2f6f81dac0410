"""``fusionlib evaluate``: metrics of a fused image."""

from __future__ import annotations

import argparse
import math
from typing import Any

from .._registry import CONVENTIONS
from ..errors import InputError
from .options import add_shared, print_json, print_note, print_text, split, table

_COLOUR = {
    "luminance": "the luminance Y of YCbCr (BT.601, full range)",
    "channels": "each channel, and averaged",
}


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "evaluate",
        help="compute metrics of a fused image",
        description="Compute metrics of a fused image, which comes last, against its "
        "sources: 8-bit files of one size. Metrics are defined on grey images; of "
        "colour files the convention takes the luminance or each channel.",
        examples=(
            "fusionlib evaluate IR.png VIS.png fused.png",
            "fusionlib evaluate IR.png VIS.png fused.png --metrics SSIM_a,Q_abf --json",
        ),
    )
    parser.add_argument(
        "images",
        metavar="IR VIS [MORE ...] FUSED",
        nargs="+",
        help="the sources, and then the fused image",
    )
    add_shared(parser, "--metrics", "--convention")
    parser.add_argument(
        "--luminance",
        action="store_true",
        help="use the luminance of colour files (BT.601), whatever the convention",
    )
    add_shared(
        parser,
        "--json",
        text="print one JSON object of values by name, null for an infinite PSNR",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Read the files, compute and print."""
    paths = arguments.images
    if len(paths) < 3:
        raise InputError(
            "images must be at least two sources and the fused image, "
            f"got {len(paths)} of them"
        )
    from ..images.validation import check_choice, check_same_shape
    from ..metrics import METRICS, check_names, evaluate

    names = split(arguments.metrics)
    names = names and check_names(names)
    check_choice(arguments.convention, "convention", tuple(CONVENTIONS))
    titles = ["IR", "VIS", *(f"source {k}" for k in range(3, len(paths))), "FUSED"]
    images = [
        _read(path, title, arguments.luminance)
        for path, title in zip(paths, titles, strict=True)
    ]
    check_same_shape(images, paths)
    *sources, fused = images
    values = evaluate(fused, sources, metrics=names, convention=arguments.convention)
    forced = arguments.luminance and values.computed_on == "grey"
    computed_on = "luminance" if forced else values.computed_on

    if arguments.json:
        numbers = {n: v if math.isfinite(v) else None for n, v in values.items()}
        record = {**numbers, "convention": arguments.convention}
        if computed_on != "grey":
            record["computed_on"] = computed_on
        print_json(record)
    else:
        rows = [
            (name, f"{value:.5f}", f"{METRICS[name].direction} is better",
             METRICS[name].title)
            for name, value in values.items()
        ]  # fmt: skip
        print_text(table(("METRIC", "VALUE", "", "WHAT"), rows))
        print_text(f"convention: {arguments.convention}")
        if computed_on != "grey":
            print_text(f"computed on: {_COLOUR[computed_on]}")
    height, width = fused.shape[:2]
    left_out = ", ".join(
        f"{m.name} ({m.smallest}x{m.smallest})"
        for m in METRICS.values()
        if m.smallest > min(height, width) and m.resolve(arguments.convention)
    )
    if names is None and left_out:
        print_note(f"not defined on {height}x{width} pixels: {left_out}")
    return 0


def _read(path: str, title: str, only_luminance: bool) -> Any:
    """Read an 8-bit file."""
    from ..images.colour import luminance
    from ..images.io import read_levels

    pixels = read_levels(path, title)
    return luminance(pixels) if only_luminance else pixels
