"""Fusion by a convolutional network that compares the sharpness of two images.

The network (:mod:`fusionlib.baselines.cnn_weights`) looks at both images through
windows of 16x16 pixels, two pixels apart, and says for each how likely the first image
is the sharper one there. The *focus map* is the mean over the windows that hold a
pixel. It was made for photographs with the focus at different distances
(:func:`cnn_focus`); infrared and visible images are fused by it in pyramids
(:func:`cnn`).
"""

from __future__ import annotations

import functools
import math
import os
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.special
from numpy.lib.stride_tricks import sliding_window_view

from ..images.filters import guided_filter
from ..images.validation import Image, check_positive, check_positive_int
from ._laplacian import laplacian_pyramid, pyramid_reduce
from .cnn_weights import Network, load_network
from .registry import method

__all__ = ["cnn", "cnn_focus"]

#: Pixels that the network sees at once, in each direction.
WINDOW = 16


def score_map(first: Image, second: Image, network: Network) -> Image:
    """Return how likely the first image is the sharper one, for each window.

    Parameters
    ----------
    first, second : numpy.ndarray, shape (H, W)
        Images in [0, 1], at least 15 pixels high and wide.
    network : mapping of str to numpy.ndarray
        See :func:`fusionlib.baselines.cnn_weights.load_network`.

    Returns
    -------
    numpy.ndarray, shape (ceil(H / 2) - 7, ceil(W / 2) - 7), float64
        The soft-max of the network's outputs; item (i, j) is about the 16x16 pixels
        from (2 i, 2 j) on.

    Notes
    -----
    Convolutions in single precision, with zeros outside the image. The outputs count
    by their difference only, so one kernel, the difference of two, is applied, to each
    image on its own half.
    """
    import torch
    from torch.nn.functional import conv2d, max_pool2d

    arrays = {key: torch.from_numpy(array) for key, array in network.items()}

    def features(image: Image) -> Any:
        values = torch.from_numpy(image.astype(np.float32))[None, None]
        for layer in ("conv1", "conv2", "conv3"):
            weight, bias = arrays[f"{layer}.weight"], arrays[f"{layer}.bias"]
            values = conv2d(values, weight, bias, padding=1).relu_()
            if layer == "conv2":
                values = max_pool2d(values, 2, ceil_mode=True)
        return values

    with torch.inference_mode():
        halves = (arrays["output.weight"][1] - arrays["output.weight"][0]).chunk(2)
        pairs = zip((first, second), halves, strict=True)
        one, two = (conv2d(features(image), half[None]) for image, half in pairs)
        return scipy.special.expit((one + two)[0, 0].double().numpy())


def focus_map(first: Image, second: Image, network: Network) -> Image:
    """Return the mean score of the windows that hold each pixel, shape (H, W).

    See :func:`score_map`; images smaller than a window are continued by their mirror.
    """
    height, width = first.shape
    missing = [(0, max(0, WINDOW - side)) for side in first.shape]
    first, second = (np.pad(x, missing, mode="symmetric") for x in (first, second))
    scores = score_map(first, second, network)
    # Windows lie two pixels apart, so each pair of rows and columns shares its mean.
    reach = WINDOW // 2
    total, count = (
        sliding_window_view(np.pad(x, reach - 1), (reach, reach)).sum(axis=(2, 3))
        for x in (scores, np.ones_like(scores))
    )
    return (total / count).repeat(2, axis=0).repeat(2, axis=1)[:height, :width]


def large_regions(mask: Any, area: int) -> Any:
    """Return a mask without its regions of fewer than ``area`` pixels.

    Pixels that touch at a corner belong to one region.
    """
    labels, _ = scipy.ndimage.label(mask, np.ones((3, 3)))
    is_large = np.bincount(labels.ravel()) >= area
    is_large[0] = False
    return is_large[labels]


def decision_map(
    first: Image,
    second: Image,
    network: Network,
    *,
    area: float = 0.01,
    radius: int = 8,
    eps: float = 0.1,
) -> Image:
    """Return the weight of the first image at each pixel; see :func:`cnn_focus`."""
    mask = focus_map(first, second, network) > 0.5
    smallest = math.ceil(area * mask.size)
    mask = large_regions(mask, smallest)
    mask = ~large_regions(~mask, smallest)
    guide = np.where(mask, first, second)
    plane = mask.astype(np.float64)
    return guided_filter(plane, guide, radius, variance=eps, cut=True)


