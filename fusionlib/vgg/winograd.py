"""Winograd's 3x3 convolution: a fifth of the multiplications of the plain one.

A 6x6 block of outputs depends on an 8x8 block of inputs. With the matrices
:data:`INPUT` for B^T, :data:`KERNEL` for G and :data:`OUTPUT` for A^T, the convolution
of a block d with a kernel g is

.. math::

    A^T [(G g G^T) \\odot (B^T d B)] A

that is, one multiplication for each of 64 samples and each pair of channels, where the
plain one has 324. Each step is a matrix product over all blocks of a strip at once,
which torch hands to the fastest one of the machine: there is nothing to compile, and
nothing is read twice. The products over channels are the largest part of the cost.

References
----------
.. [1] A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks",
   CVPR 2016, F(6x6, 3x3). https://doi.org/10.1109/CVPR.2016.435
"""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["Winograd3x3"]

#: Outputs of one block along each axis, and the inputs that they depend on.
TILE_OUT, TILE_IN = 6, 8

#: Inputs of one strip, and its fewest blocks: enough for the matrix products to run at
#: full speed, few enough for the cache.
STRIP_INPUTS, STRIP_TILES = 20480, 160

#: B^T, the transform of the inputs along one axis.
INPUT = np.array(
    [
        [1, 0, -21 / 4, 0, 21 / 4, 0, -1, 0],
        [0, 1, 1, -17 / 4, -17 / 4, 1, 1, 0],
        [0, -1, 1, 17 / 4, -17 / 4, -1, 1, 0],
        [0, 1 / 2, 1 / 4, -5 / 2, -5 / 4, 2, 1, 0],
        [0, -1 / 2, 1 / 4, 5 / 2, -5 / 4, -2, 1, 0],
        [0, 2, 4, -5 / 2, -5, 1 / 2, 1, 0],
        [0, -2, 4, 5 / 2, -5, -1 / 2, 1, 0],
        [0, -1, 0, 21 / 4, 0, -21 / 4, 0, 1],
    ]
)

#: G, the transform of a kernel along one axis.
KERNEL = np.array(
    [
        [1, 0, 0],
        [-2 / 9, -2 / 9, -2 / 9],
        [-2 / 9, 2 / 9, -2 / 9],
        [1 / 90, 1 / 45, 2 / 45],
        [1 / 90, -1 / 45, 2 / 45],
        [32 / 45, 16 / 45, 8 / 45],
        [32 / 45, -16 / 45, 8 / 45],
        [0, 0, 1],
    ]
)

#: A^T, the transform to the outputs along one axis.
OUTPUT = np.array(
    [
        [1, 1, 1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 1 / 2, -1 / 2, 0],
        [0, 1, 1, 4, 4, 1 / 4, 1 / 4, 0],
        [0, 1, -1, 8, -8, 1 / 8, -1 / 8, 0],
        [0, 1, 1, 16, 16, 1 / 16, 1 / 16, 0],
        [0, 1, -1, 32, -32, 1 / 32, -1 / 32, 1],
    ]
)


