"""The quick questions: their numbers are right, and their sections exist."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import pywt
import torch

from fusionbook.quizzes import QUIZZES, Choice, Number, quiz
from fusionbook.style import adain
from fusionlib.activity import block_average, l1_norm
from fusionlib.decomposition import frequency_response
from fusionlib.errors import InputError
from fusionlib.fusion import select
from fusionlib.images.io import to_uint8
from fusionlib.metrics import evaluate
from fusionlib.vgg.layers import receptive_field
from fusionlib.weight_maps import weights_from_activity

ROOT = Path(__file__).parents[2]
TEXTS = {
    path: "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
}
QUIZ = re.compile(r'^quiz\("([\w-]+)"\)$', re.MULTILINE)
ASKED = {name: text for text in TEXTS.values() for name in QUIZ.findall(text)}

QUESTIONS = [(name, question) for name in QUIZZES for question in QUIZZES[name]]


def test_every_quiz_is_asked_in_one_chapter():
    assert sorted(ASKED) == sorted(QUIZZES)


@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_a_question_has_answers_and_a_section(name, question):
    assert len(QUIZZES[name]) == 3
    assert re.search(rf"^## {re.escape(question.read)}$", ASKED[name], re.MULTILINE)
    if isinstance(question, Choice):
        assert len({answer for answer, _ in question.answers}) == 3
        assert all(len(said) > 10 for _, said in question.answers)
    else:
        assert question.why
        assert question.hint


def computed():
    """The answer of each question for a number, by the library."""
    square = np.zeros((5, 5))
    square[2, 2] = 9
    yield "quickstart", np.mean([0.8, 0.2])
    yield "decomposition", frequency_response(2, 2, 5.0)[0, 1]
    yield "features", receptive_field("relu1_2")
    yield "activity", l1_norm(np.array([[[3.0]], [[0.0]], [[-4.0]]]))[0, 0]
    yield "activity", block_average(square)[2, 2]
    yield "weights", 0.51 * 20 + 0.49 * 0 - 10
    yield "selection", select(np.array([-3.0, -1, -2, -4]).reshape(4, 1, 1))[0][0, 0]
    images = np.full((16, 16), 0.4), [np.full((16, 16), 0.5)] * 2
    yield "metrics", evaluate(*images, metrics=["PSNR"], convention="exact")["PSNR"]
    yield "reproduction", to_uint8(np.full((1, 1), 100.5 / 255 + 1e-12))[0, 0]
    yield "ablation", 255 * 0.02
    yield "tasks", weights_from_activity(np.full((4, 1, 1), 3.0))[0, 0, 0]
    noise = np.random.RandomState(0).rand(16, 16)
    tiles = [
        evaluate(np.tile(noise, n), [np.tile(noise / 2, n)] * 2, metrics=["RMSE"],
                 convention="vifb")["RMSE"] for n in ((1, 1), (2, 2))
    ]  # fmt: skip
    yield "referee", tiles[1] / tiles[0]
    yield "onestep", 1.3 * 4
    content, style = (torch.tensor([[x]]) for x in ([1.0, 3], [6.0, 14]))
    yield "style", adain(content, style)[0, 0, 1]
    bands = pywt.swt2(noise, "haar", level=4, trim_approx=True)
    low, *details = bands
    yield "history", (low.size + sum(np.size(d) for d in details)) / noise.size


def test_numbers_are_what_the_library_computes():
    asked = [(name, q) for name, q in QUESTIONS if isinstance(q, Number)]
    for (name, question), (of, value) in zip(asked, computed(), strict=True):
        assert name == of
        assert abs(question.value - value) <= max(question.tolerance, 1e-9), name


def test_the_claims_of_choices_hold():
    exponential = np.exp([3, 1]) / np.exp([3, 1]).sum()
    ratio = weights_from_activity(np.array([3.0, 1]).reshape(2, 1, 1))
    assert np.allclose(ratio[:, 0, 0], [0.75, 0.25])
    assert exponential.round(2).tolist() == [0.88, 0.12]
    period = 2 * np.pi / np.arccos(1 - 1 / (2 * 500))
    assert 135 < period < 145


def test_the_form_needs_no_network_and_gives_each_question_a_name():
    for name in QUIZZES:
        shown = quiz(name)._repr_html_()
        assert not re.search(r"https?://|src=", shown)
        assert shown.count("<fieldset>") == 3
        groups = re.findall(r'name="([\w-]+)"', shown)
        assert len(set(groups)) == 3
        assert shown.count('data-right="true" data-say') == sum(
            isinstance(question, Choice) for question in QUIZZES[name]
        )


def test_an_unknown_quiz_is_an_error():
    with pytest.raises(InputError, match="quickstart"):
        quiz("nothing")
