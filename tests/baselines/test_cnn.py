"""The CNN of Liu et al.: the network, the rules around it, and its weights."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io
import scipy.ndimage
import scipy.signal
from PIL import Image
from safetensors.numpy import load_file, save_file

from fusionbook.simulated import multi_focus
from fusionlib.baselines import _cnn, cnn, cnn_focus, cnn_weights
from fusionlib.baselines._cnn import (
    decision_map,
    focus_map,
    fuse_pyramids,
    large_regions,
    score_map,
)
from fusionlib.baselines.cnn_weights import (
    import_network,
    load_network,
    network_state,
    read_network,
)
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.images.io import to_uint8
from fusionlib.vgg.files import digest
from fusionlib.vgg.sources import cached_path

from ..conftest import psnr
from ..support.vifb import GREY, through_jpeg

RNG = np.random.default_rng(0)

#: Outputs of the three convolutions of the small networks here.
CHANNELS = (3, 4, 5)


@pytest.fixture(scope="module")
def stored():
    """Variables as in the authors' file: inputs, taps column by column, outputs."""
    counts = [1, *CHANNELS]
    variables = {}
    for n in (1, 2, 3):
        shape = (counts[n - 1], 9, counts[n])
        variables[f"weights_b1_{n}"] = RNG.normal(size=shape).astype("f4") / 3
        variables[f"biases_b1_{n}"] = RNG.normal(size=(counts[n], 1)).astype("f4")
    variables["weights_b1_1"] = variables["weights_b1_1"][0]
    shape = (2 * counts[3], 64, 2)
    variables["weights_output"] = RNG.normal(size=shape).astype("f4") / 20
    variables["biases_output"] = np.ones((2, 1), "f4")
    return variables


@pytest.fixture
def mat(stored, tmp_path):
    path = tmp_path / "net.mat"
    scipy.io.savemat(path, stored)
    return path


@pytest.fixture
def network(mat):
    return read_network(mat)


# --- the network -----------------------------------------------------------------


def naive_scores(first, second, stored):
    """The network by loops over channels, from the variables of the file."""

    def kernel(taps):
        side = round(len(taps) ** 0.5)
        return taps.reshape(side, side, order="F")

    def features(image):
        maps = [image]
        for n in (1, 2, 3):
            weights = np.reshape(stored[f"weights_b1_{n}"], (len(maps), 9, -1))
            sums = [
                sum(
                    scipy.signal.correlate2d(m, kernel(w[:, k]), mode="same")
                    for m, w in zip(maps, weights, strict=True)
                )
                for k in range(weights.shape[2])
            ]
            biases = stored[f"biases_b1_{n}"].ravel()
            maps = [np.maximum(s + b, 0) for s, b in zip(sums, biases, strict=True)]
            if n == 2:
                even = [np.pad(m, [(0, s % 2) for s in m.shape]) for m in maps]
                maps = [
                    np.max([m[y::2, x::2] for y in (0, 1) for x in (0, 1)], axis=0)
                    for m in even
                ]
        return maps

    maps = features(first) + features(second)
    weights = stored["weights_output"]
    outputs = [
        sum(
            scipy.signal.correlate2d(m, kernel(w[:, k]), mode="valid")
            for m, w in zip(maps, weights, strict=True)
        )
        for k in (0, 1)
    ]
    return np.exp(outputs[1]) / (np.exp(outputs[0]) + np.exp(outputs[1]))


@pytest.mark.parametrize("shape", [(20, 23), (15, 16)])
def test_scores_are_those_of_the_definition(stored, network, shape):
    first, second = RNG.uniform(size=(2, *shape))
    scores = score_map(first, second, network)
    expected = naive_scores(first, second, stored)
    assert scores.shape == expected.shape
    assert expected.min() > 0.001
    assert expected.max() < 0.999
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_a_score_sees_its_window_and_four_pixels_around(network):
    first, second = RNG.uniform(size=(2, 60, 60))
    before = score_map(first, second, network)
    first[30, 21] = 1 - first[30, 21]
    rows, columns = np.nonzero(score_map(first, second, network) != before)
    assert rows.min() >= (30 - 19) / 2
    assert rows.max() <= (30 + 4) / 2
    assert columns.min() >= (21 - 19) / 2
    assert columns.max() <= (21 + 4) / 2
    assert len(set(rows)) >= 8


