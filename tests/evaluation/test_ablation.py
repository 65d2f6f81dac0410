"""The ablation: variants agree with the library, rows are whole, results hold."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from fusionbook.ablation import read_ablation
from fusionlib import FusionConfig, fuse, load_pair
from fusionlib.cli import main
from fusionlib.decomposition import decompose
from fusionlib.errors import InputError
from fusionlib.evaluation.ablation import run_ablation
from fusionlib.evaluation.variants import (
    IMAGENET_MEAN,
    VARIANTS,
    gradient_activity,
    measure,
    read_activities,
    target_contrast,
    texture_retention,
    variant,
    without_biases,
)
from fusionlib.features import activities

RESULTS = Path(__file__).parents[2] / "book" / "results" / "ablation.csv"


@pytest.fixture(scope="module")
def pair():
    """A piece of a scene with a target and texture in it."""
    whole = load_pair("street")
    rows, columns = np.nonzero(whole.target_mask)
    top, left = max(rows.min() - 12, 0), max(columns.min() - 12, 0)
    cut = (slice(top, top + 64), slice(left, left + 80))
    names = ("infrared", "visible", "target_mask", "texture_mask")
    return dataclasses.replace(whole, **{n: getattr(whole, n)[cut] for n in names})


@pytest.fixture(scope="module")
def details(pair):
    return np.stack([decompose(image)[1] for image in pair.sources])


def test_one_pass_gives_both_readings_of_the_library(details, seeded):
    before, after = read_activities(details, seeded, input_scale=7)
    for reading, before_relu in ((before, True), (after, False)):
        config = FusionConfig(before_relu=before_relu, input_scale=7)
        for name, activity in activities(details, seeded, config).items():
            assert np.allclose(reading[name], activity, rtol=1e-6)


def test_the_three_channel_pass_is_the_same_without_a_mean(details, seeded):
    """Two ways through the network: the grey collapse, and three channels."""
    one = read_activities(details, seeded, input_scale=3)
    three = read_activities(details, seeded, input_scale=3, mean=(0, 0, 0))
    for a, b in zip(one, three, strict=True):
        assert all(np.allclose(a[name], b[name], rtol=1e-4) for name in a)


def test_both_ways_pool_as_they_are_told(details, seeded):
    odd = details[:, :9, :17]
    options = {"pooling": "floor", "input_scale": 3}
    one = read_activities(odd, seeded, **options)
    three = read_activities(odd, seeded, mean=(0, 0, 0), **options)
    for a, b in zip(one, three, strict=True):
        for name in a:
            assert a[name].shape == b[name].shape
            assert np.allclose(a[name], b[name], rtol=1e-4)


def test_subtracting_the_mean_is_an_input_of_the_network(seeded):
    """A detail of zero is then a constant colour, and its activity is not zero's."""
    nothing = np.zeros((1, 24, 24))
    found = read_activities(nothing, seeded, mean=IMAGENET_MEAN)[0]["relu1_1"]
    weight = seeded.arrays["features.0.weight"].astype(float).sum(axis=(2, 3))
    inside = seeded.arrays["features.0.bias"] - weight @ np.array(IMAGENET_MEAN)
    assert found[0, 12, 12] == pytest.approx(np.abs(inside).sum(), rel=1e-5)


def test_measured_variants_are_what_fuse_computes(pair, seeded):
    names = ["paper", "released", "scale 255, absmax", "only relu2_1", "lambda 50"]
    for chosen, fused, row in measure(pair, names, seeded):
        expected = fuse(pair.sources, config=chosen.config, weights=seeded)
        assert np.abs(fused - expected.F).max() < 1e-6, chosen.name
        assert row["shift"] == pytest.approx(
            255 * (expected.F - np.mean(pair.sources, axis=0)).mean(), abs=1e-3
        )
        spread = [np.abs(w - 0.5).mean() for w in expected.W.values()]
        assert row["spread"] == pytest.approx(np.mean(spread), rel=1e-3)


