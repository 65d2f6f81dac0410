"""Arguments and output that several subcommands share."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import InputError, one_line, reason

__all__ = [
    "add_fusion_options",
    "add_weights_option",
    "flush_stdout",
    "fusion_config",
    "is_terminal",
    "print_json",
    "print_note",
    "print_text",
    "table",
]


def add_fusion_options(parser: argparse.ArgumentParser) -> None:
    """Add the parameters of the method, its weights and its device."""
    group = parser.add_argument_group("method")
    group.add_argument(
        "--preset",
        default="paper",
        metavar="paper|released",
        help="paper: as the text says (default); released: as the authors' released "
        "images were made, with features before the ReLU",
    )
    add_weights_option(group)
    group.add_argument(
        "--layers", metavar="relu1_1,...", help="layers that give candidates"
    )
    group.add_argument(
        "--lam", type=float, metavar="5", help="weight of the gradient penalty"
    )
    group.add_argument(
        "--radius", type=int, metavar="1", help="radius of the activity average"
    )
    group.add_argument(
        "--input-scale",
        type=float,
        metavar="1",
        help="factor on the detail content before the network",
    )
    group.add_argument(
        "--colour",
        metavar="luminance|channels",
        help="of a colour source, fuse the luminance and keep the chroma (default), or "
        "fuse red, green and blue each on its own",
    )
    group.add_argument(
        "--device", default="auto", metavar="auto|cpu|cuda", help="where to compute"
    )
    group.add_argument(
        "--precision",
        metavar="fp32|bf16",
        help="arithmetic of the network (default: fp32)",
    )


def add_weights_option(parser: Any) -> None:
    """Add which weights to use, to a parser or a group of one."""
    parser.add_argument(
        "--weights",
        metavar="NAME|PATH",
        help="oxford, imagenet, vgg16, seeded, or a .safetensors, .h5 or .pth file "
        "(default: FUSIONLIB_WEIGHTS, else what was fetched, else seeded)",
    )


def fusion_config(arguments: argparse.Namespace) -> Any:
    """Return the FusionConfig that the arguments describe."""
    from ..config import FusionConfig

    names = ("layers", "lam", "radius", "input_scale", "precision", "colour")
    given = {name: getattr(arguments, name) for name in names}
    changes = {name: value for name, value in given.items() if value is not None}
    return FusionConfig.preset(arguments.preset, **changes)


def is_terminal() -> bool:
    """Return whether progress can be shown: only when stderr is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


def print_json(value: Any) -> None:
    """Print one JSON object on stdout, in ASCII where stdout has no more.

    Raises
    ------
    InputError
        As :func:`print_text`.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2, allow_nan=False)
    print_text(text)


def print_text(text: str) -> None:
    """Print lines on stdout.

    Raises
    ------
    InputError
        If it is closed, or cannot be written: a full disk, say.
    """
    if sys.stdout is None:
        raise InputError("standard output is closed")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # ValueError: closed
        raise _no_stdout(error) from None


def print_note(text: str) -> None:
    """Print a line on stderr, if there is one."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            print(one_line(text), file=sys.stderr)


def flush_stdout() -> None:
    """Write out what was printed, so that an error is seen.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        raise _no_stdout(error) from None


def _no_stdout(error: Exception) -> InputError:
    return InputError(f"standard output cannot be written ({reason(error)})")


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as text columns under a header."""
    lines = [[one_line(str(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
