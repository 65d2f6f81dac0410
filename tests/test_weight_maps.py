"""Equations (7) and (8) on cases that fit in the head."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fusionlib.errors import InputError
from fusionlib.weight_maps import upsample, weights_from_activity

maps = hnp.arrays(
    float,
    st.tuples(st.integers(2, 4), st.integers(1, 6), st.integers(1, 6)),
    elements=st.floats(0, 1e6),
)


def test_weights_are_the_plain_ratio():
    weights = weights_from_activity(np.array([[[3.0]], [[1.0]]]))
    assert weights.ravel().tolist() == [0.75, 0.25]


def test_no_activity_anywhere_is_shared_equally():
    for count in (2, 3, 5):
        assert np.all(weights_from_activity(np.zeros((count, 2, 2))) == 1 / count)


@given(maps)
def test_weights_sum_to_one(activity):
    weights = weights_from_activity(activity)
    assert np.abs(weights.sum(axis=0) - 1).max() < 1e-12
    assert weights.min() >= 0


@given(maps, st.floats(1e-3, 1e3))
def test_weights_do_not_depend_on_a_common_factor(activity, factor):
    a, b = weights_from_activity(activity), weights_from_activity(activity * factor)
    assert np.abs(a - b)[:, activity.max(axis=0) > 1e-200].max(initial=0) < 1e-12


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_activity_must_be_finite_and_not_negative(bad):
    with pytest.raises(InputError, match="activity must be finite"):
        weights_from_activity(np.full((2, 2, 2), bad))


def test_nearest_upsampling_repeats_blocks_and_crops():
    weights = np.array([[[1.0, 2.0], [3.0, 4.0]]])
    grown = upsample(weights, 2, (3, 4))
    assert grown[0].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4]]


def test_uncovered_pixels_get_weight_zero():
    grown = upsample(np.ones((2, 1, 1)), 2, (3, 2))
    assert grown[0].tolist() == [[1, 1], [1, 1], [0, 0]]


def test_bilinear_upsampling_keeps_constants_and_ramps():
    assert np.allclose(upsample(np.full((2, 3, 3), 0.3), 4, (12, 11), "bilinear"), 0.3)
    ramp = np.arange(5.0)[None, None].repeat(3, axis=1)
    grown = upsample(ramp, 2, (6, 10), "bilinear")
    assert np.allclose(grown[0, 2, 1:9], np.arange(1, 9) / 2 - 0.25)


def test_unknown_upsampling_is_refused():
    with pytest.raises(InputError, match="upsampling must be one of nearest"):
        upsample(np.ones((2, 1, 1)), 2, (2, 2), "cubic")
