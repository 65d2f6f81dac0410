"""Sparse coding with classes, pulses, shearlets, and an analysis operator."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest

from fusionlib.baselines import METHODS, cosparse
from fusionlib.baselines._sparse_fusion import _restore, analysis_operator, firings

FAMILY = ["cosparse", "lrr", "sr_hog", "sr_pcnn", "sr_shearlet"]


def fuse(name, sources):
    exact = {"convention": "exact"} if name == "lrr" else {}
    return METHODS[name].function(sources, **exact)


@pytest.mark.parametrize("name", FAMILY)
def test_each_source_is_kept_where_it_alone_has_detail(name):
    y, x = np.mgrid[:32, :48]
    wave = 0.2 * np.sin(1.2 * x) * np.sin(1.1 * y)
    left, right = x < 20, x > 28
    fused = fuse(name, [0.5 + wave * left, 0.5 + wave * right])
    far = (x < 14) | (x > 34)
    assert np.abs(fused - 0.5 - wave)[far].max() < 0.02


def test_cosparse_is_symmetric_in_the_sources():
    pair = np.random.default_rng(0).uniform(0.2, 0.8, (2, 14, 15))
    np.testing.assert_allclose(cosparse(pair), cosparse(pair[::-1]), atol=1e-9)


# --- pulses ------------------------------------------------------------------------


def test_a_neuron_on_its_own_fires_when_its_threshold_has_faded():
    threshold, count = 0.0, 0
    for _ in range(200):
        fires = threshold < 1
        count += fires
        threshold = exp(-0.2) * threshold + 20 * fires
    stimuli = np.array([[[1.0]], [[0.0]]])
    np.testing.assert_allclose(firings(stimuli).ravel(), [count + 0.499, 0])


def test_neighbours_that_fire_help_a_weak_neuron():
    alone = np.zeros((1, 5, 5))
    alone[0, 2, 2] = 0.3
    among = np.full((1, 5, 5), 1.0)
    among[0, 2, 2] = 0.3
    # The same scale, so that both centres have the same stimulus.
    alone[0, 0, 0] = 1.0
    assert firings(among)[0, 2, 2] > firings(alone)[0, 2, 2] + 1


def test_the_last_digits_decide_no_firing():
    stimuli = np.random.default_rng(1).uniform(size=(2, 20, 21))
    noise = 1 + 1e-15 * np.random.default_rng(2).integers(-4, 5, stimuli.shape)
    np.testing.assert_array_equal(firings(stimuli), firings(stimuli * noise))


# --- analysis operator -------------------------------------------------------------


@pytest.fixture(scope="module")
def signals():
    """Patches that are piecewise constant: flat but for one edge."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:8, :8] - 3.5
    turn, shift = (
        rng.uniform(0, 2 * np.pi, (300, 1, 1)),
        rng.uniform(-2, 2, (300, 1, 1)),
    )
    edges = (np.cos(turn) * x + np.sin(turn) * y > shift) * 0.5
    flat = edges.reshape(300, 64)
    return flat - flat.mean(axis=1, keepdims=True)


def test_the_operator_is_a_tight_frame_and_makes_signals_sparser(signals):
    first = analysis_operator(signals, iterations=0)
    learned = analysis_operator(signals)
    for operator in (first, learned):
        np.testing.assert_allclose(operator.T @ operator, np.eye(64), atol=1e-12)

    def zeros(operator):
        return (np.abs(signals @ operator.T) < 0.02).mean()

    assert zeros(learned) > 1.2 * zeros(first)


def test_the_last_digits_change_the_operator_in_the_last_digits(signals):
    noise = 1 + 1e-14 * np.random.default_rng(5).normal(size=signals.shape)
    np.testing.assert_allclose(
        analysis_operator(signals * noise), analysis_operator(signals), atol=1e-11
    )


def test_restoration_finds_the_minimum(signals):
    operator = analysis_operator(signals)
    restored = _restore(signals, operator, 0.02)

    def cost(x):
        size = np.abs(x @ operator.T).sum(axis=1)
        return ((x - signals) ** 2).sum(axis=1) / 2 + 0.02 * size

    lowest = cost(restored)
    rng = np.random.default_rng(4)
    for scale in (1e-1, 1e-2):
        step = scale * rng.normal(size=signals.shape)
        assert (cost(restored + step) > lowest).all()
    assert (lowest < cost(signals)).all()
