"""``fusionlib info``: what a bug report should say."""

from __future__ import annotations

import argparse
import os
from typing import Any

from .options import print_text, table

#: Packages that decide what is computed.
PACKAGES = ("numpy", "scipy", "pillow", "torch", "numba", "scikit-image", "PyWavelets")


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "info",
        help="print versions, weights, data and processor, for a bug report",
        description="Print versions, the weights and the data that are here, and what "
        "the processor can do: what a bug report should say.",
        examples=("fusionlib info",),
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    import platform
    from importlib.metadata import version

    import torch

    from .._compute import processors
    from .._version import __version__
    from .setup import setup

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    rows = {
        "fusionlib": f"{__version__} in {os.path.dirname(os.path.dirname(__file__))}",
        "python": f"{platform.python_version()} on {platform.platform()}",
        **{name: version(name) for name in PACKAGES},
        "processor": f"{processors()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "gpu": gpu,
        **setup(offline=True),
    } | {
        name: text for name, text in os.environ.items() if name.startswith("FUSIONLIB")
    }
    print_text(table(("WHAT", "IS"), list(rows.items())))
    return 0
