"""Contrast, sharpness and correlation.

SD, SF and AG are in 8-bit grey levels (0..255), as the literature reports them.

References
----------
.. [1] A. M. Eskicioglu, P. S. Fisher, "Image quality measures and their
   performance", IEEE Transactions on Communications 43(12), 1995.
.. [2] G. Cui, H. Feng, Z. Xu, Q. Li, Y. Chen, "Detail preserved fusion of visible and
   infrared images using regional saliency extraction and multi-scale image
   decomposition", Optics Communications 341, 2015.
.. [3] V. Aslantas, E. Bendes, "A new image quality metric for image fusion: the sum of
   the correlations of differences", AEU 69(12), 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..validation import Image
from ._common import prepare

__all__ = [
    "average_gradient",
    "correlation_coefficient",
    "scd",
    "spatial_frequency",
    "standard_deviation",
]


def _correlation(x: Image, y: Image) -> float:
    """Return the Pearson correlation, 0 if one of the two is constant."""
    # Taking the first sample off makes a constant exactly 0.
    x, y = x - x[0, 0], y - y[0, 0]
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / scale) if scale > 0 else 0.0


def standard_deviation(
    fused: Any, sources: Any, *, convention: str = "published"
) -> float:
    """Return the standard deviation of the fused image.

    Parameters
    ----------
    fused : array_like, shape (H, W)
        The fused image, in [0, 1].
    sources : sequence of array_like, shape (H, W)
        K >= 2 source images; checked, but not used.
    convention : {"published", "exact"}, optional
        The value does not depend on rounding; ``exact`` rounds the input to the
        common grid and then computes the same.

    Returns
    -------
    float
        Grey levels, from 0 to 127.5; higher is better.

    Raises
    ------
    InputError
        If an argument is not valid.
    """
    fused, _ = prepare(fused, sources, convention, "SD")
    return float(255 * (fused - fused[0, 0]).std())


def spatial_frequency(
    fused: Any, sources: Any, *, convention: str = "published"
) -> float:
    """Return the root of the mean squared differences along rows and columns.

    Parameters
    ----------
    fused, sources, convention
        As for :func:`standard_deviation`.

    Returns
    -------
    float
        ``sqrt(mean(dx^2) + mean(dy^2))`` over the differences of neighbours that
        exist, in grey levels, from 0 to 255 sqrt(2); higher is better.

    Raises
    ------
    InputError
        If an argument is not valid.
    """
    fused, _ = prepare(fused, sources, convention, "SF")
    total = 0.0
    for axis in (0, 1):
        difference = np.diff(fused, axis=axis)
        if difference.size:
            total += float((difference**2).mean())
    return 255 * total**0.5


def average_gradient(
    fused: Any, sources: Any, *, convention: str = "published"
) -> float:
    """Return the mean of ``sqrt((dx^2 + dy^2) / 2)`` with forward differences.

    Parameters
    ----------
    fused, sources, convention
        As for :func:`standard_deviation`; at least 2x2 pixels.

    Returns
    -------
    float
        Grey levels, from 0 to 255; higher is better.

    Raises
    ------
    InputError
        If an argument is not valid.

    Notes
    -----
    dx and dy belong to the upper left of each 2x2 block, so flips change the value.
    """
    fused, _ = prepare(fused, sources, convention, "AG", 2)
    across = np.diff(fused, axis=1)[:-1]
    down = np.diff(fused, axis=0)[:, :-1]
    return float(255 * np.sqrt((across**2 + down**2) / 2).mean())


def correlation_coefficient(
    fused: Any, sources: Any, *, convention: str = "published"
) -> float:
    """Return the mean Pearson correlation of the fused image with each source.

    Parameters
    ----------
    fused : array_like, shape (H, W)
        The fused image, in [0, 1].
    sources : sequence of array_like, shape (H, W)
        K >= 2 source images, in [0, 1].
    convention : {"published", "exact"}, optional
        ``exact`` rounds the input to the common grid, so that images that are
        constant but for rounding count as constant.

    Returns
    -------
    float
        From -1 to 1; higher is better. The correlation with a constant is 0.

    Raises
    ------
    InputError
        If an argument is not valid.
    """
    fused, images = prepare(fused, sources, convention, "CC")
    return float(np.mean([_correlation(fused, image) for image in images]))


def scd(fused: Any, sources: Any, *, convention: str = "published") -> float:
    """Return the sum of the correlations of differences.

    Parameters
    ----------
    fused, sources, convention
        As for :func:`correlation_coefficient`.

    Returns
    -------
    float
        ``sum_k r(F - mean of the other sources, S_k)``, from -K to K; higher is
        better. For two sources it is ``r(F - S_2, S_1) + r(F - S_1, S_2)``.

    Raises
    ------
    InputError
        If an argument is not valid.
    """
    fused, images = prepare(fused, sources, convention, "SCD")
    total = 0.0
    for k, image in enumerate(images):
        others = [other for n, other in enumerate(images) if n != k]
        difference = fused - sum(others[1:], others[0]) / len(others)
        if convention == "exact":
            # differences of grid values are whole multiples, or fractions of K - 1
            difference = np.rint(difference * 2.0**40) / 2.0**40
        total += _correlation(difference, image)
    return total
