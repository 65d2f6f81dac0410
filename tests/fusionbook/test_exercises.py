"""What checks say of right, wrong and missing answers, and where the chapters ask."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch

from fusionbook.exercises import EXERCISES, check
from fusionbook.style import distance, gram
from fusionlib.errors import InputError

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {
    path: nbformat.read(path, as_version=4)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
}
START = re.compile(r"\{exercise-start\} \S.*\n:label: ex-([\w-]+)\n```\n\n(.*)")
ASKED = [
    (path, found[1], found[2], index)
    for path, notebook in NOTEBOOKS.items()
    for index, cell in enumerate(notebook.cells)
    for found in START.finditer(cell.source)
]


def test_every_check_is_asked_for_once():
    assert sorted(name for _, name, _, _ in ASKED) == sorted(EXERCISES)


@pytest.mark.parametrize(
    ("path", "name", "opening", "index"), ASKED, ids=[one[1] for one in ASKED]
)
def test_an_exercise_has_level_minutes_stub_and_folded_solution(
    path, name, opening, index
):
    cells = NOTEBOOKS[path].cells
    assert re.match(r"\*\*Level [123]\*\*, \d+ minutes(, on paper)?\. ", opening)
    stub, solution = cells[index + 1], cells[index + 3]
    assert stub.metadata.tags == ["stub", "remove-output"]
    assert "..." in stub.source
    assert solution.metadata.tags == ["solution"]
    folded = {"source_hidden": True, "outputs_hidden": True}
    assert solution.metadata.jupyter == folded
    # The solution asks the very same question as the stub.
    question = stub.source.splitlines()[-1]
    assert question.startswith(f'check("{name}", ')
    assert solution.source.splitlines()[-1] == f"assert {question}"
    assert "print(" in solution.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_hints_lead_to_sections_of_the_chapter(path):
    text = "\n".join(c.source for c in NOTEBOOKS[path].cells)
    for name in (name for where, name, _, _ in ASKED if where == path):
        assert f"\n## {EXERCISES[name].read}\n" in f"\n{text}\n", name


def objective(b, source, lam=5.0):
    gradients = np.diff(b, axis=0), np.diff(b, axis=1)
    return ((source - b) ** 2).sum() + lam * sum((g**2).sum() for g in gradients)


def field(layers):
    size, step = 1, 1
    for kind in layers:
        size += (2 if kind == "c" else 1) * step
        step *= 2 if kind == "p" else 1
    return size


def signed(bands):
    return np.where(bands.max(axis=0) > -bands.min(axis=0), bands.max(0), bands.min(0))


FLAT = np.full((6, 6), 0.5)
#: Shares of targets and texture.
MEANS = {"a": (0.9, 0.5), "b": (0.7, 0.95), "c": (0.6, 1.0)}
#: Four metrics each; without d, c comes before b.
RANKED = {"a": (1, 3, 4, 4), "b": (3, 2, 3, 3), "c": (4, 4, 1, 1), "d": (2, 1, 2, 2)}
RIGHT = {
    "decomposition-period": (40.6,),
    "decomposition-twice": ("No", 10),
    "decomposition-minimum": (objective, FLAT, FLAT),
    "features-field": (field,),
    "features-odd": ((51, 26, 13), (50, 25, 12), 5),
    "activity-radius": (12, (27, 84)),
    "weights-silence": (1, 0.5),
    "metrics-units": (0.347,),
    "referee-groups": ((19, 23),),
    "referee-size": (3.01,),
    "referee-right": (55.7, 13.2),
    "style-count": (131072, 131328, 1024),
    "style-diagonal": (lambda mean, deviation: mean**2 + deviation**2, "no"),
    "history-rule": (signed,),
    "history-target": ("b", MEANS, ("target", "texture")),
    "history-pool": ({"d"}, "bc", RANKED, ("EN", "AG", "SD", "SF")),
}
WRONG = {
    "decomposition-period": ((13.9,), (100,), (-1,)),
    "decomposition-twice": (("yes", 10), ("no", 5), ("no", 20)),
    "decomposition-minimum": (
        (lambda b, s, lam=5.0: objective(b, s, 2 * lam), FLAT, FLAT),
        (lambda b, s: 0.0, FLAT, FLAT),
    ),
    "features-field": ((lambda layers: 3,), (lambda layers: 3 * len(layers),)),
    "features-odd": (((50, 25, 12), (50, 25, 12), 5), ((51, 26, 13), (50, 25, 12), 3)),
    "activity-radius": ((11, (27, 84)), (12, (25, 84)), (12, (27, 24))),
    "weights-silence": ((0.5, 0.5), (1, 0)),
    "metrics-units": ((0.693,), (0.5,), (1.06,)),
    "referee-groups": (((20, 23),), ((19, 20),)),
    "referee-size": ((6.02,), (0,)),
    "referee-right": ((55.7, 58.4), (0.1, 13.2)),
    "style-count": ((131072, 512**2, 1024), (512, 131328, 1024), (131072, 131328, 512)),
    "style-diagonal": (
        (lambda mean, deviation: mean + deviation, "no"),
        (lambda mean, deviation: mean**2 + deviation**2, "yes"),
    ),
    "history-rule": (
        (lambda bands: bands.max(axis=0),),
        (lambda bands: np.abs(bands).max(axis=0),),
        (lambda bands: bands,),
    ),
    "history-target": tuple((n, MEANS, ("target", "texture")) for n in "acx"),
    "history-pool": tuple(
        (w, "bc", RANKED, ("EN", "AG", "SD", "SF"))
        for w in (set(), {"a"}, {"d", "a"}, {"b"})
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_pass(name):
    answer = check(name, *RIGHT[name])
    assert answer.right is True, answer
    assert repr(answer) == "Right."


@pytest.mark.parametrize(("name", "answers"), [(n, a) for n in WRONG for a in WRONG[n]])
def test_wrong_answers_get_a_hint_and_a_section(name, answers):
    answer = check(name, *answers)
    assert answer.right is False
    assert not answer
    assert "another form" not in answer.text
    assert len(answer.text) > 20
    assert EXERCISES[name].read in repr(answer)
    assert "](#" in answer._repr_markdown_()


@pytest.mark.parametrize("answers", [(...,), (1.0, ...), ((1, ...),)])
def test_what_is_missing_is_not_wrong(answers):
    answer = check("decomposition-twice", *answers)
    assert answer.right is None
    assert not answer
    assert check("features-field", lambda layers: ...).right is None


def test_an_answer_of_another_form_is_a_hint_and_no_error():
    answer = check("decomposition-period", "about five")
    assert answer.right is False
    assert "another form" in answer.text


def test_an_unknown_name_is_an_error_that_names_the_nearest():
    with pytest.raises(InputError, match="did you mean decomposition-period"):
        check("decomposition-periods", 1)


def test_answers_stand_nowhere_in_plain_text():
    """Single numbers and words are kept as digests only."""
    source = (ROOT / "book" / "fusionbook" / "exercises.py").read_text("utf-8")
    for answer in ("156", "40.6", "0.347", "3.01", '"yes"', '"no"', '"cbf"', "55.7"):
        assert answer not in source, answer


def test_checks_that_compute_compare_with_what_was_computed():
    pair = np.random.RandomState(0).rand(2, 8, 8)
    first = SimpleNamespace(I=pair, F=pair.mean(axis=0))
    swapped = SimpleNamespace(I=pair[::-1], F=first.F + 1e-9)
    assert check("quickstart-order", "no", swapped, first)
    assert not check("quickstart-order", "yes", swapped, first)
    assert not check("quickstart-order", "no", first, first)
    candidates = np.random.RandomState(1).rand(4, 5, 5)
    assert check("selection-min", candidates.min(axis=0), candidates)
    assert not check("selection-min", candidates.max(axis=0), candidates)
    assert check("selection-subset", "no", candidates[:2].max(axis=0), candidates)
    rows = [{"amount": a, "SSIM": s, "SSIM_a": b}
            for a, s, b in ((0, 1, 1), (2, 0.6, 0.9), (4, 0.4, 0.7))]  # fmt: skip
    assert check("tasks-blind", 3, 0.2, rows)
    assert not check("tasks-blind", 4, 0.3, rows)


def test_checks_of_features_compute_what_they_compare_with():
    first, second = np.random.RandomState(2).rand(2, 3, 4, 5)
    larger = first.sum(axis=0) > second.sum(axis=0)
    target = np.where(larger, first, second)
    assert check("style-constraint", target, [0.8, 0.3], first, second)
    assert not check("style-constraint", target, [0.8, 0.7], first, second)
    assert not check("style-constraint", first, [0.8, 0.3], first, second)
    one, other = torch.tensor(first), torch.tensor(second)
    change = float(distance(gram(other), gram(one)))
    assert check("style-mirror", "yes", change, other, one)
    assert not check("style-mirror", "no", change, other, one)
    assert not check("style-mirror", "yes", 0, other, one)
    assert not check("style-mirror", "yes", change, one, one)
