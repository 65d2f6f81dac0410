"""Reading and writing images, with the checks that files need.

Every path that the library is given is looked at by :func:`look_at` and the checks
built on it, so that what the file system refuses is said in one sentence everywhere.
The parameter ``name`` of a function is what its messages call the argument.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import stat
import struct
import threading
import warnings
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as PILImage

from ..errors import InputError, reason
from .validation import Image, as_array, as_colour, as_image, check_size, is_colour

__all__ = [
    "append_line",
    "atomic_path",
    "check_file",
    "check_folder",
    "check_output",
    "file_digest",
    "is_file",
    "look_at",
    "read_image",
    "read_levels",
    "read_pixels",
    "remove_unfinished",
    "to_uint8",
    "write_image",
]

#: Formats that keep the pixels, by file ending.
WRITABLE = {".png": "PNG", ".tif": "TIFF", ".tiff": "TIFF", ".bmp": "BMP"}

_GREY = ("L", "I;16", "I;16B", "I;16L")

#: Held while Pillow's limit of pixels is out of force.
_OPENING = threading.Lock()

_KINDS = (
    (stat.S_ISREG, "a file"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def look_at(path: str | os.PathLike[str], name: str = "path") -> str | None:
    """Return what is at a path, links followed.

    Returns
    -------
    str or None
        ``"a file"``, ``"a folder"``, ``"a FIFO"``, ``"a socket"``, ``"a device"``,
        or None if nothing is there.

    Raises
    ------
    InputError
        If it is no path or an empty one, or the system does not let us look: a
        folder on the way is closed to us, the name is too long, links lead in a
        circle.
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"{name} must be a path, got {type(path).__name__}")
    if not os.fspath(path):
        raise InputError(f"{name}: the path is empty")
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:  # ValueError: what no name can hold
        raise InputError(
            f"{name}: {os.fspath(path)} cannot be looked at ({reason(error)})"
        ) from None
    return next((kind for test, kind in _KINDS if test(mode)), "no file")


def is_file(path: str | os.PathLike[str], name: str = "path") -> bool:
    """Return whether there is a file at a path; raises what :func:`look_at` does."""
    return look_at(path, name) == "a file"


def check_file(
    path: str | os.PathLike[str], name: str = "path", *, what: str = "a file"
) -> Path:
    """Return a path at which there is a file, ``what`` in messages, that can be read.

    Raises
    ------
    InputError
        If there is none, or it cannot be read. FIFOs and devices are refused: reading
        them may never end.
    """
    kind = look_at(path, name)
    shown = os.fspath(path)
    if kind is None and os.path.islink(path):
        raise InputError(
            f"{name}: {shown} is a link to {os.readlink(path)}, which does not exist"
        )
    if kind is None:
        raise InputError(f"{name}: {shown} does not exist")
    if kind != "a file":
        raise InputError(f"{name}: {shown} is {kind}, not {what}")
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise InputError(f"{name}: {shown} cannot be read ({reason(error)})") from None
    return Path(path)


def check_folder(path: str | os.PathLike[str], name: str = "path") -> Path:
    """Return a path if there is a folder."""
    kind = look_at(path, name)
    if kind is None:
        raise InputError(f"{name}: folder {os.fspath(path)} does not exist")
    if kind != "a folder":
        raise InputError(f"{name}: {os.fspath(path)} is {kind}, not a folder")
    return Path(path)


def check_output(path: str | os.PathLike[str], name: str = "output") -> Path:
    """Return where an output will be: the path, or what a link there points to.

    Raises
    ------
    InputError
        If the folder is not there or cannot be written, or something is there that
        is not to be replaced: a folder, a FIFO, a device, a write-protected file.
    """
    kind, shown = look_at(path, name), os.fspath(path)
    if kind == "a folder":
        raise InputError(f"{name}: {shown} is a folder, a file name is needed")
    if kind not in (None, "a file"):
        raise InputError(f"{name}: {shown} is {kind}, not a file that can be replaced")
    target = Path(os.path.realpath(path) if os.path.islink(path) else path)
    check_folder(target.parent, name)
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise InputError(f"{name}: cannot write in folder {target.parent}")
    if kind == "a file":
        # The superuser may write anything, but a protected file is meant to stay.
        protected = not os.stat(target).st_mode & 0o222
        if protected or not os.access(target, os.W_OK):
            raise InputError(f"{name}: {shown} is write-protected")
    return target


