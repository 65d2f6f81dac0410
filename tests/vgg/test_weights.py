"""Where weights come from, what is refused, and that nothing is left half done."""

import logging
import os
import warnings

import h5py
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

from fusionlib.errors import InputError
from fusionlib.features import feature_maps
from fusionlib.vgg.layers import CONVOLUTIONS
from fusionlib.vgg.weights import (
    SEEDED_MOMENTS,
    VGGWeights,
    WeightsWarning,
    cached_path,
    import_weights,
    load_weights,
    seeded_weights,
    verify_weights,
)

from ..support.weights_saved import save_all, save_vgg16


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


def test_three_formats_give_the_same_weights(clean_home, seeded):
    for path in save_all(clean_home, seeded):
        assert load_weights(path).sha256 == seeded.sha256


def test_state_dicts_of_every_age_and_of_parameters_are_read(clean_home, seeded):
    """torch wrote no zip files before 1.6, as torchvision's file of 2017 shows."""
    state = {key: torch.tensor(value) for key, value in seeded.arrays.items()}
    parameters = {key: torch.nn.Parameter(value) for key, value in state.items()}
    for number, values in enumerate((state, parameters)):
        for is_zip in (True, False):
            path = clean_home / f"{number}{is_zip}.pth"
            torch.save(values, path, _use_new_zipfile_serialization=is_zip)
            assert load_weights(path).sha256 == seeded.sha256


def test_reading_needs_no_cache(clean_home, seeded, monkeypatch):
    """Nothing can be written below a file, not even by the superuser."""
    (clean_home / "closed").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(clean_home / "closed"))
    for path in save_all(clean_home, seeded):
        assert load_weights(path).sha256 == seeded.sha256
    with pytest.warns(WeightsWarning, match="not a trained network"):
        assert load_weights().name == "seeded"
    with pytest.raises(InputError, match="cannot be written") as caught:
        import_weights(path, "oxford")
    assert "\n" not in str(caught.value)


def test_an_imported_file_is_loaded_by_its_path(clean_home, seeded):
    path = import_weights(save_all(clean_home, seeded)[1])
    assert path.parent == cached_path("x").parent
    (clean_home / "other").touch()
    assert path.stat().st_mode == (clean_home / "other").stat().st_mode
    assert load_weights(path).sha256 == seeded.sha256


def test_an_interrupted_conversion_leaves_nothing(clean_home, seeded, monkeypatch):
    _, pth, _ = save_all(clean_home, seeded)

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("safetensors.numpy.save", killed)
    with pytest.raises(KeyboardInterrupt):
        import_weights(pth)
    assert list(cached_path("x").parent.iterdir()) == []


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
        ("seeded:" + "9" * 5000, "seed must be a whole number"),
        ("oxford", "fusionlib weights fetch oxford"),
    ],
)
def test_unknown_names_are_refused(clean_home, name, message):
    with pytest.raises(InputError, match=message):
        load_weights(name)


