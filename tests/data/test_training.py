"""Training of the small network for focus that ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from safetensors import safe_open

from fusionlib import baselines
from fusionlib.baselines._cnn import focus_map
from fusionlib.baselines.cnn_weights import load_network
from fusionlib.data import load_pair, scenes

from ..support.files import ROOT, load_script

SHIPPED = Path(baselines.__file__).with_name("cnn_standin.safetensors")


def halves(image):
    """The image blurred on its right, and on its left side."""
    blurred = scipy.ndimage.gaussian_filter(image, 2)
    is_left = np.arange(image.shape[1]) < image.shape[1] // 2
    return np.where(is_left, image, blurred), np.where(is_left, blurred, image)


def right_part(network, image):
    """Part of the pixels with texture that are decided rightly, away from the seam."""
    focus = focus_map(*halves(image), network)
    middle = image.shape[1] // 2
    texture = scipy.ndimage.generic_gradient_magnitude(image, scipy.ndimage.sobel) > 0.1
    is_left = np.arange(image.shape[1]) < middle
    texture[:, middle - 16 : middle + 16] = False
    return ((focus > 0.5) == is_left)[texture].mean()


@pytest.fixture(scope="module")
def training():
    return load_script(ROOT / "data" / "networks" / "training.py")


@pytest.fixture(scope="module")
def images():
    noise = np.random.RandomState(1).random_sample((2, 48, 48))
    return [scipy.ndimage.gaussian_filter(image, 0.7) for image in noise]


def test_a_few_steps_tell_sharp_from_blurred(training, images):
    network = training.learn_network(images, channels=(4, 6, 8), steps=30)
    assert network["conv3.weight"].shape == (8, 6, 3, 3)
    assert network["output.weight"].shape == (2, 16, 8, 8)
    for sharp in images:
        blurred = scipy.ndimage.gaussian_filter(sharp, 2)
        assert focus_map(sharp, blurred, network).mean() > 0.8


def test_the_same_call_gives_the_same_network(training, images):
    first, again = (
        training.learn_network(images, channels=(2, 3, 4), steps=2) for _ in range(2)
    )
    for key, array in first.items():
        np.testing.assert_allclose(again[key], array, atol=1e-5)
    other = training.learn_network(images, channels=(2, 3, 4), steps=2, seed=1)
    assert np.abs(other["conv1.weight"] - first["conv1.weight"]).max() > 0.1


def test_the_network_that_ships_says_where_it_comes_from():
    assert SHIPPED.stat().st_size < 150_000
    with safe_open(SHIPPED, framework="numpy") as file:
        metadata = file.metadata()
    assert metadata["source"].startswith("data/networks/training.py")
    assert metadata["licence"] == "MIT, as fusionlib"


def test_the_network_that_ships_finds_the_sharp_half():
    network = load_network("standin")
    images = [image for name in scenes() for image in load_pair(name).sources]
    parts = [right_part(network, image) for image in images]
    assert min(parts) > 0.95
