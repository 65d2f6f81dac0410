"""The metrics of the MATLAB toolboxes once more, in plain loops.

As :mod:`tests.support.metrics_loops`: from the formulas, one pixel or window at a time.
Every function takes the convention. Images are 8-bit levels divided by 255.
"""

from __future__ import annotations

import cmath
import math
from collections import Counter
from itertools import combinations

import numpy as np

from .metrics_loops import _bits, _gaussian, mef_scale


def grey(image):
    """Whole grey levels, as rows of Python integers."""
    return [[round(255 * v) for v in row] for row in np.asarray(image).tolist()]


def flat(rows):
    return [v for row in rows for v in row]


def at(rows, r, c, border="black"):
    """A pixel, also outside the image."""
    height, width = len(rows), len(rows[0])
    if border == "black" and not (0 <= r < height and 0 <= c < width):
        return 0
    if border == "replicate":
        r, c = min(max(r, 0), height - 1), min(max(c, 0), width - 1)
    if border == "mirror":
        r, c = (
            n if n >= 0 else -n
            for n in (
                r if r < height else 2 * (height - 1) - r,
                c if c < width else 2 * (width - 1) - c,
            )
        )
    return rows[r][c]


def slopes(rows, r, c, side, border):
    """Right minus left and lower minus upper neighbours, weighed 1, side, 1."""
    weights = ((-1, 1), (0, side), (1, 1))
    right = sum(w * at(rows, r + d, c + 1, border) for d, w in weights)
    left = sum(w * at(rows, r + d, c - 1, border) for d, w in weights)
    lower = sum(w * at(rows, r + 1, c + d, border) for d, w in weights)
    upper = sum(w * at(rows, r - 1, c + d, border) for d, w in weights)
    return right - left, lower - upper


def places(rows):
    return [(r, c) for r in range(len(rows)) for c in range(len(rows[0]))]


# --- histograms and errors -----------------------------------------------------------


def stretch(image):
    values = grey(image)
    low, high = min(flat(values)), max(flat(values))
    return [
        [math.floor((v - low) / (high - low) * 255 + 0.5) for v in row]
        for row in values
    ]


def mutual_information(fused, sources, convention):
    """In bits; VIFB: stretched, in nats; Tang: the two brightest levels are one."""
    prepare = stretch if convention == "vifb" else grey
    f, total = flat(prepare(fused)), 0.0
    for source in sources:
        s = flat(prepare(source))
        pairs = list(zip(f, s, strict=True))
        if convention == "tang":
            pairs = [(min(x, 254), min(y, 254)) for x, y in pairs]
        total += _bits(f) + _bits(s) - _bits(pairs)
    return total * (math.log(2) if convention == "vifb" else 1)


def cross_entropy(fused, sources, convention):
    f, total = flat(grey(fused)), 0.0
    q = Counter(f)
    for source in sources:
        p = Counter(flat(grey(source)))
        for level, count in p.items():
            if level in q:
                total += count / len(f) * math.log2(count / q[level])
    return total / len(sources)


def q_ncie(fused, sources, convention):
    images = [flat(stretch(x)) for x in (fused, *sources)]
    matrix = np.eye(len(images))
    for k, n in combinations(range(len(images)), 2):
        joint = _bits(list(zip(images[k], images[n], strict=True)))
        shared = (_bits(images[k]) + _bits(images[n]) - joint) / 8
        matrix[k, n] = matrix[n, k] = shared
    return 1 + sum(
        v / len(images) * math.log(v / len(images), 256)
        for v in np.linalg.eigvals(matrix).real
    )


def q_te(fused, sources, convention):
    q = 0.43137

    def tsallis(a, b):
        count, total = len(a), 0.0
        pa, pb = Counter(a), Counter(b)
        for (x, y), n in Counter(zip(a, b, strict=True)).items():
            apart = pa[x] / count * pb[y] / count
            total += (n / count) ** q / apart ** (q - 1)
        return (1 - total) / (1 - q)

    f, *images = (flat(stretch(x)) for x in (fused, *sources))
    there = sum(_bits(s) ** q for s in images)
    there += sum(tsallis(a, b) for a, b in combinations(images, 2))
    return sum(tsallis(f, s) for s in images) / there


def errors(fused, sources):
    f = flat(grey(fused))
    for source in sources:
        yield (
            sum((a - b) ** 2 for a, b in zip(f, flat(grey(source)), strict=True)),
            len(f),
        )


