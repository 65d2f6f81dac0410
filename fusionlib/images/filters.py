"""Filters that weights of base parts are made with; not part of the paper."""

from __future__ import annotations

import numpy as np
import scipy.ndimage

from .validation import Image

__all__ = ["guided_filter", "histogram_contrast"]

#: Variance of the guide below which the guided filter averages: (13 levels of 255)^2.
GUIDED_VARIANCE = 0.0025


def histogram_contrast(image: Image) -> Image:
    """Return how far each value is from all others of the image, on average.

    ``S(v) = sum_j h_j |v - v_j|`` with the histogram h of the 256 levels.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W)
        Intensities in [0, 1].

    References
    ----------
    * Y. Zhai, M. Shah, "Visual attention detection in video sequences using
      spatiotemporal cues", ACM Multimedia 2006.
      https://doi.org/10.1145/1180639.1180824
    """
    levels = np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)
    histogram = np.bincount(levels.ravel(), minlength=256) / levels.size
    values = np.arange(256) / 255
    return (np.abs(values[:, None] - values) @ histogram)[levels]


def guided_filter(plane: Image, guide: Image, radius: int) -> Image:
    """Smooth a plane, except where the guide has an edge.

    In each window of (2r+1)^2 pixels the plane p is fitted by ``a I + b`` of the guide
    I: ``a = cov(I, p) / (var(I) + eps)``, ``b = mean(p) - a mean(I)``; the result is
    ``mean(a) I + mean(b)``.

    Parameters
    ----------
    plane, guide : numpy.ndarray, shape (H, W)
        What to smooth, and the image whose edges stay; the guide in [0, 1].
    radius : int
        r, in pixels.

    References
    ----------
    * K. He, J. Sun, X. Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013.
      https://doi.org/10.1109/TPAMI.2012.213
    """

    def mean(values: Image) -> Image:
        return scipy.ndimage.uniform_filter(values, 2 * radius + 1, mode="reflect")

    mean_i, mean_p = mean(guide), mean(plane)
    variance = mean(guide * guide) - mean_i**2
    slope = (mean(guide * plane) - mean_i * mean_p) / (variance + GUIDED_VARIANCE)
    return mean(slope) * guide + mean(mean_p - slope * mean_i)
