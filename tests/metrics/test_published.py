"""Published digits: Table II of the paper, on the authors' own images."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from fusionlib import metrics

ODD = range(1, 22, 2)
BOTH = ("published", "exact")
BASELINE_TOLERANCE = {"CBF": 2e-5, "WLS": 3e-5, "ConvSR": 2e-5}


def read(path):
    return np.asarray(Image.open(path)) / 255


@pytest.fixture(scope="module")
def pair(data_folder):
    def load(number):
        return [read(data_folder / f"{band}{number}.png") for band in ("IR", "VIS")]

    return load


@pytest.fixture(scope="module")
def authors(reference_folder):
    def load(number):
        return read(reference_folder / "icpr2018_fused" / f"fused{number}.png")

    return load


@pytest.fixture(scope="module")
def table2(reference_folder):
    with open(reference_folder / "table2_nabf.csv", newline="") as file:
        return {int(row["image"]): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("number", ODD)
def test_n_abf_of_the_authors_images(number, pair, authors, table2):
    value = metrics.n_abf(authors(number), pair(number))
    assert f"{value:.5f}" == table2[number]["Proposed"]


@pytest.mark.parametrize("number", [1, 5, 8])
@pytest.mark.parametrize("method", list(BASELINE_TOLERANCE))
def test_n_abf_of_the_compared_methods(method, number, pair, reference_folder, table2):
    fused = read(reference_folder / "baselines" / f"{method.lower()}{number}.png")
    value = metrics.n_abf(fused, pair(number))
    printed = table2[number][method]
    assert value == pytest.approx(float(printed), abs=BASELINE_TOLERANCE[method])
    digits = len(printed) - 2
    assert f"{value:.{digits}f}" == printed


def test_n_abf_of_the_released_jsr(pair, reference_folder):
    """Not the table's value: what the released JSR image scores (jsr_note.md)."""
    fused = read(reference_folder / "baselines" / "jsr8.png")
    assert metrics.n_abf(fused, pair(8)) == pytest.approx(0.18735, abs=2e-5)


def test_golden_means_of_the_authors_images(pair, authors):
    """Over the eleven odd images; the paper gives means over all twenty-one."""
    names = ["FMI_dct", "FMI_w", "SSIM_a"]
    rows = [metrics.evaluate(authors(n), pair(n), metrics=names) for n in ODD]
    means = [np.mean([row[name] for row in rows]) for name in names]
    assert means == pytest.approx([0.3917088, 0.4106765, 0.7975219], abs=1e-6)


def test_exact_convention_is_lower(pair, authors):
    """Where rounding no longer finds artifacts in flat areas."""
    values = [
        [metrics.n_abf(authors(n), pair(n), convention=c) for c in BOTH] for n in ODD
    ]
    published, exact = np.mean(values, axis=0)
    assert exact == pytest.approx(0.000893984, abs=1e-8)
    assert published == pytest.approx(0.0012464, abs=1e-7)


def test_the_mean_of_the_sources_scores_lower(pair, data_folder):
    """By the published N_abf the plain mean beats the proposed method."""
    values = []
    for number in range(1, 22):
        sources = pair(number)
        mean = np.rint((sources[0] + sources[1]) / 2 * 255) / 255
        values.append([metrics.fmi_dct(mean, sources), metrics.n_abf(mean, sources)])
    fmi_dct, n_abf = np.mean(values, axis=0)
    assert f"{fmi_dct:.4f}" == "0.3928"
    assert f"{n_abf:.5f}" == "0.00112"


def test_exact_values_do_not_depend_on_rounding(pair, authors):
    """Noise of the size of rounding errors moves the published values only."""
    rng = np.random.RandomState(0)
    fused, sources = authors(7), pair(7)

    def shaken(image):
        return np.clip(image + 1e-15 * rng.randn(*image.shape), 0, 1)

    for name, metric in metrics.METRICS.items():
        if "exact" not in metric.conventions:
            continue
        before = metric(fused, sources, convention="exact")
        after = metric(shaken(fused), [shaken(s) for s in sources], convention="exact")
        assert after == before, name
    before = metrics.n_abf(fused, sources)
    after = metrics.n_abf(shaken(fused), [shaken(s) for s in sources])
    assert abs(after - before) > 1e-5