def rmse(fused, sources, convention):
    scale = 1 if convention == "vifb" else 1 / 255
    found = [
        math.sqrt(total) / count if convention == "vifb" else math.sqrt(total / count)
        for total, count in errors(fused, sources)
    ]
    return scale * sum(found) / len(found)


def mse(fused, sources, convention):
    found = [total / count / 255**2 for total, count in errors(fused, sources)]
    return sum(found) / len(found)


def psnr(fused, sources, convention):
    if convention == "vifb":
        return 20 * math.log10(255 / math.sqrt(rmse(fused, sources, "vifb")))
    peak = 255 if convention == "tang" else 1
    return 20 * math.log10(peak / math.sqrt(mse(fused, sources, convention)))


# --- one image -----------------------------------------------------------------------


def standard_deviation(fused, sources, convention):
    values = flat(grey(fused))
    mean = sum(values) / len(values)
    if convention == "tang":
        steps = [max(math.floor(v - mean + 0.5), 0) for v in values]
        return math.sqrt(sum(min(s * s, 255) for s in steps) / len(values))
    return math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))


def spatial_frequency(fused, sources, convention):
    f = grey(fused)
    h, w = len(f), len(f[0])
    rows = sum((f[r][c + 1] - f[r][c]) ** 2 for r in range(h) for c in range(w - 1))
    columns = sum((f[r + 1][c] - f[r][c]) ** 2 for r in range(h - 1) for c in range(w))
    if convention == "vifb":
        return math.sqrt((rows + columns) / (h * w))
    value = math.sqrt(rows / (h * (w - 1)) + columns / ((h - 1) * w))
    return value / (255 if convention == "tang" else 1)


def average_gradient(fused, sources, convention):
    f = grey(fused)
    h, w = len(f), len(f[0])
    total = 0.0
    for r, c in places(f):
        if convention == "published":
            if r + 1 < h and c + 1 < w:
                dx, dy = f[r][c + 1] - f[r][c], f[r + 1][c] - f[r][c]
            else:
                dx = dy = 0
        else:
            left, right = max(c - 1, 0), min(c + 1, w - 1)
            upper, lower = max(r - 1, 0), min(r + 1, h - 1)
            dx = (f[r][right] - f[r][left]) / (right - left)
            dy = (f[lower][c] - f[upper][c]) / (lower - upper)
        total += math.sqrt((dx * dx + dy * dy) / 2)
    return total / ((h - 1) * (w - 1))


def edge_intensity(fused, sources, convention):
    f = grey(fused)
    total = sum(math.hypot(*slopes(f, r, c, 2, "replicate")) for r, c in places(f))
    return total / len(f) / len(f[0])


# --- edges ---------------------------------------------------------------------------


def q_abf(fused, sources, convention):
    """Xydeas and Petrovic."""
    exact = convention == "exact"
    unit = {"vifb": 255, "tang": 1 / 255}.get(convention, 1)
    f, *images = (grey(x) for x in (fused, *sources))
    border = "mirror" if exact else "black"

    def edge(rows, r, c):
        across, down = slopes(rows, r, c, 2, border)
        # convolution turns the kernel, so that the axis points to the left
        angle = math.pi / 2 if across == 0 else math.atan(down / -across)
        return math.sqrt(across * across + down * down), angle

    kept = weights = 0.0
    for r, c in places(f):
        g_f, a_f = edge(f, r, c)
        for image in images:
            g, a = edge(image, r, c)
            if g == g_f:
                ratio = 1.0 if exact else g * unit
            else:
                ratio = min(g, g_f) / max(g, g_f)
            turn = abs(a - a_f)
            if exact:
                turn = min(turn, math.pi - turn)
            alike = 1 - turn / (math.pi / 2)
            by_strength = 0.9994 / (1 + math.exp(-15 * (ratio - 0.5)))
            kept += g * by_strength * 0.9879 / (1 + math.exp(-22 * (alike - 0.8)))
            weights += g
    return kept / weights


# --- windows -------------------------------------------------------------------------


def windows(images, weights):
    """Means, variances and covariances with the first image, window by window."""
    size = len(weights)
    height, width = len(images[0]), len(images[0][0])
    cells = [(i, j, weights[i][j]) for i in range(size) for j in range(size)]
    for r in range(height - size + 1):
        for c in range(width - size + 1):
            means = [sum(w * x[r + i][c + j] for i, j, w in cells) for x in images]
            rests = [
                [x[r + i][c + j] - m for i, j, _ in cells]
                for x, m in zip(images, means, strict=True)
            ]
            ws = [w for _, _, w in cells]
            variances = [
                sum(w * d * d for w, d in zip(ws, rest, strict=True)) for rest in rests
            ]
            shared = [
                sum(w * d * e for w, d, e in zip(ws, rests[0], rest, strict=True))
                for rest in rests
            ]
            yield means, [v if v > 1e-9 else 0.0 for v in variances], shared


