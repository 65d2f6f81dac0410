"""Fusion by a two-scale decomposition weighted by visual saliency."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from ..images.validation import Image, check_positive_int
from .registry import method

__all__ = ["two_scale"]


@method(
    "Two-scale saliency",
    "Bavirisetti, Dhuli",
    2016,
    seconds=0.02,
    status="after the paper",
)
def two_scale(sources: list[Image], *, window: int = 35, median: int = 3) -> Image:
    """Fuse by a two-scale decomposition weighted by visual saliency.

    A mean filter gives the base, the rest is detail. The saliency of a source is
    the squared difference of its mean-filtered and its median-filtered version;
    bases are averaged, details weighted by their share of the saliency.

    Parameters
    ----------
    window : int, optional
        Width of the mean filter in pixels, at least 1.
    median : int, optional
        Width of the median filter in pixels, at least 1.

    Notes
    -----
    The border is mirrored here; the implementation that its authors released wraps
    around, which mixes opposite edges of the image.

    References
    ----------
    * D. P. Bavirisetti, R. Dhuli, "Two-scale image fusion of visible and
      infrared images using saliency detection", Infrared Physics & Technology 76,
      2016. doi:10.1016/j.infrared.2016.01.009
    """
    window = check_positive_int(window, "window")
    median = check_positive_int(median, "median")
    bases = np.stack([scipy.ndimage.uniform_filter(s, window) for s in sources])
    saliency = np.stack(
        [
            (base - scipy.ndimage.median_filter(source, median)) ** 2
            for source, base in zip(sources, bases, strict=True)
        ]
    )
    total = saliency.sum(axis=0)
    flat = total == 0
    weights = np.where(flat, 1 / len(sources), saliency / np.where(flat, 1, total))
    details = np.stack(sources) - bases
    return bases.mean(axis=0) + (weights * details).sum(axis=0)
