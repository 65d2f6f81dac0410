"""``fusionlib fuse --method``."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.io

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
