"""The network as ONNX gives the activities, and the fused image, of PyTorch."""

import dataclasses
import json
import sys

import numpy as np
import pytest

from fusionlib import FusionConfig, fuse, load_pair
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.features import activities
from fusionlib.fusion import fuse_details, reconstruct
from fusionlib.vgg.layers import PAPER_LAYERS
from fusionlib.vgg.onnx import _int8, export_onnx

from ..conftest import psnr
from ..support.command import refused

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

WEIGHTS = ("seeded", "oxford")
FORMS = (None, "fp16", "int8")

#: Largest error of an activity, relative to the largest activity of the layer.
#: Measured on a scene and two real pairs: 9e-7, 1.6e-4 and 7.4e-3.
ACTIVITY_ERROR = {None: 3e-6, "fp16": 5e-4, "int8": 1.5e-2}

#: Least PSNR in dB of the fused image from that of fusionlib.fuse. Measured: at
#: least 176, 128 and 93.
FUSED = {None: 150, "fp16": 115, "int8": 85}


def run(path, details, scale=1.0):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    stack = (np.stack(details) * scale).astype(np.float32)[:, None]
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"detail": stack}), strict=True))


def maps(outputs, before_relu):
    """Return the four activity maps under the names that the library gives them."""
    return {
        name: outputs[name.replace("relu", "conv") if before_relu else name]
        for name in PAPER_LAYERS
    }


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Write each form of each set of weights once."""
    folder, done = tmp_path_factory.mktemp("onnx"), {}

    def get(weights, quantize):
        key = weights.sha256, quantize
        if key not in done:
            path = folder / f"{len(done)}.onnx"
            export_onnx(weights, path, quantize=quantize)
            done[key] = path
        return done[key]

    return get


@pytest.fixture(params=WEIGHTS)
def weights(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 6), (2, 3), (9, 17), (35, 23), (40, 64)], ids=str
)
@pytest.mark.parametrize("before_relu", [False, True])
def test_any_size_gives_the_activities_of_pytorch(
    exported, weights, shape, before_relu
):
    rng = np.random.RandomState(sum(shape))
    config = FusionConfig(before_relu=before_relu)
    for sources in (1, 3):
        details = rng.normal(0, 0.1, (sources, *shape))
        found = maps(run(exported(weights, None), details), before_relu)
        for name, expected in activities(details, weights, config).items():
            assert found[name].shape == expected.shape
            error = np.abs(found[name] - expected).max()
            assert error < ACTIVITY_ERROR[None] * expected.max(), name


@pytest.mark.parametrize("quantize", FORMS)
@pytest.mark.parametrize("scale", [1.0, 255.0])
@pytest.mark.parametrize("before_relu", [False, True])
def test_the_fused_image_is_that_of_the_library(
    exported, weights, quantize, scale, before_relu
):
    sources = [image[40:167, 30:205] for image in load_pair("street").sources]
    config = FusionConfig(before_relu=before_relu, input_scale=scale)
    expected = fuse(sources, config=config, weights=weights)
    outputs = run(exported(weights, quantize), expected.I_d, scale)
    found = maps(outputs, before_relu)
    for name in PAPER_LAYERS:
        error = np.abs(found[name] - expected.C[name]).max()
        assert error < ACTIVITY_ERROR[quantize] * expected.C[name].max(), name
    details = fuse_details(found, expected.I_d, config)
    fused = np.clip(reconstruct(expected.F_b, details.F_d), 0, 1)
    assert psnr(fused, expected.image) > FUSED[quantize]


@pytest.mark.parametrize(("quantize", "bits"), [(None, 32), ("fp16", 16), ("int8", 8)])
def test_the_file_is_as_large_as_its_kernels(seeded, tmp_path, quantize, bits):
    written = export_onnx(seeded, tmp_path / "n.onnx", quantize=quantize)
    kernels = sum(a.size for a in seeded.arrays.values() if a.ndim == 4)
    assert written["bytes"] == (tmp_path / "n.onnx").stat().st_size
    assert kernels * bits / 8 < written["bytes"] < kernels * bits / 8 + 30_000


def test_the_file_says_what_it_holds(seeded, tmp_path):
    path = tmp_path / "n.onnx"
    odd = dataclasses.replace(seeded, name="odd", trained=True, partial="one tap")
    written = export_onnx(odd, path, quantize="int8")
    properties = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert properties["weights"] == written["weights"]["name"] == "odd"
    assert properties["sha256"] == written["weights"]["sha256"] == seeded.sha256
    assert (properties["trained"], written["weights"]["trained"]) == ("true", True)
    assert properties["partial"] == written["weights"]["partial"] == "one tap"
    assert properties["quantize"] == written["quantize"] == "int8"
    assert properties["version"] == written["version"]
    assert properties["layers"] == ",".join(PAPER_LAYERS)
    export_onnx(seeded, path)
    properties = {p.key: p.value for p in onnx.load(path).metadata_props}
    assert (properties["trained"], properties["quantize"]) == ("false", "none")


def test_the_same_weights_give_the_same_bytes(seeded, tmp_path):
    first, second = tmp_path / "a.onnx", tmp_path / "b.onnx"
    for path in (first, second):
        export_onnx(seeded, path, quantize="int8")
    assert first.read_bytes() == second.read_bytes()


def test_eight_bits_are_off_by_half_a_step_at_most():
    kernel = np.random.RandomState(0).normal(size=(5, 4, 3, 3))
    kernel[1] = 0
    kernel[2] = np.rint(kernel[2] * 40)
    kernel[2, 0, 0, 0] = -127
    values, scales = _int8(kernel)
    restored = values * scales[:, None, None, None]
    half = np.where(scales < 1, scales, 0)[:, None, None, None] / 2
    assert (np.abs(restored - kernel) <= half * (1 + 1e-6)).all()
    assert np.abs(values).max(axis=(1, 2, 3)).tolist() == [127, 0, 127, 127, 127]
    # A channel that is made of whole steps loses nothing.
    assert np.array_equal(restored[1:3], kernel[1:3])


@pytest.mark.parametrize(
    ("name", "quantize", "message"),
    [
        ("n.onnx", "int4", "quantize must be one of int8, fp16, got 'int4'"),
        ("n.pb", None, "must end in .onnx, got '.pb'"),
        ("nowhere/n.onnx", None, "nowhere"),
    ],
)
def test_bad_arguments_are_refused(seeded, tmp_path, name, quantize, message):
    with pytest.raises(InputError, match=message):
        export_onnx(seeded, tmp_path / name, quantize=quantize)
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_file(seeded, tmp_path, monkeypatch):
    path = tmp_path / "n.onnx"
    path.write_text("old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("fusionlib.images.io.os.replace", fail)
    with pytest.raises(InputError, match="disk full"):
        export_onnx(seeded, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_command_writes_and_names_the_file(tmp_path, capsys):
    out = tmp_path / "n.onnx"
    arguments = ["export-onnx", "-o", str(out), "--weights", "seeded"]
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"{out}\n"
    onnx.checker.check_model(str(out))
    assert main([*arguments, "--quantize", "fp16", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["bytes"] == out.stat().st_size
    assert (record["quantize"], record["weights"]["name"]) == ("fp16", "seeded")


def test_the_command_refuses_in_one_line(tmp_path, capsys, monkeypatch):
    out = tmp_path / "n.onnx"
    arguments = ["export-onnx", "-o", str(out), "--weights"]
    assert "int4" in refused(capsys, [*arguments, "seeded", "--quantize", "int4"], out)
    assert "nothing.pth" in refused(capsys, [*arguments, "nothing.pth"], out)
    # What Python does when a package is not installed.
    monkeypatch.setitem(sys.modules, "onnx", None)
    line = refused(capsys, [*arguments, "seeded"], out)
    assert line.endswith("pip install 'irvis-fusionlib[onnx]'")
