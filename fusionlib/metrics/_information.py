"""Information in grey level histograms: entropy and mutual information.

All are in bits and on 256 grey levels.

References
----------
.. [1] C. E. Shannon, "A mathematical theory of communication", Bell System Technical
   Journal 27(3), 1948. doi:10.1002/j.1538-7305.1948.tb01338.x
.. [2] G. Qu, D. Zhang, P. Yan, "Information measure for performance of image
   fusion", Electronics Letters 38(7), 2002. doi:10.1049/el:20020212
.. [3] M. Hossny, S. Nahavandi, D. Creighton, "Comments on 'Information measure for
   performance of image fusion'", Electronics Letters 44(18), 2008.
   doi:10.1049/el:20081754
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.validation import Image
from ._common import levels, part_of, takes_images
from .registry import metric

__all__ = ["entropy", "mutual_information", "normalised_mutual_information"]

_LEVELS = {
    "published": "256 grey levels by floating-point rounding, logarithm to base 2",
    "exact": "as published, with halves of a grey level rounded up exactly",
}


def _bits(counts: NDArray[Any]) -> float:
    """Return the entropy of a histogram; exactly 0 for a single level."""
    p = counts[counts > 0] / counts.sum()
    return float(abs(-(p * np.log2(p)).sum()))


@takes_images("MI and NMI", _LEVELS)
def _entropies(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> tuple[float, list[float], list[float]]:
    """Return the entropy of fused, of each source, and of each pair."""
    first = levels(fused, convention).ravel()
    single, joint = [], []
    for source in sources:
        second = levels(source, convention).ravel()
        single.append(_bits(np.bincount(second, minlength=256)))
        pair = first.astype(np.int32) * 256 + second
        joint.append(_bits(np.bincount(pair, minlength=65536)))
    return _bits(np.bincount(first, minlength=256)), single, joint


@metric(
    "EN",
    r"\mathrm{EN}",
    "Entropy",
    range=(0, 8),
    conventions=_LEVELS,
    reference="Shannon 1948",
)
def entropy(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return the entropy of the fused image, in bits per pixel.

    Notes
    -----
    Noise raises it too. The sources are checked, but not used. For 8-bit files both
    conventions agree.
    """
    return _bits(np.bincount(levels(fused, convention).ravel(), minlength=256))


@metric(
    "MI",
    r"\mathrm{MI}",
    "Mutual information with the sources, summed",
    range=(0, 16),
    reference="Qu, Zhang, Yan 2002",
)
@part_of(_entropies)
def mutual_information(entropies: tuple[float, list[float], list[float]]) -> float:
    """Return the mutual information of the fused image with each source, summed.

    In bits; up to 8 K for K sources.

    Notes
    -----
    A fused image that is equal to all sources scores K times its entropy; a common
    toolbox gives twice the entropy for any input, because it forms the joint
    histogram of the fused image with itself.
    """
    own, single, joint = entropies
    return sum(max(own + s - j, 0.0) for s, j in zip(single, joint, strict=True))


@metric(
    "NMI",
    r"\mathrm{NMI}",
    "Normalised mutual information, summed",
    range=(0, 2),
    reference="Hossny, Nahavandi, Creighton 2008",
)
@part_of(_entropies)
def normalised_mutual_information(
    entropies: tuple[float, list[float], list[float]],
) -> float:
    """Return the mutual information in units of the mean entropy of both, summed.

    ``sum_k 2 I(F; S_k) / (H(F) + H(S_k))``, up to K for K sources. A term is 0 where
    both images are constant.
    """
    own, single, joint = entropies
    total = 0.0
    for s, j in zip(single, joint, strict=True):
        if own + s > 0:
            total += 2 * max(own + s - j, 0.0) / (own + s)
    return total
