"""``fusionlib fuse``: fuse two or more images."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ..errors import InputError
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
        help="source images: infrared, visible, and more if there are more",
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="OUT.png", help="the fused image"
    )
    add_fusion_options(parser)
    parser.add_argument(
        "--json", action="store_true", help="print provenance as JSON on stdout"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fuse the files and write the result."""
    from ..io import check_writable, read_image, write_image

    start = time.perf_counter()
    config = fusion_config(arguments)
    check_writable(arguments.output)
    paths = arguments.sources
    if len(paths) < 2:
        raise InputError(f"sources must be at least 2 images, got {len(paths)}")
    names = ["IR", "VIS", *(f"source {k}" for k in range(3, len(paths) + 1))]
    images = [
        read_image(path, name, colour=True)
        for path, name in zip(paths, names, strict=True)
    ]
    _check(images, paths)

    from ..fusion import fuse

    result = fuse(
        images, config=config, weights=arguments.weights, device=arguments.device
    )
    write_image(arguments.output, result.image)
    if arguments.json:
        provenance = result.provenance
        provenance["seconds"]["total"] = round(time.perf_counter() - start, 6)
        files = {"inputs": paths, "output": str(Path(arguments.output))}
        print_json(files | provenance)
    return 0


def _check(images: list[Any], paths: list[str]) -> None:
    """Name the files, not their positions, when sizes or colours do not fit."""
    from ..colour import split_sources
    from ..validation import check_same_shape

    check_same_shape(images, [str(path) for path in paths])
    split_sources(images, [str(path) for path in paths])
