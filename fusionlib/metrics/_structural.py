"""Structural similarity: SSIM_a of the paper, and MS-SSIM for fusion.

References
----------
.. [1] Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality
   assessment: from error visibility to structural similarity", IEEE Transactions on
   Image Processing 13(4), 2004.
.. [2] K. Ma, K. Zeng, Z. Wang, "Perceptual quality assessment for multi-exposure
   image fusion", IEEE Transactions on Image Processing 24(11), 2015.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._compute import parallel_map
from ..validation import Image
from ._common import prepare
from ._windows import box, covariances, gaussian

__all__ = ["SCALE_WEIGHTS", "ms_ssim", "ms_ssim_scales", "ssim_a", "ssim_map"]

#: Side and standard deviation of the Gaussian window.
WINDOW = 11
SIGMA = 1.5

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
    from skimage.metrics import structural_similarity

    # skimage mirrors at the border; on padded images that is out of reach.
    reach = WINDOW // 2
    _, similarity = structural_similarity(
        np.pad(first, reach, mode="edge"),
        np.pad(second, reach, mode="edge"),
        data_range=1.0,
        gaussian_weights=True,
        sigma=SIGMA,
        use_sample_covariance=False,
        full=True,
    )
    return similarity[reach:-reach, reach:-reach]


def ssim_a(fused: Any, sources: Any, *, convention: str = "published") -> float:
    """Return SSIM_a, the mean SSIM of the fused image with each source.

    Parameters
    ----------
    fused : array_like, shape (H, W)
        The fused image, in [0, 1].
    sources : sequence of array_like, shape (H, W)
        K >= 2 source images, in [0, 1].
    convention : {"published", "exact"}, optional
        The value does not depend on rounding: ``exact`` rounds the input to the
        common grid and then computes the same.

    Returns
    -------
    float
        From -1 to 1; higher is better.

    Raises
    ------
    InputError
        If an argument is not valid.

    Notes
    -----
    Equation (12) of the paper: (SSIM(F, I_1) + SSIM(F, I_2)) / 2.
    """
    fused, images = prepare(fused, sources, convention, "SSIM_a")
    means = parallel_map(lambda image: ssim_map(fused, image).mean(), images)
    return float(np.mean(means))


def _quadratic(matrix: dict[tuple[int, int], Image], factors: list[Any]) -> Image:
    """Return ``sum_kn a_k a_n C_kn`` over the given factors, not below 0."""
    total = sum(
        (1 if k == n else 2) * factors[k] * factors[n] * matrix[k, n]
        for k in range(len(factors))
        for n in range(k, len(factors))
    )
    return np.maximum(total, 0)


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
    separate = sum(norms[1:], norms[0])
    if exact:
        # far above rounding, far below one grey level in one pixel
        norms = [np.where(norm < 1e-3, 0, norm) for norm in norms]
        safe = np.where(separate > 0, separate, 1)
        agreement = np.where(separate > 0, joint / safe, 1)
        power = np.minimum(np.tan(np.pi / 2 * np.clip(agreement, 0, 1 - 1e-15)), 10)
        strengths = norms
        raw = [(norm / WINDOW) ** power for norm in norms]
        raw_sum = sum(raw[1:], raw[0])
        empty = raw_sum == 0
        shares = [
            np.where(empty, 1 / count, r / np.where(empty, 1, raw_sum)) for r in raw
        ]
        factors = [
            np.divide(share, norm, out=np.zeros_like(norm), where=norm > 0)
            for share, norm in zip(shares, norms, strict=True)
        ]
    else:
        eps = np.finfo(float).eps
        agreement = (joint + eps) / (separate + eps)
        agreement = np.where(agreement > 1, 1 - eps, agreement)
        power = np.minimum(np.tan(np.pi / 2 * agreement), 10)
        strengths = [norm + 0.001 for norm in norms]
        raw = [(strength / WINDOW) ** power + eps for strength in strengths]
        raw_sum = sum(raw[1:], raw[0])
        factors = [r / raw_sum / s for r, s in zip(raw, strengths, strict=True)]
    length = np.sqrt(area * _quadratic(flat, factors))
    largest = np.maximum.reduce(strengths)
    gain = np.divide(largest, length, out=np.ones_like(length), where=length > 0)

    curved = covariances([*images, fused], gaussian(WINDOW, SIGMA))
    variance = np.maximum(curved[count, count], 0)
    wanted = gain**2 * _quadratic(curved, factors)
    cross = sum(factor * curved[k, count] for k, factor in enumerate(factors))
    stabiliser = (0.03 * 255) ** 2
    return (2 * gain * cross + stabiliser) / (wanted + variance + stabiliser)


def _halve(image: Image) -> Image:
    """Return 2x2 block means, with the last row or column repeated if odd."""
    rows, columns = image.shape
    padded = np.pad(image, ((0, rows % 2), (0, columns % 2)), mode="edge")
    upper = padded[::2, ::2] + padded[::2, 1::2]
    lower = padded[1::2, ::2] + padded[1::2, 1::2]
    return (upper + lower) / 4


def ms_ssim_scales(
    fused: Any, sources: Any, *, convention: str = "published"
) -> tuple[float, float, float]:
    """Return the mean MEF-SSIM of each scale, the finest first.

    Parameters
    ----------
    fused, sources, convention
        As for :func:`ms_ssim`.

    Returns
    -------
    tuple of 3 floats

    Raises
    ------
    InputError
        If an argument is not valid.
    """
    fused, images = prepare(fused, sources, convention, "MS_SSIM", 4 * WINDOW)
    # Nothing here depends on the mean, and a smaller one keeps more digits.
    fused = 255 * fused - 127.5
    images = [255 * image - 127.5 for image in images]
    values = []
    for _ in SCALE_WEIGHTS:
        values.append(float(_scale_map(fused, images, convention == "exact").mean()))
        fused, images = _halve(fused), [_halve(image) for image in images]
    return values[0], values[1], values[2]


def ms_ssim(fused: Any, sources: Any, *, convention: str = "published") -> float:
    """Return MS-SSIM in its multi-exposure-fusion form.

    Parameters
    ----------
    fused : array_like, shape (H, W)
        The fused image, in [0, 1], at least 44x44.
    sources : sequence of array_like, shape (H, W)
        K >= 2 source images, in [0, 1].
    convention : {"published", "exact"}, optional
        ``published`` adds the small constants of the released tool (0.001 on 0..255
        to each contrast), so equal images score a little below 1; ``exact`` leaves
        them out and treats flat patches by definition.

    Returns
    -------
    float
        From 0 to 1; higher is better. A scale with a negative mean counts as 0.

    Raises
    ------
    InputError
        If an argument is not valid.

    Notes
    -----
    Contrast and structure only: luminance does not enter. The image is halved by
    2x2 means, so on sizes that 4 does not divide the value can change under flips.
    """
    scales = ms_ssim_scales(fused, sources, convention=convention)
    product = 1.0
    for value, weight in zip(scales, SCALE_WEIGHTS, strict=True):
        product *= max(value, 0.0) ** weight
    return product
