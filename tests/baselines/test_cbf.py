"""CBF on cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fusionlib.baselines._cbf import cbf, cross_bilateral, detail_strength

RNG = np.random.default_rng(0)


def test_cross_bilateral_with_a_flat_guide_is_the_spatial_gaussian():
    impulse = np.zeros((15, 15))
    impulse[7, 7] = 1
    smooth = cross_bilateral(
        impulse, np.zeros_like(impulse), sigma_s=1.8, sigma_r=25, kernel=11
    )
    offset = np.arange(-5, 6)
    row = np.exp(-(offset**2) / (2 * 1.8**2))
    kernel = np.outer(row, row) / row.sum() ** 2
    np.testing.assert_allclose(smooth[2:13, 2:13], kernel, atol=1e-15)


def test_cross_bilateral_does_not_cross_an_edge_of_the_guide():
    guide = np.zeros((12, 12))
    guide[:, 6:] = 255
    image = guide / 2
    smooth = cross_bilateral(image, guide, sigma_s=1.8, sigma_r=25, kernel=11)
    # One grey step of 255 is 10.2 sigma_r: a weight of exp(-52).
    np.testing.assert_allclose(smooth, image, atol=1e-12)


def test_cross_bilateral_one_pixel_by_hand():
    image = np.array([[1.0, 2.0, 4.0]])
    guide = np.array([[0.0, 10.0, 30.0]])
    smooth = cross_bilateral(image, guide, sigma_s=1.0, sigma_r=10.0, kernel=3)
    # The single row mirrors onto itself: spatial weights e^-1, e^-0.5, e^-1 sum the
    # same for every column and cancel.
    left, right = np.exp(-0.5 - 0.5), np.exp(-0.5 - 2.0)
    expected = (left * 1 + 2 + right * 4) / (left + 1 + right)
    assert smooth[0, 1] == pytest.approx(expected, abs=1e-15)


def test_detail_strength_is_the_sum_of_eigenvalues():
    detail = RNG.normal(size=(13, 14))
    strength = detail_strength(detail, 5)
    block = detail[3:8, 4:9]
    eigenvalues = [
        np.linalg.eigvalsh(np.cov(b, rowvar=False)) for b in (block, block.T)
    ]
    assert strength[5, 6] == pytest.approx(np.sum(eigenvalues), rel=1e-12)


def test_detail_strength_of_the_border_mirrors():
    detail = RNG.normal(size=(9, 9))
    padded = np.pad(detail, 2, mode="reflect")[:5, :5]
    expected = np.trace(np.cov(padded)) + np.trace(np.cov(padded.T))
    assert detail_strength(detail, 5)[0, 0] == pytest.approx(expected, rel=1e-12)


def test_cbf_takes_the_source_that_has_detail():
    flat = np.full((24, 24), 100 / 255)
    busy = np.rint(RNG.uniform(0, 255, (24, 24))) / 255
    np.testing.assert_array_equal(cbf([flat, busy]), busy)


def test_cbf_gives_whole_grey_levels():
    levels = cbf(RNG.uniform(size=(2, 12, 15))) * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-12)
