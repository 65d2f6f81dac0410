"""The page on speed: its record is consistent, its tables say what the record says."""

import json
from pathlib import Path

import numpy as np
import pytest

from fusionbook import speed as benchmark
from fusionlib import FusionConfig, fuse
from fusionlib.vgg.layers import multiply_adds

from ..support import naive

FILE = Path(__file__).parents[2] / "book" / "results" / "benchmark.json"


@pytest.fixture(scope="module")
def record():
    return json.loads(FILE.read_text())


def test_ratios_follow_from_the_times(record):
    for row in record["sizes"]:
        for name, rate in record["machine"]["rates"].items():
            ours = row[name]
            work = 2 * multiply_adds(row["height"], row["width"], "relu4_1")
            assert ours["floor_s"] == pytest.approx(work / rate)
            assert ours["times_faster"] == pytest.approx(row["naive_s"] / ours["s"])
            share = 1 - ours["network_s"] / ours["s"]
            assert ours["outside_network"] == pytest.approx(share)


def test_exponent_is_the_slope_of_the_rows(record):
    area = record["area"]
    pixels = np.log([row["height"] * row["width"] for row in area["rows"]])
    times = np.log([row["s"] for row in area["rows"]])
    slope = np.cov(pixels, times, ddof=0)[0, 1] / np.var(pixels)
    assert area["exponent"] == pytest.approx(slope)


def test_tables_hold_a_row_for_each_measurement(record):
    assert benchmark.sizes(record).count("\n") == 1 + len(record["sizes"]) * len(
        record["machine"]["rates"]
    )
    assert benchmark.memory(record).count("\n") == 1 + len(record["memory"])
    assert "| 640\u00a0×\u00a0480 | 0.31 |" in benchmark.area(record)
    assert "| metric | N_abf |" in benchmark.others(record)
    assert record["machine"]["processor"] in benchmark.machine(record)


def test_figure_shows_the_measured_times(record):
    axes = benchmark.show_scaling(record).axes
    for panel, key in zip(axes[1:], ("sources", "pairs"), strict=True):
        shown = panel.lines[1]
        assert list(shown.get_xdata()) == [row[key] for row in record[key]]
        assert list(shown.get_ydata()) == [row["s"] for row in record[key]]
        guide = np.polyfit(
            np.log(panel.lines[0].get_xdata()), np.log(panel.lines[0].get_ydata()), 1
        )
        assert guide[0] == pytest.approx(1)


def test_the_plain_port_gives_the_same_image(seeded):
    pair = np.random.RandomState(3).uniform(size=(2, 61, 75))
    plain = naive.fuse(*pair, naive.load_network(seeded))
    ours = fuse(pair, config=FusionConfig(), weights=seeded)
    np.testing.assert_allclose(ours.image, plain, atol=1e-6)
