"""The paper's evaluation as a command: tables, resuming, and what goes wrong."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from fusionlib.baselines import METHODS
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.evaluation import reproduction
from fusionlib.evaluation.reproduction import authors_dictionary, reproduce
from fusionlib.evaluation.runner import read_manifest
from fusionlib.evaluation.tables import (
    Published,
    published_table_1,
    published_table_2,
    read_results,
    table_1,
    table_2,
)
from fusionlib.images.io import read_image, write_image


@pytest.fixture
def small_data(tmp_path, monkeypatch):
    """Three small pairs under the names of real ones."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in (1, 2, 3):
        for band in ("IR", "VIS"):
            write_image(folder / f"{band}{number}.png", rng.uniform(size=(24, 28)))
    monkeypatch.setenv("FUSIONLIB_DATA", str(folder))
    monkeypatch.delenv("FUSIONLIB_REFERENCE", raising=False)
    return folder


def test_published_tables():
    first, second = published_table_1(), published_table_2()
    assert list(first) == ["FMI_dct", "FMI_w", "SSIM_a", "N_abf"]
    assert list(second) == list(range(1, 22))
    # The printed means of Table I are those of the printed columns of Table II.
    for method, mean in first["N_abf"].items():
        column = [row[method].value for row in second.values()]
        assert len(column) == 21
        assert np.mean(column) == pytest.approx(
            mean.value, abs=1.1e-5 if mean.decimals == 5 else 1e-4
        )
    # The printed number that appears twice.
    assert first["FMI_dct"]["convsr"].text == first["FMI_w"]["convsr"].text == "0.34640"


def test_published_tables_are_those_of_the_reference(reference_folder):
    with open(reference_folder / "table2_nabf.csv", newline="") as file:
        for row in csv.DictReader(file):
            ours = published_table_2()[int(row.pop("image"))]
            assert {m.lower(): v for m, v in row.items()} == {
                m: v.text for m, v in ours.items()
            }
    with open(reference_folder / "table1_means.csv", newline="") as file:
        for row in csv.DictReader(file):
            name = row.pop("metric").replace("Nabf", "N_abf")
            ours = published_table_1()[name]
            assert {m.lower(): v for m, v in row.items()} == {
                m: v.text for m, v in ours.items()
            }


def test_agreement_is_to_the_printed_digits():
    assert Published("0.0149").agrees(0.01494)
    assert not Published("0.0149").agrees(0.01496)
    assert Published("0.23167").agrees(0.2316686)
    assert not Published("0.23167").agrees(0.231676)


def record(method, image, value):
    metrics = {"FMI_dct": 0.1, "FMI_w": 0.2, "SSIM_a": 0.3, "N_abf": value}
    return {"method": method, "image": image, **metrics}


def test_table_rows():
    records = [record("cbf", 1, 0.23168), record("mean", 1, 0.0001)]
    rows = table_2(records)
    assert rows[0] == {
        "image": 1,
        "method": "cbf",
        "published": "0.23167",
        "ours": "0.23168",
        "difference": "+0.00001",
    }
    assert rows[1]["published"] == rows[1]["difference"] == ""
    means = table_1([record("cbf", n, 0.3) for n in range(1, 22)])
    assert means[-1]["ours"] == "0.30000"
    assert means[-1]["difference"] == "-0.01727"
    # A mean over some of the images has no published counterpart.
    assert table_1(records)[0]["difference"] == ""


def test_run_writes_images_tables_and_figure(small_data, tmp_path):
    output = tmp_path / "out"
    failures = reproduce(output, methods=["mean", "cbf"], numbers=[2, 1], workers=2)
    assert failures == []
    fused = read_image(output / "fused" / "mean2.png")
    sources = [read_image(small_data / f"{band}2.png") for band in ("IR", "VIS")]
    assert np.abs(fused - np.mean(sources, axis=0)).max() <= 0.5 / 255 + 1e-12
    with open(output / "table2.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["image"]) for row in rows] == [
        ("cbf", "1"), ("cbf", "2"), ("mean", "1"), ("mean", "2"),
    ]  # fmt: skip
    from fusionlib.metrics import n_abf

    ours = n_abf(
        read_image(output / "fused" / "cbf1.png"),
        [read_image(small_data / f"{band}1.png") for band in ("IR", "VIS")],
    )
    assert float(rows[0]["ours"]) == pytest.approx(ours, abs=5.1e-6)
    assert (output / "table1.csv").is_file()
    manifest = read_manifest(output)
    for row in read_results(output / "results.csv"):
        line = manifest[f"{row['method']}{row['image']}"]["value"]
        assert line["N_abf"] == pytest.approx(row["N_abf"], abs=5.1e-8)
    assert read_image_size(output / "figure7.png") > (100, 100)
    assert [path.name for path in output.rglob(".*")] == [".lock"]


def read_image_size(path):
    from PIL import Image

    with Image.open(path) as file:
        return file.size


def lines(output):
    """The names of what was done, once for each time."""
    return [json.loads(line)["name"] for line in (output / "manifest.jsonl").open()]


