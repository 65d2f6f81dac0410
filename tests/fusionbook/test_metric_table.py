"""The table of metrics: complete, and its blind spots are real."""

from __future__ import annotations

import re
from pathlib import Path

from fusionbook.metric_table import FACTS, fooled, metric_table, term
from fusionlib import load_pair
from fusionlib.metrics import METRICS

GLOSSARY = Path(__file__).parents[2] / "book" / "glossary.md"


def test_every_metric_has_its_facts_in_the_order_of_the_register():
    assert list(FACTS) == list(METRICS)
    for fact in FACTS.values():
        assert fact.question[0].isupper()
        assert fact.formula.count("{") == fact.formula.count("}")
        assert "|" not in fact.formula + fact.question + fact.blind


def test_the_glossary_has_every_metric_once():
    text = GLOSSARY.read_text("utf-8")
    for name in METRICS:
        assert len(re.findall(rf"^{name}$", text, re.MULTILINE)) == 1, name


def test_each_blind_spot_fools_its_metric():
    """The worse image scores as well as the better one, but for two per cent."""
    apart = {}
    for name, worse, better, first, second in fooled(load_pair("street").sources):
        sign = 1 if METRICS[name].direction == "higher" else -1
        if sign * (first - second) < -0.02 * abs(second):
            apart[name] = worse, first, better, second
    assert not apart


def test_the_table_has_a_row_for_each_metric(monkeypatch):
    monkeypatch.delenv("FUSIONLIB_BOOK", raising=False)
    lines = metric_table().data.splitlines()
    assert len(lines) == len(METRICS) + 2
    assert all(line.count(" | ") == 2 for line in lines[2:])
    assert lines[2].startswith("| `FMI_dct`")
    monkeypatch.setenv("FUSIONLIB_BOOK", "1")
    assert term("EN") == "{term}`EN`"
    assert "0 … 8, higher" in metric_table(["EN"]).data
    assert "−1 … 1, higher" in metric_table(["CC"]).data
