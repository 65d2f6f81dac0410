"""The table of the project ranks by targets, within its limits."""

import numpy as np
import pytest

from fusionbook.leaderboard import BASELINES, evaluate, leaderboard, load, main
from fusionlib.data import load_pair
from fusionlib.errors import InputError


@pytest.fixture(scope="module")
def pair():
    return load_pair("street")


def test_known_fused_images_have_known_scores(pair):
    infrared = evaluate(lambda one, two: one, pair)
    assert infrared["target"] == pytest.approx(1, abs=0.01)
    assert infrared["N_abf"] == 0
    visible = evaluate(lambda one, two: two, pair)
    assert visible["texture"] == pytest.approx(1, abs=0.01)
    constant = evaluate(lambda one, two: np.full_like(one, 0.5), pair)
    assert constant["target"] == pytest.approx(0, abs=1e-9)


def test_what_loses_texture_or_adds_artifacts_comes_last():
    methods = {
        "mean": BASELINES["mean"],
        "infrared": lambda one, two: one,
        "noise": lambda one, two: (
            (one + two) / 2 + 0.05 * np.random.RandomState(0).standard_normal(one.shape)
        ),
        "a little more infrared": lambda one, two: 0.51 * one + 0.49 * two,
    }
    table = leaderboard(methods, ["street"])
    places = {name: (place, kept) for place, (name, _, kept) in enumerate(table)}
    assert places["a little more infrared"] == (0, True)
    assert places["mean"] == (1, True)
    assert not places["infrared"][1]
    assert not places["noise"][1]


@pytest.mark.parametrize(
    "bad",
    [lambda one, two: one[:10], lambda one, two: np.full_like(one, np.nan),
     lambda one, two: np.stack([one] * 3, axis=-1)],
)  # fmt: skip
def test_what_is_no_fused_image_is_refused(bad, pair):
    with pytest.raises(InputError, match="fuse must return an image"):
        evaluate(bad, pair)


def test_a_file_without_the_function_is_named(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text("def join(one, two):\n    return one\n")
    with pytest.raises(InputError, match="must define fuse"):
        load(path)
    assert main([str(path)]) == 2
    assert "mine.py" in capsys.readouterr().err
    path.write_text("def fuse(one, two):\n    return 0.5 * one + 0.5 * two\n")
    assert np.array_equal(load(path)(np.ones((2, 2)), np.ones((2, 2))), np.ones((2, 2)))