def test_what_is_finished_is_not_computed_again(small_data, tmp_path):
    output = tmp_path / "out"
    reproduce(output, methods=["mean"], numbers=[1, 2], workers=1)
    path = output / "fused" / "mean1.png"
    before = path.stat().st_mtime_ns
    reproduce(output, methods=["mean"], numbers=[1, 2, 3], workers=1)
    assert path.stat().st_mtime_ns == before
    assert lines(output) == ["mean1", "mean2", "mean3"]
    assert len(read_results(output / "results.csv")) == 3
    # A lost image, a damaged line, another source: each is computed again.
    path.unlink()
    manifest = output / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"mean2"', '"mean', 1))
    write_image(small_data / "IR3.png", np.zeros((24, 28)))
    with pytest.warns(UserWarning, match="1 damaged .* line 2"):
        reproduce(output, methods=["mean"], numbers=[1, 2, 3], workers=1)
    manifest.write_text("".join(manifest.open().readlines()[-3:]))
    assert sorted(lines(output)) == ["mean1", "mean2", "mean3"]


def test_tables_hold_no_mean_over_different_settings(
    small_data, tmp_path, capsys, monkeypatch
):
    output = tmp_path / "out"
    command = ["reproduce", "-o", str(output), "--workers", "1"]
    proposed = [*command, "--methods", "proposed"]
    assert main([*proposed, "--images", "1", "--weights", "seeded:1"]) == 0
    before = (output / "table1.csv").read_bytes()
    assert main([*proposed, "--images", "2", "--weights", "seeded:2"]) == 2
    error = capsys.readouterr().err
    assert "holds proposed1, made with other settings (weights " in error
    assert error.rstrip().endswith("choose another folder")
    assert (output / "table1.csv").read_bytes() == before
    assert main([*proposed, "--images", "2", "--weights", "seeded:1"]) == 0
    images = {row["image"] for row in read_results(output / "results.csv")}
    assert images == {1, 2}
    # Other code, of the method or of the metrics, which all columns share.
    monkeypatch.setattr(
        reproduction, "code_digest", lambda step: "x" if step == "fusion" else "y"
    )
    assert main([*proposed, "--images", "3", "--weights", "seeded:1"]) == 2
    assert "(code " in capsys.readouterr().err
    assert main([*command, "--methods", "mean", "--images", "1"]) == 2
    assert "(evaluation code " in capsys.readouterr().err


def test_lines_of_others_are_left_out(small_data, tmp_path, capsys):
    """A method that is no more, and a result whose source has changed since."""
    output = tmp_path / "out"
    reproduce(output, methods=["mean"], numbers=[1, 2], workers=1)
    manifest = output / "manifest.jsonl"
    whole = manifest.read_text()
    manifest.write_text(whole + whole.replace("mean", "oldmethod"))
    write_image(small_data / "IR1.png", np.zeros((24, 28)))
    command = ["reproduce", "-o", str(output), "--methods", "mean", "--images", "2"]
    assert main([*command, "--workers", "1"]) == 0
    assert "mean1 has changed and is left out" in capsys.readouterr().err
    [row] = read_results(output / "results.csv")
    assert (row["method"], row["image"]) == ("mean", 2)


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_a_killed_run_loses_what_was_in_progress_only(small_data, tmp_path):
    psutil = pytest.importorskip("psutil")
    output = tmp_path / "out"
    command = [
        sys.executable, "-m", "fusionlib", "reproduce", "-o", str(output),
        "--methods", "mean,cbf,wls,laplacian", "--images", "1,2,3", "--workers", "1",
    ]  # fmt: skip
    run = subprocess.Popen(command, start_new_session=True)
    end = time.monotonic() + 100
    while not ((output / "manifest.jsonl").exists() and lines(output)):
        assert run.poll() is None
        assert time.monotonic() < end
        time.sleep(0.02)
    children = psutil.Process(run.pid).children(recursive=True)
    os.kill(run.pid, signal.SIGKILL)  # the others notice by themselves
    run.wait()
    assert children
    assert not psutil.wait_procs(children, timeout=10)[1]
    kept = lines(output)
    assert subprocess.run(command, check=False).returncode == 0
    assert lines(output)[: len(kept)] == kept
    assert len(set(lines(output))) == len(lines(output)) == 12
    reproduce(
        tmp_path / "once",
        methods=["mean", "cbf", "wls", "laplacian"],
        numbers=[1, 2, 3],
        workers=1,
    )
    for path in (tmp_path / "once" / "fused").iterdir():
        assert path.read_bytes() == (output / "fused" / path.name).read_bytes()


def test_a_failing_task_is_reported_and_the_rest_done(small_data, tmp_path):
    write_image(small_data / "IR2.png", np.zeros((5, 5)))
    write_image(small_data / "VIS2.png", np.zeros((5, 5)))
    # JSR needs patches of 7x7.
    output = tmp_path / "out"
    failures = reproduce(output, methods=["jsr"], numbers=[1, 2], workers=1)
    assert len(failures) == 1
    assert "jsr on image 2: sources must be at least 7x7 pixels" in failures[0]
    assert [r["image"] for r in read_results(output / "results.csv")] == [1]


