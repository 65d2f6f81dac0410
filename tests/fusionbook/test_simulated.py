"""Other tasks: honest simulations, ground truth, three and more sources."""

import json
import socket
from itertools import pairwise

import numpy as np
import pytest

from fusionbook.simulated import (
    MISALIGNMENTS,
    hot_coffee,
    medical,
    misalign,
    multi_exposure,
    multi_focus,
    score,
    tolerance,
)
from fusionlib import FusionConfig, fuse
from fusionlib.baselines import laplacian, mean
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.images.io import read_image, to_uint8, write_image

STOPS = (-3.0, -1.0, 1.0, 3.0)


@pytest.fixture(scope="module")
def tasks():
    return {t.name: t for t in (multi_focus(), multi_exposure(STOPS), medical())}


def psnr(image, task):
    return score(image, task.truth)["PSNR"]


def test_nothing_is_downloaded(monkeypatch, tmp_path):
    def refuse(*_):
        raise AssertionError("a simulation asked for the network")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("SKIMAGE_DATADIR", str(tmp_path))
    multi_focus(), multi_exposure(), medical(), hot_coffee()


@pytest.mark.parametrize("make", [multi_focus, multi_exposure, medical])
def test_simulations_are_eight_bit_and_repeatable(make):
    one, two = make(), make()
    for a, b in zip(one.sources, two.sources, strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(a * 255, np.rint(a * 255))
        assert a.shape == one.truth.shape
    assert len(one.labels) == len(one.sources)


def test_focus_is_sharp_where_it_is_and_blurred_elsewhere():
    """At the depth in focus the source is the truth up to noise and rounding."""
    focus = (0.0, 1.0)
    task = multi_focus(focus, noise=0)
    errors = [np.abs(source - task.truth) for source in task.sources]
    sharp = [(error < 1.1 * 0.5 / 255).mean() for error in errors]
    assert min(sharp) > 0.03
    # What is blurred in one is not blurred in the other.
    assert np.minimum(*errors).mean() < 0.5 * min(error.mean() for error in errors)
    weak = multi_focus(focus, noise=0, blur=0.01)
    assert max(np.abs(s - weak.truth).max() for s in weak.sources) < 0.51 / 255


def test_exposures_follow_the_light():
    task = multi_exposure((-1.0, 1.0), noise=0)
    dark, bright = task.sources
    middle = (task.truth > 0.3) & (task.truth < 0.6)
    assert np.abs(dark[middle] / task.truth[middle] - 0.5 ** (1 / 2.2)).max() < 0.01
    assert np.abs(bright[middle] / task.truth[middle] - 2 ** (1 / 2.2)).max() < 0.01
    assert (bright == 1).mean() > 0.05
    assert (bright[task.truth > 0.75] == 1).all()


def test_modalities_show_what_they_are_said_to_show():
    task = medical(noise=0)
    ct, mr = task.sources
    bone = ct > 0.9
    assert mr[bone].max() < 0.1
    assert np.abs(task.truth - ct)[bone].max() < 0.01
    soft = (mr > 0.5) & (ct < 0.32)
    assert np.abs(task.truth - mr)[soft].max() < 0.01
    assert np.ptp(ct[soft]) < 0.1 < 0.2 < np.ptp(mr[soft])


def test_the_coffee_is_hot():
    infrared, visible = hot_coffee()
    assert visible.shape == (*infrared.shape, 3)
    assert infrared[70:74, 140:150].mean() > 0.9
    assert infrared[-10:].mean() < 0.2


def test_scores_of_known_errors():
    truth = np.random.RandomState(0).random_sample((40, 50)) * 0.8
    assert score(truth, truth) == {"PSNR": np.inf, "SSIM": 1.0}
    assert score(truth + 0.1, truth)["PSNR"] == pytest.approx(20)
    off = truth.copy()
    off[:5] = 0
    assert score(off, truth, margin=5)["PSNR"] == np.inf
    with pytest.raises(InputError, match="fused and truth must have the same size"):
        score(truth, truth[1:])


def test_every_task_gains_over_each_source(tasks, seeded):
    for task in tasks.values():
        fused = fuse(task.sources, weights=seeded).image
        assert psnr(fused, task) > max(psnr(s, task) for s in task.sources) + 1


def test_a_selective_configuration_gains_where_sources_complement(tasks, seeded):
    """Multi-focus and medical: selective weights help, but a pyramid does better."""
    selective = FusionConfig(input_scale=255, selection="absmax")
    for name, gain in (("multi_focus", 1.2), ("medical", 0.7)):
        task = tasks[name]
        ours = fuse(task.sources, config=selective, weights=seeded).image
        assert psnr(ours, task) > psnr(mean(task.sources), task) + gain
        assert psnr(laplacian(task.sources), task) > psnr(ours, task) + 1


def write_sources(task, folder):
    """Write the sources of a task as files; return their paths."""
    paths = [str(folder / f"{k}.png") for k in range(len(task.sources))]
    for path, source in zip(paths, task.sources, strict=True):
        write_image(path, source)
    return paths


@pytest.mark.parametrize("name", ["multi_focus", "medical"])
def test_two_sources_on_the_command_line(name, tasks, tmp_path):
    """From files to a file, closer to the truth than either source."""
    task = tasks[name]
    paths, out = write_sources(task, tmp_path), str(tmp_path / "out.png")
    assert main(["fuse", *paths, "-o", out, "--weights", "seeded"]) == 0
    best = max(psnr(s, task) for s in task.sources)
    assert psnr(read_image(out), task) > best + 1


def test_four_exposures_on_the_command_line(tasks, tmp_path, capsys, seeded):
    """K = 4: what the library computes, closer to the truth than any exposure."""
    task = tasks["multi_exposure"]
    paths = write_sources(task, tmp_path)
    out = str(tmp_path / "out.png")
    arguments = ["fuse", *paths, "-o", out, "--weights", "seeded", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["sources"] == 4
    written = read_image(out)
    expected = fuse(task.sources, weights=seeded)
    assert np.abs(written - expected.image).max() <= 0.501 / 255
    assert expected.W_hat["relu2_1"].shape == (4, 256, 256)
    best = max(psnr(s, task) for s in task.sources)
    assert psnr(written, task) > best + 5
    assert main(["evaluate", *paths, out, "--metrics", "SSIM_a,N_abf", "--json"]) == 0
    assert 0.5 < json.loads(capsys.readouterr().out)["SSIM_a"] < 1


@pytest.mark.parametrize("kind", sorted(MISALIGNMENTS))
def test_truth_sees_misalignment(kind):
    """PSNR against the truth falls with every step, and zero is no change."""
    task = multi_focus()
    rows = tolerance(
        task, kind, (0, 1, 3, 6), mean, metrics=["SSIM_a", "N_abf"], margin=12
    )
    assert rows[0]["PSNR"] == pytest.approx(
        score(to_uint8(mean(task.sources)) / 255, task.truth, margin=12)["PSNR"],
        abs=0.01,
    )
    values = [row["PSNR"] for row in rows]
    assert all(a > b for a, b in pairwise(values))


def test_amounts_have_the_stated_units():
    image = np.zeros((65, 65))
    image[32, 32 + 20] = 1
    row, column = np.unravel_index(misalign(image, "shift", 4).argmax(), image.shape)
    assert np.hypot(row - 32, column - 52) == pytest.approx(4, abs=0.5)
    turned = misalign(image, "rotation", 30)
    row, column = np.unravel_index(turned.argmax(), image.shape)
    assert (32 - row, column - 32) == pytest.approx((10, 17.3), abs=0.6)
    larger = misalign(image, "scale", 50)
    assert np.unravel_index(larger.argmax(), image.shape) == (32, 62)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: multi_focus((0.5,)), "focus must be two or more"),
    (lambda: multi_focus((0, 2)), "focus must be"),
    (lambda: multi_focus(blur=0), "blur must be"),
    (lambda: multi_exposure((1,)), "stops must be"),
    (lambda: multi_exposure((1, np.nan)), "stops must be"),
    (lambda: misalign(np.zeros((9, 9)), "shear", 1), "kind must be one of"),
])  # fmt: skip
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