def fuse_pyramids(
    infrared: Image, visible: Image, weight: Image, threshold: float
) -> Image:
    """Fuse the Laplacian pyramids of two images; see :func:`cnn`.

    All have the shape (H, W). ``weight`` is that of the infrared image where the two
    are alike: where they match by more than ``threshold``.
    """
    levels = max(0, min(infrared.shape).bit_length() - 2)
    weights = [weight]
    for _ in range(levels):
        weights.append(pyramid_reduce(weights[-1], "reflect"))
    transform = laplacian_pyramid(levels, "reflect")
    bands = zip(
        transform.analyse(infrared), transform.analyse(visible), weights[::-1],
        strict=True,
    )  # fmt: skip
    return transform.synthesise(_fuse_pair(*band, threshold) for band in bands)


def _fuse_pair(a: Image, b: Image, weight: Image, threshold: float) -> Image:
    """Average two bands where they are alike, take the stronger one elsewhere."""

    def local(product: Image) -> Image:
        wide = np.pad(product, 1, mode="reflect")
        # The authors' program continues rows and columns, and leaves corners zero.
        wide[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
        return sliding_window_view(wide, (3, 3)).sum(axis=(2, 3))

    energy_a, energy_b = local(a * a), local(b * b)
    match = 2 * local(a * b) / (energy_a + energy_b + np.finfo(np.float64).eps)
    stronger = np.where(energy_a > energy_b, a, b)
    return np.where(match > threshold, weight * a + (1 - weight) * b, stronger)


@method(
    "CNN", "Liu, Chen, Cheng, Peng, Wang", 2018, seconds=0.3, status="exact",
    pair_only=True,
)  # fmt: skip
def cnn(
    sources: list[Image],
    *,
    weights: str | os.PathLike[str] = "standin",
    threshold: float = 0.6,
) -> Image:
    """Fuse an infrared and a visible image by pyramids and a network for focus.

    At each level of the Laplacian pyramids of the sources, with the local energies
    :math:`E_k` (the sum of squares over 3x3 pixels) and the match
    :math:`M = 2 \\sum L_1 L_2 / (E_1 + E_2)`,

    .. math::

        L_F = \\begin{cases}
            W L_1 + (1 - W) L_2 & M > t, \\\\
            \\text{the } L_k \\text{ of the larger energy} & \\text{otherwise,}
        \\end{cases}

    where W is the level of the Gaussian pyramid of the network's focus map.

    Parameters
    ----------
    weights : {"standin", "authors"} or path-like, optional
        Weights of the network, see :mod:`fusionlib.baselines.cnn_weights`: a small
        stand-in, trained on rendered pairs of this project; the authors' network,
        once ``fusionlib weights import cnn FILE`` has read their file; or a file. The
        published results need the authors' network.
    threshold : float, optional
        The match t above which bands are averaged, above 0; a match is at most 1.

    References
    ----------
    * Y. Liu, X. Chen, J. Cheng, H. Peng, Z. Wang, "Infrared and visible image fusion
      with convolutional neural networks", International Journal of Wavelets,
      Multiresolution and Information Processing 16(3), 2018.
      https://doi.org/10.1142/S0219691318500182
    """
    infrared, visible = sources
    threshold = check_positive(threshold, "threshold")
    weight = focus_map(infrared, visible, load_network(weights))
    return fuse_pyramids(infrared, visible, weight, threshold)


@method("CNN for focus", "Liu, Chen, Peng, Wang", 2017, seconds=0.2, status="exact")
def cnn_focus(
    sources: list[Image],
    *,
    weights: str | os.PathLike[str] = "standin",
    area: float = 0.01,
    radius: int = 8,
    eps: float = 0.1,
) -> Image:
    """Fuse photographs with the focus at different distances by a network.

    The focus map is cut at 0.5, regions that are too small change sides, a guided
    filter fits the decision to the edges of the image, and the result D weighs the
    sources: :math:`F = D I_1 + (1 - D) I_2`. More than two sources are fused one after
    the other. For infrared and visible images there is :func:`cnn`.

    Parameters
    ----------
    weights : {"standin", "authors"} or path-like, optional
        Weights of the network, see :func:`cnn`.
    area : float, optional
        Part of the image, above 0, below which a region of the decision is too small.
    radius : int, optional
        Radius of the guided filter in pixels.
    eps : float, optional
        Its penalty, above 0.

    References
    ----------
    * Y. Liu, X. Chen, H. Peng, Z. Wang, "Multi-focus image fusion with a deep
      convolutional neural network", Information Fusion 36, 2017.
      https://doi.org/10.1016/j.inffus.2016.12.001
    """
    area = check_positive(area, "area")
    radius = check_positive_int(radius, "radius")
    eps = check_positive(eps, "eps")
    network = load_network(weights)

    def fuse(first: Image, second: Image) -> Image:
        weight = decision_map(first, second, network, area=area, radius=radius, eps=eps)
        return weight * first + (1 - weight) * second

    return functools.reduce(fuse, sources)
