"""The nine convolutions as a torch module, for experiments and comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from ..images.validation import check_choice
from .layers import CONVOLUTIONS

if TYPE_CHECKING:
    from .weights import VGGWeights


def build_network(weights: VGGWeights, pooling: str = "ceil") -> torch.nn.Sequential:
    """Return VGG-19 up to relu4_1 as a torch module.

    Layer for layer the first 21 of ``torchvision.models.vgg19().features``, but
    with pooling that rounds up unless it is told otherwise. For experiments with
    three-channel inputs; the fusion itself uses :class:`fusionlib.features.Network`.

    Parameters
    ----------
    weights : VGGWeights
        The nine convolutions.
    pooling : {"ceil", "floor"}, optional
        As in :class:`~fusionlib.config.FusionConfig`; torchvision has "floor".

    Returns
    -------
    torch.nn.Sequential
        The network, in evaluation mode and without gradients.

    Raises
    ------
    InputError
        If the kind of pooling is unknown.
    """
    check_choice(pooling, "pooling", ("ceil", "floor"))
    modules: list[torch.nn.Module] = []
    for convolution in CONVOLUTIONS:
        if len(modules) < convolution.index:
            modules.append(torch.nn.MaxPool2d(2, 2, ceil_mode=pooling == "ceil"))
        module = torch.nn.utils.skip_init(
            torch.nn.Conv2d, convolution.inputs, convolution.outputs, 3, padding=1
        )
        weight, bias = (torch.tensor(weights.arrays[key]) for key in convolution.keys)
        module.weight.data, module.bias.data = weight, bias
        modules += [module, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules).eval().requires_grad_(False)
