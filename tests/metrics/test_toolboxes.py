"""Metrics of the toolboxes: values worked out by hand, and what conventions change."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fusionlib import metrics
from fusionlib.errors import InputError

CLOSE = {"rel": 0, "abs": 1e-12}
RAMP = np.tile(10 * np.arange(12) / 255, (9, 1))


def flat(level, shape=(9, 12)):
    return np.full(shape, level / 255)


def texture(seed=0, shape=(48, 50)):
    return np.random.RandomState(seed).randint(0, 256, shape) / 255


def two_levels(low, high, shape=(8, 8)):
    """Half of the columns at each level."""
    image = flat(low, shape)
    image[:, : shape[1] // 2] = high / 255
    return image


def sigmoid(x, top, slope, middle):
    return top / (1 + math.exp(-slope * (x - middle)))


def kept(ratio, alike):
    return sigmoid(ratio, 0.9994, 15, 0.5) * sigmoid(alike, 0.9879, 22, 0.8)


# --- edges ---------------------------------------------------------------------------


def test_q_abf_of_equal_images_depends_on_the_scale():
    """The ratio of equal strengths is the strength: on [0, 1] that is no 1."""
    image = RAMP[1:-1]
    values = {c: metrics.q_abf(image, [image] * 2, convention=c) for c in ALL}
    assert values["exact"] == pytest.approx(kept(1, 1), **CLOSE)
    assert values["published"] == values["vifb"]  # strengths of 40 and more: all kept
    assert values["vifb"] == pytest.approx(kept(100, 1), **CLOSE)
    assert values["tang"] < values["exact"]
    assert values["tang"] > kept(40 / 255, 1)


ALL = ("published", "exact", "vifb", "tang")


def test_q_abf_weighs_by_strength():
    """One source with an edge that is lost, one without: only the first counts."""
    step = two_levels(0, 200)
    images = flat(50, (8, 8)), [step, flat(7, (8, 8))]
    lost = metrics.q_abf(*images, convention="exact")
    assert lost == pytest.approx(kept(0, 0), abs=1e-3)
    # in the variant of Kumar the flat source, where nothing is lost, counts as much
    kumar = metrics.q_abf_kumar(*images)
    assert kumar > 10 * lost


def test_edge_intensity_and_average_gradient_of_a_ramp():
    assert metrics.edge_intensity(RAMP, [RAMP] * 2) == pytest.approx(
        8 * 10 * 10 / 12 + 4 * 10 * 2 / 12, **CLOSE
    )
    assert metrics.average_gradient(RAMP, [RAMP] * 2) == pytest.approx(
        10 / math.sqrt(2), **CLOSE
    )
    for convention in ("vifb", "tang"):
        value = metrics.average_gradient(RAMP, [RAMP] * 2, convention=convention)
        expected = 10 / math.sqrt(2) * (9 * 12) / (8 * 11)
        assert value == pytest.approx(expected, **CLOSE)


# --- errors and statistics -----------------------------------------------------------


def test_errors_of_constants():
    """Differences of 30 and 60 levels everywhere, on 9x12 pixels."""
    fused, sources = flat(100), [flat(70), flat(160)]
    mean_square = (30**2 + 60**2) / 2 / 255**2
    found = {c: metrics.evaluate(fused, sources, convention=c) for c in ALL}
    assert found["published"]["MSE"] == pytest.approx(mean_square, **CLOSE)
    assert found["tang"]["MSE"] == pytest.approx(mean_square, **CLOSE)
    assert found["published"]["RMSE"] == pytest.approx(45 / 255, **CLOSE)
    assert found["vifb"]["RMSE"] == pytest.approx(45 / math.sqrt(9 * 12), **CLOSE)
    psnr = {c: values["PSNR"] for c, values in found.items()}
    assert psnr["published"] == pytest.approx(-10 * math.log10(mean_square), **CLOSE)
    assert psnr["tang"] - psnr["published"] == pytest.approx(20 * math.log10(255))
    expected = 10 * math.log10(255**2 / (45 / math.sqrt(9 * 12)))
    assert psnr["vifb"] == pytest.approx(expected, **CLOSE)


def test_the_rmse_of_vifb_falls_with_the_size():
    small, large = ((9, 12), (18, 24))
    values = [
        metrics.rmse(flat(10, shape), [flat(20, shape)] * 2, convention="vifb")
        for shape in (small, large)
    ]
    assert values[0] == pytest.approx(2 * values[1])


def test_standard_deviation_in_integers_saturates():
    """Halves at 0 and 200: 100 above the mean is squared to 255, below counts 0."""
    image = two_levels(0, 200)
    assert metrics.standard_deviation(image, [image] * 2) == pytest.approx(100)
    value = metrics.standard_deviation(image, [image] * 2, convention="tang")
    assert value == pytest.approx(math.sqrt(255 / 2))


def test_spatial_frequency_by_convention():
    """A ramp of 10 levels: 11 of 12 columns have a difference."""
    values = {
        c: metrics.spatial_frequency(RAMP, [RAMP] * 2, convention=c)
        for c in ("published", "vifb", "tang")
    }
    assert values["published"] == pytest.approx(10, **CLOSE)
    assert values["vifb"] == pytest.approx(10 * math.sqrt(11 / 12), **CLOSE)
    assert values["tang"] == pytest.approx(10 / 255, **CLOSE)


# --- information ---------------------------------------------------------------------


def test_cross_entropy_of_two_levels():
    """Shares 1/2, 1/2 of a source against 3/4, 1/4."""
    fused, source = flat(5, (4, 8)), two_levels(5, 9, (4, 8))
    fused[:, :2] = 9 / 255
    expected = 0.5 * math.log2(0.5 / 0.25) + 0.5 * math.log2(0.5 / 0.75)
    value = metrics.cross_entropy(fused, [source, fused])
    assert value == pytest.approx(expected / 2, **CLOSE)
    assert metrics.cross_entropy(fused, [flat(77, (4, 8))] * 2) == 0
    # levels that only one of the two has are left out
    value = metrics.cross_entropy(flat(5, (4, 8)), [source] * 2)
    assert value == pytest.approx(-0.5, **CLOSE)


def test_mutual_information_by_convention():
    image = two_levels(0, 255)
    one_bit = [
        metrics.mutual_information(image, [image] * 2, convention=c) for c in ALL
    ]
    assert one_bit == pytest.approx([2, 2, 2 * math.log(2), 2], **CLOSE)
    # levels 254 and 255 are told apart in the entropies, and not in the joint one
    close = two_levels(254, 255)
    value = metrics.mutual_information(close, [close] * 2, convention="tang")
    assert value == pytest.approx(2 * (1 + 1 - 0), **CLOSE)


def test_q_ncie_and_q_te_of_two_levels():
    """All three images the same, with one bit: 1/8 beside the diagonal."""
    image, q = two_levels(3, 90), 0.43137
    shares = [1.25 / 3, 0.875 / 3, 0.875 / 3]
    expected = 1 + sum(v * math.log(v, 256) for v in shares)
    assert metrics.q_ncie(image, [image] * 2) == pytest.approx(expected, **CLOSE)
    shared = (1 - 2 * 0.5**q / 0.25 ** (q - 1)) / (1 - q)
    expected = 2 * shared / (2 + shared)
    assert metrics.q_te(image, [image] * 2) == pytest.approx(expected, **CLOSE)


def test_independent_images_have_no_tsallis_information():
    across, down = two_levels(0, 255), two_levels(0, 255).T
    assert metrics.q_te(across, [down] * 2) == pytest.approx(0, **CLOSE)


# --- similarity ----------------------------------------------------------------------


@pytest.mark.parametrize("function", [metrics.q_piella, metrics.q_w, metrics.q_e])
@pytest.mark.parametrize("convention", ["published", "exact"])
def test_only_the_source_that_varies_counts(function, convention):
    image, calm = texture(), flat(90, (48, 50))
    if function is metrics.q_e and convention == "published":
        calm[:] = 0  # any other level has an edge at the black border
    value = function(image, [image, calm], convention=convention)
    assert value == pytest.approx(1, **CLOSE)


def test_q_of_constants_compares_their_means():
    a, b = 30, 60
    value = metrics.q_piella(
        flat(a, (16, 16)), [flat(b, (16, 16))] * 2, convention="exact"
    )
    assert value == pytest.approx(2 * a * b / (a * a + b * b), **CLOSE)
    value = metrics.q_y(flat(a), [flat(b)] * 2)
    assert value == pytest.approx(2 * a * b / (a * a + b * b), **CLOSE)


def test_q_y_accepts_a_copy_where_the_sources_differ():
    one, other = texture(1), texture(2)
    assert metrics.q_y(one, [one, other]) == pytest.approx(1, abs=1e-3)
    # where they are alike, both count
    near = np.clip(one + 0.02, 0, 1)
    assert metrics.q_y(one, [one, near]) < 1 - 1e-6


def test_ssim_is_the_sum_without_border():
    one, other = texture(1), texture(2)
    inner = metrics.ssim_map(one, other)[5:-5, 5:-5].mean()
    assert metrics.ssim(one, [other, one]) == pytest.approx(1 + inner, abs=1e-12)
    scales = metrics.ms_ssim_scales(one, [other, one])
    assert metrics.ssim(one, [other, one], convention="tang") == scales[0]


# --- perception, features, fidelity --------------------------------------------------


@pytest.mark.parametrize("name", ["Q_CB", "Q_CV", "Q_NCIE", "Q_TE"])
def test_the_stretch_hides_a_change_of_all_levels(name):
    """Even levels, halved and moved: the stretch gives the same image again."""
    image = 2 * np.random.RandomState(0).randint(0, 128, (48, 50)) / 255
    image[0, 0], image[0, 1] = 0, 254 / 255
    metric = metrics.METRICS[name]
    halved = image / 2 + 40 / 255
    assert metric(halved, [image] * 2) == metric(image, [image] * 2)


def test_q_cv_sees_what_differs_only_at_strong_edges():
    """A dot far from the only edge: its region has no weight."""
    source = flat(0, (64, 64))
    source[:16, 8:] = 1
    fused = source.copy()
    fused[60, 4] = 0.5
    near = source.copy()
    near[8, 4] = 0.5
    far, close = (metrics.q_cv(x, [source] * 2) for x in (fused, near))
    assert far < close / 100


def test_q_p_sees_features_and_no_contrast():
    yy, xx = np.mgrid[:48, :64]
    source = 0.4 + 0.3 * (xx > 30) - 0.2 * (yy > 20) + 0.01 * texture(3, (48, 64))
    other = 0.5 + 0.3 * (xx + yy > 50) + 0.01 * texture(4, (48, 64))
    mixed = (source + other) / 2
    value = metrics.q_p(mixed, [source, other])
    assert metrics.q_p(mixed / 2, [source, other]) == pytest.approx(value, rel=0.02)
    assert metrics.q_p(texture(5, (48, 64)), [source, other]) < value / 3
    # the small constant is above and below: without any variance it says 1
    assert metrics.q_p(flat(100, (48, 64)), [source, other]) > 0.9


def test_phase_congruency_finds_a_step():
    levels = np.where(np.arange(64) < 32, 60.0, 200.0) + 4 * texture(1, (48, 64))
    congruency, edges, corners = metrics.phase_congruency(levels)
    middle = slice(10, 38), slice(28, 36)
    assert congruency[middle].max(axis=1).min() > 0.5
    assert congruency[10:38, 12:22].mean() < 0.1
    assert edges[middle].mean() > 1.5 * corners[middle].mean()


def test_vif_falls_under_blur_and_rises_with_contrast():
    image = 0.3 + 0.4 * texture()
    blurred = (image + np.roll(image, 1, axis=1)) / 2
    stronger = np.clip(1.3 * (image - 0.5) + 0.5, 0, 1)
    values = [metrics.vif(x, [image] * 2) for x in (blurred, image, stronger)]
    assert values[0] < values[1] < values[2]
    assert values[1] == pytest.approx(2, abs=1e-6)
    # in 8-bit integers the finest scale has neither information nor loss
    truncated = metrics.vif(blurred, [image] * 2, convention="tang")
    assert abs(truncated - values[0]) > 0.01


# --- 8-bit files and colour ----------------------------------------------------------


@pytest.mark.parametrize("convention", ["vifb", "tang"])
def test_conventions_of_files_round_to_8_bits(convention):
    rng = np.random.RandomState(1)
    images = [texture(k) + rng.uniform(-0.4, 0.4, (48, 50)) / 255 for k in range(3)]
    images = [np.clip(x, 0, 1) for x in images]
    rounded = [np.floor(255 * x + 0.5) / 255 for x in images]
    found, expected = (
        metrics.evaluate(x[0], x[1:], convention=convention) for x in (images, rounded)
    )
    assert dict(found) == dict(expected)


def test_tang_agrees_with_published_where_it_says_so():
    images = [texture(k) for k in range(3)]
    found = metrics.evaluate(images[0], images[1:], convention="tang")
    expected = metrics.evaluate(images[0], images[1:])
    for name, value in found.items():
        if metrics.METRICS[name].conventions["tang"] == "as published":
            assert value == expected[name], name
    assert set(found) == {
        "EN", "SF", "SD", "PSNR", "MSE", "MI", "VIF", "AG", "CC", "SCD", "Q_abf",
        "N_abf", "SSIM", "MS_SSIM", "FMI_pixel", "FMI_dct", "FMI_w",
    }  # fmt: skip


def test_fmi_pixel_of_tang_is_that_of_edges():
    """The script asks for no feature, and the program then takes edges."""
    images = [texture(k) for k in range(3)]
    value = metrics.fmi_pixel(images[0], images[1:], convention="tang")
    assert value == metrics.fmi_edge(images[0], images[1:])


def colours(seed, shape=(48, 50)):
    return np.stack([texture(3 * seed + k, shape) for k in range(3)], axis=-1)


def test_vifb_takes_the_mean_of_the_channels():
    fused, visible, infrared = colours(1), colours(2), texture(99)
    values = metrics.evaluate(fused, [infrared, visible], convention="vifb")
    assert values.computed_on == "channels"
    channels = [
        metrics.evaluate(fused[..., k], [infrared, visible[..., k]], convention="vifb")
        for k in range(3)
    ]
    assert channels[0].computed_on == "grey"
    for name, value in values.items():
        if name != "SF":
            expected = np.mean([channel[name] for channel in channels])
            assert value == pytest.approx(expected, rel=1e-12), name
    beside = np.concatenate([fused[..., k] for k in range(3)], axis=1)
    expected = metrics.spatial_frequency(beside, [beside] * 2, convention="vifb")
    assert values["SF"] == expected
    # a source that stores grey in three channels is evaluated as it is stored
    threefold = np.repeat(infrared[..., None], 3, axis=-1)
    again = metrics.evaluate(fused, [threefold, visible], convention="vifb")
    assert dict(again) == dict(values)
    # as does a grey fused image
    grey = metrics.evaluate(texture(7), [infrared, visible], convention="vifb")
    assert grey.computed_on == "channels"


@pytest.mark.parametrize("convention", [None, "published", "exact", "tang"])
def test_other_conventions_take_the_luminance(convention):
    from fusionlib.images.colour import luminance

    fused, visible, infrared = colours(1), colours(2), texture(99)
    names = ["PSNR", "MI"]
    found = metrics.evaluate(
        fused, [infrared, visible], metrics=names, convention=convention
    )
    grey = luminance(fused), [infrared, luminance(visible)]
    expected = metrics.evaluate(*grey, metrics=names, convention=convention)
    assert found.computed_on == "luminance"
    assert dict(found) == dict(expected)


def test_colour_is_checked():
    with pytest.raises(InputError, match=r"sources\[1\] must lie in \[0, 1\]"):
        metrics.evaluate(colours(1), [texture(), 2 * colours(2)], convention="vifb")
    with pytest.raises(InputError, match="same size"):
        metrics.evaluate(colours(1), [texture(), texture(1, (47, 50))])
