"""Simple fusion rules that keep everybody honest.

Each takes K >= 2 sources and is symmetric in them: the mean, the maximum, two
multi-scale transforms with the usual rule (coarse parts averaged, the detail
coefficient of largest absolute value kept), and a two-scale saliency rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pywt
import scipy.ndimage

from ..errors import InputError
from ..validation import Image, as_sources, check_positive_int
from ._shared import in_range

__all__ = ["dwt", "laplacian", "maximum", "mean", "two_scale"]

#: Burt and Adelson's generating kernel with a = 0.375.
_KERNEL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0


def mean(sources: Any) -> Image:
    """Return the pointwise mean of the sources.

    Parameters
    ----------
    sources : sequence of array_like, each of shape (H, W)
        K >= 2 images; see :func:`fusionlib.validation.as_sources`.

    Returns
    -------
    numpy.ndarray, shape (H, W), float64
        The fused image in [0, 1].

    Raises
    ------
    InputError
        If the sources are not valid.
    """
    return in_range(np.mean(as_sources(sources), axis=0))


def maximum(sources: Any) -> Image:
    """Return the pointwise maximum of the sources.

    Parameters
    ----------
    sources : sequence of array_like, each of shape (H, W)
        K >= 2 images; see :func:`fusionlib.validation.as_sources`.

    Returns
    -------
    numpy.ndarray, shape (H, W), float64
        The fused image in [0, 1].

    Raises
    ------
    InputError
        If the sources are not valid.
    """
    return in_range(np.max(as_sources(sources), axis=0))


def _largest(planes: list[Image]) -> Image:
    """Return at each place the value of largest magnitude (the first of equals)."""
    stack = np.stack(planes)
    winner = np.abs(stack).argmax(axis=0)
    return np.take_along_axis(stack, winner[None], axis=0)[0]


def _reduce(image: Image) -> Image:
    """Smooth with the generating kernel and keep every other sample."""
    for axis in (0, 1):
        image = scipy.ndimage.correlate1d(image, _KERNEL, axis, mode="mirror")
    return image[::2, ::2]


def _expand(image: Image, shape: tuple[int, ...]) -> Image:
    """Interpolate ``image`` to the grid of ``shape`` that it was reduced from."""
    stuffed = np.zeros(shape)
    stuffed[::2, ::2] = image
    for axis in (0, 1):
        # Every other sample is zero, so the gain is two; not on an axis of one.
        gain = min(shape[axis], 2)
        # A mirror about the outermost sample keeps the zeros in step.
        stuffed = scipy.ndimage.correlate1d(
            stuffed, gain * _KERNEL, axis, mode="mirror"
        )
    return stuffed


def laplacian(sources: Any, *, levels: int = 4) -> Image:
    """Fuse by Laplacian pyramids.

    Parameters
    ----------
    sources : sequence of array_like, each of shape (H, W)
        K >= 2 images; see :func:`fusionlib.validation.as_sources`.
    levels : int, optional
        Number of detail levels, at least 1; fewer where the image is too small to
        be halved as often.

    Returns
    -------
    numpy.ndarray, shape (H, W), float64
        The fused image, clipped to [0, 1].

    Raises
    ------
    InputError
        If the sources or ``levels`` are not valid.

    References
    ----------
    * P. J. Burt, E. H. Adelson, "The Laplacian pyramid as a compact image
      code", IEEE Transactions on Communications, 1983.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.linspace(0, 1, 35).reshape(5, 7)
    >>> bool(np.allclose(laplacian([image, image]), image, atol=1e-12))
    True
    """
    coarse = as_sources(sources)
    levels = check_positive_int(levels, "levels")
    details = []
    for _ in range(levels):
        if max(coarse[0].shape) < 2:
            break
        coarser = [_reduce(image) for image in coarse]
        details.append(
            _largest(
                [
                    image - _expand(small, image.shape)
                    for image, small in zip(coarse, coarser, strict=True)
                ]
            )
        )
        coarse = coarser
    fused = np.mean(coarse, axis=0)
    for detail in reversed(details):
        fused = detail + _expand(fused, detail.shape)
    return in_range(fused)


def dwt(sources: Any, *, wavelet: str = "db2", levels: int = 4) -> Image:
    """Fuse by the discrete wavelet transform.

    Parameters
    ----------
    sources : sequence of array_like, each of shape (H, W)
        K >= 2 images; see :func:`fusionlib.validation.as_sources`.
    wavelet : str, optional
        A discrete wavelet that PyWavelets knows by name.
    levels : int, optional
        Number of levels, at least 1; fewer where the image is too small for the
        wavelet. An image too small for a single level is averaged.

    Returns
    -------
    numpy.ndarray, shape (H, W), float64
        The fused image, clipped to [0, 1].

    Raises
    ------
    InputError
        If the sources or a parameter are not valid.

    References
    ----------
    * H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion using the
      wavelet transform", Graphical Models and Image Processing, 1995.
    """
    images = as_sources(sources)
    levels = check_positive_int(levels, "levels")
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise InputError(
            f"wavelet must be the name of a discrete wavelet, got {wavelet!r}"
        )
    height, width = images[0].shape
    depth = min(
        levels, pywt.dwt_max_level(min(height, width), pywt.Wavelet(wavelet).dec_len)
    )
    transforms = [
        pywt.wavedec2(image, wavelet, mode="symmetric", level=depth) for image in images
    ]
    fused: list[Any] = [np.mean([t[0] for t in transforms], axis=0)]
    for bands in zip(*(t[1:] for t in transforms), strict=True):
        fused.append(
            tuple(_largest(list(planes)) for planes in zip(*bands, strict=True))
        )
    # An odd side comes back one sample longer.
    restored = pywt.waverec2(fused, wavelet, mode="symmetric")
    return in_range(restored[:height, :width])


def two_scale(sources: Any, *, window: int = 35, median: int = 3) -> Image:
    """Fuse by a two-scale decomposition weighted by visual saliency.

    A mean filter gives the base, the rest is detail. The saliency of a source is
    the squared difference of its mean-filtered and its median-filtered version;
    bases are averaged, details weighted by their share of the saliency.

    Parameters
    ----------
    sources : sequence of array_like, each of shape (H, W)
        K >= 2 images; see :func:`fusionlib.validation.as_sources`.
    window : int, optional
        Width of the mean filter in pixels, at least 1.
    median : int, optional
        Width of the median filter in pixels, at least 1.

    Returns
    -------
    numpy.ndarray, shape (H, W), float64
        The fused image, clipped to [0, 1].

    Raises
    ------
    InputError
        If the sources or a parameter are not valid.

    Notes
    -----
    The border is mirrored here; the implementation that its authors released wraps
    around, which mixes opposite edges of the image.

    References
    ----------
    * D. P. Bavirisetti, R. Dhuli, "Two-scale image fusion of visible and
      infrared images using saliency detection", Infrared Physics & Technology,
      2016.
    """
    images = as_sources(sources)
    window = check_positive_int(window, "window")
    median = check_positive_int(median, "median")
    bases = np.stack([scipy.ndimage.uniform_filter(image, window) for image in images])
    saliency = np.stack(
        [
            (base - scipy.ndimage.median_filter(image, median)) ** 2
            for image, base in zip(images, bases, strict=True)
        ]
    )
    total = saliency.sum(axis=0)
    flat = total == 0
    weights = np.where(flat, 1 / len(images), saliency / np.where(flat, 1, total))
    details = np.stack(images) - bases
    return in_range(bases.mean(axis=0) + (weights * details).sum(axis=0))
