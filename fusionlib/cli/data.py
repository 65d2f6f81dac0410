"""``fusionlib data``: list, fetch and verify image pairs."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import InputError, one_line
from .options import is_terminal, print_text, table

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("data", help="list, fetch or verify image pairs")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list all pairs")
    listing.set_defaults(run=run_list)
    numbers = {"metavar": "N", "nargs": "*", "help": "numbers of pairs (default: all)"}
    fetching = actions.add_parser("fetch", help="download the real pairs")
    fetching.add_argument("numbers", **numbers)
    fetching.set_defaults(run=run_fetch)
    verifying = actions.add_parser("verify", help="compare files with checksums")
    verifying.add_argument("numbers", **numbers)
    verifying.set_defaults(run=run_verify)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the pairs and whether they are here."""
    from ..data import data_dir, list_pairs

    rows = [
        (pair.name, "here" if pair.available else "not fetched", pair.title)
        for pair in list_pairs()
    ]
    print_text(table(("NAME", "STATE", "TITLE"), rows))
    print_text(f"real pairs are kept in {one_line(str(data_dir()))}")
    return 0


def run_fetch(arguments: argparse.Namespace) -> int:
    """Download pairs."""
    from ..data import fetch, registry

    folder = fetch(_numbers(arguments), progress=is_terminal())
    print_text(f"{one_line(str(folder))}\n{registry()['licence']}")
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Print each file's state; the status is 1 if one is not ok."""
    from ..data import verify

    states = verify(_numbers(arguments))
    print_text(table(("FILE", "STATE"), list(states.items())))
    return 0 if set(states.values()) == {"ok"} else 1


def _numbers(arguments: argparse.Namespace) -> list[int]:
    from ..data import NUMBERS
    from ..images.validation import as_whole_number

    numbers = []
    for text in arguments.numbers:
        number = as_whole_number(text.lower().removeprefix("tno"))
        if number not in NUMBERS:
            raise InputError(
                f"N must be a number from 1 to {NUMBERS[-1]}, got {text!r}"
            )
        numbers.append(number)
    return numbers or list(NUMBERS)
