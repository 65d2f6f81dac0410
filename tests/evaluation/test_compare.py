"""Methods and folders of results, compared."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from PIL import Image

import fusionlib
from fusionlib import InputError, compare, load_pair
from fusionlib.baselines import METHODS
from fusionlib.cli import main
from fusionlib.evaluation import compare as module
from fusionlib.evaluation.comparison import FORMATS, Comparison
from fusionlib.evaluation.pairing import FilePair, find_named
from fusionlib.images.io import to_uint8
from fusionlib.metrics import evaluate

SOME = ["SSIM_a", "N_abf", "EN"]


@pytest.fixture
def values():
    """Three methods, four pairs, two metrics; of CE less is better."""
    first = np.array([[1.0, 2, 3, 6], [2, 2, 2, 2], [0, 2, 4, 2]])
    second = np.array([[1.0, 1, 1, 1], [3, 3, 3, 3], [2, 2, 2, 2]])
    return Comparison(
        ("a_1", "b|2", "<c>"), ("p", "q", "r", "s"), ("EN", "CE"), "published",
        np.stack([first, second], axis=-1),
    )  # fmt: skip


def test_means_intervals_and_ranks(values):
    np.testing.assert_allclose(values.means, [[3, 1], [2, 3], [2, 2]])
    # t(0.975, 3) = 3.182446; standard deviation of 1, 2, 3, 6 over sqrt(4).
    expected = 3.182446 * math.sqrt(14 / 3) / 2
    assert values.margins[0, 0] == pytest.approx(expected, rel=1e-6)
    assert values.margins[1].tolist() == [0, 0]
    # Equals share their mean rank, and of CE the smallest is the first.
    assert values.ranks.tolist() == [[1, 1], [2.5, 3], [2.5, 2]]
    assert values.mean_ranks.tolist() == [1, 2.75, 2.25]
    assert values.order == [0, 2, 1]


def test_a_single_pair_has_no_interval(values):
    one = Comparison(
        values.methods, ("p",), values.metrics, "published", values.values[:, :1]
    )
    assert np.isnan(one.margins).all()
    assert "±" not in one.to_markdown()
    assert one.summary()[0] == ["a_1", "1 (2)", "1 (1)", "1.50"]


def test_an_infinite_mean_is_the_best_and_has_no_interval(values):
    infinite = values.values.copy()
    infinite[1, 2, 0] = math.inf
    found = Comparison(values.methods, values.pairs, values.metrics, "exact", infinite)
    assert found.ranks[:, 0].tolist() == [2, 1, 3]
    assert math.isnan(found.margins[1, 0])
    assert "inf (1)" in found.to_markdown()


def test_tables_escape_names(values, tmp_path):
    markdown = values.to_markdown().splitlines()
    assert markdown[0] == "| Method | EN ↑ | CE ↓ | Mean rank |"
    assert markdown[2].startswith("| **a_1** |") is False
    assert markdown[2].startswith(
        "| a_1 | **3 ± 3.4 (1)** | **1 ± 0 (1)** | **1.00** |"
    )
    assert r"b\|2" in markdown[4]
    latex = values.to_latex()
    assert r"a\_1 & \textbf{3 $\pm$ 3.4 (1)}" in latex
    assert r"$\uparrow$" in latex
    assert latex.count(r"\\") == 4
    page = values.to_html()
    assert "&lt;c&gt;" in page
    assert "<c>" not in page
    assert page.count("<tr>") == 4
    values.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FORMATS)
    with open(tmp_path / "values.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {"pair": "p", "method": "a_1", "EN": "1.0", "CE": "1.0"}
    assert len(rows) == 12
    with open(tmp_path / "table.csv", newline="") as file:
        first = next(csv.DictReader(file))
    assert float(first["high"]) - float(first["mean"]) == values.margins[0, 0]
    assert first["mean_rank"] == "1.0"


def test_the_plot_is_an_image(values, tmp_path):
    pytest.importorskip("matplotlib")
    values.plot(tmp_path / "plot.png")
    with Image.open(tmp_path / "plot.png") as image:
        assert np.asarray(image.convert("L")).std() > 5


def test_a_single_pair_of_arrays():
    """What a course kit needs: a student's image beside ours, without files."""
    pair = load_pair("street")
    mine = np.clip((pair.infrared + pair.visible) * 0.6, 0, 1)
    result = fusionlib.compare(
        pair, methods=["mean"], fused={"mine": mine}, metrics=SOME
    )
    assert result.methods == ("mean", "mine")
    assert result.pairs == ("street",)
    for k, image in enumerate([METHODS["mean"](pair.sources), mine]):
        expected = evaluate(to_uint8(image), pair.sources, metrics=SOME)
        np.testing.assert_allclose(result.values[k, 0], list(expected.values()))


