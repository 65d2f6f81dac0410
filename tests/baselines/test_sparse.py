"""ConvSR, JSR, JSRSD, their solvers and their dictionaries."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from safetensors import safe_open
from safetensors.numpy import save_file

from fusionlib.baselines._convsr import convsr, sparse_maps, synthesise
from fusionlib.baselines._jsr import jsr, jsrsd, learn_patch_dictionary
from fusionlib.baselines._patches import choose, classify, join, patches
from fusionlib.baselines.dictionaries import (
    as_dictionary,
    default_convsr_dictionary,
    read_dictionary,
)
from fusionlib.baselines.sparse_coding import decode, ksvd, sparse_codes
from fusionlib.data import load_pair, scenes
from fusionlib.errors import InputError


@pytest.fixture(scope="module")
def pair():
    """A warm disc over a ramp, and texture: what the bands typically have."""
    y, x = np.mgrid[:40, :44]
    noise = np.random.default_rng(0).normal(scale=0.01, size=(2, 40, 44))
    disc = 0.5 * (np.hypot(y - 20, x - 15) < 6)
    infrared = 0.2 + 0.003 * x + disc
    visible = 0.5 + 0.15 * np.sin(0.9 * x) * np.sin(0.7 * y)
    return np.clip(np.stack([infrared, visible]) + noise, 0, 1)


@pytest.fixture(scope="module")
def atoms():
    return ksvd(
        np.random.default_rng(1).normal(size=(300, 49)),
        atoms=60,
        sparsity=4,
        iterations=2,
    )


# --- convolutional sparse coding ---------------------------------------------------


def unit_filters(rng, count=5, size=4):
    filters = rng.normal(size=(size, size, count))
    return filters / np.linalg.norm(filters.reshape(-1, count), axis=0)


def test_synthesis_is_a_circular_convolution():
    rng = np.random.default_rng(2)
    filters = unit_filters(rng)
    maps = np.zeros((5, 9, 11), dtype=np.float32)
    maps[2, 8, 10] = 2
    expected = np.zeros((9, 11))
    for p in range(4):
        for q in range(4):
            expected[(8 + p) % 9, (10 + q) % 11] += 2 * filters[p, q, 2]
    np.testing.assert_allclose(synthesise(maps, filters), expected, atol=1e-6)


def test_an_impulse_filter_soft_thresholds_the_image():
    image = np.random.default_rng(3).normal(scale=0.1, size=(12, 13))
    impulse = np.ones((1, 1, 1))
    maps = sparse_maps(image, impulse, lam=0.05, tol=1e-6, iterations=2000)
    expected = np.sign(image) * np.maximum(np.abs(image) - 0.05, 0)
    np.testing.assert_allclose(maps[0], expected, atol=1e-6)


def test_maps_fulfil_the_optimality_conditions():
    rng = np.random.default_rng(4)
    filters = unit_filters(rng)
    image = rng.normal(scale=0.1, size=(16, 15))
    lam = 0.02
    maps = sparse_maps(image, filters, lam=lam, tol=1e-6, iterations=5000)
    rest = image - synthesise(maps, filters)
    # Correlating the residual with the filters: lam where a coefficient is not
    # zero, with its sign, and at most lam everywhere.
    spectra = np.conj(
        np.fft.fft2(np.moveaxis(filters, 2, 0), s=image.shape, axes=(1, 2))
    )
    slope = np.fft.ifft2(spectra * np.fft.fft2(rest)).real
    assert np.abs(slope).max() <= lam * 1.001
    active = np.abs(maps) > 1e-5
    assert active.any()
    np.testing.assert_allclose(
        slope[active], lam * np.sign(maps[active]), rtol=2e-3, atol=0
    )


def test_a_large_penalty_leaves_nothing():
    image = np.random.default_rng(5).normal(scale=0.1, size=(16, 15))
    filters = unit_filters(np.random.default_rng(5))
    maps = sparse_maps(image, filters, lam=100.0)
    assert not maps.any()


def test_convsr_keeps_each_source_where_it_alone_has_detail():
    y, x = np.mgrid[:48, :64]
    wave = 0.2 * np.sin(1.2 * x) * np.sin(1.1 * y)
    left, right = x < 26, x > 38
    fused = convsr([0.5 + wave * left, 0.5 + wave * right])
    target = 0.5 + wave * (left | right)
    inside = (slice(6, -6), slice(6, -6))
    assert np.abs(fused - target)[inside].max() < 0.08
    assert np.abs(fused - target)[inside].mean() < 0.02


def test_convsr_with_another_dictionary(pair, tmp_path):
    filters = unit_filters(np.random.default_rng(6), count=7, size=6)
    path = tmp_path / "filters.mat"
    scipy.io.savemat(path, {"D": filters})
    np.testing.assert_allclose(
        convsr(pair, dictionary=path), convsr(pair, dictionary=filters), atol=1e-6
    )
    assert np.abs(convsr(pair, dictionary=path) - convsr(pair)).max() > 1e-3


def test_convsr_returns_identical_sources_as_the_penalty_vanishes(pair):
    image = pair[1]
    error = [
        np.abs(convsr([image, image], lam=lam) - image).max() for lam in (1e-2, 1e-4)
    ]
    assert error[0] < 0.06
    assert error[1] < 0.05 * error[0]


def test_convsr_ties_go_to_the_last():
    flat = np.full((12, 12), 0.5)
    np.testing.assert_allclose(convsr([flat, flat, flat]), flat, atol=1e-7)


# --- patches -----------------------------------------------------------------------


def test_pursuit_finds_orthonormal_atoms():
    rng = np.random.default_rng(7)
    basis, _ = np.linalg.qr(rng.normal(size=(20, 20)))
    codes = np.zeros((6, 20))
    for row in codes:
        row[rng.choice(20, 3, replace=False)] = rng.choice([-1, 1], 3) * (
            1 + rng.uniform(size=3)
        )
    index, value = sparse_codes(codes @ basis.T, basis, 3)
    found = np.zeros_like(codes)
    np.put_along_axis(found, index.astype(int), value, axis=1)
    np.testing.assert_allclose(found, codes, atol=1e-12)


def test_pursuit_agrees_with_the_textbook():
    rng = np.random.default_rng(8)
    atoms = rng.normal(size=(15, 40))
    atoms /= np.linalg.norm(atoms, axis=0)
    signals = rng.normal(size=(25, 15))
    index, value = sparse_codes(signals, atoms, 5)
    for signal, chosen, coefficients in zip(signals, index, value, strict=True):
        rest, support = signal, []
        for _ in range(5):
            support.append(int(np.abs(atoms.T @ rest).argmax()))
            best, *_ = np.linalg.lstsq(atoms[:, support], signal, rcond=None)
            rest = signal - atoms[:, support] @ best
        assert list(chosen) == support
        np.testing.assert_allclose(coefficients, best, atol=1e-10)


def test_pursuit_stops_when_the_signal_is_met():
    atoms = np.eye(6)
    signals = np.vstack([3 * atoms[2], np.zeros(6)])
    index, value = sparse_codes(signals, atoms, 4)
    assert index.tolist() == [[2, -1, -1, -1], [-1, -1, -1, -1]]
    assert value.tolist() == [[3, 0, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(decode(index, value, atoms), signals)


def test_more_than_one_chunk_gives_the_same(atoms):
    signals = np.random.default_rng(9).normal(size=(4100, 49))
    index, value = sparse_codes(signals, atoms, 3)
    tail = sparse_codes(signals[4090:], atoms, 3)
    np.testing.assert_array_equal(index[4090:], tail[0])
    np.testing.assert_allclose(value[4090:], tail[1], atol=1e-12)


def test_ksvd_learns_and_repeats():
    rng = np.random.default_rng(10)
    truth = rng.normal(size=(16, 24))
    truth /= np.linalg.norm(truth, axis=0)
    codes = np.zeros((800, 24))
    for row in codes:
        row[rng.choice(24, 2, replace=False)] = rng.normal(size=2)
    signals = codes @ truth.T

    def error(dictionary):
        index, value = sparse_codes(signals, dictionary, 2)
        return np.linalg.norm(signals - decode(index, value, dictionary))

    few = ksvd(signals, atoms=24, sparsity=2, iterations=1, seed=3)
    many = ksvd(signals, atoms=24, sparsity=2, iterations=30, seed=3)
    np.testing.assert_allclose(np.linalg.norm(many, axis=0), 1, atol=1e-12)
    assert error(many) < 0.4 * error(few)
    # Most true atoms are found, up to sign.
    assert (np.abs(many.T @ truth).max(axis=0) > 0.97).mean() > 0.8
    again = ksvd(signals, atoms=24, sparsity=2, iterations=30, seed=3)
    np.testing.assert_allclose(many, again, atol=1e-6)


def test_jsr_separates_what_is_shared(atoms):
    # One atom in both sources is common; one atom in one source is its own.
    shared = np.abs(atoms[:, 3]).reshape(7, 7, order="F")
    image = 0.2 + 0.1 * shared
    for rule in (jsr, jsrsd):
        atoms = learn_patch_dictionary([image] * 2)
        fused = rule([image, image], dictionary=atoms, convention="exact")
        np.testing.assert_allclose(fused, image, atol=1e-6)


@pytest.mark.parametrize(("rule", "gain"), [(jsr, np.sqrt(2)), (jsrsd, 1.0)])
def test_published_convention(rule, gain):
    # Every patch is the same constant, so every code is the same single atom.
    image = np.full((20, 22), 0.5)
    atoms = np.full((49, 1), 1 / 7)
    exact = rule([image, image], dictionary=atoms, convention="exact")
    np.testing.assert_allclose(exact, 0.5, atol=1e-12)
    published = rule([image, image], dictionary=atoms)
    # JSR does not divide what is shared by sqrt 2. A running average that starts
    # from zero lacks 2^-n where n patches overlap: 1 at a corner, 7 at an edge.
    assert published[10, 10] == pytest.approx(0.5 * gain, abs=1e-12)
    assert published[0, 0] == pytest.approx(0.25 * gain, abs=1e-12)
    assert published[0, 10] == pytest.approx(0.5 * gain * (1 - 2**-7), abs=1e-12)


def test_published_average_counts_the_last_patches_most():
    signals = np.zeros((3, 49))
    # Patches are read column by column: this is their first row.
    signals[:, ::7] = [[1], [2], [4]]
    joined = join(signals, (7, 9), "published")
    # Pixel (0, 2) is met by all three patches: ((1/2 + 2)/2 + 4)/2.
    assert joined[0, 2] == ((0.5 + 2) / 2 + 4) / 2
    assert join(signals, (7, 9), "exact")[0, 2] == pytest.approx(7 / 3)


def test_patches_are_read_column_by_column_and_join_again():
    image = np.random.default_rng(12).uniform(size=(9, 12))
    signals = patches(image, 8)
    np.testing.assert_array_equal(signals[1], image[:8, 1:9].ravel(order="F"))
    np.testing.assert_allclose(join(signals, image.shape), image, atol=1e-14)


@pytest.mark.parametrize("angle", [-150, -90, -30, 30, 90, 150])
def test_a_ramp_is_of_the_class_of_its_direction(angle):
    y, x = np.mgrid[:10, :11]
    turn = np.deg2rad(angle)
    # Upwards where positive: y points down.
    ramp = 0.5 + 0.01 * (np.cos(turn) * x - np.sin(turn) * y)
    assert (classify(ramp, 8) == (angle + 180) // 60 + 1).all()


def test_a_patch_without_a_main_direction_is_of_class_0():
    y, x = np.mgrid[:8, :8] - 3.5
    assert classify(0.01 * np.hypot(y, x), 8) == 0
    assert classify(np.full((8, 8), 0.3), 8) == 0


def test_equally_active_sources_are_averaged():
    activity = np.array([[1.0, 2.0, 0.0, 1.0], [1.0 + 1e-12, 1.0, 0.0, 3.0]])
    signals = [np.zeros((4, 2)), np.ones((4, 2))]
    np.testing.assert_array_equal(choose(activity, signals)[:, 0], [0.5, 0, 0.5, 1])


def test_methods_differ_in_the_weights_only_inside(pair, atoms):
    first, second = (
        rule(pair, dictionary=atoms, convention="exact") for rule in (jsr, jsrsd)
    )
    difference = np.abs(first - second)
    assert difference.max() > 1e-5
    # No patch at the corner has all its neighbours: global weights, as in JSR.
    assert difference[0, 0] == 0


def test_jsr_learns_the_same_dictionary_each_time(pair):
    learned, again = (learn_patch_dictionary(pair) for _ in range(2))
    np.testing.assert_allclose(learned, again, atol=1e-6)
    other = learn_patch_dictionary(pair, seed=1)
    assert other.shape == (49, 256)
    assert np.abs(other - learned).max() > 1e-3


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (1, 1)])
def test_jsr_needs_a_patch(shape):
    with pytest.raises(InputError, match="at least 7x7 pixels for jsr, got"):
        jsr([np.zeros(shape)] * 2)


def test_jsr_smallest_size():
    image = np.random.default_rng(11).uniform(size=(7, 7))
    for rule in (jsr, jsrsd):
        fused = rule([image, image], convention="exact")
        np.testing.assert_allclose(fused, image, atol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sparsity": 0}, "sparsity must be a whole number of at least 1"),
        ({"convention": "x"}, "convention must be one of published, exact"),
        ({"sparsity": 99}, "sparsity must be at most 98, got 99"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": 2**32}, "seed must be at most 4294967295, got 4294967296"),
        ({"dictionary": np.ones((48, 9))}, "dictionary must be a 49xN array, got 48x9"),
    ],
)
def test_jsr_bad_parameters(parameters, message):
    with pytest.raises(InputError, match=message):
        jsr([np.zeros((9, 9))] * 2, **parameters)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lam": 0}, "lam must be a finite number above 0"),
        ({"radius": -1}, "radius must be a whole number"),
        ({"dictionary": np.ones((8, 8))}, "must be a NxNxN array, got 8x8"),
        ({"dictionary": np.zeros((2, 2, 1))}, "no atom that is all zero"),
    ],
)
def test_convsr_bad_parameters(parameters, message):
    with pytest.raises(InputError, match=message):
        convsr([np.zeros((9, 9))] * 2, **parameters)


# --- dictionary files --------------------------------------------------------------


def test_dictionary_files(tmp_path):
    dictionary = np.random.default_rng(12).normal(size=(49, 20))
    for name in ("a.mat", "b.dat"):
        scipy.io.savemat(tmp_path / name, {"D": dictionary}, appendmat=False)
        np.testing.assert_array_equal(read_dictionary(tmp_path / name), dictionary)
    save_file({"D": dictionary.astype(np.float32)}, tmp_path / "c.safetensors")
    stored = as_dictionary(str(tmp_path / "c.safetensors"), (49, None))
    assert stored.dtype == np.float64
    np.testing.assert_allclose(stored, dictionary, atol=1e-6)


def test_bad_dictionary_files(tmp_path):
    def message(name):
        with pytest.raises(InputError) as caught:
            read_dictionary(tmp_path / name)
        return str(caught.value)

    assert "does not exist" in message("missing.mat")
    (tmp_path / "a.txt").write_text("x")
    assert "must end in .mat, .dat or .safetensors, got '.txt'" in message("a.txt")
    for name in ("b.mat", "b.dat", "b.safetensors"):
        (tmp_path / name).write_text("not a dictionary")
        assert "cannot be read" in message(name)
        assert "\n" not in message(name)
    scipy.io.savemat(tmp_path / "c.mat", {"E": np.eye(3)})
    assert "holds no array named D" in message("c.mat")
    scipy.io.savemat(tmp_path / "d.mat", {"D": "text"})
    assert "must hold real numbers" in message("d.mat")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_dictionary_must_be_finite(bad):
    dictionary = np.ones((49, 3))
    dictionary[0, 1] = bad
    with pytest.raises(InputError, match="dictionary must hold finite numbers"):
        as_dictionary(dictionary, (49, None))


def test_the_dictionary_that_ships():
    import fusionlib.baselines as package

    dictionary = default_convsr_dictionary()
    assert dictionary.shape == (8, 8, 32)
    norms = np.linalg.norm(dictionary.reshape(64, 32), axis=0)
    assert norms.max() <= 1 + 1e-6
    assert norms.min() > 0.5
    # Filters of detail content: little of their energy is in their mean.
    assert np.median(np.abs(dictionary.sum(axis=(0, 1))) / 8) < 0.3
    path = package.__path__[0] + "/convsr_dictionary.safetensors"
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    root = Path(__file__).parents[2]
    assert (root / metadata["source"].split()[0]).is_file()
    # It was learned on the scenes that ship.
    bands = [band for name in scenes() for band in load_pair(name).sources]
    digest = hashlib.sha256(b"".join(band.tobytes() for band in bands)).hexdigest()
    assert metadata["images_sha256"] == digest
