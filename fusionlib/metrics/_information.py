"""Information in grey level histograms: entropy and mutual information.

All are in bits and on 256 grey levels.

References
----------
.. [1] G. Qu, D. Zhang, P. Yan, "Information measure for performance of image
   fusion", Electronics Letters 38(7), 2002.
.. [2] M. Hossny, S. Nahavandi, D. Creighton, "Comments on 'Information measure for
   performance of image fusion'", Electronics Letters 44(18), 2008.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._common import levels, prepare

__all__ = ["entropy", "mutual_information", "normalised_mutual_information"]


def _bits(counts: NDArray[Any]) -> float:
    """Return the entropy of a histogram; exactly 0 for a single level."""
    p = counts[counts > 0] / counts.sum()
    return float(abs(-(p * np.log2(p)).sum()))


def _histograms(
    fused: Any, sources: Any, convention: str, name: str
) -> tuple[float, list[float], list[float]]:
    """Return the entropy of fused, of each source, and of each pair."""
    fused, images = prepare(fused, sources, convention, name)
    first = levels(fused, convention).ravel()
    single, joint = [], []
    for image in images:
        second = levels(image, convention).ravel()
        single.append(_bits(np.bincount(second, minlength=256)))
        pair = first.astype(np.int32) * 256 + second
        joint.append(_bits(np.bincount(pair, minlength=65536)))
    return _bits(np.bincount(first, minlength=256)), single, joint


def entropy(fused: Any, sources: Any, *, convention: str = "published") -> float:
    """Return the entropy of the fused image.

    Parameters
    ----------
    fused : array_like, shape (H, W)
        The fused image, in [0, 1].
    sources : sequence of array_like, shape (H, W)
        K >= 2 source images; checked, but not used.
    convention : {"published", "exact"}, optional
        How intensities become grey levels. For 8-bit files there is no difference.

    Returns
    -------
    float
        Bits per pixel, from 0 to 8; higher is better. Noise raises it too.

    Raises
    ------
    InputError
        If an argument is not valid.
    """
    fused, _ = prepare(fused, sources, convention, "EN")
    return _bits(np.bincount(levels(fused, convention).ravel(), minlength=256))


def mutual_information(
    fused: Any, sources: Any, *, convention: str = "published"
) -> float:
    """Return the mutual information of the fused image with each source, summed.

    Parameters
    ----------
    fused : array_like, shape (H, W)
        The fused image, in [0, 1].
    sources : sequence of array_like, shape (H, W)
        K >= 2 source images, in [0, 1].
    convention : {"published", "exact"}, optional
        As for :func:`entropy`.

    Returns
    -------
    float
        Bits, from 0 to 8 K; higher is better.

    Raises
    ------
    InputError
        If an argument is not valid.

    Notes
    -----
    A fused image that is equal to all sources scores K times its entropy; a common
    toolbox gives twice the entropy for any input, because it forms the joint
    histogram of the fused image with itself.
    """
    own, single, joint = _histograms(fused, sources, convention, "MI")
    return sum(max(own + s - j, 0.0) for s, j in zip(single, joint, strict=True))


def normalised_mutual_information(
    fused: Any, sources: Any, *, convention: str = "published"
) -> float:
    """Return the mutual information in units of the mean entropy of both, summed.

    Parameters
    ----------
    fused, sources, convention
        As for :func:`mutual_information`.

    Returns
    -------
    float
        ``sum_k 2 I(F; S_k) / (H(F) + H(S_k))``, from 0 to K; higher is better. A
        term is 0 where both images are constant.

    Raises
    ------
    InputError
        If an argument is not valid.
    """
    own, single, joint = _histograms(fused, sources, convention, "NMI")
    total = 0.0
    for s, j in zip(single, joint, strict=True):
        if own + s > 0:
            total += 2 * max(own + s - j, 0.0) / (own + s)
    return total
