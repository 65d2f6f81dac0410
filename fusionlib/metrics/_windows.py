"""Local sums under a separable window, where the window fits in the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._compute import parallel_map
from ..images.validation import Image
from ._common import ratio

#: Variances below it, in squared grey levels, are those of a flat window: far above
#: rounding errors, and at most that of a window whose corner is one level brighter.
FLAT = 1e-6


def box(size: int) -> NDArray[np.float64]:
    """Return ``size`` equal weights that add up to 1."""
    return np.full(size, 1 / size)


def gaussian(size: int, sigma: float) -> NDArray[np.float64]:
    """Return ``size`` (odd) samples of a Gaussian that add up to 1."""
    offset = np.arange(size) - size // 2
    weights = np.exp(-(offset**2) / (2 * sigma**2))
    return weights / weights.sum()


def smooth(image: Image, window: NDArray[np.float64]) -> Image:
    """Average under a symmetric window, along both axes, without any border.

    Of an image (H, W) and n weights, the result has the shape (H - n + 1, W - n + 1).
    """
    from ._window_kernel import correlate_rows

    return correlate_rows(np.ascontiguousarray(image), window)


def covariances(
    images: list[Image], window: NDArray[np.float64]
) -> dict[tuple[int, int], Image]:
    """Return the local covariance of each pair of images, itself included.

    By indices (k, n) with k <= n, of the shape that :func:`smooth` returns. Variances
    can be below 0 by rounding.
    """
    count = len(images)
    pairs = [(k, n) for k in range(count) for n in range(k, count)]
    means = parallel_map(lambda image: smooth(image, window), images)

    def covariance(pair: tuple[int, int]) -> Image:
        k, n = pair
        return smooth(images[k] * images[n], window) - means[k] * means[n]

    return dict(zip(pairs, parallel_map(covariance, pairs), strict=True))


@dataclass(frozen=True)
class Moments:
    """Statistics of two images under a window; numpy arrays of one shape.

    Attributes
    ----------
    first_mean, second_mean, first, second, cross : numpy.ndarray
        Means, variances, and covariance. In flat windows the variance is 0, and so is
        the covariance.
    """

    first_mean: Image
    second_mean: Image
    first: Image
    second: Image
    cross: Image

    def similarity(self, luminance: float, contrast: float) -> Image:
        """Return SSIM with the two constants added above and below, if any.

        Where both windows are flat and ``contrast`` is 0, only their means are
        compared; where both are black and ``luminance`` is 0, those are equal.
        """
        means = self.first_mean**2 + self.second_mean**2 + luminance
        product = 2 * self.first_mean * self.second_mean + luminance
        spread = self.first + self.second + contrast
        return ratio(product, means, 1) * ratio(2 * self.cross + contrast, spread, 1)


def moments(
    first: Image, others: list[Image], window: NDArray[np.float64]
) -> list[Moments]:
    """Return the statistics of one image with each of several others.

    Images are in grey levels from 0 to 255; the statistics have the shape that
    :func:`smooth` returns.
    """

    def own(image: Image) -> tuple[Image, Image]:
        mean = smooth(image, window)
        variance = smooth(image * image, window) - mean**2
        return mean, np.where(variance < FLAT, 0, variance)

    (first_mean, variance), *rest = parallel_map(own, [first, *others])

    def pair(k: int) -> Moments:
        mean, other = rest[k]
        cross = smooth(first * others[k], window) - first_mean * mean
        flat = (variance == 0) | (other == 0)
        cross = np.where(flat, 0, cross)
        return Moments(first_mean, mean, variance, other, cross)

    return parallel_map(pair, range(len(others)))
