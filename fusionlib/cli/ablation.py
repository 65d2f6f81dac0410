"""``fusionlib ablation``: variants of the method, measured on many pairs."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_folder, add_shared, is_terminal, print_text, split, table


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "ablation",
        help="measure what each part of the method contributes",
        description="Fuse pairs in many ways (other weights, scales, layers, ...) and "
        "write one row of metrics for each into ablation.csv. A run that was "
        "interrupted goes on where it stopped.",
        examples=(
            "fusionlib ablation -o ablation",
            "fusionlib ablation -o quick --pairs street,1 --crop 128x128",
        ),
    )
    add_folder(parser)
    parser.add_argument(
        "--pairs",
        metavar="NAME,...",
        help="numbers of real pairs and names of scenes (default: all that are here)",
    )
    add_shared(
        parser,
        "--weights",
        text="trained weights; without them only the variants that need none",
    )
    parser.add_argument(
        "--crop",
        metavar="HxW",
        help="use only the middle of each pair, at most this high and wide",
    )
    add_shared(parser, "--device", "--workers")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Measure and print means over the real pairs."""
    import numpy as np

    from ..data import list_pairs
    from ..evaluation.ablation import run_ablation
    from ..evaluation.pools import Processes
    from ..vgg.weights import load_weights

    pairs = split(arguments.pairs)
    if pairs is None:
        names = [pair.name for pair in list_pairs() if pair.available]
        pairs = [name for name in names if not name.startswith("vifb")]  # in colour
    crop = _size(arguments.crop) if arguments.crop else None
    rows = run_ablation(
        arguments.output,
        pairs,
        load_weights(arguments.weights),
        Processes(arguments.workers),
        crop=crop,
        device=arguments.device,
        progress=is_terminal(),
    )
    columns = ("psnr_mean", "N_abf", "N_abf_exact", "Q_abf_kumar", "SSIM_a", "EN")
    rows = [row for row in rows if row["pair"].startswith("tno")] or rows
    lines = []
    for name in dict.fromkeys(row["variant"] for row in rows):
        here = [row for row in rows if row["variant"] == name]
        means = [np.mean([float(row[column]) for row in here]) for column in columns]
        lines.append((name, len(here), *(f"{mean:.5g}" for mean in means)))
    print_text(table(("VARIANT", "PAIRS", *columns), lines))
    return 0


def _size(text: str) -> tuple[int, int]:
    from ..errors import InputError
    from ..images.validation import as_whole_number

    first, _, second = text.lower().partition("x")
    height, width = as_whole_number(first), as_whole_number(second)
    if not (height and width):
        raise InputError(f"crop must be HEIGHTxWIDTH in pixels, got {text!r}")
    return height, width
