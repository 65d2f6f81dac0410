"""What several of the compared methods need."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage

from ..errors import InputError
from ..images.validation import Image, as_sources

__all__ = ["choose_largest", "gaussian", "prepare"]


def prepare(
    sources: Any, name: str, *, pair_only: bool = False, smallest: int = 1
) -> list[Image]:
    """Check the sources of a method and return them as float64 arrays.

    Parameters
    ----------
    sources : sequence of array_like, each of shape (H, W)
        The images; see :func:`fusionlib.images.validation.as_sources`.
    name : str
        Name of the method, for messages.
    pair_only : bool, optional
        Whether there must be exactly two.
    smallest : int, optional
        Smallest side in pixels.

    Raises
    ------
    InputError
        If they are not valid images of one size, too many or too small.
    """
    images = as_sources(sources)
    if pair_only and len(images) != 2:
        raise InputError(
            f"sources must hold exactly 2 images for {name}, got {len(images)}"
        )
    height, width = images[0].shape
    if min(height, width) < smallest:
        raise InputError(
            f"sources must be at least {smallest}x{smallest} pixels for {name}, "
            f"got {height}x{width}"
        )
    return images


def gaussian(image: Image, sigma: float, radius: int, mode: str) -> Image:
    """Filter with a sampled Gaussian that sums to one.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W)
        The image.
    sigma : float
        Standard deviation in pixels.
    radius : int
        The window is ``2 radius + 1`` pixels wide.
    mode : str
        Border as :mod:`scipy.ndimage` names it: ``nearest`` repeats the edge,
        ``reflect`` is the half-sample mirror.
    """
    return scipy.ndimage.gaussian_filter(image, sigma, mode=mode, radius=radius)


def choose_largest(planes: list[Image]) -> Image:
    """Return at each place the value of largest magnitude (the first of equals)."""
    stack = np.stack(planes)
    winner = np.abs(stack).argmax(axis=0)
    return np.take_along_axis(stack, winner[None], axis=0)[0]
