"""``fusionlib fuse --method``: a compared method in place of the paper's."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from ..errors import InputError

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


def compared_method(
    arguments: argparse.Namespace,
) -> Callable[[list[Any]], tuple[Any, dict[str, Any]]]:
    """Return what fuses images by the method asked for and says how.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of ``fusionlib fuse``.
    """
    from .._version import __version__
    from ..baselines import get_method

    method = get_method(arguments.method)
    for option in OWN_OPTIONS:
        if getattr(arguments, option, None) not in (None, DEFAULTS.get(option)):
            flag = "--" + option.replace("_", "-")
            raise InputError(
                f"{flag} belongs to the paper's method, not to "
                f"--method {arguments.method}"
            )
    parameters = dict(_parameter(text, method) for text in arguments.param)
    if arguments.dictionary is not None:
        if not method.takes_dictionary:
            raise InputError(f"--dictionary: method {method.name} takes none")
        parameters["dictionary"] = arguments.dictionary
    colour = arguments.colour or "luminance"

    def fuse(images: list[Any]) -> tuple[Any, dict[str, Any]]:
        fused = method(images, colour=colour, **parameters)
        return fused, {
            "version": __version__,
            "method": method.name,
            "parameters": method.parameters | parameters,
            "shape": list(fused.shape[:2]),
            "colour": colour,
        }

    return fuse


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
