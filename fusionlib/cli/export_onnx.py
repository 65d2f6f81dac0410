"""``fusionlib export-onnx``: write the network as ONNX."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import one_line
from .options import add_shared, print_json, print_text


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "export-onnx",
        help="write the network as ONNX",
        description="Write VGG-19 up to conv4_1 as ONNX: one grey channel in, the "
        "activity maps of the paper's four layers out, before and after the ReLU. "
        "The book's lab page runs it in the browser.",
        examples=("fusionlib export-onnx -o network.onnx --quantize int8",),
    )
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE.onnx", help="the file to write"
    )
    add_shared(parser, "--weights")
    parser.add_argument(
        "--quantize",
        metavar="int8|fp16",
        help="store the kernels in 8 or 16 bits (3.5 or 7 MB instead of 14)",
    )
    add_shared(parser, "--json", text="print what was written as JSON on stdout")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file and print its name."""
    from ..vgg.onnx import export_onnx

    written = export_onnx(
        arguments.weights, arguments.output, quantize=arguments.quantize
    )
    if arguments.json:
        print_json(written)
    else:
        print_text(one_line(written["path"]))
    return 0
