"""The systems that the paper names: their years, their arrows and their places."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusionbook.history import (
    FAMILIES,
    SYSTEMS,
    mean_ranks,
    place_of,
    show_lineage,
    table_of,
)
from fusionbook.trade import read_results
from fusionlib.baselines import METHODS
from fusionlib.data import scenes

STORED = Path(__file__).parents[2] / "book" / "results" / "history.csv"


def test_every_published_method_is_a_system_of_its_year():
    for name, method in METHODS.items():
        if method.year is not None:
            assert SYSTEMS[name].year == method.year, name


def test_ideas_come_before_what_builds_on_them():
    for name, system in SYSTEMS.items():
        assert system.family in FAMILIES
        for parent in system.after:
            assert SYSTEMS[parent].year <= system.year, (parent, name)
            assert SYSTEMS[parent].place[0] <= system.place[0], (parent, name)


def test_no_two_systems_have_one_number_or_one_place():
    numbers = [s.number for s in SYSTEMS.values() if s.number is not None]
    assert sorted(numbers) == list(range(2, 23))
    assert len({system.place for system in SYSTEMS.values()}) == len(SYSTEMS)


def test_ranks_turn_metrics_that_should_be_low():
    values = {"a": np.array([3, 0.1]), "b": np.array([2, 0.1]), "c": np.array([1, 0.0])}
    ranks = mean_ranks(values, ["EN", "N_abf"])
    assert ranks == pytest.approx({"a": 1.75, "b": 2.25, "c": 2.0})
    assert [place_of(name, ranks) for name in "acb"] == [1, 2, 3]
    assert place_of("x", {"x": 2.0, "y": 2.0, "z": 1.0}) == 2


def test_the_table_shows_number_status_and_place():
    table = table_of(["dwt"], {"dwt": 2.04, "mean": 1.0}).data
    assert table.endswith("| `dwt` | [2] | 1995 | after the paper | 2.0 | 2 |")


def test_the_figure_has_a_box_for_each_system():
    shown = [text.get_text() for text in show_lineage().axes[0].texts]
    for system in SYSTEMS.values():
        assert any(text.startswith(system.title) for text in shown)


def test_the_stored_table_has_every_method_on_every_scene():
    _, rows = read_results(STORED)
    found = {(row["method"], row["pair"]) for row in rows}
    names = {*METHODS, "paper", "recommended"}
    assert found >= {(name, scene) for name in names for scene in scenes()}
