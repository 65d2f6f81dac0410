"""The part of VGG-19 that the method uses: nine convolutions up to relu4_1.

Kept free of torch, so that layer names can be checked and listed at no cost. The
layout and the indices are those of ``torchvision.models.vgg19().features``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import InputError, shown
from ..images.validation import check_choice

__all__ = [
    "CONVOLUTIONS",
    "LAYERS",
    "PAPER_LAYERS",
    "Convolution",
    "check_layers",
    "layer",
    "map_shape",
    "multiply_adds",
    "pooled_shape",
    "receptive_box",
    "receptive_field",
]


@dataclass(frozen=True)
class Convolution:
    """One 3x3 convolution of VGG-19 and the ReLU after it.

    Attributes
    ----------
    block, number : int
        The indices in its name: block 4, number 1 is conv4_1 and relu4_1.
    index : int
        Position of the convolution in torchvision's ``features``.
    inputs, outputs : int
        Channels.
    """

    block: int
    number: int
    index: int
    inputs: int
    outputs: int

    @property
    def name(self) -> str:
        """Name of the convolution, such as ``conv4_1``."""
        return f"conv{self.block}_{self.number}"

    @property
    def relu(self) -> str:
        """Name of the ReLU after it, such as ``relu4_1``."""
        return f"relu{self.block}_{self.number}"

    @property
    def stride(self) -> int:
        """2^(block - 1) pixels of the input for each sample of the output."""
        return 2 ** (self.block - 1)

    @property
    def keys(self) -> tuple[str, str]:
        """Names of weight and bias in a torchvision state dict."""
        return f"features.{self.index}.weight", f"features.{self.index}.bias"

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """Shape of the weight (outputs, inputs, height, width)."""
        return self.outputs, self.inputs, 3, 3


#: The nine convolutions, first to last.
CONVOLUTIONS = (
    Convolution(1, 1, 0, 3, 64),
    Convolution(1, 2, 2, 64, 64),
    Convolution(2, 1, 5, 64, 128),
    Convolution(2, 2, 7, 128, 128),
    Convolution(3, 1, 10, 128, 256),
    Convolution(3, 2, 12, 256, 256),
    Convolution(3, 3, 14, 256, 256),
    Convolution(3, 4, 16, 256, 256),
    Convolution(4, 1, 19, 256, 512),
)

#: Names of all layers that features can be read from, first to last.
LAYERS = tuple(convolution.relu for convolution in CONVOLUTIONS)

#: The four layers of the paper, i = 1 .. 4.
PAPER_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")


def layer(name: str) -> Convolution:
    """Return the convolution whose ReLU has this name."""
    return CONVOLUTIONS[LAYERS.index(check_choice(name, "layers", LAYERS))]


def check_layers(layers: Any) -> tuple[str, ...]:
    """Return layer names in network order.

    Parameters
    ----------
    layers : sequence of str, or str
        Names, or one string with commas between them.

    Raises
    ------
    InputError
        If a name is unknown, named twice, or there is none.
    """
    if isinstance(layers, str):
        layers = [name.strip() for name in layers.split(",")]
    if not isinstance(layers, Sequence) or not layers:
        raise InputError(f"layers must name at least one layer, got {shown(layers)}")
    found = [layer(name) for name in layers]
    if len(set(found)) < len(found):
        raise InputError(f"layers must not name a layer twice, got {', '.join(layers)}")
    return tuple(c.relu for c in sorted(found, key=lambda c: c.index))


def map_shape(
    height: int, width: int, name: str, pooling: str = "ceil"
) -> tuple[int, int]:
    """Return the size of a layer's feature maps for an image of this size.

    ``pooling``, "ceil" or "floor", says what becomes of an odd last row or column.
    """
    for _ in range(layer(name).block - 1):
        height, width = pooled_shape(height, width, pooling)
    return height, width


def pooled_shape(height: int, width: int, pooling: str = "ceil") -> tuple[int, int]:
    """Return the size of a map after one 2x2 pooling; see :func:`map_shape`."""
    extra = 1 if pooling == "ceil" else 0
    return (height + extra) // 2, (width + extra) // 2


def receptive_field(name: str) -> int:
    """Return the side of the square of pixels that one sample of a layer sees."""
    target = layer(name)
    size, stride, block = 1, 1, 1
    for convolution in CONVOLUTIONS:
        if convolution.block > block:
            size += stride
            stride, block = stride * 2, convolution.block
        size += 2 * stride
        if convolution is target:
            break
    return size


def receptive_box(name: str, row: int, column: int) -> tuple[int, int, int]:
    """Return first row, first column and side of the square that a sample sees.

    Near the border of the image the square reaches over it, where the network sees
    zeros.
    """
    stride, side = layer(name).stride, receptive_field(name)
    margin = (side - stride) // 2
    return row * stride - margin, column * stride - margin, side


def multiply_adds(height: int, width: int, name: str, channels: int = 1) -> int:
    """Return the multiply-adds from the input up to and including a layer.

    For one source of that size; conv1_1 has one input channel where its three kernels
    are added up, ``channels=3`` where they are not.
    """
    last, total = layer(name), 0
    for convolution in CONVOLUTIONS[: CONVOLUTIONS.index(last) + 1]:
        rows, columns = map_shape(height, width, convolution.relu)
        inputs = channels if convolution.index == 0 else convolution.inputs
        total += rows * columns * inputs * convolution.outputs * 9
    return total
