"""Sparse coding of many short signals: orthogonal matching pursuit and K-SVD.

Batch OMP works on inner products only: with the Gram matrix of the dictionary
computed once, a signal enters by its projections on the atoms, and each step costs
one row of the matrix and a triangular update.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._compute import parallel_map
from ..errors import InputError
from ..images.validation import check_positive_int

__all__ = ["MAX_SEED", "decode", "ksvd", "sparse_codes"]

Array = NDArray[Any]

#: Largest seed of ``numpy.random.RandomState``.
MAX_SEED = 2**32 - 1

#: Signals that one task works on; bounds the memory for projections.
CHUNK = 4096


def sparse_codes(
    signals: Array, dictionary: Array, sparsity: int
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Code each signal by a few atoms with orthogonal matching pursuit.

    Parameters
    ----------
    signals : numpy.ndarray, shape (P, n)
        One signal per row.
    dictionary : numpy.ndarray, shape (n, N)
        Atoms in the columns, of norm 1.
    sparsity : int
        Largest number of atoms per signal. A signal that is met exactly with fewer
        atoms stops there.

    Returns
    -------
    index : numpy.ndarray, shape (P, sparsity), int32
        The atoms in the order in which they were chosen; -1 where there is none.
    value : numpy.ndarray, shape (P, sparsity), float64
        Their coefficients; 0 where there is none.

    References
    ----------
    * R. Rubinstein, M. Zibulevsky, M. Elad, "Efficient implementation of the
      K-SVD algorithm using batch orthogonal matching pursuit", Technion CS-2008-08,
      2008.
    """
    from ._omp import pursue

    gram = dictionary.T @ dictionary
    index = np.full((len(signals), sparsity), -1, dtype=np.int32)
    value = np.zeros((len(signals), sparsity))

    def task(start: int) -> None:
        part = slice(start, start + CHUNK)
        pursue(gram, signals[part] @ dictionary, index[part], value[part])

    parallel_map(task, range(0, len(signals), CHUNK))
    return index, value


def decode(index: Array, value: Array, dictionary: Array) -> NDArray[np.float64]:
    """Return the signals that sparse codes stand for, shape (P, n).

    Parameters
    ----------
    index, value : numpy.ndarray, shape (P, sparsity)
        Codes as :func:`sparse_codes` returns them.
    dictionary : numpy.ndarray, shape (n, N)
        Atoms in the columns.
    """
    from ._omp import combine

    signals = np.zeros((len(index), len(dictionary)))
    combine(index, value, np.ascontiguousarray(dictionary.T), signals)
    return signals


def ksvd(
    signals: Array, *, atoms: int, sparsity: int, iterations: int, seed: int = 0
) -> NDArray[np.float64]:
    """Learn a dictionary for sparse coding by K-SVD.

    Parameters
    ----------
    signals : numpy.ndarray, shape (P, n)
        One training signal per row.
    atoms : int
        Number of atoms N.
    sparsity : int
        Atoms per signal.
    iterations : int
        How often codes and dictionary are computed in turn.
    seed : int, optional
        Seed of a frozen random stream: the same call gives the same dictionary.

    Returns
    -------
    numpy.ndarray, shape (n, N), float64
        Atoms of norm 1 in the columns.

    Raises
    ------
    InputError
        If a number is not valid or every signal is zero.

    Notes
    -----
    The first atoms are training signals. Each atom in turn is replaced by one step
    of the power method on the residual of the signals that use it; an atom that no
    signal uses, by the signal that is coded worst.

    References
    ----------
    * M. Aharon, M. Elad, A. Bruckstein, "K-SVD: an algorithm for designing
      overcomplete dictionaries for sparse representation", IEEE Transactions on
      Signal Processing 54(11), 2006. https://doi.org/10.1109/TSP.2006.881199
    """
    atoms = check_positive_int(atoms, "atoms")
    sparsity = check_positive_int(sparsity, "sparsity")
    iterations = check_positive_int(iterations, "iterations")
    seed = check_positive_int(seed, "seed", minimum=0, maximum=MAX_SEED)
    norms = np.linalg.norm(signals, axis=1)
    usable = np.flatnonzero(norms > 1e-9)
    if len(usable) == 0:
        raise InputError("a dictionary cannot be learned from sources that are black")
    random = np.random.RandomState(seed)
    chosen = usable[random.permutation(len(usable))[np.arange(atoms) % len(usable)]]
    dictionary = (signals[chosen] / norms[chosen, None]).T
    if len(usable) < atoms:
        dictionary = dictionary + 0.1 * random.standard_normal(dictionary.shape)
        dictionary /= np.linalg.norm(dictionary, axis=0)
    for _ in range(iterations):
        index, value = sparse_codes(signals, dictionary, sparsity)
        dictionary = _update_atoms(signals, dictionary, index, value)
    return dictionary


def _update_atoms(
    signals: Array, dictionary: Array, index: Array, value: Array
) -> NDArray[np.float64]:
    """Improve all atoms one after the other, and their coefficients with them."""
    dictionary = dictionary.copy()
    residual = signals - decode(index, value, dictionary)
    place = np.flatnonzero(index.ravel() >= 0)
    order = place[np.argsort(index.ravel()[place], kind="stable")]
    bounds = np.searchsorted(index.ravel()[order], np.arange(dictionary.shape[1] + 1))
    flat, width = value.ravel(), index.shape[1]
    for atom in range(dictionary.shape[1]):
        users = order[bounds[atom] : bounds[atom + 1]]
        rows = users // width
        if len(rows) == 0:
            worst = int(np.einsum("ij,ij->i", residual, residual).argmax())
            norm = np.linalg.norm(signals[worst])
            if norm > 1e-9:
                dictionary[:, atom] = signals[worst] / norm
            residual[worst] = 0
            continue
        rest = residual[rows] + np.outer(flat[users], dictionary[:, atom])
        better = rest.T @ flat[users]
        norm = np.linalg.norm(better)
        if norm > 1e-12:
            dictionary[:, atom] = better / norm
        flat[users] = rest @ dictionary[:, atom]
        residual[rows] = rest - np.outer(flat[users], dictionary[:, atom])
    return dictionary
