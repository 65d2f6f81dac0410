"""Winograd's 3x3 convolution: a quarter of the multiplications of the plain one.

A 4x4 block of outputs depends on a 6x6 block of inputs. Both are transformed by small
fixed matrices of whole numbers, between which the convolution is one multiplication per
sample and pair of channels, 36 instead of 144 per block. oneDNN has no such
convolution for float32 on processors, and the matrix product that remains is the
whole cost at many channels.

Written with torch's elementwise operations on strips that stay in the cache, so that
there is nothing to compile.

References
----------
.. [1] A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks",
   CVPR 2016, F(4x4, 3x3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

__all__ = ["convolve", "transform_kernels"]

#: Outputs of one block along each axis, and the inputs that they depend on.
OUT, IN = 4, 6

#: Blocks of one strip: enough for the matrix product to run at full speed, few
#: enough for the cache.
BLOCKS = 640

#: Transform of a kernel along one axis.
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


def transform_kernels(weight: torch.Tensor) -> torch.Tensor:
    """Return the kernels of a convolution as :func:`convolve` wants them.

    Parameters
    ----------
    weight : torch.Tensor, shape (outputs, inputs, 3, 3)
        Kernels, as torch has them.

    Returns
    -------
    torch.Tensor, shape (36, inputs, outputs)
        The transformed kernels, 4 times as many numbers.
    """
    transform = torch.from_numpy(np.kron(KERNEL, KERNEL)).to(weight.dtype)
    flat = weight.permute(2, 3, 1, 0).reshape(9, -1)
    return (transform @ flat).view(IN * IN, weight.shape[1], weight.shape[0])


def convolve(
    x: torch.Tensor,
    kernels: torch.Tensor,
    bias: torch.Tensor,
    *,
    relu: bool = False,
    pad_rows: bool = True,
    memory: torch.Tensor | None = None,
    scratch: list[torch.Tensor] | None = None,
) -> torch.Tensor:
    """Return the 3x3 convolution with zeros around the image, float32 on the processor.

    Parameters
    ----------
    x : torch.Tensor, shape (K, inputs, H, W)
        Channels-last in memory, or it is slow.
    kernels : torch.Tensor, shape (36, inputs, outputs)
        From :func:`transform_kernels`.
    bias : torch.Tensor, shape (outputs,)
        Added to every sample.
    relu : bool, optional
        Clip the result at zero.
    pad_rows : bool, optional
        False if x is a band of rows with its neighbours above and below already: the
        result has two rows less.
    memory : torch.Tensor, optional
        A tensor that is no longer needed: the result takes its place if it fits.
        Fresh memory costs as much as a tenth of the convolution.
    scratch : list, optional
        Working memory, filled here and used again by the next call with it.

    Returns
    -------
    torch.Tensor, shape (K, outputs, H, W) or (K, outputs, H - 2, W)
        Channels-last. Equal to ``torch.nn.functional.conv2d`` but for rounding:
        about 1e-5 of the largest value.
    """
    x = x.permute(0, 2, 3, 1)
    images, height, width, inputs = x.shape
    above = 1 if pad_rows else 0
    height -= 2 - 2 * above
    outputs = kernels.shape[2]
    across, down = -(-width // OUT), -(-height // OUT)
    rows = min(down, max(1, BLOCKS // across))
    result = _place(memory, x, (images, down * OUT, across * OUT, outputs))
    # One strip: padded input, half and wholly transformed, product, half back.
    shapes = (
        (rows * OUT + 2, across * OUT + 2, inputs),
        (IN, rows, across * OUT + 2, inputs),
        (IN, IN, rows, across, inputs),
        (IN * IN, rows * across, outputs),
        (OUT, IN, rows, across, outputs),
    )
    if scratch is None or [tuple(part.shape) for part in scratch] != list(shapes):
        scratch = [] if scratch is None else scratch
        scratch[:] = [x.new_zeros(shape) for shape in shapes]
    strip, half, spectrum, product, back = scratch
    strip[:, width + 1 :] = 0
    for image, target in zip(x, result, strict=True):
        for first in range(0, down, rows):
            n = min(rows, down - first)
            _cut(image, first * OUT - above, strip[: n * OUT + 2])
            lines = [strip[i : i + OUT * n - 3 : OUT] for i in range(IN)]
            _to_spectrum(lines, half[:, :n])
            columns = [half[:, :n, j : j + OUT * across - 3 : OUT] for j in range(IN)]
            _to_spectrum(columns, spectrum[:, :, :n].transpose(0, 1))

            flat = product[:, : n * across]
            torch.bmm(spectrum[:, :, :n].flatten(2, 3).flatten(0, 1), kernels, out=flat)
            # A constant in this place comes out as the same constant everywhere.
            flat[IN + 1] += bias

            _from_spectrum(flat.view(IN, IN, n, across, outputs), back[:, :, :n])
            part = target[first * OUT : (first + n) * OUT]
            blocks = part.view(n, OUT, across, OUT, outputs).permute(3, 1, 0, 2, 4)
            _from_spectrum(back[:, :, :n].transpose(0, 1), blocks)
            if relu:
                part.relu_()
    return result[:, :height, :width].permute(0, 3, 1, 2)


def _place(
    memory: torch.Tensor | None, x: torch.Tensor, shape: tuple[int, ...]
) -> torch.Tensor:
    """Return an empty tensor of this shape in another's memory, or in fresh one."""
    size = math.prod(shape)
    if memory is None or memory.untyped_storage().nbytes() < size * x.element_size():
        return x.new_empty(shape)
    storage = memory.untyped_storage()
    return x.new_empty(0).set_(storage, 0, (size,), (1,)).view(shape)


def _cut(image: torch.Tensor, start: int, strip: torch.Tensor) -> None:
    """Copy rows of an image into the middle of a strip, zeros around it."""
    height, width = image.shape[:2]
    top, bottom = max(start, 0), min(start + len(strip), height)
    strip[: top - start] = 0
    strip[bottom - start :] = 0  # strips are used again
    strip[top - start : bottom - start, 1 : width + 1] = image[top:bottom]


def _to_spectrum(
    d: Sequence[torch.Tensor] | torch.Tensor, out: Sequence[torch.Tensor] | torch.Tensor
) -> None:
    """Transform six inputs along one axis into six values.

    The matrix is, row by row: 4 0 -5 0 1 0; 0 -4 -4 1 1 0; 0 4 -4 -1 1 0;
    0 -2 -1 2 1 0; 0 2 -1 -2 1 0; 0 4 0 -5 0 1.
    """
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


def _from_spectrum(m: torch.Tensor, out: torch.Tensor) -> None:
    """Transform six values along one axis back into four outputs.

    The matrix is, row by row: 1 1 1 1 1 0; 0 1 -1 2 -2 0; 0 1 1 4 4 0; 0 1 -1 8 -8 1.
    """
    plus, minus = m[1] + m[2], m[1] - m[2]
    wide_plus, wide_minus = m[3] + m[4], m[3] - m[4]
    torch.add(m[0], plus, out=out[0])
    out[0].add_(wide_plus)
    torch.add(minus, wide_minus, alpha=2, out=out[1])
    torch.add(plus, wide_plus, alpha=4, out=out[2])
    torch.add(minus, wide_minus, alpha=8, out=out[3])
    out[3].add_(m[5])
