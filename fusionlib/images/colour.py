"""Colour: the luminance is fused, the chroma is kept.

YCbCr as in ITU-R BT.601 with full range (what JPEG files use), on the gamma-encoded
values of the file:

.. math::

    Y = 0.299 R + 0.587 G + 0.114 B, \\qquad
    C_b = \\frac{B - Y}{1.772}, \\qquad C_r = \\frac{R - Y}{1.402},

with R, G, B and Y in [0, 1] and both chroma planes in [-0.5, 0.5], zero for grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from .validation import Image, as_colour, as_image, is_colour

__all__ = [
    "LUMA",
    "compose",
    "luminance",
    "rgb_to_ycbcr",
    "split_sources",
    "ycbcr_to_rgb",
]

#: Shares of red, green and blue in the luminance (BT.601).
LUMA = (0.299, 0.587, 0.114)

#: Chroma per unit of B - Y and R - Y: both then lie in [-0.5, 0.5].
_BLUE, _RED = 2 * (1 - LUMA[2]), 2 * (1 - LUMA[0])


def rgb_to_ycbcr(rgb: Any) -> Image:
    """Return luminance and chroma of a colour image.

    Parameters
    ----------
    rgb : array_like, shape (H, W, 3)
        See :func:`fusionlib.images.validation.as_colour`.

    Returns
    -------
    numpy.ndarray, shape (3, H, W)
        Y in [0, 1], C_b and C_r in [-0.5, 0.5].

    Raises
    ------
    InputError
        If the image is not valid.

    Examples
    --------
    >>> import numpy as np
    >>> np.round(rgb_to_ycbcr(np.array([[[1.0, 0.0, 0.0]]]))[:, 0, 0], 4)
    array([ 0.299 , -0.1687,  0.5   ])
    """
    red, green, blue = np.moveaxis(as_colour(rgb, "rgb"), -1, 0)
    y = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    return np.stack([y, (blue - y) / _BLUE, (red - y) / _RED])


def ycbcr_to_rgb(ycbcr: Image) -> Image:
    """Invert :func:`rgb_to_ycbcr`, without clipping.

    Parameters
    ----------
    ycbcr : numpy.ndarray, shape (3, H, W)
        Luminance and the two chroma planes.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3)
        R, G and B; outside [0, 1] where no such colour can be shown (see
        :func:`compose`).

    Raises
    ------
    InputError
        If there are not three planes.
    """
    if getattr(ycbcr, "ndim", 0) != 3 or len(ycbcr) != 3:
        raise InputError(f"ycbcr must have the shape (3, H, W), got {np.shape(ycbcr)}")
    y, cb, cr = ycbcr
    red, blue = y + _RED * cr, y + _BLUE * cb
    green = (y - LUMA[0] * red - LUMA[2] * blue) / LUMA[1]
    return np.stack([red, green, blue], axis=-1)


def luminance(image: Any, name: str = "image") -> Image:
    """Return the luminance Y of a colour image; a grey image is returned as it is.

    Parameters
    ----------
    image : array_like, shape (H, W) or (H, W, 3)
        Grey or colour image.
    name : str, optional
        What to call the argument in messages.

    Returns
    -------
    numpy.ndarray, shape (H, W), float64

    Raises
    ------
    InputError
        If the image is not valid.
    """
    if not is_colour(image):
        return as_image(image, name)
    return rgb_to_ycbcr(as_colour(image, name))[0]


def compose(y: Image, chroma: Image) -> Image:
    """Return the colour image with a given luminance and chroma.

    Parameters
    ----------
    y : numpy.ndarray, shape (H, W)
        Luminance; what lies outside [0, 1] is clipped.
    chroma : numpy.ndarray, shape (2, H, W)
        C_b and C_r.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3)
        Colours in [0, 1]. Where this chroma cannot be shown at this luminance, both
        planes are multiplied by the largest number in [0, 1] for which it can: the
        colour moves towards grey, its luminance and its hue stay. Clipping each of
        R, G, B on its own would change all three, and fringe edges with false
        colour.

    Examples
    --------
    >>> import numpy as np
    >>> red = rgb_to_ycbcr(np.array([[[1.0, 0.0, 0.0]]]))
    >>> compose(np.array([[0.9]]), red[1:]).round(3)
    array([[[1.   , 0.857, 0.857]]])
    """
    y = np.clip(y, 0, 1)
    offset = ycbcr_to_rgb(np.stack([np.zeros_like(y), *chroma]))
    room = np.where(offset > 0, 1 - y[..., None], y[..., None])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(offset == 0, 1, room / np.abs(offset)).min(axis=-1)
    return np.clip(y[..., None] + np.minimum(share, 1)[..., None] * offset, 0, 1)


def split_sources(
    sources: Any, names: Sequence[str] | None = None
) -> tuple[Any, int | None, Image | None]:
    """Return grey planes to fuse, which source had colour, and its chroma.

    Parameters
    ----------
    sources : sequence of array_like, shape (H, W) or (H, W, 3)
        The sources; at most one of them may be in colour.
    names : sequence of str, optional
        What to call them in messages.

    Returns
    -------
    planes : list
        The sources, the colour one replaced by its luminance; grey ones unchecked.
    index : int or None
        Position of the colour source.
    chroma : numpy.ndarray, shape (2, H, W), or None
        Its C_b and C_r.

    Raises
    ------
    InputError
        If more than one source is in colour (which chroma should be kept?), or the
        colour source is not valid.
    """
    if getattr(sources, "ndim", 3) < 3:
        return sources, None, None  # refused by as_sources, in its words
    try:
        planes = list(sources)
    except Exception:  # of any kind; as_sources says what is wrong
        return sources, None, None
    names = names or [f"sources[{k}]" for k in range(len(planes))]
    found = [k for k, source in enumerate(planes) if is_colour(source)]
    if not found:
        return planes, None, None
    if len(found) > 1:
        raise InputError(
            "sources must hold at most one colour image, whose chroma is kept, got "
            f"colour in {' and '.join(names[k] for k in found)}"
        )
    (index,) = found
    ycbcr = rgb_to_ycbcr(as_colour(planes[index], names[index]))
    planes[index] = ycbcr[0]
    return planes, index, ycbcr[1:]