@pytest.mark.parametrize("shape", [(16, 16), (21, 30), (24, 17)])
def test_focus_is_the_mean_of_the_windows_that_hold_a_pixel(monkeypatch, shape):
    height, width = shape
    scores = RNG.uniform(size=(-(-height // 2) - 7, -(-width // 2) - 7))
    monkeypatch.setattr(_cnn, "score_map", lambda *_: scores)
    total, count = np.zeros(shape), np.zeros(shape)
    for (i, j), score in np.ndenumerate(scores):
        total[2 * i : 2 * i + 16, 2 * j : 2 * j + 16] += score
        count[2 * i : 2 * i + 16, 2 * j : 2 * j + 16] += 1
    found = focus_map(np.zeros(shape), np.zeros(shape), {})
    np.testing.assert_allclose(found, total / count, atol=1e-12)


# --- the rules around it ---------------------------------------------------------


def test_small_regions_are_removed_and_corners_connect():
    mask = np.zeros((6, 8), bool)
    mask[0, 0] = mask[1, 1] = mask[2, 2] = True  # three that touch at corners
    mask[4, 5:7] = True
    expected = mask.copy()
    expected[4] = False
    np.testing.assert_array_equal(large_regions(mask, 3), expected)
    assert not large_regions(mask, 4).any()


def test_the_decision_follows_the_map_and_forgets_specks(monkeypatch):
    shape = (60, 80)
    focus = np.full(shape, 0.2)
    focus[:, :40] = 0.9
    focus[20:24, 10:14] = 0.1  # 16 pixels of 4800: less than one in a hundred
    focus[40:44, 60:64] = 0.8
    monkeypatch.setattr(_cnn, "focus_map", lambda *_: focus)
    image = RNG.uniform(size=shape)
    weight = decision_map(image, image, {}, radius=4, eps=0.1)
    np.testing.assert_allclose(weight[:, :31], 1, atol=1e-9)
    np.testing.assert_allclose(weight[:, 49:], 0, atol=1e-9)


@pytest.mark.parametrize("shape", [(16, 16), (37, 50)])
def test_alike_bands_are_averaged_and_others_chosen(shape):
    image = RNG.uniform(0.1, 0.9, shape)
    weight = np.full(shape, 0.3)
    # A match of 2 * 0.8 / (1 + 0.64) = 0.976 in every band.
    fused = fuse_pyramids(image, 0.8 * image, weight, 0.97)
    np.testing.assert_allclose(fused, (0.3 + 0.7 * 0.8) * image, atol=1e-12)
    fused = fuse_pyramids(0.8 * image, image, weight, 0.98)
    np.testing.assert_allclose(fused, image, atol=1e-12)


# --- the stand-in ----------------------------------------------------------------


def test_the_stand_in_does_not_prefer_an_order():
    first, second = RNG.uniform(size=(2, 40, 42))
    network = load_network("standin")
    there, back = focus_map(first, second, network), focus_map(second, first, network)
    np.testing.assert_allclose(there, 1 - back, atol=1e-5)


def test_the_stand_in_fuses_photographs_that_it_never_saw():
    """It was trained on rendered scenes; this is a photograph with measured depth."""
    inner = slice(16, -16)
    # Measured: 3.9 dB with two photographs, with the authors' network as well.
    for focus in ((0, 1), (0, 0.5, 1)):
        task = multi_focus(focus)
        truth = task.truth[inner, inner]
        best = max(psnr(source[inner, inner], truth) for source in task.sources)
        assert psnr(cnn_focus(task.sources)[inner, inner], truth) > best + 3


# --- weights ---------------------------------------------------------------------


def test_the_default_does_not_depend_on_the_cache(clean_home, mat, monkeypatch):
    pair = RNG.uniform(size=(2, 20, 24))
    before = cnn(pair)
    network = read_network(mat)
    monkeypatch.setattr(cnn_weights, "AUTHORS_SHA256", digest(network, network))
    import_network(mat)
    np.testing.assert_allclose(cnn(pair), before, atol=1e-6)
    np.testing.assert_allclose(cnn(pair, weights="standin"), before, atol=1e-6)
    imported = cnn(pair, weights="authors")
    np.testing.assert_allclose(imported, cnn(pair, weights=mat), atol=1e-6)
    assert np.abs(imported - before).max() > 1e-3


def test_import_says_the_terms_and_verify_finds_damage(
    clean_home, mat, monkeypatch, capsys
):
    assert network_state() == "missing"
    with pytest.raises(InputError, match="weights import cnn FILE"):
        load_network("authors")
    assert main(["weights", "import", "cnn", str(mat)]) == 2
    assert "does not hold the authors' network" in capsys.readouterr().err
    network = read_network(mat)
    monkeypatch.setattr(cnn_weights, "AUTHORS_SHA256", digest(network, network))
    assert main(["weights", "import", "cnn", str(mat)]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == str(cached_path("cnn"))
    assert "free for research purposes only" in captured.err
    assert main(["weights", "verify"]) == 0
    assert main(["weights", "list"]) == 0
    assert str(cached_path("cnn")) in capsys.readouterr().out
    arrays = load_file(cached_path("cnn"))
    arrays["conv1.bias"][0] += 1
    save_file(arrays, cached_path("cnn"))
    assert network_state() == "damaged"
    assert main(["weights", "verify"]) == 1
    with pytest.raises(InputError, match="is damaged; import the authors' file again"):
        load_network("authors")
    assert main(["weights", "import", "cnn", str(mat), "--as", "oxford"]) == 2


def test_files_of_another_form_are_refused(stored, network, tmp_path):
    with pytest.raises(InputError, match="must be 'standin', 'authors' or the path"):
        cnn(np.zeros((2, 16, 16)), weights="author")
    with pytest.raises(InputError, match="weights must be a path, got int"):
        load_network(3)
    with pytest.raises(InputError, match=r"or .safetensors, got '.h5'"):
        (tmp_path / "x.h5").write_bytes(b"")
        load_network(tmp_path / "x.h5")
    bad = tmp_path / "bad.mat"
    bad.write_bytes(b"MATLAB" * 40)
    with pytest.raises(InputError, match="weights: .* cannot be read"):
        load_network(bad)
    scipy.io.savemat(bad, {key: value for key, value in stored.items()
                           if key != "weights_b1_3"})  # fmt: skip
    with pytest.raises(InputError, match="holds no array named weights_b1_3"):
        load_network(bad)
    other = tmp_path / "other.safetensors"
    save_file(dict(network) | {"conv2.weight": np.ones((4, 2, 3, 3), "f4")}, other)
    with pytest.raises(InputError, match=r"\(4, 3, 3, 3\), got \(4, 2, 3, 3\)"):
        load_network(other)
    save_file(dict(network) | {"conv1.bias": np.full(3, np.nan, "f4")}, other)
    with pytest.raises(InputError, match="conv1.bias in .* holds NaN"):
        load_network(other)


# --- the authors' results --------------------------------------------------------


@pytest.fixture(scope="module")
def authors(reference_folder):
    return read_network(reference_folder / "cnn" / "cnnmodel.mat")


def read(path):
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.float64) / 255


def test_the_authors_file_can_be_imported(reference_folder, clean_home):
    file = reference_folder / "cnn" / "cnnmodel.mat"
    kept = load_file(import_network(file))
    for key, array in read_network(file).items():
        np.testing.assert_array_equal(kept[key], array)
    assert network_state() == "ok"


@pytest.mark.more
def test_the_stored_fused_photograph(reference_folder, authors):
    """The decision is made in grey and used for red, green and blue.

    The few pixels that differ by more than a level lie along the edge of the
    decision, which is one pixel off in places.
    """
    folder = reference_folder / "cnn"
    first, second, expected = (
        read(folder / f"{name}.tif")
        for name in ("children_1", "children_2", "fused_cnn")
    )
    weight = decision_map(first @ GREY, second @ GREY, authors)[..., None]
    fused = to_uint8(weight * first + (1 - weight) * second)
    difference = np.abs(fused - np.rint(expected * 255)).max(axis=-1)
    assert (difference <= 1).mean() >= 0.99
    mask = weight[..., 0] > 0.5
    edge = mask ^ scipy.ndimage.binary_erosion(mask)
    distance = scipy.ndimage.distance_transform_edt(~edge)
    assert distance[difference > 1].max() <= 2 * 8 + 2


#: The eleven pairs of VIFB whose fused images are stored; the smallest first.
PAIRS = ("walking", "carLight", "carWhite", "fight", "labMan", "manCall", "manlight",
         "manwithbag", "peopleshadow", "snow", "walkingnight")  # fmt: skip


@pytest.mark.parametrize(
    "pair",
    [pytest.param(x, marks=[pytest.mark.more][:k]) for k, x in enumerate(PAIRS)],
)
def test_the_stored_images_of_vifb(reference_folder, authors, pair):
    """The map of the grey images serves for each channel; then the same JPEG."""
    folder = reference_folder / "vifb"
    infrared, visible = (
        read(next((folder / "input" / band).glob(f"{pair}.*"))) for band in ("IR", "VI")
    )
    weight = focus_map(infrared @ GREY, visible @ GREY, authors)
    fused = [
        fuse_pyramids(infrared[..., k], visible[..., k], weight, 0.6) for k in range(3)
    ]
    saved = through_jpeg(to_uint8(np.clip(np.dstack(fused), 0, 1)))
    expected = read(folder / "fused" / f"{pair}_CNN.jpg")
    # Measured: equal in every pixel, for all eleven pairs; 1e-6 are 60 dB.
    assert np.mean((saved / 255 - expected) ** 2) <= 1e-6
