"""The synthetic scenes: whole, registered, with targets that are warm."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from fusionlib.data import Pair, load_pair, scenes
from fusionlib.images.io import to_uint8

NAMES = ["street", "camouflage", "smoke", "facade", "harbour"]

#: Lowest difference of the mean infrared level between the targets and their
#: surroundings.
MARGIN = {
    "street": 0.25, "camouflage": 0.30, "smoke": 0.14, "facade": 0.34, "harbour": 0.20,
}  # fmt: skip


@pytest.fixture(params=NAMES)
def scene(request) -> Pair:
    return load_pair(request.param)


def test_the_five_scenes_come_in_order():
    assert list(scenes()) == NAMES


def surroundings(mask: np.ndarray) -> np.ndarray:
    """Return a ring around the targets, off their blurred edges."""
    grow = scipy.ndimage.binary_dilation
    return grow(mask, iterations=12) & ~grow(mask, iterations=2)


def separability(image: np.ndarray, mask: np.ndarray) -> float:
    """Return the chance that a target pixel is brighter than one around it."""
    inside, outside = image[mask], image[surroundings(mask)]
    statistic = scipy.stats.mannwhitneyu(inside, outside).statistic
    return statistic / (inside.size * outside.size)


def test_the_pixels_have_the_checksums_that_are_listed(scene):
    for name, digest in scenes()[scene.name]["sha256"].items():
        plane = getattr(scene, name)
        pixels = plane if plane.dtype == bool else to_uint8(plane)
        assert hashlib.sha256(pixels.tobytes()).hexdigest() == digest


def test_arrays(scene):
    for image in (scene.infrared, scene.visible):
        assert image.shape == (256, 320)
        assert image.dtype == np.float64
        assert image.min() >= 0
        assert image.max() <= 1
        # A PNG of 8 bits loses nothing.
        np.testing.assert_array_equal(np.round(image * 255).astype("u1") / 255, image)
        # Neither band is mostly black or white.
        assert np.mean((image == 0) | (image == 1)) < 0.03
    for mask in (scene.target_mask, scene.texture_mask):
        assert mask.shape == (256, 320)
        assert mask.dtype == bool
        assert mask.any()
        assert not mask.all()
        # Another byte than 0 and 1 is no valid bool.
        assert mask.view(np.uint8).max() == 1
    assert scene.title.endswith(" (synthetic)")
    assert scenes()[scene.name]["description"].endswith(".")


def test_targets_are_warm(scene):
    mask = scene.target_mask
    inside = scene.infrared[mask].mean()
    outside = scene.infrared[surroundings(mask)].mean()
    assert inside - outside > MARGIN[scene.name]
    assert separability(scene.infrared, mask) > 0.93


@pytest.mark.parametrize("name", ["camouflage", "smoke"])
def test_hidden_targets_do_not_show_in_the_visible(name):
    scene = load_pair(name)
    assert 0.3 < separability(scene.visible, scene.target_mask) < 0.7
    inside = scene.visible[scene.target_mask]
    outside = scene.visible[surroundings(scene.target_mask)]
    assert abs(inside.mean() - outside.mean()) < 0.08


def test_visible_texture_is_rough(scene):
    """Local contrast is higher where the mask says that there is texture."""

    def deviation(image):
        mean = scipy.ndimage.uniform_filter(image, 5)
        return np.sqrt(
            np.maximum(scipy.ndimage.uniform_filter(image**2, 5) - mean**2, 0)
        )

    inner = scipy.ndimage.binary_erosion(scene.texture_mask, iterations=2)
    outer = scipy.ndimage.binary_erosion(~scene.texture_mask, iterations=2)
    visible, infrared = deviation(scene.visible), deviation(scene.infrared)
    if scene.name != "camouflage":  # texture everywhere: nothing to compare with
        assert visible[inner].mean() > visible[outer].mean()
    assert visible[inner].mean() > 2 * infrared[inner].mean()


def test_scenes_need_no_heavy_imports():
    code = (
        "import sys, fusionlib; fusionlib.load_pair('street');"
        "assert not {'torch', 'numba', 'skimage', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