def refused(value):
    """Load what cannot be loaded; return the one sentence that says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError) as caught:
            load_weights(value)
    message = str(caught.value)
    assert message.startswith("weights")
    assert "\n" not in message
    return message


KEY = "features.5.weight"


def test_bad_safetensors_files_are_refused(clean_home, seeded):
    path = clean_home / "bad.safetensors"

    def check(value, message):
        changed = dict(seeded.arrays) | {KEY: value}
        save_file({k: v for k, v in changed.items() if v is not None}, path)
        assert message in refused(path)

    check(np.zeros((3, 3), np.float32), "must have the shape (128, 64, 3, 3)")
    check(None, "has no features.5.weight")
    check(np.full_like(seeded.arrays[KEY], np.nan), "holds NaN")
    check(np.full_like(seeded.arrays[KEY], 1e300, np.float64), "infinity")
    check(seeded.arrays[KEY].astype(np.int32), "plain floating-point numbers, got I32")
    state = {key: torch.tensor(value) for key, value in seeded.arrays.items()}
    for number in (torch.float8_e4m3fn, torch.bfloat16):
        save_torch_file(state | {KEY: state[KEY].to(number)}, path)
        assert "plain floating-point numbers" in refused(path)


@pytest.mark.filterwarnings("ignore:torch.quantize:UserWarning")
def test_bad_state_dicts_are_refused(clean_home, seeded):
    path = clean_home / "bad.pth"
    state = {key: torch.tensor(value) for key, value in seeded.arrays.items()}
    whole = state[KEY]
    quantized = torch.quantize_per_tensor(whole, 0.1, 0, torch.qint8)
    plain = "must hold plain floating-point numbers"
    cases = [
        (7, "must hold a state dict, got int"),
        ([1, 2], "must hold a state dict, got list"),
        (state | {KEY: [1.0]}, "must be a tensor, got list"),
        (state | {KEY: whole[0]}, "must have the shape (128, 64, 3, 3)"),
        (state | {KEY: whole.int()}, plain),
        (state | {KEY: whole.to("meta")}, plain),
        (state | {KEY: whole.to_sparse()}, plain),
        (state | {KEY: quantized}, plain),
        (state | {KEY: whole * float("nan")}, "holds NaN"),
        ({}, "has no features.0.weight (conv1_1)"),
    ]
    for content, message in cases:
        torch.save(content, path)
        assert message in refused(path)


def test_bad_keras_files_are_refused(clean_home, seeded):
    path = save_all(clean_home, seeded)[2]
    name = "block1_conv1/block1_conv1_W_1:0"
    plain = "must hold plain floating-point numbers"

    def check(message, value=None, **options):
        with h5py.File(path, "a") as file:
            del file[name]
            if options or value is not None:
                file.create_dataset(name, data=value, **options)
        assert message in refused(path)

    check("has no features.0.weight")
    with h5py.File(path, "a") as file:
        file[name] = h5py.Empty("f4")
    assert "must have the shape (64,), got ()" in refused(path)
    huge = {"shape": (10**6,) * 4, "dtype": "f4", "chunks": (1, 1, 1, 1)}
    check("must have the shape (3, 3, 3, 64), got (1000000,", **huge)
    check(plain, np.zeros((3, 3, 3, 64), np.int64))
    (clean_home / "other").write_bytes(bytes(4 * 9 * 3 * 64))
    outside = [("other", 0, 4 * 9 * 3 * 64)]
    check(plain, shape=(3, 3, 3, 64), dtype="f4", external=outside)
    with h5py.File(path, "a") as file:
        del file["block1_conv1"]
        file["block1_conv1"] = h5py.ExternalLink(str(path), "block1_conv2")
    assert "damaged or not a Keras VGG-19 file" in refused(path)


def test_what_is_no_file_is_refused(clean_home, monkeypatch):
    for ending in ("safetensors", "pth", "h5", "whl"):
        os.mkfifo(clean_home / f"fifo.{ending}")
        assert "is a FIFO, not a weights file" in refused(clean_home / f"fifo.{ending}")
    (clean_home / "loop.pth").symlink_to("loop.pth")
    assert "loop.pth" in refused(clean_home / "loop.pth")
    (clean_home / "link.pth").symlink_to("nothing.pth")
    assert "is a link to nothing.pth" in refused(clean_home / "link.pth")
    (clean_home / "empty").mkdir()
    assert "must hold one .safetensors file, got 0" in refused(clean_home / "empty")
    assert "is a device" in refused("/dev/null")
    assert "too long" in refused("x" * 5000)
    assert "must be a name or a path, got int" in refused(5)
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", str(clean_home / "none.pth"))
    assert "FUSIONLIB_WEIGHTS" in refused(None)


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


def flip(path, place):
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_a_flipped_bit_is_noticed(clean_home, seeded):
    _, pth, _ = save_all(clean_home, seeded)
    path = import_weights(pth, "oxford")
    flip(path, -100)
    assert "do not match its checksum" in refused(path)
    assert "fusionlib weights fetch oxford" in refused("oxford")
    assert verify_weights() == {
        "oxford": "damaged",
        "imagenet": "missing",
        "vgg16": "missing",
    }
    flip(path, -100)
    assert verify_weights()["oxford"] == "ok"
    flip(pth, pth.stat().st_size // 2)
    assert "do not match their checksums" in refused(pth)


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_in_a_pickle_is_not_run(clean_home, is_zip, capsys):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    path = clean_home / "evil.pth"
    state = {"features.0.weight": Evil()}
    torch.save(state, path, _use_new_zipfile_serialization=is_zip)
    message = refused(path)
    assert "damaged or not a torch state dict of tensors only" in message
    assert "weights_only" not in message
    assert "executed" not in capsys.readouterr().out
