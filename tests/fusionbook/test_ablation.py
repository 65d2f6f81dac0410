"""Reading the table of an ablation, and the intervals of its differences."""

import numpy as np
import pytest

from fusionbook.ablation import (
    Ablation,
    Comparisons,
    paired_bootstrap,
    read_ablation,
    read_more,
    read_numbers,
)
from fusionlib.errors import InputError
from fusionlib.evaluation.variants import COLUMNS


def test_the_bootstrap_covers_and_is_repeatable():
    """Of 300 samples of a known mean, about 95% of the intervals must hold it."""
    rng = np.random.RandomState(0)
    held = 0
    for _ in range(300):
        effect = paired_bootstrap(rng.normal(1.5, 1, 21), samples=500)
        held += effect.low <= 1.5 <= effect.high
    assert 0.88 * 300 <= held <= 0.99 * 300
    values = rng.normal(0, 1, 21)
    assert paired_bootstrap(values) == paired_bootstrap(values)
    assert paired_bootstrap(values).mean == pytest.approx(values.mean())
    assert paired_bootstrap([2.0, 2.0, 2.0]).clear
    assert not paired_bootstrap([-1.0, 1.0]).clear
    for bad in ([1.0], [1.0, np.nan], [[1.0, 2.0]]):
        with pytest.raises(InputError, match="differences"):
            paired_bootstrap(bad)


@pytest.mark.parametrize("text", ["{bad json", "{}\npair\nstreet", "[1]", "[" * 10**5])
def test_a_damaged_table_is_refused(tmp_path, text):
    path = tmp_path / "ablation.csv"
    path.write_text(f"# fusionlib ablation {text}\n")
    with pytest.raises(InputError, match="is damaged"):
        read_ablation(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="was not written by"):
        read_ablation(path)


def test_effects_are_paired_differences():
    rows = {
        (f"tno{n}", name): dict.fromkeys(COLUMNS, value)
        for n in range(1, 5)
        for name, value in (("a", 10.0 * n + 1), ("b", 10.0 * n))
    }
    effect = Ablation(rows).effect("a", "b", "EN")
    assert (effect.mean, effect.low, effect.high, effect.pairs) == (1, 1, 1, 4)
    scenes = Ablation({("street", "a"): {}, ("street", "b"): {}})
    with pytest.raises(InputError, match="pairs must be named"):
        scenes.effect("a", "b", "EN")


def small(columns):
    rows = {
        (f"tno{k}", name): {column: base + 0.1 * k for column in columns}
        for k in range(1, 6)
        for name, base in (("a", 1.0), ("b", 3.0))
    }
    return Ablation(rows)


def test_comparisons_are_counted_once_each_and_named_in_words():
    shown = Comparisons(small(["EN", "N_abf"]), {"a": "first"})
    table = shown.table([("b", "a")], ["EN", "N_abf"]).data
    assert "b − first" in table
    assert r"| N\_abf | **+2.00** (+2.00 … +2.00) |" in table
    shown.effect("b", "a", "EN")
    assert len(shown.seen) == 2
    assert shown.strict() == []


def test_many_comparisons_ask_for_more_than_95_per_cent():
    rows = small(["EN"]).rows
    for k, gap in enumerate((1.0, 1.0, 1.0, 1.0, -0.4), 1):
        rows[f"tno{k}", "c"] = {"EN": rows[f"tno{k}", "a"]["EN"] + gap}
    shown = Comparisons(Ablation(rows), {})
    assert shown.effect("c", "a", "EN").clear
    assert shown.strict() == []
    shown.seen |= {("b", "a", f"other {k}"): shown.effect("a", "a", "EN")
                   for k in range(200)}  # fmt: skip
    assert shown.strict() == [("c", "a", "EN")]


def test_more_columns_are_added_and_none_replaced(tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("# note\npair,variant,EN,Q_abf\ntno1,a,9,0.5\ntno1,new,,0.25\n")
    found = read_more(small(["EN"]), path).rows
    assert found["tno1", "a"] == {"EN": 1.1, "Q_abf": 0.5}
    assert found["tno1", "new"] == {"Q_abf": 0.25}
    assert found["tno2", "a"] == {"EN": 1.2}
    table = read_numbers(path)
    assert table["Q_abf"].tolist() == [0.5, 0.25]
