"""Feature mutual information (FMI).

How much of the local structure of each source is found again in the fused image:
features are extracted from all images, every 3x3 window of a feature is read as a
probability distribution, and the normalised mutual information of the fused window
with the source window is averaged over windows and sources [1]_ [2]_.

For two windows with marginal pdfs f, a (window values rescaled to [0, 1] and divided
by their sum, read column by column) and cdfs F, A, the joint cdf is modelled as

.. math::

    \\varphi\\, B(F, A) + (1 - \\varphi)\\, F A, \\qquad
    B = \\min(F, A) \\text{ if } c \\ge 0, \\quad
    B = \\max(F + A - 1, 0) \\text{ if } c < 0,

with c the Pearson correlation of f and a, and :math:`\\varphi` the ratio of c to the
correlation that B itself has. The value of a window is
:math:`2 (H_f + H_a - H_{fa}) / (H_f + H_a)`.

References
----------
.. [1] M. Haghighat, A. Aghagolzadeh, H. Seyedarabi, "A non-reference image fusion
   metric based on mutual information of image features", Computers & Electrical
   Engineering 37(5), 2011. https://doi.org/10.1016/j.compeleceng.2011.07.012
.. [2] M. Haghighat, M. A. Razian, "Fast-FMI: non-reference image fusion metric",
   AICT 2014. https://doi.org/10.1109/ICAICT.2014.7036000
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .._compute import parallel_map
from ..images.validation import Image, check_choice
from ._common import grid, takes_images
from ._gradient import sobel
from .registry import metric

__all__ = [
    "fmi",
    "fmi_dct",
    "fmi_edge",
    "fmi_gradient",
    "fmi_map",
    "fmi_pixel",
    "fmi_w",
    "meyer_filter",
]

#: What FMI can be computed on.
FEATURES = ("pixel", "gradient", "edge", "dct", "wavelet")

#: Filter taps, and in the exact convention transform coefficients, are rounded to
#: multiples of this: far above their rounding errors (1e-15), far below what an 8-bit
#: image can change.
COEFFICIENT_STEP = 2.0**-40

#: Rows of windows that one thread takes at a time.
_ROWS_PER_TASK = 32


@cache
def meyer_filter() -> NDArray[np.float64]:
    """Return the 102-tap discrete Meyer scaling filter.

    Returns
    -------
    numpy.ndarray, shape (102,)
        Samples n = -50 .. 50 of the inverse Fourier transform of

        .. math::

            H(w) = 1 \\;(|w| \\le \\pi/3), \\quad
            \\cos(\\tfrac{\\pi}{2} \\nu(3|w|/\\pi - 1)) \\;(|w| \\le 2\\pi/3), \\quad
            0 \\text{ beyond},

        :math:`\\nu(x) = x^4 (35 - 84 x + 70 x^2 - 20 x^3)`, times
        :math:`\\sqrt 2`, and one trailing zero. Read only.

    Notes
    -----
    The trapezoidal rule integrates to rounding error, as H and its first derivatives
    vanish at the end of the interval, and the other end is an axis of symmetry. Taps
    are computed for n >= 0, mirrored, and rounded to multiples of 2^-40: so they are
    the same on every processor.
    """
    intervals = 1200  # in the flat part, and in the flank
    x = np.arange(intervals + 1) / intervals
    flank = np.cos(np.pi / 2 * x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3))
    response = np.concatenate([[0.5], np.ones(intervals - 1), flank])
    w = np.pi / 3 * np.arange(2 * intervals + 1) / intervals
    samples = response * np.cos(np.outer(np.arange(51), w))
    half = np.sqrt(2) * samples.sum(axis=1) / (3 * intervals)
    half = np.rint(half / COEFFICIENT_STEP) * COEFFICIENT_STEP
    taps = np.concatenate([half[:0:-1], half, [0.0]])
    taps.flags.writeable = False
    return taps


def _wavelet(image: Image) -> Image:
    """Return the four one-level Meyer subbands, tiled [[A, H], [V, D]]."""
    import pywt

    scaling = meyer_filter()
    bank = pywt.orthogonal_filter_bank(scaling)
    wavelet = pywt.Wavelet("dmey102", filter_bank=bank)
    approximation, details = pywt.dwt2(image, wavelet, mode="symmetric")
    horizontal, vertical, diagonal = details
    return np.block([[approximation, horizontal], [vertical, diagonal]])


def _edges(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Return thin Sobel edges whose squared strength exceeds 4 times its mean."""
    padded = np.pad(image, 1, mode="edge")
    across, down = (d[1:-1, 1:-1] for d in sobel(padded))
    squared = across * across + down * down
    if squared.dtype == np.int64:
        # the mean of integers, rounded down only at the end: no rounding error
        high, low = np.divmod(squared, 2**32)
        total = (int(high.sum()) << 32) + int(low.sum())
        strong = squared > 4 * total // squared.size
    else:
        strong = squared > 4 * squared.mean()
    lowest = np.pad(squared, 1, constant_values=-1)
    left, right = lowest[1:-1, :-2], lowest[1:-1, 2:]
    above, below = lowest[:-2, 1:-1], lowest[2:, 1:-1]
    steep, wide = np.abs(down), np.abs(across)
    crest_x = (wide >= steep) & (left <= squared) & (squared > right)
    crest_y = (steep >= wide) & (above <= squared) & (squared > below)
    return strong & (crest_x | crest_y)


