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
from typing import Any

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

#: Signals that one task works on, see ``lower_rank``.
CHUNK = 512


def _iterations(
    state: Array, scale: Array, lam: float, penalty: float
) -> Iterator[tuple[float, float]]:
    """Iterate in place; yield the next penalty and by how much constraints are missed.

    ``state`` is what :func:`~fusionlib.baselines._omp.lower_rank` describes, ``scale``
    the singular values of the dictionary.
    """
    from ._omp import lower_rank

    gram = state[1].T @ state[1]
    while True:
        squares, directions = np.linalg.eigh(gram)
        values = np.sqrt(np.maximum(squares, 1e-300))
        keep = np.maximum(1 - 1 / (penalty * values), 0)
        shrinkage = (directions * keep) @ directions.T
        step = partial(lower_rank, state, scale, shrinkage, lam / penalty, GROWTH)
        missed, grams = zip(
            *parallel_map(step, range(0, state.shape[1], CHUNK)), strict=True
        )
        gram = sum(grams)
        penalty *= GROWTH
        yield penalty, max(missed)


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
    fill = max(0, dictionary.shape[0] - dictionary.shape[1])
    left, scale, right = np.linalg.svd(
        np.pad(dictionary, ((0, 0), (0, fill))), full_matrices=False
    )
    basis = right.T[: dictionary.shape[1]]
    rotated = signals @ left
    squares, directions = np.linalg.eigh(rotated.T @ rotated)
    lengths = np.sqrt(np.maximum(squares, 1e-300))
    frame = rotated @ directions / np.maximum(lengths, 1e-12 * lengths[-1])
    reach = np.linalg.norm(frame, axis=1).max()
    state = np.zeros((5, len(scale), len(scale)))
    state[0] = lengths[:, None] * directions.T
    before = state.copy()
    for penalty, missed in _iterations(state, scale, np.inf, 1e-6):
        # A signal has an error where its multiplier is longer than lambda. The norm
        # that is quick to compute is larger.
        longest = reach * penalty
        if all(longest * np.linalg.norm(state[3], n) > lam for n in ("fro", 2)):
            break
        if missed < tol:
            return frame @ (state[1] - state[2]), basis
        before[:] = state
    state = frame @ before
    state[0] = rotated
    for _, missed in _iterations(state, scale, lam, penalty / GROWTH):
        if missed < tol:
            break
    return state[1] - state[2], basis


@method(
    "LRR",
    "Li, Wu",
    2017,
    seconds=18.0,
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
      https://doi.org/10.1007/978-3-319-71607-7_59
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
        blocks = np.array_split(codes, len(codes) // CHUNK + 1)
        norms = [np.abs(block @ basis.T).sum(axis=1) for block in blocks]
        activity.append(np.concatenate(norms))
        rebuilt.append(codes @ (atoms @ basis).T)
    fused = choose(np.stack(activity), rebuilt)
    return join(fused, sources[0].shape, convention)
