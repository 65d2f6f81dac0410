"""Many pairs: what is done, what is done again, and what a kill leaves behind."""

import asyncio
import contextlib
import dataclasses
import importlib.util
import json
import logging
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import fusionlib.evaluation.cluster
from fusionlib import FusionConfig
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.evaluation.batch import Fuser, run_batch
from fusionlib.evaluation.cluster import Cluster, ClusterLost
from fusionlib.evaluation.pairing import FilePair
from fusionlib.evaluation.runner import read_manifest

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
        yield cluster


@pytest.fixture
def batch(tmp_path, seeded):
    """Return a function that runs a batch here and tells what was done now."""

    def run(pairs, pool=None, **options):
        now, before = [], []

        def progress(record, was_done):
            (before if was_done else now).append(record["name"])

        records = run_batch(
            pairs, tmp_path / "out", Fuser(seeded, **options), pool, progress=progress
        )
        assert [record["name"] for record in records] == [p.name for p in pairs]
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
    record = read_manifest(out)["001"]
    assert (record["value"]["ir"], record["value"]["vis"]) == pairs[1][1:]
    assert list(record["files"]) == ["001.png"]
    assert record["error"] is None
    assert 0 < record["seconds"] < 600
    settings = record["settings"]
    assert settings["config"]["lam"] == 5
    assert (settings["config"]["precision"], settings["device"]) == ("fp32", "cpu")
    assert len(settings["weights"]) == len(settings["code"]) == 64

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


def test_what_made_an_image_decides_whether_it_is_made_again(tmp_path, batch, seeded):
    """Code, arithmetic, device and weights do; the name of the weights does not."""
    pairs, out = make_pairs(tmp_path, 1), tmp_path / "out"
    batch(pairs)
    manifest = out / "manifest.jsonl"
    [whole] = lines(out)
    for change in (
        {"code": "0" * 64},
        {"device": "cuda"},
        {"weights": "0" * 64},
        {"config": whole["settings"]["config"] | {"precision": "bf16"}},
    ):
        other = whole | {"settings": whole["settings"] | change}
        manifest.write_text(json.dumps(other) + "\n")
        assert batch(pairs) == ["000"], change
    renamed = dataclasses.replace(seeded, name="copy")
    run_batch(pairs, out, Fuser(renamed))
    assert len(lines(out)) == 2


def test_a_pair_that_fails_is_reported_and_tried_again(tmp_path, batch):
    pairs = make_pairs(tmp_path, 3)
    good = (tmp_path / "VIS001.png").read_bytes()
    (tmp_path / "VIS001.png").write_bytes(good[:100])
    os.unlink(tmp_path / "IR002.png")
    assert batch(pairs) == ["000", "001", "002"]
    records = read_manifest(tmp_path / "out")
    assert records["000"]["result"] == "done"
    assert records["001"]["result"] == records["002"]["result"] == "failed"
    assert "VIS001.png" in records["001"]["error"]
    assert "IR002.png" in records["002"]["error"]
    assert not (tmp_path / "out" / "001.png").exists()
    (tmp_path / "VIS001.png").write_bytes(good)
    assert batch(pairs) == ["001", "002"]
    assert lines(tmp_path / "out")[-1]["name"] in ("001", "002")
    done = read_manifest(tmp_path / "out")
    assert [done[p.name]["result"] for p in pairs] == ["done", "done", "failed"]


def test_a_cluster_makes_the_same_images(tmp_path, batch, scheduler, seeded):
    pairs = make_pairs(tmp_path, 3)
    (tmp_path / "VIS001.png").write_bytes(b"no image")
    with Cluster(scheduler.scheduler_address) as cluster:
        assert batch(pairs, cluster) == ["000", "001", "002"]
        assert batch(pairs, cluster) == ["001"]
    records = read_manifest(tmp_path / "out")
    assert records["000"]["value"]["device"] == "cpu"
    assert "VIS001.png" in records["001"]["error"]
    run_batch(pairs, tmp_path / "here", Fuser(seeded))
    for name in ("000.png", "002.png"):
        images = [Image.open(tmp_path / place / name) for place in ("out", "here")]
        assert_same_image(*images)
    assert batch(pairs[:1]) == []  # where it was done is no part of the result