def test_this_method_by_both_presets():
    result = compare(["street"], methods=["paper", "released"], metrics=["EN"],
                     weights="seeded")  # fmt: skip
    assert "seeded" in result.note
    assert abs(np.diff(result.values[:, 0, 0])) < 0.1


@pytest.fixture
def files(tmp_path):
    """Two pairs in colour, and the results of two programs, with their own names."""
    rng = np.random.default_rng(0)
    for k in (1, 2):
        images = {
            f"ir/IR{k}.png": np.dstack([rng.integers(0, 256, (20, 24))] * 3),
            f"vis/VIS{k}.png": rng.integers(0, 256, (20, 24, 3)),
            f"one/{k}_one.png": rng.integers(0, 256, (20, 24, 3)),
            f"two/fused0{k}.bmp": rng.integers(0, 256, (20, 24)),
        }
        for name, pixels in images.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(path)
    return tmp_path


def command(files, *options):
    return [
        "compare", str(files / "ir"), str(files / "vis"), "-o", str(files / "out"),
        "--fused", f"one={files}/one", "--fused", f"two={files}/two/*.bmp",
        "--metrics", "EN,PSNR", *options,
    ]  # fmt: skip


def test_folders_on_the_command_line(files, capsys, monkeypatch):
    options = ["--methods", "mean", "--convention", "vifb", "--colour", "channels"]
    assert main(command(files, *options)) == 0
    captured = capsys.readouterr()
    assert "convention vifb" in captured.out
    assert {"plot.png", "manifest.jsonl", *FORMATS} <= {
        path.name for path in (files / "out").iterdir()
    }
    with open(files / "out" / "values.csv", newline="") as file:
        rows = {(row["pair"], row["method"]): row for row in csv.DictReader(file)}
    sources = [
        np.asarray(Image.open(files / f)) for f in ("ir/IR2.png", "vis/VIS2.png")
    ]
    for name, path in (("one", "one/2_one.png"), ("mean", "out/mean/2.png")):
        fused = np.asarray(Image.open(files / path))
        expected = evaluate(fused, sources, metrics=["EN"], convention="vifb")["EN"]
        assert float(rows["2", name]["EN"]) == pytest.approx(expected, rel=1e-9)
    # The same command does nothing again, and another program is added to it.
    calls = []

    def counted(*arguments, **options):
        calls.append(1)
        return evaluate(*arguments, **options)

    monkeypatch.setattr(module, "evaluate", counted)
    before = (files / "out" / "table.csv").read_text()
    assert main(command(files, *options)) == 0
    assert not calls
    assert (files / "out" / "table.csv").read_text() == before
    more = ["--fused", f"three={files}/out/mean/*.png"]
    assert main(command(files, *options, *more)) == 0
    assert len(calls) == 2
    assert main(command(files, *options, "--metrics", "EN")) == 2
    assert "made with other settings" in capsys.readouterr().err


