"""The rendered scenes: repeatable, registered, with targets that are warm."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
from render import SCENES, Scene, render_scene
from render.rendering import (
    Camera,
    Canvas,
    Noise,
    capsule,
    ellipse,
    polygon,
    rectangle,
)
from render.sensors import infrared_sensor, visible_sensor

from fusionlib.data import load_pair, scenes
from fusionlib.errors import InputError
from fusionlib.io import to_uint8

#: Lowest difference of the mean infrared level between the targets and their
#: surroundings.
MARGIN = {
    "street": 0.25, "camouflage": 0.30, "smoke": 0.14, "facade": 0.34, "harbour": 0.20,
}  # fmt: skip


@pytest.fixture(scope="module", params=SCENES)
def scene(request) -> Scene:
    return render_scene(request.param)


def surroundings(mask: np.ndarray) -> np.ndarray:
    """Return a ring around the targets, off their blurred edges."""
    grow = scipy.ndimage.binary_dilation
    return grow(mask, iterations=12) & ~grow(mask, iterations=2)


def separability(image: np.ndarray, mask: np.ndarray) -> float:
    """Return the chance that a target pixel is brighter than one around it."""
    inside, outside = image[mask], image[surroundings(mask)]
    statistic = scipy.stats.mannwhitneyu(inside, outside).statistic
    return statistic / (inside.size * outside.size)


def test_the_package_has_what_is_painted(scene):
    """Within one grey level in three pixels, or three pixels of a mask.

    A last bit of ``exp``, ``log`` or a power may differ between processors; see the
    notes of `render_scene`.
    """
    pair = load_pair(scene.name)
    assert pair.title == f"{scene.title} (synthetic)"
    assert scenes()[scene.name]["description"] == scene.description
    for name in ("infrared", "visible", "target_mask", "texture_mask"):
        shipped, painted = getattr(pair, name), getattr(scene, name)
        change = np.abs(shipped.astype(float) - painted)
        assert np.count_nonzero(change) <= 3
        if painted.dtype == np.float64:
            assert change.max() < 1.5 / 255


def test_the_package_has_what_it_lists(scene):
    pair = load_pair(scene.name)
    for name, digest in scenes()[scene.name]["sha256"].items():
        plane = getattr(pair, name)
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
    assert scene.title
    assert scene.description.endswith(".")


def test_targets_are_warm(scene):
    mask = scene.target_mask
    inside = scene.infrared[mask].mean()
    outside = scene.infrared[surroundings(mask)].mean()
    assert inside - outside > MARGIN[scene.name]
    assert separability(scene.infrared, mask) > 0.93


@pytest.mark.parametrize("name", ["camouflage", "smoke"])
def test_hidden_targets_do_not_show_in_the_visible(name):
    scene = render_scene(name, seed=1)
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


@pytest.mark.parametrize("name", SCENES)
def test_seeds(name):
    first, again, other = (
        render_scene(name, seed=s, shape=(64, 80)) for s in (3, 3, 4)
    )
    np.testing.assert_array_equal(first.infrared, again.infrared)
    np.testing.assert_array_equal(first.visible, again.visible)
    assert not np.array_equal(first.infrared, other.infrared)
    assert not np.array_equal(first.visible, other.visible)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("shape", [(32, 40), (33, 33), (97, 131), (64, 200)])
def test_sizes(name, shape):
    scene = render_scene(name, shape=shape)
    for array in (
        scene.infrared, scene.visible, scene.target_mask, scene.texture_mask
    ):  # fmt: skip
        assert array.shape == shape
    assert scene.target_mask.any()
    assert scene.texture_mask.any()


@pytest.mark.parametrize("name", SCENES)
def test_same_composition_at_every_size(name):
    def blocks(image):
        height, width = (
            n // size for n, size in zip(image.shape, (32, 40), strict=True)
        )
        return image.reshape(32, height, 40, width).mean(axis=(1, 3)).ravel()

    small, large = (render_scene(name, shape=s) for s in ((64, 80), (128, 160)))
    for attribute in ("infrared", "visible", "target_mask"):
        pair = [blocks(getattr(s, attribute)) for s in (small, large)]
        assert np.corrcoef(pair)[0, 1] > 0.93


def test_global_random_state_is_left_alone():
    np.random.seed(5)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    render_scene("facade", shape=(32, 40))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_names():
    assert list(SCENES) == list(scenes())
    with pytest.raises(InputError, match="street, camouflage.*'beach'"):
        render_scene("beach")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shape": (8, 320)}, r"shape\[0\]"),
        ({"shape": (256, 3.5)}, r"shape\[1\]"),
        ({"shape": 256}, "pair"),
        ({"shape": (60000, 60000)}, "pixels"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**32}, "seed"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        render_scene("street", **options)


def test_noise_repeats_and_is_standardised():
    noise = Noise(np.random.RandomState(0))
    x = np.arange(0, 256, 0.5)[None, :]
    y = np.arange(0, 256, 0.5)[:, None]
    field = noise(x, y)
    # The table is finite: its own mean and deviation scatter by about 1/256.
    assert abs(field.mean()) < 0.02
    assert abs(field.std() - 1) < 0.02
    np.testing.assert_allclose(noise(x + 256, y - 512), field, atol=1e-12)
    # The three ways of evaluation agree.
    full = np.broadcast_arrays(x, y)
    np.testing.assert_allclose(noise(full[0], y), field, atol=1e-12)
    np.testing.assert_allclose(noise(x, full[1]), field, atol=1e-12)
    np.testing.assert_allclose(noise(*full), field, atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        (rectangle(100, 80, 140, 110), 1200.0),
        (ellipse(160, 128, 30, 20), np.pi * 600),
        (polygon([(100, 100), (160, 100), (100, 180)]), 2400.0),
        (capsule((100, 100), (150, 100), 10), 1000 + np.pi * 100),
    ],
)
def test_areas_of_shapes(shape, area):
    canvas = Canvas((256, 320))
    canvas.paint(shape, visible=1.0)
    assert canvas.visible.sum() * canvas.step**2 == pytest.approx(area, rel=2e-3)


def test_painting_hides_what_is_behind():
    canvas = Canvas((256, 320))
    canvas.paint(rectangle(100, 100, 200, 200), infrared=0.9, visible=0.5, warm=True)
    canvas.paint(rectangle(150, 100, 250, 200), infrared=0.3)
    canvas.paint(rectangle(100, 150, 250, 200), visible=0.2)
    assert canvas.reduced(canvas.warm)[120, 120] == 1
    assert canvas.reduced(canvas.warm)[180, 120] == 1
    assert canvas.reduced(canvas.warm)[120, 180] == 0
    assert canvas.reduced(canvas.visible)[180, 180] == pytest.approx(0.2)


def test_camera_projects_and_returns():
    camera = Camera(focal=250, height=3.6, x=186, horizon=92)
    x, y = (np.array([[v]]) for v in camera.project(-2.0, 0.0, 12.0))
    np.testing.assert_allclose(np.ravel(camera.ground(x, y)), [-2, 12])
    x, y = (np.array([[v]]) for v in camera.project(4.6, 3.0, 20.0))
    np.testing.assert_allclose(np.ravel(camera.wall(4.6, x, y)), [3, 20])


def test_sensors_of_a_flat_scene():
    flat = np.full((200, 300), 0.25)
    image = infrared_sensor(flat, np.random.RandomState(1), noise=0.0, pattern=0.02)
    # Fixed pattern: offsets per column, and weaker ones per row.
    assert image.mean(axis=0).std() == pytest.approx(0.02, rel=0.2)
    assert image.mean(axis=1).std() == pytest.approx(0.6 * 0.02, rel=0.5)
    image = visible_sensor(
        flat, np.random.RandomState(1), electrons=400, read_noise=0, vignetting=0,
        gamma=1,
    )  # fmt: skip
    # Shot noise: the variance in electrons is the signal.
    assert (image * 400).var() == pytest.approx(100, rel=0.03)
    dark = visible_sensor(flat, np.random.RandomState(1), vignetting=0.5, gamma=1)
    assert dark[:20, :20].mean() < 0.62 * dark[90:110, 140:160].mean()


def test_scenes_need_no_heavy_imports():
    code = (
        "import sys, fusionlib; fusionlib.load_pair('street');"
        "assert not {'torch', 'numba', 'skimage', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
