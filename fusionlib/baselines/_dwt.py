"""Fusion by the discrete wavelet transform, with and without subsampling."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import pywt

from ..errors import InputError
from ..images.validation import Image, check_positive_int
from ._multiscale import Array, Transform, fuse_bands, mirrored
from .registry import method

__all__ = ["dwt", "swt"]


def _depth(shape: tuple[int, ...], wavelet: str, levels: int) -> int:
    """Return the number of levels, fewer where the image is too small for them."""
    levels = check_positive_int(levels, "levels")
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise InputError(
            f"wavelet must be the name of a discrete wavelet, got {wavelet!r}"
        )
    return min(levels, pywt.dwt_max_level(min(shape), pywt.Wavelet(wavelet).dec_len))


def _by_level(bands: Iterable[Array]) -> list[Array | tuple[Array, ...]]:
    """Return bands as PyWavelets wants them: three details of a level in a tuple."""
    low, *details = bands
    return [low, *zip(*[iter(details)] * 3, strict=True)]


def wavelet_transform(shape: tuple[int, ...], wavelet: str, levels: int) -> Transform:
    """Return the wavelet transform of images of this shape, mirrored at the border."""
    depth = _depth(shape, wavelet, levels)
    height, width = shape

    def analyse(image: Image) -> list[Array]:
        low, *details = pywt.wavedec2(image, wavelet, mode="symmetric", level=depth)
        return [low, *chain(*details)]

    def synthesise(bands: Iterable[Array]) -> Image:
        # An odd side comes back one sample longer.
        image = pywt.waverec2(_by_level(bands), wavelet, mode="symmetric")
        return image[:height, :width]

    return Transform(analyse, synthesise)


def stationary_transform(
    shape: tuple[int, ...], wavelet: str, levels: int
) -> Transform:
    """Return the transform without subsampling: each band has the size of the image.

    PyWavelets wraps around and wants sides that can be halved at each level, so the
    image gets a mirrored margin as wide as the filters of the last level reach.
    """
    depth = max(1, _depth(shape, wavelet, levels))
    margin = (pywt.Wavelet(wavelet).dec_len - 1) * (2**depth - 1)
    inside = tuple(slice(margin, margin + side) for side in shape)

    def whole(side: int) -> int:
        return -(-side // 2**depth) * 2**depth

    def analyse(image: Image) -> list[Array]:
        wide = mirrored(image, margin, whole)
        low, *details = pywt.swt2(wide, wavelet, level=depth, trim_approx=True)
        return [low, *chain(*details)]

    def synthesise(bands: Iterable[Array]) -> Image:
        return pywt.iswt2(_by_level(bands), wavelet)[inside]

    return Transform(analyse, synthesise)


@method("DWT", "Li, Manjunath, Mitra", 1995, seconds=0.02, status="after the paper")
def dwt(sources: list[Image], *, wavelet: str = "db2", levels: int = 4) -> Image:
    """Fuse by the discrete wavelet transform.

    Approximations are averaged; of the details the largest coefficient is kept.

    Parameters
    ----------
    wavelet : str, optional
        A discrete wavelet that PyWavelets knows by name.
    levels : int, optional
        Number of levels, at least 1; fewer where the image is too small for the
        wavelet. An image too small for a single level is averaged.

    References
    ----------
    * H. Li, B. S. Manjunath, S. K. Mitra, "Multisensor image fusion using the
      wavelet transform", Graphical Models and Image Processing 57(3), 1995.
      https://doi.org/10.1006/gmip.1995.1022
    """
    return fuse_bands(sources, wavelet_transform(sources[0].shape, wavelet, levels))


@method("Stationary DWT", "Rockinger", 1997, seconds=0.3, status="transform only")
def swt(sources: list[Image], *, wavelet: str = "db2", levels: int = 4) -> Image:
    """Fuse by the stationary wavelet transform, which has no subsampling.

    Each band has as many samples as the image, so the result moves with the sources
    when they are shifted. Approximations are averaged; of the details the largest
    coefficient is kept.

    Parameters
    ----------
    wavelet : str, optional
        A discrete wavelet that PyWavelets knows by name.
    levels : int, optional
        Number of levels, at least 1; fewer where the image is too small for the
        wavelet.

    References
    ----------
    * O. Rockinger, "Image sequence fusion using a shift-invariant wavelet
      transform", ICIP 1997. https://doi.org/10.1109/ICIP.1997.647093
    """
    return fuse_bands(sources, stationary_transform(sources[0].shape, wavelet, levels))