def read_image(
    path: str | os.PathLike[str], name: str = "image", *, colour: bool = False
) -> Image:
    """Read an image file as float64 in [0, 1].

    Parameters
    ----------
    path : path-like
        An 8-bit or 16-bit grey image in a format that Pillow reads. It is turned
        upright as the orientation in its Exif data says.
    colour : bool, optional
        Accept an 8-bit colour image as well (RGB, or a palette of colours).

    Returns
    -------
    numpy.ndarray, shape (H, W) or (H, W, 3), float64
        The 8-bit values divided by 255, or the 16-bit values divided by 65535, such
        that 1 is white. Three planes only with ``colour`` and for a colour file.

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
    path = check_file(path, name, what="an image")
    try:
        with _open(path) as file:
            check_size(file.height, file.width, f"{name} ({path})")
            _check_mode(file, f"{name} ({path})", colour)
            file.verify()  # checksums to the end; the file is closed after it
        with _open(path) as file:
            pixels = _decode(file, path)
    except InputError:
        raise
    except UnidentifiedImageError:
        raise InputError(f"{name}: {path} is not an image, or is damaged") from None
    except MemoryError:
        raise InputError(f"{name}: there is not enough memory to read {path}") from None
    except Exception as error:
        # Each format has its own way to stumble over a damaged file.
        raise InputError(
            f"{name}: {path} is damaged or cut short ({reason(error)})"
        ) from None
    return pixels


def read_levels(path: str | os.PathLike[str], name: str) -> NDArray[np.uint8]:
    """Read an 8-bit file, grey or in colour; raises what :func:`read_pixels` does."""
    pixels = read_pixels(path, name, colour=True)
    if pixels.dtype != np.uint8:
        raise InputError(
            f"{name} ({os.fspath(path)}) must be an 8-bit image, got 16 bits per "
            "pixel; metrics are defined on 8-bit levels"
        )
    return pixels


@contextlib.contextmanager
def _open(path: Path) -> Iterator[PILImage.Image]:
    """Open an image without Pillow's own limit of pixels, which is below ours.

    The limit is a variable of Pillow: it is put back, and one thread at a time moves
    it. Warnings about damage that does not matter are left out.
    """
    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limit = PILImage.MAX_IMAGE_PIXELS
        PILImage.MAX_IMAGE_PIXELS = None
        try:
            with PILImage.open(path) as file:
                yield file
        finally:
            PILImage.MAX_IMAGE_PIXELS = limit


def _decode(file: PILImage.Image, path: Path) -> NDArray[Any]:
    """Return the pixels as 8-bit or 16-bit values, white as the largest, upright."""
    if file.format == "PNG":
        _check_rows(path)
    raw = _raw_mode(file)
    inverted = _tag(file, "PhotometricInterpretation") == 0 and raw in _PLAIN_16
    is_deep = file.mode == "I"  # a 16-bit PGM
    is_grey = file.mode in _GREY or is_deep
    pixels = np.asarray(file if is_grey else file.convert("RGB"))
    dtype = np.dtype(np.uint16) if is_deep else pixels.dtype.newbyteorder("=")
    pixels = pixels.astype(dtype, copy=False)
    if raw == "I;12":
        pixels = ((pixels.astype(np.uint32) * 65535 + 2047) // 4095).astype(np.uint16)
    if inverted:
        pixels = 65535 - pixels
    try:
        orientation = file.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # what cannot be read says nothing
        orientation = 1
    return _upright(pixels, orientation)


#: Grey 16-bit samples that Pillow takes as they are in the file, in any byte order.
_PLAIN_16 = ("I;16", "I;16B", "I;16L", "I;16N")


def _raw_mode(file: PILImage.Image) -> str:
    """Return Pillow's name for how the samples lie in the file."""
    tiles = getattr(file, "tile", None)
    arguments = tiles[0][3] if tiles else ""
    return arguments[0] if isinstance(arguments, tuple) else str(arguments)


def _tag(file: PILImage.Image, tag: str) -> Any:
    """Return the value of a tag of a TIFF file, or None."""
    return getattr(file, "tag_v2", {}).get(getattr(ExifTags.Base, tag))


def _upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn an image as the tag Orientation of its Exif data says."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    rows, columns = {
        2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1),
    }.get(orientation, (1, 1))  # fmt: skip
    return np.ascontiguousarray(pixels[::rows, ::columns])


