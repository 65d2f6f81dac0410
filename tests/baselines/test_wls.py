"""WLS on cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fusionlib.baselines._wls import histogram_contrast, refine, rolling_guidance, wls
from fusionlib.images.filters import guided_filter

RNG = np.random.default_rng(0)


def test_guided_filter_with_itself_keeps_a_constant_and_its_mean_model():
    image = RNG.uniform(size=(9, 11))
    radius, eps = 20, 0.01
    # One window holds the whole image: a = var / (var + eps), b = (1 - a) mean.
    a = image.var() / (image.var() + eps)
    expected = a * image + (1 - a) * image.mean()
    np.testing.assert_allclose(
        guided_filter(image, image, radius, variance=eps, cut=True),
        expected,
        atol=1e-12,
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
