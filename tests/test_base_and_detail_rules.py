"""Options beyond the paper: weights of bases, power, floor, gain, mirrored input."""

import numpy as np
import pytest
import scipy.ndimage

from fusionlib import FusionConfig, InputError, fuse, load_pair
from fusionlib.features import Network, activities
from fusionlib.fusion import fuse_image, reconstruct, weigh_bases
from fusionlib.images.filters import (
    GUIDED_VARIANCE,
    guided_filter,
    histogram_contrast,
)
from fusionlib.weight_maps import weights_from_activity

RULES = [
    {"base": "activity"},
    {"base": "activity", "guided_radius": 6, "mirror": 16},
    {"base": "contrast", "base_power": 1.0},
    {"base": "contrast", "guided_radius": 3},
]

#: Every option of this file at once.
EVERYTHING = FusionConfig(
    lam=20, base="activity", guided_radius=8, mirror=16, above_floor=True,
    input_scale=255, power=4, selection="absmax", gain=1.25,
)  # fmt: skip


@pytest.fixture(scope="module")
def network(seeded):
    return Network(seeded)


@pytest.fixture(scope="module")
def pair():
    return [source[60:124, 80:161] for source in load_pair("street").sources]


def noise(shape, seed=0):
    return np.random.RandomState(seed).rand(*shape)


@pytest.mark.parametrize("options", RULES)
def test_weights_of_the_bases_are_shares(options, pair, network):
    config = FusionConfig(**options)
    three = [*pair, noise(pair[0].shape)]
    weights = weigh_bases(three, config, network)
    assert weights.shape == (3, *pair[0].shape)
    assert weights.min() >= 0
    assert np.abs(weights.sum(axis=0) - 1).max() < 1e-12
    turned = weigh_bases([three[2], three[0], three[1]], config, network)
    assert np.abs(turned - weights[[2, 0, 1]]).max() < 1e-6
    equal = weigh_bases([three[0]] * 3, config, network)
    assert np.abs(equal - 1 / 3).max() < 1e-9


def test_the_source_that_the_network_answers_to_gets_the_base(network):
    flat = np.full((48, 64), 116 / 255)  # what the network takes for no light
    weights = weigh_bases(
        [noise((48, 64)), flat], FusionConfig(base="activity"), network
    )
    assert weights[0].min() > 0.9


def test_average_takes_alpha(pair, network):
    assert weigh_bases(pair, FusionConfig(), network) == [0.5, 0.5]
    config = FusionConfig(alpha=(0.25, 0.75))
    assert weigh_bases(pair, config, network) == (0.25, 0.75)
    with pytest.raises(InputError, match="alpha is for base"):
        FusionConfig(alpha=(0.25, 0.75), base="contrast")


def test_histogram_contrast_of_two_values():
    image = np.zeros((4, 5))
    image[0] = 1  # a quarter of the pixels
    contrast = histogram_contrast(image)
    assert np.allclose(contrast[0], 0.75, atol=1e-12)
    assert np.allclose(contrast[1:], 0.25, atol=1e-12)
    levels = np.arange(256) / 255
    expected = np.abs(levels[:, None] - levels).mean(axis=1)
    assert np.allclose(histogram_contrast(levels[None])[0], expected, atol=1e-12)


def test_guided_filter_where_its_answer_is_known():
    plane, flat = noise((30, 40)), np.full((30, 40), 0.3)
    assert np.allclose(guided_filter(flat, plane, 4), 0.3, atol=1e-12)

    def mean(image):
        return scipy.ndimage.uniform_filter(image, 9, mode="reflect")

    # A flat guide has no edge: what is left is the mean of means.
    assert np.allclose(guided_filter(plane, flat, 4), mean(mean(plane)), atol=1e-12)
    # By itself as guide, a plane is kept as far as its variance allows.
    variance = mean(plane**2) - mean(plane) ** 2
    slope = variance / (variance + GUIDED_VARIANCE)
    expected = mean(slope) * plane + mean((1 - slope) * mean(plane))
    assert np.allclose(guided_filter(plane, plane, 4), expected, atol=1e-12)


