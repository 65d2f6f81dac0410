"""The loop of :func:`~fusionlib.metrics._windows.smooth`, compiled on first use."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._compute import compiled


@compiled
def _add_pair(one: Any, two: Any, weight: float, out: Any) -> None:
    """Add a weighed sum of two lines."""
    for c in range(len(out)):
        out[c] += weight * (one[c] + two[c])


@compiled
def _symmetric_sum(lines: Any, window: Any, out: Any) -> None:
    """Write the weighed sum of lines."""
    size, middle = len(window), len(window) // 2
    if size % 2:
        out[:] = window[middle] * lines[middle]
    else:
        out[:] = 0.0
    for i in range(middle):
        _add_pair(lines[i], lines[size - 1 - i], window[i], out)


@compiled
def correlate_rows(image: Any, window: Any) -> Any:
    """Correlate with the same symmetric window along both axes, where it fits.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W), float64, C order
    window : numpy.ndarray, shape (n,), float64
        The same backwards.

    Returns
    -------
    numpy.ndarray, shape (H - n + 1, W - n + 1)

    Notes
    -----
    Sums run in a fixed order, that of ``scipy.ndimage.correlate1d``: the middle,
    then pairs from the outside in. So they are the same on every processor.
    """
    size, middle = len(window), len(window) // 2
    height, width = image.shape
    rows, columns = max(height - size + 1, 0), max(width - size + 1, 0)
    out = np.zeros((rows, columns))
    line = np.zeros(width)
    for r in range(rows):
        # views, so that the inner loops have plain indices and are vectorised
        _symmetric_sum(image[r : r + size], window, line)
        if size % 2:
            out[r] = window[middle] * line[middle : middle + columns]
        for j in range(middle):
            mirrored = size - 1 - j
            _add_pair(line[j:], line[mirrored:], window[j], out[r])
    return out
