"""Low-rank representation: its solver, and the images of the authors' program."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io

from fusionlib.baselines import lrr
from fusionlib.baselines._lrr import low_rank_codes
from fusionlib.images.io import read_image, to_uint8


def plain_codes(signals, dictionary, lam, tol=1e-8):
    """Inexact augmented Lagrange multipliers as written down, signals in columns."""
    x, d = signals.T, dictionary
    inverse = np.linalg.inv(d.T @ d + np.eye(d.shape[1]))
    z = np.zeros((d.shape[1], x.shape[1]))
    e, y1, y2, mu = np.zeros_like(x), np.zeros_like(x), np.zeros_like(z), 1e-6
    while True:
        left, values, right = np.linalg.svd(z + y2 / mu, full_matrices=False)
        j = (left * np.maximum(values - 1 / mu, 0)) @ right
        z = inverse @ (d.T @ (x - e) + j + (d.T @ y1 - y2) / mu)
        wanted = x - d @ z + y1 / mu
        norms = np.linalg.norm(wanted, axis=0)
        e = wanted * np.maximum(1 - lam / mu / norms, 0)
        if max(np.abs(x - d @ z - e).max(), np.abs(z - j).max()) < tol:
            return z.T, e.T
        y1 += mu * (x - d @ z - e)
        y2 += mu * (z - j)
        mu *= 1.1


@pytest.mark.parametrize(("atoms", "lam"), [(12, 0.3), (12, 95), (5, 2.0)])
def test_codes_are_those_of_the_plain_algorithm(atoms, lam):
    rng = np.random.default_rng(0)
    dictionary = rng.normal(size=(8, atoms)) * np.geomspace(1, 1e-2, 8)[:, None]
    signals = rng.normal(size=(700, 3)) @ rng.normal(size=(3, 8))
    signals += 0.1 * rng.normal(size=(700, 8))
    codes, basis = low_rank_codes(signals, dictionary, lam)
    expected, errors = plain_codes(signals, dictionary, lam)
    # The constraints are measured in another basis, so the end may be a step apart.
    largest = np.abs(expected).max()
    np.testing.assert_allclose(codes @ basis.T, expected, atol=1e-5 * largest)
    # The penalty outgrows the weak directions of this dictionary.
    assert errors.any()


def test_without_errors_codes_are_those_of_the_pseudo_inverse():
    rng = np.random.default_rng(1)
    dictionary, signals = rng.normal(size=(8, 20)), rng.normal(size=(60, 8))
    codes, basis = low_rank_codes(signals, dictionary, 1e6)
    expected = signals @ np.linalg.pinv(dictionary).T
    np.testing.assert_allclose(codes @ basis.T, expected, atol=1e-6)


def test_errors_are_those_of_few_signals():
    rng = np.random.default_rng(2)
    signals = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 10))
    odd = np.arange(0, 200, 20)
    spoilt = signals.copy()
    spoilt[odd] += rng.normal(scale=3, size=(10, 10))
    codes, basis = low_rank_codes(spoilt, np.eye(10), 0.3)
    errors = np.linalg.norm(spoilt - codes @ basis.T, axis=1)
    assert errors[odd].min() > 1
    assert np.delete(errors, odd).max() < 1e-6


@pytest.fixture
def published(reference_folder):
    """Sources, dictionary and fused image of a numbered pair of the authors."""
    folder = reference_folder / "lrr"

    def get(number):
        sources = [
            read_image(folder / "sources" / f"image{number}_{side}.png")
            for side in ("left", "right")
        ]
        parts = [
            scipy.io.loadmat(
                folder / "dictionaries" / f"D{k}_{number}.dat", appendmat=False
            )[f"D{k}"]
            for k in range(7)
        ]
        fused = read_image(folder / "fused" / f"fused{number}_HogLrr.png")
        return sources, np.hstack(parts), fused

    return get


def close(image, expected):
    """Return the share of pixels that are at most two grey levels apart."""
    difference = np.abs(to_uint8(image).astype(int) - to_uint8(expected))
    return (difference <= 2).mean()


def test_the_top_of_an_image_of_the_authors(published):
    sources, dictionary, expected = published(1)
    fused = lrr([source[:40] for source in sources], dictionary=dictionary)
    # Further down, patches that begin below row 40 - 8 are missing. Measured: 0.9998.
    assert close(fused[:33], expected[:33]) >= 0.999


@pytest.mark.more
@pytest.mark.parametrize("number", [1, 3, 5, 7, 9])
def test_images_of_the_authors(published, number):
    sources, dictionary, expected = published(number)
    # Measured: 1 where not, at a few pixels, the other source is chosen.
    assert close(lrr(sources, dictionary=dictionary), expected) >= 0.9999
