"""``fusionlib evaluate``."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from fusionlib import metrics
from fusionlib.cli import main


@pytest.fixture
def files(tmp_path):
    """Two sources and their mean, 8-bit, 48x50."""
    rng = np.random.RandomState(0)
    a, b = rng.randint(0, 256, (2, 48, 50)).astype(np.uint8)
    fused = ((a.astype(int) + b) // 2).astype(np.uint8)
    paths = []
    for name, image in (("ir", a), ("vis", b), ("fused", fused)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
        paths.append(str(tmp_path / f"{name}.png"))
    return paths, fused / 255, [a / 255, b / 255]


def test_json_of_all_metrics(files, capsys):
    paths, fused, sources = files
    assert main(["evaluate", *paths, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result.pop("convention") == "published"
    assert result == dict(metrics.evaluate(fused, sources))


def test_json_of_some_by_the_exact_convention(files, capsys):
    paths, fused, sources = files
    options = ["--metrics", "N_abf, FMI_w", "--convention", "exact", "--json"]
    assert main(["evaluate", *paths, *options]) == 0
    result = json.loads(capsys.readouterr().out)
    expected = metrics.evaluate(
        fused, sources, metrics=["N_abf", "FMI_w"], convention="exact"
    )
    assert list(result) == ["N_abf", "FMI_w", "convention"]
    assert result == dict(expected) | {"convention": "exact"}


def test_table(files, capsys):
    paths, fused, sources = files
    assert main(["evaluate", *paths]) == 0
    out = capsys.readouterr().out
    assert f"{metrics.q_abf_kumar(fused, sources):.5f}" in out
    assert "convention: published" in out
    assert "lower is better" in out


def test_more_than_two_sources(files, capsys):
    paths, fused, sources = files
    command = ["evaluate", *paths[:2], paths[0], paths[2], "--metrics", "MI", "--json"]
    assert main(command) == 0
    value = json.loads(capsys.readouterr().out)["MI"]
    assert value == metrics.mutual_information(fused, [*sources, sources[0]])


def test_infinite_psnr_is_null(files, capsys):
    paths, _, _ = files
    assert main(["evaluate", *[paths[0]] * 3, "--metrics", "PSNR", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "PSNR": None,
        "convention": "published",
    }


def test_small_images_say_what_is_missing(tmp_path, capsys):
    path = str(tmp_path / "small.png")
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(path)
    assert main(["evaluate", path, path, path, "--json"]) == 0
    captured = capsys.readouterr()
    assert "MS_SSIM (44x44)" in captured.err
    assert "MS_SSIM" not in json.loads(captured.out)


def _bad_file(tmp_path, kind):
    path = tmp_path / f"{kind}.png"
    grey = np.arange(48 * 50, dtype=np.uint16).reshape(48, 50)
    if kind == "other size":
        Image.fromarray(np.zeros((48, 51), np.uint8)).save(path)
    elif kind == "16-bit":
        Image.fromarray(grey).save(path)
    elif kind == "alpha":
        Image.fromarray(np.zeros((48, 50, 2), np.uint8), mode=None).save(path)
    elif kind == "text":
        path.write_text("not an image")
    elif kind == "truncated":
        noise = np.random.RandomState(0).randint(0, 256, (48, 50)).astype(np.uint8)
        Image.fromarray(noise).save(path)
        path.write_bytes(path.read_bytes()[:900])
    return str(path)


KINDS = ["other size", "16-bit", "alpha", "text", "truncated", "missing"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_bad_files(files, tmp_path, capsys, kind, position):
    paths = list(files[0])
    paths[position] = _bad_file(tmp_path, kind)
    assert main(["evaluate", *paths, "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("fusionlib: error: ")
    assert f"{kind}.png" in captured.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metrics", "Nabf"], "Nabf"),
        (["--metrics", ""], "metrics"),
        (["--convention", "mine"], "convention"),
    ],
)
def test_bad_options(files, capsys, options, message):
    assert main(["evaluate", *files[0], *options]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_files(files, capsys, count):
    assert main(["evaluate", *files[0][:count]]) == 2
    assert "two sources and the fused image" in capsys.readouterr().err
