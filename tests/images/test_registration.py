"""Registration: known motions are found, and nothing moves unless it is asked for."""

import json

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from fusionlib import fuse, load_pair
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.images.io import read_image, write_image
from fusionlib.images.registration import Transform, register, register_sources

CUT = (slice(40, -40), slice(40, -40))


@pytest.fixture(scope="module")
def camera():
    return skimage.data.camera()[::2, ::2] / 255


@settings(deadline=None, max_examples=40)
@given(
    st.floats(-30, 30), st.floats(0.8, 1.25),
    st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
)  # fmt: skip
def test_after_is_one_motion_after_the_other(angle, scale, first, second):
    """On points: the composed transform moves them as the two in a row do."""

    def move(transform, point):
        return transform._matrix() @ point + np.array(transform.shift)

    a, b = Transform(angle, scale, first), Transform(-angle / 2, 1 / scale, second)
    point = np.array([3.0, -7.0])
    assert np.allclose(move(b.after(a), point), move(b, move(a, point)), atol=1e-9)


def test_whole_pixels_move_exactly_and_the_edge_is_continued(camera):
    moved = Transform(shift=(3, -5)).apply(camera)
    assert np.abs(moved[3:, :-5] - camera[:-3, 5:]).max() < 1e-9
    inside = Transform(shift=(3, -5)).inside(camera.shape)
    assert inside.sum() == (camera.shape[0] - 3) * (camera.shape[1] - 5)
    assert inside[3:, :-5].all()
    assert np.abs(moved[:3, 10] - camera[0, 15]).max() < 1e-9


def test_a_quarter_turn_is_counter_clockwise(camera):
    square = camera[:200, :200]
    turned = Transform(angle=90).apply(square)
    assert np.abs(turned - np.rot90(square))[2:-2, 2:-2].max() < 1e-6


def test_colour_moves_as_its_planes_do(camera):
    rgb = np.dstack([camera, camera.T, 1 - camera])
    transform = Transform(3, 1.02, (1.5, 2))
    assert np.array_equal(transform.apply(rgb)[..., 1], transform.apply(camera.T))


@pytest.mark.parametrize("applied", [
    Transform(), Transform(shift=(3, -5)), Transform(shift=(-2.5, 7.25)),
    Transform(2, 1, (1, 4)), Transform(-5, 1, (0, 0)),
])  # fmt: skip
def test_a_rigid_motion_of_the_same_image_is_found(camera, applied):
    found = register(applied.apply(camera)[CUT], camera[CUT])
    left = found.after(applied)
    assert abs(left.angle) < 0.25
    assert np.hypot(*left.shift) < 0.15
    assert left.scale == 1


def test_scale_only_where_it_is_asked_for(camera):
    applied = Transform(3, 1.04, (-6, 3))
    found = register(applied.apply(camera)[CUT], camera[CUT], scale=True)
    left = found.after(applied)
    assert abs(left.scale - 1) < 0.005
    assert abs(left.angle) < 0.25
    assert np.hypot(*left.shift) < 0.15
    assert register(applied.apply(camera)[CUT], camera[CUT]).scale == 1


@pytest.mark.parametrize("name", ["street", "camouflage", "facade", "harbour"])
def test_a_shift_between_infrared_and_visible_is_found(name):
    """Across modalities, to within a pixel; the fifth scene is hidden by smoke."""
    pair = load_pair(name)
    applied = Transform(shift=(3, -5))
    found = register(applied.apply(pair.infrared)[CUT], pair.visible[CUT])
    assert np.hypot(*found.after(applied).shift) < 1


def test_where_there_is_nothing_to_go_by_nothing_moves():
    noise = np.random.RandomState(0).random_sample((2, 64, 64))
    flat = np.full((64, 64), 0.5)
    assert register(flat, noise[0]) == Transform()
    assert register(flat, flat) == Transform()


def test_fuse_registers_only_when_asked(camera, seeded):
    sources = [camera[CUT], Transform(shift=(4, 2)).apply(camera)[CUT] ** 0.7]
    plain = fuse(sources, weights=seeded)
    moved = fuse(sources, weights=seeded, register=True)
    assert plain.provenance["registration"] is None
    record = moved.provenance["registration"]
    assert record[0] == {"angle": 0, "scale": 1, "shift": (0, 0)}
    assert record[1]["shift"] == pytest.approx((-4, -2), abs=0.2)
    truth = camera[CUT]
    inner = (slice(12, -12),) * 2
    error = [np.abs(r.I[1] - truth**0.7)[inner].mean() for r in (plain, moved)]
    assert error[1] < error[0] / 5


def test_the_colour_source_stays_where_it_is(camera, seeded):
    rgb = np.dstack([camera] * 3)[CUT]
    grey = Transform(shift=(4, 2)).apply(camera)[CUT]
    result = fuse([grey, rgb], weights=seeded, register=True)
    assert result.provenance["registration"][1]["shift"] == (0, 0)
    assert np.abs(result.I[1] - rgb[..., 0]).max() < 1e-12


def test_the_command_line_registers(camera, tmp_path, capsys):
    paths = [str(tmp_path / f"{name}.png") for name in "ab"]
    write_image(paths[0], camera[CUT])
    write_image(paths[1], Transform(shift=(4, 2)).apply(camera)[CUT])
    out = str(tmp_path / "out.png")
    arguments = ["fuse", *paths, "-o", out, "--weights", "seeded", "--register"]
    assert main([*arguments, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)["registration"]
    assert record[1]["shift"] == pytest.approx([-4, -2], abs=0.2)
    inner = (slice(12, -12),) * 2
    assert np.abs(read_image(out) - camera[CUT])[inner].max() < 0.03
    image = read_image(out)
    assert main([*arguments, "--max-memory", "1GB"]) == 0
    assert np.array_equal(read_image(out), image)
    assert main([*arguments, "--method", "mean"]) == 2
    assert "--register" in capsys.readouterr().err


def test_bad_input_is_refused(camera):
    with pytest.raises(InputError, match="at least 32x32"):
        register(camera[:20, :50], camera[:20, :50])
    with pytest.raises(InputError, match="moving and reference must have the same"):
        register(camera, camera[:-1])
    with pytest.raises(InputError, match="scale must be"):
        Transform(scale=0)
    with pytest.raises(InputError, match="angle and shift"):
        Transform(angle=np.nan)
    with pytest.raises(InputError, match="limit must be"):
        register(camera, camera, limit=0)
    with pytest.raises(InputError, match="at least 2 images"):
        register_sources([camera])
