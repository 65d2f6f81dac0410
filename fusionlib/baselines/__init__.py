"""The methods that the paper compares with, and simple references beside them.

Every method is a function ``f(sources, **parameters)`` that takes registered grey
images in [0, 1], the infrared one first, and returns the fused image as float64 in
[0, 1]. They are registered by name in :data:`METHODS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..validation import Image, check_choice
from ._cbf import cbf
from ._convsr import convsr
from ._jsr import jsr, jsrsd, learn_patch_dictionary
from ._simple import dwt, laplacian, maximum, mean, two_scale
from ._wls import wls

__all__ = [
    "METHODS",
    "Method",
    "cbf",
    "convsr",
    "dwt",
    "get_method",
    "jsr",
    "jsrsd",
    "laplacian",
    "learn_patch_dictionary",
    "list_methods",
    "maximum",
    "mean",
    "two_scale",
    "wls",
]


@dataclass(frozen=True)
class Method:
    """A registered fusion method.

    Attributes
    ----------
    name : str
        What the command line and :func:`get_method` call it.
    title : str
        What tables call it.
    reference : str
        Where it was published.
    year : int or None
        When; None for what was never published as a method.
    parameters : dict
        Keyword parameters of the function with their defaults.
    seconds : float
        Typical seconds for a pair of 270x360 pixels on two cores, measured.
    takes_dictionary : bool
        Whether the function has the parameter ``dictionary``.
    function : callable
        ``function(sources, **parameters)`` returns the fused image.
    """

    name: str
    title: str
    reference: str
    year: int | None
    parameters: dict[str, Any]
    seconds: float
    takes_dictionary: bool
    function: Callable[..., Image]


def _method(
    function: Callable[..., Image],
    title: str,
    reference: str,
    year: int | None,
    seconds: float,
) -> Method:
    """Describe a function; its signature is the one source for its parameters."""
    parameters = {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    return Method(
        function.__name__,
        title,
        reference,
        year,
        parameters,
        seconds,
        "dictionary" in parameters,
        function,
    )


#: The methods by name, in the order of the paper's tables, simple ones last.
METHODS: MappingProxyType[str, Method] = MappingProxyType(
    {
        method.name: method
        for method in (
            _method(cbf, "CBF", "Shreyamsha Kumar", 2013, 0.3),
            _method(wls, "WLS", "Ma, Zhou, Wang, Zong", 2017, 0.15),
            _method(jsr, "JSR", "Zhang, Fu, Li, Zou", 2013, 12.0),
            _method(jsrsd, "JSRSD", "Liu, Qi, Ding", 2017, 12.0),
            _method(convsr, "ConvSR", "Liu, Chen, Ward, Wang", 2016, 7.0),
            _method(mean, "Mean", "pointwise", None, 0.01),
            _method(maximum, "Maximum", "pointwise", None, 0.01),
            _method(laplacian, "Laplacian pyramid", "Burt, Adelson", 1983, 0.02),
            _method(dwt, "DWT", "Li, Manjunath, Mitra", 1995, 0.02),
            _method(two_scale, "Two-scale saliency", "Bavirisetti, Dhuli", 2016, 0.02),
        )
    }
)


def list_methods() -> list[str]:
    """Return the names of all methods, in the order of the tables."""
    return list(METHODS)


def get_method(name: str) -> Method:
    """Return the method of that name.

    Raises
    ------
    InputError
        If there is none; the message lists the names.
    """
    return METHODS[check_choice(name, "method", list_methods())]
