"""Checks of arrays and numbers that every module shares.

Each check returns the value in the form that the library works with, or raises
:class:`~fusionlib.errors.InputError` with one sentence, in which ``name`` is what the
argument is called.
"""

from __future__ import annotations

import functools
import math
import operator
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._compute import processors
from ..errors import InputError, hint, reason, shown

__all__ = [
    "MAX_PIXELS",
    "Image",
    "as_array",
    "as_colour",
    "as_image",
    "as_list",
    "as_sources",
    "as_whole_number",
    "check_choice",
    "check_keywords",
    "check_positive",
    "check_positive_int",
    "check_same_shape",
    "check_shares",
    "check_size",
    "check_smallest",
    "check_workers",
    "is_colour",
    "named_fields",
]

T = TypeVar("T")

Image = NDArray[np.float64]

#: Largest number of pixels in one image (16384 x 16384).
MAX_PIXELS = 2**28

#: Overshoot of [0, 1] that is put down to rounding and accepted.
RANGE_TOLERANCE = 1e-6

_BOOLEAN = (bool, np.bool_)

_INTEGER_SCALES = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}


def check_size(height: int, width: int, name: str) -> None:
    """Refuse an empty image, or one of more than :data:`MAX_PIXELS` pixels."""
    if height < 1 or width < 1:
        raise InputError(f"{name} is empty: its size is {height}x{width} pixels")
    if height * width > MAX_PIXELS:
        raise InputError(
            f"{name} has {height}x{width} pixels, "
            f"more than the {MAX_PIXELS} that are accepted"
        )


def check_smallest(image: Image, smallest: int, name: str, purpose: str) -> None:
    """Refuse an image that is too small ``purpose``, such as "to be registered"."""
    height, width = image.shape[:2]
    if min(height, width) < smallest:
        raise InputError(
            f"{name} must be at least {smallest}x{smallest} pixels {purpose}, got "
            f"{height}x{width}"
        )


def as_array(value: Any, name: str = "image") -> NDArray[Any]:
    """Return what can be seen as an array, as one.

    Parameters
    ----------
    value : array_like
        Also a masked array without masked pixels, and a tensor of torch, whatever
        its precision, its device and its gradients.

    Returns
    -------
    numpy.ndarray
        The array. It may share memory with ``value``.

    Raises
    ------
    InputError
        If pixels are masked, a tensor holds no pixels of its own (sparse, quantised,
        or on the device "meta"), or it is no array at all.
    """
    # Nobody has a masked array without numpy.ma, which is slow to import.
    if "numpy.ma" in sys.modules and np.ma.is_masked(value):
        raise InputError(
            f"{name} has masked pixels, whose values are not known; fill them first, "
            "as numpy.ma.filled does"
        )
    torch = sys.modules.get("torch")
    try:
        if torch is not None and isinstance(value, torch.Tensor):
            return _from_tensor(value, name)
        return np.asarray(value)
    except InputError:
        raise
    except Exception as error:  # whatever the object does when it is asked
        got = f"{type(value).__name__} ({reason(error)})"
        raise InputError(f"{name} must be an array, got {got}") from None


def _from_tensor(tensor: Any, name: str) -> NDArray[Any]:
    import torch

    kinds = {
        "sparse": tensor.layout != torch.strided,
        "quantised": tensor.is_quantized,
        "meta": tensor.is_meta,
    }
    for kind, is_so in kinds.items():
        if is_so:
            raise InputError(
                f"{name} must be an array or a dense tensor, got a {kind} tensor"
            )
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point() and tensor.dtype != torch.float64:
        tensor = tensor.float()  # NumPy has no bfloat16
    return tensor.numpy()


def as_list(sources: Any, minimum: int = 2) -> list[Any]:
    """Return the items of a sequence of images, at least ``minimum``."""
    if getattr(sources, "ndim", 3) == 2:
        raise InputError(
            "sources must be a sequence of 2-D images, got a single 2-D array; give "
            "all sources, as in [infrared, visible]"
        )
    try:
        items = list(sources)
    except Exception:
        raise InputError(
            "sources must be a sequence of 2-D images, "
            f"got an object of type {type(sources).__name__}"
        ) from None
    if len(items) < minimum:
        raise InputError(
            f"sources must hold at least {minimum} images, got {len(items)}"
        )
    return items


