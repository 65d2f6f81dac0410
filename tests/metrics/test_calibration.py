"""The committed numbers of the calibration page."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from fusionlib.metrics import METRICS

from ..support.files import load_script

RESULTS = Path(__file__).parents[2] / "book" / "results"


@pytest.fixture(scope="module")
def script():
    return load_script(RESULTS / "make_calibration.py")


@pytest.fixture(scope="module")
def committed():
    with (RESULTS / "calibration.csv").open(newline="") as file:
        next(file)
        return list(csv.DictReader(file))


def test_every_metric_and_convention_has_a_row(committed):
    rows = [(row["metric"], row["convention"]) for row in committed]
    assert rows == [
        pair for pair in dict.fromkeys(rows) if pair[1] in METRICS[pair[0]].conventions
    ]
    assert set(rows) == {(m.name, c) for m in METRICS.values() for c in m.conventions}
    compared = {row["convention"] for row in committed if row["compared"] == "yes"}
    assert compared == {"published", "vifb", "tang"}


def test_cases_worked_out_by_hand(script, committed):
    """All of them, and what is committed is what the library computes today."""
    stored = {(row["metric"], row["convention"]): row for row in committed}
    for row in script.analytic_rows(set()):
        pair = row["metric"], row["convention"]
        assert float(row["difference"]) < 1e-9, pair
        if stored[pair]["compared"] == "no":
            assert float(row["ours"]) == pytest.approx(float(stored[pair]["ours"]))
