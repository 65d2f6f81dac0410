"""Fusion by guided filtering (GFF).

A source is split into a base B, its local mean, and a detail D. The saliency of a
source is its Laplacian, smoothed; where a source has the largest saliency, its mask P
is one. The weights of base and detail are that mask after two guided filters with the
source as guide, and add up to one over the sources:

.. math::

    W^B_k = G_{r_1, \\varepsilon_1}(P_k, I_k), \\quad
    W^D_k = G_{r_2, \\varepsilon_2}(P_k, I_k), \\quad
    F = \\sum_k W^B_k B_k + W^D_k D_k.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.ndimage

from ..images.filters import guided_filter
from ..images.io import to_uint8
from ..images.validation import Image, check_positive, check_positive_int
from ._multiscale import Array
from .registry import method

__all__ = ["gff"]

#: Width of the mean filter that gives the base, in pixels.
BASE_WIDTH = 31

#: Standard deviation of the Gaussian on the Laplacian, and its radius, in pixels.
SALIENCY = 5


def initial_masks(images: Sequence[Image]) -> Array:
    """Return one where a source is the most salient, else zero, shape (K, H, W).

    Where several are, for instance all of them flat, the first has the one.
    """
    saliency = [
        scipy.ndimage.gaussian_filter(
            np.abs(scipy.ndimage.laplace(image, mode="nearest")),
            SALIENCY,
            mode="nearest",
            radius=SALIENCY,
        )
        for image in images
    ]
    winner = np.argmax(saliency, axis=0)
    return (winner == np.arange(len(images))[:, None, None]).astype(np.float64)


def guided_weights(
    images: Sequence[Image], masks: Array, radius: int, variance: float
) -> Array:
    """Return the masks after a guided filter, of sum one over the sources.

    As in the program of the authors, weights are rounded to 8 bits before they are
    divided by their sum, which also cuts off what lies outside [0, 1].
    """
    levels = np.stack(
        [
            to_uint8(guided_filter(mask, image, radius, variance=variance, cut=True))
            for mask, image in zip(masks, images, strict=True)
        ]
    )
    # Where all are zero, equal shares.
    weights = levels / 255 + 1e-12
    return weights / weights.sum(axis=0)


def blend(images: Sequence[Image], base: Array, detail: Array) -> Image:
    """Return the sum of bases and details by their weights, shape (K, H, W) each."""
    fused = np.zeros_like(images[0])
    for image, of_base, of_detail in zip(images, base, detail, strict=True):
        mean = scipy.ndimage.uniform_filter(image, BASE_WIDTH, mode="nearest")
        fused += of_base * mean + of_detail * (image - mean)
    return fused


@method("Guided filtering", "Li, Kang, Hu", 2013, seconds=0.07, status="exact")
def gff(
    sources: list[Image],
    *,
    base_radius: int = 45,
    base_variance: float = 0.3,
    detail_radius: int = 7,
    detail_variance: float = 1e-6,
) -> Image:
    """Fuse by guided filtering of weight maps.

    Parameters
    ----------
    base_radius : int, optional
        Radius of the guided filter for the weights of the base, in pixels, at least 1.
    base_variance : float, optional
        Its eps, above 0: the variance of a source below which weights are smoothed.
    detail_radius : int, optional
        The radius for the weights of the detail.
    detail_variance : float, optional
        The eps for the weights of the detail.

    References
    ----------
    * S. Li, X. Kang, J. Hu, "Image fusion with guided filtering", IEEE Transactions
      on Image Processing 22(7), 2013. https://doi.org/10.1109/TIP.2013.2244222
    """
    masks = initial_masks(sources)
    weights = [
        guided_weights(
            sources,
            masks,
            check_positive_int(radius, f"{part}_radius"),
            check_positive(variance, f"{part}_variance"),
        )
        for part, radius, variance in (
            ("base", base_radius, base_variance),
            ("detail", detail_radius, detail_variance),
        )
    ]
    return blend(sources, *weights)