def test_what_is_missing_or_has_another_size_is_named(files, capsys):
    (files / "one" / "2_one.png").unlink()
    assert main(command(files)) == 2
    assert "there is no image for 2 of one" in capsys.readouterr().err
    assert main(command(files, "--common")) == 0
    captured = capsys.readouterr()
    assert "1 pairs left out" in captured.err
    assert "Means over 1 pairs" in captured.out
    Image.fromarray(np.zeros((9, 24), np.uint8)).save(files / "one" / "2_one.png")
    assert main(command(files)) == 2
    error = capsys.readouterr().err
    assert "2 of one (9x24)" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--methods", "nope"], "methods must be one of paper, released, recommended"),
        (["--convention", "nope"], "convention must be one of"),
        (["--colour", "nope"], "colour must be one of"),
        (["--metrics", "nope"], "metrics must be one of"),
        (["--fused", "three"], "--fused must be NAME=FOLDER"),
        (["--fused", "three=nowhere"], "fused three: 'nowhere' matches no file"),
        (["--methods", "one"], "methods must be one of"),
        (["--methods", "mean", "--fused", "mean=x"], "mean is one of methods, too"),
    ],
)
def test_bad_options_are_one_line(files, capsys, options, message):
    assert main(command(files, *options)) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (files / "out").exists()


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "at least one pair"),
        (["street", " Street"], "different names, got 'street' twice"),
        ([1.5], "must hold names, Pair or FilePair, got an object of type float"),
        ("nowhere", "pair must be a scene"),
        ([FilePair("x", "no.png", "no2.png")], r"IR: no.png does not exist"),
    ],
)
def test_bad_pairs(pairs, message):
    with pytest.raises(InputError, match=message):
        compare(pairs, methods=["mean"], metrics=["EN"])


def test_nothing_to_compare():
    with pytest.raises(InputError, match="no method to compare"):
        compare("street")
    with pytest.raises(InputError, match="fused mine must be a folder or images by"):
        compare(["street", "smoke"], fused={"mine": np.zeros((3, 3))})


def test_a_method_that_fails_is_named(files, monkeypatch):
    pair = FilePair("1", str(files / "ir/IR1.png"), str(files / "vis/VIS1.png"))

    def broken(*_, **__):
        raise InputError("it does not work")

    monkeypatch.setattr(module, "evaluate", broken)
    with pytest.raises(InputError, match="1 of 1 images failed, mean/1: it does not"):
        compare(pair, methods=["mean"], metrics=["EN"], output=files / "out")
    line = json.loads((files / "out" / "manifest.jsonl").read_text())
    assert line["result"] == "failed"


@pytest.mark.parametrize(
    ("names", "files", "pattern", "expected"),
    [
        ("1 2", "IR1.png IR2.png IR3.png", "IR*.png", "1=IR1.png 2=IR2.png"),
        ("1 2", "fused01.png fused02.png", ".", "1=fused01.png 2=fused02.png"),
        ("car car2", "car_A.jpg car_B.jpg car2_A.jpg", "*_A.jpg",
         "car=car_A.jpg car2=car2_A.jpg"),
        ("tno1 tno2", "1.png 2.png", "*.png", "tno1=1.png tno2=2.png"),
        ("1 2", "2.png", ".", "2=2.png"),
        ("street", "mine.png other.png", "mine.png", "street=mine.png"),
        ("street", "street_mine.png", ".", "street=street_mine.png"),
    ],
)  # fmt: skip
def test_files_are_found_by_the_names_of_pairs(
    tmp_path, monkeypatch, names, files, pattern, expected
):
    monkeypatch.chdir(tmp_path)
    for file in files.split():
        (tmp_path / file).touch()
    found = find_named(names.split(), pattern, "fused")
    assert found == dict(item.split("=") for item in expected.split())


def test_files_that_could_be_either_are_refused(tmp_path):
    for file in ("1.png", "1.jpg", "2.png"):
        (tmp_path / file).touch()
    assert len(find_named(["1", "2"], f"{tmp_path}/*.png", "fused")) == 2
    with pytest.raises(InputError, match="1.png could belong to 1; choose files by"):
        find_named(["1", "2"], str(tmp_path), "fused")