def features(image: Image, feature: str, *, convention: str = "published") -> Image:
    """Return the feature image that FMI reads its windows from, see :func:`fmi_map`.

    In float64, of the shape (H, W) of the image; for wavelets (2h, 2w) with
    h = (H + 101) // 2 and w likewise, rescaled to [0, 1] in the published convention.
    """
    exact = convention == "exact"
    if feature == "pixel":
        return image
    if feature in ("gradient", "edge"):
        plane: NDArray[Any] = grid(image) if exact else image
        if feature == "edge":
            return _edges(plane).astype(np.float64)
        ends = 2 * plane[:, :1] - plane[:, 1:2], 2 * plane[:, -1:] - plane[:, -2:-1]
        padded = np.hstack([ends[0], plane, ends[1]])
        return (padded[:, 2:] - padded[:, :-2]) / 2
    coefficients = (
        scipy.fft.dctn(image, norm="ortho") if feature == "dct" else _wavelet(image)
    )
    if exact:
        return np.rint(coefficients / COEFFICIENT_STEP) * COEFFICIENT_STEP
    if feature == "wavelet":
        low, high = coefficients.min(), coefficients.max()
        if high > low:
            coefficients = (coefficients - low) / (high - low)
    return coefficients


def _window_values(
    fused: Image, sources: list[Image], feature: str, convention: str
) -> Image:
    """Return the FMI of each 3x3 window, averaged over sources; rows in parallel."""
    from ._fmi_kernel import fmi_rows

    planes = parallel_map(
        lambda image: features(image, feature, convention=convention), [fused, *sources]
    )
    plane, stack = np.ascontiguousarray(planes[0]), np.stack(planes[1:])
    rows = plane.shape[0] - 2
    out = np.empty((len(stack), rows, plane.shape[1] - 2))
    parallel_map(
        lambda r: fmi_rows(plane, stack, r, min(r + _ROWS_PER_TASK, rows), out),
        range(0, rows, _ROWS_PER_TASK),
    )
    return out.mean(axis=0)


_takes_images = takes_images(
    "FMI",
    {
        "published": "features in floating point",
        "exact": "gradient and edges in integers, coefficients of transforms rounded "
        "to multiples of 2^-40 and not rescaled, so that flat areas are flat and equal "
        "windows are equal",
    },
    smallest=3,
)


