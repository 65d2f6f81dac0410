"""Learning a convolutional dictionary, as for the one that ships.

.. math::

    \\min_{d, x} \\sum_i \\tfrac12 \\Bigl\\| \\sum_m d_m * x_{i,m} - s_i \\Bigr\\|_2^2
        + \\lambda \\sum_{i,m} \\| x_{i,m} \\|_1
    \\quad\\text{so that}\\quad \\| d_m \\|_2 \\le 1 ,

by turns: the maps for fixed filters, then the filters for fixed maps. The filters
are small, so the second step is a quadratic problem in all their samples, with a
matrix of correlations of the maps.

Run as ``python data/dictionaries/learning.py``, it writes the dictionary anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
import scipy.signal
from numpy.typing import NDArray
from safetensors.numpy import save_file

from fusionlib.baselines import sparse_maps
from fusionlib.data import load_pair, scenes
from fusionlib.decomposition import decompose
from fusionlib.errors import InputError
from fusionlib.images.io import atomic_path
from fusionlib.images.validation import (
    Image,
    as_sources,
    check_positive,
    check_positive_int,
)

__all__ = ["learn_dictionary", "ship_dictionary"]

Dictionary = NDArray[np.float64]


def learn_dictionary(
    images: Sequence[Any],
    *,
    size: int = 8,
    filters: int = 32,
    lam: float = 0.02,
    rounds: int = 20,
    crop: int = 128,
    crops: int = 16,
    seed: int = 0,
) -> Dictionary:
    """Learn convolutional filters on the detail content of images.

    Parameters
    ----------
    images : sequence of array_like, each of shape (H, W)
        Grey images; see :func:`fusionlib.images.validation.as_sources`.
    size : int, optional
        Filters are ``size`` x ``size`` pixels.
    filters : int, optional
        Number of filters.
    lam : float, optional
        Weight of the l1-norm.
    rounds : int, optional
        How often maps and filters are computed in turn.
    crop : int, optional
        Side in pixels of the square pieces that are learned on.
    crops : int, optional
        Number of pieces.
    seed : int, optional
        Seed of a frozen random stream, which places the pieces and takes the first
        filters from them: the same call gives the same filters.

    Returns
    -------
    numpy.ndarray, shape (size, size, filters), float64
        The filters, each with a norm of at most 1.

    Raises
    ------
    InputError
        If the images or a parameter are not valid, or the images are flat.
    """
    sources = as_sources(images, minimum=1)
    lam = check_positive(lam, "lam")
    size = check_positive_int(size, "size", minimum=2)
    filters = check_positive_int(filters, "filters")
    rounds = check_positive_int(rounds, "rounds")
    crops = check_positive_int(crops, "crops")
    crop = check_positive_int(crop, "crop", minimum=2 * size)
    if min(sources[0].shape) < crop:
        raise InputError(
            f"crop must be at most the image size {sources[0].shape}, got {crop}"
        )
    random = np.random.RandomState(seed)
    pieces = _pieces([decompose(image)[1] for image in sources], crop, crops, random)
    dictionary = _first_filters(pieces, size, filters, random)
    for _ in range(rounds):
        maps = [
            sparse_maps(piece, dictionary, lam=lam, tol=1e-2, iterations=60)
            for piece in pieces
        ]
        dictionary = _best_filters(maps, pieces, dictionary)
    return dictionary


def _pieces(
    details: Sequence[Image], crop: int, count: int, random: np.random.RandomState
) -> list[Image]:
    """Cut tapered squares out of the detail images, those in turn."""
    # The transforms are periodic: the taper keeps opposite edges from meeting.
    taper = scipy.signal.windows.tukey(crop, 0.15)
    window = np.outer(taper, taper)
    pieces = []
    for k in range(count):
        detail = details[k % len(details)]
        y = random.randint(detail.shape[0] - crop + 1)
        x = random.randint(detail.shape[1] - crop + 1)
        pieces.append(detail[y : y + crop, x : x + crop] * window)
    return pieces


def _first_filters(
    pieces: Sequence[Image], size: int, filters: int, random: np.random.RandomState
) -> Dictionary:
    """Take patches of the pieces that are not flat, scaled to norm 1."""
    dictionary = np.empty((size, size, filters))
    found = 0
    for _ in range(1000 * filters):
        piece = pieces[random.randint(len(pieces))]
        y, x = (random.randint(side - size + 1) for side in piece.shape)
        patch = piece[y : y + size, x : x + size]
        norm = np.linalg.norm(patch)
        if norm > 1e-6 * size:
            dictionary[..., found] = patch / norm
            found += 1
            if found == filters:
                return dictionary
    raise InputError("images must not be flat: no detail to learn from was found")


def _best_filters(
    maps: Sequence[NDArray[Any]], pieces: Sequence[Image], start: Dictionary
) -> Dictionary:
    """Minimise the squared error over the filters for fixed maps."""
    size, _, filters = start.shape
    shape = pieces[0].shape
    spectra = np.stack([scipy.fft.rfft2(m) for m in maps])
    signals = np.stack([scipy.fft.rfft2(p) for p in pieces])
    # Correlations between maps at the lags that two filter samples can have.
    lag = np.arange(size)[:, None] - np.arange(size)
    matrix = np.empty((filters, size, size, filters, size, size))
    for m in range(filters):
        cross = np.einsum("iyx,inyx->nyx", spectra[:, m].conj(), spectra)
        correlation = scipy.fft.irfft2(cross, s=shape)
        for n in range(filters):
            # Axes: row and column of a sample of m, row and column of one of n.
            block = correlation[n][lag[:, None, :, None], lag[None, :, None, :]]
            matrix[m, :, :, n] = block
    along = scipy.fft.irfft2(
        np.einsum("imyx,iyx->myx", spectra.conj(), signals), s=shape
    )
    right = along[:, :size, :size].ravel()
    unknowns = filters * size * size
    system = matrix.reshape(unknowns, unknowns)
    system = (system + system.T) / 2
    largest = scipy.linalg.eigvalsh(system, subset_by_index=[unknowns - 1] * 2)
    step = 1 / max(float(largest[0]), np.finfo(np.float64).tiny)

    def project(values: NDArray[Any]) -> NDArray[Any]:
        norms = np.linalg.norm(values.reshape(filters, -1), axis=1)
        return values / np.repeat(np.maximum(norms, 1), size * size)

    current = start.transpose(2, 0, 1).ravel()
    ahead, momentum = current, 1.0
    for _ in range(200):
        following = project(ahead - step * (system @ ahead - right))
        faster = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / faster * (following - current)
        current, momentum = following, faster
    return np.ascontiguousarray(current.reshape(filters, size, size).transpose(1, 2, 0))


def ship_dictionary(path: str | os.PathLike[str]) -> None:
    """Learn on the rendered scenes and write the dictionary that ships.

    Parameters
    ----------
    path : path-like
        The ``.safetensors`` file to write; its metadata say where it comes from.
    """
    images = [band for name in scenes() for band in load_pair(name).sources]
    dictionary = learn_dictionary(images).astype(np.float32)
    content = hashlib.sha256(b"".join(image.tobytes() for image in images))
    metadata = {
        "what": "8x8x32 convolutional dictionary for fusionlib.baselines.convsr",
        "source": "data/dictionaries/learning.py of fusionlib, default parameters",
        "images": "both bands of the rendered scenes " + ", ".join(scenes()),
        "images_sha256": content.hexdigest(),
        "licence": "MIT, as fusionlib",
    }
    with atomic_path(path) as temporary:
        save_file({"D": dictionary}, temporary, metadata)


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    ship_dictionary(root / "fusionlib" / "baselines" / "convsr_dictionary.safetensors")
