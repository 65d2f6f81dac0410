"""``fusionlib fuse``: fuse two or more images."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import InputError
from .compared import add_method_options, fuse_by_method
from .options import add_fusion_options, fusion_config, print_json

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "fuse",
        help="fuse registered images",
        description="Fuse registered images of one size into an 8-bit image. Sources "
        "are grey, 8-bit or 16-bit; one of them may be in 8-bit colour: its luminance "
        "(BT.601) is fused, its chroma kept, and the result is in colour.",
    )
    parser.add_argument(
        "sources",
        metavar="IMAGE",
        nargs="+",
        help="source images: infrared, visible, and more if there are more; or the "
        "name of one pair of `fusionlib data list`",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT.png", help="the fused image"
    )
    add_fusion_options(parser)
    add_method_options(parser)
    parser.add_argument(
        "--register",
        action="store_true",
        help="first move the sources onto the colour one, or the first one, by phase "
        "correlation (rotation and shift)",
    )
    parser.add_argument(
        "--max-memory",
        metavar="1GB",
        help="memory that may be used; less makes the work slower",
    )
    parser.add_argument(
        "--json", action="store_true", help="print provenance as JSON on stdout"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fuse the files and write the result."""
    from ..evaluation.files import check_files, fuse_files

    names = check_files(arguments.sources, arguments.output)
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
    return 0
