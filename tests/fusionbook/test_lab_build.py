"""What the lab page runs is gathered whole, or the page learns why it is not."""

import base64
import gzip
import json
import os
import re
import shutil
from pathlib import Path

import pytest

import fusionbook

from ..support.files import load_script

pytest.importorskip("onnx")

LAB = Path(__file__).parents[2] / "book" / "lab"

#: Bytes that the page may take over the wire, compressed.
TRANSFER = 9_000_000


@pytest.fixture
def lab():
    return load_script(LAB / "build.py")


@pytest.fixture
def runtime(lab):
    try:
        lab._install()
    except lab.Unavailable as reason:
        pytest.skip(str(reason))


def script_value(path, name):
    """Return what a classic script of one assignment gives a global."""
    text = path.read_text()
    start = f"globalThis.{name} = "
    assert text.startswith(start)
    assert text.endswith(";\n")
    return json.loads(text[len(start) : -2])


def assert_only_a_reason(folder, reason):
    model = script_value(folder / "lab-model.js", "__fusionlibLabModel")
    assert model == json.loads((folder / "model.json").read_text())
    assert model["available"] is False
    assert reason in model["reason"]
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["lab-model.js", "model.json"]


def test_the_folder_is_whole(lab, runtime, tmp_path, clean_home, monkeypatch):
    import onnx

    monkeypatch.setenv("FUSIONLIB_WEIGHTS", "seeded:3")
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "stale.js").write_text("")
    lab.build(folder)
    model = script_value(folder / "lab-model.js", "__fusionlibLabModel")
    assert model == json.loads((folder / "model.json").read_text())
    assert (model["available"], model["quantize"]) == (True, "int8")
    said = "seeded:3 (random numbers, not a trained network)"
    assert (model["weights"]["label"], model["weights"]["kind"]) == (said, "random")
    onnx.checker.check_model(str(folder / "network.onnx"))
    assert sorted(model["bytes"]) == [
        "bundle.js",
        "network.onnx",
        "ort-wasm-simd-threaded.asyncify.mjs",
        "ort-wasm-simd-threaded.asyncify.wasm",
        "ort-wasm-simd-threaded.mjs",
        "ort-wasm-simd-threaded.wasm",
        "ort.wasm.min.js",
        "ort.webgpu.min.js",
    ]
    for name, size in model["bytes"].items():
        assert (folder / name).stat().st_size == size, name
    assert not (folder / "stale.js").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["lab"]

    bundle = script_value(folder / "bundle.js", "__fusionlibLabBundle")
    files = {"mjs": "ort-wasm-simd-threaded.mjs", "model": "network.onnx"}
    files |= {"wasm": "ort-wasm-simd-threaded.wasm", "ort": "ort.wasm.min.js"}
    assert bundle.keys() == files.keys()
    for key, name in files.items():
        content = gzip.decompress(base64.b64decode(bundle[key]))
        assert content == (folder / name).read_bytes(), name


def test_the_page_is_light_enough(lab, runtime, tmp_path, clean_home):
    # Random kernels compress worst.
    lab.build(tmp_path / "lab")
    scripts = sorted((Path(fusionbook.__file__).parent / "static").iterdir())
    assert scripts
    sizes = {
        path.name: len(gzip.compress(path.read_bytes(), 9))
        for path in (*(tmp_path / "lab").iterdir(), *scripts)
    }
    assert sizes["bundle.js"] < TRANSFER
    # With a graphics card its runtime is loaded instead of the other one.
    card = sum(sizes[name] for name in lab.GRAPHICS)
    assert card < TRANSFER
    assert sum(sizes.values()) - sizes["bundle.js"] - card < TRANSFER


def test_without_npm_the_page_learns_why(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(lab, "HERE", copy_of_lab(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    lab.build(tmp_path / "lab")
    assert_only_a_reason(tmp_path / "lab", "npm is not installed")


def test_when_npm_fails_its_own_words_stay_out_of_the_book(
    lab, tmp_path, monkeypatch, capfd
):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'could not reach https://registry' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(lab, "HERE", copy_of_lab(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    lab.build(tmp_path / "lab")
    assert_only_a_reason(tmp_path / "lab", "npm could not install onnxruntime-web")
    assert "https" not in (tmp_path / "lab" / "lab-model.js").read_text()
    assert "could not reach" in capfd.readouterr().err


def test_weights_that_cannot_be_used_do_not_stop_the_book(
    lab, runtime, tmp_path, monkeypatch
):
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", str(tmp_path / "nothing.pth"))
    lab.build(tmp_path / "lab")
    assert_only_a_reason(tmp_path / "lab", "nothing.pth")


def copy_of_lab(folder):
    """Return a folder with the lock file and no installed packages."""
    target = folder / "source"
    target.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LAB / name, target)
    return target


def test_every_package_is_pinned_by_its_hash_and_no_registry_is_named():
    text = (LAB / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    wanted = json.loads((LAB / "package.json").read_text())["dependencies"]
    assert packages[""]["dependencies"] == wanted
    for name, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert packages[f"node_modules/{name}"]["version"] == version
    for name, package in packages.items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, name
    assert "://" not in text + (LAB / ".npmrc").read_text()
