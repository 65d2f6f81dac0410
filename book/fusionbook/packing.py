"""Images as text that a page can hold."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["as_text", "encode", "pack", "webp"]


def encode(image: NDArray[Any], form: str, **options: Any) -> bytes:
    """Return an image as the bytes of a file.

    Parameters
    ----------
    image : numpy.ndarray, uint8 or uint16
        Grey (H, W) or, of 8 bits, colour (H, W, 3).
    form : {"PNG", "WEBP"}
        Format of the file.
    **options
        Passed to ``PIL.Image.Image.save``.
    """
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, **options)
    return buffer.getvalue()


def as_text(content: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(content).decode()


def webp(image: NDArray[np.uint8], quality: int, effort: int = 6) -> str:
    """Return an image as an address that holds it, in WebP; ``effort`` is 0 to 6."""
    content = encode(image, "WEBP", quality=quality, method=effort)
    return "data:image/webp;base64," + as_text(content)


def pack(
    planes: Mapping[str, NDArray[Any]],
    guesses: Mapping[str, Mapping[str, int]] | None = None,
) -> dict[str, dict[str, Any]]:
    """Return planes of integers, compressed without loss.

    Parameters
    ----------
    planes : mapping of str to numpy.ndarray, shape (H, W)
        Exact values, whose range may be 65535.
    guesses : mapping of str to mapping of str to int, optional
        For some planes, names and factors of earlier ones: their sum is close to the
        plane, so that only what is left needs to be kept.

    Returns
    -------
    dict of str to dict
        For each plane a PNG file in base64 (``png``), what is to be added to its
        pixels (``least``), and the factors (``plus``). ``planes`` in
        ``static/explorers.js`` puts them together again.

    Notes
    -----
    The page decodes these files itself: reading pixels back from a canvas is inexact
    in browsers that guard against fingerprinting.
    """
    packed = {}
    for name, plane in planes.items():
        plus = dict((guesses or {}).get(name, {}))
        left = plane.astype(np.int64)
        for other, factor in plus.items():
            left = left - factor * planes[other].astype(np.int64)
        least = int(left.min())
        left -= least
        assert left.max() < 2**16, f"{name} does not fit into 16 bits"
        small = left.astype(np.uint8 if left.max() < 256 else np.uint16)
        png = as_text(encode(small, "PNG", optimize=True))
        packed[name] = {"png": png, "least": least, "plus": plus}
    return packed