def as_image(value: Any, name: str = "image") -> Image:
    """Return a grey image as a float64 array in [0, 1].

    Parameters
    ----------
    value : array_like, shape (H, W)
        Floats in [0, 1]; or 8-bit or 16-bit unsigned integers, which are divided
        by 255 or 65535.

    Returns
    -------
    numpy.ndarray, shape (H, W), float64
        The image. It may share memory with ``value``.

    Raises
    ------
    InputError
        If the array is not two-dimensional, is empty or too large, is of another
        type, or holds NaN, infinity or values outside [0, 1].
    """
    array = as_array(value, name)
    if array.ndim != 2:
        advice = (
            "; convert colour to grey first, as fusionlib.images.colour.luminance does"
            if array.ndim == 3 and array.shape[-1] in (3, 4)
            else ""
        )
        shape = f"an array of shape {array.shape}"
        got = shape if array.ndim else f"an object of type {type(value).__name__}"
        raise InputError(f"{name} must be a 2-D grey image, got {got}{advice}")
    return _as_unit(array, name)


def is_colour(value: Any) -> bool:
    """Return whether a value has the shape (H, W, 3) of a colour image."""
    return getattr(value, "ndim", 0) == 3 and value.shape[-1] == 3


def as_colour(value: Any, name: str = "image") -> Image:
    """Return a colour image as a float64 array in [0, 1].

    Parameters
    ----------
    value : array_like, shape (H, W, 3)
        Red, green and blue, of the types that :func:`as_image` takes.

    Returns
    -------
    numpy.ndarray, shape (H, W, 3), float64
        The image. It may share memory with ``value``.

    Raises
    ------
    InputError
        If the shape is another, or as :func:`as_image`.
    """
    array = as_array(value, name)
    if not is_colour(array):
        raise InputError(
            f"{name} must be a colour image of shape (H, W, 3), got an array of "
            f"shape {array.shape}"
        )
    return _as_unit(array, name)


