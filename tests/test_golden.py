"""Same numbers everywhere: the contract, on the golden values of ``tests/golden``.

Each test records the largest difference that it met as properties of the JUnit report;
``tests/machines.py`` gathers them for its table.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from fusionlib.data import scenes
from fusionlib.images.io import to_uint8
from fusionlib.metrics import CONVENTIONS

from .conftest import assert_same_image
from .golden.make import (
    CASES,
    MEASURED,
    VALUES,
    digest,
    golden_model,
    image_path,
    metric_values,
    run,
    samples,
)

#: Pixels that may differ, of a million, over all golden images together.
PIXELS_OF_A_MILLION = 5
#: Part of the largest activity of its layer by which an activity may differ.
ACTIVITY = 1e-5
#: Difference that a metric of identical 8-bit images may have.
METRIC, FMI = 1e-9, 1e-7

GOLDEN = json.loads(VALUES.read_text())
EACH = pytest.mark.parametrize(("scene", "preset"), CASES)


def golden_image(scene, preset):
    return np.asarray(Image.open(image_path(scene, preset)))


@pytest.fixture(scope="module")
def model():
    return golden_model()


@pytest.fixture(scope="module")
def results(model):
    return {case: run(*case, model) for case in CASES}


@pytest.mark.parametrize("scene", scenes())
def test_sources_are_the_same(scene):
    """Or the other tests compare different things."""
    assert digest(scene) == GOLDEN["sources_sha256"][scene]


@EACH
def test_fused_image(scene, preset, results, record_property):
    golden = golden_image(scene, preset)
    found = to_uint8(results[scene, preset].image)
    record_property("pixels", golden.size)
    record_property("pixels_that_differ", int((found != golden).sum()))
    assert_same_image(found, golden)


def test_all_fused_images_together(results):
    differ = [to_uint8(results[case].image) != golden_image(*case) for case in CASES]
    assert 1e6 * np.mean(differ) <= PIXELS_OF_A_MILLION


@EACH
def test_activities(scene, preset, results, record_property):
    for name, stored in GOLDEN[f"{scene} {preset}"]["activities"].items():
        activity = results[scene, preset].C[name]
        largest = stored["largest"]
        found = np.append(samples(activity), activity.max())
        golden = np.append(np.array(stored["samples"].split(), float), largest)
        difference = np.abs(found - golden).max() / largest
        record_property("activity", float(difference))
        assert difference <= ACTIVITY, name


@pytest.mark.parametrize(("scene", "preset"), MEASURED)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_metrics_of_identical_images(scene, preset, convention, record_property):
    golden = GOLDEN[f"{scene} {preset}"]["metrics"][convention]
    found = metric_values(scene, preset, convention)
    assert found.keys() == golden.keys()
    for name, value in found.items():
        difference = abs(value - golden[name])
        if difference:
            record_property("metric", float(difference / abs(golden[name])))
        allowed = FMI if name.startswith("FMI") else METRIC
        assert difference <= allowed * max(1, abs(golden[name])), name
    if "N_abf" not in found:
        return
    # Table II of the paper prints five decimals.
    assert f"{found['N_abf']:.5f}" == f"{golden['N_abf']:.5f}"


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads(threads, model):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = run(*CASES[0], model)
    finally:
        torch.set_num_threads(before)
    assert_same_image(to_uint8(found.image), golden_image(*CASES[0]))