def test_without_biases_the_scale_of_the_input_is_of_no_effect(details, seeded):
    """A homogeneous network: weights, being ratios, do not see the scale."""
    bare = without_biases(seeded)
    small = read_activities(details, bare)[1]
    large = read_activities(details, bare, input_scale=255)[1]
    for name in small:
        assert np.allclose(large[name], 255 * small[name], rtol=1e-4)
    with_biases = read_activities(details, seeded, input_scale=255)[1]["relu1_1"]
    assert not np.allclose(
        with_biases, 255 * read_activities(details, seeded)[1]["relu1_1"], rtol=0.1
    )


def test_gradient_activity_of_a_ramp_is_its_slope():
    ramp = np.tile(0.02 * np.arange(40.0), (30, 1))
    inner = gradient_activity([ramp])[0, 8:-8, 8:-8]
    assert np.allclose(inner, 0.02, rtol=1e-3)  # the Gaussian is cut at 4 sigma
    diagonal = ramp + 0.03 * np.arange(30.0)[:, None]
    assert np.allclose(gradient_activity([diagonal])[0, 8:-8, 8:-8], 0.05, rtol=1e-3)


def test_ground_truth_measures_have_the_values_of_known_images(pair):
    assert target_contrast(pair.infrared, pair) == pytest.approx(1)
    assert texture_retention(pair.visible, pair) == pytest.approx(1)
    flat = np.full_like(pair.visible, 0.4)
    assert target_contrast(flat, pair) == pytest.approx(0, abs=1e-12)
    assert texture_retention(flat, pair) == pytest.approx(0, abs=1e-12)
    half = 0.5 * flat + 0.5 * pair.infrared
    assert target_contrast(half, pair) == pytest.approx(0.5)
    real = dataclasses.replace(pair, target_mask=None, texture_mask=None)
    assert math.isnan(target_contrast(flat, real))
    assert math.isnan(texture_retention(flat, real))


def test_unknown_variants_are_refused():
    with pytest.raises(InputError, match="variant must be one of"):
        variant("best")


def test_an_interrupted_run_goes_on(tmp_path, seeded, monkeypatch):
    """Stopped in the middle, it measures what is missing and gives the same rows."""
    out = tmp_path / "out"
    options = {"crop": (48, 64)}
    rows = run_ablation(out, ["street"], seeded, **options)
    # Variants that need the trained network are left out without it.
    names = {row["variant"] for row in rows}
    assert names == {v.name for v in VARIANTS.values() if v.network != "trained"}
    whole = read_ablation(out / "ablation.csv")
    assert list(whole.rows) == [("street", row["variant"]) for row in rows]
    assert whole.provenance["weights"]["trained"] is False
    assert whole.provenance["crop"] == [48, 64]
    manifest = out / "manifest.jsonl"
    lines = manifest.read_bytes().splitlines(keepends=True)
    assert len(lines) == len({VARIANTS[name].pass_key for name in names})
    for kept in ([], lines[:2], [*lines[:-1], lines[-1][:25]]):
        manifest.write_bytes(b"".join(kept))
        (out / "ablation.csv").unlink()
        assert run_ablation(out, ["street"], seeded, **options) == rows
        again = read_ablation(out / "ablation.csv")
        assert str(dict(again.rows)) == str(dict(whole.rows))
        assert manifest.read_bytes().count(b"\n") == len(lines)


def test_rows_of_other_settings_are_not_mixed(tmp_path, seeded, monkeypatch):
    weights = dataclasses.replace(seeded, name="other")
    arrays = {name: array.copy() for name, array in seeded.arrays.items()}
    arrays["features.0.bias"][0] += 1
    run_ablation(tmp_path, ["street"], seeded, crop=(16, 16))
    run_ablation(tmp_path, [], weights, crop=(16, 16))  # only the name is another
    before = (tmp_path / "ablation.csv").read_bytes()
    for message, given, crop in (
        (r"crop \[16, 16\] instead of \[16, 20\]", seeded, (16, 20)),
        ("weights", dataclasses.replace(seeded, arrays=arrays), (16, 16)),
    ):
        with pytest.raises(InputError, match=message):
            run_ablation(tmp_path, ["harbour"], given, crop=crop)
    monkeypatch.setattr("fusionlib.evaluation.ablation.code_digest", lambda *_: "new")
    with pytest.raises(InputError, match="code .* instead of new"):
        run_ablation(tmp_path, ["harbour"], seeded, crop=(16, 16))
    assert (tmp_path / "ablation.csv").read_bytes() == before


