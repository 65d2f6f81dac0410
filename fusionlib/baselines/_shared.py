"""What several of the compared methods need."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage

from ..errors import InputError
from ..validation import Image, as_sources

__all__ = ["as_pair", "gaussian", "in_range"]


def as_pair(sources: Any, method: str) -> tuple[Image, Image]:
    """Return exactly two registered sources, infrared first.

    Parameters
    ----------
    sources : sequence of array_like, each of shape (H, W)
        The infrared and the visible image;
        see :func:`fusionlib.validation.as_sources`.
    method : str
        Name of the method, for the message.

    Raises
    ------
    InputError
        If they are not two valid images of one size.
    """
    images = as_sources(sources)
    if len(images) != 2:
        raise InputError(
            f"sources must hold exactly 2 images for {method}, got {len(images)}"
        )
    return images[0], images[1]


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


def in_range(image: Image) -> Image:
    """Clip a fused image to [0, 1]."""
    return np.clip(image, 0.0, 1.0)
