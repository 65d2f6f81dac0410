"""The loop of :func:`~fusionlib.metrics._windows.smooth`, compiled on first use."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._compute import compiled

__all__ = ["correlate_rows"]


@compiled
def correlate_rows(image: Any, window: Any) -> Any:
    """Correlate with the same window along both axes, where it fits.

    Sums run in the order of the window for each sample, so that the result is the same
    on every processor.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W), float64, C order
    window : numpy.ndarray, shape (n,), float64

    Returns
    -------
    numpy.ndarray, shape (H - n + 1, W - n + 1)
    """
    size = len(window)
    height, width = image.shape
    rows, columns = height - size + 1, width - size + 1
    out = np.zeros((max(rows, 0), max(columns, 0)))
    line = np.empty(width)
    for r in range(rows):
        line[:] = 0.0
        for i in range(size):
            weight = window[i]
            for c in range(width):
                line[c] += weight * image[r + i, c]
        for j in range(size):
            weight = window[j]
            for c in range(columns):
                out[r, c] += weight * line[c + j]
    return out
