"""``fusionlib setup``: fetch trained weights and the real pairs if possible."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import one_line
from .options import is_terminal

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "setup",
        help="fetch trained weights and the real pairs if the network allows",
        description="Fetch trained weights (oxford, else vgg16) and the 21 real pairs "
        "if the network allows. Without them the book and the tests work too. The "
        "status is 0 in any case.",
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        default=None,
        help="download nothing (so does the environment variable OFFLINE=1)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, and print one line that says what is here now."""
    from ..setup import setup

    found = setup(offline=arguments.offline, progress=is_terminal())
    line = "; ".join(f"{name}: {text}" for name, text in found.items())
    print(one_line(line))
    return 0
