"""The arithmetic that also runs in the page, on 8-bit planes.

``static/arithmetic.js`` repeats what the page needs of it, operation by operation in
the same double precision, so that both give the same pixels; a browser test compares
them. Whatever is not here is computed by the library alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.images.io import to_uint8

__all__ = [
    "Bytes",
    "colourise",
    "mean",
    "noise",
    "overlay",
    "shifted",
    "spoil",
    "wipe",
]

Bytes = NDArray[np.uint8]

#: Standard deviation of the sum of four bytes that are uniform on 0..255.
NOISE_SCALE = 147.8


def mean(first: Bytes, second: Bytes) -> Bytes:
    """Return the mean of two 8-bit images, rounded as the library does."""
    return to_uint8((first / 255 + second / 255) / 2)


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
