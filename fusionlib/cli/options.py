"""Arguments and output that several subcommands share."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

__all__ = [
    "add_fusion_options",
    "add_weights_option",
    "fusion_config",
    "is_terminal",
    "print_json",
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
        help="oxford, imagenet, seeded, or a .safetensors, .h5 or .pth file "
        "(default: FUSIONLIB_WEIGHTS, else what was fetched, else seeded)",
    )


def fusion_config(arguments: argparse.Namespace) -> Any:
    """Return the FusionConfig that the arguments describe."""
    from ..config import FusionConfig

    names = ("layers", "lam", "radius", "input_scale", "precision")
    given = {name: getattr(arguments, name) for name in names}
    changes = {name: value for name, value in given.items() if value is not None}
    return FusionConfig.preset(arguments.preset, **changes)


def is_terminal() -> bool:
    """Return whether progress can be shown: only when stderr is a terminal."""
    return sys.stderr.isatty()


def print_json(value: Any) -> None:
    """Print one JSON object on stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write("\n")


def table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as text columns under a header."""
    lines = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )
