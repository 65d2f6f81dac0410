"""``fusionlib methods``: the compared methods."""

from __future__ import annotations

import argparse
from typing import Any

from .options import add_shared, print_json, print_text, table


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
    add_shared(parser, "--json", text="print one JSON object by name")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    from ..baselines import METHODS

    if arguments.json:
        facts = (
            "title", "reference", "year", "parameters", "seconds", "status",
            "takes_dictionary",
        )  # fmt: skip
        print_json(
            {m.name: {f: getattr(m, f) for f in facts} for m in METHODS.values()}
        )
        return 0
    header = ("name", "title", "reference", "year", "status", "seconds", "parameters")
    rows = []
    for m in METHODS.values():
        parameters = " ".join(f"{name}={value}" for name, value in m.parameters.items())
        known = m.name, m.title, m.reference, m.year or "", m.status
        rows.append((*known, f"{m.seconds:g}", parameters))
    print_text(table(header, rows))
    return 0
