"""Values that can be worked out by hand, to 1e-12."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fusionlib import metrics
from fusionlib.metrics import meyer_filter
from fusionlib.metrics._common import levels
from fusionlib.metrics._fmi import COEFFICIENT_STEP

from .conftest import BOTH, each

CLOSE = {"rel": 0, "abs": 1e-12}


def flat(value, size=8):
    return np.full((size, size), float(value))


def texture(size=8, seed=0):
    """8-bit values, bright and dark, no two windows alike."""
    return np.random.RandomState(seed).randint(20, 120, (size, size)) / 255


def checkerboard(size, low, high):
    return np.where(np.add.outer(np.arange(size), np.arange(size)) % 2, high, low)


# --- all metrics at once -------------------------------------------------------------

IDENTICAL = {
    "FMI_dct": 1,
    "FMI_w": 1,
    "FMI_pixel": 1,
    "FMI_gradient": 1,
    "FMI_edge": 1,
    "SSIM_a": 1,
    "N_abf": 0,
    "CC": 1,
    "PSNR": math.inf,
    "RMSE": 0,
    "MSE": 0,
    "CE": 0,
    "SSIM": 1,
    "VIF": 1,
    "Q_CB": 1,
    "Q_CV": 0,
    "Q": 1,
    "Q_W": 1,
    "Q_E": 1,
    "Q_Y": 1,
}


def summed(name, convention, count):
    """What a sum over so many equal terms is in units of one term."""
    if name == "SSIM" and convention == "tang":
        return 1
    return count if name in ("MI", "NMI", "SSIM", "VIF") else 1


@each(IDENTICAL)
def test_fused_equals_all_sources(name, convention):
    image = texture(48)
    value = metrics.METRICS[name](image, [image] * 3, convention=convention)
    expected = IDENTICAL[name] * summed(name, convention, 3)
    # small constants: of MS_SSIM, which SSIM is a part of there, and of VIF
    small = {("SSIM", "tang"): 1e-4, ("VIF", convention): 1e-9}
    close = CLOSE | {"abs": small.get((name, convention), 1e-12)}
    assert value == pytest.approx(expected, **close)


CONSTANT = IDENTICAL | {
    "CC": 0,
    "SCD": 0,
    "EN": 0,
    "MI": 0,
    "NMI": 0,
    "SD": 0,
    "SF": 0,
    "AG": 0,
    "EI": 0,
    "MS_SSIM": 1,
    "VIFF": 1,
    "Q_NCIE": 1 - math.log(3, 256),
    "Q_TE": 0,
    "Q_P": 0,
}


@each(CONSTANT)
@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1.0])
def test_all_images_equal_and_constant(name, value, convention):
    image = flat(value, 48)
    result = metrics.METRICS[name](image, [image, image], convention=convention)
    expected = CONSTANT[name] * summed(name, convention, 2)
    assert result == pytest.approx(expected, **CLOSE)


# In these the other sources enter each term.
@each(without=("SCD", "MS_SSIM", "Q_NCIE", "Q_TE"))
def test_mean_or_sum_over_sources(name, convention):
    """Repeating every source changes a mean not at all, and doubles a sum."""
    fused, a, b = texture(48, 1), texture(48, 2), texture(48, 3)
    metric = metrics.METRICS[name]
    once = metric(fused, [a, b], convention=convention)
    if (name, convention) == ("SSIM", "tang"):
        return  # the finest scale of MS_SSIM
    twice = metric(fused, [a, b, a, b], convention=convention)
    assert twice == pytest.approx(summed(name, convention, 2) * once, rel=1e-12)


# --- FMI -----------------------------------------------------------------------------


def two_points(p, q):
    """FMI of a window with mass p at index 1 and 1 - p at 2 with one of q, 1 - q."""
    f, a = (p, 1 - p), (q, 1 - q)
    mean = 1 / 9
    c = (p * q + f[1] * a[1] - mean) / math.sqrt(
        (p * p + f[1] ** 2 - mean) * (q * q + a[1] ** 2 - mean)
    )
    sd = math.sqrt(p * f[1] * q * a[1])
    together = min(p, q)
    assert c > 0
    phi = c / ((together - p * q) / sd)
    bound = [[together, p - together], [q - together, 1 - max(p, q)]]
    joint = [
        phi * bound[i][j] + (1 - phi) * f[i] * a[j] for i in range(2) for j in range(2)
    ]

    def entropy(numbers):
        return -sum(x * math.log2(abs(x)) for x in numbers if x)

    marginals = entropy(f) + entropy(a)
    return 2 * (marginals - entropy(joint)) / marginals


def window(*values):
    """A 3x3 image whose column-major samples start with the values; zeros after."""
    samples = np.zeros(9)
    samples[: len(values)] = values
    return samples.reshape(3, 3, order="F")


@BOTH
def test_fmi_pixel_of_two_point_windows(convention):
    """0.6, 0.2 is the pdf 3/4, 1/4; 0.2, 0.2 is 1/2, 1/2."""
    fused, source = window(0.6, 0.2), window(0.2, 0.2)
    value = metrics.fmi_pixel(fused, [source, source], convention=convention)
    assert value == pytest.approx(two_points(0.75, 0.5), abs=1e-7)
    fused, source = window(153 / 255, 51 / 255), window(51 / 255, 51 / 255)
    value = metrics.fmi_pixel(fused, [source, source], convention=convention)
    assert value == pytest.approx(two_points(0.75, 0.5), **CLOSE)


@BOTH
def test_fmi_pixel_of_overlapping_pairs(convention):
    """Halves at 1, 2 against halves at 2, 3: phi = 5/14, worked out by hand."""
    fused, source = window(1.0, 1.0), window(0.0, 1.0, 1.0)
    value = metrics.fmi_pixel(fused, [source, source], convention=convention)
    on, off = 19 / 56, 9 / 56
    expected = 2 + 2 * on * math.log2(on) + 2 * off * math.log2(off)
    assert value == pytest.approx(expected, **CLOSE)


@BOTH
def test_fmi_of_a_constant_against_texture_is_zero(convention):
    fused, source = flat(0.5), texture()
    for feature in ("pixel", "gradient"):
        value = metrics.fmi(
            fused, [source, source], feature=feature, convention=convention
        )
        assert value == pytest.approx(0, **CLOSE)


@BOTH
def test_fmi_of_single_samples(convention):
    """One sample carries the whole pdf: no entropy, no information."""
    fused, source = window(0, 0, 1.0), window(0, 0, 0.5)
    assert metrics.fmi_pixel(fused, [source, source], convention=convention) == 0
    assert metrics.fmi_pixel(fused, [fused, source], convention=convention) == 0.5


@BOTH
@pytest.mark.parametrize("feature", ["pixel", "gradient", "dct", "wavelet"])
def test_fmi_does_not_see_contrast(feature, convention):
    """Half the contrast: other windows, the same distributions."""
    fused = texture(12)
    value = metrics.fmi(fused, [fused / 2] * 2, feature=feature, convention=convention)
    assert value == pytest.approx(1, abs=1e-5 if convention == "exact" else 1e-12)


@BOTH
def test_fmi_gradient_of_two_point_windows(convention):
    """Rows whose gradient columns are u, u, u + v ... give known pdfs."""
    # Gradient of a row (x0, x1, x2): x1 - x0, (x2 - x0) / 2, x2 - x1. Only the
    # first row varies: samples 1, 4, 7 of the window.
    fused, source = np.zeros((3, 3)), np.zeros((3, 3))
    fused[0] = 0, 51 / 255, 102 / 255  # equal steps: thirds at 1, 4, 7
    source[0] = 0, 102 / 255, 204 / 255
    value = metrics.fmi_gradient(fused, [source, source], convention=convention)
    assert value == pytest.approx(1, **CLOSE)
    flat_fused = flat(0.4, 3)
    value = metrics.fmi_gradient(
        flat_fused, [flat_fused, source], convention=convention
    )
    assert value == pytest.approx(0.5, **CLOSE)


def test_fmi_dct_of_constants():
    """Only the window with the mean in it differs, and that one has no entropy."""
    fused, source = flat(0.25, 10), flat(0.75, 10)
    value = metrics.fmi_dct(fused, [source, source], convention="exact")
    assert value == pytest.approx(1 - 1 / 64, **CLOSE)
    value = metrics.fmi_dct(fused, [fused, source], convention="exact")
    assert value == pytest.approx(1 - 1 / 128, **CLOSE)


@BOTH
def test_fmi_edge_of_a_step(convention):
    """A vertical step is one column of edge pixels, seen by three window columns."""
    step = np.where(np.arange(16) < 8, 0.2, 0.6) * np.ones((16, 1))
    value = metrics.fmi_edge(flat(0.3, 16), [step, step], convention=convention)
    assert value == pytest.approx(1 - 3 / 14, **CLOSE)
    value = metrics.fmi_edge(step, [step, flat(0, 16)], convention=convention)
    assert value == pytest.approx(1 - 1.5 / 14, **CLOSE)
    assert metrics.fmi_edge(step, [step / 2] * 2, convention=convention) == 1


def test_the_meyer_filter():
    taps = meyer_filter()
    assert taps.shape == (102,)
    assert taps[101] == 0
    # Computed once and mirrored, on a grid: the same on every processor.
    assert taps[:50].tolist() == taps[100:50:-1].tolist()
    assert np.abs(taps / COEFFICIENT_STEP).sum() == 2_634_203_555_745
    assert taps.sum() == pytest.approx(math.sqrt(2), abs=2e-6)
    assert (taps**2).sum() == pytest.approx(1, abs=1e-6)


# --- edge preservation ---------------------------------------------------------------


def preserved(ratio, alike):
    return math.sqrt(
        0.9999
        / (1 + math.exp(-19 * (ratio - 0.5)))
        * 0.9995
        / (1 + math.exp(-22 * (alike - 0.5)))
    )


@BOTH
def test_edges_of_constants(convention):
    """No edge anywhere: strength ratio 0 by definition, angles alike."""
    result = metrics.edge_preservation(
        flat(0.2), [flat(0.1), flat(0.9)], convention=convention
    )
    assert result.q_abf_kumar == pytest.approx(preserved(0, 1), **CLOSE)
    assert result.l_abf == pytest.approx(1 - preserved(0, 1), **CLOSE)
    assert result.n_abf == 0


@BOTH
def test_edges_of_identical_ramps(convention):
    """W - 2 columns of slope; none at the two mirrored ends."""
    ramp = np.tile(np.arange(8) / 8, (8, 1))
    result = metrics.edge_preservation(ramp, [ramp, ramp], convention=convention)
    expected = (6 * preserved(1, 1) + 2 * preserved(0, 1)) / 8
    assert result.q_abf_kumar == pytest.approx(expected, **CLOSE)
    assert result.l_abf == pytest.approx(1 - expected, **CLOSE)
    assert result.n_abf == 0


@BOTH
def test_a_ramp_that_no_source_has(convention):
    ramp = np.tile(np.arange(8) / 8, (8, 1))
    result = metrics.edge_preservation(
        ramp, [flat(0.5), flat(0)], convention=convention
    )
    assert result.n_abf == pytest.approx(6 / 8 * (1 - preserved(0, 0)), **CLOSE)
    assert result.l_abf == pytest.approx(2 / 8 * (1 - preserved(0, 1)), **CLOSE)


@BOTH
def test_one_perturbed_sample_is_an_artifact_at_its_neighbours(convention):
    """Two neighbours see it across, two down, four at 45 degrees; it sees none."""
    fused = flat(0)
    fused[3, 4] = 0.3
    result = metrics.edge_preservation(fused, [flat(0), flat(0)], convention=convention)
    around = (
        2 * (1 - preserved(0, 0))
        + 2 * (1 - preserved(0, 1))
        + 4 * (1 - preserved(0, 0.5))
    )
    assert result.n_abf == pytest.approx(around / 64, **CLOSE)
    assert result.n_map.sum() == pytest.approx(result.n_abf, **CLOSE)
    assert np.count_nonzero(result.n_map) == 8
    assert result.q_abf_kumar + result.l_abf + result.n_abf == pytest.approx(1, **CLOSE)


@BOTH
def test_a_lost_sample(convention):
    """The same sample in one source only, and not in the fused image."""
    source = flat(0)
    source[3, 4] = 0.3
    result = metrics.edge_preservation(
        flat(0), [source, flat(0)], convention=convention
    )
    around = (
        2 * preserved(0, 0) + 2 * preserved(0, 1) + 4 * preserved(0, 0.5)
        - 8 * preserved(0, 1)
    )  # fmt: skip
    assert result.n_abf == 0
    assert result.q_abf_kumar == pytest.approx(preserved(0, 1) + around / 128, **CLOSE)


# --- structural similarity -----------------------------------------------------------

C1, C2 = 1e-4, 9e-4


def bell(size, sigma):
    offset = np.arange(size) - size // 2
    weights = np.exp(-(offset**2) / (2 * sigma**2))
    return weights / weights.sum()


def test_ssim_a_of_constants():
    a, b, c = 51 / 255, 102 / 255, 204 / 255
    value = metrics.ssim_a(flat(a), [flat(b), flat(c)])
    expected = [(2 * a * x + C1) / (a * a + x * x + C1) for x in (b, c)]
    assert value == pytest.approx(np.mean(expected), **CLOSE)


def test_ssim_a_of_one_perturbed_sample():
    v = 51 / 255
    fused = flat(0, 21)
    fused[9, 11] = v
    w = np.outer(bell(11, 1.5), bell(11, 1.5))
    similarity = C1 * C2 / ((w**2 * v**2 + C1) * (w * (1 - w) * v**2 + C2))
    value = metrics.ssim_a(fused, [flat(0, 21)] * 2)
    assert value == pytest.approx(1 - (1 - similarity).sum() / 21**2, **CLOSE)


def scale_one_variance(a):
    """Gaussian variance of a checkerboard of levels -a and a, far from borders."""
    gamma = (bell(11, 1.5) * (-1.0) ** np.arange(11)).sum()
    return a * a * (1 - gamma**4)


def checkerboard_ms_ssim(a, fused_factor, convention):
    """Checkerboard sources; the fused one is scaled. Coarser scales are constant."""
    norm = 11 * a * math.sqrt(1 - 1 / 121**2)
    gain = 1 if convention == "exact" else (norm + 0.001) / norm
    variance, c = scale_one_variance(a), (0.03 * 255) ** 2
    ratio = (2 * gain * fused_factor * variance + c) / (
        (gain**2 + fused_factor**2) * variance + c
    )
    return ratio ** (0.0448 / (0.0448 + 0.2856 + 0.3001))


@BOTH
@pytest.mark.parametrize("factor", [1, 0.5, 0])
def test_ms_ssim_of_checkerboards(factor, convention):
    a = 40
    source = checkerboard(48, (100 - a) / 255, (100 + a) / 255)
    fused = checkerboard(48, (100 - factor * a) / 255, (100 + factor * a) / 255)
    value = metrics.ms_ssim(fused, [source, source], convention=convention)
    assert value == pytest.approx(checkerboard_ms_ssim(a, factor, convention), **CLOSE)


def test_ms_ssim_of_equal_images_is_one_in_the_exact_convention():
    image = texture(48)
    assert metrics.ms_ssim(image, [image] * 2, convention="exact") == pytest.approx(
        1, **CLOSE
    )
    assert 0.999 < metrics.ms_ssim(image, [image] * 2) < 1 - 1e-12


def test_ms_ssim_of_a_negative_is_zero():
    image = texture(48)
    assert metrics.ms_ssim(1 - image, [image, image]) == 0


# --- fidelity ------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("factor", [1, 0.5, 0])
def test_viff_of_checkerboards(factor, convention):
    """Scale 1 sees the checkerboard; halving turns it into a constant."""
    a = 2
    source = checkerboard(48, (100 - a) / 255, (100 + a) / 255)
    fused = checkerboard(48, (100 - factor * a) / 255, (100 + factor * a) / 255)
    gamma = (bell(17, 3.4) * (-1.0) ** np.arange(17)).sum()
    variance, noise = a * a * (1 - gamma**4), 0.005 * 255**2
    gain = factor * variance / (variance + 1e-10)
    kept = math.log10(1 + gain**2 * variance / (1e-10 + noise))
    available = math.log10(1 + variance / noise)
    first = (kept + 1e-7) / (available + 1e-7)
    value = metrics.vif_fusion(fused, [source, source], convention=convention)
    assert value == pytest.approx((first + 0.15 + 1) / 2.15, **CLOSE)


def test_viff_ties():
    """A constant fused image: gains are 0 for all, so the choice is a convention."""
    fused, blank, source = flat(0.5, 48), flat(0.3, 48), texture(48)
    last = metrics.vif_fusion(fused, [blank, source])
    first = metrics.vif_fusion(fused, [source, blank])
    assert last < 1e-4
    assert first == pytest.approx(1, **CLOSE)
    exact = [
        metrics.vif_fusion(fused, pair, convention="exact")
        for pair in ([blank, source], [source, blank])
    ]
    assert exact[0] == exact[1]


def test_psnr():
    a, b = flat(51 / 255), flat(102 / 255)
    value = metrics.psnr(a, [b, b])
    assert value == pytest.approx(20 * math.log10(5), **CLOSE)
    value = metrics.psnr(a, [a, b])
    assert value == pytest.approx(20 * math.log10(5) + 10 * math.log10(2), **CLOSE)
    fused = flat(0)
    fused[2, 3] = 1
    value = metrics.psnr(fused, [flat(0)] * 2)
    assert value == pytest.approx(10 * math.log10(64), **CLOSE)


# --- information ---------------------------------------------------------------------


def four_levels():
    return np.tile([0, 85, 170, 255], (4, 1)) / 255


@BOTH
def test_entropy(convention):
    other = [flat(0.5, 4)] * 2
    assert metrics.entropy(four_levels(), other, convention=convention) == 2
    halves = np.tile([0.2, 0.2, 0.8, 0.8], (4, 1))
    assert metrics.entropy(halves, other, convention=convention) == 1
    every = np.arange(256).reshape(16, 16) / 255
    assert metrics.entropy(every, [every] * 2, convention=convention) == 8


@BOTH
def test_mutual_information(convention):
    columns, rows = four_levels(), four_levels().T
    coarse = np.tile([0, 0, 1.0, 1.0], (4, 1))

    def both(fused, sources):
        return (
            metrics.mutual_information(fused, sources, convention=convention),
            metrics.normalised_mutual_information(
                fused, sources, convention=convention
            ),
        )

    assert both(columns, [columns, columns]) == pytest.approx((4, 2), **CLOSE)
    assert both(columns, [rows, rows]) == pytest.approx((0, 0), **CLOSE)
    assert both(coarse, [columns, rows]) == pytest.approx((1, 2 / 3), **CLOSE)
    assert both(flat(0.3, 4), [columns, rows]) == (0, 0)


def test_levels_round_half_up():
    """(0 + 1) / 2 / 255 is half a level up."""
    a = np.arange(255) / 255
    b = np.arange(1, 256) / 255
    np.testing.assert_array_equal(levels((a + b) / 2, "exact"), np.arange(1, 256))
    np.testing.assert_array_equal(
        levels(np.arange(256) / 255, "published"), np.arange(256)
    )


# --- statistics ----------------------------------------------------------------------


def test_standard_deviation():
    other = [flat(0)] * 2
    halves = checkerboard(8, 0.0, 1.0)
    value = metrics.standard_deviation(halves, other)
    assert value == pytest.approx(127.5, **CLOSE)
    one = flat(0)
    one[1, 1] = 1
    value = metrics.standard_deviation(one, other)
    assert value == pytest.approx(255 * math.sqrt(1 / 64 * 63 / 64), **CLOSE)


def test_spatial_frequency_and_average_gradient():
    other = [flat(0)] * 2

    def both(fused):
        return (
            metrics.spatial_frequency(fused, other),
            metrics.average_gradient(fused, other),
        )

    ramp = np.tile(np.arange(8) * 17 / 255, (8, 1))
    assert both(ramp) == pytest.approx((17, 17 / math.sqrt(2)), rel=1e-12)
    board = checkerboard(8, 0.0, 1.0)
    assert both(board) == pytest.approx((255 * math.sqrt(2), 255), rel=1e-12)
    one = flat(0)
    one[3, 3] = 1
    # two of 56 differences along each axis; blocks: one with dx = dy, two with one
    expected = 255 * math.sqrt(4 / 56), 255 * (1 + 2 * math.sqrt(0.5)) / 49
    assert both(one) == pytest.approx(expected, rel=1e-12)


@BOTH
def test_correlation_coefficient(convention):
    rows, columns = four_levels(), four_levels().T
    cc = metrics.correlation_coefficient
    assert cc(rows, [rows, rows / 2], convention=convention) == pytest.approx(
        1, **CLOSE
    )
    assert cc(rows, [1 - rows] * 2, convention=convention) == pytest.approx(-1, **CLOSE)
    assert cc(rows, [rows, columns], convention=convention) == pytest.approx(
        0.5, **CLOSE
    )
    assert cc(flat(0.1, 4), [rows, columns], convention=convention) == 0


@BOTH
def test_scd(convention):
    rows, columns = four_levels() / 2, four_levels().T / 2
    total = rows + columns
    assert metrics.scd(total, [rows, columns], convention=convention) == pytest.approx(
        2, **CLOSE
    )
    assert metrics.scd(rows, [rows, columns], convention=convention) == pytest.approx(
        math.sqrt(0.5), **CLOSE
    )
    third = flat(0.2, 4)
    assert metrics.scd(
        total / 2, [rows, columns, third], convention=convention
    ) == pytest.approx(2, **CLOSE)
