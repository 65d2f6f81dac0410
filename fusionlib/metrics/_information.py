"""Information in grey level histograms: entropies and mutual information.

All are on 256 grey levels, and in bits where nothing else is said.

References
----------
.. [1] C. E. Shannon, "A mathematical theory of communication", Bell System Technical
   Journal 27(3), 1948. https://doi.org/10.1002/j.1538-7305.1948.tb01338.x
.. [2] G. Qu, D. Zhang, P. Yan, "Information measure for performance of image
   fusion", Electronics Letters 38(7), 2002. https://doi.org/10.1049/el:20020212
.. [3] M. Hossny, S. Nahavandi, D. Creighton, "Comments on 'Information measure for
   performance of image fusion'", Electronics Letters 44(18), 2008.
   https://doi.org/10.1049/el:20081754
.. [4] D. M. Bulanon, T. F. Burks, V. Alchanatis, "Image fusion of visible and thermal
   images for fruit detection", Biosystems Engineering 103(1), 2009.
.. [5] N. Cvejic, C. N. Canagarajah, D. R. Bull, "Image fusion metric based on mutual
   information and Tsallis entropy", Electronics Letters 42(11), 2006.
.. [6] R. Nava, B. Escalante-Ramirez, G. Cristobal, "Mutual information improves image
   fusion quality assessments", SPIE Newsroom, 2007.
.. [7] Q. Wang, Y. Shen, J. Jin, "Performance evaluation of image fusion techniques",
   in: T. Stathaki (ed.), Image Fusion: Algorithms and Applications, 2008.
.. [8] Z. Liu, E. Blasch, Z. Xue, J. Zhao, R. Laganiere, W. Wu, "Objective assessment
   of multiresolution image fusion algorithms for context enhancement in night vision",
   IEEE Transactions on Pattern Analysis and Machine Intelligence 34(1), 2012.
   https://doi.org/10.1109/TPAMI.2011.109
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.validation import Image
from ._common import levels, part_of, stretched, takes_images
from .registry import metric

__all__ = [
    "cross_entropy",
    "entropy",
    "mutual_information",
    "normalised_mutual_information",
    "q_ncie",
    "q_te",
]

#: The parameter q of Tsallis entropy in Q_TE.
TSALLIS = 0.43137

_LEVELS = {
    "published": "256 grey levels by floating-point rounding, logarithm to base 2",
    "exact": "as published, with halves of a grey level rounded up exactly",
}
_AS_PUBLISHED = {"vifb": "as published", "tang": "as published"}


def _bits(counts: NDArray[Any]) -> float:
    """Return the entropy of a histogram; exactly 0 for a single level."""
    p = counts[counts > 0] / counts.sum()
    return float(abs(-(p * np.log2(p)).sum()))


def _joint(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.int64]:
    """Return how often each pair of levels occurs, 256 x 256."""
    one, two = (plane.ravel().astype(np.int32) for plane in (first, second))
    return np.bincount(256 * one + two, minlength=65536).reshape(256, 256)


@takes_images(
    "MI and NMI",
    {
        **_LEVELS,
        "vifb": "each image stretched to 0..255 first, natural logarithm",
        "tang": "as published, but levels 254 and 255 are one level in the joint "
        "histograms, where 8-bit integers saturate",
    },
)
def _entropies(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> tuple[float, list[float], list[float]]:
    """Return the entropy of fused, of each source, and of each pair."""
    if convention == "vifb":
        planes = [stretched(image).astype(np.uint8) for image in (fused, *sources)]
    else:
        planes = [levels(image, convention) for image in (fused, *sources)]
    highest = 254 if convention == "tang" else 255
    unit = math.log(2) if convention == "vifb" else 1.0
    single, joint = [], []
    for plane in planes:
        pairs = _joint(*(np.minimum(x, highest) for x in (planes[0], plane)))
        joint.append(unit * _bits(pairs))
        own = pairs if highest == 255 else _joint(plane, plane)
        single.append(unit * _bits(own.sum(axis=0)))
    return single[0], single[1:], joint[1:]


@metric(
    "EN",
    r"\mathrm{EN}",
    "Entropy",
    range=(0, 8),
    conventions=_LEVELS | _AS_PUBLISHED,
    reference="Shannon 1948",
)
def entropy(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return the entropy of the fused image, in bits per pixel.

    Notes
    -----
    Noise raises it too. The sources are checked, but not used. For 8-bit files the
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

    In bits, under ``vifb`` in natural units; up to 8 K bits for K sources.

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
@part_of(_entropies, without=["vifb", "tang"])
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


@metric(
    "CE",
    r"\mathrm{CE}",
    "Cross entropy of the sources and the fused image, mean",
    range=(-1 / (math.e * math.log(2)), math.inf),
    direction="lower",
    conventions={
        "published": "256 grey levels, logarithm to base 2, over the levels that occur "
        "in both images",
        "vifb": "as published",
    },
    reference="Bulanon, Burks, Alchanatis 2009",
)
def cross_entropy(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return the relative entropy of each source to the fused image, averaged.

    ``sum_g p_k(g) log2(p_k(g) / p_F(g))`` of the histograms, in bits; 0 if they are
    equal. Where pixels are does not matter.

    Notes
    -----
    Levels that the fused image does not have are left out, although the definition is
    infinite there. So a value can be below 0, and a fused image without any common
    level scores 0.
    """
    own = np.bincount(levels(fused, convention).ravel(), minlength=256) / fused.size
    total = 0.0
    for source in sources:
        p = np.bincount(levels(source, convention).ravel(), minlength=256) / fused.size
        both = (p > 0) & (own > 0)
        total += float((p[both] * np.log2(p[both] / own[both])).sum())
    return total / len(sources)


