"""Colour: the luminance is fused and the chroma kept, or each channel on its own.

Fusing by channel takes red, green and blue as three grey images, each with the same
channel of the other sources; a grey source is used three times. Colours of the sources
then mix, as in VIFB, whose methods were run in this way.

The luminance is that of YCbCr as in ITU-R BT.601 with full range (what JPEG files
use), on the gamma-encoded values of the file:

.. math::

    Y = 0.299 R + 0.587 G + 0.114 B, \\qquad
    C_b = \\frac{B - Y}{1.772}, \\qquad C_r = \\frac{R - Y}{1.402},

with R, G, B and Y in [0, 1] and both chroma planes in [-0.5, 0.5], zero for grey.

References
----------
* X. Zhang, P. Ye, G. Xiao, "VIFB: A Visible and Infrared Image Fusion Benchmark",
  CVPR Workshops 2020. https://doi.org/10.1109/CVPRW50498.2020.00060
"""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from ..errors import InputError
from .validation import Image, as_array, as_colour, as_image, check_choice, is_colour

__all__ = [
    "COLOUR",
    "LUMA",
    "by_channel",
    "check_one_colour",
    "compose",
    "fuse_colours",
    "luminance",
    "rgb_to_ycbcr",
    "split_channels",
    "split_sources",
    "take_grey",
    "ycbcr_to_rgb",
]

P = ParamSpec("P")
T = TypeVar("T")

#: How colour sources can be fused.
COLOUR = ("luminance", "channels")

#: Grey levels of 255 by which the channels of a grey image may differ, at most and in
#: the mean: what a JPEG file leaves of equal channels.
GREY_LARGEST, GREY_MEAN = 16, 4

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
    y = green + LUMA[0] * (red - green) + LUMA[2] * (blue - green)  # exact for grey
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


def take_grey(
    sources: Any, names: Sequence[str] | None = None
) -> tuple[Any, list[int]]:
    """Return the sources, those that hold grey in three channels as grey images.

    That is decided for the first source, which is the infrared one, and for all
    if more than one has three channels; the last one keeps what tint it has.

    Parameters
    ----------
    sources : sequence of array_like, shape (H, W) or (H, W, 3)
        The sources, unchecked.
    names : sequence of str, optional
        What to call them in messages.

    Returns
    -------
    sources : list
        Where channels differ by no more than a JPEG file makes them, the luminance,
        which is the channel if all are equal. What is no sequence is returned as it
        is.
    grey : list of int
        Positions of those sources.

    Warns
    -----
    UserWarning
        For each of those sources.
    """
    if getattr(sources, "ndim", 3) < 3:
        return sources, []
    try:
        items = list(sources)
    except Exception:  # of any kind; as_sources says what is wrong
        return sources, []
    names = names or [f"sources[{k}]" for k in range(len(items))]
    found = [k for k, source in enumerate(items) if is_colour(source)]
    if len(found) == 1 and found != [0]:
        return items, []
    for k in found:
        items[k] = as_array(items[k], names[k])
    grey = [k for k in found if _is_grey(items[k])]
    if len(found) > 1 and grey == found:
        del grey[-1]
    for k in grey:
        note = f"{names[k]} holds grey in three channels and is taken as grey"
        warnings.warn(note, stacklevel=3)
        items[k] = luminance(items[k], names[k])
    return items, grey


def _is_grey(image: Any) -> bool:
    """Return whether the channels differ by no more than a JPEG file makes them."""
    scale = {"uint8": 255, "uint16": 65535}.get(image.dtype.name, 1)
    if image.size == 0 or (scale == 1 and image.dtype.kind != "f"):
        return False  # no image at all, which is said later
    apart = image.max(axis=-1) - image.min(axis=-1)
    largest, mean = (float(x) * 255 / scale - 1e-6 for x in (apart.max(), apart.mean()))
    return largest <= GREY_LARGEST and mean <= GREY_MEAN


def split_channels(sources: Any) -> list[Any]:
    """Return the sources of red, of green and of blue.

    Parameters
    ----------
    sources : sequence of array_like, shape (H, W) or (H, W, 3)
        The sources; any number of them in colour.

    Returns
    -------
    list of three lists, or of one
        Planes of shape (H, W), in the order of the sources. A grey source stands in
        all three. Only one if no source is in colour.

    Raises
    ------
    InputError
        If a colour source is not valid.
    """
    items, _ = take_grey(sources)
    if not isinstance(items, list) or not any(map(is_colour, items)):
        return [items]
    for k, item in enumerate(items):
        if is_colour(item):
            items[k] = as_colour(item, f"sources[{k}]")
    return [
        [item[..., channel] if is_colour(item) else item for item in items]
        for channel in range(3)
    ]