def test_a_scheduler_that_goes_away_is_no_failure_of_a_pair(tmp_path, seeded):
    distributed = pytest.importorskip("distributed")
    pairs = make_pairs(tmp_path, 6)
    scheduler = distributed.LocalCluster(
        n_workers=1, processes=False, dashboard_address=":0"
    )
    with (
        Cluster(scheduler.scheduler_address) as cluster,
        pytest.raises(ClusterLost, match="the same command goes on"),
    ):
        run_batch(
            pairs,
            tmp_path / "out",
            Fuser(seeded),
            cluster,
            progress=lambda *_: scheduler.close(),
        )
    assert {line["result"] for line in lines(tmp_path / "out")} == {"done"}


def test_a_fuser_travels_without_its_network(seeded, tmp_path):
    fuser = Fuser(seeded, FusionConfig(radius=2))
    size = len(pickle.dumps(fuser))
    [pair] = make_pairs(tmp_path, 1)
    assert fuser(pair.ir, pair.vis, str(tmp_path / "x.png"))["precision"] == "fp32"
    assert len(pickle.dumps(fuser)) == size
    copy = pickle.loads(pickle.dumps(fuser))
    assert copy.settings("cpu") == fuser.settings("cpu")


def test_the_number_of_threads_does_not_change_the_image(seeded, tmp_path):
    import torch

    [pair] = make_pairs(tmp_path, 1, (160, 210))
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            out = tmp_path / f"{threads}.png"
            Fuser(seeded)(pair.ir, pair.vis, str(out))
            assert_same_image(Image.open(out), Image.open(tmp_path / "1.png"))
    finally:
        torch.set_num_threads(before)


def test_memory_does_not_grow_with_the_weight_of_the_penalty(seeded, tmp_path):
    """A larger lambda reaches farther, and is solved in the same arrays."""
    [pair] = make_pairs(tmp_path, 1)
    peaks = []
    for lam in (5, 5, 1e4, 1e16):  # once to load what is loaded once
        fuser = Fuser(seeded, FusionConfig(lam=lam), max_memory="1GB")
        tracemalloc.start()
        fuser(pair.ir, pair.vis, str(tmp_path / "out.png"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks[2:]) < 1.1 * peaks[1] + 100_000


def test_a_quiet_connection_leaves_the_loggers_as_they_were(scheduler):
    loggers = [
        logging.getLogger(name) for name in ("distributed", "distributed.client")
    ]
    before = [logger.level for logger in loggers]
    with Cluster(scheduler.scheduler_address):
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
        ([*globs, "-o", "file", "--weights", "seeded"], "cannot make folder"),
        ([*globs, *out, "--workers", "100000"], "workers must be at most"),
        ([*globs, *out, "--tls-key", "file"], "belong to --scheduler"),
        ([*globs, *out, "--scheduler", "tls://x", "--tls-key", "file"], "together"),
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


def test_without_dask_only_the_cluster_is_missing(tmp_path, capsys, monkeypatch):
    make_pairs(tmp_path, 1)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "distributed" else find(name, *rest),
    )
    globs = [str(tmp_path / "IR*.png"), str(tmp_path / "VIS*.png")]
    command = ["batch", *globs, "-o", str(tmp_path / "out"), "--weights", "seeded"]
    assert main([*command, "--scheduler", "tcp://127.0.0.1:1"]) == 2
    error = capsys.readouterr().err
    assert "pip install 'irvis-fusionlib[cluster]'" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert main([*command, "--workers", "1"]) == 0
    assert (tmp_path / "out" / "000.png").exists()


