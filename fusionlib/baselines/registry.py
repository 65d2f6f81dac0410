"""The register of fusion methods.

A method is a function in a module of its own with the decorator ``method``, which
holds all that is known about it. Tables, the command line, the reference and the tests
that every method has to pass read :data:`METHODS`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from .._registry import as_table, complete, convention_parameter, insert
from ..data import open_sources
from ..images.colour import fuse_colours
from ..images.validation import Image, check_choice, check_keywords
from ._shared import prepare

__all__ = ["METHODS", "PAPER_METHODS", "STATUS", "Method", "get_method", "list_methods"]

#: How close a method is to what was published.
STATUS = {
    "exact": "outputs of its authors' program, or its defining formula, are met",
    "after the paper": "written from the paper; no program to compare with",
    "transform only": "the transform of the paper, with a common fusion rule",
}

#: The methods that the paper compares with, in the order of its tables.
PAPER_METHODS = ("cbf", "wls", "jsr", "jsrsd", "convsr")


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
        Who published it.
    year : int or None
        When; None for what was never published as a method.
    parameters : dict
        Keyword parameters of the function with their defaults.
    seconds : float
        Typical seconds for a pair of 270x360 pixels on two cores, measured.
    status : {"exact", "after the paper", "transform only"}
        How close it is to what was published, see
        :data:`~fusionlib.baselines.registry.STATUS`.
    function : callable
        ``function(sources, **parameters)`` returns the fused image.
    conventions : mapping of str to str
        What is computed under each, for a function with the keyword ``convention``.
    pair_only : bool
        Whether it takes exactly two sources, the infrared one first.
    smallest : int
        Smallest side of an image, in pixels.
    tolerance : float
        How far the result may be from an image that is given as every source.
    """

    name: str
    title: str
    reference: str
    year: int | None
    parameters: dict[str, Any]
    seconds: float
    status: str
    function: Callable[..., Image]
    conventions: Mapping[str, str] = field(default_factory=dict)
    pair_only: bool = False
    smallest: int = 1
    tolerance: float = 1e-12

    def __call__(
        self, *sources: Any, colour: str = "luminance", **parameters: Any
    ) -> Image:
        """Fuse, also in colour.

        Parameters
        ----------
        *sources : Pair, str, or K >= 2 of array_like and path-like
            The sources, as :func:`fusionlib.fusion.fuse` takes them; in colour, see
            :func:`fusionlib.images.colour.fuse_colours`.
        colour : {"luminance", "channels"}, optional
            Fuse the luminance of a colour source, or each channel on its own.
        **parameters
            Of ``function``.

        Returns
        -------
        numpy.ndarray, shape (H, W) or (H, W, 3)
            The fused image, in [0, 1].

        Raises
        ------
        InputError
            As ``function``, or if ``colour`` is something else.
        """
        return fuse_colours(
            lambda planes: self.function(planes, **parameters),
            open_sources(sources),
            colour,
        )

    @property
    def takes_dictionary(self) -> bool:
        """Whether the function has the parameter ``dictionary``."""
        return "dictionary" in self.parameters


_METHODS: dict[str, Method] = {}

#: All methods by name, those of the paper's tables first, then the others by year.
#:
#: :meta hide-value:
METHODS: Mapping[str, Method] = MappingProxyType(_METHODS)


def method(
    title: str,
    reference: str,
    year: int | None,
    *,
    seconds: float,
    status: str,
    **facts: Any,
) -> Callable[[Callable[..., Image]], Callable[..., Image]]:
    """Register a function as a method.

    The function gets its sources as checked float64 arrays; what it returns is clipped
    to [0, 1]. Its docstring is completed with what all methods share.

    Parameters
    ----------
    title, reference, year, seconds, status
        See :class:`Method`.
    **facts
        Further attributes of :class:`Method`, where the default is not right.
    """

    def register(function: Callable[..., Image]) -> Callable[..., Image]:
        @functools.wraps(function)
        def checked(*sources: Any, **options: Any) -> Image:
            check_keywords(options, list(entry.parameters), entry.name)
            if "convention" in options:
                check_choice(
                    options["convention"], "convention", list(entry.conventions)
                )
            images = prepare(
                open_sources(sources),
                entry.name,
                pair_only=entry.pair_only,
                smallest=entry.smallest,
            )
            return np.clip(function(images, **options), 0.0, 1.0)

        parameters = list(inspect.signature(function).parameters.values())[1:]
        entry = Method(
            name=function.__name__,
            title=title,
            reference=reference,
            year=year,
            parameters={parameter.name: parameter.default for parameter in parameters},
            seconds=seconds,
            status=check_choice(status, "status", list(STATUS)),
            function=checked,
            **facts,
        )
        complete(checked, _shared_sections(entry), like=function)
        insert(_METHODS, entry, _place)
        return checked

    return register


def _shared_sections(entry: Method) -> dict[str, str]:
    """Return what the docstrings of all methods have in common."""
    what = "K >= 2 images"
    if entry.pair_only:
        what = "Infrared and visible image, in this order"
    if entry.smallest > 1:
        what += f", at least {entry.smallest}x{entry.smallest} pixels"
    parameters = "sources : sequence of array_like, each of shape (H, W)\n"
    parameters += f"    {what}; in [0, 1]. Also a pair, its name, files, or one by one."
    if entry.conventions:
        parameters += "\n" + convention_parameter(entry.conventions)
    returns = "numpy.ndarray, shape (H, W), float64\n    The fused image, in [0, 1]."
    raises = "InputError\n    If the sources or a parameter are not valid."
    return {"Parameters": parameters, "Returns": returns, "Raises": raises}


def _place(entry: Method) -> int:
    """Return the place of a method in tables."""
    if entry.name in PAPER_METHODS:
        return PAPER_METHODS.index(entry.name)
    return len(PAPER_METHODS) + (entry.year or 0)


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


def describe() -> str:
    """Return the table of all methods in reStructuredText, for the reference."""
    rows = [
        [
            f":func:`~fusionlib.baselines.{m.name}`",
            m.title,
            f"{m.reference} {m.year or ''}".strip(),
            m.status,
            "2" if m.pair_only else "2 or more",
            f"{m.seconds:g}",
        ]
        for m in METHODS.values()
    ]
    return as_table(
        ["Method", "Title", "Published by", "Status", "Sources", "Seconds"], rows
    )
