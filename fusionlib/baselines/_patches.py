"""What methods share that work on overlapping patches.

A patch is a row of ``side * side`` numbers, read column by column as in MATLAB, so
that dictionaries of released programs fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ..images.validation import Image
from .sparse_coding import ksvd

Array = NDArray[Any]

#: Classes of patches: one without a main direction, and six directions.
CLASSES = 7

#: Share of its gradients that the main direction of a patch has at least.
MAIN_SHARE = 0.25

#: Activities that differ by less count as equal, also as a share of the larger one.
#: Rounding errors, which depend on the processor, then decide nothing.
EQUAL = 1e-9

#: Patches that are learned from at most.
TRAINING = 2000


def patches(image: Image, side: int, step: int = 1) -> Array:
    """Return the patches of an image in raster order, shape (P, side * side)."""
    windows = sliding_window_view(image, (side, side))[::step, ::step]
    return windows.swapaxes(2, 3).reshape(-1, side * side)


def join(signals: Array, shape: tuple[int, ...], convention: str = "exact") -> Image:
    """Put all overlapping patches of an image together.

    Parameters
    ----------
    signals : numpy.ndarray, shape (P, side * side)
        As :func:`patches` returns them.
    shape : tuple of int
        Shape of the image.
    convention : {"exact", "published"}, optional
        The mean of all patches at a pixel; or in raster order the mean of each patch
        with what is there already, which is zero in the beginning.
    """
    side = round(signals.shape[1] ** 0.5)
    rows, columns = (length - side + 1 for length in shape)
    # Back from column by column: the last axis of a patch is the row index.
    blocks = signals.reshape(rows, columns, side, side).swapaxes(2, 3)
    fused = np.zeros(shape)
    count = np.zeros(shape)
    # Seen from a pixel, raster order meets the patches with the largest offset first.
    for dy in reversed(range(side)):
        for dx in reversed(range(side)):
            place = (slice(dy, dy + rows), slice(dx, dx + columns))
            if convention == "published":
                fused[place] = (fused[place] + blocks[..., dy, dx]) / 2
            else:
                fused[place] += blocks[..., dy, dx]
                count[place] += 1
    return fused if convention == "published" else fused / count


def choose(activity: Array, signals: Sequence[Array]) -> Array:
    """Return at each place the signal of the most active source.

    Parameters
    ----------
    activity : numpy.ndarray, shape (K, ...)
        Not negative.
    signals : sequence of K arrays, shape (...) or (..., n)
        Where several sources are equally active, their mean is taken.
    """
    best = activity >= activity.max(axis=0) * (1 - EQUAL) - EQUAL
    weights = best / best.sum(axis=0)
    if signals[0].ndim > weights[0].ndim:
        weights = weights[..., None]
    return sum(w * s for w, s in zip(weights, signals, strict=True))


def classify(image: Image, side: int) -> NDArray[np.intp]:
    """Return the class of each patch by its histogram of oriented gradients.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W)
        The image.
    side : int
        Side of a patch.

    Returns
    -------
    numpy.ndarray, shape (P,)
        In raster order. The direction of a gradient, from -180 to 180 degrees and
        upwards where positive, falls into one of six bins of 60 degrees. A patch is
        of class k if bin k is the largest and has a quarter or more of the sum of
        all magnitudes; else, and if it is flat, of class 0.
    """
    down, right = np.gradient(image)
    magnitude = np.hypot(down, right)
    turn = (np.arctan2(-down, right) + np.pi) / (2 * np.pi)
    bins = np.minimum(np.floor(turn * (CLASSES - 1)), CLASSES - 2)
    histogram = np.stack(
        [
            sliding_window_view(magnitude * (bins == k), (side, side)).sum(axis=(2, 3))
            for k in range(CLASSES - 1)
        ]
    ).reshape(CLASSES - 1, -1)
    total = histogram.sum(axis=0)
    main = (total > 1e-9) & (histogram.max(axis=0) >= MAIN_SHARE * total)
    return np.where(main, histogram.argmax(axis=0) + 1, 0)


def spread(signals: Array) -> Array:
    """Return evenly spaced patches to learn from, none of which is zero."""
    signals = signals[np.abs(signals).max(axis=1, initial=0) > 1e-9]
    if len(signals) > TRAINING:
        signals = signals[np.linspace(0, len(signals) - 1, TRAINING).astype(int)]
    return signals


def learn(signals: Array, *, atoms: int, sparsity: int, seed: int) -> Array:
    """Learn a dictionary by K-SVD from evenly spaced patches.

    Parameters
    ----------
    signals : numpy.ndarray, shape (P, n)
        The patches; those that are zero do not count.
    atoms : int
        Number of atoms, or as many as there are patches.
    sparsity, seed : int
        See :func:`~fusionlib.baselines.sparse_coding.ksvd`.

    Returns
    -------
    numpy.ndarray, shape (n, N)
        Atoms in the columns; none if all patches are zero.
    """
    signals = spread(signals)
    atoms = min(atoms, len(signals))
    if atoms == 0:
        return np.zeros((signals.shape[1], 0))
    return ksvd(signals, atoms=atoms, sparsity=sparsity, iterations=10, seed=seed)


def learn_classes(
    classes: Sequence[Array], signals: Sequence[Array], *, sparsity: int, seed: int
) -> list[Array]:
    """Learn a dictionary for each class of patches, with up to 128 atoms.

    Of K sources, ``classes`` has the class of each patch, shape (P,), and ``signals``
    the patches, shape (P, n); see :func:`learn`.
    """
    every = np.concatenate(classes)
    rows = np.concatenate(signals)
    return [
        learn(rows[every == k], atoms=128, sparsity=sparsity, seed=seed)
        for k in range(CLASSES)
    ]
