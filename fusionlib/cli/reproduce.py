"""``fusionlib reproduce``: the paper's evaluation."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ..errors import InputError
from .options import add_folder, add_shared, is_terminal, print_note, split


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "reproduce",
        help="reproduce Tables I and II and Figure 7 of the paper",
        description="Run the methods of the paper's comparison on the 21 real pairs "
        "and write the fused images, table1.csv, table2.csv, results.csv and "
        "figure7.png. Finished images are not computed again.",
        examples=(
            "fusionlib reproduce -o results",
            "fusionlib reproduce -o quick --methods cbf,proposed --images 1,2,3",
        ),
    )
    add_folder(parser)
    parser.add_argument(
        "--methods",
        metavar="NAME,...",
        help="names from `fusionlib methods`, or proposed "
        "(default: cbf,wls,jsr,jsrsd,convsr,proposed)",
    )
    parser.add_argument(
        "--images", metavar="NUMBER,...", help="numbers of pairs (default: all 21)"
    )
    add_shared(parser, "--weights")
    parser.add_argument(
        "--dictionaries",
        metavar="DIR",
        help="folder with convsr_dictionary.mat and jsr_dictionaries/ of the methods' "
        "authors (default: FUSIONLIB_REFERENCE; without it, ConvSR uses the "
        "dictionary that ships and JSR learns one from each pair)",
    )
    add_shared(parser, "--workers", text="processes (default: one a processor)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compute what is missing and write the tables."""
    from ..evaluation.reproduction import reproduce
    from ..images.validation import check_workers

    if arguments.workers is not None:
        check_workers(arguments.workers)
    dictionaries = arguments.dictionaries
    if dictionaries is None:  # an empty path is refused, not replaced
        dictionaries = os.environ.get("FUSIONLIB_REFERENCE") or None
    failures = reproduce(
        arguments.output,
        methods=split(arguments.methods),
        numbers=_numbers(arguments.images),
        weights=arguments.weights,
        dictionaries=dictionaries,
        workers=arguments.workers,
        progress=is_terminal(),
    )
    for line in failures:
        print_note(f"fusionlib: failed: {line}")
    return 1 if failures else 0


def _numbers(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"images must be numbers separated by commas, got {text!r}"
        ) from None