def test_the_command_prints_means(tmp_path, clean_home, capsys):
    out = str(tmp_path / "out")
    arguments = ["ablation", "-o", out, "--pairs", "street", "--crop", "16x16"]
    assert main([*arguments, "--weights", "seeded", "--workers", "1"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[:3] == ["VARIANT", "PAIRS", "psnr_mean"]
    assert any(line.startswith("seeded, scale 255 ") for line in printed)
    assert main([*arguments[:-1], "40x40", "--weights", "seeded"]) == 2
    assert "(crop [16, 16] instead of [40, 40])" in capsys.readouterr().err


def test_bad_arguments_of_the_command(tmp_path, clean_home, capsys):
    (tmp_path / "file").touch()
    out = ["ablation", "-o", str(tmp_path / "file" / "x"), "--weights", "seeded"]
    cases = [
        ([*out, "--pairs", "street"], "cannot make folder"),
        ([*out, "--pairs", "nowhere"], "pair must be a scene"),
        ([*out, "--pairs", "street", "--crop", "9"], "crop must be"),
        ([*out, "--pairs", ""], "pair must be a scene"),
        ([*out, "--pairs", "street", "--workers", "0"], "workers must be"),
    ]
    for arguments, message in cases:
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1


def test_variants_share_a_pass_unless_it_would_differ():
    key = VARIANTS["paper"].pass_key
    for name in ("released", "only relu2_1", "radius 8", "absmax"):
        assert VARIANTS[name].pass_key == key
    for name in ("scale 255", "lambda 50", "no biases", "seeded"):
        assert VARIANTS[name].pass_key != key


@pytest.fixture(scope="module")
def committed():
    return read_ablation(RESULTS)


def test_the_committed_table_is_complete(committed):
    assert committed.real_pairs == [f"tno{n}" for n in range(1, 22)]
    assert len(committed.scenes) == 5
    assert set(committed.rows) == {
        (pair, name) for pair in committed.pairs for name in VARIANTS
    }
    assert committed.provenance["weights"]["trained"]
    assert len(committed.provenance["weights"]["sha256"]) == 64
    for (pair, name), row in committed.rows.items():
        always = (
            "psnr_mean",
            "N_abf",
            "N_abf_exact",
            "Q_abf_kumar",
            "SSIM_a",
            "EN",
            "shift",
        )
        assert not any(math.isnan(row[column]) for column in always), (pair, name)
        assert math.isnan(row["FMI_w"]) != VARIANTS[name].fmi
        assert math.isnan(row["target"]) == pair.startswith("tno")


@pytest.mark.parametrize("name", ["street", "tno8", "tno1"])
def test_committed_rows_are_computed_again(name, committed, request):
    """A few rows of three pairs; the trained ones where the weights are."""
    if name.startswith("tno"):
        request.getfixturevalue("data_folder")
        weights = request.getfixturevalue("oxford")
        if weights.sha256 != committed.provenance["weights"]["sha256"]:
            pytest.skip("the committed table was made with other weights")
        wanted = ["mean", "paper", "absmax", "gradient", "released"]
    else:
        weights = request.getfixturevalue("seeded")
        wanted = ["mean", "laplacian", "gradient", "seeded"]
    from fusionlib.evaluation.ablation import centre

    pair = centre(load_pair(name), tuple(committed.provenance["crop"]))
    for chosen, _, row in measure(pair, wanted, weights):
        for column, value in row.items():
            expected = committed.rows[name, chosen.name][column]
            # The published N_abf hangs on the last bit of flat areas.
            free = {"N_abf": 2e-4, "N_abf_exact": 1e-4, "psnr_mean": 0.05}
            tolerance = free.get(column, 2e-4)
            if math.isnan(expected) or math.isinf(expected):
                assert str(value) == str(expected), (chosen.name, column)
            else:
                assert value == pytest.approx(expected, rel=1e-3, abs=tolerance)


def test_the_first_line_is_the_provenance():
    first = RESULTS.read_text("utf-8").splitlines()[0]
    record = json.loads(first.partition("ablation ")[2])
    assert set(record) >= {"version", "date", "weights", "data", "crop"}
