"""``fusionlib fuse``: fuse two or more images."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import InputError
from .compared import add_method_options, compared_method
from .options import (
    add_fusion_options,
    add_shared,
    fusion_config,
    is_terminal,
    print_json,
    print_note,
)


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
    add_shared(parser, "--json", text="print provenance as JSON on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fuse the files and write the result."""
    from ..config import FusionConfig
    from ..evaluation.files import check_files, fuse_files
    from ..vgg.weights import KINDS

    check_files(arguments.sources, arguments.output)
    method, config = None, FusionConfig(colour=arguments.colour or "luminance")
    if arguments.method is None:
        if arguments.dictionary is not None or arguments.param:
            raise InputError("--dictionary and --param need --method")
        config = fusion_config(arguments)
    elif arguments.register:
        raise InputError("--register is for the paper's method, so not --method")
    else:
        method = compared_method(arguments)
    if is_terminal():
        print_note(f"fusing {' and '.join(arguments.sources)} ...")
    record = fuse_files(
        arguments.sources,
        arguments.output,
        config=config,
        method=method,
        weights=arguments.weights,
        device=arguments.device,
        register=arguments.register,
        max_memory=arguments.max_memory,
    )
    if arguments.json:
        print_json(record)
        return 0
    how = f"method {arguments.method}"
    if weights := record.get("weights"):
        how = f"weights {weights['name']}: {KINDS[weights['kind']]}"
    size, seconds = "{}x{} pixels".format(*record["shape"]), record["seconds"]["total"]
    print_note(f"wrote {record['output']} ({size}, {seconds:.1f} s, {how})")
    return 0
