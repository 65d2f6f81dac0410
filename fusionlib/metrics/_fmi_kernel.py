"""The compiled inner loop of FMI.

For two windows the 9x9 joint distribution is ``phi * u + (1 - phi) * f a``, where u
couples the marginals f and a monotonically (the Frechet bound). Only the at most 17
cells on the staircase of u differ from the product, and the entropy of the product
is known from the marginal entropies; so 17 logarithms are needed instead of 81, and
the covariance of u is a sum over the same cells.

Windows are treated in blocks, with the window index innermost, so that the compiler
can vectorise everything but the walk along the staircase.
"""

from __future__ import annotations

import numpy as np

from .._compute import compiled

#: Windows treated together: their tables stay in the first-level cache.
BLOCK = 64

#: Standard deviations of the index below this count as 0: the squares differ by less
#: than their own rounding (1e-12 of numbers up to 81).
SD_MIN = 1e-6

_MAGNITUDE = np.uint64(0x7FFFFFFFFFFFFFFF)
_MANTISSA = np.uint64(0x000FFFFFFFFFFFFF)
_ONE = np.uint64(0x3FF0000000000000)
_TWO_52 = np.uint64(0x4330000000000000)
_WIDTH = np.uint64(52)


@compiled
def _log2(x):  # type: ignore[no-untyped-def]
    """Return log2 |x| to 5e-16, and some finite number for 0.

    Without branches and in operations that vector units have, unlike the C library.
    """
    bits = np.float64(x).view(np.uint64) & _MAGNITUDE
    exponent = np.uint64((bits >> _WIDTH) | _TWO_52).view(np.float64) - (2.0**52 + 1023)
    m = np.uint64((bits & _MANTISSA) | _ONE).view(np.float64)
    large = m > 1.4142135623730951
    m = 0.5 * m if large else m
    exponent = exponent + 1.0 if large else exponent
    s = (m - 1) / (m + 1)  # log m = 2 artanh s, |s| < 0.172
    t = s * s
    series = t / 19 + 1 / 17
    series = series * t + 1 / 15
    series = series * t + 1 / 13
    series = series * t + 1 / 11
    series = series * t + 1 / 9
    series = series * t + 1 / 7
    series = series * t + 1 / 5
    series = series * t + 1 / 3
    series = series * t + 1
    return exponent + 2.8853900817779268 * s * series


@compiled
def _tables():  # type: ignore[no-untyped-def]
    """Return empty tables of a block: pdfs, logarithms, means, deviations, entropies.

    Row 9 of the first two stays 0, see `_couple`.
    """
    pdf, log_pdf = np.zeros((10, BLOCK)), np.zeros((10, BLOCK))
    return pdf, log_pdf, np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)