class Winograd3x3:
    """One 3x3 convolution with zeros around the image, float32 on the processor.

    Parameters
    ----------
    weight : torch.Tensor, shape (outputs, inputs, 3, 3)
        Kernels, as torch has them.
    bias : torch.Tensor, shape (outputs,)
        Added to every sample.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        transform = torch.from_numpy(np.kron(KERNEL, KERNEL)).to(weight.dtype)
        outputs, inputs = weight.shape[:2]
        flat = weight.permute(2, 3, 1, 0).reshape(9, -1)
        self.kernels = (transform @ flat).view(TILE_IN**2, inputs, outputs)
        self.bias = bias
        self.forth, self.back = (
            torch.from_numpy(matrix).to(weight.dtype)
            for matrix in (INPUT, np.kron(OUTPUT, OUTPUT))
        )

    def __call__(
        self, x: torch.Tensor, *, relu: bool = False, above: int = 1, below: int = 1
    ) -> torch.Tensor:
        """Return the convolution of x.

        Parameters
        ----------
        x : torch.Tensor, shape (K, inputs, H, W)
            Channels-last in memory, or it is slow.
        relu : bool, optional
            Clip the result at zero.
        above, below : {0, 1}, optional
            Rows of zeros around x; 0 where x is a band of a larger image and its
            first or last row is only a neighbour.

        Returns
        -------
        torch.Tensor, shape (K, outputs, H + above + below - 2, W)
            Channels-last. Equal to ``torch.nn.functional.conv2d`` but for rounding:
            about 1e-5 of the largest value.
        """
        x = x.permute(0, 2, 3, 1)
        images, height, width, inputs = x.shape
        height += above + below - 2
        outputs = self.kernels.shape[2]
        across, down = -(-width // TILE_OUT), -(-height // TILE_OUT)
        tiles = max(STRIP_TILES, STRIP_INPUTS // inputs)
        rows = min(down, max(1, tiles // across))
        result = x.new_empty(images, down * TILE_OUT, width, outputs)
        strip = x.new_zeros(rows * TILE_OUT + 2, across * TILE_OUT + 2, inputs)
        for image, target in zip(x, result, strict=True):
            for first in range(0, down, rows):
                n = min(rows, down - first)
                cut = strip[: n * TILE_OUT + 2]
                _cut(image, first * TILE_OUT - above, cut)
                blocks = self._blocks(self._samples(cut, n, across), n, across)
                _paste(blocks, target[first * TILE_OUT :][: n * TILE_OUT], relu)
        return result[:, :height].permute(0, 3, 1, 2)

    def _samples(self, strip: torch.Tensor, n: int, across: int) -> torch.Tensor:
        """Return B^T d B of all blocks of a strip, shape (64, blocks, inputs)."""
        _, width, inputs = strip.shape
        row = width * inputs
        # Eight rows for each row of blocks; the last two are the first of the next.
        lines = strip.as_strided((n, TILE_IN, row), (TILE_OUT * row, row, 1))
        half = self.forth.expand(n, TILE_IN, TILE_IN).bmm(lines)
        # Likewise eight columns for each block, in front of everything else.
        columns = half.as_strided(
            (TILE_IN, TILE_IN, n, across, inputs),
            (row, inputs, TILE_IN * row, TILE_OUT * inputs, 1),
        ).reshape(TILE_IN, TILE_IN, -1)
        samples = self.forth.expand(TILE_IN, TILE_IN, TILE_IN).bmm(columns)
        return samples.view(TILE_IN**2, n * across, inputs)

    def _blocks(self, samples: torch.Tensor, n: int, across: int) -> torch.Tensor:
        """Return A^T m A of all blocks, shape (n, 6, blocks across, 6, outputs)."""
        products = samples.bmm(self.kernels)
        # Column 1 of A^T holds ones: this adds the bias to every output.
        products[TILE_IN + 1] += self.bias
        blocks = self.back @ products.view(TILE_IN**2, -1)
        return blocks.view(TILE_OUT, TILE_OUT, n, across, -1).permute(2, 0, 3, 1, 4)


def _cut(image: torch.Tensor, start: int, strip: torch.Tensor) -> None:
    """Copy rows of an image into the middle of a strip, zeros around it."""
    height, width = image.shape[:2]
    top, bottom = max(start, 0), min(start + len(strip), height)
    if bottom - top < len(strip):
        strip.zero_()  # it is used again
    strip[top - start : bottom - start, 1 : width + 1] = image[top:bottom]


def _paste(blocks: torch.Tensor, part: torch.Tensor, relu: bool) -> None:
    """Copy blocks, shape (n, 6, blocks across, 6, outputs), into rows of the result."""
    part = part.unflatten(0, (-1, TILE_OUT))
    whole, rest = divmod(part.shape[2], TILE_OUT)
    columns = part[:, :, : whole * TILE_OUT].unflatten(2, (whole, TILE_OUT))
    pieces = [(blocks[:, :, :whole], columns)]
    if rest:
        pieces.append((blocks[:, :, whole, :rest], part[:, :, whole * TILE_OUT :]))
    for source, target in pieces:
        if relu:
            torch.clamp_min(source, 0, out=target)
        else:
            target.copy_(source)
