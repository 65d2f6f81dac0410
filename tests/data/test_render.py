"""The generator of the scenes: what it paints ships, repeatable at every size."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from render import SCENES, render_scene, write_scenes
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

import fusionlib
from fusionlib.data import scenes
from fusionlib.errors import InputError

#: Pixels of a band or mask that may differ, by one level, from what ships: the last
#: bit of ``exp``, ``log`` and powers depends on the processor, and decides a pixel
#: that lies on the border between two levels.
OTHERS = 3


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder with all that the generator writes."""
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder)
    return folder


def pixels(file):
    """Return the pixels of a band, 0 to 255, or of a mask, 0 and 1."""
    with Image.open(file) as image:
        grey = np.asarray(image.convert("L"))
        return grey // 255 if image.mode == "1" else grey


def test_what_is_painted_is_what_ships(written):
    package = Path(fusionlib.__file__).parent / "scenes"
    files = sorted(path.name for path in written.iterdir())
    assert files == sorted(path.name for path in package.iterdir())
    for file in (name for name in files if name.endswith(".png")):
        change = np.abs(pixels(written / file).astype(int) - pixels(package / file))
        assert change.max() <= 1, file
        assert np.count_nonzero(change) <= OTHERS, file


def test_the_list_that_is_written(written):
    listed = json.loads((written / "scenes.json").read_text("utf-8"))
    assert list(listed) == list(scenes()) == list(SCENES)
    for name, scene in listed.items():
        for plane, digest in scene.pop("sha256").items():
            content = pixels(written / f"{name}_{plane}.png").tobytes()
            assert hashlib.sha256(content).hexdigest() == digest
        assert scene.items() <= scenes()[name].items()


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


def test_a_name_that_is_unknown():
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
