"""Contrast, sharpness, correlation and error.

SD, SF and AG are in 8-bit grey levels (0..255), as the literature reports them; errors
are those of images in [0, 1].

References
----------
.. [1] A. M. Eskicioglu, P. S. Fisher, "Image quality measures and their
   performance", IEEE Transactions on Communications 43(12), 1995.
   https://doi.org/10.1109/26.477498
.. [2] G. Cui, H. Feng, Z. Xu, Q. Li, Y. Chen, "Detail preserved fusion of visible and
   infrared images using regional saliency extraction and multi-scale image
   decomposition", Optics Communications 341, 2015.
   https://doi.org/10.1016/j.optcom.2014.12.032
.. [3] V. Aslantas, E. Bendes, "A new image quality metric for image fusion: the sum of
   the correlations of differences", AEU 69(12), 2015.
   https://doi.org/10.1016/j.aeue.2015.09.004
"""

from __future__ import annotations

import math

import numpy as np

from ..images.validation import Image
from .registry import metric

__all__ = [
    "average_gradient",
    "correlation_coefficient",
    "mse",
    "psnr",
    "rmse",
    "scd",
    "spatial_frequency",
    "standard_deviation",
]

_CENTRAL = (
    "0..255, central differences, one-sided at the border; the sum divided by "
    "(H - 1)(W - 1)"
)


def _correlation(x: Image, y: Image) -> float:
    """Return the Pearson correlation, 0 if one of the two is constant."""
    # Taking the first sample off makes a constant exactly 0.
    x, y = x - x[0, 0], y - y[0, 0]
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / scale) if scale > 0 else 0.0


