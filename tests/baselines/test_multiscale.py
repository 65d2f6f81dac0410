"""The simple rules on cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fusionlib.baselines import dwt, laplacian, mean, two_scale
from fusionlib.baselines._laplacian import _expand, _reduce
from fusionlib.baselines._shared import choose_largest


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (2, 2), (5, 6), (9, 12)])
def test_expanding_a_reduced_constant_gives_it_back(shape):
    constant = np.full(shape, 0.7)
    np.testing.assert_allclose(_expand(_reduce(constant), shape), constant, atol=1e-15)


def test_multiscale_rules_keep_the_sharper_source():
    y, x = np.mgrid[:64, :64]
    left, right = x < 28, x > 36
    texture = 0.3 * np.sin(2.0 * x) * np.sin(2.0 * y)
    sources = [0.5 + texture * left, 0.5 + texture * right]
    target = 0.5 + texture * (left | right)
    for rule in (laplacian, dwt):
        error = np.abs(rule(sources) - target)
        assert error.max() < 0.05, rule.__name__
        assert error.max() < 0.4 * np.abs(mean(sources) - target).max()


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
