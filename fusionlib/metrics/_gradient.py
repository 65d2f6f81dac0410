"""Edge preservation: Q_abf, L_abf and N_abf.

All three come from one comparison of gradients, after Xydeas and Petrovic [1]_ in the
variant of Shreyamsha Kumar [2]_, which has other constants and a square root. At each
pixel the fused image keeps the edge of source k to the degree
:math:`Q^{kF} \\in (0, 1)`, and the loss :math:`1 - Q^{kF}` counts as artifact where the
fused gradient is larger than that of every source, as loss elsewhere. So
``Q_abf + L_abf + N_abf = 1``.

References
----------
.. [1] C. S. Xydeas, V. Petrovic, "Objective image fusion performance measure",
   Electronics Letters 36(4), 2000, doi:10.1049/el:20000267; V. Petrovic, C. Xydeas,
   "Objective image fusion performance characterisation", ICCV 2005.
.. [2] B. K. Shreyamsha Kumar, "Multifocus and multispectral image fusion based on
   pixel significance using discrete cosine harmonic wavelet transform", Signal,
   Image and Video Processing 7, 2013. doi:10.1007/s11760-012-0361-x
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._compute import parallel_map
from ..images.validation import Image
from ._common import GRID, grid, part_of, takes_images
from .registry import metric

__all__ = ["EdgePreservation", "edge_preservation", "l_abf", "n_abf", "q_abf"]

_REFERENCE = "Shreyamsha Kumar 2013, after Xydeas, Petrovic 2000"

#: Strength from which an edge weighs by its strength (never reached in [0, 1]).
STRONG_EDGE = 2.0
#: Weight of every other edge.
WEAK_WEIGHT = 0.001
#: Exponent of the strength in the weight of a strong edge.
WEIGHT_EXPONENT = 1.5


@dataclass(frozen=True)
class EdgePreservation:
    """The three sums and, pixel by pixel, what they are made of.

    Attributes
    ----------
    q_abf, l_abf, n_abf : float
        Preserved, lost and added edge information; they add up to 1.
    n_map : numpy.ndarray, shape (H, W)
        What each pixel adds to ``n_abf``; its sum is ``n_abf``.
    l_map : numpy.ndarray, shape (H, W)
        What each pixel adds to ``l_abf``.
    """

    q_abf: float
    l_abf: float
    n_abf: float
    n_map: Image
    l_map: Image


def sobel(image: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return 8 times the Sobel gradient, mirrored without repeating the edge.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W)
        Floats, or integers for a gradient without rounding.

    Returns
    -------
    across, down : numpy.ndarray, shape (H, W)
        Differences between columns and between rows, in the type of the input.

    Notes
    -----
    In floating point the order of summation decides, by the last bit, which of two
    gradients in a flat area is the larger. The released evaluation sums each
    column of the 3x3 products from top to bottom, and then the columns from left to
    right; so does this function. (The factor 1/8 is a power of two and changes no
    digit, so the callers apply it.)
    """
    padded = np.pad(image, 1, mode="reflect")
    top, middle, bottom = padded[:-2], padded[1:-1], padded[2:]
    column = (top + 2 * middle) + bottom
    across = column[:, 2:] - column[:, :-2]
    step = bottom - top
    down = (step[:, :-2] + 2 * step[:, 1:-1]) + step[:, 2:]
    return across, down


def _strength_angle(image: Image, convention: str) -> tuple[Image, Image, NDArray[Any]]:
    """Return strength, orientation, and what strengths are compared by.

    The third is the strength itself, or the integer square of it, which has no
    rounding error, in the exact convention.
    """
    if convention == "exact":
        across, down = sobel(grid(image))
        key: NDArray[Any] = across * across + down * down
        strength = np.sqrt(key.astype(np.float64)) / (8 * GRID)
    else:
        across, down = sobel(image)
        across, down = across / 8, down / 8
        strength = key = np.sqrt(down * down + across * across)
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.arctan(across / down)
    angle[(across == 0) & (down == 0)] = 0
    return strength, angle, key


