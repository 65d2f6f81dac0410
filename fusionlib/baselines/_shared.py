"""What several of the compared methods need."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import scipy.ndimage

from ..errors import InputError
from ..validation import Image, as_sources

__all__ = ["as_pair", "cpu_count", "gaussian", "in_range"]


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


def cpu_count() -> int:
    """Return how many threads to use.

    The processors that this process may use, or fewer where ``OMP_NUM_THREADS``
    says so, as for the libraries underneath.
    """
    if hasattr(os, "sched_getaffinity"):
        processors = len(os.sched_getaffinity(0))
    else:
        processors = os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(processors, int(limit)) if limit.isdigit() and int(limit) else processors
