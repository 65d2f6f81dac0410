"""``fusionlib fuse``: fuse two or more images."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ..errors import InputError
from .compared import add_method_options, fuse_by_method
from .options import add_fusion_options, fusion_config, is_terminal, print_json

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
        help="work tile by tile within this much memory (grey sources)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print provenance as JSON on stdout"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fuse the files and write the result."""
    from ..io import check_writable, read_image, read_pixels, write_image

    start = time.perf_counter()
    check_writable(arguments.output)
    paths = arguments.sources
    if len(paths) < 2:
        raise InputError(f"sources must be at least 2 images, got {len(paths)}")
    names = ["IR", "VIS", *(f"source {k}" for k in range(3, len(paths) + 1))]
    if arguments.method is not None:
        if arguments.register:
            raise InputError("--register is for the paper's method, so not --method")
        return fuse_by_method(arguments, names)
    if arguments.register and arguments.max_memory is not None:
        raise InputError("--register needs whole images, so not --max-memory")
    if arguments.dictionary is not None or arguments.param:
        raise InputError("--dictionary and --param need --method")
    config = fusion_config(arguments)
    # Large images are not held as floats.
    read = read_image if arguments.max_memory is None else read_pixels
    images = [
        read(path, name, colour=True) for path, name in zip(paths, names, strict=True)
    ]
    _check(images, paths)
    options = {
        "config": config,
        "weights": arguments.weights,
        "device": arguments.device,
    }
    if arguments.max_memory is None:
        from ..fusion import fuse

        result = fuse(images, register=arguments.register, **options)
        image, provenance = result.image, result.provenance
    else:
        image, provenance = _fuse_large(images, arguments.max_memory, options)
    write_image(arguments.output, image)
    if arguments.json:
        seconds = round(time.perf_counter() - start, 6)
        provenance["seconds"] = provenance.get("seconds", {}) | {"total": seconds}
        files = {"inputs": paths, "output": str(Path(arguments.output))}
        print_json(files | provenance)
    return 0


def _fuse_large(
    images: list[Any], max_memory: str, options: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Fuse tile by tile, with a progress bar on a terminal."""
    from tqdm import tqdm

    from ..tiling import fuse_large

    with tqdm(unit="tile", disable=not is_terminal()) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return fuse_large(images, max_memory=max_memory, progress=show, **options)


def _check(images: list[Any], paths: list[str]) -> None:
    """Name the files, not their positions, when sizes or colours do not fit."""
    from ..colour import split_sources
    from ..validation import check_same_shape

    check_same_shape(images, [str(path) for path in paths])
    split_sources(images, [str(path) for path in paths])
