"""Fidelity to the sources: visual information fidelity, and its form for fusion.

References
----------
.. [1] Y. Han, Y. Cai, Y. Cao, X. Xu, "A new image fusion performance metric based on
   visual information fidelity", Information Fusion 14(2), 2013.
   https://doi.org/10.1016/j.inffus.2011.08.002
.. [2] H. R. Sheikh, A. C. Bovik, "Image information and visual quality", IEEE
   Transactions on Image Processing 15(2), 2006. https://doi.org/10.1109/TIP.2005.859378
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .._compute import parallel_map
from ..images.validation import Image
from ._windows import gaussian, smooth
from .registry import metric

__all__ = ["vif", "vif_fusion"]

#: Variance of the visual noise, on 0..255: of VIFF, and of VIF.
NOISE, VIF_NOISE = 0.005 * 255**2, 2.0
#: Added to the information of each window, so that flat images have a ratio.
OFFSET = 1e-7
#: Variances below it count as zero.
TINY = 1e-10
#: Window sides of the four scales, and their shares in the value.
WINDOWS = (17, 9, 5, 3)
SHARES = (1 / 2.15, 0.0, 0.15 / 2.15, 1 / 2.15)


def _information(
    source: Image,
    window: NDArray[np.float64],
    fused: Image,
    fused_mean: Image,
    fused_variance: Image,
    noise: float,
    highest: float = math.inf,
) -> tuple[Image, Image, Image]:
    """Return, per window, the information kept and available, and the gain g.

    Products of two levels are not above ``highest``.
    """
    source_mean = smooth(source, window)
    square, product = (np.minimum(source * x, highest) for x in (source, fused))
    variance = np.maximum(smooth(square, window) - source_mean**2, 0)
    covariance = smooth(product, window) - source_mean * fused_mean
    gain = covariance / (variance + TINY)
    blur = fused_variance - gain * covariance
    flat = variance < TINY
    gain[flat] = 0
    blur = np.where(flat, fused_variance, blur)
    variance[flat] = 0
    flat = fused_variance < TINY
    gain[flat] = 0
    blur[flat] = 0
    negative = gain < 0
    blur = np.where(negative, fused_variance, blur)
    gain[negative] = 0
    blur = np.maximum(blur, TINY)
    kept = np.log10(1 + gain**2 * variance / (blur + noise))
    available = np.log10(1 + variance / noise)
    return kept, available, gain


@metric(
    "VIFF",
    r"\mathrm{VIFF}",
    "Visual information fidelity for fusion",
    range=(0, math.inf),
    smallest=41,  # the coarsest scale has a window
    conventions={
        "published": "four scales, 0..255, noise variance 0.005 * 255^2; equal gains "
        "take the last source",
        "exact": "as published; equal gains take the mean of the sources",
    },
    reference="Han, Cai, Cao, Xu 2013",
)
def vif_fusion(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return the visual information fidelity for fusion (VIFF).

    Near 1 for equal images, 0 for a constant fused image; above 1 where fusion raises
    the contrast.

    Notes
    -----
    In each window one source is compared with: the one whose gain g in the fused
    image is smallest. Where gains are equal (often 0), ``published`` takes the last of
    those sources, as the released tool does, so the order of the sources matters.

    Four scales with Gaussian windows of side n = 17, 9, 5, 3 and sigma n / 5, no
    border; the second scale has weight 0, as released, and is not computed. Between
    scales every second sample is kept, so flips can change the value.
    """
    # Variances do not depend on the mean, and a smaller one keeps more digits.
    fused = 255 * fused - 127.5
    sources = [255 * source - 127.5 for source in sources]
    value = 0.0
    for scale, (size, share) in enumerate(zip(WINDOWS, SHARES, strict=True)):
        window = gaussian(size, size / 5)
        if scale > 0:
            fused, *sources = _next_scale([fused, *sources], window)
        if share > 0:
            kept, available = _select(_compare(fused, sources, window), convention)
            value += share * (kept + OFFSET).sum() / (available + OFFSET).sum()
    return float(value)


def _next_scale(images: list[Image], window: NDArray[np.float64]) -> list[Image]:
    """Return the images smoothed, every second sample."""
    return parallel_map(lambda image: smooth(image, window)[::2, ::2], images)


def _compare(
    fused: Image,
    images: list[Image],
    window: NDArray[np.float64],
    noise: float = NOISE,
    highest: float = math.inf,
) -> list[tuple[Image, Image, Image]]:
    """Return what :func:`_information` says of each source."""
    mean = smooth(fused, window)
    square = np.minimum(fused * fused, highest)
    variance = np.maximum(smooth(square, window) - mean**2, 0)
    return parallel_map(
        lambda image: _information(
            image, window, fused, mean, variance, noise, highest
        ),
        images,
    )


def _select(
    terms: list[tuple[Image, Image, Image]], convention: str
) -> tuple[Image, Image]:
    """Return kept and available information of the source with the smallest gain."""
    kept, available, gain = terms[0]
    if convention == "published":
        for other_kept, other_available, other_gain in terms[1:]:
            first = gain < other_gain
            kept = np.where(first, kept, other_kept)
            available = np.where(first, available, other_available)
            gain = np.where(first, gain, other_gain)
        return kept, available
    gains = np.round([term[2] for term in terms], 9)
    chosen = gains == gains.min(axis=0)
    count = chosen.sum(axis=0)
    kept, available = (
        sum(np.where(c, t[k], 0) for c, t in zip(chosen, terms, strict=True)) / count
        for k in (0, 1)
    )
    return kept, available


@metric(
    "VIF",
    r"\mathrm{VIF}",
    "Visual information fidelity to the sources, summed",
    range=(0, math.inf),
    smallest=41,
    conventions={
        "published": "pixel domain, four scales, 0..255, noise variance 2",
        "tang": "as published, but in 8-bit integers at the finest scale, where "
        "products saturate at 255: it nearly drops out",
    },
    reference="Sheikh, Bovik 2006",
)
def vif(fused: Image, sources: list[Image], *, convention: str = "published") -> float:
    """Return the visual information fidelity in the pixel domain, summed over sources.

    For each source the information that the fused image keeps of it, over all windows
    of four scales, divided by what there is. K if all K sources are equal to the fused
    image; more where fusion raises the contrast.

    Notes
    -----
    Windows and scales are those of VIFF. A constant source has no information, and
    counts 1. Between scales every second sample is kept, so flips can change the value.
    """
    planes = [255 * image - 127.5 for image in (fused, *sources)]
    totals = np.zeros((len(sources), 2))
    for scale, size in enumerate(WINDOWS):
        window = gaussian(size, size / 5)
        if scale > 0:
            planes = _next_scale(planes, window)
        if convention == "tang" and scale == 0:
            levels = [plane + 127.5 for plane in planes]
            terms = _compare(levels[0], levels[1:], window, VIF_NOISE, highest=255)
        else:
            terms = _compare(planes[0], planes[1:], window, VIF_NOISE)
        totals += [[kept.sum(), available.sum()] for kept, available, _ in terms]
    return float(sum(kept / there if there > 0 else 1.0 for kept, there in totals))
