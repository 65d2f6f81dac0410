"""Edges: Q_abf; Q_abf_kumar, L_abf and N_abf; edge intensity.

Q_abf is the measure of Xydeas and Petrovic [1]_. At each pixel the fused image keeps
the edge of source k to the degree :math:`Q^{kF} \\in (0, 1)`, a product of one sigmoid
of the ratio G of the smaller to the larger gradient and one of the agreement A of
their orientations, and each pixel weighs as its source's gradient :math:`g_k`:

.. math::

    Q_{abf} = \\frac{\\sum_k \\sum Q^{kF} g_k}{\\sum_k \\sum g_k}, \\qquad
    Q^{kF} = \\frac{0.9994}{1 + e^{-15 (G - 0.5)}} \\,
             \\frac{0.9879}{1 + e^{-22 (A - 0.8)}}.

The other three belong to the variant of Shreyamsha Kumar [2]_, which has other
constants, a square root, and on [0, 1] the same weight for every pixel. There the loss
:math:`1 - Q^{kF}` counts as artifact where the fused gradient is larger than that of
every source, as loss elsewhere. So ``Q_abf_kumar + L_abf + N_abf = 1``.

References
----------
.. [1] C. S. Xydeas, V. Petrovic, "Objective image fusion performance measure",
   Electronics Letters 36(4), 2000. https://doi.org/10.1049/el:20000267;
   V. Petrovic, C. Xydeas, "Objective image fusion performance characterisation",
   ICCV 2005.
.. [2] B. K. Shreyamsha Kumar, "Multifocus and multispectral image fusion based on
   pixel significance using discrete cosine harmonic wavelet transform", Signal,
   Image and Video Processing 7, 2013. https://doi.org/10.1007/s11760-012-0361-x
.. [3] X. Zhang, P. Ye, G. Xiao, "VIFB: a visible and infrared image fusion benchmark",
   CVPR Workshops 2020. https://doi.org/10.1109/CVPRW50498.2020.00060
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._compute import parallel_map
from ..images.validation import Image
from ._common import GRID, grey_levels, grid, part_of, takes_images
from .registry import metric

__all__ = [
    "EdgePreservation",
    "edge_intensity",
    "edge_preservation",
    "l_abf",
    "n_abf",
    "q_abf",
    "q_abf_kumar",
]

_REFERENCE = "Shreyamsha Kumar 2013, after Xydeas, Petrovic 2000"

#: Largest value, slope and centre of the sigmoids of strength and of orientation.
_XYDEAS = (0.9994, 15.0, 0.5), (0.9879, 22.0, 0.8)
_KUMAR = (0.9999, 19.0, 0.5), (0.9995, 22.0, 0.5)

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
    q_abf_kumar, l_abf, n_abf : float
        Preserved, lost and added edge information; they add up to 1.
    n_map : numpy.ndarray, shape (H, W)
        What each pixel adds to ``n_abf``; its sum is ``n_abf``.
    l_map : numpy.ndarray, shape (H, W)
        What each pixel adds to ``l_abf``.
    """

    q_abf_kumar: float
    l_abf: float
    n_abf: float
    n_map: Image
    l_map: Image


