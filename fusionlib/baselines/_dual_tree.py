"""Fusion by dual-tree wavelets, with complex numbers and with quaternions.

A real wavelet coefficient swings through zero when an edge moves by a pixel. Two
wavelet trees a and b, with wavelets :math:`\\psi_a` and :math:`\\psi_b` that are close
to a Hilbert pair, give the magnitude of an almost analytic wavelet
:math:`\\psi_a + i \\psi_b` instead, which moves smoothly. Along rows and columns
there are four trees, with one real coefficient each at every place. They can be read
as two complex numbers, one for each of two directions,

.. math::

    z_\\pm = \\frac{(w_{aa} \\mp w_{bb}) + i (w_{ab} \\pm w_{ba})}{\\sqrt2},

or as one quaternion, :math:`q = w_{aa} + i w_{ab} + j w_{ba} + k w_{bb}`.

The filters of the first level are the biorthogonal 9/7 pair, one sample apart in the
two trees; those of all other levels are the orthonormal q-shift filters of 10 taps, of
which tree b has the time reverse.

References
----------
* N. G. Kingsbury, "Complex wavelets for shift invariant analysis and filtering of
  signals", Applied and Computational Harmonic Analysis 10(3), 2001.
  https://doi.org/10.1006/acha.2000.0343
* N. G. Kingsbury, "Design of q-shift complex wavelets for image processing using
  frequency domain energy minimization", ICIP 2003.
  https://doi.org/10.1109/ICIP.2003.1246926
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product

import numpy as np
import pywt

from ..images.validation import Image, check_positive_int
from ._multiscale import Array, Transform, fuse_bands
from .registry import method

__all__ = ["dtcwt", "qwt"]

#: Low-pass filter of tree a from the second level on. Moved by at most 1e-8, so that it
#: is orthonormal and constants have no detail to the last digit of double precision.
_Q_SHIFT = [
    0.05113041098373036, -0.013975372968202405, -0.10983604706524366,
    0.2638395565129976, 0.7666284723397488, 0.5636557056253728,
    0.0008736270334932161, -0.10023122355976022, -0.0016896821051811874,
    -0.006181884423860307,
]  # fmt: skip


def _first(delay: int) -> pywt.Wavelet:
    """Return the 9/7 filters, later by ``delay`` samples in the analysis."""
    before, after = [0.0] * (1 + delay), [0.0] * (1 - delay)
    low, high, *synthesis = pywt.Wavelet("bior4.4").filter_bank
    bank = [[*before, *f, *after] for f in (low, high)]
    bank += [[*after, *f, *before] for f in synthesis]
    return pywt.Wavelet(f"9/7 later by {delay}", filter_bank=bank)


def _later(low: list[float]) -> pywt.Wavelet:
    """Return the orthonormal filters of all levels but the first."""
    return pywt.Wavelet("q-shift", filter_bank=pywt.orthogonal_filter_bank(low))


#: Filters of the first level and of the others, in trees a and b.
_TREES = ((_first(1), _later(_Q_SHIFT)), (_first(0), _later(_Q_SHIFT[::-1])))

#: Trees along rows and columns: aa, ab, ba, bb.
_PAIRS = tuple(product(_TREES, repeat=2))


def _filters(level: int) -> list[tuple[pywt.Wavelet, pywt.Wavelet]]:
    """Return the filters along columns and rows of each of the four trees."""
    return [tuple(tree[min(level, 1)] for tree in pair) for pair in _PAIRS]


def to_complex(four: Array) -> list[Array]:
    """Return what four trees have at each place as two complex bands."""
    aa, ab, ba, bb = four / np.sqrt(2)
    return [(aa - bb) + 1j * (ab + ba), (aa + bb) + 1j * (ab - ba)]


def from_complex(plus: Array, minus: Array) -> Array:
    """Invert :func:`to_complex`."""
    return np.stack(
        [
            plus.real + minus.real,
            plus.imag + minus.imag,
            plus.imag - minus.imag,
            minus.real - plus.real,
        ]
    ) / np.sqrt(2)


def dual_tree(
    shape: tuple[int, ...],
    levels: int,
    join: Callable[[Array], list[Array]] = lambda four: [four],
    split: Callable[..., Array] = lambda four: four,
) -> Transform:
    """Return the dual-tree transform of images of this shape.

    Parameters
    ----------
    shape : tuple of two int
        Height and width.
    levels : int
        Number of levels, at least 1; fewer where the image is too small to be halved
        as often.
    join, split : callable, optional
        Makes bands of the four real coefficients, shape (4, h, w), and undoes it.
    """
    levels = check_positive_int(levels, "levels")
    depth = min(levels, min(shape).bit_length() - 1)

    def analyse(image: Image) -> list[Array]:
        low, details = np.stack([image] * 4), []
        for level in range(depth):
            trees = [
                pywt.dwt2(plane, pair, mode="symmetric")
                for plane, pair in zip(low, _filters(level), strict=True)
            ]
            low = np.stack([tree[0] for tree in trees])
            triple = np.stack([tree[1] for tree in trees], axis=1)
            details.append([band for four in triple for band in join(four)])
        return [low, *(band for bands in reversed(details) for band in bands)]

    def synthesise(bands: Iterable[Array]) -> Image:
        low, *details = bands
        each = len(details) // (3 * depth) if depth else 1
        fours = [split(*details[k : k + each]) for k in range(0, len(details), each)]
        for level in reversed(range(depth)):
            triple, fours = np.stack(fours[:3], axis=1), fours[3:]
            # An odd side comes back one sample longer.
            height, width = triple.shape[2:]
            low = np.stack(
                [
                    pywt.idwt2((plane, tuple(three)), pair, mode="symmetric")
                    for plane, three, pair in zip(
                        low[:, :height, :width], triple, _filters(level), strict=True
                    )
                ]
            )
        return low.mean(axis=0)[: shape[0], : shape[1]]

    return Transform(analyse, synthesise)


@method(
    "Dual-tree complex wavelet",
    "Lewis, O'Callaghan, Nikolov, Bull, Canagarajah",
    2007,
    seconds=0.1,
    status="transform only",
    tolerance=1e-11,
)
def dtcwt(sources: list[Image], *, levels: int = 4) -> Image:
    """Fuse by the dual-tree complex wavelet transform.

    Six complex bands on each level, one for each of six directions. The low bands are
    averaged; of the details the coefficient of largest magnitude is kept.

    Parameters
    ----------
    levels : int, optional
        Number of levels, at least 1; fewer where the image is too small to be halved
        as often.

    References
    ----------
    * J. J. Lewis, R. J. O'Callaghan, S. G. Nikolov, D. R. Bull, N. Canagarajah,
      "Pixel- and region-based image fusion with complex wavelets", Information
      Fusion 8(2), 2007. https://doi.org/10.1016/j.inffus.2005.09.006
    * I. W. Selesnick, R. G. Baraniuk, N. G. Kingsbury, "The dual-tree complex
      wavelet transform", IEEE Signal Processing Magazine 22(6), 2005.
      https://doi.org/10.1109/MSP.2005.1550194
    """
    shape = sources[0].shape
    return fuse_bands(sources, dual_tree(shape, levels, to_complex, from_complex))


@method(
    "Quaternion wavelet",
    "Pang, Zhu, Guo",
    2012,
    seconds=0.1,
    status="transform only",
    tolerance=1e-11,
)
def qwt(sources: list[Image], *, levels: int = 4) -> Image:
    """Fuse by the quaternion wavelet transform.

    Three bands of quaternions on each level: horizontal, vertical and diagonal. The
    low bands are averaged; of the details the quaternion of largest norm is kept.

    Parameters
    ----------
    levels : int, optional
        Number of levels, at least 1; fewer where the image is too small to be halved
        as often.

    References
    ----------
    * H. Pang, M. Zhu, L. Guo, "Multifocus color image fusion using quaternion
      wavelet transform", CISP 2012.
    * W. L. Chan, H. Choi, R. G. Baraniuk, "Coherent multiscale image processing
      using dual-tree quaternion wavelets", IEEE Transactions on Image Processing
      17(7), 2008. https://doi.org/10.1109/TIP.2008.924282
    """
    return fuse_bands(sources, dual_tree(sources[0].shape, levels))
