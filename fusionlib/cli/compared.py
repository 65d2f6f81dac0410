"""``fusionlib fuse --method``: a compared method in place of the paper's."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ..errors import InputError
from .options import print_json, print_note

__all__ = ["add_method_options", "fuse_by_method", "say_written"]

#: Options of the paper's method, which no other method understands.
OWN_OPTIONS = (
    "preset", "weights", "layers", "lam", "radius", "input_scale", "precision",
    "device", "max_memory",
)  # fmt: skip

#: What those of them hold that were not given.
DEFAULTS = {"preset": "paper", "device": "auto"}


def add_method_options(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a compared method and its parameters."""
    group = parser.add_argument_group("compared methods")
    group.add_argument(
        "--method", metavar="NAME", help="fuse by one of `fusionlib methods` instead"
    )
    group.add_argument(
        "--dictionary",
        metavar="FILE",
        help="dictionary for a sparse method: .mat, .dat (variable D) or .safetensors",
    )
    group.add_argument(
        "--param",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="a parameter of that method, for instance convention=exact; may be "
        "repeated",
    )


def fuse_by_method(arguments: argparse.Namespace, names: list[str]) -> int:
    """Fuse the files by the method asked for, and write the result.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of ``fusionlib fuse``.
    names : list of str
        What to call each source in messages.

    Returns
    -------
    int
        The exit status.
    """
    start = time.perf_counter()
    from ..baselines import get_method

    method = get_method(arguments.method)
    for option in OWN_OPTIONS:
        if getattr(arguments, option, None) not in (None, DEFAULTS.get(option)):
            flag = "--" + option.replace("_", "-")
            raise InputError(
                f"{flag} belongs to the paper's method, not to "
                f"--method {arguments.method}"
            )
    from .._version import __version__
    from ..evaluation.files import read_sources
    from ..images.io import write_image

    parameters = dict(_parameter(text, method) for text in arguments.param)
    if arguments.dictionary is not None:
        if not method.takes_dictionary:
            raise InputError(f"--dictionary: method {method.name} takes none")
        parameters["dictionary"] = arguments.dictionary
    paths = arguments.sources
    colour = arguments.colour or "luminance"
    images, grey = read_sources(paths, names, colour)
    image = method(images, colour=colour, **parameters)
    write_image(arguments.output, image)
    record = {
        "inputs": paths,
        "output": str(Path(arguments.output)),
        "version": __version__,
        "method": method.name,
        "parameters": method.parameters | parameters,
        "shape": list(image.shape[:2]),
        "colour": colour,
        "taken_as_grey": grey,
        "seconds": {"total": round(time.perf_counter() - start, 6)},
    }
    if arguments.json:
        print_json(record)
    say_written(record, f"method {method.name}")
    return 0


def say_written(record: dict[str, Any], how: str) -> None:
    """Say on stderr what was written, how large, how fast and how."""
    size = "{}x{} pixels".format(*record["shape"])
    seconds = f"{record['seconds']['total']:.1f} s"
    print_note(f"wrote {record['output']} ({size}, {seconds}, {how})")


def _parameter(text: str, method: Any) -> tuple[str, Any]:
    """Read ``NAME=VALUE`` in the type of the parameter's default."""
    name, equals, value = text.partition("=")
    known = [key for key in method.parameters if key != "dictionary"]
    if not equals or name not in known:
        raise InputError(
            f"--param must be NAME=VALUE with a name from "
            f"{', '.join(known) or 'an empty list'} for method {method.name}, "
            f"got {text!r}"
        )
    kind = type(method.parameters[name])
    try:
        return name, kind(value)
    except ValueError:
        raise InputError(
            f"--param {name} must be of type {kind.__name__}, got {value!r}"
        ) from None