@metric(
    "SD",
    r"\mathrm{SD}",
    "Standard deviation, in grey levels",
    range=(0, 127.5),
    conventions={
        "published": "0..255, divided by N",
        "vifb": "as published",
        "tang": "in 8-bit integers, which saturate: values below the mean count as it, "
        "and squares above 255 as 255, so that it is never above 16",
    },
    reference="Elementary",
)
def standard_deviation(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return the standard deviation of the fused image, in grey levels.

    The sources are checked, but not used.
    """
    if convention == "tang":
        grey = 255 * fused
        above = np.floor(np.maximum(grey - grey.mean(), 0) + 0.5)
        return float(np.sqrt(np.minimum(above**2, 255).mean()))
    return float(255 * (fused - fused[0, 0]).std())


@metric(
    "SF",
    r"\mathrm{SF}",
    "Spatial frequency, in grey levels",
    range=(0, 255 * 2**0.5),
    conventions={
        "published": "0..255, means over the differences that exist",
        "vifb": "0..255, sums divided by the number of pixels; the channels of colour "
        "side by side in one image",
        "tang": "as published, on [0, 1]",
    },
    reference="Eskicioglu, Fisher 1995",
)
def spatial_frequency(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return the root of the mean squared differences along rows and columns.

    ``sqrt(mean(dx^2) + mean(dy^2))`` over the differences of neighbours that exist, in
    grey levels. The sources are checked, but not used.
    """
    total = 0.0
    for axis in (0, 1):
        difference = np.diff(fused, axis=axis)
        if difference.size:
            count = fused.size if convention == "vifb" else difference.size
            total += float((difference**2).sum()) / count
    return (1 if convention == "tang" else 255) * total**0.5


@metric(
    "AG",
    r"\mathrm{AG}",
    "Average gradient, in grey levels",
    range=(0, 4 * 255),
    smallest=2,
    conventions={
        "published": "0..255, forward differences",
        "vifb": _CENTRAL,
        "tang": _CENTRAL,
    },
    reference="Cui, Feng, Xu, Li, Chen 2015",
)
def average_gradient(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return the mean of ``sqrt((dx^2 + dy^2) / 2)``.

    In grey levels. The sources are checked, but not used.

    Notes
    -----
    Forward differences belong to the upper left of each 2x2 block, so flips change the
    published value. It is at most 255; the divisor of the other two is too small, by a
    factor of 4 on 2x2 pixels.
    """
    if convention != "published":
        down, across = np.gradient(fused)
        height, width = fused.shape
        total = float(np.sqrt((across**2 + down**2) / 2).sum())
        return 255 * total / ((height - 1) * (width - 1))
    across = np.diff(fused, axis=1)[:-1]
    down = np.diff(fused, axis=0)[:, :-1]
    return float(255 * np.sqrt((across**2 + down**2) / 2).mean())


@metric(
    "CC",
    r"\mathrm{CC}",
    "Mean correlation with the sources",
    range=(-1, 1),
    conventions={
        "published": "Pearson, 0 for a constant image",
        "exact": "as published, on the integer grid, where an image that is constant "
        "but for rounding is constant",
        "tang": "as published",
    },
    reference="Elementary",
)
def correlation_coefficient(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return the mean Pearson correlation of the fused image with each source."""
    return float(np.mean([_correlation(fused, source) for source in sources]))


@metric(
    "SCD",
    r"\mathrm{SCD}",
    "Sum of the correlations of differences",
    range=(-2, 2),
    conventions={
        "published": "Pearson, 0 for a constant difference",
        "exact": "as published, on the integer grid",
        "tang": "as published",
    },
    reference="Aslantas, Bendes 2015",
)
def scd(fused: Image, sources: list[Image], *, convention: str = "published") -> float:
    """Return the sum of the correlations of differences.

    ``sum_k r(F - mean of the other sources, S_k)``, from -K to K for K sources. For
    two it is ``r(F - S_2, S_1) + r(F - S_1, S_2)``.
    """
    total = 0.0
    for k, source in enumerate(sources):
        others = [other for n, other in enumerate(sources) if n != k]
        difference = fused - sum(others[1:], others[0]) / len(others)
        if convention == "exact":
            # differences of grid values are whole multiples, or fractions of K - 1
            difference = np.rint(difference * 2.0**40) / 2.0**40
        total += _correlation(difference, source)
    return total


@metric(
    "PSNR",
    r"\mathrm{PSNR}",
    "Peak signal-to-noise ratio to the sources, dB",
    range=(0, math.inf),
    conventions={
        "published": "peak 1 on [0, 1], squared error averaged over the sources before "
        "the logarithm",
        "vifb": "peak 255, and the RMSE of that convention in the place of the mean "
        "squared error: about 40 dB too high",
        "tang": "as published, but with the peak 255 on [0, 1]: 48.13 dB too high",
    },
    reference="Elementary",
)
def psnr(fused: Image, sources: list[Image], *, convention: str = "published") -> float:
    """Return the peak signal-to-noise ratio of the fused image to its sources.

    ``10 log10(peak^2 / MSE)`` in dB, with the mean squared error averaged over the
    sources before the logarithm, and the peak 1 that belongs to [0, 1]. Infinite if
    all images are equal.
    """
    error = _error(fused, sources, convention)
    peak = 1.0 if convention == "published" else 255.0
    return 10 * math.log10(peak**2 / error) if error > 0 else math.inf


def _error(fused: Image, sources: list[Image], convention: str) -> float:
    """Return the mean squared error, or what VIFB takes for it."""
    squares = [float(((fused - source) ** 2).sum()) for source in sources]
    if convention == "vifb":
        return float(np.mean([255 * math.sqrt(x) / fused.size for x in squares]))
    return float(np.mean(squares)) / fused.size


@metric(
    "RMSE",
    r"\mathrm{RMSE}",
    "Root mean squared error to the sources, mean",
    range=(0, 255),
    direction="lower",
    conventions={
        "published": "[0, 1], the mean of the roots",
        "vifb": "0..255, the root of the sum of squares, divided by the number of "
        "pixels: it falls as images grow",
    },
    reference="Elementary",
)
def rmse(fused: Image, sources: list[Image], *, convention: str = "published") -> float:
    """Return the root mean squared error, averaged over the sources."""
    if convention == "vifb":
        return _error(fused, sources, convention)
    roots = [math.sqrt(((fused - source) ** 2).mean()) for source in sources]
    return float(np.mean(roots))


@metric(
    "MSE",
    r"\mathrm{MSE}",
    "Mean squared error to the sources, mean",
    range=(0, 1),
    direction="lower",
    conventions={"published": "[0, 1]", "tang": "as published"},
    reference="Elementary",
)
def mse(fused: Image, sources: list[Image], *, convention: str = "published") -> float:
    """Return the mean squared error, averaged over the sources."""
    return _error(fused, sources, convention)