def test_jsr_and_jsrsd_share_a_learned_dictionary(small_data, tmp_path):
    """It is learned once by however many workers, and again from new sources."""
    from fusionlib.baselines import jsr as rule
    from fusionlib.baselines import learn_patch_dictionary

    options = {"methods": ["jsr", "jsrsd"], "numbers": [1], "workers": 2}
    reproduce(tmp_path / "out", **options)
    done = lines(tmp_path / "out")
    assert done[0] == "dictionary 1"
    assert sorted(done[1:]) == ["jsr1", "jsrsd1"]
    first, second = read_results(tmp_path / "out" / "results.csv")
    assert first["dictionary"] == second["dictionary"] == "learned from the pair"
    assert first["N_abf"] != second["N_abf"]
    sources = [read_image(small_data / f"{band}1.png") for band in ("IR", "VIS")]
    direct = rule(
        sources, dictionary=learn_patch_dictionary(sources), convention="published"
    )
    stored = read_image(tmp_path / "out" / "fused" / "jsr1.png")
    assert np.abs(stored - direct).max() <= 0.5 / 255 + 1e-12
    write_image(small_data / "IR1.png", 1 - sources[0])
    reproduce(tmp_path / "out", **options)
    assert lines(tmp_path / "out")[3] == "dictionary 1"


def test_a_dictionary_of_other_code_is_not_used(
    small_data, tmp_path, monkeypatch, capsys
):
    output = tmp_path / "out"
    reproduce(output, methods=["jsr"], numbers=[1], workers=1)
    monkeypatch.setattr(reproduction, "code_digest", lambda step: step)
    command = ["reproduce", "-o", str(output), "--methods", "jsr", "--images", "1"]
    assert main(command) == 2
    assert "made with other settings (code" in capsys.readouterr().err


def test_dictionaries_of_the_authors(tmp_path):
    (tmp_path / "jsr_dictionaries").mkdir()
    for name in ("convsr_dictionary.mat", "jsr_dictionaries/D_unit7_im5.dat"):
        (tmp_path / name).write_bytes(b"")
    find = authors_dictionary
    assert find("convsr", 1, tmp_path) == tmp_path / "convsr_dictionary.mat"
    assert find("jsr", 5, tmp_path).name == "D_unit7_im5.dat"
    assert find("jsrsd", 5, tmp_path).name == "D_unit7_im5.dat"
    assert find("jsr", 6, tmp_path) is None
    assert find("cbf", 5, tmp_path) is None
    assert find("convsr", 1, None) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "nope"], "methods must be one of proposed, cbf"),
        (["--images", "1,x"], "images must be numbers separated by commas"),
        (["--images", "22"], "images must be numbers from 1 to 21, got 22"),
        (["--images", "0"], "images must be a whole number of at least 1"),
        (["--images", "9"], "pair 9 is not in"),
        (["--workers", "0"], "workers must be a whole number"),
        (["--dictionaries", "{here}/nowhere"], "{here}/nowhere does not exist"),
        (["--workers", "100000"], "workers must be at most"),
    ],
)
def test_bad_arguments(small_data, tmp_path, capsys, arguments, message):
    output = tmp_path / "out"
    command = ["reproduce", "-o", str(output), "--images", "1", "--methods", "mean"]
    arguments = [argument.replace("{here}", str(tmp_path)) for argument in arguments]
    assert main([*command, *arguments]) == 2
    error = capsys.readouterr().err
    assert message.replace("{here}", str(tmp_path)) in error
    assert error.count("\n") == 1
    assert not output.exists()


def test_output_that_is_a_file(small_data, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert (
        main(
            [
                "reproduce",
                "-o",
                str(tmp_path / "file"),
                "--methods",
                "mean",
                "--images",
                "1",
            ]
        )
        == 2
    )
    assert "output: cannot make folder" in capsys.readouterr().err


def test_methods_command(capsys):
    assert main(["methods"]) == 0
    text = capsys.readouterr().out
    for name, method in METHODS.items():
        line = next(line for line in text.splitlines() if line.startswith(name + " "))
        assert method.reference in line
    assert main(["methods", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert list(listed) == list(METHODS)
    assert listed["cbf"]["parameters"]["kernel"] == 11


def test_empty_selection(small_data, tmp_path):
    with pytest.raises(InputError, match="must not be empty"):
        reproduce(tmp_path / "out", methods=[], numbers=[1])


def test_nothing_is_left_in_the_way(small_data, tmp_path):
    """A folder of an earlier run may be copied elsewhere and continued there."""
    reproduce(tmp_path / "a", methods=["mean"], numbers=[1], workers=1)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    reproduce(tmp_path / "b", methods=["mean"], numbers=[1], workers=1)
    assert lines(tmp_path / "b") == ["mean1"]
