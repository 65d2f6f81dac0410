"""Filters that weights are made with; not part of the paper."""

from __future__ import annotations

import numpy as np

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


def guided_filter(
    plane: Image,
    guide: Image,
    radius: int,
    *,
    variance: float = GUIDED_VARIANCE,
    cut: bool = False,
) -> Image:
    """Smooth a plane, except where the guide has an edge.

    In each window of (2r+1)^2 pixels the plane p is fitted by ``a I + b`` of the guide
    I: ``a = cov(I, p) / (var(I) + eps)``, ``b = mean(p) - a mean(I)``; the result is
    ``mean(a) I + mean(b)``.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W)
        What to smooth.
    guide : numpy.ndarray, shape (H, W)
        The image whose edges stay, in [0, 1].
    radius : int
        r, in pixels.
    variance : float, optional
        eps, above 0: variance of the guide below which the plane is averaged.
    cut : bool, optional
        Cut windows off at the border, as in the paper, instead of mirroring.

    References
    ----------
    * K. He, J. Sun, X. Tang, "Guided image filtering", IEEE TPAMI 35(6), 2013.
      https://doi.org/10.1109/TPAMI.2012.213
    """
    from scipy.ndimage import uniform_filter  # slow to import

    def box(values: Image) -> Image:
        mode = "constant" if cut else "reflect"
        return uniform_filter(values, 2 * radius + 1, mode=mode)

    inside = box(np.ones_like(guide)) if cut else 1.0

    def mean(values: Image) -> Image:
        return box(values) / inside

    mean_i, mean_p = mean(guide), mean(plane)
    covariance = mean(guide * plane) - mean_i * mean_p
    slope = covariance / (mean(guide * guide) - mean_i * mean_i + variance)
    return mean(slope) * guide + mean(mean_p - slope * mean_i)
