"""What every metric needs: checks of the images, and the integer grid."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._registry import CONVENTIONS, complete, convention_parameter
from ..errors import InputError
from ..images.io import to_uint8
from ..images.validation import (
    Image,
    as_image,
    as_sources,
    check_choice,
    check_same_shape,
    check_smallest,
    is_colour,
)

#: Steps from black to white on the grid of the exact convention: 8-bit values
#: (multiples of 257 * 1024), 16-bit values (multiples of 1024) and their halves
#: are whole numbers on it, and sums of squared Sobel gradients fit in 64 bits.
GRID = 65535 * 1024

#: Conventions of 8-bit files.
_OF_LEVELS = tuple(name for name, entry in CONVENTIONS.items() if entry.levels)


def check_order(fused: Any, sources: Any) -> None:
    """Refuse sources and fused image in the wrong order."""
    one = [getattr(x, "ndim", 0) == 2 or is_colour(x) or hasattr(x, "image")
           for x in (fused, sources)]  # fmt: skip
    if one == [False, True]:
        raise InputError("fused comes first, then sources: evaluate(fused, sources)")


def prepare(
    fused: Any, sources: Any, name: str = "metrics", smallest: int = 1
) -> tuple[Image, list[Image]]:
    """Return fused image and sources, all of shape (H, W), as float64 arrays.

    Raises
    ------
    InputError
        If one of them is not valid, or a side is below ``smallest``, from which on what
        is called ``name`` is defined.
    """
    check_order(fused, sources)
    fused = as_image(fused, "fused")
    images = as_sources(sources)
    check_same_shape([fused, images[0]], ["fused", "sources"])
    check_smallest(fused, smallest, "fused", f"for {name}")
    return fused, images


def takes_images(
    name: str, conventions: str | Mapping[str, str], smallest: int = 1
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Check and convert the images for a function, and complete its docstring.

    Parameters
    ----------
    name : str
        What is computed, for messages.
    conventions : str or mapping of str to str
        What is computed under each convention. With a mapping, the function has the
        keyword ``convention``; a text describes the only one, ``published``.
    smallest : int, optional
        Smallest side of an image, in pixels.

    Returns
    -------
    callable
        The decorator. The function gets float64 arrays, in the exact convention
        rounded to the grid (see :func:`snap`), in those of 8-bit files to 8 bits.
    """
    known = conventions
    if isinstance(known, str):
        known = {next(iter(CONVENTIONS)): known}

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def checked(fused: Any, sources: Any, **options: Any) -> Any:
            convention = options.get("convention", next(iter(known)))
            check_choice(convention, "convention", tuple(known))
            fused, images = prepare(fused, sources, name, smallest)
            if convention == "exact":
                fused, images = snap(fused), [snap(image) for image in images]
            elif convention in _OF_LEVELS:
                fused, *images = (to_uint8(x) / 255 for x in (fused, *images))
            return function(fused, images, **options)

        complete(checked, _shared_sections(known, smallest), like=function)
        vars(checked)["facts"] = {
            "conventions": known,
            "smallest": smallest,
            "whole": checked,
            "part": float,
        }
        return checked

    return decorate


def part_of(
    whole: Callable[..., Any], without: Sequence[str] = ()
) -> Callable[..., Callable[..., float]]:
    """Make a function of the images from one that reads a value from a result.

    Parameters
    ----------
    whole : callable
        Made by :func:`takes_images`. :func:`~fusionlib.metrics.evaluate` calls it once
        for all metrics that are read from its result.
    without : sequence of str, optional
        Conventions of ``whole`` that the metric does not have.

    Returns
    -------
    callable
        The decorator, for functions of what ``whole`` returns.
    """
    facts: dict[str, Any] = vars(whole)["facts"]
    conventions = {n: t for n, t in facts["conventions"].items() if n not in without}

    def decorate(part: Callable[[Any], float]) -> Callable[..., float]:
        @functools.wraps(part)
        def read(fused: Any, sources: Any, **options: Any) -> float:
            if without and "convention" in options:
                check_choice(options["convention"], "convention", tuple(conventions))
            return part(whole(fused, sources, **options))

        complete(read, _shared_sections(conventions, facts["smallest"]), like=whole)
        vars(read)["facts"] = facts | {"part": part, "conventions": conventions}
        return read

    return decorate


def _shared_sections(conventions: Mapping[str, str], smallest: int) -> dict[str, str]:
    """Return what the docstrings of all functions of the images have in common."""
    least = f", at least {smallest}x{smallest} pixels" if smallest > 1 else ""
    parameters = (
        f"fused : array_like, shape (H, W)\n    The fused image, in [0, 1]{least}.\n"
        "sources : sequence of array_like, shape (H, W)\n"
        "    K >= 2 source images, in [0, 1]."
    )
    if len(conventions) > 1:
        parameters += "\n" + convention_parameter(conventions)
    raises = "InputError\n    If an argument is not valid."
    return {"Parameters": parameters, "Raises": raises}


def grid(image: Image) -> NDArray[np.int64]:
    """Return the nearest whole number from 0 to :data:`GRID` for each intensity."""
    return np.rint(np.clip(image, 0, 1) * GRID).astype(np.int64)


def snap(image: Image) -> Image:
    """Round intensities to the grid, so that equal values are equal bit by bit.

    The results are multiples of 1 / :data:`GRID`, at most 7.5e-9 from the input.
    """
    return grid(image) / GRID


def levels(image: Image, convention: str) -> NDArray[np.uint8]:
    """Return 8-bit grey levels of intensities in [0, 1], rounding half up.

    ``exact`` rounds on the integer grid, where a half is exactly a half; all other
    conventions multiply and round in floating point.
    """
    if convention != "exact":
        return to_uint8(image)
    return ((2 * 255 * grid(image) + GRID) // (2 * GRID)).astype(np.uint8)


def ratio(above: Image, below: Image, otherwise: float) -> Image:
    """Return ``above / below``, and a constant where ``below`` is not above 0."""
    out = np.full_like(below, otherwise)
    return np.divide(above, below, out=out, where=below > 0)


def grey_levels(image: Image) -> Image:
    """Return intensities from 0 to 255, to a millionth of a level.

    So levels of 8-bit images are whole numbers, whatever rounding they have seen.
    """
    return np.round(255 * image, 6)


def stretched(image: Image) -> Image:
    """Return whole grey levels stretched from 0 to 255, as several toolboxes do first.

    ``round(255 (I - min) / (max - min))`` in float64; zeros for a constant image, where
    the toolboxes divide by zero.
    """
    image = grey_levels(image)
    low, high = image.min(), image.max()
    if low == high:
        return np.zeros_like(image)
    return np.floor((image - low) / (high - low) * 255 + 0.5)
