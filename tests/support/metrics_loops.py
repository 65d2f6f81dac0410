"""Every metric once more, in plain loops, to hold the fast ones against.

Written from the formulas, one window and one pixel at a time, on Python floats. They
share nothing with the library but the numbers of the definitions.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np


def _rows(image):
    return np.asarray(image, dtype=float).tolist()


# --- FMI -----------------------------------------------------------------------------


def _pdf(window):
    low, high = min(window), max(window)
    scaled = [1.0 if low == high else (v - low) / (high - low) for v in window]
    total = sum(scaled)
    return [v / total for v in scaled]


def _cdf(pdf):
    out, total = [], 0.0
    for p in pdf:
        total += p
        out.append(total)
    return out


def _index_sd(pdf):
    mean = sum((i + 1) * p for i, p in enumerate(pdf))
    square = sum((i + 1) ** 2 * p for i, p in enumerate(pdf))
    return math.sqrt(max(square - mean * mean, 0.0))


def _entropy(numbers):
    return -sum(p * math.log2(abs(p)) for p in numbers if p != 0)


def fmi_window(f, a):
    """FMI of two lists of nine values."""
    if f == a:
        return 1.0
    f, a = _pdf(f), _pdf(a)
    cdf_f, cdf_a = _cdf(f), _cdf(a)
    df = [p - 1 / 9 for p in f]
    da = [p - 1 / 9 for p in a]
    product = sum(x * y for x, y in zip(df, da, strict=True))
    c = 0.0
    if product != 0:
        c = product / math.sqrt(sum(x * x for x in df) * sum(y * y for y in da))
    sd_f, sd_a = _index_sd(f), _index_sd(a)

    def bound(i, j):
        if i < 0 or j < 0:
            return 0.0
        if c >= 0:
            return min(cdf_f[i], cdf_a[j])
        return max(cdf_f[i] + cdf_a[j] - 1, 0.0)

    phi = 0.0
    if c != 0 and sd_f != 0 and sd_a != 0:
        covariance = 0.0
        for i in range(9):
            for j in range(9):
                covariance += bound(i, j) - cdf_f[i] * cdf_a[j]
        phi = c / (covariance / (sd_f * sd_a))
    joint = []
    for i in range(9):
        for j in range(9):
            u = bound(i, j) - bound(i - 1, j) - bound(i, j - 1) + bound(i - 1, j - 1)
            joint.append(phi * u + (1 - phi) * f[i] * a[j])
    h_f, h_a = _entropy(f), _entropy(a)
    information = h_f + h_a - _entropy(joint)
    return 0.0 if information == 0 else 2 * information / (h_f + h_a)


def fmi_features(fused, sources):
    """FMI of feature images."""
    fused, sources = _rows(fused), [_rows(s) for s in sources]
    total, count = 0.0, 0
    for r in range(len(fused) - 2):
        for c in range(len(fused[0]) - 2):
            cells = [(r + k % 3, c + k // 3) for k in range(9)]
            f = [fused[y][x] for y, x in cells]
            for source in sources:
                total += fmi_window(f, [source[y][x] for y, x in cells])
                count += 1
    return total / count


def dct(image):
    """Orthonormal DCT-II of both axes by its definition."""
    image = np.asarray(image, dtype=float)

    def matrix(n):
        rows = []
        for k in range(n):
            scale = math.sqrt((1 if k == 0 else 2) / n)
            rows.append(
                [
                    scale * math.cos(math.pi * k * (2 * i + 1) / (2 * n))
                    for i in range(n)
                ]
            )
        return np.array(rows)

    return matrix(image.shape[0]) @ image @ matrix(image.shape[1]).T


def meyer_taps():
    """The 102 taps, by a midpoint sum over the spectrum."""
    steps = 20000
    taps = []
    grid = [(k + 0.5) * math.pi / steps for k in range(steps)]
    spectrum = []
    for w in grid:
        x = min(max(3 * w / math.pi - 1, 0.0), 1.0)
        nu = x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3)
        spectrum.append(math.cos(math.pi / 2 * nu) if w < 2 * math.pi / 3 else 0.0)
    spectrum, grid = np.array(spectrum), np.array(grid)
    for n in range(-50, 51):
        taps.append(math.sqrt(2) * float(np.mean(spectrum * np.cos(n * grid))))
    return [*taps, 0.0]


def _analyse(signal, taps):
    """One level of the DWT of a list, half-sample symmetric extension."""
    n, size = len(signal), len(taps)

    def extended(i):
        i %= 2 * n
        return signal[i] if i < n else signal[2 * n - 1 - i]

    return [
        sum(taps[j] * extended(2 * i + 1 - j) for j in range(size))
        for i in range((n + size - 1) // 2)
    ]


def wavelet(image, taps):
    """Tiled subbands [[A, H], [V, D]], rescaled to [0, 1]."""
    low = list(reversed(taps))
    size = len(taps)
    # quadrature mirror of the reversed scaling filter
    high = [(-1) ** (k + 1) * taps[k] for k in range(size)]
    bands = {}
    for rows_name, rows_filter in (("l", low), ("h", high)):
        along = [_analyse(row, rows_filter) for row in _rows(image)]
        for columns_name, columns_filter in (("l", low), ("h", high)):
            columns = [
                _analyse([row[x] for row in along], columns_filter)
                for x in range(len(along[0]))
            ]
            bands[columns_name + rows_name] = np.array(columns).T
    # first letter: filter down the columns; horizontal detail is high there
    tiled = np.block([[bands["ll"], bands["hl"]], [bands["lh"], bands["hh"]]])
    return (tiled - tiled.min()) / (tiled.max() - tiled.min())


def gradient(image):
    """Central difference along rows, one-sided at the ends."""
    image = _rows(image)
    out = []
    for row in image:
        n = len(row)
        line = [row[1] - row[0]]
        line += [(row[c + 1] - row[c - 1]) / 2 for c in range(1, n - 1)]
        out.append([*line, row[n - 1] - row[n - 2]])
    return out


def edges(levels):
    """Thin Sobel edges of integer grey levels."""
    levels = np.asarray(levels).astype(int).tolist()
    height, width = len(levels), len(levels[0])

    def pixel(r, c):
        return levels[min(max(r, 0), height - 1)][min(max(c, 0), width - 1)]

    gx, gy, b = {}, {}, {}
    for r in range(height):
        for c in range(width):
            x = y = 0
            for d, w in ((-1, 1), (0, 2), (1, 1)):
                x += w * (pixel(r + d, c + 1) - pixel(r + d, c - 1))
                y += w * (pixel(r + 1, c + d) - pixel(r - 1, c + d))
            gx[r, c], gy[r, c], b[r, c] = abs(x), abs(y), x * x + y * y
    total = sum(b.values())
    out = [[0.0] * width for _ in range(height)]
    for (r, c), v in b.items():
        if v * height * width <= 4 * total:
            continue
        crest_x = b.get((r, c - 1), -1) <= v > b.get((r, c + 1), -1)
        crest_y = b.get((r - 1, c), -1) <= v > b.get((r + 1, c), -1)
        wide, steep = gx[r, c] >= gy[r, c], gy[r, c] >= gx[r, c]
        out[r][c] = float((wide and crest_x) or (steep and crest_y))
    return out


# --- edge preservation ---------------------------------------------------------------


def edge_preservation(fused, sources, *, integers=False, strong=2.0):
    """Q_abf_kumar, L_abf, N_abf. With ``integers``, images are 8-bit levels."""
    scale = 8 * 255 if integers else 1
    vertical = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    divisor = 1 if integers else 8

    def mirror(i, n):
        if n == 1:
            return 0
        i = abs(i)
        return i if i < n else 2 * (n - 1) - i

    def gradients(image):
        image = np.asarray(image).astype(int).tolist() if integers else _rows(image)
        height, width = len(image), len(image[0])
        out = {}
        for r in range(height):
            for c in range(width):
                sums = []
                for transposed in (False, True):
                    columns = []
                    for j in range(3):
                        column = 0
                        for i in range(3):
                            k = vertical[j][i] if transposed else vertical[i][j]
                            if not integers:
                                k = k / divisor
                            v = image[mirror(r + i - 1, height)][
                                mirror(c + j - 1, width)
                            ]
                            column = column + v * k
                        columns.append(column)
                    sums.append((columns[0] + columns[1]) + columns[2])
                gv, gh = sums
                square = gh * gh + gv * gv
                key = square if integers else math.sqrt(square)
                if gv == 0 and gh == 0:
                    angle = 0.0
                elif gh == 0:
                    angle = math.copysign(math.pi / 2, gv)
                else:
                    angle = math.atan(gv / gh)
                out[r, c] = (math.sqrt(square) / scale, angle, key)
        return out

    f = gradients(fused)
    maps = [gradients(s) for s in sources]
    kept = lost = added = weights = 0.0
    for at, (g_f, angle_f, key_f) in f.items():
        larger = True
        keeps = misses = 0.0
        for source in maps:
            g, angle, key = source[at]
            ratio = 0.0 if g == 0 or g_f == 0 else min(g, g_f) / max(g, g_f)
            alike = abs(abs(angle - angle_f) - math.pi / 2) * 2 / math.pi
            q = math.sqrt(
                0.9999
                / (1 + math.exp(-19 * (ratio - 0.5)))
                * 0.9995
                / (1 + math.exp(-22 * (alike - 0.5)))
            )
            weight = g**1.5 if g >= strong else 0.001
            keeps += q * weight
            misses += (1 - q) * weight
            weights += weight
            larger = larger and key_f > key
        kept += keeps
        if larger:
            added += misses
        else:
            lost += misses
    return kept / weights, lost / weights, added / weights


# --- structural similarity -----------------------------------------------------------


def _gaussian(size, sigma):
    half = size // 2
    w = [math.exp(-(i * i) / (2 * sigma * sigma)) for i in range(-half, half + 1)]
    total = sum(w)
    return [[x * y / total / total for x in w] for y in w]


def ssim(first, second):
    """Mean SSIM, replicated border."""
    first, second = _rows(first), _rows(second)
    height, width = len(first), len(first[0])
    window = _gaussian(11, 1.5)
    total = 0.0
    for r in range(height):
        for c in range(width):
            m1 = m2 = s11 = s22 = s12 = 0.0
            for i in range(11):
                y = min(max(r + i - 5, 0), height - 1)
                for j in range(11):
                    x = min(max(c + j - 5, 0), width - 1)
                    w, p, q = window[i][j], first[y][x], second[y][x]
                    m1 += w * p
                    m2 += w * q
                    s11 += w * p * p
                    s22 += w * q * q
                    s12 += w * p * q
            v1, v2, v12 = s11 - m1 * m1, s22 - m2 * m2, s12 - m1 * m2
            total += ((2 * m1 * m2 + 1e-4) * (2 * v12 + 9e-4)) / (
                (m1 * m1 + m2 * m2 + 1e-4) * (v1 + v2 + 9e-4)
            )
    return total / height / width


def mef_scale(fused, sources):
    """Published MEF-SSIM of one scale; arrays in 0..255."""
    window = np.array(_gaussian(11, 1.5))
    height, width = fused.shape
    stabiliser = (0.03 * 255) ** 2
    eps = np.finfo(float).eps
    values = []
    for r in range(height - 10):
        for c in range(width - 10):
            patches = [s[r : r + 11, c : c + 11] for s in sources]
            centred = [p - p.mean() for p in patches]
            norms = [float(np.linalg.norm(x)) for x in centred]
            agreement = (float(np.linalg.norm(sum(centred))) + eps) / (sum(norms) + eps)
            agreement = 1 - eps if agreement > 1 else agreement
            power = min(math.tan(math.pi / 2 * agreement), 10)
            strengths = [n + 0.001 for n in norms]
            raw = [(s / 11) ** power + eps for s in strengths]
            wanted = sum(
                w / sum(raw) * x / s
                for w, x, s in zip(raw, centred, strengths, strict=True)
            )
            length = float(np.linalg.norm(wanted))
            if length > 0:
                wanted = wanted / length * max(strengths)
            got = fused[r : r + 11, c : c + 11]
            d1 = wanted - (window * wanted).sum()
            d2 = got - (window * got).sum()
            v1, v2 = (window * d1 * d1).sum(), (window * d2 * d2).sum()
            v12 = (window * d1 * d2).sum()
            values.append((2 * v12 + stabiliser) / (v1 + v2 + stabiliser))
    return float(np.mean(values))


def ms_ssim(fused, sources):
    """Published MS-SSIM in the multi-exposure-fusion form."""
    weights = np.array([0.0448, 0.2856, 0.3001])
    weights /= weights.sum()
    images = [255 * np.asarray(x) for x in (fused, *sources)]
    product = 1.0
    for weight in weights:
        product *= mef_scale(images[0], images[1:]) ** weight
        halved = []
        for image in images:
            h, w = image.shape
            out = np.empty(((h + 1) // 2, (w + 1) // 2))
            for r in range(out.shape[0]):
                for c in range(out.shape[1]):
                    y, x = min(2 * r + 1, h - 1), min(2 * c + 1, w - 1)
                    out[r, c] = (
                        image[2 * r, 2 * c]
                        + image[2 * r, x]
                        + image[y, 2 * c]
                        + image[y, x]
                    ) / 4
            halved.append(out)
        images = halved
    return product


# --- visual information fidelity -----------------------------------------------------


def vif_fusion(fused, sources):
    """Published VIFF."""
    images = [255 * np.asarray(x) for x in (fused, *sources)]
    noise, tiny, offset = 0.005 * 255**2, 1e-10, 1e-7
    shares = [1 / 2.15, 0, 0.15 / 2.15, 1 / 2.15]
    value = 0.0
    for scale, share in enumerate(shares):
        size = 2 ** (4 - scale) + 1
        window = np.array(_gaussian(size, size / 5))

        def patches(image, size=size):
            h, w = image.shape
            for r in range(h - size + 1):
                for c in range(w - size + 1):
                    yield r, c, image[r : r + size, c : c + size]

        if scale:
            smaller = []
            for image in images:
                h, w = image.shape
                out = np.empty((h - size + 1, w - size + 1))
                for r, c, p in patches(image):
                    out[r, c] = (window * p).sum()
                smaller.append(out[::2, ::2])
            images = smaller
        kept = available = 0.0
        for r, c, f in patches(images[0]):
            d_f = f - (window * f).sum()
            v_f = (window * d_f * d_f).sum()
            best = None
            for image in images[1:]:
                s = image[r : r + size, c : c + size]
                d_s = s - (window * s).sum()
                v_s = (window * d_s * d_s).sum()
                cov = (window * d_s * d_f).sum()
                g = cov / (v_s + tiny)
                blur = v_f - g * cov
                if v_s < tiny:
                    g, blur, v_s = 0.0, v_f, 0.0
                if v_f < tiny:
                    g, blur = 0.0, 0.0
                if g < 0:
                    g, blur = 0.0, v_f
                blur = max(blur, tiny)
                term = (
                    g,
                    math.log10(1 + g * g * v_s / (blur + noise)),
                    math.log10(1 + v_s / noise),
                )
                if best is None or not best[0] < g:
                    best = term
            kept += best[1] + offset
            available += best[2] + offset
        value += share * kept / available
    return value


# --- histograms and simple statistics ------------------------------------------------


def _levels(image):
    return [math.floor(v * 255 + 0.5) for row in _rows(image) for v in row]


def _bits(values):
    counts = Counter(values)
    n = len(values)
    return -sum(k / n * math.log2(k / n) for k in counts.values())


def entropy(fused, sources):
    """Entropy in bits."""
    return _bits(_levels(fused))


def normalised_mutual_information(fused, sources):
    """Sum of 2 I / (H + H)."""
    f = _levels(fused)
    total = 0.0
    for s in map(_levels, sources):
        both = _bits(f) + _bits(s)
        total += 2 * (both - _bits(list(zip(f, s, strict=True)))) / both
    return total


def _pearson(x, y):
    mx, my = sum(x) / len(x), sum(y) / len(y)
    xy = sum((a - mx) * (b - my) for a, b in zip(x, y, strict=True))
    xx, yy = sum((a - mx) ** 2 for a in x), sum((b - my) ** 2 for b in y)
    return xy / math.sqrt(xx * yy)


def _flat(image):
    return [v for row in _rows(image) for v in row]


def correlation_coefficient(fused, sources):
    """Mean Pearson correlation."""
    f = _flat(fused)
    return sum(_pearson(f, _flat(s)) for s in sources) / len(sources)


def scd(fused, sources):
    """Sum of the correlations of differences."""
    f, s = _flat(fused), [_flat(x) for x in sources]
    total = 0.0
    for k, own in enumerate(s):
        others = [s[n] for n in range(len(s)) if n != k]
        difference = [
            v - sum(o[i] for o in others) / len(others) for i, v in enumerate(f)
        ]
        total += _pearson(difference, own)
    return total
