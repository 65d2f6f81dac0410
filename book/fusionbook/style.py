"""What style transfer asks of the nine convolutions, in torch with gradients.

Chapter 12 changes the pixels of an image until its features are as wanted. All
functions but :func:`optimise` take and return tensors, so that gradients flow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import scipy.optimize
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.fft import dctn, idctn

from fusionlib.errors import InputError
from fusionlib.vgg.layers import PAPER_LAYERS, check_layers, layer

__all__ = ["adain", "distance", "gram", "moments", "optimise", "read_layers"]

Tensor: TypeAlias = torch.Tensor


def read_layers(
    network: torch.nn.Sequential, plane: Tensor, layers: Sequence[str] = PAPER_LAYERS
) -> dict[str, Tensor]:
    """Return the features of a grey plane, equation (4), with their gradients.

    Parameters
    ----------
    network : torch.nn.Sequential
        From ``fusionlib.vgg.module.build_network``.
    plane : torch.Tensor, shape (H, W)
        What the network gets, three times; it is not scaled here.
    layers : sequence of str, optional
        Where to read. Nothing behind the last of them is computed.

    Returns
    -------
    dict of str to torch.Tensor
        By layer, its maps after the ReLU, shape (M, h, w).

    Raises
    ------
    InputError
        If the plane has not two axes, or a layer is unknown.
    """
    if plane.ndim != 2:
        raise InputError(
            f"plane must have the shape (H, W), got {tuple(plane.shape)}; pass one "
            "channel of a colour image"
        )
    places = {layer(name).index + 1: name for name in check_layers(layers)}
    maps, found = plane.expand(1, 3, -1, -1), {}
    for index, module in enumerate(list(network)[: max(places) + 1]):
        maps = module(maps)
        if index in places:
            found[places[index]] = maps[0]
    return found


def gram(phi: Tensor) -> Tensor:
    """Return how often two maps of a layer are strong at the same place.

    ``G[m, n]`` is the mean, over all places, of map m times map n: the Gram matrix of
    Gatys et al. over the number of places.

    Parameters
    ----------
    phi : torch.Tensor, shape (M, h, w)
        Feature maps.

    Returns
    -------
    torch.Tensor, shape (M, M)

    References
    ----------
    * L. A. Gatys, A. S. Ecker, M. Bethge, "Image Style Transfer Using
      Convolutional Neural Networks", CVPR 2016, https://doi.org/10.1109/CVPR.2016.265.
    """
    rows = phi.flatten(1)
    return rows @ rows.T / rows.shape[1]


def moments(phi: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of each map over its places.

    Parameters
    ----------
    phi : torch.Tensor, shape (M, h, w)
        Feature maps.

    Returns
    -------
    mean, deviation : torch.Tensor, shape (M,)
        The deviation divides by the number of places.
    """
    rows = phi.flatten(1)
    mean = rows.mean(dim=1)
    # The square root has no derivative at zero, where a map is constant.
    return mean, ((rows - mean[:, None]) ** 2).mean(dim=1).clamp_min(1e-12).sqrt()


def adain(phi: Tensor, style: Tensor) -> Tensor:
    """Return maps shifted and stretched to the moments of other maps.

    Adaptive instance normalisation: each map of ``phi`` gets mean and deviation of
    the same map of ``style``. A constant map stays constant, and gets the mean only.

    Parameters
    ----------
    phi : torch.Tensor, shape (M, h, w)
        Maps to change, of the content.
    style : torch.Tensor, shape (M, any, any)
        Maps whose moments are wanted.

    Returns
    -------
    torch.Tensor, shape (M, h, w)

    References
    ----------
    * X. Huang, S. Belongie, "Arbitrary Style Transfer in Real-Time with Adaptive
      Instance Normalization", ICCV 2017, https://doi.org/10.1109/ICCV.2017.167.
    """
    (mean, deviation), (wanted_mean, wanted) = (
        [one[:, None, None] for one in moments(maps)] for maps in (phi, style)
    )
    return wanted * (phi - mean) / deviation + wanted_mean


def distance(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the squared distance of two tensors, over the square of the second."""
    return ((found - wanted) ** 2).sum() / (wanted**2).sum()


def optimise(
    loss: Callable[[Tensor], Tensor], start: ArrayLike, steps: int = 40
) -> tuple[NDArray[np.float64], list[float]]:
    """Change an image so that a loss becomes small.

    Uses L-BFGS, as Gatys et al. do, but not on pixels: an image is a sum of waves (a
    cosine transform), and long waves may change more than short ones. Few steps
    on pixels would leave grey levels nearly as they were, below a fine noise.

    Parameters
    ----------
    loss : callable
        From a float32 tensor of the shape (H, W) to one number with its gradient.
    start : array_like, shape (H, W)
        The first image.
    steps : int, optional
        How often the loss may be evaluated; the last line search may add a few.

    Returns
    -------
    image : numpy.ndarray, shape (H, W)
        The last image, clipped to [0, 1]. The loss sees it before that.
    history : list of float
        The loss at each evaluation, trials of the line search included.

    References
    ----------
    * C. Olah, A. Mordvintsev, L. Schubert, "Feature Visualization", Distill 2017,
      https://doi.org/10.23915/distill.00007.
    """
    first = np.asarray(start, float)
    rows, columns = (np.arange(n) / n for n in first.shape)
    # The first step has length 1. Ten times as far, it would leave the range of images.
    reach = 0.1 / np.hypot(rows[:, None], columns).clip(1 / max(first.shape))
    history: list[float] = []

    def image_of(waves: NDArray[np.float64]) -> NDArray[np.float64]:
        return first + idctn(reach * waves.reshape(first.shape), norm="ortho")

    def evaluate(waves: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        image = torch.tensor(image_of(waves), dtype=torch.float32, requires_grad=True)
        value = loss(image)
        (slope,) = torch.autograd.grad(value, image)
        history.append(value.item())
        return history[-1], (reach * dctn(slope.double().numpy(), norm="ortho")).ravel()

    options = {"maxfun": steps, "maxcor": 20, "ftol": 0, "gtol": 0}
    found = scipy.optimize.minimize(
        evaluate, np.zeros(first.size), jac=True, method="L-BFGS-B", options=options
    )
    return image_of(found.x).clip(0, 1), history
