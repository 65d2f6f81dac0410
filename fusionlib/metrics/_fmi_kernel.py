"""The compiled inner loop of FMI.

For two windows the 9x9 joint distribution is ``phi * u + (1 - phi) * f a``, where
u couples the marginals f and a monotonically (the Frechet bound). Only the at most
17 cells on the staircase of u differ from the product, and the entropy of the
product is known from the marginal entropies; so at most 17 logarithms are needed
instead of 81, and the covariance of u is a sum over the same cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["fmi_rows"]


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with numba; keep the result on disk only where that is possible."""
    import numba

    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no writable place for the cache
        return numba.njit(nogil=True)(function)


@_compiled
def _marginal(feature, row, column, pdf, log_pdf):  # type: ignore[no-untyped-def]
    """Fill pdf and its logarithms; return mean, sd and entropy of the window."""
    low = high = feature[row, column]
    for k in range(9):
        value = feature[row + k % 3, column + k // 3]  # column-major
        pdf[k] = value
        low = min(low, value)
        high = max(high, value)
    total = 0.0
    for k in range(9):
        pdf[k] = 1.0 if high == low else (pdf[k] - low) / (high - low)
        total += pdf[k]
    mean = entropy = 0.0
    for k in range(9):
        pdf[k] /= total
        mean += (k + 1) * pdf[k]
        log_pdf[k] = 0.0
        if pdf[k] > 0:
            log_pdf[k] = np.log2(pdf[k])
            entropy -= pdf[k] * log_pdf[k]
    variance = 0.0
    for k in range(9):
        variance += (k + 1 - mean) ** 2 * pdf[k]
    return mean, np.sqrt(variance), entropy


@_compiled
def _correlation(f, a):  # type: ignore[no-untyped-def]
    """Return the Pearson correlation of two pdfs, 0 if one of them is uniform."""
    faa = fff = fa = 0.0
    for k in range(9):
        df = f[k] - 1 / 9  # the mean of nine values that add up to 1
        da = a[k] - 1 / 9
        fa += df * da
        fff += df * df
        faa += da * da
    if fa == 0:
        return 0.0
    return fa / np.sqrt(fff * faa)


@_compiled
def _staircase(f, a, upper, rows, columns, masses):  # type: ignore[no-untyped-def]
    """List the cells of the monotone coupling of f with a; return their number.

    ``upper`` couples both in order, otherwise a is taken from its end.
    """
    i, count = 0, 0
    j, step = (0, 1) if upper else (8, -1)
    left_f, left_a = f[0], a[j]
    while True:
        mass = min(left_f, left_a)
        if mass > 0:
            rows[count], columns[count], masses[count] = i, j, mass
            count += 1
        left_f -= mass
        left_a -= mass
        if left_f <= 0:
            i += 1
            if i == 9:
                return count
            left_f = f[i]
        if left_a <= 0:
            j += step
            if j == 9 or j < 0:
                return count
            left_a = a[j]


@_compiled
def fmi_rows(fused, source, first, last, out):  # type: ignore[no-untyped-def]
    """Fill rows ``first`` to ``last - 1`` of the FMI map of one source.

    Parameters
    ----------
    fused, source : numpy.ndarray, shape (H, W), float64
        Features of the two images.
    first, last : int
        Range of rows of the map, within 0 and H - 2.
    out : numpy.ndarray, shape (H - 2, W - 2), float64
        The map; the other rows are left alone.
    """
    f, a = np.empty(9), np.empty(9)
    log_f, log_a = np.empty(9), np.empty(9)
    rows, columns = np.empty(18, np.int64), np.empty(18, np.int64)
    masses = np.empty(18)
    for row in range(first, last):
        for column in range(out.shape[1]):
            same = True
            for k in range(9):
                m, n = row + k % 3, column + k // 3
                if fused[m, n] != source[m, n]:
                    same = False
                    break
            if same:
                out[row, column] = 1.0
                continue
            mean_f, sd_f, entropy_f = _marginal(fused, row, column, f, log_f)
            mean_a, sd_a, entropy_a = _marginal(source, row, column, a, log_a)
            out[row, column] = 0.0
            c = _correlation(f, a)
            if c == 0 or sd_f == 0 or sd_a == 0:
                continue  # independent: no mutual information
            count = _staircase(f, a, c > 0, rows, columns, masses)
            covariance = 0.0
            for k in range(count):
                covariance += (
                    masses[k] * (rows[k] + 1 - mean_f) * (columns[k] + 1 - mean_a)
                )
            phi = c * sd_f * sd_a / covariance
            rest = 1 - phi
            log_rest = np.log2(abs(rest)) if rest != 0 else 0.0
            # mutual information = marginal entropies - joint entropy; the joint
            # entropy of the cells off the staircase is that of the whole product
            # minus that of the product on the staircase
            information = phi * (entropy_f + entropy_a) + rest * log_rest
            for k in range(count):
                i, j = rows[k], columns[k]
                product = rest * f[i] * a[j]
                if product != 0:
                    information -= product * (log_rest + log_f[i] + log_a[j])
                joint = phi * masses[k] + product
                if joint != 0:
                    information += joint * np.log2(abs(joint))
            out[row, column] = 2 * information / (entropy_f + entropy_a)
