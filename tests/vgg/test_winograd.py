"""Winograd's convolution against torch's in float64."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fusionlib.features import Network, activities
from fusionlib.vgg.convolution import Convolver
from fusionlib.vgg.winograd import INPUT, KERNEL, OUTPUT, Winograd3x3


def case(images, inputs, outputs, height, width, seed=0):
    rng = np.random.RandomState(seed)
    x = torch.from_numpy(rng.randn(images, inputs, height, width))
    weight = torch.from_numpy(rng.randn(outputs, inputs, 3, 3) / np.sqrt(9 * inputs))
    return x, weight, torch.from_numpy(rng.randn(outputs))


def ours(x, weight, bias, **options):
    x = x.float().contiguous(memory_format=torch.channels_last)
    return Winograd3x3(weight.float(), bias.float())(x, **options)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 3), st.integers(1, 5), st.integers(1, 6), st.integers(1, 41),
    st.integers(1, 41),
)  # fmt: skip
def test_equals_the_plain_convolution_at_every_size(
    images, inputs, outputs, height, width
):
    x, weight, bias = case(images, inputs, outputs, height, width)
    expected = F.conv2d(x, weight, bias, padding=1)
    assert ours(x, weight, bias).shape == expected.shape
    torch.testing.assert_close(
        ours(x, weight, bias).double(), expected, atol=1e-4, rtol=0
    )


def test_several_strips_and_the_relu():
    x, weight, bias = case(2, 64, 32, 50, 300)
    expected = F.relu(F.conv2d(x, weight, bias, padding=1))
    found = ours(x, weight, bias, relu=True).double()
    assert (found - expected).abs().max() < 1e-5 * expected.max()
    assert found.min() == 0


def test_result_is_channels_last():
    x, weight, bias = case(1, 8, 16, 12, 20)
    found = ours(x, weight, bias)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_kernel_transform_is_evaluation_at_eight_points():
    # Toom and Cook: the polynomial at 0, -+1, -+2, -+1/2 and infinity, scaled.
    points = np.array([0, 1, -1, 2, -2, 1 / 2, -1 / 2])
    values = points[:, None] ** np.arange(3)
    scale = KERNEL[:7, 0]
    np.testing.assert_allclose(KERNEL[:7], scale[:, None] * values, atol=1e-15)
    np.testing.assert_array_equal(KERNEL[7], [0, 0, 1])


def test_the_three_transforms_are_a_convolution():
    rng = np.random.RandomState(0)
    line, kernel = rng.randn(8), rng.randn(3)
    found = OUTPUT @ ((KERNEL @ kernel) * (INPUT @ line))
    expected = np.correlate(line, kernel, "valid")
    np.testing.assert_allclose(found, expected, atol=1e-13)


def test_one_channel_as_matrix_product():
    x, weight, bias = case(2, 1, 64, 9, 14)
    x, weight, bias = x.float(), weight.float(), bias.float()
    found = Convolver(weight, bias)(x)
    torch.testing.assert_close(found, F.conv2d(x, weight, bias, padding=1))
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("before_relu", [False, True])
def test_activities_equal_those_of_the_plain_network(seeded, before_relu):
    """The whole network in float64, layer by layer, as the reference."""
    from fusionlib import FusionConfig
    from fusionlib.features import build_network

    details = np.random.RandomState(1).uniform(-0.3, 0.3, (2, 150, 130))
    config = FusionConfig(before_relu=before_relu)
    found = dict(activities(details, Network(seeded, "cpu", "fp32"), config))
    x = torch.from_numpy(details)[:, None].repeat(1, 3, 1, 1)
    at = {0: "relu1_1", 5: "relu2_1", 10: "relu3_1", 19: "relu4_1"}
    for index, module in enumerate(build_network(seeded).double()):
        x = module(x)
        name = at.get(index if before_relu else index - 1)
        if name is not None:
            expected = x.abs().sum(1).numpy()
            np.testing.assert_allclose(
                found[name], expected, atol=2e-6 * expected.max(), err_msg=name
            )
