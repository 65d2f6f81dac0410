"""The rendered scenes: repeatable, registered, with targets that are warm."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from fusionlib.errors import InputError
from fusionlib.scenes import SCENES, list_scenes, render_scene


@pytest.fixture(scope="module", params=SCENES)
def scene(request):
    return render_scene(request.param)


def test_arrays(scene):
    for image in (scene.infrared, scene.visible):
        assert image.shape == (256, 320)
        assert image.dtype == np.float64
        assert image.min() >= 0
        assert image.max() <= 1
        np.testing.assert_array_equal(np.round(image * 255) / 255, image)
    for mask in (scene.target_mask, scene.texture_mask):
        assert mask.shape == (256, 320)
        assert mask.dtype == bool
        assert mask.any()
        assert not mask.all()


def test_targets_are_warm(scene):
    near = scipy.ndimage.binary_dilation(scene.target_mask, iterations=12)
    inside = scene.infrared[scene.target_mask].mean()
    outside = scene.infrared[near & ~scene.target_mask].mean()
    assert inside - outside > 0.12


def test_list_scenes_and_unknown_name():
    assert list_scenes() == list(SCENES)
    with pytest.raises(InputError, match="street, camouflage"):
        render_scene("beach")
