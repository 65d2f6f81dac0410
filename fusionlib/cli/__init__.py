"""The command line: one module per subcommand, each imported without torch.

A subcommand module has ``add_parser(subparsers)``, which sets ``run`` to a
function that takes the parsed arguments and returns the exit status; whatever is
slow to import is imported inside that function.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Sequence

from .._version import __version__
from ..errors import InputError

__all__ = ["build_parser", "main"]

COMMANDS = (
    "fuse",
    "batch",
    "evaluate",
    "methods",
    "reproduce",
    "study",
    "data",
    "weights",
    "export_onnx",
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, without the usage text."""

    def error(self, message: str) -> None:  # type: ignore[override]
        self.exit(2, f"{self.prog}: error: {message}\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``fusionlib`` with all its subcommands."""
    parser = _Parser(
        prog="fusionlib",
        description="Infrared and visible image fusion with VGG-19 features "
        "(Li, Wu, Kittler, ICPR 2018).",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="log what is being done"
    )
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=_Parser
    )
    for name in COMMANDS:
        if importlib.util.find_spec(f"{__name__}.{name}"):
            importlib.import_module(f"{__name__}.{name}").add_parser(subparsers)
    return parser


def _one_line(message: Warning | str, *_: object, **__: object) -> str:
    """Format a warning without the place in the code it came from."""
    return f"warning: {message}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process by default.

    Returns
    -------
    int
        0 on success, 2 on bad input, 130 when interrupted.
    """
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as stop:
        return int(stop.code or 0)
    logging.basicConfig(
        level=logging.INFO if arguments.verbose else logging.WARNING,
        format="fusionlib: %(message)s",
        stream=sys.stderr,
    )
    logging.captureWarnings(True)
    warnings.formatwarning = _one_line
    try:
        return arguments.run(arguments)
    except InputError as error:
        print(f"fusionlib: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fusionlib: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`fusionlib data list | head`): not an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
