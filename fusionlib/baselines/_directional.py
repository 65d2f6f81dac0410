"""Fusion by nonsubsampled contourlets and by shearlets.

Both transforms split an image by scale and by direction, without subsampling. Here
each band is the image times one window W in the Fourier domain. All windows are real,
symmetric about zero, and add up to one, so the image is the sum of its bands:

.. math::

    B_{j,k} = F^{-1}(W_{j,k} F(I)), \\qquad
    W_{j,k} = (\\varphi_{j-1} - \\varphi_j)\\, V_k, \\quad
    \\sum_k V_k = 1, \\quad \\varphi_0 = 1,

with :math:`\\varphi_j(u) \\varphi_j(v)` the low-pass of level j, at J that of the low
band, and :math:`V_k` a wedge of directions. The wedges are set by the slope, as in
directional filter banks and by shearing: where :math:`|v| \\le |u|` they are equally
spaced in v / u, elsewhere in u / v.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import scipy.fft

from ..errors import InputError
from ..images.validation import Image, check_positive_int
from ._multiscale import Array, Transform, fuse_bands, mirrored
from .registry import method

__all__ = ["nsct", "nsst"]

#: A low-pass along one axis: frequencies in cycles per pixel and a level, to a window.
LowPass = Callable[[Array, int], Array]


def _step(x: Array) -> Array:
    """Return Meyer's smooth step from 0 at x = 0 to 1 at x = 1."""
    x = np.clip(x, 0, 1)
    return x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3)


def atrous(u: Array, level: int) -> Array:
    """Return the low-pass of a nonsubsampled pyramid, one at level 0.

    The kernel (1, 4, 6, 4, 1) / 16, once for each level, its taps 1, 2, 4, ... pixels
    apart.
    """
    steps = 2.0 ** np.arange(level)
    return np.prod(np.cos(np.pi * np.multiply.outer(steps, u)) ** 4, axis=0)


def meyer(u: Array, level: int) -> Array:
    """Return Meyer's low-pass, one at level 0.

    On level j it is one up to a share of :math:`2^{1-j}/3` of the highest frequency,
    and zero from twice that on.
    """
    if level == 0:
        return np.ones_like(u)
    return 1 - _step(3 * 2**level * np.abs(u) - 1)


def wedges(u: Array, v: Array, number: int) -> Iterator[Array]:
    """Yield smooth windows of directions; together they are one everywhere."""
    u, v = np.broadcast_arrays(u, v)
    flat = np.abs(v) <= np.abs(u)
    # From -1 to 1 in one half of the plane, from 1 to 3 in the other, and round again.
    slope = np.where(flat, v, -u) / np.where(flat, np.where(u == 0, 1, u), v)
    turn = np.where(flat, slope, slope + 2)
    for k in range(number):
        # How far the slope is from the middle of wedge k, in widths of a wedge.
        middle = 4 * (k + 0.5) / number - 1
        away = (turn - middle + 2) % 4 - 2
        yield 1 - _step(np.abs(away) * number / 4)


def windows(
    shape: Sequence[int], lowpass: LowPass, directions: Sequence[int]
) -> Iterator[Array]:
    """Yield the windows of all bands on the grid of the real Fourier transform.

    For an image of this shape; ``lowpass`` is :func:`atrous` or :func:`meyer`, and
    ``directions`` has their number on each level, the coarsest first.
    """
    u, v = scipy.fft.fftfreq(shape[0]), scipy.fft.rfftfreq(shape[1])

    def inner(level: int) -> Array:
        return np.outer(lowpass(u, level), lowpass(v, level))

    depth = len(directions)
    yield inner(depth)
    for level, number in zip(range(depth, 0, -1), directions, strict=True):
        band = inner(level - 1) - inner(level)
        yield from (band * wedge for wedge in wedges(u[:, None], v, number))


def directional_transform(
    shape: tuple[int, ...], lowpass: LowPass, directions: Sequence[int]
) -> Transform:
    """Return the transform of images of this shape, see :func:`windows`.

    The Fourier transform wraps around, so the image gets a mirrored margin.
    """
    margin = 2 ** (len(directions) + 1)
    inside = tuple(slice(margin, margin + side) for side in shape)

    def analyse(image: Image) -> Iterator[Array]:
        wide = mirrored(image, margin, scipy.fft.next_fast_len)
        spectrum = scipy.fft.rfft2(wide)
        for window in windows(wide.shape, lowpass, directions):
            yield scipy.fft.irfft2(spectrum * window, s=wide.shape)

    def synthesise(bands: Iterable[Array]) -> Image:
        return functools.reduce(np.add, bands)[inside]

    return Transform(analyse, synthesise)


def _check(directions: Sequence[int]) -> list[int]:
    """Return the numbers of directions, if there are any and each is at least 2."""
    if not isinstance(directions, Sequence) or not directions:
        raise InputError(
            f"directions must be a list of whole numbers, got {directions!r}"
        )
    return [check_positive_int(n, "directions", minimum=2) for n in directions]


@method(
    "Nonsubsampled contourlet",
    "da Cunha, Zhou, Do",
    2006,
    seconds=0.8,
    status="transform only",
)
def nsct(sources: list[Image], *, directions: Sequence[int] = (4, 8, 8, 16)) -> Image:
    """Fuse by the nonsubsampled contourlet transform.

    A pyramid without subsampling, and a number of directions on each of its levels.
    The low band is averaged; of the details the largest coefficient is kept.

    Parameters
    ----------
    directions : sequence of int, optional
        Number of directions on each level, at least 2; the coarsest level first.

    Notes
    -----
    The pyramid has the kernel (1, 4, 6, 4, 1) / 16, and the directions are split by
    smooth windows in the Fourier domain; the paper designs other filters for both.

    References
    ----------
    * A. L. da Cunha, J. Zhou, M. N. Do, "The nonsubsampled contourlet transform:
      theory, design, and applications", IEEE Transactions on Image Processing
      15(10), 2006. https://doi.org/10.1109/TIP.2006.877507
    """
    shape = sources[0].shape
    return fuse_bands(sources, directional_transform(shape, atrous, _check(directions)))


@method("Shearlet", "Wang, Li, Tian", 2014, seconds=1.2, status="transform only")
def nsst(sources: list[Image], *, directions: Sequence[int] = (8, 8, 16, 16)) -> Image:
    """Fuse by the shift-invariant shearlet transform.

    Meyer's windows split the scales, and on each level the slopes are split into a
    number of directions. The low band is averaged; of the details the largest
    coefficient is kept.

    Parameters
    ----------
    directions : sequence of int, optional
        Number of directions on each level, at least 2; the coarsest level first.

    References
    ----------
    * L. Wang, B. Li, L. Tian, "EGGDD: An explicit dependency model for multi-modal
      medical image fusion in shift-invariant shearlet transform domain",
      Information Fusion 19, 2014. https://doi.org/10.1016/j.inffus.2013.04.005
    * K. Guo, D. Labate, "The construction of smooth Parseval frames of shearlets",
      Mathematical Modelling of Natural Phenomena 8(1), 2013.
      https://doi.org/10.1051/mmnp/20138106
    * G. Easley, D. Labate, W. Lim, "Sparse directional image representations using
      the discrete shearlet transform", Applied and Computational Harmonic Analysis
      25(1), 2008. https://doi.org/10.1016/j.acha.2007.09.003
    """
    shape = sources[0].shape
    return fuse_bands(sources, directional_transform(shape, meyer, _check(directions)))
