"""What every metric needs: its checks, the two conventions, the integer grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..io import to_uint8
from ..validation import Image, as_image, as_sources, check_choice, check_same_shape

__all__ = ["CONVENTIONS", "GRID", "grid", "levels", "prepare", "snap"]

#: ``published``: what the released evaluation computes. ``exact``: the same
#: definition, freed from the rounding of floating-point arithmetic.
CONVENTIONS = ("published", "exact")

#: Steps from black to white on the grid of the exact convention: 8-bit values
#: (multiples of 257 * 1024), 16-bit values (multiples of 1024) and their halves
#: are whole numbers on it, and sums of squared Sobel gradients fit in 64 bits.
GRID = 65535 * 1024


def prepare(
    fused: Any, sources: Any, convention: str, name: str, minimum: int = 1
) -> tuple[Image, list[Image]]:
    """Check what every metric takes and return it as float64 arrays.

    Parameters
    ----------
    fused : array_like, shape (H, W)
        The fused image, in [0, 1].
    sources : sequence of array_like, shape (H, W)
        K >= 2 source images, in [0, 1].
    convention : str
        One of :data:`CONVENTIONS`.
    name : str
        The metric, for messages.
    minimum : int, optional
        Smallest side, in pixels, on which the metric is defined.

    Returns
    -------
    fused : numpy.ndarray, shape (H, W)
    sources : list of numpy.ndarray, shape (H, W)
        With ``convention="exact"``, rounded to the grid (see :func:`snap`).

    Raises
    ------
    InputError
        If one of them is not valid, or smaller than ``minimum``.
    """
    check_choice(convention, "convention", CONVENTIONS)
    fused = as_image(fused, "fused")
    images = as_sources(sources)
    check_same_shape([fused, images[0]], ["fused", "sources"])
    height, width = fused.shape
    if min(height, width) < minimum:
        raise InputError(
            f"fused must be at least {minimum}x{minimum} pixels for {name}, "
            f"got {height}x{width}"
        )
    if convention == "exact":
        return snap(fused), [snap(image) for image in images]
    return fused, images


def grid(image: Image) -> NDArray[np.int64]:
    """Return the nearest point of the integer grid for each intensity.

    Parameters
    ----------
    image : numpy.ndarray
        Intensities in [0, 1].

    Returns
    -------
    numpy.ndarray, int64
        Whole numbers from 0 to :data:`GRID`.
    """
    return np.rint(np.clip(image, 0, 1) * GRID).astype(np.int64)


def snap(image: Image) -> Image:
    """Round intensities to the grid, so that equal values are equal bit by bit.

    Parameters
    ----------
    image : numpy.ndarray
        Intensities in [0, 1].

    Returns
    -------
    numpy.ndarray, float64
        Multiples of 1 / :data:`GRID`, at most 7.5e-9 from the input.
    """
    return grid(image) / GRID


def levels(image: Image, convention: str) -> NDArray[np.uint8]:
    """Return 8-bit grey levels, rounding half up.

    Parameters
    ----------
    image : numpy.ndarray
        Intensities in [0, 1].
    convention : str
        ``published`` multiplies and rounds in floating point; ``exact`` rounds on
        the integer grid, where a half is exactly a half.

    Returns
    -------
    numpy.ndarray, uint8
        Levels from 0 to 255.
    """
    if convention == "published":
        return to_uint8(image)
    return ((2 * 255 * grid(image) + GRID) // (2 * GRID)).astype(np.uint8)
