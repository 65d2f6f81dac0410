"""Local sums under a separable window, where the window fits in the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from ..validation import Image

__all__ = ["box", "gaussian", "smooth"]


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
