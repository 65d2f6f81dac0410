"""Structural similarity: SSIM_a of the paper, the sum SSIM, and MS-SSIM for fusion.

References
----------
.. [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality
   assessment: from error visibility to structural similarity", IEEE Transactions on
   Image Processing 13(4), 2004. https://doi.org/10.1109/TIP.2003.819861
.. [2] K. Ma, K. Zeng, Z. Wang, "Perceptual quality assessment for multi-exposure
   image fusion", IEEE Transactions on Image Processing 24(11), 2015.
   https://doi.org/10.1109/TIP.2015.2442920
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._compute import parallel_map
from ..images.validation import Image
from ._common import part_of, ratio, takes_images
from ._windows import box, covariances, gaussian, moments
from .registry import metric

__all__ = ["ms_ssim", "ms_ssim_scales", "ssim", "ssim_a", "ssim_map"]

#: Side and standard deviation of the Gaussian window.
WINDOW = 11
SIGMA = 1.5

#: Constants of SSIM on 0..255.
CONSTANTS = (0.01 * 255) ** 2, (0.03 * 255) ** 2

#: Exponents of the three scales of MS-SSIM: the first three of the five usual ones,
#: rescaled to add up to 1.
SCALE_WEIGHTS = tuple(w / (0.0448 + 0.2856 + 0.3001) for w in (0.0448, 0.2856, 0.3001))


def ssim_map(first: Image, second: Image) -> Image:
    """Return SSIM at every pixel, with a replicated border.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (H, W)
        Images in [0, 1].

    Returns
    -------
    numpy.ndarray, shape (H, W)
        Gaussian window of 11x11, sigma 1.5; K1 = 0.01, K2 = 0.03, L = 1.
    """
    planes = [np.pad(255 * x, WINDOW // 2, mode="edge") for x in (first, second)]
    pair = moments(planes[0], planes[1:], gaussian(WINDOW, SIGMA))[0]
    return pair.similarity(*CONSTANTS)


@metric(
    "SSIM_a",
    r"\mathrm{SSIM}_a",
    "Mean structural similarity to the sources",
    range=(-1, 1),
    conventions="Gaussian window 11x11, sigma 1.5, replicated border, mean of the full "
    "map, L = 1",
    reference="Wang, Bovik, Sheikh, Simoncelli 2004; paper, equation (12)",
)
def ssim_a(fused: Image, sources: list[Image]) -> float:
    """Return SSIM_a, the mean SSIM of the fused image with each source.

    Notes
    -----
    Equation (12) of the paper: (SSIM(F, I_1) + SSIM(F, I_2)) / 2.
    """
    means = parallel_map(lambda source: ssim_map(fused, source).mean(), sources)
    return float(np.mean(means))


def _quadratic(matrix: dict[tuple[int, int], Image], factors: list[Any]) -> Image:
    """Return ``sum_kn a_k a_n C_kn`` over the given factors, not below 0."""
    total = sum(
        (1 if k == n else 2) * factors[k] * factors[n] * matrix[k, n]
        for k in range(len(factors))
        for n in range(k, len(factors))
    )
    return np.maximum(total, 0)


def _shares_exact(
    norms: list[Image], joint: Image, separate: Image
) -> tuple[list[Any], list[Image]]:
    """Return the factors of the patches, and their norms; flat ones by definition."""
    # far above rounding, far below one grey level in one pixel
    norms = [np.where(norm < 1e-3, 0, norm) for norm in norms]
    agreement = ratio(joint, separate, 1)
    power = np.minimum(np.tan(np.pi / 2 * np.clip(agreement, 0, 1 - 1e-15)), 10)
    raw = [(norm / WINDOW) ** power for norm in norms]
    total = sum(raw[1:], raw[0])
    flat = total == 0
    factors = []
    for r, norm in zip(raw, norms, strict=True):
        share = np.where(flat, 1 / len(norms), r / np.where(flat, 1, total))
        factors.append(ratio(share, norm, 0))
    return factors, norms


def _shares_published(
    norms: list[Image], joint: Image, separate: Image
) -> tuple[list[Any], list[Image]]:
    """Return the factors of the patches, and their norms, with the small constants."""
    eps = np.finfo(float).eps
    agreement = (joint + eps) / (separate + eps)
    agreement = np.where(agreement > 1, 1 - eps, agreement)
    power = np.minimum(np.tan(np.pi / 2 * agreement), 10)
    norms = [norm + 0.001 for norm in norms]
    raw = [(norm / WINDOW) ** power + eps for norm in norms]
    total = sum(raw[1:], raw[0])
    return [r / total / norm for r, norm in zip(raw, norms, strict=True)], norms


def _scale_map(fused: Image, images: list[Image], exact: bool) -> Image:
    """Return the MEF-SSIM map of one scale; intensities in 0..255, any offset.

    With x_k the patch of source k minus its mean, the patch wanted has the norm of
    the strongest x_k and the direction of their sum weighted by ``|x_k|^p``. It is
    never formed: its statistics follow from those of the sources.
    """
    area, count = WINDOW**2, len(images)
    flat = covariances(images, box(WINDOW))
    norms = [np.sqrt(area * np.maximum(flat[k, k], 0)) for k in range(count)]
    joint = np.sqrt(area * _quadratic(flat, [1.0] * count))
    shares = _shares_exact if exact else _shares_published
    factors, norms = shares(norms, joint, sum(norms[1:], norms[0]))
    length = np.sqrt(area * _quadratic(flat, factors))
    gain = ratio(np.maximum.reduce(norms), length, 1)

    curved = covariances([*images, fused], gaussian(WINDOW, SIGMA))
    variance = np.maximum(curved[count, count], 0)
    wanted = gain**2 * _quadratic(curved, factors)
    cross = sum(factor * curved[k, count] for k, factor in enumerate(factors))
    stabiliser = CONSTANTS[1]
    return (2 * gain * cross + stabiliser) / (wanted + variance + stabiliser)


def _halve(image: Image) -> Image:
    """Return 2x2 block means, with the last row or column repeated if odd."""
    rows, columns = image.shape
    padded = np.pad(image, ((0, rows % 2), (0, columns % 2)), mode="edge")
    upper = padded[::2, ::2] + padded[::2, 1::2]
    lower = padded[1::2, ::2] + padded[1::2, 1::2]
    return (upper + lower) / 4


@takes_images(
    "MS_SSIM",
    {
        "published": "three scales, 11x11 windows, 0..255, with the small constants of "
        "the released tool (0.001 on 0..255 to each contrast)",
        "exact": "as published, without the small constants: 1 for equal images",
        "tang": "as published",
    },
    smallest=4 * WINDOW,
)
def ms_ssim_scales(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> tuple[float, float, float]:
    """Return the mean MEF-SSIM of each scale, the finest first.

    Returns
    -------
    tuple of 3 floats
    """
    # Nothing here depends on the mean, and a smaller one keeps more digits.
    fused = 255 * fused - 127.5
    sources = [255 * source - 127.5 for source in sources]
    values = []
    for _ in SCALE_WEIGHTS:
        values.append(float(_scale_map(fused, sources, convention == "exact").mean()))
        fused, sources = _halve(fused), [_halve(source) for source in sources]
    return values[0], values[1], values[2]


@metric(
    "MS_SSIM",
    r"\mathrm{MS\text{-}SSIM}",
    "Multi-scale structural similarity, multi-exposure-fusion form",
    range=(0, 1),
    reference="Ma, Zeng, Wang 2015",
)
@part_of(ms_ssim_scales)
def ms_ssim(scales: tuple[float, float, float]) -> float:
    """Return MS-SSIM in its multi-exposure-fusion form.

    A scale with a negative mean counts as 0.

    Notes
    -----
    Contrast and structure only: luminance does not enter. The image is halved by
    2x2 means, so on sizes that 4 does not divide the value can change under flips.
    In flat patches the published value is a ratio of rounding errors: three sources
    in another order can change its fifth digit there.
    """
    product = 1.0
    for value, weight in zip(scales, SCALE_WEIGHTS, strict=True):
        product *= max(value, 0.0) ** weight
    return product


@metric(
    "SSIM",
    r"\mathrm{SSIM}",
    "Structural similarity to the sources, summed",
    range=(-2, 2),
    smallest=WINDOW,
    conventions={
        "published": "Gaussian window 11x11, sigma 1.5, where it fits in the image",
        "vifb": "as published",
        "tang": "the finest scale of MS_SSIM, not a sum",
    },
    reference="Wang, Bovik, Sheikh, Simoncelli 2004; VIFB",
)
def ssim(fused: Image, sources: list[Image], *, convention: str = "published") -> float:
    """Return the sum of the SSIM of the fused image with each source.

    From -K to K for K sources.

    Notes
    -----
    ``ssim_a`` is the mean instead, with a border; half of this value differs from it
    in the third digit.
    """
    if convention == "tang":
        planes = [255 * image - 127.5 for image in (fused, *sources)]
        return float(_scale_map(planes[0], planes[1:], exact=False).mean())
    pairs = moments(255 * fused, [255 * x for x in sources], gaussian(WINDOW, SIGMA))
    return float(sum(pair.similarity(*CONSTANTS).mean() for pair in pairs))
