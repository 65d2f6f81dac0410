"""The thirteen metrics of VIFB, against the values that the benchmark stores."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from fusionlib import metrics

#: Names there, of those that differ.
NAMES = {"Qabf": "Q_abf", "Qcb": "Q_CB", "Qcv": "Q_CV"}

#: One method on each given pair, in turn; and all methods on the smallest.
METHODS = ("CBF", "CNN", "DLF", "GFF", "LatLRR", "NSCT_SR", "TIF", "VSMWLS")
PAIRS = (
    "carLight", "carWhite", "fight", "labMan", "manCall", "manlight", "manwithbag",
    "peopleshadow", "snow", "walking", "walkingnight",
)  # fmt: skip
CASES = [(pair, METHODS[k % len(METHODS)]) for k, pair in enumerate(PAIRS[:-1])]
CASES += [(PAIRS[-1], method) for method in METHODS]


def read(path):
    return np.asarray(Image.open(path))


def evaluated(folder, pair, method):
    sources = [read(folder / "input" / band / f"{pair}.jpg") for band in ("VI", "IR")]
    fused = read(folder / "fused" / f"{pair}_{method}.jpg")
    return metrics.evaluate(fused, sources, convention="vifb")


@pytest.fixture(scope="module")
def vifb(reference_folder):
    return reference_folder / "vifb"


@pytest.fixture(scope="module")
def stored(vifb):
    with open(vifb / "values_odd.csv", newline="") as file:
        return {(row["pair"], row["method"]): row for row in csv.DictReader(file)}


@pytest.mark.parametrize(("pair", "method"), CASES)
def test_stored_values(pair, method, vifb, stored):
    """To the five digits that are stored: half a unit of the last is 0.005%."""
    values = evaluated(vifb, pair, method)
    assert values.computed_on == "channels"
    row = {NAMES.get(name, name): text for name, text in stored[pair, method].items()}
    assert set(values) == set(row) - {"pair", "method"}
    for name, value in values.items():
        assert value == pytest.approx(float(row[name]), rel=6e-5), name


def test_the_wrong_root(vifb):
    """The PSNR of VIFB follows from its RMSE; it is far from the usual one."""
    values = evaluated(vifb, "carLight", "DLF")
    assert f"{values['PSNR']:.2f}" == "60.07"
    sources = [read(vifb / "input" / band / "carLight.jpg") for band in ("VI", "IR")]
    fused = read(vifb / "fused" / "carLight_DLF.jpg")
    squares = [np.square(fused / 1.0 - s).mean(axis=(0, 1)) for s in sources]
    defined = 10 * np.log10(255**2 / np.mean(squares, axis=0)).mean()
    assert defined == pytest.approx(17.4, abs=0.05)