_LIU = "Liu's toolbox: each image stretched to 256 grey levels first"


def _tables(fused: Image, sources: list[Image]) -> dict[tuple[int, int], Any]:
    """Return the joint histogram of each pair of stretched images; 0 is the fused."""
    planes = [stretched(image).astype(np.uint8) for image in (fused, *sources)]
    return {
        (k, n): _joint(planes[k], planes[n])
        for k, n in combinations(range(len(planes)), 2)
    }


@metric(
    "Q_NCIE",
    r"Q_{\mathrm{NCIE}}",
    "Nonlinear correlation of all images, by information",
    range=(1 - math.log(3, 256), 1),
    conventions=_LIU,
    reference="Wang, Shen, Jin 2008; Liu et al. 2012",
)
def q_ncie(fused: Image, sources: list[Image]) -> float:
    """Return the nonlinear correlation information entropy of fused image and sources.

    ``1 + sum_i (v_i / N) log_256(v_i / N)`` of the eigenvalues v of the N x N matrix,
    N = K + 1, of mutual information in units of 8 bits, with 1 on the diagonal.

    Notes
    -----
    Values hardly differ: for two sources all are between 0.80 and 1, and of fused
    images between 0.80 and 0.82. How much the sources have in common counts as well.
    """
    matrix = np.eye(len(sources) + 1)
    for (k, n), table in _tables(fused, sources).items():
        shared = _bits(table.sum(axis=0)) + _bits(table.sum(axis=1)) - _bits(table)
        matrix[k, n] = matrix[n, k] = max(shared, 0) / 8
    shares = np.clip(np.linalg.eigvalsh(matrix), 0, None) / len(matrix)
    return 1 - _entropy_of(shares) / 8


def _entropy_of(shares: NDArray[np.float64]) -> float:
    """Return the entropy of shares, in bits."""
    shares = shares[shares > 0]
    return -float((shares * np.log2(shares)).sum())


def _tsallis(table: NDArray[np.int64]) -> float:
    """Return the mutual information of Tsallis in a joint histogram."""
    p = table / table.sum()
    independent = np.outer(p.sum(axis=1), p.sum(axis=0))
    some = p > 0
    total = (p[some] ** TSALLIS / independent[some] ** (TSALLIS - 1)).sum()
    return float(max(1 - total, 0) / (1 - TSALLIS))


@metric(
    "Q_TE",
    r"Q_{\mathrm{TE}}",
    "Mutual information of Tsallis with the sources, normalised",
    range=(0, 1),
    conventions=f"{_LIU}; q = 0.43137, entropies of Shannon to the power q",
    reference="Cvejic, Canagarajah, Bull 2006; Nava et al. 2007; Liu et al. 2012",
)
def q_te(fused: Image, sources: list[Image]) -> float:
    """Return the fusion metric Q_TE, based on Tsallis entropy.

    ``sum_k I(F, S_k) / (sum_k H(S_k)^q + sum_{k < n} I(S_k, S_n))`` with
    ``I = (1 - sum p(a, b)^q / (p(a) p(b))^(q - 1)) / (1 - q)``; 0 if all are constant.

    Notes
    -----
    As the toolbox has it. Cvejic and others sum ``I(F, S_k)`` for q = 1.85, without a
    denominator.
    """
    tables = _tables(fused, sources)
    kept = sum(_tsallis(table) for (k, _), table in tables.items() if k == 0)
    among = sum(_tsallis(table) for (k, _), table in tables.items() if k > 0)
    entropies = [_bits(tables[0, n + 1].sum(axis=0)) for n in range(len(sources))]
    there = sum(entropy**TSALLIS for entropy in entropies) + among
    return float(kept / there) if there > 0 else 0.0
