"""Fusion by a two-scale decomposition weighted by visual saliency."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter, uniform_filter

from ..images.validation import Image, check_positive_int
from .registry import method

__all__ = ["two_scale"]


@method(
    "Two-scale saliency",
    "Bavirisetti, Dhuli",
    2016,
    seconds=0.02,
    status="exact",
    conventions={
        "published": "the mean filter wraps around, which mixes opposite edges, and "
        "the median filter sees zeros outside",
        "exact": "both filters mirror the border",
    },
)
def two_scale(
    sources: list[Image],
    *,
    window: int = 35,
    median: int = 3,
    convention: str = "published",
) -> Image:
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

    References
    ----------
    * D. P. Bavirisetti, R. Dhuli, "Two-scale image fusion of visible and
      infrared images using saliency detection", Infrared Physics & Technology 76,
      2016. https://doi.org/10.1016/j.infrared.2016.01.009
    """
    window = check_positive_int(window, "window")
    median = check_positive_int(median, "median")
    published = convention == "published"
    borders = ("wrap", "constant") if published else ("reflect", "reflect")
    bases = np.stack([uniform_filter(s, window, mode=borders[0]) for s in sources])
    medians = np.stack([median_filter(s, median, mode=borders[1]) for s in sources])
    saliency = (bases - medians) ** 2
    total = saliency.sum(axis=0)
    flat = total == 0
    weights = np.where(flat, 1 / len(sources), saliency / np.where(flat, 1, total))
    details = np.stack(sources) - bases
    return bases.mean(axis=0) + (weights * details).sum(axis=0)
