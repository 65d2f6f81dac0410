"""The network of ``cnn`` and ``cnn_focus``: its form, and the weights there are.

Both images go through the same three convolutions (3x3, each followed by a ReLU; the
maximum of 2x2 pixels after the second). One convolution of 8x8 over the features of
both gives two outputs, for "the first" and for "the second image is in focus". The
form fixes all but the number of channels. Two sets of weights have names:
:data:`NETWORKS`. Nothing is downloaded.

References
----------
* Y. Liu, X. Chen, H. Peng, Z. Wang, "Multi-focus image fusion with a deep
  convolutional neural network", Information Fusion 36, 2017.
  https://doi.org/10.1016/j.inffus.2016.12.001
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..images.io import is_file, look_at
from ..vgg.files import digest, write_arrays
from ..vgg.sources import cached_path
from .dictionaries import read_arrays

__all__ = [
    "NETWORKS", "TERMS", "Network", "import_network", "load_network", "network_state",
    "read_network",
]  # fmt: skip

Network = Mapping[str, NDArray[np.float32]]

#: The weights that have names, and what they are.
NETWORKS = {
    "standin": "small stand-in, trained on rendered pairs of this project, MIT",
    "authors": "network of Liu et al. 2017, for research only, imported by the user",
}

#: What the authors' program says of its use.
TERMS = (
    "The network is its authors' and free for research purposes only. Please cite: "
    "Y. Liu, X. Chen, H. Peng, Z. Wang, Information Fusion 36, 2017, "
    "https://doi.org/10.1016/j.inffus.2016.12.001."
)

#: Digest of the authors' values (``cnnmodel.mat``, 64, 128 and 256 channels).
AUTHORS_SHA256 = "81c233cb4881bfb03937053c250e7827233f1aa92cc4047165a2e879c4bf8462"

#: The arrays by the names of the authors' file. Its program adds no bias to the
#: outputs.
_VARIABLES = {
    "weights_b1_1": "conv1.weight", "biases_b1_1": "conv1.bias",
    "weights_b1_2": "conv2.weight", "biases_b1_2": "conv2.bias",
    "weights_b1_3": "conv3.weight", "biases_b1_3": "conv3.bias",
    "weights_output": "output.weight",
}  # fmt: skip

_KEYS = list(_VARIABLES.values())


def load_network(weights: str | os.PathLike[str]) -> Network:
    """Return the network that a name or a path stands for.

    Parameters
    ----------
    weights : {"standin", "authors"} or path-like
        A key of :data:`NETWORKS`, or a file, see :func:`read_network`.

    Returns
    -------
    mapping of str to numpy.ndarray, float32
        ``conv1.weight`` to ``conv3.weight``, shapes (M, N, 3, 3); ``conv1.bias`` to
        ``conv3.bias``, shapes (M,); ``output.weight``, shape (2, 2 M, 8, 8), its first
        M inputs the features of the first image.

    Raises
    ------
    InputError
        If there is no such file, it cannot be used, or the authors' weights were not
        imported.
    """
    if weights == "standin":
        file = resources.files(__package__) / "cnn_standin.safetensors"
        with resources.as_file(file) as path:
            return read_network(path)
    if weights == "authors":
        path = cached_path("cnn")
        if not is_file(path):
            raise InputError(
                "weights: 'authors' is not on this machine; get cnnmodel.mat from "
                "its authors and give it to 'fusionlib weights import cnn FILE'"
            )
        network = read_network(path)
        if digest(network, _KEYS) != AUTHORS_SHA256:
            raise InputError(
                f"weights: {path} is damaged; import the authors' file again with "
                "'fusionlib weights import cnn FILE'"
            )
        return network
    if isinstance(weights, str) and weights and look_at(weights, "weights") is None:
        raise InputError(
            "weights must be 'standin', 'authors' or the path of a file, "
            f"got {weights!r}"
        )
    return read_network(weights)


def import_network(path: str | os.PathLike[str]) -> Path:
    """Keep the authors' network in the cache, where ``weights="authors"`` finds it.

    Parameters
    ----------
    path : path-like
        The authors' ``cnnmodel.mat``.

    Returns
    -------
    pathlib.Path
        The cached safetensors file.

    Raises
    ------
    InputError
        If the file cannot be used, holds other values than the authors', or the cache
        cannot be written.
    """
    network = read_network(path)
    if digest(network, _KEYS) != AUTHORS_SHA256:
        raise InputError(
            f"weights: {os.fspath(path)} does not hold the authors' network; methods "
            "take any other file by its path, as the parameter weights"
        )
    target = cached_path("cnn")
    write_arrays(target, network, {"source": NETWORKS["authors"], "terms": TERMS})
    return target


def network_state() -> str:
    """Return whether the authors' network is here: ``ok``, ``missing``, ``damaged``."""
    if not is_file(cached_path("cnn")):
        return "missing"
    try:
        load_network("authors")
    except InputError:
        return "damaged"
    return "ok"


def read_network(path: str | os.PathLike[str]) -> Network:
    """Read a network from a file and check its form.

    Parameters
    ----------
    path : path-like
        A MATLAB file as the authors', or a ``.safetensors`` file with the arrays that
        :func:`load_network` returns.

    Raises
    ------
    InputError
        If the file is missing, damaged or of another kind, or an array is missing, of
        another shape or not finite.
    """
    if str(path).lower().endswith(".safetensors"):
        content = read_arrays(path, _KEYS, "weights")
    else:
        content = _from_matlab(read_arrays(path, list(_VARIABLES), "weights"))
    network = {key: content[key].astype(np.float32, order="C") for key in _KEYS}
    a, b, c = (network[f"conv{n}.bias"].size for n in (1, 2, 3))
    shapes: list[tuple[int, ...]] = [
        (a, 1, 3, 3), (a,), (b, a, 3, 3), (b,), (c, b, 3, 3), (c,), (2, 2 * c, 8, 8),
    ]  # fmt: skip
    for (key, array), shape in zip(network.items(), shapes, strict=True):
        if array.shape != shape or not array.size:
            raise InputError(
                f"weights: {key} in {path} must have the shape {shape}, "
                f"got {array.shape}"
            )
        if not np.isfinite(array).all():
            raise InputError(f"weights: {key} in {path} holds NaN or infinity")
    return network


def _from_matlab(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arrays of the authors' file in the order of torch.

    Kernels are stored as inputs, taps column by column, and outputs; what is no
    kernel of that kind is returned as it is.
    """
    arrays = {}
    for name, key in _VARIABLES.items():
        array = content[name]
        if key.endswith("bias"):
            arrays[key] = array.ravel()
            continue
        if array.ndim == 2:  # the one input of the first layer has no axis
            array = array[None]
        side = math.isqrt(array.shape[1])
        if array.ndim == 3 and array.shape[1] == side**2:
            array = array.reshape(len(array), side, side, -1).transpose(3, 0, 2, 1)
        arrays[key] = array
    return arrays
