"""The arithmetic that also runs in the page, on 8-bit planes.

``static/arithmetic.js`` repeats what the page needs of it, operation by operation in
the same double precision, so that both give the same pixels; a browser test compares
them. Whatever is not here is computed by the library alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.fusion import select
from fusionlib.images.io import to_uint8

__all__ = [
    "Bytes",
    "chosen",
    "colourise",
    "difference",
    "mean",
    "noise",
    "overlay",
    "permutations",
    "ranking",
    "shifted",
    "spoil",
    "wipe",
]

Bytes = NDArray[np.uint8]

#: Standard deviation of the sum of four bytes that are uniform on 0..255.
NOISE_SCALE = 147.8


def permutations(count: int) -> list[tuple[int, ...]]:
    """Return all orders of ``count`` layers, in the order that codes refer to."""
    return list(itertools.permutations(range(count)))


def ranking(candidates: NDArray[np.float64], rule: str = "max") -> Bytes:
    """Return the order of the candidates at each pixel, best first, as a code.

    Parameters
    ----------
    candidates : numpy.ndarray, shape (L, H, W)
        Candidates of L <= 5 layers.
    rule : {"max", "absmax"}, optional
        As in :func:`fusionlib.fusion.select`, which decides who wins.

    Returns
    -------
    numpy.ndarray, shape (H, W), uint8
        Index into :func:`permutations`. The first enabled layer in that order is
        what ``select`` returns for any subset of the layers.
    """
    left = candidates.copy()
    grid = tuple(np.indices(candidates.shape[1:]))
    order = []
    for _ in range(len(candidates)):
        if rule == "absmax":
            # A negative infinity would win by magnitude, so ranks go by that.
            winner = np.where(np.isinf(left), -1, np.abs(left)).argmax(axis=0)
        else:
            winner = select(left, rule)[1]
        order.append(winner)
        left[(winner, *grid)] = -np.inf
    codes = np.zeros(candidates.shape[1:], dtype=np.uint8)
    for code, permutation in enumerate(permutations(len(candidates))):
        same = [o == p for o, p in zip(order, permutation, strict=True)]
        codes[np.logical_and.reduce(same)] = code
    return codes


def chosen(codes: Bytes, count: int, enabled: Sequence[int]) -> Bytes:
    """Return the winner among the enabled layers at each pixel.

    Parameters
    ----------
    codes : numpy.ndarray, shape (H, W), uint8
        From :func:`ranking`.
    count : int
        Number of layers.
    enabled : sequence of int
        At least one layer.
    """
    table = [
        next(layer for layer in order if layer in enabled)
        for order in permutations(count)
    ]
    return np.array(table, dtype=np.uint8)[codes]


def mean(first: Bytes, second: Bytes) -> Bytes:
    """Return the mean of two 8-bit images, rounded as the library does."""
    return to_uint8((first / 255 + second / 255) / 2)


def difference(first: Bytes, second: Bytes, gain: int) -> Bytes:
    """Return ``128 + gain (first - second)``, clipped to 8 bits."""
    signed = 128 + gain * (first.astype(np.int64) - second)
    return np.clip(signed, 0, 255).astype(np.uint8)


def colourise(index: Bytes, table: Bytes) -> Bytes:
    """Return the colours of a table of 256, shape (H, W, 3)."""
    return table[index]


def overlay(grey: Bytes, colour: Bytes, opacity: float) -> Bytes:
    """Lay a colour image over a grey one.

    Parameters
    ----------
    grey : numpy.ndarray, shape (H, W), uint8
    colour : numpy.ndarray, shape (H, W, 3), uint8
    opacity : float
        0 shows the grey image, 1 the colours.
    """
    mixed = (1 - opacity) * grey[..., None] + opacity * colour
    return np.floor(mixed + 0.5).astype(np.uint8)


def wipe(left: Bytes, right: Bytes, percent: float) -> Bytes:
    """Return ``left`` in the first columns and ``right`` in the others."""
    if left.ndim != right.ndim:
        left, right = (
            x if x.ndim == 3 else np.repeat(x[..., None], 3, axis=2)
            for x in (left, right)
        )
    edge = int(np.floor(left.shape[1] * percent / 100 + 0.5))
    return np.concatenate([left[:, :edge], right[:, edge:]], axis=1)


def shifted(image: NDArray[Any], pixels: int) -> NDArray[Any]:
    """Move an image to the right, repeating its first column."""
    return image[:, np.maximum(np.arange(image.shape[1]) - pixels, 0)]


def noise(height: int, width: int) -> NDArray[np.float64]:
    """Return fixed noise of mean 0 and standard deviation 1.

    The sum of four bytes of a hash of the pixel's number: near enough to normal,
    and the same integers in every language.
    """
    h = np.arange(height * width, dtype=np.uint32) + np.uint32(0x9E3779B9)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    total = sum(
        ((h >> np.uint32(s)) & np.uint32(255)).astype(int) for s in (0, 8, 16, 24)
    )
    return (np.asarray(total).reshape(height, width) - 510) / NOISE_SCALE


def spoil(
    image: Bytes,
    end: Bytes,
    halo: NDArray[np.int16],
    grain: NDArray[np.float64],
    artifact: float,
    noise: float,
    blend: float,
) -> Bytes:
    """Blend an image with another, then add halos and noise.

    Parameters
    ----------
    image, end : numpy.ndarray, shape (H, W), uint8
        Image, and what it becomes for ``blend = 1``.
    halo, grain : numpy.ndarray, shape (H, W)
        Added in grey levels: ``artifact * halo + noise * grain``.
    artifact, noise, blend : float
        Strengths.
    """
    levels = (1 - blend) * image + blend * end
    levels = levels + artifact * halo + noise * grain
    return np.floor(np.clip(levels, 0, 255) + 0.5).astype(np.uint8)
