"""The simple rules on cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fusionlib.baselines import METHODS, gff, mean, two_scale
from fusionlib.baselines._gff import guided_weights, initial_masks
from fusionlib.baselines._laplacian import pyramid_expand, pyramid_reduce
from fusionlib.baselines._multiscale import choose_largest
from fusionlib.images.filters import guided_filter


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (2, 2), (5, 6), (9, 12)])
@pytest.mark.parametrize("border", ["mirror", "reflect"])
def test_expanding_a_reduced_constant_gives_it_back(shape, border):
    constant = np.full(shape, 0.7)
    small = pyramid_reduce(constant, border)
    np.testing.assert_allclose(
        pyramid_expand(small, shape, border), constant, atol=1e-15
    )


@pytest.mark.parametrize("shape", [(5, 6), (6, 5)])
def test_expanding_can_repeat_the_outermost_samples(shape):
    small = np.arange(9.0).reshape(3, 3)
    wide = np.pad(small, 2, mode="edge")
    expected = pyramid_expand(wide, tuple(side + 8 for side in shape))[4:-4, 4:-4]
    np.testing.assert_allclose(
        pyramid_expand(small, shape, "reflect"), expected, atol=1e-15
    )


@pytest.mark.parametrize(
    "name", ["laplacian", "dwt", "swt", "dtcwt", "qwt", "nsct", "nsst"]
)
def test_multiscale_rules_keep_the_sharper_source(name):
    y, x = np.mgrid[:64, :64]
    left, right = x < 28, x > 36
    texture = 0.3 * np.sin(2.0 * x) * np.sin(2.0 * y)
    sources = [0.5 + texture * left, 0.5 + texture * right]
    target = 0.5 + texture * (left | right)
    error = np.abs(METHODS[name].function(sources) - target)
    assert error.max() < 0.5 * np.abs(mean(sources) - target).max()


def test_largest_takes_the_first_of_equals():
    planes = [np.array([[1.0, -2.0, 3.0]]), np.array([[-1.0, 2.0, -4.0]])]
    np.testing.assert_array_equal(choose_largest(planes), [[1.0, -2.0, -4.0]])


def test_two_scale_takes_detail_from_the_salient_source():
    flat = np.full((40, 40), 0.4)
    busy = np.full((40, 40), 0.4)
    busy[15:25, 15:25] = 0.9
    fused = two_scale([flat, busy], window=11)
    # All saliency is in the busy source: mean of the bases plus all of its detail.
    base = busy[15:26, 15:26].mean()
    assert fused[20, 20] == pytest.approx((0.4 + base) / 2 + (0.9 - base), abs=1e-12)


def test_two_scale_as_published_wraps_around():
    flat, striped = np.full((2, 40, 60), 0.4)
    striped[:, :4] = 0.9
    # At the right edge there is no detail, only the base, a mean of 11 columns: as
    # published, three of them are those of the left edge, and wrap to it.
    base = 0.4 + 0.5 * 4 / 11
    fused = two_scale([flat, striped], window=11)
    assert fused[20, 59] == pytest.approx((0.4 + base) / 2 + 0.4 - base, abs=1e-12)
    fused = two_scale([flat, striped], window=11, convention="exact")
    assert fused[20, 59] == pytest.approx(0.4, abs=1e-12)


def test_guided_weights_follow_the_salient_source():
    y, x = np.mgrid[:60, :90]
    texture = 0.3 * np.sin(2.0 * x) * np.sin(2.0 * y)
    sources = [0.5 + texture * (x < 45), 0.5 + texture * (x >= 45)]
    masks = initial_masks(sources)
    np.testing.assert_array_equal(masks.sum(axis=0), 1)
    # The Gaussian on the saliency reaches five pixels.
    np.testing.assert_array_equal(masks[0][:, :40], 1)
    np.testing.assert_array_equal(masks[1][:, 50:], 1)
    weights = guided_weights(sources, masks, 7, 1e-6)
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-12)
    np.testing.assert_allclose(weights[0][:, :30], 1, atol=1e-9)
    fused = gff(sources)
    np.testing.assert_allclose(fused[:, 62:], sources[1][:, 62:], atol=0.03)


def test_guided_weights_are_whole_levels_before_they_are_divided():
    source, mask = np.random.default_rng(0).uniform(size=(2, 20, 30))
    smooth = guided_filter(mask, source, 3, variance=0.1, cut=True)
    weights = guided_weights([source] * 2, np.stack([mask, 1 - mask]), 3, 0.1)
    np.testing.assert_allclose(weights[0], smooth, atol=1 / 255)
    levels = np.floor(255 * smooth + 0.5), np.floor(255 * (1 - smooth) + 0.5)
    np.testing.assert_allclose(weights[0], levels[0] / sum(levels), atol=1e-9)
