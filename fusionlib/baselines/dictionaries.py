"""Reading dictionaries for the sparse methods, and other files with arrays."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, reason
from ..images.io import check_file
from ..images.validation import as_array

__all__ = [
    "as_dictionary", "default_convsr_dictionary", "read_arrays", "read_dictionary",
]  # fmt: skip


def read_dictionary(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """Read a dictionary file.

    Parameters
    ----------
    path : path-like
        A file of :func:`read_arrays` with the array ``D``.

    Returns
    -------
    numpy.ndarray, float64
        The array ``D`` as it is stored.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind, or has no ``D``.
    """
    return read_arrays(path, ["D"], "dictionary")["D"]


def read_arrays(
    path: str | os.PathLike[str], names: Sequence[str], argument: str
) -> dict[str, NDArray[np.float64]]:
    """Read arrays of real numbers by their names.

    Parameters
    ----------
    path : path-like
        A MATLAB file (``.mat`` or ``.dat``, up to version 7.2), or a ``.safetensors``
        file.
    names : sequence of str
        Variables or tensors, all of which must be there.
    argument : str
        What messages call the file.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another kind, or lacks an array.
    """
    path = check_file(path, argument)
    ending = path.suffix.lower()
    if ending not in (".mat", ".dat", ".safetensors"):
        raise InputError(
            f"{argument}: {path} must end in .mat, .dat or .safetensors, "
            f"got {ending or 'no ending'!r}"
        )
    try:
        if ending == ".safetensors":
            from safetensors.numpy import load_file

            content: dict[str, Any] = load_file(path)
        else:
            import scipy.io

            content = scipy.io.loadmat(path, appendmat=False, variable_names=names)
    except Exception as error:
        what = f"{type(error).__name__}: {reason(error)}"
        raise InputError(f"{argument}: {path} cannot be read ({what})") from None
    for name in names:
        if name not in content:
            raise InputError(f"{argument}: {path} holds no array named {name}")
    return {name: _as_numbers(content[name], argument) for name in names}


def _as_numbers(value: Any, argument: str = "dictionary") -> NDArray[np.float64]:
    array = as_array(value, argument)
    if not (np.issubdtype(array.dtype, np.floating) or array.dtype.kind in "iu"):
        raise InputError(f"{argument} must hold real numbers, got {array.dtype}")
    return array.astype(np.float64)


def as_dictionary(value: Any, shape: tuple[int | None, ...]) -> NDArray[np.float64]:
    """Return a dictionary given as an array or as a file.

    Parameters
    ----------
    value : array_like or path-like
        The array, or where to read it; see :func:`read_dictionary`.
    shape : tuple of int or None
        The shape that is wanted; None stands for any length.

    Raises
    ------
    InputError
        If the file cannot be read, the shape is another one, or an atom is zero or
        not finite.
    """
    if isinstance(value, str | os.PathLike):
        dictionary = read_dictionary(value)
    else:
        dictionary = _as_numbers(value)
    fits = dictionary.ndim == len(shape) and all(
        want in (None, length)
        for want, length in zip(shape, dictionary.shape, strict=True)
    )
    if not fits or dictionary.size == 0:
        wanted = "x".join("N" if n is None else str(n) for n in shape)
        got = "x".join(map(str, dictionary.shape)) or "a single number"
        raise InputError(f"dictionary must be a {wanted} array, got {got}")
    norms = np.linalg.norm(dictionary.reshape(-1, dictionary.shape[-1]), axis=0)
    if not (math.isfinite(norms.sum()) and norms.min() > 0):
        raise InputError(
            "dictionary must hold finite numbers and no atom that is all zero"
        )
    return dictionary


def default_convsr_dictionary() -> NDArray[np.float64]:
    """Return the convolutional dictionary that ships, shape (8, 8, 32).

    It was learned on both bands of the synthetic scenes of :mod:`fusionlib.data`; the
    program is not part of the package (``data/dictionaries`` in the repository).
    """
    file = resources.files(__package__) / "convsr_dictionary.safetensors"
    with resources.as_file(file) as path:
        return read_dictionary(path)
