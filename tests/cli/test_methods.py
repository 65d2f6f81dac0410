"""``fusionlib fuse --method``."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.io
from PIL import Image

from fusionlib import FusionConfig, fuse
from fusionlib.baselines import METHODS, jsr
from fusionlib.cli import main
from fusionlib.images.io import read_image, to_uint8, write_image

from ..conftest import assert_same_image


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / name for name in ("ir.png", "vis.png")]
    for path in paths:
        write_image(path, rng.uniform(size=(18, 21)))
    return [str(path) for path in paths]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_by_name(pair, tmp_path, name):
    output = tmp_path / "fused.png"
    assert main(["fuse", *pair, "-o", str(output), "--method", name]) == 0
    expected = to_uint8(METHODS[name].function([read_image(p) for p in pair]))
    assert_same_image(to_uint8(read_image(output)), expected)


@pytest.fixture
def camera(tmp_path):
    """Files as VIFB has them: infrared as JPEG of three equal channels, and RGB."""
    rng = np.random.default_rng(5)
    infrared = np.dstack([rng.integers(0, 256, (18, 21), dtype=np.uint8)] * 3)
    rgb = rng.integers(0, 256, (18, 21, 3), dtype=np.uint8)
    paths = [str(tmp_path / name) for name in ("ir.jpg", "vis.png")]
    for path, pixels in zip(paths, (infrared, rgb), strict=True):
        Image.fromarray(pixels).save(path)
    return paths


@pytest.mark.parametrize("colour", ["luminance", "channels"])
@pytest.mark.parametrize("name", [None, "laplacian", "mean", "convsr"])
def test_colour_files(camera, tmp_path, capsys, name, colour):
    output = tmp_path / "fused.png"
    chosen = ["--method", name] if name else ["--weights", "seeded"]
    command = ["fuse", *camera, "-o", str(output), *chosen]
    assert main([*command, "--colour", colour, "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert f"{camera[0]} holds grey in three channels and is" in captured.err
    assert json.loads(captured.out)["taken_as_grey"] == [camera[0]]
    infrared, rgb = (read_image(path, colour=True) for path in camera)
    pair = [infrared[..., 0], rgb]
    if name:
        expected = METHODS[name](pair, colour=colour)
    else:
        config = FusionConfig(colour=colour)
        expected = fuse(pair, config=config, weights="seeded").image
    found = read_image(output, colour=True)
    assert found.shape == (18, 21, 3)
    assert_same_image(to_uint8(found), to_uint8(expected))


def test_two_colour_files_only_by_channel(camera, tmp_path, capsys):
    output = str(tmp_path / "fused.png")
    command = ["fuse", camera[1], camera[1], "-o", output, "--method", "mean"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "at most one colour image" in error
    assert camera[1] in error
    assert main([*command, "--colour", "channels"]) == 0
    assert main([*command, "--colour", "hsv"]) == 2
    assert "colour must be one of luminance, channels" in capsys.readouterr().err


def test_dictionary_parameters_and_json(pair, tmp_path, capsys):
    atoms = np.random.default_rng(1).normal(size=(49, 60))
    dictionary = tmp_path / "atoms.dat"
    scipy.io.savemat(dictionary, {"D": atoms}, appendmat=False)
    output = tmp_path / "fused.png"
    command = [
        "fuse", *pair, "-o", str(output), "--method", "jsr", "--json",
        "--dictionary", str(dictionary),
        "--param", "convention=published", "--param", "sparsity=5",
    ]  # fmt: skip
    assert main(command) == 0
    expected = jsr(
        [read_image(p) for p in pair],
        dictionary=atoms,
        convention="published",
        sparsity=5,
    )
    assert_same_image(to_uint8(read_image(output)), to_uint8(expected))
    printed = json.loads(capsys.readouterr().out)
    assert printed["method"] == "jsr"
    assert printed["parameters"] == {
        "dictionary": str(dictionary),
        "sparsity": 5,
        "convention": "published",
        "seed": 0,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "nope"], "method must be one of cbf, wls"),
        (["--method", "cbf", "--preset", "released"], "--preset belongs to the paper"),
        (["--method", "cbf", "--lam", "2"], "--lam belongs to the paper's method"),
        (["--method", "cbf", "--dictionary", "x.mat"], "method cbf takes none"),
        (["--method", "jsr", "--dictionary", "no.mat"], "no.mat does not exist"),
        (["--method", "cbf", "--param", "kernel"], "--param must be NAME=VALUE"),
        (["--method", "cbf", "--param", "x=1"], "a name from sigma_s, sigma_r"),
        (["--method", "cbf", "--param", "kernel=a"], "kernel must be of type int"),
        (["--method", "cbf", "--param", "kernel=2"], "kernel must be odd"),
        (["--dictionary", "x.mat"], "--dictionary and --param need --method"),
    ],
)
def test_bad_arguments_are_one_line(pair, tmp_path, capsys, arguments, message):
    output = tmp_path / "fused.png"
    assert main(["fuse", *pair, "-o", str(output), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize("name", METHODS)
def test_bad_files_give_the_same_errors(pair, tmp_path, capsys, name):
    other = tmp_path / "other.png"
    write_image(other, np.zeros((9, 9)))
    text = tmp_path / "text.png"
    text.write_text("no image")
    output = tmp_path / "fused.png"
    for sources in (
        [pair[0], str(other)],
        [pair[0], str(text)],
        [pair[0], str(tmp_path / "missing.png")],
        [pair[0]],
    ):
        errors = []
        for method in ([], ["--method", name]):
            assert main(["fuse", *sources, "-o", str(output), *method]) == 2
            errors.append(capsys.readouterr().err)
        assert errors[0] == errors[1]
        assert errors[0].count("\n") == 1
        assert not output.exists()
