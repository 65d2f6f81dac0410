"""``fusionlib methods``: the compared methods."""

from __future__ import annotations

import argparse
from typing import Any

from .options import print_json, print_text, table

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "methods",
        help="list the compared methods",
        description="List the methods that `fusionlib fuse --method NAME` and "
        "`fusionlib reproduce` know, with their parameters and defaults. Seconds are "
        "typical for a pair of 270x360 pixels on two cores.",
        examples=("fusionlib methods", "fusionlib methods --json"),
    )
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object by name"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    from ..baselines import METHODS

    if arguments.json:
        print_json(
            {
                name: {
                    "title": method.title,
                    "reference": method.reference,
                    "year": method.year,
                    "parameters": method.parameters,
                    "seconds": method.seconds,
                    "status": method.status,
                    "takes_dictionary": method.takes_dictionary,
                }
                for name, method in METHODS.items()
            }
        )
        return 0
    rows = [
        (
            method.name,
            method.title,
            method.reference,
            method.year or "",
            method.status,
            f"{method.seconds:g}",
            " ".join(f"{name}={value}" for name, value in method.parameters.items()),
        )
        for method in METHODS.values()
    ]
    print_text(
        table(
            ("name", "title", "reference", "year", "status", "seconds", "parameters"),
            rows,
        )
    )
    return 0