def sobel(
    image: NDArray[Any], border: str = "reflect"
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return 8 times the Sobel gradient: across columns, and down the rows.

    In the type of the input: integers have no rounding. ``border`` is a mode of
    ``numpy.pad``; by default the image is mirrored without repeating the edge.

    In floating point the order of summation decides, by the last bit, which of two
    gradients in a flat area is the larger. The released evaluation sums each
    column of the 3x3 products from top to bottom, and then the columns from left to
    right; so does this function. (The factor 1/8 is a power of two and changes no
    digit, so the callers apply it.)
    """
    padded = np.pad(image, 1, mode=border)  # type: ignore[call-overload]
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


def _ratio(strength: Image, fused_strength: Image) -> Image:
    """Return the ratio of the smaller to the larger strength, 0 where one is 0."""
    larger = np.maximum(strength, fused_strength)
    smaller = np.minimum(strength, fused_strength)
    return np.divide(smaller, larger, out=np.zeros_like(larger), where=smaller > 0)


def _alike(angle: Image, fused_angle: Image) -> Image:
    """Return 1 for parallel and 0 for perpendicular edges, turning by pi is nothing."""
    return np.abs(np.abs(angle - fused_angle) - np.pi / 2) * 2 / np.pi


def _kept(
    ratio: Image, alike: Image, sigmoids: tuple[tuple[float, float, float], ...]
) -> Image:
    """Return the product of the two sigmoids, in (0, 1)."""
    planes = zip((ratio, alike), sigmoids, strict=True)
    one, two = (
        top / (1 + np.exp(-slope * (x - middle))) for x, (top, slope, middle) in planes
    )
    return one * two


def _preservation(
    strength: Image, angle: Image, fused_strength: Image, fused_angle: Image
) -> Image:
    """Return Kumar's Q, how well each edge of one source is kept, in (0, 1)."""
    ratio, alike = _ratio(strength, fused_strength), _alike(angle, fused_angle)
    return np.sqrt(_kept(ratio, alike, _KUMAR))


@takes_images(
    "Q_abf_kumar, L_abf and N_abf",
    {
        "published": "[0, 1] images, Sobel / 8 summed column by column in floating "
        "point, mirror border, equal weights: as in Table II of the paper",
        "exact": "as published, with the gradients computed and compared as integers: "
        "equal gradients are equal, and flips do not change the values",
        "tang": "as published",
    },
)
def edge_preservation(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> EdgePreservation:
    """Compute Q_abf_kumar, L_abf and N_abf together, with their maps.

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
    >>> round(result.q_abf_kumar + result.l_abf + result.n_abf, 12)
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
        q_abf_kumar=float(kept.sum()) / weight_sum,
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


@metric(
    "Q_abf_kumar",
    r"Q_{abf}^{\mathrm{Kumar}}",
    "Edges preserved, every pixel weighing the same",
    range=(0, 1),
    reference=_REFERENCE,
)
@part_of(edge_preservation, without=["tang"])
def q_abf_kumar(edges: EdgePreservation) -> float:
    """Return Q_abf_kumar, the share of edge information that is preserved.

    Notes
    -----
    Not the Q_abf of tables: see :func:`q_abf`.
    """
    return edges.q_abf_kumar


@metric(
    "L_abf",
    r"L_{abf}",
    "Edges lost",
    range=(0, 1),
    direction="lower",
    reference=_REFERENCE,
)
@part_of(edge_preservation, without=["tang"])
def l_abf(edges: EdgePreservation) -> float:
    """Return L_abf, the share of edge information that fusion has lost."""
    return edges.l_abf


#: What grey levels are multiplied by: intensities up to 255, 255^2 and 1.
_SCALES = {"published": 1.0, "vifb": 255.0, "tang": 1 / 255}


def _orientation(image: Image) -> tuple[Image, Image]:
    """Return strength, in grey levels, and orientation; the border is black.

    Which way the horizontal axis points matters, because pi / 2 and -pi / 2 do not
    agree: to the left, as convolution turns the kernel round.
    """
    across, down = sobel(grey_levels(image), "constant")
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.where(across == 0, np.pi / 2, np.arctan(-down / across))
    return np.sqrt(across * across + down * down), angle


def _kept_by_toolboxes(
    source: tuple[Image, Image], fused: tuple[Image, Image], scale: float
) -> Image:
    """Return Q of one source; where strengths are equal, their value is the ratio."""
    (strength, angle), (fused_strength, fused_angle) = source, fused
    equal = strength == fused_strength
    ratio = np.where(equal, strength * scale, _ratio(strength, fused_strength))
    alike = 1 - np.abs(angle - fused_angle) / (np.pi / 2)
    return _kept(ratio, alike, _XYDEAS)


@metric(
    "Q_abf",
    r"Q_{abf}",
    "Edges preserved, weighing as they are strong",
    range=(0, 1),
    conventions={
        "published": "0..255, Sobel, black border; the ratio of equal strengths is "
        "that strength itself; orientations that differ by pi do not agree",
        "exact": "integer gradients, mirrored border; the ratio of equal strengths is "
        "1, and orientations are compared modulo pi",
        "vifb": "as published, with intensities multiplied by 255 once more",
        "tang": "as published, on [0, 1], where the strength of equal gradients is "
        "small: equal images score less than 1",
    },
    reference="Xydeas, Petrovic 2000",
)
def q_abf(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return Q_abf of Xydeas and Petrovic, how much of the edges is preserved.

    Below 0.98 even for equal images; 0 if no source has an edge.

    Notes
    -----
    The paper's N_abf belongs to another variant, in which every pixel weighs the same:
    see :func:`q_abf_kumar`. Values of the two cannot be compared.
    """
    exact = convention == "exact"
    planes: list[tuple[Image, Image]] = parallel_map(
        lambda x: _strength_angle(x, "exact")[:2] if exact else _orientation(x),
        [fused, *sources],
    )

    def kept(plane: tuple[Image, Image]) -> tuple[float, float]:
        (strength, angle), (fused_strength, fused_angle) = plane, planes[0]
        if exact:
            ratio, alike = _ratio(strength, fused_strength), _alike(angle, fused_angle)
            quality = _kept(ratio, alike, _XYDEAS)
        else:
            quality = _kept_by_toolboxes(plane, planes[0], _SCALES[convention])
        return float((quality * strength).sum()), float(strength.sum())

    preserved, weights = np.sum(parallel_map(kept, planes[1:]), axis=0)
    return float(preserved / weights) if weights > 0 else 0.0


@metric(
    "EI",
    r"\mathrm{EI}",
    "Edge intensity, in grey levels",
    range=(0, 255 * 20**0.5),
    conventions={
        "published": "0..255, Sobel without a factor, replicated border",
        "vifb": "as published",
    },
    reference="VIFB; elementary",
)
def edge_intensity(
    fused: Image, sources: list[Image], *, convention: str = "published"
) -> float:
    """Return the mean strength of the Sobel gradient of the fused image.

    In grey levels, times 8 (the kernels are not divided). The sources are checked, but
    not used.
    """
    across, down = sobel(255 * fused, "edge")
    return float(np.sqrt(across * across + down * down).mean())
