"""Many pairs: what is done, what is done again, and what a kill leaves behind."""

import contextlib
import importlib.util
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from PIL import Image

import fusionlib.evaluation.batch
from fusionlib import FusionConfig
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.evaluation.batch import (
    ClusterLost,
    Fuser,
    Manifest,
    connect,
    locked,
    run_batch,
)
from fusionlib.evaluation.pairing import FilePair

from ..conftest import assert_same_image

#: Pairs of the test that kills; 200 is the acceptance.
MANY = int(os.environ.get("FUSIONLIB_BATCH_PAIRS", "24"))


def make_pairs(folder, count, shape=(48, 64)):
    rng = np.random.RandomState(count)
    pairs = []
    for k in range(count):
        paths = [str(folder / f"{kind}{k:03d}.png") for kind in ("IR", "VIS")]
        for path in paths:
            Image.fromarray(rng.randint(0, 256, shape).astype(np.uint8)).save(path)
        pairs.append(FilePair(f"{k:03d}", *paths))
    return pairs


def lines(folder):
    return [json.loads(line) for line in (folder / "manifest.jsonl").open()]


@pytest.fixture(scope="module")
def scheduler():
    """A scheduler of one's own, with a worker in this process."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        dashboard_address=":0",
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def batch(tmp_path, scheduler, seeded):
    """Return a function that runs a batch and tells what was done now."""

    def run(pairs, **options):
        now, before = [], []

        def progress(record, was_done):
            (before if was_done else now).append(record["pair"])

        fuser = Fuser(seeded, **options)
        records = run_batch(
            pairs,
            tmp_path / "out",
            fuser,
            lambda: connect(scheduler=scheduler),
            progress=progress,
        )
        assert [record["pair"] for record in records] == [p.name for p in pairs]
        assert sorted(now + before) == sorted(p.name for p in pairs)
        return sorted(now)

    return run


def test_only_what_is_missing_or_changed_is_done_again(tmp_path, batch):
    pairs = make_pairs(tmp_path, 3)
    out = tmp_path / "out"
    assert batch(pairs) == ["000", "001", "002"]
    assert batch(pairs) == []
    assert batch(pairs, max_memory="1GB", device="cpu") == []  # the same pixels
    assert [line["result"] for line in lines(out)] == ["done"] * 3
    record = Manifest(out / "manifest.jsonl").records["001"]
    assert record["inputs"] == {"ir": pairs[1].ir, "vis": pairs[1].vis}
    assert record["output"] == "001.png"
    assert record["error"] is None
    assert 0 < record["seconds"] < 600
    assert record["config"]["lam"] == 5
    assert len(record["weights"]["sha256"]) == 64

    os.unlink(out / "000.png")  # an output gone, one damaged, an input changed
    (out / "001.png").write_bytes(b"")
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(pairs[2].vis)
    assert batch(pairs[:1]) == ["000"]
    assert batch(pairs) == ["001", "002"]
    assert batch(pairs, config=FusionConfig(lam=6)) == ["000", "001", "002"]
    assert batch(pairs, config=FusionConfig(lam=6), register=True) == [
        "000",
        "001",
        "002",
    ]


def test_other_weights_are_another_batch(tmp_path, batch, seeded):
    pairs = make_pairs(tmp_path, 1)
    batch(pairs)
    manifest = Manifest(tmp_path / "out" / "manifest.jsonl")
    identity = Fuser(seeded).identity
    assert manifest.has_done(pairs[0], identity)
    other = identity | {"weights": identity["weights"] | {"sha256": "0" * 64}}
    assert not manifest.has_done(pairs[0], other)
    renamed = identity | {"weights": identity["weights"] | {"name": "copy"}}
    assert manifest.has_done(pairs[0], renamed)


def test_a_pair_that_fails_is_reported_and_tried_again(tmp_path, batch):
    pairs = make_pairs(tmp_path, 3)
    good = (tmp_path / "VIS001.png").read_bytes()
    (tmp_path / "VIS001.png").write_bytes(good[:100])
    os.unlink(tmp_path / "IR002.png")
    assert batch(pairs) == ["000", "001", "002"]
    records = {line["pair"]: line for line in lines(tmp_path / "out")}
    assert records["000"]["result"] == "done"
    assert records["001"]["result"] == records["002"]["result"] == "failed"
    assert "VIS001.png" in records["001"]["error"]
    assert "IR002.png" in records["002"]["error"]
    assert not (tmp_path / "out" / "001.png").exists()
    (tmp_path / "VIS001.png").write_bytes(good)
    assert batch(pairs) == ["001", "002"]
    assert lines(tmp_path / "out")[-1]["pair"] in ("001", "002")
    done = Manifest(tmp_path / "out" / "manifest.jsonl").records
    assert [done[p.name]["result"] for p in pairs] == ["done", "done", "failed"]


def test_a_worker_that_cannot_go_on_fails_its_pair_only(tmp_path, batch, monkeypatch):
    whole = Fuser.__call__

    def fuse(self, pair, output):
        if pair.name == "000":
            raise MemoryError("no room")
        return whole(self, pair, output)

    monkeypatch.setattr(Fuser, "__call__", fuse)
    pairs = make_pairs(tmp_path, 2)
    batch(pairs)
    records = Manifest(tmp_path / "out" / "manifest.jsonl").records
    assert records["000"]["error"] == "MemoryError: no room"
    assert records["001"]["result"] == "done"


def test_a_scheduler_that_goes_away_is_no_failure_of_a_pair(tmp_path, seeded):
    distributed = pytest.importorskip("distributed")
    pairs = make_pairs(tmp_path, 6)
    cluster = distributed.LocalCluster(
        n_workers=1, processes=False, dashboard_address=":0"
    )
    with pytest.raises(ClusterLost, match="the same command goes on"):
        run_batch(
            pairs,
            tmp_path / "out",
            Fuser(seeded),
            lambda: connect(scheduler=cluster.scheduler_address),
            progress=lambda *_: cluster.close(),
        )
    assert {line["result"] for line in lines(tmp_path / "out")} == {"done"}


def test_a_torn_line_is_cut_off_and_a_damaged_one_passed_over(tmp_path):
    path = tmp_path / "manifest.jsonl"
    assert Manifest(path).records == {}
    whole = b'{"pair": "a", "n": 1}\n{"pair": "a", "n": 2}\n'
    path.write_bytes(whole + b'{"pair": "b", "resu')
    manifest = Manifest(path)
    assert manifest.records == {"a": {"pair": "a", "n": 2}}
    assert path.read_bytes() == whole
    manifest.append({"pair": "ä\udcff"})  # a file name that is not UTF-8
    assert list(Manifest(path).records) == ["a", "ä\udcff"]
    path.write_bytes(b'\0\0\0\n["pair"]\n' + whole)
    with pytest.warns(UserWarning, match="line [12] is damaged") as caught:
        assert Manifest(path).records == {"a": {"pair": "a", "n": 2}}
    assert len(caught) == 2


def test_a_folder_takes_one_batch_at_a_time(tmp_path):
    pytest.importorskip("fcntl")
    with (
        locked(tmp_path),
        pytest.raises(InputError, match=f"process {os.getpid()}"),
        locked(tmp_path),
    ):
        pass
    with locked(tmp_path):  # the file is still there, the lock is not
        assert (tmp_path / ".lock").exists()


def test_a_fuser_travels_without_its_network(seeded, tmp_path):
    fuser = Fuser(seeded, FusionConfig(radius=2), threads=1)
    size = len(pickle.dumps(fuser))
    [pair] = make_pairs(tmp_path, 1)
    assert fuser(pair, str(tmp_path / "x.png"))["result"] == "done"
    assert len(pickle.dumps(fuser)) == size
    assert pickle.loads(pickle.dumps(fuser)).identity == fuser.identity


def test_the_number_of_threads_does_not_change_the_image(seeded, tmp_path):
    import torch

    [pair] = make_pairs(tmp_path, 1, (160, 210))
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            out = tmp_path / f"{threads}.png"
            record = Fuser(seeded, threads=threads)(pair, str(out))
            assert record["error"] is None
            assert_same_image(Image.open(out), Image.open(tmp_path / "1.png"))
            assert torch.get_num_threads() == before
    finally:
        torch.set_num_threads(before)


def test_a_quiet_connection_leaves_the_loggers_as_they_were(scheduler):
    loggers = [
        logging.getLogger(name) for name in ("distributed", "distributed.client")
    ]
    before = [logger.level for logger in loggers]
    with connect(scheduler=scheduler, quiet=True):
        assert all(logger.level == logging.CRITICAL for logger in loggers)
    assert [logger.level for logger in loggers] == before


def test_bad_calls_are_one_line_on_the_command_line(tmp_path, capsys, monkeypatch):
    make_pairs(tmp_path, 2)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    globs, out = ["IR*.png", "VIS*.png"], ["-o", "out", "--weights", "seeded"]
    cases = [
        (["IR*.png", *out], "must be two patterns, got 1"),
        (["IR000.png", "IR001.png", "VIS000.png", *out], "in quotes"),
        (["IR*.png", "none*.png", *out], "VIS_GLOB: 'none*.png' matches no file"),
        (["IR*.png", "VIS000.png", *out], "no pair was found"),
        (globs, "-o"),
        ([*globs, *out, "--workers", "0"], "workers must be"),
        ([*globs, *out, "--workers", "x"], "--workers"),
        ([*globs, *out, "--workers", "2", "--scheduler", "tcp://x"], "not allowed"),
        ([*globs, *out, "--lam", "0"], "lam must be"),
        ([*globs, *out, "--max-memory", "lots"], "max_memory must be"),
        ([*globs, *out, "--device", "tpu"], "device must be one of"),
        ([*globs, "-o", "out", "--weights", "none.h5"], "weights: 'none.h5'"),
        ([*globs, "-o", "file", "--weights", "seeded"], "cannot write in folder"),
    ]
    for arguments, message in cases:
        assert main(["batch", *arguments]) == 2, arguments
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        assert message in captured.err
    assert not (tmp_path / "out").exists()


def test_an_output_never_replaces_an_input(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("ir", "vis"):
        os.mkdir(folder)
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(f"{folder}/1.png")
    assert main(["batch", "ir", "vis", "-o", "ir", "--weights", "seeded"]) == 2
    assert "is one of the inputs" in capsys.readouterr().err
    assert main(["batch", "ir", "vis", "-o", "out", "--dry-run"]) == 0
    assert "1     ir/1.png  vis/1.png" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_without_dask_the_command_says_what_to_install(tmp_path, capsys, monkeypatch):
    make_pairs(tmp_path, 1)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "distributed" else find(name, *rest),
    )
    globs = [str(tmp_path / "IR*.png"), str(tmp_path / "VIS*.png")]
    assert main(["batch", *globs, "-o", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "pip install 'irvis-fusionlib[cluster]'" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_scheduler_that_does_not_answer(tmp_path, capsys, monkeypatch):
    pytest.importorskip("distributed")
    make_pairs(tmp_path, 1)
    monkeypatch.setattr(fusionlib.evaluation.batch, "PATIENCE", 1)
    globs = [str(tmp_path / "IR*.png"), str(tmp_path / "VIS*.png")]
    arguments = ["batch", *globs, "-o", str(tmp_path / "out"), "--weights", "seeded"]
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        assert main([*arguments, "--scheduler", address]) == 2
        captured = capsys.readouterr()
        assert f"scheduler: '{address}' does not answer" in captured.err
        assert "Traceback" not in captured.err


def test_failures_are_counted_on_the_command_line(tmp_path, scheduler, capsys):
    make_pairs(tmp_path, 3)
    (tmp_path / "VIS001.png").write_bytes(b"no image")
    globs = [str(tmp_path / "IR*.png"), str(tmp_path / "VIS*.png")]
    arguments = ["batch", *globs, "-o", str(tmp_path / "out"), "--weights", "seeded"]
    arguments += ["--scheduler", scheduler]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == "3 pairs: 2 done now, 1 failed\n"
    assert captured.err.startswith("fusionlib: pair 001 failed: VIS: ")
    assert main(arguments) == 1
    assert capsys.readouterr().out == "3 pairs: 2 done before, 1 failed\n"


def wait_for(condition, process, seconds=100):
    for _ in range(seconds * 200):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    raise AssertionError("waited too long")


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_killed_workers_and_a_killed_batch_cost_nothing(tmp_path, capsys):
    """Each pair is done exactly once, with the bytes of a single run."""
    psutil = pytest.importorskip("psutil", reason="comes with distributed")
    pytest.importorskip("distributed")
    pairs = make_pairs(tmp_path, MANY, (96, 128))
    out, manifest = tmp_path / "out", tmp_path / "out" / "manifest.jsonl"
    command = [sys.executable, "-m", "fusionlib", "batch", "--workers", "2"]
    command += [str(tmp_path / "IR*.png"), str(tmp_path / "VIS*.png")]
    command += ["-o", str(out), "--weights", "seeded"]

    def count():
        return manifest.read_bytes().count(b"\n") if manifest.exists() else 0

    first = subprocess.Popen(
        command,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with contextlib.ExitStack() as stack:
        stack.callback(
            lambda: first.poll() is None and os.killpg(first.pid, signal.SIGKILL)
        )
        wait_for(lambda: count() >= MANY // 6, first)
        children = psutil.Process(first.pid).children(recursive=True)
        workers = [c for c in children if "spawn_main" in " ".join(c.cmdline())]
        assert len(workers) == 2
        workers[0].kill()
        at_kill = count()
        wait_for(lambda: count() >= MANY // 2, first)
        os.killpg(first.pid, signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
    done = count()
    assert 0 < at_kill < done < MANY

    # What a kill in the middle of a write would leave.
    with manifest.open("ab") as file:
        file.write(b'{"pair": "0')
    (out / ".005-abcdefgh.png").write_bytes(b"half an image")
    again = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert again.stderr == ""
    assert again.stdout == f"{MANY} pairs: {done} done before, {MANY - done} done now\n"
    assert again.returncode == 0

    records = lines(out)
    assert sorted(r["pair"] for r in records) == [pair.name for pair in pairs]
    assert {record["result"] for record in records} == {"done"}
    files = {pair.name + ".png" for pair in pairs}
    assert {path.name for path in out.iterdir()} == files | {".lock", manifest.name}
    single = tmp_path / "single.png"
    for pair in pairs[:: MANY // 12]:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            arguments = ["fuse", pair.ir, pair.vis, "-o", str(single)]
            assert main([*arguments, "--weights", "seeded"]) == 0
        assert_same_image(Image.open(single), Image.open(out / f"{pair.name}.png"))
    assert capsys.readouterr().out == ""