def _preservation(
    strength: Image, angle: Image, fused_strength: Image, fused_angle: Image
) -> Image:
    """Return Q, how well each edge of one source is kept, in (0, 1)."""
    larger = np.maximum(strength, fused_strength)
    smaller = np.minimum(strength, fused_strength)
    ratio = np.divide(smaller, larger, out=np.zeros_like(larger), where=smaller > 0)
    alike = np.abs(np.abs(angle - fused_angle) - np.pi / 2) * 2 / np.pi
    by_strength = 0.9999 / (1 + np.exp(-19 * (ratio - 0.5)))
    by_angle = 0.9995 / (1 + np.exp(-22 * (alike - 0.5)))
    return np.sqrt(by_strength * by_angle)


@takes_images(
    "Q_abf, L_abf and N_abf",
    {
        "published": "[0, 1] images, Sobel / 8 summed column by column in floating "
        "point, mirror border, equal weights: as in Table II of the paper",
        "exact": "as published, with the gradients computed and compared as integers: "
        "equal gradients are equal, and flips do not change the values",
    },
)
def edge_preservation(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> EdgePreservation:
    """Compute Q_abf, L_abf and N_abf together, with their maps.

    Returns
    -------
    EdgePreservation

    Notes
    -----
    The gradients are those of images in [0, 1] divided by 8, so none ever reaches
    the limit of strong edges and all pixels weigh the same. On 0..255 images the values
    differ.

    A pixel without gradient has the orientation 0 by definition, which compares
    differently with horizontal and with vertical edges: transposing the images
    changes the values a little (the fourth digit) even in the exact convention.

    Examples
    --------
    >>> import numpy as np
    >>> flat, ramp = np.zeros((4, 4)), np.tile(np.arange(4) / 4, (4, 1))
    >>> result = edge_preservation(ramp, [flat, ramp], convention="exact")
    >>> round(result.q_abf + result.l_abf + result.n_abf, 12)
    1.0
    """
    planes = parallel_map(
        lambda image: _strength_angle(image, convention), [fused, *sources]
    )
    fused_strength, fused_angle, fused_key = planes[0]
    qualities = parallel_map(
        lambda plane: _preservation(plane[0], plane[1], fused_strength, fused_angle),
        planes[1:],
    )
    added = np.ones(fused.shape, dtype=bool)
    kept, missed = np.zeros(fused.shape), np.zeros(fused.shape)
    weight_sum = 0.0
    for (strength, _, key), quality in zip(planes[1:], qualities, strict=True):
        weight = np.where(
            strength >= STRONG_EDGE, strength**WEIGHT_EXPONENT, WEAK_WEIGHT
        )
        added &= fused_key > key
        kept += quality * weight
        missed += (1 - quality) * weight
        weight_sum += float(weight.sum())
    n_map = np.where(added, missed, 0) / weight_sum
    l_map = np.where(added, 0, missed) / weight_sum
    return EdgePreservation(
        q_abf=float(kept.sum()) / weight_sum,
        l_abf=float(l_map.sum()),
        n_abf=float(n_map.sum()),
        n_map=n_map,
        l_map=l_map,
    )


@metric(
    "N_abf",
    r"N_{abf}",
    "Artifacts: edges that no source has",
    range=(0, 1),
    direction="lower",
    reference=_REFERENCE,
)
@part_of(edge_preservation)
def n_abf(edges: EdgePreservation) -> float:
    """Return N_abf, the share of edge information that fusion has added.

    Notes
    -----
    The fused image comes first: with the arguments in another order the metric ranks
    methods the other way round.
    """
    return edges.n_abf


@metric("Q_abf", r"Q_{abf}", "Edges preserved", range=(0, 1), reference=_REFERENCE)
@part_of(edge_preservation)
def q_abf(edges: EdgePreservation) -> float:
    """Return Q_abf, the share of edge information that is preserved."""
    return edges.q_abf


@metric(
    "L_abf",
    r"L_{abf}",
    "Edges lost",
    range=(0, 1),
    direction="lower",
    reference=_REFERENCE,
)
@part_of(edge_preservation)
def l_abf(edges: EdgePreservation) -> float:
    """Return L_abf, the share of edge information that fusion has lost."""
    return edges.l_abf
