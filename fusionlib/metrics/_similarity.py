"""Similarity window by window: Q, Q_W, Q_E of Piella and Heijmans, Q_Y of Yang.

Each compares the fused image with every source under a window, and weighs the sources
there by their variance :math:`s_k`.

References
----------
.. [1] G. Piella, H. Heijmans, "A new quality metric for image fusion", ICIP 2003.
   https://doi.org/10.1109/ICIP.2003.1247209
.. [2] Z. Wang, A. C. Bovik, "A universal image quality index", IEEE Signal Processing
   Letters 9(3), 2002. https://doi.org/10.1109/97.995823
.. [3] C. Yang, J.-Q. Zhang, X.-R. Wang, X. Liu, "A novel similarity based quality
   metric for image fusion", Information Fusion 9(2), 2008.
.. [4] Z. Liu, E. Blasch, Z. Xue, J. Zhao, R. Laganiere, W. Wu, "Objective assessment
   of multiresolution image fusion algorithms for context enhancement in night vision",
   IEEE Transactions on Pattern Analysis and Machine Intelligence 34(1), 2012.
   https://doi.org/10.1109/TPAMI.2011.109
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from ..images.validation import Image
from ._common import part_of, ratio, takes_images
from ._structural import CONSTANTS, SIGMA, WINDOW
from ._windows import Moments, box, gaussian, moments
from .registry import metric

__all__ = ["q_e", "q_piella", "q_w", "q_y"]

_REFERENCE = "Piella, Heijmans 2003; Liu et al. 2012"

#: Side of the windows of the definition of Q.
BLOCK = 8
#: Side and standard deviation of the windows of Q_Y, and which sources are alike.
YANG_WINDOW, YANG_SIGMA, ALIKE = 7, 1.5, 0.75


class _Piella(NamedTuple):
    """The three indices."""

    q: float
    q_w: float
    q_e: float


def _shared(pairs: list[Moments], similar: list[Image]) -> Image:
    """Return the similarities weighed by the variance of their sources."""
    total: Image = np.sum([pair.second for pair in pairs], axis=0)
    shares = (ratio(pair.second, total, 1 / len(pairs)) for pair in pairs)
    planes = zip(shares, similar, strict=True)
    return np.sum([share * plane for share, plane in planes], axis=0)


def _quality(fused: Image, sources: list[Image], exact: bool) -> tuple[float, float]:
    """Return Q and Q_W of grey levels."""
    window = box(BLOCK) if exact else gaussian(WINDOW, SIGMA)
    pairs = moments(fused, sources, window)
    constants = (0.0, 0.0) if exact else CONSTANTS
    quality = _shared(pairs, [pair.similarity(*constants) for pair in pairs])
    salient = np.maximum.reduce([pair.second for pair in pairs])
    plain, weight = float(quality.mean()), float(salient.sum())
    return plain, float((salient * quality).sum()) / weight if weight > 0 else plain


def _edges(levels: Image, exact: bool) -> Image:
    """Return the strength of the Prewitt gradient."""
    padded = np.pad(levels, 1, mode="reflect" if exact else "constant")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    columns = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return np.hypot(rows[:, 2:] - rows[:, :-2], columns[2:] - columns[:-2])


@takes_images(
    "Q, Q_W and Q_E",
    {
        "published": "Liu's toolbox: SSIM, 0..255, Gaussian window 11x11, sigma 1.5; "
        "edges with a black border",
        "exact": "as defined: the index of Wang and Bovik, without constants, in 8x8 "
        "windows; edges with a mirrored border",
    },
    smallest=WINDOW,
)
def _piella(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> _Piella:
    """Return the three indices."""
    exact = convention == "exact"
    levels = [255 * image for image in (fused, *sources)]
    plain, weighted = _quality(levels[0], levels[1:], exact)
    edges = [_edges(plane, exact) for plane in levels]
    return _Piella(plain, weighted, weighted * _quality(edges[0], edges[1:], exact)[1])


@metric(
    "Q",
    "Q",
    "Similarity to the sources, by their variance",
    range=(-1, 1),
    reference=_REFERENCE,
)
@part_of(_piella)
def q_piella(indices: _Piella) -> float:
    """Return the fusion quality index Q of Piella and Heijmans.

    The mean over windows of ``sum_k s_k SSIM(F, S_k) / sum_k s_k``; in flat windows
    all sources count the same.
    """
    return indices.q


@metric(
    "Q_W",
    "Q_W",
    "Similarity to the sources, by their variance, in salient windows",
    range=(-1, 1),
    reference=_REFERENCE,
)
@part_of(_piella)
def q_w(indices: _Piella) -> float:
    """Return the weighted fusion quality index Q_W of Piella and Heijmans.

    As :func:`q_piella`, but each window weighs as the largest variance of a source in
    it.
    """
    return indices.q_w


@metric(
    "Q_E",
    "Q_E",
    "Similarity to the sources, in the images and in their edges",
    range=(-1, 1),
    reference=_REFERENCE,
)
@part_of(_piella)
def q_e(indices: _Piella) -> float:
    """Return the edge-dependent fusion quality index Q_E of Piella and Heijmans.

    Q_W of the images times Q_W of the strengths of their Prewitt gradients.

    Notes
    -----
    The toolbox stops here with an error: a variable is not set. The product is that of
    the paper, with the exponent 1 for the edges.
    """
    return indices.q_e


@metric(
    "Q_Y",
    "Q_Y",
    "Similarity to the sources, or to the more similar one where they differ",
    range=(-1, 1),
    smallest=YANG_WINDOW,
    conventions="Liu's toolbox: 0..255, Gaussian window 7x7, sigma 1.5, SSIM without "
    "constants",
    reference="Yang, Zhang, Wang, Liu 2008; Liu et al. 2012",
)
def q_y(fused: Image, sources: list[Image]) -> float:
    """Return the similarity metric Q_Y of Yang and others.

    Per window ``sum_k s_k SSIM(F, S_k) / sum_k s_k`` where the SSIM of the sources with
    each other is at least 0.75, else the largest ``SSIM(F, S_k)``; then the mean. 1 if
    the fused image is equal to one of two sources that differ everywhere.

    Notes
    -----
    For more than two sources, the least similar two of them decide. In flat windows the
    toolbox divides rounding errors by each other, or 0 by 0; here a flat window is
    compared by its mean, and flat sources count the same.
    """
    levels = [255 * image for image in sources]
    window = gaussian(YANG_WINDOW, YANG_SIGMA)
    pairs = moments(255 * fused, levels, window)
    similar = [pair.similarity(0, 0) for pair in pairs]
    among = [
        moments(first, [second], window)[0].similarity(0, 0)
        for first, second in combinations(levels, 2)
    ]
    # rounded, so that windows at the limit fall on one side on every processor
    alike = np.round(np.minimum.reduce(among), 9) >= ALIKE
    best = np.maximum.reduce(similar)
    return float(np.where(alike, _shared(pairs, similar), best).mean())
