"""CBF, WLS and the simple rules on cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fusionlib.baselines import _simple as simple
from fusionlib.baselines._cbf import cbf, cross_bilateral, detail_strength
from fusionlib.baselines._wls import (
    guided_filter,
    histogram_contrast,
    refine,
    rolling_guidance,
    wls,
)

RNG = np.random.default_rng(0)


def test_cross_bilateral_with_a_flat_guide_is_the_spatial_gaussian():
    impulse = np.zeros((15, 15))
    impulse[7, 7] = 1
    smooth = cross_bilateral(
        impulse, np.zeros_like(impulse), sigma_s=1.8, sigma_r=25, kernel=11
    )
    offset = np.arange(-5, 6)
    row = np.exp(-(offset**2) / (2 * 1.8**2))
    kernel = np.outer(row, row) / row.sum() ** 2
    np.testing.assert_allclose(smooth[2:13, 2:13], kernel, atol=1e-15)


def test_cross_bilateral_does_not_cross_an_edge_of_the_guide():
    guide = np.zeros((12, 12))
    guide[:, 6:] = 255
    image = guide / 2
    smooth = cross_bilateral(image, guide, sigma_s=1.8, sigma_r=25, kernel=11)
    # One grey step of 255 is 10.2 sigma_r: a weight of exp(-52).
    np.testing.assert_allclose(smooth, image, atol=1e-12)


def test_cross_bilateral_one_pixel_by_hand():
    image = np.array([[1.0, 2.0, 4.0]])
    guide = np.array([[0.0, 10.0, 30.0]])
    smooth = cross_bilateral(image, guide, sigma_s=1.0, sigma_r=10.0, kernel=3)
    # The single row mirrors onto itself: spatial weights e^-1, e^-0.5, e^-1 sum the
    # same for every column and cancel.
    left, right = np.exp(-0.5 - 0.5), np.exp(-0.5 - 2.0)
    expected = (left * 1 + 2 + right * 4) / (left + 1 + right)
    assert smooth[0, 1] == pytest.approx(expected, abs=1e-15)


def test_detail_strength_is_the_sum_of_eigenvalues():
    detail = RNG.normal(size=(13, 14))
    strength = detail_strength(detail, 5)
    block = detail[3:8, 4:9]
    eigenvalues = [
        np.linalg.eigvalsh(np.cov(b, rowvar=False)) for b in (block, block.T)
    ]
    assert strength[5, 6] == pytest.approx(np.sum(eigenvalues), rel=1e-12)


def test_detail_strength_of_the_border_mirrors():
    detail = RNG.normal(size=(9, 9))
    padded = np.pad(detail, 2, mode="reflect")[:5, :5]
    expected = np.trace(np.cov(padded)) + np.trace(np.cov(padded.T))
    assert detail_strength(detail, 5)[0, 0] == pytest.approx(expected, rel=1e-12)


def test_cbf_takes_the_source_that_has_detail():
    flat = np.full((24, 24), 100 / 255)
    busy = np.rint(RNG.uniform(0, 255, (24, 24))) / 255
    np.testing.assert_array_equal(cbf([flat, busy]), busy)


def test_cbf_gives_whole_grey_levels():
    levels = cbf(RNG.uniform(size=(2, 12, 15))) * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-12)


def test_guided_filter_with_itself_keeps_a_constant_and_its_mean_model():
    image = RNG.uniform(size=(9, 11))
    radius, eps = 20, 0.01
    # One window holds the whole image: a = var / (var + eps), b = (1 - a) mean.
    a = image.var() / (image.var() + eps)
    expected = a * image + (1 - a) * image.mean()
    np.testing.assert_allclose(
        guided_filter(image, image, radius, eps), expected, atol=1e-12
    )


def test_rolling_guidance_removes_the_small_and_keeps_the_large():
    image = np.zeros((40, 40))
    image[:, 20:] = 1
    image[8, 8] = 1
    smooth = rolling_guidance(image, 2, 0.05, 4)
    assert smooth[8, 8] < 0.1
    assert smooth[20, 18] < 0.02
    assert smooth[20, 21] > 0.98


def test_histogram_contrast_by_hand():
    image = np.array([[0, 0, 10, 30]], dtype=np.uint8) / 255.0
    # Sums of differences: 0+10+30, the same, 10+10+20, 30+30+20.
    np.testing.assert_allclose(histogram_contrast(image), [[0, 0, 0, 1.0]], atol=1e-15)
    np.testing.assert_array_equal(histogram_contrast(np.full((3, 3), 0.4)), 0)


def test_refine_is_the_minimiser():
    blend, infrared, visible = RNG.normal(scale=0.05, size=(3, 16, 16))
    best = refine(blend, infrared, visible, 0.01)
    window = np.pad(visible, 3, mode="edge")[5:12, 8:15]
    pull = 1 / (abs(window.mean()) + 1e-6)

    def cost(value):
        return (value - blend[5, 8]) ** 2 + 0.01 * pull * (value - infrared[5, 8]) ** 2

    at_best = cost(best[5, 8])
    assert at_best < min(cost(best[5, 8] + step) for step in (-1e-5, 1e-5))
    slope = (cost(best[5, 8] + 1e-6) - cost(best[5, 8] - 1e-6)) / 2e-6
    assert abs(slope) < 1e-9


def test_wls_prefers_the_infrared_where_the_visible_is_flat():
    infrared = np.full((32, 32), 0.5)
    infrared[12:20, 12:20] = 0.9
    visible = np.full((32, 32), 0.5)
    fused = wls([infrared, visible])
    assert fused[16, 16] > 0.7
    assert fused[0, 0] == pytest.approx(0.5, abs=0.02)


def test_wls_depends_on_the_order():
    infrared, visible = RNG.uniform(size=(2, 24, 24))
    assert np.abs(wls([infrared, visible]) - wls([visible, infrared])).max() > 0.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (2, 2), (5, 6), (9, 12)])
def test_expanding_a_reduced_constant_gives_it_back(shape):
    constant = np.full(shape, 0.7)
    np.testing.assert_allclose(
        simple._expand(simple._reduce(constant), shape), constant, atol=1e-15
    )


def test_multiscale_rules_keep_the_sharper_source():
    y, x = np.mgrid[:64, :64]
    left, right = x < 28, x > 36
    texture = 0.3 * np.sin(2.0 * x) * np.sin(2.0 * y)
    sources = [0.5 + texture * left, 0.5 + texture * right]
    target = 0.5 + texture * (left | right)
    for rule in (simple.laplacian, simple.dwt):
        error = np.abs(rule(sources) - target)
        assert error.max() < 0.05, rule.__name__
        assert error.max() < 0.4 * np.abs(simple.mean(sources) - target).max()


def test_largest_takes_the_first_of_equals():
    planes = [np.array([[1.0, -2.0, 3.0]]), np.array([[-1.0, 2.0, -4.0]])]
    np.testing.assert_array_equal(simple._largest(planes), [[1.0, -2.0, -4.0]])


def test_two_scale_takes_detail_from_the_salient_source():
    flat = np.full((40, 40), 0.4)
    busy = np.full((40, 40), 0.4)
    busy[15:25, 15:25] = 0.9
    fused = simple.two_scale([flat, busy], window=11)
    # All saliency is in the busy source: mean of the bases plus all of its detail.
    base = busy[15:26, 15:26].mean()
    assert fused[20, 20] == pytest.approx((0.4 + base) / 2 + (0.9 - base), abs=1e-12)
