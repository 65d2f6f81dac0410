"""Compiled inner loops of the methods that code patches.

Imported only when it runs, because importing the compiler takes a moment.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._compute import compiled

Array = NDArray[Any]


@compiled
def pursue(gram: Array, projections: Array, index: Array, value: Array) -> None:
    """Run orthogonal matching pursuit on each row of ``projections``.

    The chosen atoms are made orthonormal one by one; row j of ``basis`` holds the
    inner products of the j-th orthonormal direction with all atoms, so the
    projections of the residual are kept without forming it.

    Parameters
    ----------
    gram : array, shape (N, N)
        Inner products of the atoms, which have norm 1.
    projections : array, shape (P, N)
        Inner products of the signals with the atoms; overwritten.
    index, value : array, shape (P, s)
        Filled with atoms and coefficients; ``index`` must hold -1, ``value`` 0.
    """
    atoms = gram.shape[0]
    sparsity = index.shape[1]
    basis = np.empty((sparsity, atoms))
    triangle = np.zeros((sparsity, sparsity))
    along = np.empty(sparsity)
    for p in range(projections.shape[0]):
        alpha = projections[p]
        smallest = 0.0
        count = 0
        for k in range(sparsity):
            best = -1
            top = smallest
            for i in range(atoms):
                a = abs(alpha[i])
                if a > top:
                    top = a
                    best = i
            if best < 0:
                break
            if k == 0:
                # What is left below this is rounding.
                smallest = 1e-10 * top
            square = gram[best, best]
            for j in range(k):
                triangle[k, j] = basis[j, best]
                square -= basis[j, best] ** 2
            if square < 1e-10:
                break
            root = np.sqrt(square)
            triangle[k, k] = root
            new = basis[k]
            for i in range(atoms):
                new[i] = gram[best, i]
            for j in range(k):
                factor = triangle[k, j]
                row = basis[j]
                for i in range(atoms):
                    new[i] -= factor * row[i]
            along[k] = alpha[best] / root
            step = along[k]
            for i in range(atoms):
                new[i] /= root
                alpha[i] -= step * new[i]
            index[p, k] = best
            count = k + 1
        for k in range(count - 1, -1, -1):
            total = along[k]
            for j in range(k + 1, count):
                total -= triangle[j, k] * value[p, j]
            value[p, k] = total / triangle[k, k]


@compiled
def combine(index: Array, value: Array, rows: Array, signals: Array) -> None:
    """Add ``sum_k value[p, k] rows[index[p, k]]`` to each row of ``signals``."""
    for p in range(index.shape[0]):
        for k in range(index.shape[1]):
            atom = index[p, k]
            if atom >= 0:
                for i in range(rows.shape[1]):
                    signals[p, i] += value[p, k] * rows[atom, i]


@compiled
def local_contrast(
    index: Array, value: Array, first: int, atoms: int, reach: int
) -> Array:
    """Return how much the code of a patch differs from those around it, shape (R, C).

    Mean over the neighbours, up to ``reach`` steps away in each direction, of the
    Euclidean distance of the codes, divided by one plus twice the distance of the
    patches; 0 at the border, where neighbours are missing. Codes have the shape
    (R, C, s); only the ``atoms`` atoms from ``first`` on count.
    """
    rows, columns, sparsity = index.shape
    squares = np.zeros((rows, columns))
    for y in range(rows):
        for x in range(columns):
            for k in range(sparsity):
                if first <= index[y, x, k] < first + atoms:
                    squares[y, x] += value[y, x, k] ** 2
    result = np.zeros((rows, columns))
    dense = np.zeros(atoms)
    neighbours = (2 * reach + 1) ** 2 - 1
    for y in range(reach, rows - reach):
        for x in range(reach, columns - reach):
            for k in range(sparsity):
                atom = index[y, x, k] - first
                if 0 <= atom < atoms:
                    dense[atom] = value[y, x, k]
            total = 0.0
            for dy in range(-reach, reach + 1):
                for dx in range(-reach, reach + 1):
                    if dy == 0 and dx == 0:
                        continue
                    inner = 0.0
                    for k in range(sparsity):
                        atom = index[y + dy, x + dx, k] - first
                        if 0 <= atom < atoms:
                            inner += value[y + dy, x + dx, k] * dense[atom]
                    square = squares[y, x] + squares[y + dy, x + dx] - 2 * inner
                    distance = np.sqrt(dy * dy + dx * dx)
                    total += np.sqrt(max(square, 0.0)) / (1 + 2 * distance)
            result[y, x] = total / neighbours
            for k in range(sparsity):
                atom = index[y, x, k] - first
                if 0 <= atom < atoms:
                    dense[atom] = 0.0
    return result


@compiled
def fire(
    stimulus: Array,
    strength: float,
    fade_link: float,
    fade_threshold: float,
    jump: float,
    iterations: int,
) -> Array:
    """Return how often each neuron of a pulse coupled neural network fires, (R, C).

    The link L of a neuron fades by a factor and grows by one for each direct
    neighbour, by 0.707 for each diagonal one, that fired last; it fires if
    ``stimulus * (1 + strength * L)`` is above its threshold, which fades, too, and
    jumps each time.
    """
    rows, columns = stimulus.shape
    count = np.zeros((rows, columns))
    link = np.zeros((rows, columns))
    threshold = np.zeros((rows, columns))
    # Neurons that have just fired, with a margin of silent ones.
    fired = np.zeros((rows + 2, columns + 2))
    now = np.zeros((rows + 2, columns + 2))
    for _ in range(iterations):
        for y in range(rows):
            for x in range(columns):
                direct = fired[y, x + 1] + fired[y + 2, x + 1]
                direct += fired[y + 1, x] + fired[y + 1, x + 2]
                diagonal = fired[y, x] + fired[y, x + 2]
                diagonal += fired[y + 2, x] + fired[y + 2, x + 2]
                link[y, x] = fade_link * link[y, x] + direct + 0.707 * diagonal
                active = stimulus[y, x] * (1 + strength * link[y, x])
                pulse = 1.0 if active > threshold[y, x] else 0.0
                threshold[y, x] = fade_threshold * threshold[y, x] + jump * pulse
                now[y + 1, x + 1] = pulse
                count[y, x] += pulse
        fired, now = now, fired
    return count


@compiled
def lower_rank(
    state: Array,
    scale: Array,
    shrinkage: Array,
    level: float,
    growth: float,
    start: int,
) -> tuple[float, Array]:
    """Do one iteration of low-rank representation for 512 signals from ``start`` on.

    Parameters
    ----------
    state : array, shape (5, P, n)
        One signal per row, in the basis of the singular vectors of the dictionary:
        signals X, codes Z plus the multiplier of Z = J, this multiplier, the
        multiplier of X = D Z + E, errors E. Multipliers are divided by the penalty. All
        but the signals is replaced.
    scale : array, shape (n,)
        Singular values of the dictionary.
    shrinkage : array, shape (n, n)
        Lowers the singular values of what it is multiplied with, which gives J.
    level : float
        By how much norms of errors are lowered.
    growth : float
        By how much the penalty grows.

    Returns
    -------
    worst : float
        The largest absolute value by which a constraint is missed.
    gram : array, shape (n, n)
        Inner products of the columns of the new ``state[1]``.
    """
    size = scale.size
    inverse = 1 / (1 + scale * scale)
    codes, missing = np.empty(size), np.empty(size)
    worst, gram = np.zeros(size), np.zeros((size, size))
    end = min(start + 512, state.shape[1])
    # Products of so few rows start no threads of their own.
    for first in range(start, end, 64):
        block = state[1, first : min(first + 64, end)]
        lower = np.dot(block, shrinkage)
        for k in range(block.shape[0]):
            p = first + k
            signal, total, split = state[0, p], state[1, p], state[2, p]
            rest, error, low = state[3, p], state[4, p], lower[k]
            square = 0.0
            for i in range(size):
                right = scale[i] * (signal[i] - error[i] + rest[i]) + low[i] - split[i]
                codes[i] = inverse[i] * right
                missing[i] = signal[i] - scale[i] * codes[i]
            for i in range(size):
                square += (missing[i] + rest[i]) ** 2
            keep = max(1 - level / np.sqrt(square), 0.0) if square > 0 else 0.0
            for i in range(size):
                error[i] = keep * (missing[i] + rest[i])
                gap, change = missing[i] - error[i], codes[i] - low[i]
                worst[i] = max(worst[i], max(abs(gap), abs(change)))
                rest[i] = (rest[i] + gap) / growth
                split[i] = (split[i] + change) / growth
                total[i] = codes[i] + split[i]
        gram += np.dot(block.T, block)
    return worst.max(), gram