def test_power_sharpens_the_shares():
    activity = np.array([[[3.0, 0.0]], [[1.0, 0.0]]])
    assert np.allclose(weights_from_activity(activity, 2)[:, 0, 0], [0.9, 0.1])
    assert np.allclose(weights_from_activity(activity, 2)[:, 0, 1], 0.5)
    huge = weights_from_activity(np.array([[[1e300]], [[1e299]]]), 4)
    assert np.allclose(huge[0], 1e4 / (1e4 + 1))


def test_an_empty_image_has_no_activity_above_the_floor(network):
    empty = np.zeros((1, 40, 52))
    config = FusionConfig(mirror=32, above_floor=True)
    for name, activity in activities(empty, network, config).items():
        plain = activities(empty, network, FusionConfig(mirror=32, layers=(name,)))
        # 32 pixels are a little less than what relu4_1 looks at.
        assert activity.max() <= 1e-4 * plain[name].max(), name


def test_mirrored_input_has_no_strip_along_the_border(network):
    """A constant detail gives one activity everywhere, but not without the mirror."""
    constant = np.full((1, 40, 52), 0.1)
    for mirror, is_even in ((32, True), (0, False)):
        maps = activities(constant, network, FusionConfig(mirror=mirror))
        for name, activity in maps.items():
            spread = np.ptp(activity) / activity.max()
            assert (spread < 1e-4) == is_even, name


def test_gain_is_a_factor_on_the_detail(pair, seeded):
    plain = fuse(pair, weights=seeded)
    more = fuse(pair, config=FusionConfig(gain=1.5), weights=seeded)
    assert np.abs(more.F - (plain.F_b + 1.5 * plain.F_d)).max() < 1e-6
    np.testing.assert_allclose(
        reconstruct(plain.F_b, plain.F_d), plain.F_b + plain.F_d, rtol=0, atol=2e-9
    )


def test_the_parts_of_a_result_follow_from_each_other(pair, seeded):
    result = fuse(pair, config=EVERYTHING, weights=seeded)
    assert np.abs((result.W_b * result.I_b).sum(axis=0) - result.F_b).max() < 1e-12
    for name, C_hat in result.C_hat.items():
        expected = C_hat**4 / (C_hat**4).sum(axis=0)
        assert np.abs(result.W[name] - expected).max() < 1e-9
    assert np.abs(result.F - (result.F_b + 1.25 * result.F_d)).max() < 2e-9


def test_fuse_image_gives_the_same_in_narrow_bands_too(pair, seeded, monkeypatch):
    whole = fuse(pair, config=EVERYTHING, weights=seeded)
    monkeypatch.setattr("fusionlib.fusion.SLAB", 16)
    image, _ = fuse_image(pair, config=EVERYTHING, weights=seeded, max_memory="700MB")
    assert np.abs(image - whole.image).max() < 1e-6


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (17, 31), (1, 50)])
def test_every_size_works(shape, seeded):
    image = noise(shape)
    config = EVERYTHING.replace(gain=1.0)
    fused = fuse([image, image], config=config, weights=seeded)
    assert np.abs(fused.F - image).max() < 2e-9
    flat = [np.full(shape, 0.2), np.full(shape, 0.6)]
    constant = fuse(flat, config=EVERYTHING, weights=seeded)
    assert constant.F.shape == shape
    assert 0.2 <= constant.F.min() <= constant.F.max() <= 0.6


def test_order_colour_and_three_sources(pair, seeded):
    forward = fuse(pair, config=EVERYTHING, weights=seeded)
    backward = fuse(pair[::-1], config=EVERYTHING, weights=seeded)
    assert np.abs(forward.F - backward.F).max() < 1e-6
    coloured = [pair[0], np.repeat(pair[1][..., None], 3, axis=2)]
    grey = fuse(coloured, config=EVERYTHING, weights=seeded)
    assert np.abs(grey.luminance - forward.luminance).max() < 1e-6
    three = fuse([*pair, noise(pair[0].shape)], config=EVERYTHING, weights=seeded)
    assert three.W_b.shape == (3, *pair[0].shape)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base", "max"), ("base_power", 0), ("guided_radius", -1), ("mirror", 12),
        ("mirror", 4096), ("above_floor", "no"), ("power", 0), ("gain", -1),
    ],
)  # fmt: skip
def test_bad_options_name_themselves(field, value):
    with pytest.raises(InputError, match=field):
        FusionConfig(**{field: value})