@contextlib.contextmanager
def listening(says=b""):
    """Yield the address of something that takes connections, and what it then says."""
    kept = []

    def take():
        with contextlib.suppress(OSError):
            while True:
                kept.append(server.accept()[0])
                kept[-1].sendall(says)

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        threading.Thread(target=take, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_an_address_where_no_scheduler_answers(
    tmp_path, capsys, monkeypatch, scheduler
):
    """Nothing there, silence, HTTP to Dask's first words, HTTP at once, no address."""
    make_pairs(tmp_path, 1)
    monkeypatch.setattr(fusionlib.evaluation.cluster, "PATIENCE", 1)
    globs = [str(tmp_path / "IR*.png"), str(tmp_path / "VIS*.png")]
    arguments = ["batch", *globs, "-o", str(tmp_path / "out"), "--weights", "seeded"]
    dashboard = f"tcp://127.0.0.1:{scheduler.scheduler.services['dashboard'].port}"
    with listening() as silent, listening(b"HTTP/1.1 400 Bad Request\r\n" * 9) as web:
        for address in (
            "tcp://127.0.0.1:1", silent, dashboard, web, "nonsense://x", "", "tls://x:1",
        ):  # fmt: skip
            begun = time.monotonic()
            assert main([*arguments, "--scheduler", address]) == 2
            captured = capsys.readouterr()
            assert f"scheduler: '{address}' does not answer" in captured.err
            assert captured.err.count("\n") == 1, captured.err
            assert time.monotonic() - begun < 15  # without a limit it hangs
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A certificate that is its own authority, and its key, as PEM files."""
    folder = tmp_path_factory.mktemp("tls")
    if not shutil.which("openssl"):
        pytest.skip("no openssl here")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        [*command.split(), "-keyout", "key.pem", "-out", "cert.pem"],
        cwd=folder, check=True, timeout=60, capture_output=True,
    )  # fmt: skip
    return str(folder / "cert.pem"), str(folder / "key.pem")


def test_a_scheduler_with_tls(tmp_path, capsys, certificates, monkeypatch):
    """The three files reach Dask; without them the scheduler is of no use."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(fusionlib.evaluation.cluster, "PATIENCE", 5)
    make_pairs(tmp_path, 1)
    certificate, key = certificates
    roles = ("scheduler", "worker", "client")
    security = distributed.Security(
        tls_ca_file=certificate,
        require_encryption=True,
        **{f"tls_{role}_cert": certificate for role in roles},
        **{f"tls_{role}_key": key for role in roles},
    )
    globs = [str(tmp_path / "IR*.png"), str(tmp_path / "VIS*.png")]
    arguments = ["batch", *globs, "-o", str(tmp_path / "out"), "--weights", "seeded"]
    tls = ["--tls-ca-file", certificate, "--tls-cert", certificate, "--tls-key", key]
    with distributed.LocalCluster(
        n_workers=1, processes=False, protocol="tls://", security=security,
        dashboard_address=":0", host="127.0.0.1",
    ) as cluster:  # fmt: skip
        arguments += ["--scheduler", cluster.scheduler_address]
        assert cluster.scheduler_address.startswith("tls://")
        assert main(arguments) == 2
        assert "does not answer as a Dask scheduler" in capsys.readouterr().err
        assert main([*arguments, *tls[:-1], str(tmp_path / "none.pem")]) == 2
        assert "tls_key: " in capsys.readouterr().err
        assert main([*arguments, *tls]) == 0
        assert capsys.readouterr().out == "1 pairs: 1 done now\n"


def test_failures_are_counted_on_the_command_line(tmp_path, capsys):
    make_pairs(tmp_path, 3)
    (tmp_path / "VIS001.png").write_bytes(b"no image")
    globs = [str(tmp_path / "IR*.png"), str(tmp_path / "VIS*.png")]
    arguments = ["batch", *globs, "-o", str(tmp_path / "out"), "--weights", "seeded"]
    arguments += ["--workers", "1"]
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
        file.write(b'{"name": "0')
    (out / ".005-abcdefgh.png").write_bytes(b"half an image")
    again = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert again.stderr == ""
    assert again.stdout == f"{MANY} pairs: {done} done before, {MANY - done} done now\n"
    assert again.returncode == 0

    records = lines(out)
    assert sorted(r["name"] for r in records) == [pair.name for pair in pairs]
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


def test_a_scheduler_is_asked_where_an_event_loop_runs_already(monkeypatch):
    """As in Jupyter, or after a browser was started from the same thread."""
    monkeypatch.setattr(fusionlib.evaluation.cluster, "PATIENCE", 1)

    async def enter():
        with Cluster("tcp://127.0.0.1:1"):
            pass

    # In a thread of its own: browser tests leave a running loop in this one.
    with (
        ThreadPoolExecutor(1) as thread,
        pytest.raises(InputError, match="does not answer as a Dask scheduler") as told,
    ):
        thread.submit(asyncio.run, enter()).result()
    assert "event loop" not in str(told.value)
