"""Colour: an exact inverse, known values, and no fringes in a saturated scene."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fusionlib import FusionConfig, fuse
from fusionlib.baselines import METHODS
from fusionlib.errors import InputError
from fusionlib.fusion import fuse_image
from fusionlib.images.colour import (
    compose,
    fuse_colours,
    luminance,
    rgb_to_ycbcr,
    take_grey,
    ycbcr_to_rgb,
)

unit = st.floats(0, 1, width=32)

#: R, G, B in the eight corners of the cube.
CORNERS = np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).T.reshape(-1, 1, 3) * 1.0


def test_known_values_of_bt601():
    """Primaries in 8 bit, as the table of the JPEG file format gives them."""
    rgb = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]]], float)
    y, cb, cr = rgb_to_ycbcr(rgb)[:, 0] * 255
    assert np.round(y).tolist() == [76, 150, 29, 255, 0]
    assert np.round(cb[:3] + 128).tolist() == [85, 44, 256]
    assert np.round(cr[:3] + 128).tolist() == [256, 21, 107]
    assert np.abs(cb[3:]).max() < 1e-12
    assert np.abs(cr[3:]).max() < 1e-12


def test_the_same_as_pillow_up_to_its_rounding():
    from PIL import Image

    rgb = np.random.RandomState(0).randint(0, 256, (20, 30, 3)).astype(np.uint8)
    theirs = np.asarray(Image.fromarray(rgb).convert("YCbCr")).astype(float)
    ours = np.moveaxis(rgb_to_ycbcr(rgb), 0, -1) * 255 + [0, 128, 128]
    assert np.abs(np.clip(ours, 0, 255) - theirs).max() <= 1


@settings(deadline=None, max_examples=50)
@given(arrays(np.float64, (4, 5, 3), elements=unit))
def test_the_inverse_is_exact(rgb):
    ycbcr = rgb_to_ycbcr(rgb)
    assert np.abs(ycbcr_to_rgb(ycbcr) - rgb).max() < 1e-15 * 8
    assert np.abs(ycbcr[1:]).max() <= 0.5 + 1e-15
    assert np.abs(compose(ycbcr[0], ycbcr[1:]) - rgb).max() < 1e-14


@settings(deadline=None, max_examples=50)
@given(
    arrays(np.float64, (4, 5, 3), elements=unit),
    arrays(np.float64, (4, 5), elements=st.floats(-0.2, 1.2)),
)
def test_out_of_gamut_keeps_luminance_and_hue(rgb, y):
    """Colours stay in the cube, keep Y, and move straight towards grey."""
    chroma = rgb_to_ycbcr(rgb)[1:]
    colour = compose(y, chroma)
    found = rgb_to_ycbcr(colour)
    assert np.abs(found[0] - np.clip(y, 0, 1)).max() < 1e-12
    cross = found[1] * chroma[1] - found[2] * chroma[0]
    assert np.abs(cross).max() < 1e-12
    assert (np.hypot(*found[1:]) <= np.hypot(*chroma) + 1e-12).all()
    assert ((found[1:] * chroma).sum(axis=0) > -1e-12).all()


def test_no_more_chroma_is_lost_than_must_be():
    """Where the chroma was reduced, one of R, G, B is at the edge of the cube."""
    chroma = np.broadcast_to(rgb_to_ycbcr(CORNERS)[1:, :, :], (2, 8, 1))
    for level in (0.05, 0.3, 0.8, 0.97):
        colour = compose(np.full((8, 1), level), chroma)
        reduced = np.hypot(*(rgb_to_ycbcr(colour)[1:] - chroma)) > 1e-9
        at_edge = (np.abs(colour - 0.5) > 0.5 - 1e-9).any(axis=-1)
        assert reduced.any()
        assert at_edge[reduced].all()


@pytest.fixture(scope="module")
def saturated():
    """Patches of full colour beside each other, and an infrared disc across them."""
    rows, columns = np.mgrid[:72, :96]
    rgb = CORNERS[(columns // 12 + rows // 24) % 8, 0] * [0.9, 0.6, 0.75] + 0.05
    infrared = 0.05 + 0.9 * (np.hypot(rows - 36, columns - 50) < 22)
    return infrared, rgb


@pytest.mark.parametrize("config", [
    FusionConfig(),
    FusionConfig(input_scale=255, selection="absmax", layers=("relu1_1",)),
])  # fmt: skip
def test_a_saturated_scene_has_no_colour_fringes(saturated, config, seeded):
    infrared, rgb = saturated
    result = fuse([infrared, rgb], config=config, weights=seeded)
    fused, before = rgb_to_ycbcr(result.image), rgb_to_ycbcr(rgb)
    # The luminance is that of the fusion of the luminances ...
    grey = fuse([infrared, luminance(rgb)], config=config, weights=seeded)
    assert np.abs(result.F - grey.F).max() < 1e-6
    assert np.abs(fused[0] - result.luminance).max() < 1e-12
    # ... and each pixel has the hue of its source, and its chroma where there is
    # room for it: nothing else, so no fringe.
    cross = fused[1] * before[2] - fused[2] * before[1]
    assert np.abs(cross).max() < 1e-12
    assert ((fused[1:] * before[1:]).sum(axis=0) > -1e-12).all()
    free = ycbcr_to_rgb(np.stack([fused[0], *before[1:]]))
    shown = ((free >= 0) & (free <= 1)).all(axis=-1)
    assert 0.2 < shown.mean() < 1
    assert np.abs(fused[1:] - before[1:])[:, shown].max() < 1e-12


def test_clipping_each_channel_would_fringe(saturated, seeded):
    """What the rule of `compose` is for: the naive way changes hue and luminance."""
    infrared, rgb = saturated
    result = fuse([infrared, rgb], weights=seeded)
    naive = np.clip(ycbcr_to_rgb(np.stack([result.F, *result.chroma])), 0, 1)
    assert np.abs(luminance(naive) - result.luminance).max() > 0.01
    before = rgb_to_ycbcr(rgb)
    found = rgb_to_ycbcr(naive)
    assert np.abs(found[1] * before[2] - found[2] * before[1]).max() > 1e-3


def test_the_luminance_of_grey_is_that_grey():
    """To the last bit: N_abf depends on it."""
    grey = np.arange(256, dtype=np.uint8)[None]
    assert (luminance(np.dstack([grey] * 3)) == grey / 255).all()


def test_grey_in_three_planes_is_the_grey_result(seeded):
    rng = np.random.RandomState(3)
    a, b = rng.random_sample((2, 30, 41))
    plain = fuse([a, b], weights=seeded)
    colour = fuse([a, np.dstack([b, b, b])], weights=seeded)
    assert np.abs(colour.image - plain.image[..., None]).max() < 1e-6
    assert colour.provenance["colour_source"] == 1
    assert plain.provenance["colour_source"] is None


def test_eight_bit_colour_and_any_position(seeded):
    rng = np.random.RandomState(4)
    rgb = rng.randint(0, 256, (30, 41, 3)).astype(np.uint8)
    grey = rng.random_sample((30, 41))
    first = fuse([rgb, grey], weights=seeded)
    second = fuse(iter([grey, rgb / 255]), weights=seeded)
    assert np.abs(first.image - second.image).max() < 1e-6


@pytest.fixture
def camera():
    """An infrared and a colour image of 8 bits."""
    rng = np.random.RandomState(6)
    infrared = rng.randint(0, 256, (30, 41)).astype(np.uint8)
    return infrared, rng.randint(0, 256, (30, 41, 3)).astype(np.uint8)


def test_grey_in_three_channels_is_taken_as_grey(camera, seeded):
    infrared, rgb = camera
    stored = np.dstack([infrared] * 3)
    with pytest.warns(UserWarning, match=r"sources\[0\] holds grey in three channels"):
        found = fuse([stored, rgb], weights=seeded)
    expected = fuse([infrared, rgb], weights=seeded)
    np.testing.assert_allclose(found.image, expected.image, atol=1e-6)
    assert found.provenance["colour_source"] == 1
    with pytest.warns(UserWarning, match="taken as grey"):
        assert fuse([stored, infrared], weights=seeded).image.ndim == 2


@pytest.mark.parametrize(
    ("levels", "rows", "is_grey"),
    [
        ((0, 2, 4), 1, True),
        ((0, 0, 5), 1, False),  # 5 in the mean
        ((0, 16, 0), 4, True),  # 4 in the mean
        ((17, 0, 0), 10, False),  # 17 at most
    ],
)
@pytest.mark.parametrize("scale", [1, 255])
def test_how_much_the_channels_of_grey_may_differ(camera, levels, rows, is_grey, scale):
    nearly = np.dstack([camera[0][:28] // 2] * 3)
    nearly[::rows] += np.array(levels, np.uint8)
    if scale == 255:
        nearly = nearly / 255
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (found, rgb), grey = take_grey([nearly, camera[1]])
    assert rgb is camera[1]
    assert grey == [0] * is_grey
    assert len(caught) == is_grey
    if is_grey:
        np.testing.assert_allclose(found, luminance(nearly), atol=1e-12)
    else:
        assert found is nearly


def test_two_grey_files_in_colour_formats(camera):
    """The infrared one becomes grey, the visible one keeps what tint it has."""
    stored = np.dstack([camera[0]] * 3)
    with pytest.warns(UserWarning, match="taken as grey"):
        items, grey = take_grey([stored, stored])
    assert grey == [0]
    assert [item.ndim for item in items] == [2, 3]


@pytest.mark.parametrize("name", ["laplacian", "mean", "wls", "cbf"])
def test_methods_by_luminance_and_by_channel(camera, name):
    infrared, rgb = camera
    method = METHODS[name]
    by_luminance = method([infrared, rgb])
    expected = method.function([infrared, luminance(rgb)])
    np.testing.assert_allclose(luminance(by_luminance), expected, atol=1e-12)
    by_channel = method([infrared, rgb], colour="channels")
    for channel in range(3):
        one = method.function([infrared, rgb[..., channel]])
        np.testing.assert_allclose(by_channel[..., channel], one, atol=1e-9)
    np.testing.assert_allclose(
        method([infrared, rgb[..., 0]], colour="channels"),
        method.function([infrared, rgb[..., 0]]),
        atol=1e-9,
    )
    with pytest.raises(InputError, match="colour must be one of luminance, channels"):
        method([infrared, rgb], colour="hsv")


def test_channels_mix_with_the_same_channel_of_another_colour_source():
    first, second = np.random.RandomState(7).random_sample((2, 5, 6, 3))
    fused = fuse_colours(lambda pair: sum(pair) / 2, [first, second], "channels")
    np.testing.assert_allclose(fused, (first + second) / 2, atol=1e-12)


def test_every_intermediate_by_channel(camera, seeded):
    infrared, rgb = camera
    config = FusionConfig.preset("released", colour="channels")
    result = fuse(iter([infrared, rgb]), config=config, weights=seeded)
    assert result.config == config
    assert result.provenance["preset"] == "released"
    assert result.provenance["config"]["colour"] == "channels"
    one = fuse(
        [infrared, rgb[..., 1]], config=FusionConfig.preset("released"), weights=seeded
    )
    for name in ("I", "I_b", "F_b", "F_d", "winner", "F", "image"):
        found, expected = getattr(result, name), getattr(one, name)
        np.testing.assert_allclose(found[..., 1], expected, atol=1e-5, err_msg=name)
    for name in ("C", "W", "F_d_i", "W_hat"):
        found, expected = getattr(result, name), getattr(one, name)
        for layer in found:
            np.testing.assert_allclose(
                found[layer][..., 1], expected[layer], rtol=1e-4, err_msg=name
            )
    np.testing.assert_allclose(result.luminance, luminance(result.image), atol=1e-12)
    image, provenance = fuse_image(
        sources=[infrared, rgb], config=config, weights=seeded
    )
    np.testing.assert_allclose(image, result.image, atol=1e-5)
    assert provenance["seconds"].keys() >= {"decomposition", "features"}
    with pytest.raises(InputError, match="register: not with colour='channels'"):
        fuse([infrared, rgb], config=config, weights=seeded, register=True)


def test_by_channel_grey_stays_grey(camera, seeded):
    infrared, rgb = camera
    config = FusionConfig(colour="channels")
    grey = fuse([infrared, rgb[..., 0]], config=config, weights=seeded)
    assert grey.image.shape == infrared.shape


def test_metrics_of_a_colour_result_are_those_of_its_luminance(seeded):
    from fusionlib.metrics import evaluate

    rgb = np.random.RandomState(5).random_sample((30, 41, 3))
    result = fuse([rgb[..., 0], rgb], weights=seeded)
    value = evaluate(result.image, result.I, metrics=["SSIM_a"])["SSIM_a"]
    # Clipping in colour moves the luminance a little.
    grey = evaluate(result.luminance, result.I, metrics=["SSIM_a"])["SSIM_a"]
    assert 0 < value < 1
    assert value == pytest.approx(grey, abs=0.02)
    assert evaluate(rgb, [rgb, rgb], metrics=["SSIM_a"])["SSIM_a"] == pytest.approx(1)


@pytest.mark.parametrize("bad", [np.zeros((3, 4)), np.zeros((3, 4, 4)), np.zeros(3)])
def test_what_is_no_colour_image_is_refused(bad):
    with pytest.raises(InputError, match="rgb must be a colour image"):
        rgb_to_ycbcr(bad)


def test_what_is_no_ycbcr_image_is_refused():
    with pytest.raises(InputError, match="ycbcr must have the shape"):
        ycbcr_to_rgb(np.zeros((4, 5, 3)))