#: First column and row of the passes of an interlaced PNG, and their steps.
_ADAM7 = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
    (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip


def _check_rows(path: Path) -> None:
    """Refuse a PNG whose stream ends before its last row.

    Pillow leaves the other rows black and says nothing.
    """
    with open(path, "rb") as file:
        fields = struct.unpack(">IIBBBBB", file.read(29)[16:])
        width, height, depth, colour, *_, interlaced = fields
        bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
        missing = 0
        for x, y, across, down in _ADAM7 if interlaced else ((0, 0, 1, 1),):
            columns, rows = len(range(x, width, across)), len(range(y, height, down))
            missing += rows * (1 + -(-columns * bits // 8)) if columns else 0
        inflate = zlib.decompressobj()
        file.seek(33)
        while missing > 0 and len(head := file.read(8)) == 8:
            (length,) = struct.unpack(">I", head[:4])
            if head[4:] != b"IDAT":
                file.seek(length + 4, os.SEEK_CUR)
                continue
            data = file.read(length)
            while data and missing > 0 and not inflate.eof:
                missing -= len(inflate.decompress(data, 2**20))
                data = inflate.unconsumed_tail
            file.seek(4, os.SEEK_CUR)
    if missing > 0:
        raise ValueError("its pixels end before the last row")


def _check_mode(file: PILImage.Image, name: str, colour: bool) -> None:
    """Accept a file that is grey, or in colour if that is asked for."""
    kind = "grey or colour" if colour else "grey"
    if set(np.ravel(_tag(file, "SampleFormat") or 1)) - {1, 4}:  # 4: not defined
        raise InputError(f"{name} must hold unsigned integers, got another kind")
    if file.mode == "I" and file.format == "PPM":
        return
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
    scaled = np.atleast_1d(np.clip(image, 0, 1) * 255.0)
    scaled += 0.5  # in place: a large image is not copied again
    return np.floor(scaled, out=scaled).astype(np.uint8).reshape(np.shape(image))


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path that becomes ``path`` only if the block succeeds.

    The temporary file lies in the same folder, so the final rename is atomic: a
    reader sees the old file or the new one, never a part. A file that is replaced
    hands on its permissions; a link stays, and what it points to is replaced.

    Yields
    ------
    pathlib.Path
        Where to write it.

    Raises
    ------
    InputError
        As :func:`check_output`, or if writing fails, for instance on a full disk.
    """
    target = check_output(path)
    try:
        temporary = _new_file(target)
    except OSError as error:
        raise InputError(
            f"output: cannot write in folder {target.parent} ({reason(error)})"
        ) from None
    try:
        yield temporary
        with contextlib.suppress(OSError):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(
            f"output: cannot write {os.fspath(path)} ({reason(error)})"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _new_file(target: Path) -> Path:
    """Create an empty hidden file beside ``target`` and return its path."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    for stem in (target.stem, ""):  # with the name in it, unless that is too long
        name = f".{stem}-{secrets.token_hex(4)}{target.suffix}"
        try:
            # With this mode, and not that of tempfile, the system applies the umask.
            os.close(os.open(target.with_name(name), flags, 0o666))
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG or not stem:
                raise
        else:
            break
    return target.with_name(name)


def remove_unfinished(targets: Iterable[Path]) -> None:
    """Remove what :func:`atomic_path` left where a process was killed while it wrote.

    Parameters
    ----------
    targets : iterable of pathlib.Path
        The files that were to be written. Nobody may be writing them now: hold a lock.
    """
    folders: dict[Path, set[tuple[str, str]]] = defaultdict(set)
    for path in targets:
        folders[path.parent] |= {(path.stem, path.suffix), ("", path.suffix)}
    for folder, names in folders.items():
        for path in folder.glob(".*"):
            left = re.fullmatch(r"\.(.*)-\w{8}", path.stem, re.DOTALL)
            if left and (left[1], path.suffix) in names:
                with contextlib.suppress(OSError):
                    path.unlink()


def file_digest(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """Return the checksum of a file in hexadecimal digits.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with open(path, "rb") as file:
        found = hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        )
    return found.hexdigest()


def append_line(path: str | os.PathLike[str], line: bytes) -> None:
    """Add a line to a file, whole or not at all; on return it is on the disk.

    The line comes with its end; the file is made if it is not there.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            length, rest = os.fstat(handle).st_size, memoryview(line)
            try:
                while rest:  # the system may take a part only
                    rest = rest[os.write(handle, rest) :]
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, length)
                raise
        finally:
            os.close(handle)
    except OSError as error:
        raise InputError(
            f"output: cannot write {os.fspath(path)} ({reason(error)})"
        ) from error


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse an output file that cannot be written, before the work is done.

    Raises
    ------
    InputError
        If the ending names no known format, or the folder cannot be written.
    """
    kind, ending = look_at(path, "output"), os.path.splitext(path)[1]
    if kind != "a folder" and ending.lower() not in WRITABLE:
        raise InputError(
            f"output: {os.fspath(path)} must end in one of {', '.join(WRITABLE)}, "
            f"got {ending or 'no ending'!r}"
        )
    check_output(path)


def write_image(path: str | os.PathLike[str], image: Any) -> None:
    """Write an image in [0, 1] as an 8-bit grey or colour file, all or nothing.

    Parameters
    ----------
    path : path-like
        Where to write it; the ending chooses the format (PNG, TIFF or BMP).
    image : array_like, shape (H, W) or (H, W, 3)
        Floats in [0, 1] or unsigned integers; see
        :func:`fusionlib.images.validation.as_image`.

    Raises
    ------
    InputError
        If the image is not valid or the file cannot be written.
    """
    if not isinstance(path, str | os.PathLike) and isinstance(image, str | os.PathLike):
        raise InputError("path comes first: write_image(path, image)")
    check_writable(path)
    image = as_array(image)
    if image.dtype == np.uint8 and image.ndim == 2 and image.size:
        pixels = image  # a large image is not taken through floats
    else:
        pixels = to_uint8(as_colour(image) if is_colour(image) else as_image(image))
    form = WRITABLE[os.path.splitext(path)[1].lower()]
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        # Into the descriptor of a file Pillow writes by itself, and when that fails
        # it does not say why.
        methods = {name: getattr(file, name) for name in ("write", "seek", "tell")}
        PILImage.fromarray(pixels).save(SimpleNamespace(**methods), format=form)
