"""Fusion by dictionary learning and low-rank representation (LRR).

The patches of a source are the columns of X, the dictionary is D. Codes Z of low rank
solve

.. math::

    \\min_{Z, E} \\|Z\\|_* + \\lambda \\|E\\|_{2,1}
    \\quad \\text{subject to} \\quad X = D Z + E,

with the sum of the singular values of Z and the sum of the norms of the columns of
the error E. At each place the patch :math:`D z` whose code has the largest l1-norm is
kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._compute import parallel_map
from ..images.validation import Image, check_positive, check_positive_int
from ._patches import choose, classify, join, learn_classes, patches
from .dictionaries import as_dictionary
from .registry import method
from .sparse_coding import MAX_SEED

__all__ = ["low_rank_codes", "lrr"]

Array = NDArray[Any]

#: Side of a patch in pixels.
SIDE = 8

#: By how much the penalty grows in each iteration.
GROWTH = 1.1

#: Signals that one task works on: small enough for the cache of the processor.
CHUNK = 512


class _State(NamedTuple):
    """Where the iteration stands; one signal per row, in a basis of singular vectors.

    ``split`` is the scaled multiplier of Z = J, where J is Z with smaller singular
    values, and ``total`` is Z plus it; ``rest`` is the scaled multiplier of
    X = D Z + E.
    """

    signals: Array
    total: Array
    split: Array
    rest: Array
    error: Array

    @property
    def codes(self) -> Array:
        """The codes Z."""
        return self.total - self.split


def _shrinkage(grams: Array, level: float) -> Array:
    """Return the matrix that lowers singular values by ``level``.

    ``grams`` are the Gram matrices of the parts of what it is applied to, shape
    (parts, n, n).
    """
    squares, directions = np.linalg.eigh(grams.sum(axis=0))
    values = np.sqrt(np.maximum(squares, 1e-300))
    return (directions * np.maximum(1 - level / values, 0)) @ directions.T


def _iterations(
    state: _State, scale: Array, lam: float, penalty: float
) -> Iterator[tuple[float, float]]:
    """Iterate in place; yield the next penalty and by how much constraints are missed.

    ``scale`` holds the singular values of the dictionary.
    """
    from ._omp import lower_rank

    starts = range(0, len(state.signals), CHUNK)
    parts = [tuple(array[k : k + CHUNK] for array in state) for k in starts]
    grams = np.stack([part[1].T @ part[1] for part in parts])
    while True:
        shrinkage = _shrinkage(grams, 1 / penalty)
        run = partial(_run, lower_rank, scale, shrinkage, lam / penalty)
        missed = max(parallel_map(run, zip(parts, grams, strict=True)))
        penalty *= GROWTH
        yield penalty, missed


def _run(
    loop: Any, scale: Array, shrinkage: Array, level: float, part: tuple[Any, Array]
) -> float:
    return loop(part[0], scale, shrinkage, level, GROWTH, part[1])


def low_rank_codes(
    signals: Array, dictionary: Array, lam: float, tol: float = 1e-8
) -> tuple[Array, Array]:
    """Represent signals by codes of low rank.

    Parameters
    ----------
    signals : numpy.ndarray, shape (P, n)
        One signal per row.
    dictionary : numpy.ndarray, shape (n, N)
        Atoms in the columns.
    lam : float
        Weight of the errors.
    tol : float, optional
        Largest absolute amount by which the constraints may be missed.

    Returns
    -------
    codes : numpy.ndarray, shape (P, n)
        The codes in an orthonormal basis.
    basis : numpy.ndarray, shape (N, n)
        The codes on the atoms are ``codes @ basis.T``.

    Notes
    -----
    Inexact augmented Lagrange multipliers: with a penalty mu that starts at
    :math:`10^{-6}` and grows by a tenth in each iteration, singular values of codes
    are lowered by 1/mu and norms of errors by lambda/mu.

    As long as no signal has an error, the signals enter by their Gram matrix only:
    with X = L x, where the n rows of x are few and the columns of L orthonormal, all
    iterates are L times those of x. This saves two thirds of the time.

    References
    ----------
    * G. Liu, Z. Lin, Y. Yu, "Robust subspace segmentation by low-rank
      representation", International Conference on Machine Learning, 2010.
    * Z. Lin, M. Chen, Y. Ma, "The augmented Lagrange multiplier method for exact
      recovery of corrupted low-rank matrices", arXiv:1009.5055, 2010.
    """
    # Fewer atoms than numbers in a signal are filled up with zeros.
    missing = max(0, dictionary.shape[0] - dictionary.shape[1])
    left, scale, right = np.linalg.svd(
        np.pad(dictionary, ((0, 0), (0, missing))), full_matrices=False
    )
    basis = right.T[: dictionary.shape[1]]
    rotated = signals @ left
    squares, directions = np.linalg.eigh(rotated.T @ rotated)
    lengths = np.sqrt(np.maximum(squares, 1e-300))
    frame = rotated @ directions / np.maximum(lengths, 1e-12 * lengths[-1])
    reach = np.linalg.norm(frame, axis=1).max()
    few = np.ascontiguousarray(lengths[:, None] * directions.T)
    state = _State(few, *(np.zeros_like(few) for _ in range(4)))
    before = state
    for penalty, missed in _iterations(state, scale, np.inf, 1e-6):
        # A signal has an error where its multiplier is longer than lambda. The norm
        # that is quick to compute is larger.
        longest = reach * penalty
        if all(longest * np.linalg.norm(state.rest, n) > lam for n in ("fro", 2)):
            break
        if missed < tol:
            return frame @ state.codes, basis
        before = _State(*(array.copy() for array in state))
    state = _State(rotated, *(frame @ array for array in before[1:]))
    for _, missed in _iterations(state, scale, lam, penalty / GROWTH):
        if missed < tol:
            break
    return state.codes, basis


def _norms(codes: Array, basis: Array) -> Array:
    """Return the l1-norm of each code on the atoms."""
    parts = np.array_split(codes, max(1, len(codes) // CHUNK))
    return np.concatenate(
        parallel_map(lambda part: np.abs(part @ basis.T).sum(axis=1), parts)
    )


@method(
    "LRR",
    "Li, Wu",
    2017,
    seconds=30.0,
    status="exact",
    smallest=SIDE,
    tolerance=0.05,
    conventions={
        "published": "patches are averaged one after the other",
        "exact": "the method, with the mean of all patches at a pixel",
    },
)
def lrr(
    sources: list[Image],
    *,
    dictionary: Any = None,
    lam: float = 95.0,
    convention: str = "published",
    seed: int = 0,
) -> Image:
    """Fuse by dictionary learning and low-rank representation.

    Patches of 8x8 pixels fall into seven classes by their histogram of oriented
    gradients, and K-SVD learns a dictionary for each class. All of them together make
    the dictionary of the low-rank representation. Of the codes at one place, the one
    with the largest l1-norm is kept.

    Parameters
    ----------
    dictionary : array_like of shape (64, N), or path-like, optional
        Atoms in the columns, 8x8 patches read column by column, or a file with
        them, see :func:`~fusionlib.baselines.dictionaries.read_dictionary`. By
        default up to 128 atoms for each class are learned from the sources.
    lam : float, optional
        Weight of the errors, above 0.
    seed : int, optional
        Seed of the learning, 0 to 2^32 - 1.

    References
    ----------
    * H. Li, X.-J. Wu, "Multi-focus image fusion using dictionary learning and
      low-rank representation", International Conference on Image and Graphics, 2017.
      doi:10.1007/978-3-319-71607-7_59
    """
    lam = check_positive(lam, "lam")
    seed = check_positive_int(seed, "seed", minimum=0, maximum=MAX_SEED)
    signals = [patches(image, SIDE) for image in sources]
    if dictionary is None:
        classes = [classify(image, SIDE) for image in sources]
        atoms = np.hstack(learn_classes(classes, signals, sparsity=16, seed=seed))
    else:
        atoms = as_dictionary(dictionary, (SIDE * SIDE, None))
    if atoms.shape[1] == 0:
        return np.zeros_like(sources[0])
    activity, rebuilt = [], []
    for part in signals:
        codes, basis = low_rank_codes(part, atoms, lam)
        activity.append(_norms(codes, basis))
        rebuilt.append(codes @ (atoms @ basis).T)
    fused = choose(np.stack(activity), rebuilt)
    return join(fused, sources[0].shape, convention)
