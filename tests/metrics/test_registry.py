"""The registry, `evaluate`, and what bad input says."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from fusionlib import metrics
from fusionlib._registry import Convention
from fusionlib.cli import evaluate as cli_evaluate
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.images.io import write_image
from fusionlib.metrics import _gradient, registry

IMAGE = np.random.RandomState(0).rand(48, 50)
OTHER = np.random.RandomState(1).rand(48, 50)


def test_the_four_of_the_paper_come_first():
    assert list(metrics.METRICS)[:4] == list(metrics.PAPER_METRICS)
    groups = [m.group for m in metrics.list_metrics()[4:]]
    assert groups == sorted(groups, key=metrics.GROUPS.index)
    assert set(groups) == set(metrics.GROUPS)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_every_entry_is_complete(name):
    metric = metrics.METRICS[name]
    assert metric.direction in ("higher", "lower")
    assert metric.range[0] < metric.range[1]
    assert set(metric.conventions) <= set(metrics.CONVENTIONS)
    assert all(metric.conventions.values())
    assert metric.symbol
    assert metric.title
    assert metric.reference
    assert getattr(metrics, metric.function.__name__) is metric.function


@pytest.mark.parametrize("name", metrics.METRICS)
def test_every_function_is_documented_with_its_parameters(name):
    metric = metrics.METRICS[name]
    signature = inspect.signature(metric.function)
    expected = {"fused", "sources"}
    if len(metric.conventions) > 1:
        expected.add("convention")
        first = next(iter(metric.conventions))
        assert signature.parameters["convention"].default == first
    assert set(signature.parameters) == expected
    doc = metric.function.__doc__
    sections = re.findall(r"^(\w+)\n-+$", doc, flags=re.MULTILINE)
    assert sections[:3] == ["Parameters", "Returns", "Raises"]
    described = doc[doc.index("Parameters\n") : doc.index("Returns\n")]
    assert set(re.findall(r"^(\w+) : ", described, flags=re.MULTILINE)) == expected
    assert f"{metric.direction} is better" in doc
    assert f":func:`{name} <{metric.function.__name__}>`" in metrics.__doc__


def test_the_register_cannot_be_changed():
    with pytest.raises(TypeError):
        metrics.METRICS["EN"] = metrics.METRICS["MI"]
    with pytest.raises(AttributeError):
        metrics.METRICS["EN"].smallest = 2


@pytest.fixture
def brightness(monkeypatch):
    """A metric and a convention that only this test knows; both go again."""
    conventions = {**registry.CONVENTIONS, "mine": Convention("for this test")}
    for module in (registry, cli_evaluate):
        monkeypatch.setattr(module, "CONVENTIONS", conventions)

    def mean(fused, sources, *, convention="published"):
        """Return the mean of the fused image."""
        return fused.mean() * (255 if convention == "mine" else 1)

    mean.__module__ = "fusionlib.metrics._statistics"
    yield registry.metric(
        "BR",
        r"\mathrm{BR}",
        "Brightness",
        range=(0, 1),
        smallest=5,
        conventions={"published": "on [0, 1]", "mine": "on 0..255"},
        reference="Elementary",
    )(mean)
    del registry._METRICS["BR"]


def test_a_decorator_is_all_that_a_metric_needs(brightness, tmp_path, capsys):
    assert list(registry.METRICS)[-1] == "BR"
    assert "    ``published``: on [0, 1]; ``mine``: on 0..255." in brightness.__doc__
    assert brightness(IMAGE, [IMAGE, OTHER]) == IMAGE.mean()
    small = [IMAGE[:4, :4]] * 3
    assert "BR" not in metrics.evaluate(small[0], small[1:])
    with pytest.raises(InputError, match="at least 5x5 pixels for BR, got 4x4"):
        brightness(small[0], small[1:])
    paths = [str(tmp_path / f"{k}.png") for k in range(3)]
    for path in paths:
        write_image(path, IMAGE)
    assert main(["evaluate", *paths, "--convention", "mine", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["BR", "convention"]
    assert printed["BR"] == pytest.approx(255 * IMAGE.mean(), abs=0.5)


def test_a_convention_is_for_the_metrics_that_have_it(brightness):
    values = metrics.evaluate(IMAGE, [IMAGE, OTHER], convention="mine")
    assert dict(values) == {"BR": 255 * IMAGE.mean()}
    assert values.conventions == {"BR": "mine"}
    with pytest.raises(InputError, match="tang for EN, got 'mine'"):
        metrics.evaluate(IMAGE, [IMAGE, OTHER], metrics=["EN"], convention="mine")
    with pytest.raises(InputError, match="one of published, mine, got 'exact'"):
        brightness(IMAGE, [IMAGE, OTHER], convention="exact")
    # what rounding does not change has no exact convention: the published one it is
    exact = metrics.evaluate(IMAGE, [IMAGE, OTHER], convention="exact")
    assert set(exact) == set(registry.METRICS)
    assert exact.conventions["EN"] == "exact"
    assert exact.conventions["BR"] == exact.conventions["PSNR"] == "published"


@pytest.mark.parametrize("name", metrics.METRICS)
def test_the_direction_is_right(name):
    """Fusing two views of one scene by their mean beats noise, or its contrast."""
    rng = np.random.RandomState(2)
    yy, xx = np.mgrid[:64, :64] / 64
    scene = 0.5 + 0.2 * np.sin(9 * xx) * np.cos(7 * yy) + 0.2 * (xx > yy)
    sources = [np.clip(scene + 0.01 * rng.randn(64, 64), 0, 1) for _ in range(2)]
    good = np.mean(sources, axis=0)
    if name in ("EN", "SD", "SF", "AG", "EI", "L_abf"):  # no source, or no artifacts
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
    assert exact.conventions["N_abf"] == "exact"
    assert "N_abf=" in repr(exact)
    assert "(exact)" in repr(exact)


@pytest.mark.parametrize("convention", metrics.CONVENTIONS)
def test_evaluate_agrees_with_each_metric_alone(convention):
    values = metrics.evaluate(IMAGE, [OTHER, IMAGE], convention=convention)
    for name, value in values.items():
        alone = metrics.METRICS[name](IMAGE, [OTHER, IMAGE], convention=convention)
        assert value == alone, name


def test_what_metrics_share_is_computed_once(monkeypatch):
    called = []
    strength_angle = _gradient._strength_angle

    def counted(image, convention):
        called.append(convention)
        return strength_angle(image, convention)

    monkeypatch.setattr(_gradient, "_strength_angle", counted)
    names = ["Q_abf_kumar", "L_abf", "N_abf"]
    values = metrics.evaluate(IMAGE, [IMAGE, OTHER], metrics=names)
    assert sum(values.values()) == pytest.approx(1, abs=1e-12)
    assert len(called) == 3  # one for each image


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
    "four channels": (np.zeros((4, 4, 4)), [IMAGE, OTHER], {}, "grey"),
    "size of colour": (np.zeros((4, 4, 3)), [IMAGE, OTHER], {}, "same size"),
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
    with pytest.raises(InputError, match="convention must be one of published"):
        metrics.METRICS[name](IMAGE, [IMAGE, OTHER], convention="other")


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
