"""The weights of VGG-19: which are used, and what they are.

Only the nine convolutions up to relu4_1 are needed (14 MB). They come from the
original Oxford release, from torchvision's retrained model, from a fine-tuned VGG-16,
from a file, or from a seeded random generator. Nothing is downloaded unless
:func:`fetch_weights` is called. :attr:`VGGWeights.kind` says which of three kinds they
are: the paper's network, another trained one, or random numbers.
"""

from __future__ import annotations

import functools
import logging
import os
import reprlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, hint
from ..images.io import look_at
from .files import Arrays, digest, read_weights
from .layers import CONVOLUTIONS
from .sources import (
    NAMED_WEIGHTS,
    WeightsWarning,
    cached_path,
    fetch_weights,
    import_weights,
    is_cached,
    verify_weights,
)

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
    "quiet_weights",
    "seeded_weights",
    "verify_weights",
]

logger = logging.getLogger(__name__)

#: The kinds of weights, and how texts and captions name them.
KINDS = {
    "paper": "the paper's network",
    "other": "trained, but not the paper's network",
    "random": "random numbers, not a trained network",
}

#: The first biases of conv1_1 in the Oxford release, by which it is recognised.
OXFORD_BIASES = (0.73018, 0.06494, 0.03429, 0.82604, 0.25780, 0.54868)

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


@dataclass(frozen=True, eq=False, repr=False)
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
        return digest(self.arrays)

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
        """The key of :data:`KINDS` that says which network this is."""
        if not self.trained:
            return "random"
        biases = self.arrays[CONVOLUTIONS[0].keys[1]][: len(OXFORD_BIASES)]
        return "paper" if np.allclose(biases, OXFORD_BIASES, atol=1e-4) else "other"

    def __repr__(self) -> str:
        return f"VGGWeights({self.label}; {len(self.arrays)} arrays)"

    def _repr_html_(self) -> str:
        from ..display import figure

        return figure({}, self.label)

    @property
    def label(self) -> str:
        """The name, and which network it is, in one line."""
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
        found, is_stand_in = _default_weights()
    else:
        found, is_stand_in = _named_weights(weights), False
    if is_stand_in:
        warnings.warn(
            "no trained weights on this machine: using 'seeded', random numbers and "
            "not a trained network ('fusionlib setup' gets a trained one)",
            WeightsWarning,
            stacklevel=2,
        )
    if found.partial:
        warnings.warn(
            f"weights {found.name} are partial: {found.partial}",
            WeightsWarning,
            stacklevel=2,
        )
    return found


def quiet_weights(
    weights: str | os.PathLike[str] | VGGWeights | None = None,
) -> VGGWeights:
    """Return what :func:`load_weights` does, without its warnings.

    For callers that say themselves which weights these are.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeightsWarning)
        return load_weights(weights)


def _default_weights() -> tuple[VGGWeights, bool]:
    """Return the weights that are used if none are named; whether they stand in."""
    named = os.environ.get("FUSIONLIB_WEIGHTS")
    if named:
        try:
            found = _named_weights(named)
        except InputError as error:
            words = str(error).removeprefix("weights: ")
            raise InputError(f"weights, from FUSIONLIB_WEIGHTS: {words}") from None
        logger.info("weights: %s, from FUSIONLIB_WEIGHTS", found.label)
        return found, False
    for name in NAMED_WEIGHTS:
        if is_cached(name):
            logger.info("weights: %s, from the cache", name)
            return _named_weights(name), False
    logger.info("weights: seeded, since nothing else is there")
    return seeded_weights(), True


def _named_weights(weights: str | os.PathLike[str]) -> VGGWeights:
    """Return the weights of a name or a path."""
    if not isinstance(weights, str | os.PathLike):
        raise InputError(
            f"weights must be a name or a path, got {type(weights).__name__}"
        )
    name = os.fsdecode(weights)
    if name in NAMED_WEIGHTS:
        if not is_cached(name):
            raise InputError(
                f"weights: {name!r} is not on this machine; get it with "
                f"'fusionlib weights fetch {name}'"
            )
        try:
            return _from_file(cached_path(name), name)
        except InputError as error:
            raise InputError(
                f"{error}; get it again with 'fusionlib weights fetch {name}'"
            ) from None
    if name == "seeded" or name.startswith("seeded:"):
        seed = name.partition(":")[2] or "0"
        # Ten digits: a number of thousands of digits takes long, or is refused.
        if not (seed.isdecimal() and len(seed) <= 10 and int(seed) < 2**32):
            raise InputError(
                "weights: the seed must be a whole number below 4294967296, "
                f"got {reprlib.repr(seed)}"
            )
        return seeded_weights(int(seed))
    kind = look_at(name, "weights") if name else None
    if kind is None and not os.path.islink(name):
        known = ", ".join([*NAMED_WEIGHTS, "seeded"])
        raise InputError(
            f"weights: {name!r} is neither one of {known} nor an existing file"
            f"{hint(name, [*NAMED_WEIGHTS, 'seeded'])}"
        )
    path = Path(name)
    if kind == "a folder":
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            raise InputError(
                f"weights: folder {path} must hold one .safetensors file, "
                f"got {len(files)}"
            )
        path = files[0]
    return _from_file(path, path.stem)


def _from_file(path: Path, name: str) -> VGGWeights:
    arrays, metadata = read_weights(path)
    weights = VGGWeights(
        name,
        arrays,
        metadata.get("source", str(path)),
        partial=metadata.get("partial", ""),
        about=metadata.get("about", ""),
    )
    vars(weights)["sha256"] = metadata["sha256"]  # not computed again
    return weights


def seeded_weights(seed: int = 0) -> VGGWeights:
    """Return random weights with the moments of the Oxford ones.

    Normal weights and biases with the means and standard deviations of
    :data:`SEEDED_MOMENTS`. They need no file and are the same everywhere, because
    the stream of ``numpy.random.RandomState`` is frozen. They are **not** the
    trained network.
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
