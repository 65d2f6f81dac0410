"""Fusion by the discrete wavelet transform."""

from __future__ import annotations

from typing import Any

import numpy as np
import pywt

from ..errors import InputError
from ..images.validation import Image, check_positive_int
from ._shared import choose_largest
from .registry import method

__all__ = ["dwt"]


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
      doi:10.1006/gmip.1995.1022
    """
    levels = check_positive_int(levels, "levels")
    if wavelet not in pywt.wavelist(kind="discrete"):
        raise InputError(
            f"wavelet must be the name of a discrete wavelet, got {wavelet!r}"
        )
    height, width = sources[0].shape
    depth = min(
        levels, pywt.dwt_max_level(min(height, width), pywt.Wavelet(wavelet).dec_len)
    )
    transforms = [
        pywt.wavedec2(source, wavelet, mode="symmetric", level=depth)
        for source in sources
    ]
    fused: list[Any] = [np.mean([t[0] for t in transforms], axis=0)]
    for bands in zip(*(t[1:] for t in transforms), strict=True):
        fused.append(
            tuple(choose_largest(list(planes)) for planes in zip(*bands, strict=True))
        )
    # An odd side comes back one sample longer.
    return pywt.waverec2(fused, wavelet, mode="symmetric")[:height, :width]