def alike(m1, m2, v1, v2, v12, c1, c2):
    means = (2 * m1 * m2 + c1) / (m1**2 + m2**2 + c1) if m1 or m2 or c1 else 1.0
    if v1 + v2 + c2 == 0:
        return means
    return means * (2 * v12 + c2) / (v1 + v2 + c2)


SSIM_CONSTANTS = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim(fused, sources, convention):
    if convention == "tang":
        return mef_scale(255 * fused, [255 * s for s in sources])
    images = [grey(x) for x in (fused, *sources)]
    totals = [
        alike(m[0], m[k], v[0], v[k], s[k], *SSIM_CONSTANTS)
        for m, v, s in windows(images, _gaussian(11, 1.5))
        for k in range(1, len(images))
    ]
    return (len(images) - 1) * sum(totals) / len(totals)


def shares(variances):
    total = sum(variances)
    if total == 0:
        return [1 / len(variances)] * len(variances)
    return [v / total for v in variances]


def piella(fused, sources, convention):
    """Q, Q_W, Q_E."""
    exact = convention == "exact"
    weights = [[1 / 64] * 8] * 8 if exact else _gaussian(11, 1.5)
    constants = (0, 0) if exact else SSIM_CONSTANTS

    def quality(images):
        plain, salient = [], []
        for m, v, s in windows(images, weights):
            values = [
                alike(m[0], m[k], v[0], v[k], s[k], *constants)
                for k in range(1, len(images))
            ]
            pairs = zip(shares(v[1:]), values, strict=True)
            plain.append(sum(w * x for w, x in pairs))
            salient.append(max(v[1:]))
        weighed = sum(w * x for w, x in zip(salient, plain, strict=True))
        return sum(plain) / len(plain), weighed / sum(salient)

    images = [grey(x) for x in (fused, *sources)]
    border = "mirror" if exact else "black"
    edges = [
        [
            [math.hypot(*slopes(x, r, c, 1, border)) for c in range(len(x[0]))]
            for r in range(len(x))
        ]
        for x in images
    ]
    q, q_w = quality(images)
    return q, q_w, q_w * quality(edges)[1]


def q_piella(fused, sources, convention):
    return piella(fused, sources, convention)[0]


def q_w(fused, sources, convention):
    return piella(fused, sources, convention)[1]


def q_e(fused, sources, convention):
    return piella(fused, sources, convention)[2]


def q_y(fused, sources, convention):
    images = [grey(x) for x in (fused, *sources)]
    weights = _gaussian(7, 1.5)

    def similarities(first, others):
        return [
            [
                alike(m[0], m[k], v[0], v[k], s[k], 0, 0)
                for k in range(1, len(others) + 1)
            ]
            for m, v, s in windows([first, *others], weights)
        ]

    with_fused = similarities(images[0], images[1:])
    spread = [v[1:] for _, v, _ in windows(images, weights)]
    among = [similarities(a, [b]) for a, b in combinations(images[1:], 2)]
    values = []
    for n, similar in enumerate(with_fused):
        if min(pair[n][0] for pair in among) >= 0.75:
            pairs = zip(shares(spread[n]), similar, strict=True)
            values.append(sum(w * x for w, x in pairs))
        else:
            values.append(max(similar))
    return sum(values) / len(values)


def vif(fused, sources, convention):
    """In the pixel domain, summed."""
    total = 0.0
    for source in sources:
        ref, dist = np.asarray(grey(source), float), np.asarray(grey(fused), float)
        kept = there = 0.0
        for scale in range(4):
            size = 2 ** (4 - scale) + 1
            w = np.array(_gaussian(size, size / 5))

            def average(x, w=w, size=size):
                h, n = x.shape
                return np.array(
                    [
                        [
                            (w * x[r : r + size, c : c + size]).sum()
                            for c in range(n - size + 1)
                        ]
                        for r in range(h - size + 1)
                    ]
                )

            if scale:
                ref, dist = average(ref)[::2, ::2], average(dist)[::2, ::2]
            top = 255 if convention == "tang" and scale == 0 else math.inf
            m1, m2 = average(ref), average(dist)
            v1 = average(np.minimum(ref * ref, top)) - m1 * m1
            v2 = average(np.minimum(dist * dist, top)) - m2 * m2
            v12 = average(np.minimum(ref * dist, top)) - m1 * m2
            for a, b, ab in zip(v1.flat, v2.flat, v12.flat, strict=True):
                a, b = max(a, 0), max(b, 0)
                g = ab / (a + 1e-10)
                rest = b - g * ab
                if a < 1e-10:
                    g, rest, a = 0, b, 0
                if b < 1e-10:
                    g, rest = 0, 0
                if g < 0:
                    g, rest = 0, b
                kept += math.log10(1 + g * g * a / (max(rest, 1e-10) + 2))
                there += math.log10(1 + a / 2)
        total += kept / there
    return total


