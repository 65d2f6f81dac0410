"""Arguments and output that several subcommands share."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .._registry import CONVENTIONS
from ..errors import InputError, one_line, reason

#: Options of several subcommands: metavar, help, and what else argparse takes.
SHARED: Mapping[str, tuple[str | None, str, dict[str, Any]]] = {
    "--preset": ("NAME", "paper: as the text says; released: as the authors' released "
        "images were made, with features before the ReLU; recommended: more of both "
        "sources is kept (default: %(default)s)",
        {"default": "paper"}),
    "--weights": ("NAME|PATH", "oxford, imagenet, vgg16, seeded, or a .safetensors, "
        ".h5 or .pth file (default: FUSIONLIB_WEIGHTS, else what was fetched, else "
        "seeded)", {}),
    "--layers": ("NAME,...", "layers that give candidates (default: of the preset; "
        "paper: relu1_1,relu2_1,relu3_1,relu4_1)", {}),
    "--lam": ("NUMBER", "weight of the gradient penalty (default: of the preset; "
        "paper: 5)", {"type": float}),
    "--radius": ("NUMBER", "radius of the activity average, in samples of the layer "
        "(default: of the preset; paper: 1)", {"type": int}),
    "--input-scale": ("NUMBER", "factor on the detail content before the network "
        "(default: of the preset; paper: 1)", {"type": float}),
    "--colour": ("luminance|channels", "of a colour source, fuse the luminance and "
        "keep the chroma, or fuse red, green and blue each on its own (default: "
        "luminance)", {}),
    "--device": ("auto|cpu|cuda", "where to compute (default: %(default)s)",
        {"default": "auto"}),
    "--precision": ("fp32|bf16", "arithmetic of the network (default: fp32)", {}),
    "--register": (None, "first move the sources onto the colour one, or the first "
        "one, by phase correlation (rotation and shift)", {"action": "store_true"}),
    "--max-memory": ("SIZE", "memory that each process may use, such as 1GB; less is "
        "slower", {}),
    "--metrics": ("NAME,...", "names of metrics (default: all that the size of the "
        "images admits)", {}),
    "--convention": ("|".join(CONVENTIONS), "; ".join(
        f"{name}: {c.title}" for name, c in CONVENTIONS.items()
        ) + " (default: %(default)s)", {"default": next(iter(CONVENTIONS))}),
    "--json": (None, "print one JSON object on stdout", {"action": "store_true"}),
    "--workers": ("NUMBER", "processes on this machine (default: one a core, up to 4, "
        "or a quarter of the cores if that is more)", {"type": int}),
}  # fmt: skip


def add_shared(parser: Any, *flags: str, text: str | None = None) -> None:
    """Add options of :data:`SHARED` to a parser or a group, one with its own help."""
    for flag in flags:
        metavar, known, more = SHARED[flag]
        named = {"metavar": metavar} if metavar else {}
        parser.add_argument(flag, help=text or known, **named, **more)


def add_folder(parser: argparse.ArgumentParser) -> None:
    """Add the folder of the results."""
    parser.add_argument(
        "-o", "--output", required=True, metavar="DIR", help="folder of the results"
    )


def add_fusion_options(parser: argparse.ArgumentParser) -> None:
    """Add the parameters of the method, its weights and its device."""
    add_shared(
        parser.add_argument_group("method"), "--preset", "--weights", "--layers",
        "--lam", "--radius", "--input-scale", "--colour", "--device", "--precision",
        "--register", "--max-memory",
    )  # fmt: skip


def split(text: str | None) -> list[str] | None:
    """Return names that are separated by commas; None for no text."""
    return None if text is None else [name.strip() for name in text.split(",")]


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
