"""What the columns JSR and JSRSD of the paper's tables are."""

import csv
from pathlib import Path

import numpy as np
import pytest

from fusionlib import load_pair, read_image
from fusionlib.evaluation.reproduction import METRICS, published_table_1
from fusionlib.metrics import evaluate

FOLDER = Path(__file__).parents[2] / "book" / "results"


def released_programs():
    """Metrics of the images that the released JSR and JSRSD made, by method."""
    with open(FOLDER / "released_jsr.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    return {
        method: [row for row in rows if row["method"] == method]
        for method in ("jsr", "jsrsd")
    }


def test_both_printed_columns_are_what_the_released_jsrsd_gives():
    # Means that were measured independently of this code.
    expected = {
        "jsr": (0.16438, 0.20831, 0.60642, 0.23929),
        "jsrsd": (0.14441, 0.18423, 0.54097, 0.35098),
    }
    printed = published_table_1()
    for method, rows in released_programs().items():
        assert [int(row["image"]) for row in rows] == list(range(1, 22))
        for metric, value in zip(METRICS, expected[method], strict=True):
            mean = np.mean([float(row[metric]) for row in rows])
            assert mean == pytest.approx(value, abs=6e-6)
            for column in ("jsr", "jsrsd"):
                off = abs(mean / printed[metric][column].value - 1)
                assert off < 0.015 if method == "jsrsd" else off > 0.1


@pytest.mark.parametrize("method", ["jsr", "jsrsd"])
def test_stored_metrics_of_released_images(method, data_folder, reference_folder):
    folder = reference_folder / "jsr_all"
    for row in released_programs()[method]:
        image = read_image(folder / f"fused{row['image']}_{method}.png")
        sources = load_pair(int(row["image"])).sources
        found = evaluate(image, sources, metrics=["SSIM_a", "N_abf"])
        for name, value in found.items():
            assert value == pytest.approx(float(row[name]), abs=6e-8)