# --- frequency -----------------------------------------------------------------------


def wave_numbers(count):
    """From -1 to 1, in the order of the discrete transform."""
    return [
        2 * (k if k < (count + 1) // 2 else k - count) / count for k in range(count)
    ]


def filtered(image, response, cycles):
    """The image times a function of the frequency, by the definition of the DFT."""
    image = np.asarray(image, dtype=float)
    height, width = image.shape

    def matrix(n):
        return np.array(
            [[cmath.exp(-2j * math.pi * k * i / n) for i in range(n)] for k in range(n)]
        )

    down, across = matrix(height), matrix(width)
    spectrum = down @ image @ across.T
    for r, v in enumerate(wave_numbers(height)):
        for c, u in enumerate(wave_numbers(width)):
            radius = math.hypot(u * width / cycles, v * height / cycles)
            spectrum[r, c] *= response(radius)
    back = down.conj() @ spectrum @ across.conj().T
    return (back / (height * width)).real


def q_cb(fused, sources, convention):
    def contrast(image):
        seen = filtered(
            stretch(image),
            lambda r: (
                math.exp(-((r / 15.387) ** 2)) - 0.7622 * math.exp(-((r / 1.3456) ** 2))
            ),
            30,
        ).tolist()

        def blurred(r, c, sigma):
            total = 0.0
            for i in range(-15, 16):
                for j in range(-15, 16):
                    bell = math.exp(-(i * i + j * j) / (2 * sigma * sigma))
                    total += at(seen, r + i, c + j) * bell
            return total / (2 * math.pi * sigma * sigma)

        out = []
        for r, c in places(seen):
            x = abs(blurred(r, c, 2) / blurred(r, c, 4) - 1)
            out.append(x**3 / (x**2 + 0.0001))
        return out

    own, *others = (contrast(x) for x in (fused, *sources))
    total = 0.0
    for n, c_f in enumerate(own):
        squares = sum(other[n] ** 2 for other in others)
        total += sum(
            other[n] ** 2 / squares * min(other[n], c_f) / max(other[n], c_f)
            for other in others
        )
    return total / len(own)


def q_cv(fused, sources, convention):
    f = stretch(fused)
    height, width = len(f), len(f[0])
    above = below = 0.0
    for source in sources:
        s = stretch(source)
        difference = np.array(s) - np.array(f)
        seen = filtered(
            difference,
            lambda r: 2.6 * (0.0192 + 0.144 * r) * math.exp(-((0.144 * r) ** 1.1)),
            8,
        )
        for top in range(0, height, 16):
            for left in range(0, width, 16):
                inside = [
                    (r, c)
                    for r in range(top, min(top + 16, height))
                    for c in range(left, min(left + 16, width))
                ]
                salient = sum(
                    math.hypot(*slopes(s, r, c, 2, "black")) ** 5 for r, c in inside
                )
                above += salient * sum(seen[r, c] ** 2 for r, c in inside) / 256
                below += salient
    return above / below


def congruency(levels):
    """Phase congruency and its two moments, by the released program's steps."""
    image = np.asarray(levels, dtype=float)
    height, width = image.shape
    spectrum = np.fft.fft2(image)

    def axis(n):
        if n % 2:
            return [(k - (n - 1) / 2) / (n - 1) for k in range(n)]
        return [(k - n / 2) / n for k in range(n)]

    x, y = np.meshgrid(axis(width), axis(height))
    radius = np.sqrt(x * x + y * y)
    radius[height // 2, width // 2] = 1
    radius, theta = np.fft.ifftshift(radius), np.fft.ifftshift(np.arctan2(-y, x))
    low = np.empty(image.shape)
    for r, c in places(image.tolist()):
        v, u = (r - height // 2) / height, (c - width // 2) / width
        low[r, c] = 1 / (1 + (math.hypot(u, v) / 0.45) ** 30)
    low = np.fft.fftshift(low)
    sum_energy, sum_amplitude = np.zeros(image.shape), np.zeros(image.shape)
    moments = np.zeros((3, *image.shape))
    for o in range(6):
        angle = o * math.pi / 6
        apart = np.abs(
            np.arctan2(
                np.sin(theta) * math.cos(angle) - np.cos(theta) * math.sin(angle),
                np.cos(theta) * math.cos(angle) + np.sin(theta) * math.sin(angle),
            )
        )
        filters = []
        for s in range(4):
            wave = 3 * 2.1**s
            log_gabor = np.exp(
                -(np.log(radius * wave) ** 2) / (2 * math.log(0.55) ** 2)
            )
            log_gabor = log_gabor * low
            log_gabor[0, 0] = 0
            filters.append(log_gabor * np.exp(-(apart**2) / (2 * (math.pi / 7.2) ** 2)))
        parts = [np.fft.ifft2(spectrum * f) for f in filters]
        sizes = [np.abs(p) for p in parts]
        total = sum(parts)
        length = np.abs(total) + 0.0001
        e, d = total.real / length, total.imag / length
        energy = sum(
            p.real * e + p.imag * d - np.abs(p.real * d - p.imag * e) for p in parts
        )
        power = -np.median(sizes[0] ** 2) / math.log(0.5) / (filters[0] ** 2).sum()
        shapes = [np.fft.ifft2(f).real * math.sqrt(image.size) for f in filters]
        own = sum((s**2).sum() for s in shapes)
        mixed = sum((a * b).sum() for a, b in combinations(shapes, 2))
        noise = 2 * power * own + 4 * power * mixed
        tau = math.sqrt(noise / 2)
        limit = tau * math.sqrt(math.pi / 2) + 2 * math.sqrt((2 - math.pi / 2) * tau**2)
        energy = np.maximum(energy - limit / 1.7, 0)
        width_of = sum(sizes) / (np.maximum.reduce(sizes) + 0.0001) / 4
        energy = energy / (1 + np.exp((0.5 - width_of) * 10))
        sum_energy += energy
        sum_amplitude += sum(sizes)
        pc = energy / sum(sizes)
        moments[0] += (pc * math.cos(angle)) ** 2 / 3
        moments[1] += (pc * math.sin(angle)) ** 2 / 3
        moments[2] += pc * math.cos(angle) * pc * math.sin(angle) / 6
    xx, yy, xy = moments
    spread = np.sqrt(xy**2 + (xx - yy) ** 2) + 0.0001
    pc = sum_energy / (sum_amplitude + 0.0001)
    return [pc, (yy + xx + spread) / 2, (yy + xx - spread) / 2]


def q_p(fused, sources, convention):
    own, *others = (congruency(grey(x)) for x in (fused, *sources))
    height, width = own[0].shape
    weights = _gaussian(11, 1.5)
    product = 1.0
    for n in range(3):
        planes, masks = (
            [o[n] * (o[0] > 0.1) for o in others],
            [o[0] > 0.1 for o in others],
        )
        chosen = np.zeros((height, width))
        any_mask = np.zeros((height, width), dtype=bool)
        for r in range(height):
            for c in range(width):
                best = max(others, key=lambda o: o[0][r, c])
                any_mask[r, c] = best[0][r, c] > 0.1
                chosen[r, c] = best[n][r, c] * any_mask[r, c]
        total = 0.0
        for r in range(height):
            for c in range(width):
                found = [0.0]
                for plane, mask in zip(
                    [*planes, chosen], [*masks, any_mask], strict=True
                ):
                    if not mask[r, c]:
                        continue
                    m1 = m2 = v1 = v2 = v12 = 0.0
                    for i in range(11):
                        for j in range(11):
                            y, x = r + i - 5, c + j - 5
                            if 0 <= y < height and 0 <= x < width:
                                w, a, b = weights[i][j], plane[y, x], own[n][y, x]
                                m1 += w * a
                                m2 += w * b
                                v1 += w * a * a
                                v2 += w * b * b
                                v12 += w * a * b
                    root = math.sqrt(abs((v1 - m1 * m1) * (v2 - m2 * m2)))
                    found.append((v12 - m1 * m2 + 1e-4) / (root + 1e-4))
                total += max(found)
        product *= total / any_mask.sum()
    return product
