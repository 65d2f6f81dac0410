"""Captions, texts and stored numbers follow the kind of the weights."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import warnings
from pathlib import Path

import pytest

from fusionbook import simulated as tasks
from fusionbook.text import (
    SETTINGS,
    TRAINED,
    beside_paper,
    by_kind,
    key_numbers,
    markdown_table,
    open_chapter,
    paper_note,
    paper_value,
    partial_note,
    task_numbers,
)
from fusionlib import load_pair
from fusionlib.vgg.weights import VGGWeights

from ..support.files import load_script

ROOT = Path(__file__).parents[2]

#: The simulated tasks of chapter 9.
TASKS = {
    "multi_focus": tasks.multi_focus,
    "multi_exposure": lambda: tasks.multi_exposure((-3, -1, 1, 3)),
    "medical": tasks.medical,
}


@pytest.fixture
def other(seeded):
    return VGGWeights("file", seeded.arrays, about="VGG-16")


@pytest.fixture
def paper(seeded):
    from fusionlib.vgg.weights import OXFORD_BIASES

    arrays = dict(seeded.arrays)
    arrays["features.0.bias"] = arrays["features.0.bias"].copy()
    arrays["features.0.bias"][: len(OXFORD_BIASES)] = OXFORD_BIASES
    return VGGWeights("oxford", arrays, partial="conv4_1")


def test_text_is_chosen_by_kind(paper, other, seeded):
    texts = {"paper": "p", "other": "o", "random": "r"}
    chosen = [by_kind(weights, **texts).data for weights in (paper, other, seeded)]
    assert chosen == ["p", "o", "r"]
    assert by_kind(other, paper="p", random="r").data == "p"
    assert by_kind(other, paper="p", other="", random="r") is None


def test_short_labels(paper, other, seeded):
    assert paper.short_label == "oxford, the paper's network, partial"
    assert other.short_label == "file, trained, but not the paper's network"
    assert seeded.short_label == "seeded, random numbers, not a trained network"


def test_a_chapter_names_its_weights_without_a_warning(clean_home, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair, weights = open_chapter()
    assert (pair.name, weights.kind) == ("street", "random")
    assert "random numbers, not a trained network" in capsys.readouterr().out


def test_captions_name_the_weights(monkeypatch):
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", "seeded")
    extension = load_script(ROOT / "book" / "_ext" / "book_build.py")
    said = "Made by seeded, random numbers, not a trained network."
    cell = {"caption": "Made by {weights}.", "source": ["f'{weights}'"]}
    page = ':    caption: "Made by {weights}."\nprint(f"{weights}")\n'
    source = [json.dumps(cell, indent=1)]
    extension.name_weights(None, "page", source)
    assert json.loads(source[0]) == cell | {"caption": said}
    source = [page]
    extension.name_weights(None, "page", source)
    assert source[0] == page.replace("Made by {weights}.", said)


def test_numbers_of_the_paper_are_shown_beside_others(paper, other, seeded):
    pair, numbers = load_pair("street"), {"departure": 0.05, "winner share relu1_1": 1}
    for weights in (other, seeded):
        table = beside_paper(weights, pair, numbers).data
        assert "| 0.05 | 0.53 (conv4_1 partial) |" in table
        assert "pixels won by relu1_1 | 100% | 29% (conv4_1 partial) |" in table
    assert "0.53" not in beside_paper(paper, pair, numbers).data
    assert "0.53" not in beside_paper(other, load_pair("facade"), numbers).data


def test_a_number_of_the_paper_ends_a_line(paper, other):
    asked = {"pair": "multi_focus", "setting": "paper"}
    note = paper_note(other, "PSNR", "{:.1f} dB", **asked)
    assert note == " [the paper's network: 24.0 dB]"
    assert paper_note(paper, "PSNR", "{:.1f} dB", **asked) == ""
    assert paper_note(other, "PSNR", "{:.1f} dB", pair="facade") == ""


def rows():
    lines = TRAINED.read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    about = json.loads(lines[0][lines[0].index("{") :])
    assert about["weights"]["kind"] == "paper"
    return list(csv.DictReader(lines[1:])), about


def test_stored_numbers_are_complete_and_marked():
    table, about = rows()
    assert {row["pair"] for row in table} == {"street", "tno1", *TASKS}
    assert {row["setting"] for row in table} == set(SETTINGS)
    for row in table:
        shallow = re.search(r"(weight|floor|negated) relu[123]_1$", row["name"])
        marked = "conv4_1 partial" if about["weights"]["partial"] else ""
        assert row["note"] == ("" if shallow else marked), row


def test_stored_numbers_are_the_known_ones():
    assert paper_value("departure") == pytest.approx(0.528, abs=5e-4)
    assert paper_value("largest departure") == pytest.approx(8.7, abs=0.05)
    shares = [paper_value(f"winner share relu{i}_1") for i in (1, 2, 3, 4)]
    assert [round(100 * share) for share in shares] == [29, 13, 17, 41]
    ends = [paper_value(f"{end} weight relu2_1") for end in ("lowest", "highest")]
    assert ends == pytest.approx([0.382, 0.568], abs=5e-4)


@pytest.mark.parametrize("name", ["street", "tno1", *TASKS])
def test_stored_numbers_can_be_repeated(oxford, name, request):
    if oxford.kind != "paper":
        pytest.skip("FUSIONLIB_WEIGHTS does not hold the paper's network")
    if name == "tno1":
        request.getfixturevalue("data_folder")
    if name in TASKS:
        again = task_numbers(TASKS[name](), oxford)
    else:
        again = key_numbers(load_pair(name), oxford)
    table = [row for row in rows()[0] if row["pair"] == name]
    assert len(table) == len(again)
    for row in table:
        if row["note"] and not oxford.partial:
            continue  # the complete network gives other numbers where relu4_1 counts
        found = again[row["setting"], row["name"]]
        close = pytest.approx(float(row["value"]), rel=1e-3, abs=1e-4)
        assert found == close, row


def test_only_partial_weights_get_a_warning(seeded):
    assert partial_note(seeded) is None
    incomplete = dataclasses.replace(seeded, partial="one tap only")
    assert "one tap only" in partial_note(incomplete).data


def test_columns_of_words_are_to_the_left_and_negative_numbers_have_a_minus_sign():
    rows = [
        ("a-1", "**-0.5** (-1 … +2)", "turn by -5°", "", "2026-11-30"),
        ("b", "[15]", "exact", "–", "1e-05"),
    ]
    table = markdown_table(("", "number", "words", "none", "text"), rows).splitlines()
    assert table[1] == "| --- | ---: | --- | ---: | ---: |"
    assert table[2] == "| a-1 | **−0.5** (−1 … +2) | turn by −5° |  | 2026-11-30 |"
    assert table[3] == "| b | [15] | exact | – | 1e-05 |"