def _join(parts: Sequence[Any]) -> Any:
    """Return the results of the channels as one: arrays get a last axis."""
    first = parts[0]
    if isinstance(first, np.ndarray):
        return np.stack(parts, axis=-1)
    if isinstance(first, Mapping):
        joined = {key: _join([part[key] for part in parts]) for key in first}
        for step in joined.get("seconds", ()):
            joined["seconds"][step] = sum(part["seconds"][step] for part in parts)
        return joined
    if isinstance(first, tuple):
        return tuple(map(_join, zip(*parts, strict=True)))
    if dataclasses.is_dataclass(first):
        return dataclasses.replace(cast(Any, first), **_join(list(map(vars, parts))))
    return first


def by_channel(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function fuse red, green and blue each on its own, if its config says so.

    Parameters
    ----------
    function : callable
        ``function(sources, *, config, register, ...)``. What it returns for the
        channels is made one: each array gets a last axis.

    Returns
    -------
    callable
        The same function where ``config.colour`` is not "channels", or no source has
        colour.
    """

    @functools.wraps(function)
    def fused(*args: P.args, **kwargs: P.kwargs) -> T:
        if getattr(kwargs.get("config"), "colour", None) != "channels":
            return function(*args, **kwargs)
        options: dict[str, Any] = dict(kwargs)
        stacks = split_channels(args[0] if args else options.pop("sources", None))
        if len(stacks) > 1 and options.get("register"):
            raise InputError(
                "register: not with colour='channels', which would move apart; "
                "fusionlib.images.registration.register moves whole images beforehand"
            )
        run = cast(Callable[..., T], function)
        results = [run(planes, *args[1:], **options) for planes in stacks]
        return results[0] if len(results) == 1 else _join(results)

    return fused


def fuse_colours(
    function: Callable[[Any], Image], sources: Any, colour: str = "luminance"
) -> Image:
    """Fuse sources in colour by a function of grey ones.

    Parameters
    ----------
    function : callable
        Takes a list of images of shape (H, W) and returns the fused one.
    sources : sequence of array_like, shape (H, W) or (H, W, 3)
        The sources.
    colour : {"luminance", "channels"}, optional
        Fuse the luminance of the one colour source and keep its chroma; or fuse red,
        green and blue each on its own.

    Returns
    -------
    numpy.ndarray, shape (H, W) or (H, W, 3)
        In colour if a source is.

    Raises
    ------
    InputError
        If ``colour`` is something else, or as :func:`split_sources`.

    Examples
    --------
    >>> import numpy as np
    >>> red, grey = np.array([[[0.8, 0.4, 0.4]]]), np.array([[0.4]])
    >>> fuse_colours(lambda pair: sum(pair) / 2, [grey, red], "channels")
    array([[[0.6, 0.4, 0.4]]])
    """
    if check_choice(colour, "colour", COLOUR) == "channels":
        fused = [function(planes) for planes in split_channels(sources)]
        return fused[0] if len(fused) == 1 else _join(fused)
    planes, _, chroma = split_sources(sources)
    return function(planes) if chroma is None else compose(function(planes), chroma)


def check_one_colour(sources: Sequence[Any], names: Sequence[str]) -> int | None:
    """Return the position of the colour source, None without one.

    Raises
    ------
    InputError
        If more than one source is in colour: which chroma should be kept?
    """
    found = [k for k, source in enumerate(sources) if is_colour(source)]
    if len(found) > 1:
        raise InputError(
            "sources must hold at most one colour image, whose chroma is kept, got "
            f"colour in {' and '.join(names[k] for k in found)}; colour='channels' "
            "fuses all channels"
        )
    return found[0] if found else None


def split_sources(sources: Any) -> tuple[Any, int | None, Image | None]:
    """Return grey planes to fuse, which source had colour, and its chroma.

    Parameters
    ----------
    sources : sequence of array_like, shape (H, W) or (H, W, 3)
        The sources; at most one of them may be in colour.

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
        If more than one source is in colour, or the colour source is not valid.
    """
    planes, _ = take_grey(sources)
    if not isinstance(planes, list):
        return sources, None, None  # refused by as_sources, in its words
    names = [f"sources[{k}]" for k in range(len(planes))]
    index = check_one_colour(planes, names)
    if index is None:
        return planes, None, None
    ycbcr = rgb_to_ycbcr(as_colour(planes[index], names[index]))
    planes[index] = ycbcr[0]
    return planes, index, ycbcr[1:]
