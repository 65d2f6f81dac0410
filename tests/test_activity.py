"""Equations (5) and (6) on cases that fit in the head."""

import numpy as np
import pytest
import torch

from fusionlib.activity import block_average, l1_norm
from fusionlib.errors import InputError


def test_l1_norm_sums_magnitudes_over_channels():
    features = np.array([[[1.0, -2.0]], [[-3.0, 0.5]]])
    assert np.array_equal(l1_norm(features), [[4.0, 2.5]])
    assert torch.equal(
        l1_norm(torch.tensor(features)), torch.tensor([[4.0, 2.5]]).double()
    )


def test_l1_norm_keeps_the_axis_of_sources():
    features = np.random.RandomState(0).standard_normal((2, 7, 3, 4))
    both = l1_norm(features)
    assert both.shape == (2, 3, 4)
    assert np.array_equal(both[1], l1_norm(features[1]))


def test_l1_norm_needs_channels():
    with pytest.raises(InputError, match="features must have the shape"):
        l1_norm(np.zeros((3, 4)))


@pytest.mark.parametrize("radius", [1, 2, 5])
def test_block_average_of_an_impulse_is_a_square(radius):
    image = np.zeros((15, 17))
    image[7, 8] = 1
    average = block_average(image, radius)
    square = average[7 - radius : 8 + radius, 8 - radius : 9 + radius]
    assert np.allclose(square, 1 / (2 * radius + 1) ** 2, atol=1e-16)
    assert np.count_nonzero(average) == (2 * radius + 1) ** 2


def test_block_average_divides_by_the_full_block_at_the_border():
    average = block_average(np.ones((5, 5)))
    assert average[0, 0] == pytest.approx(4 / 9, abs=1e-15)
    assert average[0, 2] == pytest.approx(6 / 9, abs=1e-15)
    assert average[2, 2] == pytest.approx(1, abs=1e-15)


def test_block_average_leaves_exact_zeros():
    """A running sum would leave rounding errors behind, and weights of noise."""
    activity = np.zeros((1, 9, 30))
    activity[:, :, :10] = np.random.RandomState(0).random_sample((9, 10)) * 1e9
    assert np.all(block_average(activity)[:, :, 12:] == 0)


@pytest.mark.parametrize("radius", [0, -1, 1.5, "1", True])
def test_radius_must_be_a_whole_number_above_zero(radius):
    with pytest.raises(InputError, match="radius must be a whole number"):
        block_average(np.ones((3, 3)), radius)
