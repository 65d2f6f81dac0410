"""The page on speed: its record is consistent, its tables say what the record says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fusionbook import speed as benchmark
from fusionlib import FusionConfig, fuse
from fusionlib.vgg.layers import multiply_adds

from ..support import naive

ROOT = Path(__file__).parents[2]
FILE = ROOT / "book" / "results" / "benchmark.json"


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


def test_the_parts_of_one_command_are_all_that_it_takes(record):
    *parts, rest = list(record["cold"].items())
    assert rest[0].startswith("together")
    assert rest[1] == pytest.approx(sum(seconds for _, seconds in parts[2:]))
    assert benchmark.cold(record).count("\n") == 2 + len(parts)
    assert f"| network | {record['cold']['network']:.2f} |" in benchmark.cold(record)


def test_the_sentence_on_workers_has_the_ratio_of_its_times(record):
    row = record["workers"]
    ratio = row["workers_1_s"] / row["workers_2_s"]
    assert f"one thread each: {ratio:.2f} times" in benchmark.workers(record)


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


def test_the_table_of_programs_has_them_all_and_names_the_fastest():
    record = json.loads((FILE.parent / "peers.json").read_text())
    rows = record["rows"]
    text = benchmark.peers(record)
    assert text.count("\n| ") == 2 + len(rows)  # with head and rule
    others = {name: row["s"] for name, row in rows.items()
              if row["precision"] == "fp32" and "s" in row
              and name != "ours" and not name.startswith("floor")}  # fmt: skip
    fastest = min(others, key=others.get)
    assert f"other program, {fastest}, and" in text
    assert f"{rows['ours']['s'] / others[fastest]:.2f} of the time" in text
    # Who has another result has no time.
    assert all(row.get("difference", 0) < 1e-4 for row in rows.values()
               if row["precision"] == "fp32" and "s" in row)  # fmt: skip


@pytest.mark.more
def test_programs_are_measured_in_turn(tmp_path):
    file = tmp_path / "peers.json"
    script = ROOT / "benchmarks" / "bench_peers.py"
    command = [sys.executable, script, "--size", "48x64", "--rounds", "1",
               "--threads", "1", "--json", file]  # fmt: skip
    for name in ("plain port", "onnxruntime", "floor: matrix product", "ncnn"):
        command += ["--only", name]
    command += ["--env", f"ncnn={sys.executable}"]  # which has no ncnn
    subprocess.run(command, check=True)
    rows = json.loads(file.read_text())["rows"]
    assert rows.pop("ncnn")["problem"] == "ModuleNotFoundError: No module named 'ncnn'"
    assert list(rows) == ["ours", "plain port", "onnxruntime", "floor: matrix product"]
    assert all(row["s"] > 0 for row in rows.values())
