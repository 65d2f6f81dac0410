"""Fuse image files: what the command line does with one pair or with many."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..config import FusionConfig
from ..data import open_sources
from ..errors import InputError
from ..fusion import fuse_image
from ..images.colour import COLOUR, check_one_colour, take_grey
from ..images.io import check_writable, look_at, write_image
from ..images.validation import check_choice, check_same_shape

if TYPE_CHECKING:
    from ..fusion import Model
    from ..vgg.weights import VGGWeights

__all__ = ["check_files", "fuse_files", "read_sources"]


def check_files(
    paths: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str]
) -> list[str]:
    """Check what can be checked before anything is read; return names for messages.

    Raises
    ------
    InputError
        If there is a single file, or nothing; if the output cannot be written, or it
        is one of the sources.
    """
    check_writable(output)
    if _is_name(paths):
        return ["IR", "VIS"]
    if len(paths) < 2:
        raise InputError(
            f"sources must be at least 2 images or the name of a pair, got {len(paths)}"
        )
    for path in paths:
        if os.path.exists(output) and _is_same(path, output):
            raise InputError(
                f"output: {os.fspath(output)} is one of the sources; choose another"
            )
    return ["IR", "VIS", *(f"source {k}" for k in range(3, len(paths) + 1))]


def _is_name(paths: Sequence[str | os.PathLike[str]]) -> bool:
    """Return whether the only source can be no file, but the name of a pair."""
    return len(paths) == 1 and look_at(paths[0], "sources") is None


def _is_same(path: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):  # what is wrong with it is said when it is read
        return False


def read_sources(
    paths: Sequence[str | os.PathLike[str]], names: Sequence[str], colour: str
) -> tuple[list[NDArray[Any]], list[str]]:
    """Read source images of one size.

    Parameters
    ----------
    paths : sequence of path-like
        The files, grey or in colour; or the name of one pair.
    names : sequence of str
        What to call them in messages.
    colour : {"luminance", "channels"}
        How colour will be fused; by luminance, one source may have it.

    Returns
    -------
    images : list of numpy.ndarray, shape (H, W) or (H, W, 3)
        8-bit or 16-bit values; floats for what was turned to grey.
    grey : list of str
        The files that hold grey in three channels and were taken as grey.

    Raises
    ------
    InputError
        If a file cannot be used, sizes differ, or too many are in colour.
    """
    images = open_sources([paths], names)
    files = [str(path) for path in paths]
    if len(files) < len(images):  # the name of a pair
        files = [f"{paths[0]} {name}" for name in names]
    check_same_shape(images, files)
    images, grey = take_grey(images, files)
    if check_choice(colour, "colour", COLOUR) == "luminance":
        check_one_colour(images, files)
    return images, [files[k] for k in grey]


def fuse_files(
    paths: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    config: FusionConfig | None = None,
    method: Callable[[list[Any]], tuple[Any, dict[str, Any]]] | None = None,
    weights: str | os.PathLike[str] | VGGWeights | Model | None = None,
    device: str = "auto",
    register: bool = False,
    max_memory: str | int | None = None,
) -> dict[str, Any]:
    """Fuse image files into an 8-bit file, which appears whole or not at all.

    Parameters
    ----------
    paths : sequence of K >= 2 path-like, or of one str
        The sources: infrared, visible, and more if there are more; at most one in
        colour, unless channels are fused each on its own. Or the name of a pair, see
        :func:`fusionlib.data.load_pair`.
    output : path-like
        The fused image; its ending chooses the format.
    method : callable, optional
        Fuses the images in place of :func:`fusionlib.fusion.fuse_image`, and returns
        what that does.
    config, weights, device, register
        See :func:`fusionlib.fusion.fuse`.
    max_memory : str or int, optional
        See :func:`fusionlib.fusion.fuse_image`.

    Returns
    -------
    dict
        What made the image, from which files, and the seconds it took.

    Raises
    ------
    InputError
        If a file or an option cannot be used.
    """
    start = time.perf_counter()
    names = check_files(paths, output)
    colour = "luminance" if config is None else config.colour
    images, grey = read_sources(paths, names, colour)
    image, provenance = (method or partial(
        fuse_image, config=config, weights=weights, device=device, register=register,
        max_memory=max_memory,
    ))(images)  # fmt: skip
    write_image(output, image)
    seconds = round(time.perf_counter() - start, 6)
    provenance["seconds"] = provenance.get("seconds", {}) | {"total": seconds}
    files = {"inputs": [str(path) for path in paths], "output": str(Path(output))}
    return files | provenance | {"taken_as_grey": grey}