def _as_unit(array: NDArray[Any], name: str) -> Image:
    """Check size, type and range of an image and return it as float64."""
    check_size(array.shape[0], array.shape[1], name)
    # Compiled code is made for each order in memory; rows one after another is enough.
    array = np.ascontiguousarray(array)
    if array.dtype in _INTEGER_SCALES:
        return array / _INTEGER_SCALES[array.dtype]
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"{name} must hold floats in [0, 1], uint8 or uint16, got {array.dtype}"
        )
    image = array.astype(np.float64, copy=False)
    low, high = float(image.min()), float(image.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError(f"{name} must be finite, but it holds NaN or infinite values")
    if low < -RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
        raise InputError(
            f"{name} must lie in [0, 1], got values from {low:g} to {high:g} "
            "(divide 8-bit values by 255)"
        )
    return image


def check_same_shape(images: Sequence[Image], names: Sequence[str]) -> None:
    """Refuse images, grey or in colour, of another size than the first one."""
    first = images[0].shape[:2]
    for image, name in zip(images[1:], names[1:], strict=True):
        if image.shape[:2] != first:
            raise InputError(
                f"{names[0]} and {name} must have the same size, got "
                f"{first[0]}x{first[1]} and {image.shape[0]}x{image.shape[1]} "
                "(height x width)"
            )


def as_sources(sources: Any, *, minimum: int = 2, convert: bool = True) -> list[Any]:
    """Return K registered source images as float64 arrays in [0, 1].

    Parameters
    ----------
    sources : sequence of array_like, each of shape (H, W)
        The source images I_1 .. I_K; see :func:`as_image` for their types.
    minimum : int, optional
        Smallest K that makes sense to the caller.
    convert : bool, optional
        False leaves sources of 8 or 16 bits as they are.

    Returns
    -------
    list of numpy.ndarray
        The sources, all of one size.

    Raises
    ------
    InputError
        If there are fewer than ``minimum``, if one is not a valid image, or if
        their sizes differ.
    """
    items = as_list(sources, minimum)
    names = [f"sources[{k}]" for k in range(len(items))]
    images = [
        item if not convert and _is_grey_integer(item) else as_image(item, name)
        for item, name in zip(items, names, strict=True)
    ]
    check_same_shape(images, names)
    return images


def _is_grey_integer(value: Any) -> bool:
    """Return whether as_image would only divide the values."""
    return (
        isinstance(value, np.ndarray)
        and value.ndim == 2
        and value.dtype in _INTEGER_SCALES
        and 0 < value.size <= MAX_PIXELS
    )


def check_positive(value: Any, name: str) -> float:
    """Return ``value`` as a float if it is finite and greater than zero."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        number = math.nan
    if not (math.isfinite(number) and number > 0) or isinstance(value, _BOOLEAN):
        raise InputError(f"{name} must be a finite number above 0, got {shown(value)}")
    return number


def check_positive_int(
    value: Any, name: str, *, minimum: int = 1, maximum: int | None = None
) -> int:
    """Return ``value`` as an int if it is a whole number from a range."""
    try:
        number = operator.index(value)
    except (TypeError, ValueError, RuntimeError):
        number = minimum - 1
    if number < minimum or isinstance(value, _BOOLEAN):
        raise InputError(
            f"{name} must be a whole number of at least {minimum}, got {shown(value)}"
        )
    if maximum is not None and number > maximum:
        raise InputError(f"{name} must be at most {maximum}, got {shown(number)}")
    return number


def check_workers(value: Any) -> int:
    """Return a number of processes, at least 1 and at most 16 for each processor."""
    number, most = check_positive_int(value, "workers"), 16 * processors()
    if number > most:
        raise InputError(
            f"workers must be at most {most}, 16 for each processor, got "
            f"{shown(number)}"
        )
    return number


def as_whole_number(text: str) -> int | None:
    """Return the number that decimal digits stand for, None for any other text.

    Python itself refuses thousands of digits; here they are no number that is meant.
    """
    return int(text) if text.isdecimal() and len(text) < 20 else None


def check_choice(value: Any, name: str, choices: Sequence[str]) -> str:
    """Return ``value`` if it is one of ``choices``; the error lists them."""
    if value not in choices:
        raise InputError(
            f"{name} must be one of {', '.join(choices)}, got {shown(value)}"
            f"{hint(value, choices)}"
        )
    return str(value)


def check_keywords(given: Iterable[str], known: Sequence[str], owner: str) -> None:
    """Refuse a keyword that is not known; the error has similar ones and lists all."""
    for name in given:
        if name not in known:
            raise InputError(
                f"{owner} has no {name!r}{hint(name, known)} (it has "
                f"{', '.join(known)})"
            )


def named_fields(cls: type[T]) -> type[T]:
    """Let a dataclass refuse an unknown field as :func:`check_keywords` does."""
    begin = cls.__init__
    known = [field.name for field in fields(cls)]  # type: ignore[arg-type]

    @functools.wraps(begin)
    def checked(self: T, *args: Any, **kwargs: Any) -> None:
        check_keywords(kwargs, known, cls.__name__)
        begin(self, *args, **kwargs)

    type.__setattr__(cls, "__init__", checked)
    return cls


def check_shares(alpha: Any, name: str) -> tuple[float, ...] | None:
    """Return weights with the sum 1 as a tuple, or None for equal ones.

    Raises
    ------
    InputError
        If they are no numbers of at least 0 with the sum 1.
    """
    if alpha is None:
        return None
    try:
        items = None if isinstance(alpha, str | Mapping | Set) else list(alpha)
    except TypeError:
        items = None
    if items is None:
        raise InputError(
            f"{name} must be a sequence of numbers or None, got {shown(alpha)}"
        )
    try:
        values = tuple(
            math.nan if isinstance(a, (str, *_BOOLEAN)) else float(a) for a in items
        )
    except (TypeError, ValueError, OverflowError, RuntimeError):
        values = (math.nan,)
    if not all(math.isfinite(a) and a >= 0 for a in values):
        raise InputError(f"{name} must hold numbers of at least 0, got {shown(alpha)}")
    if not math.isclose(sum(values), 1, rel_tol=0, abs_tol=1e-9):
        raise InputError(f"{name} must have the sum 1, got the sum {sum(values):g}")
    return values
