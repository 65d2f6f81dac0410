"""Metrics after human vision: Q_CB of Chen and Blum, Q_CV of Chen and Varshney.

Both filter the images with a contrast sensitivity function in the Fourier domain, as
Z. Liu's toolbox does, and start with grey levels stretched from 0 to 255.

References
----------
.. [1] Y. Chen, R. S. Blum, "A new automated quality assessment algorithm for image
   fusion", Image and Vision Computing 27(10), 2009.
.. [2] H. Chen, P. K. Varshney, "A human perception inspired quality metric for image
   fusion based on regional information", Information Fusion 8(2), 2007.
.. [3] Z. Liu, E. Blasch, Z. Xue, J. Zhao, R. Laganiere, W. Wu, "Objective assessment
   of multiresolution image fusion algorithms for context enhancement in night vision",
   IEEE Transactions on Pattern Analysis and Machine Intelligence 34(1), 2012.
   https://doi.org/10.1109/TPAMI.2011.109
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .._compute import parallel_map
from ..images.validation import Image
from ._common import ratio, stretched
from ._gradient import sobel
from ._windows import smooth
from .registry import metric

__all__ = ["q_cb", "q_cv"]

#: Side of the regions of Q_CV, and the power of the gradient that they weigh by.
REGION, POWER = 16, 5

_CONVENTIONS = {
    "published": "Liu's toolbox: stretched grey levels, black border",
    "vifb": "as published",
}


def _filtered(image: Image, response: Callable[[Image], Image], cycles: float) -> Image:
    """Return the image times a function of the radial frequency.

    Frequencies run to half the number of samples divided by ``cycles`` / 2, along each
    axis.
    """
    height, width = image.shape
    down = scipy.fft.fftfreq(height)[:, None] * (2 * height / cycles)
    across = scipy.fft.rfftfreq(width) * (2 * width / cycles)
    spectrum = scipy.fft.rfft2(image) * response(np.hypot(down, across))
    return scipy.fft.irfft2(spectrum, image.shape)


def _masked_contrast(image: Image) -> Image:
    """Return the local contrast that Q_CB compares, not negative."""
    seen = _filtered(
        stretched(image),
        lambda r: np.exp(-((r / 15.3870) ** 2)) - 0.7622 * np.exp(-((r / 1.3456) ** 2)),
        30,
    )
    narrow, wide = (_blurred(seen, sigma) for sigma in (2.0, 4.0))
    quotient = np.divide(narrow, wide, out=np.ones_like(wide), where=wide != 0)
    contrast = np.abs(quotient - 1)
    return contrast**3 / (contrast**2 + 0.0001)


def _blurred(image: Image, sigma: float) -> Image:
    """Return the image under 31x31 samples of a Gaussian density, black outside."""
    offset = np.arange(-15, 16)
    window = np.exp(-(offset**2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    return smooth(np.pad(image, 15), window)


@metric(
    "Q_CB",
    r"Q_{CB}",
    "Contrast preserved, as seen by the eye",
    range=(0, 1),
    conventions=_CONVENTIONS,
    reference="Chen, Blum 2009; Liu et al. 2012",
)
def q_cb(fused: Image, sources: list[Image], *, convention: str = "published") -> float:
    """Return the metric Q_CB of Chen and Blum.

    The mean over pixels of ``sum_k C_k^2 min(C_k, C_F) / max(C_k, C_F) / sum_k C_k^2``,
    with the masked contrast ``C = c^3 / (c^2 + 0.0001)`` of
    ``c = |G_2 * I / (G_4 * I) - 1|``, where I is seen through a difference of Gaussians
    in frequency. 1 if the sources and the fused image are equal.

    Notes
    -----
    Where no image has contrast, contrast is preserved. The stretch makes it blind to a
    change of all levels by a factor or an offset.
    """
    own, *contrasts = parallel_map(_masked_contrast, [fused, *sources])
    weights = np.sum([contrast**2 for contrast in contrasts], axis=0)
    total = np.zeros_like(own)
    for contrast in contrasts:
        kept = ratio(np.minimum(contrast, own), np.maximum(contrast, own), 1)
        total += ratio(contrast**2, weights, 1 / len(contrasts)) * kept
    return float(total.mean())


def _regions(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of each 16x16 region; the last ones are filled with zeros."""
    height, width = plane.shape
    rows, columns = -(-height // REGION), -(-width // REGION)
    padded = np.zeros((rows * REGION, columns * REGION))
    padded[:height, :width] = plane
    return padded.reshape(rows, REGION, columns, REGION).sum(axis=(1, 3))


@metric(
    "Q_CV",
    r"Q_{CV}",
    "Difference to the sources, as seen by the eye",
    range=(0, math.inf),
    direction="lower",
    conventions=_CONVENTIONS,
    reference="Chen, Varshney 2007; Liu et al. 2012",
)
def q_cv(fused: Image, sources: list[Image], *, convention: str = "published") -> float:
    """Return the metric Q_CV of Chen and Varshney.

    ``sum_k sum_r s_kr D_kr / sum_k sum_r s_kr`` over regions r of 16x16 pixels: D is
    the mean square of source minus fused image, filtered by the contrast sensitivity of
    Mannos and Sakrison, and the saliency s the sum of the fifth powers of the source's
    Sobel gradient. 0 if all images are equal, or no source has an edge.

    Notes
    -----
    The fifth power leaves little but the strongest edges: the value is a difference of
    images at a few edges, in squared grey levels after the stretch.
    """
    levels = [stretched(image) for image in (fused, *sources)]

    def region_terms(source: Image) -> tuple[float, float]:
        across, down = sobel(source, "constant")
        saliency = _regions(np.hypot(across, down) ** POWER)
        seen = _filtered(
            source - levels[0],
            lambda r: 2.6 * (0.0192 + 0.144 * r) * np.exp(-((0.144 * r) ** 1.1)),
            8,
        )
        distance = _regions(seen**2) / REGION**2
        return float((saliency * distance).sum()), float(saliency.sum())

    total, weight = np.sum(parallel_map(region_terms, levels[1:]), axis=0)
    return float(total / weight) if weight > 0 else 0.0