@_takes_images
def fmi_map(
    fused: Image,
    sources: list[Image],
    *,
    feature: str = "pixel",
    convention: str = "published",
) -> Image:
    """Return the FMI of each 3x3 window, averaged over the sources.

    Parameters
    ----------
    feature : {"pixel", "gradient", "edge", "dct", "wavelet"}, optional
        The intensities; their central difference along rows; a thin Sobel edge map
        (0 or 1); the orthonormal 2-D DCT; the four subbands of a one-level transform
        with :func:`meyer_filter` and symmetric extension, tiled.

    Returns
    -------
    numpy.ndarray, shape (h - 2, w - 2)
        One value per window of the feature image, which is of shape (h, w).
    """
    check_choice(feature, "feature", FEATURES)
    return _window_values(fused, sources, feature, convention)


@_takes_images
def fmi(
    fused: Image,
    sources: list[Image],
    *,
    feature: str = "pixel",
    convention: str = "published",
) -> float:
    """Return the feature mutual information of a fused image with its sources.

    Parameters
    ----------
    feature : {"pixel", "gradient", "edge", "dct", "wavelet"}, optional
        See :func:`fmi_map`.

    Returns
    -------
    float
        1 if all are equal; higher is better. The model of the joint distribution
        can leave the range of a probability, so values slightly below 0 occur.

    Notes
    -----
    Windows are read column by column, and the index 1 .. 9 enters the standard
    deviations. So the value changes when the images are flipped or transposed; on
    pixels it stays the same when they are turned by 180 degrees.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.arange(25).reshape(5, 5) / 24
    >>> fmi(image, [image, image])
    1.0
    """
    check_choice(feature, "feature", FEATURES)
    return float(_window_values(fused, sources, feature, convention).mean())


def _fmi_metric(
    name: str, title: str, published: str, exact: str, tang: str = ""
) -> Callable[..., Callable[..., float]]:
    """Register FMI on one feature; what all have in common."""
    return metric(
        f"FMI_{name}",
        rf"\mathrm{{FMI}}_{{{name}}}",
        f"Feature mutual information of {title}",
        range=(-math.inf, 1),
        smallest=3,
        conventions={
            "published": f"{published}, 3x3 windows read column by column",
            "exact": f"as published, with {exact}",
        }
        | ({"tang": tang} if tang else {}),
        reference="Haghighat, Aghagolzadeh, Seyedarabi 2011; Haghighat, Razian 2014",
    )


@_fmi_metric(
    "dct",
    "DCT coefficients",
    "orthonormal 2-D DCT of [0, 1] images",
    "coefficients rounded to multiples of 2^-40",
    "as published",
)
def fmi_dct(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return FMI_dct of the paper, on DCT coefficients; see :func:`fmi`."""
    return float(_window_values(fused, sources, "dct", convention).mean())


@_fmi_metric(
    "w",
    "wavelet coefficients",
    "one-level DWT with the 102-tap discrete Meyer filter, symmetric extension, tiled "
    "subbands rescaled to [0, 1]",
    "coefficients rounded to multiples of 2^-40 and not rescaled",
    "as published",
)
def fmi_w(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return FMI_w of the paper, on Meyer wavelet subbands; see :func:`fmi`."""
    return float(_window_values(fused, sources, "wavelet", convention).mean())


@_fmi_metric(
    "pixel",
    "intensities",
    "intensities",
    "intensities on the integer grid",
    "FMI_edge: the script names no feature, and the program then takes edges",
)
def fmi_pixel(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return FMI on the intensities; see :func:`fmi`."""
    feature = "edge" if convention == "tang" else "pixel"
    return float(_window_values(fused, sources, feature, convention).mean())


@_fmi_metric(
    "gradient", "gradients", "central difference along rows", "differences of integers"
)
def fmi_gradient(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return FMI on the horizontal gradient; see :func:`fmi`."""
    return float(_window_values(fused, sources, "gradient", convention).mean())


@_fmi_metric(
    "edge",
    "edge maps",
    "thin Sobel edges above twice the root mean square strength",
    "edges found in integers",
)
def fmi_edge(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return FMI on Sobel edges; see :func:`fmi`."""
    return float(_window_values(fused, sources, "edge", convention).mean())
