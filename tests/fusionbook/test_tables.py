"""The tables of the paper as the book shows them."""

import pytest

from fusionbook.tables import WORDS, agreement, method_table, table_html
from fusionlib.baselines import METHODS
from fusionlib.evaluation.tables import table_2


def record(method, value):
    metrics = {"FMI_dct": 0.1, "FMI_w": 0.2, "SSIM_a": 0.3, "N_abf": value}
    return {"method": method, "image": 1, **metrics}


def test_table_as_html():
    rows = table_2([record("cbf", 0.231669), record("mean", 0.1)])
    html = table_html(rows, "image", ["cbf", "mean", "wls"])
    assert "0.23167<br>0.23167 ✓" in html
    assert "<td>0.10000</td><td></td>" in html
    assert html.count("<tr>") == 2


@pytest.mark.parametrize(
    ("ours", "expected"),
    [("0.23167", "digits"), ("0.23300", "close"), ("0.24000", "apart")],
)
def test_agreement(ours, expected):
    assert agreement({"published": "0.23167", "ours": ours}) == expected


def test_a_table_can_be_turned():
    rows = table_2([record("cbf", 0.231669), record("mean", 0.1)])
    html = table_html(rows, "image", ["cbf", "mean"], turned=True)
    assert '<th scope="col">method</th><th scope="col">1</th>' in html
    assert '<th scope="row">mean</th><td>0.10000</td>' in html


def test_every_method_has_its_sentence():
    assert WORDS.keys() == METHODS.keys()
    assert all(sentence.endswith(".") for _, sentence in WORDS.values())
    table = method_table().data
    assert table.count("\n") == len(METHODS) + 1
    assert "| `mean` | Mean | " in table
