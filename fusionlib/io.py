"""Reading and writing images, with the checks that files need."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL import UnidentifiedImageError

from .errors import InputError
from .validation import Image, as_colour, as_image, check_size, is_colour

__all__ = ["atomic_path", "read_image", "read_pixels", "to_uint8", "write_image"]

#: Formats that keep the pixels, by file ending.
WRITABLE = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}

_GREY = ("L", "I;16", "I;16B", "I;16L")


def read_image(
    path: str | os.PathLike[str], name: str = "image", *, colour: bool = False
) -> Image:
    """Read an image file as float64 in [0, 1].

    Parameters
    ----------
    path : path-like
        An 8-bit or 16-bit grey image in a format that Pillow reads.
    name : str, optional
        What to call the argument in messages.
    colour : bool, optional
        Accept an 8-bit colour image as well (RGB, or a palette of colours).

    Returns
    -------
    numpy.ndarray, shape (H, W) or (H, W, 3), float64
        The 8-bit values divided by 255, or the 16-bit values divided by 65535.
        Three planes only with ``colour`` and for a colour file.

    Raises
    ------
    InputError
        If the file is missing, is not an image, is damaged, is too large (decided
        from its header, before memory is allocated), is not plain grey (nor, with
        ``colour``, plain colour), or has an alpha channel.
    """
    pixels = read_pixels(path, name, colour=colour)
    return pixels / float(np.iinfo(pixels.dtype).max)


def read_pixels(
    path: str | os.PathLike[str], name: str = "image", *, colour: bool = False
) -> NDArray[Any]:
    """Read an image file as it is stored: like :func:`read_image`, but unscaled.

    Returns
    -------
    numpy.ndarray, uint8 or uint16
        The pixels; an eighth or a quarter of the memory of :func:`read_image`.

    Raises
    ------
    InputError
        As :func:`read_image`.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder, not an image" if path.is_dir() else "does not exist"
        raise InputError(f"{name}: {path} {what}")
    try:
        with warnings.catch_warnings():
            # Pillow's own size limit: check_size below says it more clearly.
            warnings.simplefilter("ignore", PILImage.DecompressionBombWarning)
            with PILImage.open(path) as file:
                check_size(file.height, file.width, f"{name} ({path})")
                _check_mode(file, f"{name} ({path})", colour)
                file.verify()  # checksums to the end; the file is closed after it
            with PILImage.open(path) as file:
                is_grey = file.mode in _GREY
                pixels = np.asarray(file if is_grey else file.convert("RGB"))
    except InputError:
        raise
    except PILImage.DecompressionBombError:
        raise InputError(
            f"{name} ({path}) has more pixels than the 16384x16384 that are accepted"
        ) from None
    except UnidentifiedImageError:
        raise InputError(f"{name}: {path} is not an image, or is damaged") from None
    except PermissionError:
        raise InputError(f"{name}: {path} cannot be read (permission denied)") from None
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as error:
        raise InputError(f"{name}: {path} is damaged or cut short ({error})") from None
    return pixels.astype(pixels.dtype.newbyteorder("="), copy=False)


def _check_mode(file: PILImage.Image, name: str, colour: bool) -> None:
    """Accept a file that is grey, or in colour if that is asked for."""
    kind = "grey or colour" if colour else "grey"
    if file.mode in ("LA", "La", "RGBA", "PA", "RGBa"):
        raise InputError(
            f"{name} must be {kind} without transparency, got an alpha channel "
            f"(mode {file.mode}); flatten it first"
        )
    if file.mode in _GREY or (colour and file.mode in ("RGB", "P")):
        if "transparency" in file.info:
            raise InputError(f"{name} must be {kind} without transparency")
        return
    if colour and file.mode in ("YCbCr", "CMYK", "LAB", "HSV"):
        raise InputError(
            f"{name} must be a grey or RGB image, got colour in mode {file.mode}; "
            "convert it first, for instance with Pillow's convert('RGB')"
        )
    if file.mode in ("RGB", "P", "YCbCr", "CMYK", "LAB", "HSV"):
        raise InputError(
            f"{name} must be a grey image, got colour (mode {file.mode}), where only "
            "luminance is meant; convert it to grey first, for instance with "
            "Pillow's convert('L')"
        )
    raise InputError(
        f"{name} must be an 8-bit or 16-bit {kind} image, got Pillow mode {file.mode}"
    )


def to_uint8(image: Any) -> NDArray[np.uint8]:
    """Quantise to 8 bit: clip to [0, 1], times 255, round half up.

    Parameters
    ----------
    image : array_like
        Intensities, nominally in [0, 1].

    Returns
    -------
    numpy.ndarray, uint8
        The quantised image, of the same shape.
    """
    return np.floor(np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that becomes ``path`` only if the block succeeds.

    The temporary file lies in the same folder, so the final rename is atomic: a
    reader sees the old file or the new one, never a part.

    Parameters
    ----------
    path : path-like
        Where the file is to be.

    Yields
    ------
    pathlib.Path
        Where to write it.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"output: {path} is a folder, a file name is needed")
    try:
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
        )
    except OSError as error:
        reason = error.strerror or "error"
        raise InputError(
            f"output: cannot write in folder {path.parent} ({reason.lower()})"
        ) from None
    os.close(handle)
    try:
        yield Path(temporary)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse an output file that cannot be written, before the work is done.

    Raises
    ------
    InputError
        If the ending names no known format, or the folder cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        raise InputError(
            f"output: {path} must end in one of {', '.join(WRITABLE)}, "
            f"got {path.suffix or 'no ending'!r}"
        )
    if path.is_dir():
        raise InputError(f"output: {path} is a folder, a file name is needed")
    if not path.parent.is_dir():
        raise InputError(f"output: folder {path.parent} does not exist")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"output: cannot write in folder {path.parent}")


def write_image(path: str | os.PathLike[str], image: Any) -> None:
    """Write an image in [0, 1] as an 8-bit grey or colour file, all or nothing.

    Parameters
    ----------
    path : path-like
        Where to write it; the ending chooses the format (PNG, TIFF or BMP).
    image : array_like, shape (H, W) or (H, W, 3)
        Floats in [0, 1] or unsigned integers; see
        :func:`fusionlib.validation.as_image`.

    Raises
    ------
    InputError
        If the image is not valid or the file cannot be written.
    """
    path = Path(path)
    check_writable(path)
    if getattr(image, "dtype", None) == np.uint8 and image.ndim == 2 and image.size:
        pixels = image  # a large image is not taken through floats
    else:
        pixels = to_uint8(as_colour(image) if is_colour(image) else as_image(image))
    with atomic_path(path) as temporary:
        PILImage.fromarray(pixels).save(temporary, format=WRITABLE[path.suffix.lower()])