@compiled
def _marginals(feature, row, column, count, marginal):  # type: ignore[no-untyped-def]
    """Fill pdfs, their logarithms and their moments for ``count`` windows."""
    pdf, log_pdf, mean, sd, entropy = marginal
    low, lift, total = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    for w in range(count):
        low[w] = total[w] = feature[row, column + w]
    for k in range(1, 9):
        values = feature[row + k % 3, column + k // 3 :]  # column-major
        for w in range(count):
            low[w] = values[w] if values[w] < low[w] else low[w]
            total[w] = values[w] if values[w] > total[w] else total[w]
    for w in range(count):  # a constant window becomes all ones
        lift[w] = 1.0 if total[w] == low[w] else 0.0
        total[w] = mean[w] = sd[w] = entropy[w] = 0.0
    for k in range(9):
        values = feature[row + k % 3, column + k // 3 :]
        for w in range(count):
            pdf[k, w] = values[w] - low[w] + lift[w]
            total[w] += pdf[k, w]
    for k in range(9):
        for w in range(count):
            p = pdf[k, w] / total[w]
            pdf[k, w] = p
            log_pdf[k, w] = _log2(p)
            entropy[w] -= p * log_pdf[k, w]
            mean[w] += (k + 1) * p
    for k in range(9):
        for w in range(count):
            sd[w] += (k + 1 - mean[w]) ** 2 * pdf[k, w]
    for w in range(count):
        sd[w] = np.sqrt(sd[w])


@compiled
def _compare(fused, source, row, column, count, same):  # type: ignore[no-untyped-def]
    """Mark the windows that are identical; return whether all are."""
    all_same = True
    for w in range(count):
        same[w] = True
        for k in range(9):
            y, x = row + k % 3, column + w + k // 3
            if fused[y, x] != source[y, x]:
                same[w] = all_same = False
                break
    return all_same


@compiled
def _pearson(f, a, count, c):  # type: ignore[no-untyped-def]
    """Fill c with the correlations of two sets of pdfs, 0 if one is uniform."""
    ff, aa = np.zeros(BLOCK), np.zeros(BLOCK)
    c[:] = 0.0
    for k in range(9):
        for w in range(count):
            df = f[k, w] - 1 / 9  # nine values that add up to 1 have the mean 1/9
            da = a[k, w] - 1 / 9
            c[w] += df * da
            ff[w] += df * df
            aa[w] += da * da
    for w in range(count):
        c[w] = c[w] / np.sqrt(ff[w] * aa[w]) if c[w] != 0 else 0.0


@compiled
def _couple(w, upper, fused, source, cells):  # type: ignore[no-untyped-def]
    """Walk the staircase of the monotone coupling of the pdfs of window w.

    ``upper`` couples both in order, otherwise a is taken from its end. Fills, for 17
    cells, the mass, the product f a and its logarithm; returns the covariance. Rows
    9 (which is also row -1) of the tables hold zeros, for cells beyond the end,
    where nothing but rounding is left.
    """
    f, log_f, means_f, _, _ = fused
    a, log_a, means_a, _, _ = source
    mass, product, log_product = cells
    mean_f, mean_a = means_f[w], means_a[w]
    i, j, step = (0, 0, 1) if upper else (0, 8, -1)
    left_f, left_a = f[0, w], a[j, w]
    covariance = 0.0
    for s in range(17):
        f_ends = left_f <= left_a
        taken = left_f if f_ends else left_a
        mass[s, w] = taken
        product[s, w] = f[i, w] * a[j, w]
        log_product[s, w] = log_f[i, w] + log_a[j, w]
        covariance += taken * (i + 1 - mean_f) * (j + 1 - mean_a)
        rest = left_f - left_a
        i += 1 if f_ends else 0
        j += 0 if f_ends else step
        left_f = f[i, w] if f_ends else rest
        left_a = -rest if f_ends else a[j, w]
        left_f = 2.0 if i > 8 else left_f
        left_a = 2.0 if j > 8 or j < 0 else left_a
    return covariance


@compiled
def fmi_rows(fused, sources, first, last, out):  # type: ignore[no-untyped-def]
    """Fill rows ``first`` to ``last - 1`` of the FMI maps.

    Parameters
    ----------
    fused : numpy.ndarray, shape (H, W), float64
        Feature of the fused image.
    sources : numpy.ndarray, shape (K, H, W), float64
        The same feature of the sources.
    first, last : int
        Range of rows of the maps, within 0 and H - 2.
    out : numpy.ndarray, shape (K, H - 2, W - 2), float64
        One map per source; the other rows are left alone.
    """
    of_fused, of_source = _tables(), _tables()
    f, _, _, sd_f, entropy_f = of_fused
    a, _, _, sd_a, entropy_a = of_source
    mass = np.empty((17, BLOCK))
    product, log_product = np.empty((17, BLOCK)), np.empty((17, BLOCK))
    cells = mass, product, log_product
    c, phi, log_rest = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK)
    information, same = np.empty(BLOCK), np.empty(BLOCK, np.bool_)
    width = out.shape[2]
    for row in range(first, last):
        for column in range(0, width, BLOCK):
            count = min(BLOCK, width - column)
            _marginals(fused, row, column, count, of_fused)
            for k in range(out.shape[0]):
                source = sources[k]
                if _compare(fused, source, row, column, count, same):
                    out[k, row, column : column + count] = 1.0
                    continue
                _marginals(source, row, column, count, of_source)
                _pearson(f, a, count, c)
                for w in range(count):
                    covariance = _couple(w, c[w] >= 0, of_fused, of_source, cells)
                    known = sd_f[w] > SD_MIN and sd_a[w] > SD_MIN and covariance != 0
                    phi[w] = c[w] * sd_f[w] * sd_a[w] / covariance if known else 0.0
                # Mutual information = marginal entropies - joint entropy. The joint
                # entropy is that of (1 - phi) f a, corrected on the staircase.
                for w in range(count):
                    log_rest[w] = _log2(1 - phi[w])
                    information[w] = (
                        phi[w] * (entropy_f[w] + entropy_a[w])
                        + (1 - phi[w]) * log_rest[w]
                    )
                for s in range(17):
                    for w in range(count):
                        apart = (1 - phi[w]) * product[s, w]
                        joint = phi[w] * mass[s, w] + apart
                        information[w] += joint * _log2(joint)
                        information[w] -= apart * (log_rest[w] + log_product[s, w])
                for w in range(count):
                    value = 2 * information[w] / (entropy_f[w] + entropy_a[w])
                    value = value if phi[w] != 0 else 0.0
                    out[k, row, column + w] = 1.0 if same[w] else value
