"""Winograd's 3x3 convolution: a quarter of the multiplications of the plain one.

A 4x4 block of outputs depends on a 6x6 block of inputs. With the matrices

.. math::

    B^T = \\begin{pmatrix} 4&0&-5&0&1&0\\\\ 0&-4&-4&1&1&0\\\\ 0&4&-4&-1&1&0\\\\
          0&-2&-1&2&1&0\\\\ 0&2&-1&-2&1&0\\\\ 0&4&0&-5&0&1 \\end{pmatrix},\\quad
    A^T = \\begin{pmatrix} 1&1&1&1&1&0\\\\ 0&1&-1&2&-2&0\\\\ 0&1&1&4&4&0\\\\
          0&1&-1&8&-8&1 \\end{pmatrix}

and :data:`KERNEL` for G, the convolution of a block d with a kernel g is
:math:`A^T [(G g G^T) \\odot (B^T d B)] A`: one multiplication for each of 36 samples
and each pair of channels, where the plain one has 144. The products over channels are
matrix products, which are the whole cost at many channels.

Written with torch's elementwise operations on strips that stay in the cache, so that
there is nothing to compile.

References
----------
.. [1] A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks",
   CVPR 2016, F(4x4, 3x3). https://doi.org/10.1109/CVPR.2016.435
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

__all__ = ["Winograd3x3"]

#: Outputs of one block along each axis, and the inputs that they depend on.
TILE_OUT, TILE_IN = 4, 6

#: Blocks of one strip: enough for the matrix product to run at full speed, few
#: enough for the cache.
STRIP_TILES = 640

#: G, the transform of a kernel along one axis.
KERNEL = np.array(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
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
        rows = min(down, max(1, STRIP_TILES // across))
        result = x.new_empty(images, down * TILE_OUT, across * TILE_OUT, outputs)
        # One strip: padded input, half and wholly transformed, product, half back.
        strip = x.new_zeros(rows * TILE_OUT + 2, across * TILE_OUT + 2, inputs)
        half = x.new_empty(TILE_IN, rows, across * TILE_OUT + 2, inputs)
        spectrum = x.new_empty(TILE_IN, TILE_IN, rows, across, inputs)
        product = x.new_empty(TILE_IN**2, rows * across, outputs)
        back = x.new_empty(TILE_OUT, TILE_IN, rows, across, outputs)

        def stop(tiles: int) -> int:
            return TILE_OUT * (tiles - 1) + 1

        for image, target in zip(x, result, strict=True):
            for first in range(0, down, rows):
                n = min(rows, down - first)
                _cut(image, first * TILE_OUT - above, strip[: n * TILE_OUT + 2])
                # Input i of every block, along one axis, is one view of the strip.
                lines = [strip[i : i + stop(n) : TILE_OUT] for i in range(TILE_IN)]
                _transform(lines, half[:, :n])
                columns = [
                    half[:, :n, j : j + stop(across) : TILE_OUT] for j in range(TILE_IN)
                ]
                _transform(columns, spectrum[:, :, :n].transpose(0, 1))

                flat = product[:, : n * across]
                samples = spectrum[:, :, :n].flatten(2, 3).flatten(0, 1)
                torch.bmm(samples, self.kernels, out=flat)
                # Column 1 of A^T holds ones: this adds the bias to every output.
                flat[TILE_IN + 1] += self.bias

                grid = flat.view(TILE_IN, TILE_IN, n, across, outputs)
                _transform_back(grid, back[:, :, :n])
                part = target[first * TILE_OUT : (first + n) * TILE_OUT]
                blocks = part.view(n, TILE_OUT, across, TILE_OUT, outputs)
                _transform_back(
                    back[:, :, :n].transpose(0, 1), blocks.permute(3, 1, 0, 2, 4)
                )
                if relu:
                    part.relu_()
        return result[:, :height, :width].permute(0, 3, 1, 2)


def _cut(image: torch.Tensor, start: int, strip: torch.Tensor) -> None:
    """Copy rows of an image into the middle of a strip, zeros around it."""
    height, width = image.shape[:2]
    top, bottom = max(start, 0), min(start + len(strip), height)
    strip[: top - start] = 0
    strip[bottom - start :] = 0  # strips are used again
    strip[top - start : bottom - start, 1 : width + 1] = image[top:bottom]


def _transform(
    d: Sequence[torch.Tensor] | torch.Tensor, out: Sequence[torch.Tensor] | torch.Tensor
) -> None:
    """Multiply six inputs along one axis by B^T."""
    even = torch.sub(d[4], d[2], alpha=4)
    odd = torch.sub(d[3], d[1], alpha=4)
    torch.add(even, odd, out=out[1])
    torch.sub(even, odd, out=out[2])
    torch.sub(d[4], d[2], out=even)
    torch.sub(d[3], d[1], out=odd)
    torch.add(even, odd, alpha=2, out=out[3])
    torch.sub(even, odd, alpha=2, out=out[4])
    torch.sub(d[0], d[2], out=out[0])
    torch.add(even, out[0], alpha=4, out=out[0])
    torch.sub(d[5], d[3], out=out[5])
    torch.sub(out[5], odd, alpha=4, out=out[5])


def _transform_back(m: torch.Tensor, out: torch.Tensor) -> None:
    """Multiply six values along one axis by A^T: four outputs."""
    plus, minus = m[1] + m[2], m[1] - m[2]
    wide_plus, wide_minus = m[3] + m[4], m[3] - m[4]
    torch.add(m[0], plus, out=out[0])
    out[0].add_(wide_plus)
    torch.add(minus, wide_minus, alpha=2, out=out[1])
    torch.add(plus, wide_plus, alpha=4, out=out[2])
    torch.add(minus, wide_minus, alpha=8, out=out[3])
    out[3].add_(m[5])
