"""``fusionlib info``: what a bug report should say."""

from __future__ import annotations

import argparse
import os
from typing import Any

from .options import print_text, table

__all__ = ["add_parser"]

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
    from ..data import NUMBERS, data_dir, real_pairs, vifb_pairs
    from ..errors import InputError
    from ..vgg.weights import quiet_weights

    try:
        weights = quiet_weights().label
    except InputError as error:
        weights = str(error)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    rows = {
        "fusionlib": f"{__version__} in {os.path.dirname(os.path.dirname(__file__))}",
        "python": f"{platform.python_version()} on {platform.platform()}",
        **{name: version(name) for name in PACKAGES},
        "processor": f"{processors()} cores, {torch.backends.cpu.get_cpu_capability()}",
        "gpu": gpu,
        "weights": weights,
        "data": f"{len(real_pairs())} of {len(NUMBERS)} TNO pairs and "
        f"{len(vifb_pairs())} of VIFB in {data_dir()}",
    }
    names = (name for name in sorted(os.environ) if name.startswith("FUSIONLIB_"))
    print_text(
        table(("WHAT", "IS"), [*rows.items(), *((n, os.environ[n]) for n in names)])
    )
    return 0
