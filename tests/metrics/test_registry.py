"""The registry, `evaluate`, and what bad input says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from fusionlib import metrics
from fusionlib.errors import InputError

IMAGE = np.random.RandomState(0).rand(48, 50)
OTHER = np.random.RandomState(1).rand(48, 50)


def test_the_names_of_the_issue_are_there():
    assert list(metrics.METRICS)[:4] == list(metrics.PAPER_METRICS)
    for name in ("FMI_pixel", "FMI_gradient", "FMI_edge", "Q_abf", "L_abf"):
        assert name in metrics.METRICS


def test_every_entry_is_complete():
    functions = set()
    for metric in metrics.list_metrics():
        assert metric.direction in ("higher", "lower")
        assert metric.range[0] < metric.range[1]
        assert set(metric.conventions) == set(metrics.CONVENTIONS)
        assert all(metric.conventions.values())
        assert metric.symbol
        assert metric.title
        assert metric.source
        assert metric.function.__doc__
        functions.add(metric.function)
    assert len(functions) == len(metrics.METRICS)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_the_direction_is_right(name):
    """Fusing two views of one scene by their mean beats noise, or its contrast."""
    rng = np.random.RandomState(2)
    yy, xx = np.mgrid[:64, :64] / 64
    scene = 0.5 + 0.2 * np.sin(9 * xx) * np.cos(7 * yy) + 0.2 * (xx > yy)
    sources = [np.clip(scene + 0.01 * rng.randn(64, 64), 0, 1) for _ in range(2)]
    good = np.mean(sources, axis=0)
    if name in ("EN", "SD", "SF", "AG", "L_abf"):  # no source, or no artifacts
        bad = np.full_like(good, 0.5)
    else:
        bad = np.clip(scene[::-1] + 0.2 * rng.randn(64, 64), 0, 1)
    metric = metrics.METRICS[name]
    better, worse = metric(good, sources), metric(bad, sources)
    assert better > worse if metric.direction == "higher" else better < worse


def test_evaluate_carries_the_convention():
    values = metrics.evaluate(IMAGE, [IMAGE, OTHER])
    assert list(values) == list(metrics.METRICS)
    assert set(values.conventions.values()) == {"published"}
    exact = metrics.evaluate(IMAGE, [IMAGE, OTHER], convention="exact")
    assert set(exact.conventions.values()) == {"exact"}
    assert "N_abf=" in repr(exact)
    assert "(exact)" in repr(exact)


@pytest.mark.parametrize("convention", metrics.CONVENTIONS)
def test_evaluate_agrees_with_each_function(convention):
    values = metrics.evaluate(IMAGE, [OTHER, IMAGE], convention=convention)
    for name, metric in metrics.METRICS.items():
        alone = metric.function(IMAGE, [OTHER, IMAGE], convention=convention)
        assert values[name] == alone, name


def test_evaluate_keeps_order_and_drops_repetitions():
    values = metrics.evaluate(IMAGE, [IMAGE, OTHER], metrics=["SD", "EN", "SD"])
    assert list(values) == ["SD", "EN"]


def test_small_images_get_the_metrics_that_are_defined():
    for side in (1, 2, 3, 40, 43):
        image = IMAGE[:side, :side]
        values = metrics.evaluate(image, [image, image])
        expected = [n for n, m in metrics.METRICS.items() if m.smallest <= side]
        assert list(values) == expected


@pytest.mark.parametrize(
    "name", [m.name for m in metrics.list_metrics() if m.smallest > 1]
)
def test_too_small_images_are_refused_by_name(name):
    side = metrics.METRICS[name].smallest - 1
    image = IMAGE[:side]
    with pytest.raises(InputError, match=f"{side}x50") as caught:
        metrics.METRICS[name](image, [image, image])
    assert "\n" not in str(caught.value)
    metrics.METRICS[name](
        IMAGE[: side + 1, : side + 1], [OTHER[: side + 1, : side + 1]] * 2
    )


BAD = {
    "one source": (IMAGE, [IMAGE], {}, "at least 2"),
    "a bare array": (IMAGE, IMAGE, {}, "sources"),
    "sizes of sources": (IMAGE, [IMAGE, OTHER[1:]], {}, r"sources\[1\]"),
    "size of fused": (IMAGE[1:], [IMAGE, OTHER], {}, "fused"),
    "nan": (np.full((4, 4), np.nan), [IMAGE, OTHER], {}, "fused must be finite"),
    "infinite": (IMAGE, [IMAGE, OTHER + np.inf], {}, r"sources\[1\] must be finite"),
    "0..255": (255 * IMAGE, [IMAGE, OTHER], {}, r"\[0, 1\]"),
    "colour": (np.zeros((4, 4, 3)), [IMAGE, OTHER], {}, "grey"),
    "empty": (np.zeros((0, 4)), [IMAGE, OTHER], {}, "empty"),
    "name": (IMAGE, [IMAGE, OTHER], {"metrics": ["Nabf"]}, "Nabf"),
    "no name": (IMAGE, [IMAGE, OTHER], {"metrics": []}, "at least one"),
    "convention": (IMAGE, [IMAGE, OTHER], {"convention": "mine"}, "mine"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    fused, sources, options, message = BAD[case]
    with pytest.raises(InputError, match=message) as caught:
        metrics.evaluate(fused, sources, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_every_function_checks_its_input(name):
    function = metrics.METRICS[name].function
    with pytest.raises(InputError, match="same size"):
        function(IMAGE, [OTHER[:, 1:], OTHER[:, 1:]])
    with pytest.raises(InputError, match="finite"):
        function(IMAGE, [IMAGE, np.full_like(IMAGE, np.nan)])
    with pytest.raises(InputError, match="convention"):
        function(IMAGE, [IMAGE, OTHER], convention="other")


def test_unknown_feature():
    with pytest.raises(InputError, match="feature"):
        metrics.fmi(IMAGE, [IMAGE, OTHER], feature="edges")


def test_nothing_heavy_is_imported_early():
    code = (
        "import sys, fusionlib.metrics; "
        "print([m for m in ('torch', 'numba', 'skimage', 'pywt', 'matplotlib') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
