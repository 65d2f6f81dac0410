"""VIFB, a benchmark that others made: its images of this method, and its values."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from PIL import Image

from fusionlib import FusionConfig, load_pair
from fusionlib.data import vifb_registry
from fusionlib.evaluation.compare import Plan
from fusionlib.evaluation.pools import Processes
from fusionlib.fusion import fuse_image, load_model
from fusionlib.images.colour import fuse_colours
from fusionlib.images.io import to_uint8
from fusionlib.metrics import METRICS, evaluate

from ..conftest import psnr
from ..support.vifb import through_jpeg

#: The smallest of the eleven pairs whose fused images we have, and the others.
SMALL = ("peopleshadow", "snow", "walking", "walkingnight")
LARGE = (
    "carLight", "carWhite", "fight", "labMan", "manCall", "manlight", "manwithbag",
)  # fmt: skip


#: What is kept with the book.
RESULTS = Path(__file__).parents[2] / "book" / "results" / "vifb.csv"


def as_vifb_saves(image):
    """Return an image as it comes back from a JPEG file."""
    return through_jpeg(to_uint8(image)) / 255


def mean_of(sources):
    """Return the plain mean of infrared and visible, in colour."""
    return fuse_colours(lambda pair: sum(pair) / 2, sources, "channels")


@pytest.fixture(scope="module")
def vifb(reference_folder):
    """Images and values of the benchmark."""
    folder = reference_folder / "vifb"
    if not folder.is_dir():
        pytest.skip("no VIFB in FUSIONLIB_REFERENCE")
    return folder


@pytest.fixture(scope="module")
def distances(vifb, oxford):
    """PSNR from the stored image of DLF: our image, and the mean of the sources."""
    model, known = load_model(oxford), {}
    config = FusionConfig.preset("released", colour="channels")

    def measure(name):
        if name not in known:
            sources = load_pair(f"vifb:{name}").sources
            stored = np.asarray(Image.open(vifb / "fused" / f"{name}_DLF.jpg")) / 255
            ours, _ = fuse_image(sources, config=config, weights=model)
            images = [as_vifb_saves(image) for image in (ours, mean_of(sources))]
            known[name] = [psnr(image, stored) for image in images]
        return known[name]

    return measure


@pytest.mark.parametrize(
    "name", [*SMALL, *(pytest.param(name, marks=pytest.mark.more) for name in LARGE)]
)
def test_the_stored_images_of_dlf_are_those_of_the_released_preset(distances, name):
    """By channel, saved as VIFB does; the mean of the sources is much further away."""
    ours, mean = distances(name)
    assert ours >= 40
    assert ours >= mean + 6


@pytest.mark.more
def test_over_all_eleven_pairs(distances):
    """48.2 and 38.0 dB, measured."""
    ours, mean = np.mean([distances(name) for name in SMALL + LARGE], axis=0)
    assert ours >= 47
    assert mean == pytest.approx(38.0, abs=0.1)


#: The eight methods whose fused images we have.
METHODS = ("CBF", "CNN", "DLF", "GFF", "LatLRR", "NSCT_SR", "TIF", "VSMWLS")


def stored_values(vifb, pairs):
    """Return VIFB's values, shape (methods, pairs, metrics), and the metrics' names."""
    with open(vifb / "values_odd.csv", newline="") as file:
        rows = {(row["pair"], row["method"]): row for row in csv.DictReader(file)}
    theirs = list(next(iter(rows.values())))[2:]
    ours = {"Qabf": "Q_abf", "Qcb": "Q_CB", "Qcv": "Q_CV"}
    values = [[[float(rows[pair, method][name]) for name in theirs]
               for pair in pairs] for method in METHODS]  # fmt: skip
    return np.array(values), tuple(ours.get(name, name) for name in theirs)


@pytest.mark.more
def test_compare_ranks_as_vifb_does(vifb, tmp_path):
    """Means over eleven pairs, unless stored ones are within 0.1% of each other."""
    pairs = sorted(SMALL + LARGE)
    stored, metrics = stored_values(vifb, pairs)
    plan = Plan.of(
        [f"vifb:{name}" for name in pairs],
        fused={name: f"{vifb}/fused/*_{name}.jpg" for name in METHODS},
        metrics=metrics,
        convention="vifb",
    )
    found = plan.run(tmp_path, Processes(2))
    assert found.metrics == metrics
    np.testing.assert_allclose(found.means, stored.mean(axis=1), rtol=1e-3)
    expected = dataclasses.replace(found, values=stored)
    for j, name in enumerate(metrics):
        order = np.argsort(expected.ranks[:, j])
        means = expected.means[order, j]
        for one, other, a, b in zip(order, order[1:], means, means[1:], strict=False):
            if abs(a - b) >= 1e-3 * abs(a):
                assert found.ranks[one, j] < found.ranks[other, j], name


@pytest.fixture(scope="module")
def results():
    """The rows that are kept with the book, by origin, pair and method."""
    with RESULTS.open(newline="") as file:
        assert file.readline().startswith("# {")
        rows = list(csv.DictReader(file))
    return {
        tuple(row.pop(k) for k in ("origin", "pair", "method")): row for row in rows
    }


def test_the_kept_results_are_complete(results):
    counts = Counter(origin for origin, _, _ in results)
    assert counts == {"VIFB": 25 + 8, "again": 8, "fusionlib": 8 * 21}
    pairs = {pair for origin, pair, _ in results if origin == "fusionlib"}
    assert pairs == {Path(file).stem for file in vifb_registry()["files"]}


def test_the_kept_values_of_the_mean_can_be_computed_again(results, vifb):
    sources = load_pair("vifb:walking").sources
    row = results["fusionlib", "walking", "mean jpg"]
    names = [name for name in row if name != "psnr_from_dlf"]
    fused = as_vifb_saves(mean_of(sources))
    found = evaluate(fused, sources, metrics=names, convention="vifb")
    for name, value in found.items():
        assert value == pytest.approx(float(row[name]), rel=1e-4), name


@pytest.mark.parametrize("method", ["recommended", "recommended with vgg16"])
def test_recommended_is_in_the_leading_group(results, method):
    """Mean rank at most 9.0, place 6 or better of 26; the values are kept ones."""
    names = [n for n in results["VIFB", "21 pairs", "DLF"] if n != "psnr_from_dlf"]
    stored = [
        [float(row[n]) for n in names]
        for (origin, pair, _), row in results.items()
        if (origin, pair) == ("VIFB", "21 pairs")
    ]
    ours = [
        [float(row[n]) for n in names]
        for (_, _, other), row in results.items()
        if other == f"{method} jpg"
    ]
    assert len(ours) == 21
    lower = [METRICS[name].direction == "lower" for name in names]
    table = np.where(lower, 1, -1) * [*stored, np.mean(ours, axis=0)]
    mean = scipy.stats.rankdata(table, axis=0).mean(axis=1)
    assert mean[-1] <= 9.0
    assert 1 + (mean < mean[-1]).sum() <= 6


def test_recommended_of_a_pair_can_be_computed_again(results, vifb, oxford):
    sources = load_pair("vifb:walking").sources
    config = FusionConfig.preset("recommended")
    image, _ = fuse_image(sources, config=config, weights=oxford)
    row = results["fusionlib", "walking", "recommended jpg"]
    names = [name for name in row if name != "psnr_from_dlf"]
    found = evaluate(as_vifb_saves(image), sources, metrics=names, convention="vifb")
    for name, value in found.items():
        assert value == pytest.approx(float(row[name]), rel=2e-3), name
