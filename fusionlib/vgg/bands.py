"""The network in bands of rows, so that the features of an image fill no memory.

A block of VGG-19 is a few 3x3 convolutions, each of which looks one row up and down. A
band of the block's output therefore needs as many rows more of its input, above and
below, as the block has convolutions; these few are computed twice. Each block takes
rows from the block before and gives its own rows to the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from .layers import CONVOLUTIONS, Convolution, layer, pooled_shape
from .memory import BAND
from .winograd import TILE_OUT

__all__ = ["run_by_rows"]

#: Fewest rows of a band: whole blocks of Winograd, whose even side suits the pooling.
FEWEST_ROWS = 3 * TILE_OUT

Convolvers = Mapping[Convolution, Callable[..., torch.Tensor]]


@torch.inference_mode()
def run_by_rows(
    x: torch.Tensor,
    convolvers: Convolvers,
    layers: Sequence[str],
    reduce: Callable[[torch.Tensor], Any],
    *,
    before_relu: bool = False,
    pooling: str = "ceil",
    band: int = BAND,
) -> dict[str, Any]:
    """Run the network and reduce the features of the wanted layers.

    Parameters
    ----------
    x : torch.Tensor, shape (K, 1, H, W)
        The input.
    convolvers : mapping
        The nine convolutions, ready to run.
    layers : sequence of str
        Wanted layers, in network order.
    reduce : callable
        Called with features of shape (K, M, rows, w), which are overwritten afterwards;
        returns an array of shape (..., rows, w).
    before_relu, pooling
        See :class:`~fusionlib.config.FusionConfig`.
    band : int, optional
        Features of one layer that are held at once, about.

    Returns
    -------
    dict of str to numpy.ndarray
        The reduced features of each layer.
    """
    found: dict[str, Any] = {}

    def keep(name: str, features: torch.Tensor, top: int, rows: int) -> None:
        part = reduce(features)
        if name not in found:
            # At once: small arrays between the bands would break up the memory.
            shape = (*part.shape[:-2], rows, part.shape[-1])
            found[name] = np.empty(shape, part.dtype)
        found[name][..., top : top + part.shape[-2], :] = part

    deepest = layer(layers[-1])
    rows: Iterator[torch.Tensor] = iter([x])
    height = x.shape[2]
    for number in range(1, deepest.block + 1):
        chain = [
            c for c in CONVOLUTIONS if c.block == number and c.index <= deepest.index
        ]
        rows = _run_block(
            rows, height, [(c, convolvers[c]) for c in chain],
            keep=keep, wanted=layers, before_relu=before_relu, band=band,
        )  # fmt: skip
        if number < deepest.block:
            rows = _pool(rows, ceil=pooling == "ceil")
            height, _ = pooled_shape(height, x.shape[3], pooling)
    for _ in rows:
        pass
    return {name: found[name] for name in layers}


def _run_block(
    rows: Iterator[torch.Tensor],
    height: int,
    chain: Sequence[tuple[Convolution, Callable[..., torch.Tensor]]],
    *,
    keep: Callable[[str, torch.Tensor, int, int], None],
    wanted: Sequence[str],
    before_relu: bool,
    band: int,
) -> Iterator[torch.Tensor]:
    """Yield the output of one block in bands of an even number of rows.

    ``rows`` gives the block's input from top to bottom, ``height`` rows in all.
    """
    reach = len(chain)
    held = next(rows)  # rows of the input from `first` on
    first = top = 0
    values = held.shape[0] * held.shape[3] * chain[-1][0].outputs  # of one row
    step = max(FEWEST_ROWS, band // values // TILE_OUT * TILE_OUT)
    while top < height:
        bottom = min(top + step, height)
        # Rows of the input that the band needs, as far as the image has them.
        start, stop = max(top - reach, 0), min(bottom + reach, height)
        while first + held.shape[2] < stop:
            held = torch.cat([held, next(rows)], dim=2)
        y = held[:, :, start - first : stop - first]
        for convolution, convolve in chain:
            before = before_relu and convolution.relu in wanted
            above, below = int(start == 0), int(stop == height)
            y = convolve(y, relu=not before, above=above, below=below)
            start, stop = start + 1 - above, stop - 1 + below
            if convolution.relu in wanted:
                inner = y[:, :, top - start : bottom - start]
                keep(convolution.relu, inner, top, height)
            if before:
                F.relu_(y)
        yield y[:, :, top - start : bottom - start]
        top = bottom
        dropped = max(top - reach, 0) - first
        held, first = held[:, :, dropped:], first + dropped


def _pool(rows: Iterator[torch.Tensor], ceil: bool) -> Iterator[torch.Tensor]:
    """Yield 2x2 maxima; all bands but the last have an even number of rows."""
    for band in rows:
        if band.shape[2] > 1 or ceil:
            yield F.max_pool2d(band, 2, 2, ceil_mode=ceil)
