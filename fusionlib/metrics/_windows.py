"""Local sums under a separable window, where the window fits in the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from .._compute import parallel_map
from ..images.validation import Image

__all__ = ["box", "covariances", "gaussian", "smooth"]


def box(size: int) -> NDArray[np.float64]:
    """Return ``size`` equal weights that add up to 1."""
    return np.full(size, 1 / size)


def gaussian(size: int, sigma: float) -> NDArray[np.float64]:
    """Return ``size`` (odd) samples of a Gaussian that add up to 1."""
    offset = np.arange(size) - size // 2
    weights = np.exp(-(offset**2) / (2 * sigma**2))
    return weights / weights.sum()


def smooth(image: Image, window: NDArray[np.float64]) -> Image:
    """Average under the window, along both axes, without any border.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W)
    window : numpy.ndarray, shape (n,), n odd

    Returns
    -------
    numpy.ndarray, shape (H - n + 1, W - n + 1)
    """
    reach = len(window) // 2
    inner = slice(reach, -reach)
    columns = correlate1d(image, window, axis=0)[inner]
    return correlate1d(columns, window, axis=1)[:, inner]


def covariances(
    images: list[Image], window: NDArray[np.float64]
) -> dict[tuple[int, int], Image]:
    """Return the local covariance of each pair of images, itself included.

    Parameters
    ----------
    images : list of numpy.ndarray, shape (H, W)
    window : numpy.ndarray, shape (n,), n odd

    Returns
    -------
    dict of numpy.ndarray, shape (H - n + 1, W - n + 1)
        By indices (k, n) with k <= n. Variances can be below 0 by rounding.
    """
    count = len(images)
    pairs = [(k, n) for k in range(count) for n in range(k, count)]
    means = parallel_map(lambda image: smooth(image, window), images)

    def covariance(pair: tuple[int, int]) -> Image:
        k, n = pair
        return smooth(images[k] * images[n], window) - means[k] * means[n]

    return dict(zip(pairs, parallel_map(covariance, pairs), strict=True))
