"""``fusionlib fuse``: fuse two or more images."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import InputError
from .compared import add_method_options, fuse_by_method, say_written
from .options import (
    add_fusion_options,
    fusion_config,
    is_terminal,
    print_json,
    print_note,
)

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "fuse",
        help="fuse registered images",
        description="Fuse registered images of one size into an 8-bit image. Sources "
        "are grey, 8-bit or 16-bit; one of them may be in 8-bit colour: its luminance "
        "(BT.601) is fused, its chroma kept, and the result is in colour.",
        examples=(
            "fusionlib fuse street -o x.png",
            "fusionlib fuse IR.png VIS.png -o fused.png --preset released --lam 10",
            "fusionlib fuse IR.png VIS.png -o wls.png --method wls",
        ),
    )
    parser.add_argument(
        "sources",
        metavar="IMAGE",
        nargs="+",
        help="source images: infrared, visible, and more if there are more; or the "
        "name of one pair of `fusionlib data list`",
    )
    parser.add_argument(
        "-o",
        "--output",
        default="fused.png",
        metavar="OUT.png",
        help="the fused image, also .tif or .bmp (default: %(default)s)",
    )
    add_fusion_options(parser)
    add_method_options(parser)
    parser.add_argument(
        "--json", action="store_true", help="print provenance as JSON on stdout"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fuse the files and write the result."""
    from ..evaluation.files import check_files, fuse_files
    from ..vgg.weights import KINDS

    names = check_files(arguments.sources, arguments.output)
    if is_terminal():
        print_note(f"fusing {' and '.join(arguments.sources)} ...")
    if arguments.method is not None:
        if arguments.register:
            raise InputError("--register is for the paper's method, so not --method")
        return fuse_by_method(arguments, names)
    if arguments.dictionary is not None or arguments.param:
        raise InputError("--dictionary and --param need --method")
    config = fusion_config(arguments)
    provenance = fuse_files(
        arguments.sources,
        arguments.output,
        config=config,
        weights=arguments.weights,
        device=arguments.device,
        register=arguments.register,
        max_memory=arguments.max_memory,
    )
    if arguments.json:
        print_json(provenance)
    weights = provenance["weights"]
    say_written(provenance, f"weights {weights['name']}: {KINDS[weights['kind']]}")
    return 0
