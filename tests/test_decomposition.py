"""Equations (1) and (2): a filter with a known response, checked another way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fusionbook.direct import solve_sparse
from fusionlib.decomposition import decompose, frequency_response
from fusionlib.errors import InputError

SIZES = [(1, 1), (2, 3), (1, 9), (17, 31), (40, 64)]


def noise(shape, seed=0):
    return np.random.RandomState(seed).random_sample(shape)


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("lam", [0.1, 5.0, 300.0])
def test_base_and_detail_add_up_to_the_source(shape, lam):
    image = noise(shape)
    base, detail = decompose(image, lam)
    assert base.shape == detail.shape == shape
    assert np.abs(base + detail - image).max() <= 1e-15


def test_agrees_with_a_direct_solver_in_the_interior():
    image = noise((96, 110))
    base, _ = decompose(image)
    direct = solve_sparse(image)
    inner = (slice(24, -24), slice(24, -24))
    assert np.abs(base - direct)[inner].max() < 1e-8
    # At the border the 16 mirrored pixels end, which costs a little more.
    assert 1e-8 < np.abs(base - direct).max() < 1e-3


@pytest.mark.parametrize("shape", SIZES)
def test_more_padding_converges_to_the_direct_solver_everywhere(shape):
    image = noise(shape, seed=1)
    base, _ = decompose(image, padding=64)
    assert np.abs(base - solve_sparse(image)).max() < 1e-12


def test_the_minimiser_beats_its_neighbours():
    """The objective of equation (1), evaluated directly, has its minimum there."""
    image = noise((12, 14))
    base, lam = solve_sparse(image, 5.0), 5.0

    def objective(b):
        gradients = np.diff(b, axis=0), np.diff(b, axis=1)
        return ((image - b) ** 2).sum() + lam * sum((g**2).sum() for g in gradients)

    best = objective(base)
    for seed in range(20):
        step = np.random.RandomState(seed).standard_normal(base.shape) * 1e-3
        assert objective(base + step) > best


def test_a_cosine_is_damped_by_the_frequency_response():
    """A mirror-symmetric cosine is an eigenvector, so the answer is exact."""
    n, k, lam = 48, 6, 5.0
    wave = np.cos(np.pi * k * (np.arange(n) + 0.5) / n)
    image = 0.5 + 0.4 * np.tile(wave, (n, 1))
    base, _ = decompose(image, lam, padding=n)
    gain = 1 / (1 + lam * (2 - 2 * np.cos(np.pi * k / n)))
    assert np.abs(base - (0.5 + 0.4 * gain * wave)).max() < 1e-13


def test_frequency_response_ends():
    response = frequency_response(8, 6, 5.0)
    assert response.shape == (8, 6)
    assert response[0, 0] == 1
    assert response[4, 3] == pytest.approx(1 / 41, abs=1e-15)
    assert frequency_response(8, 6, 5.0, half=True).shape == (8, 4)


@given(
    hnp.arrays(
        float,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20),
        elements=st.floats(0, 1),
    ),
    st.floats(1e-3, 1e3),
)
def test_commutes_with_flips_and_transposition(image, lam):
    base, _ = decompose(image, lam)
    for change in (np.flipud, np.fliplr, np.transpose):
        assert np.abs(decompose(change(image), lam)[0] - change(base)).max() < 1e-12
    assert base.min() > -1e-12
    assert base.max() < 1 + 1e-12


@pytest.mark.parametrize("lam", [0, -1, np.nan, np.inf, "five", None])
def test_lam_must_be_above_zero(lam):
    with pytest.raises(InputError, match="lam must be a finite number above 0"):
        decompose(np.zeros((4, 4)), lam)
