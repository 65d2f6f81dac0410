"""The runner: what is done once, what again, and what a kill leaves behind."""

import contextlib
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fusionlib.errors import InputError
from fusionlib.evaluation.pools import Pool, Processes
from fusionlib.evaluation.runner import (
    CODE,
    Item,
    Runner,
    code_digest,
    differences,
    read_manifest,
    write_csv,
)

from ..support import work

ROOT = Path(__file__).parents[2]


def run(folder, items, function=work.make, pool=None):
    """Run, and return the names of what was done now."""
    now = []

    def progress(record, before):
        if not before:
            now.append(record["name"])

    with Runner(folder) as runner:
        records = runner.run(items, function, pool, progress)
    assert [record["name"] for record in records] == [item.name for item in items]
    return sorted(now)


def test_only_what_is_missing_or_changed_is_done_again(tmp_path):
    out = tmp_path / "out"
    items = work.make_items(out, 3)
    assert run(out, items) == ["0", "1", "2"]
    assert run(out, items) == []
    record = read_manifest(out)["1"]
    assert (record["result"], record["value"]) == ("done", {"length": 6})
    assert list(record["files"]) == ["1.txt"]
    (out / "0.txt").unlink()
    (out / "1.txt").write_text("changed")
    assert run(out, items) == ["0", "1"]
    changed = [
        dataclasses.replace(items[0], inputs={"text": "other"}),
        dataclasses.replace(items[1], settings={"code": 2}),
        items[2],
    ]
    assert run(out, changed) == ["0", "1"]
    assert run(out, changed) == []
    assert len((out / "manifest.jsonl").read_text().splitlines()) == 7


def test_a_folder_can_be_moved(tmp_path):
    run(tmp_path / "a", work.make_items(tmp_path / "a", 2))
    (tmp_path / "a").rename(tmp_path / "b")
    assert run(tmp_path / "b", work.make_items(tmp_path / "b", 2)) == []


def fail(path, text, seconds):
    if text == "text 1":
        raise MemoryError("no room")
    if text == "text 2":
        raise InputError("text must be shorter")
    return work.make(path, text)


def test_what_fails_is_told_and_tried_again(tmp_path):
    out = tmp_path / "out"
    items = work.make_items(out, 3)
    run(out, items, fail)
    records = read_manifest(out)
    assert [records[k]["result"] for k in "012"] == ["done", "failed", "failed"]
    assert records["1"]["error"] == "MemoryError: no room"
    assert records["2"]["error"] == "text must be shorter"
    assert run(out, items) == ["1", "2"]


@pytest.mark.parametrize(
    "line",
    [
        b"\0\0\0",
        b'["name"]',
        b'{"name": "0"}',
        b"[" * 100_000,
        b'{"name": "0", "group": "", "result": "done", "inputs": {}, "settings": null,'
        b' "files": {}}',
        b'{"name": "0", "group": "", "result": "done", "inputs": {}, "settings": '
        b'{"weights": null}, "files": {}}',
    ],
)
def test_a_damaged_line_is_passed_over(tmp_path, line):
    out = tmp_path / "out"
    items = work.make_items(out, 2)
    run(out, items)
    path = out / "manifest.jsonl"
    path.write_bytes(path.read_bytes() + line + b"\n")
    if b'"weights": null' in line:  # the form is right: other settings
        assert run(out, items) == ["0"]
    else:
        with pytest.warns(UserWarning, match="1 damaged .* line 3"):
            assert run(out, items) == []


def test_a_torn_line_is_left_out_and_cut_off(tmp_path):
    out = tmp_path / "out"
    items = work.make_items(out, 2)
    run(out, items)
    path = out / "manifest.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert list(read_manifest(out)) == ["0"]
    assert path.read_bytes() == whole[:-20]
    assert run(out, items) == ["1"]
    assert [json.loads(text)["name"] for text in path.open()] == ["0", "1"]


@pytest.mark.parametrize("kind", ["folder", "link", "fifo"])
@pytest.mark.parametrize("name", ["manifest.jsonl", ".lock"])
def test_what_is_no_file_is_refused(tmp_path, name, kind):
    path = tmp_path / name
    make = {"folder": path.mkdir, "fifo": lambda: os.mkfifo(path),
            "link": lambda: path.symlink_to(tmp_path / "none" / "none")}  # fmt: skip
    make[kind]()
    with pytest.raises(InputError, match=f"{name} |folder .*none does not exist"):
        run(tmp_path, work.make_items(tmp_path, 1))
    assert list(tmp_path.glob("*.txt")) == []


def test_a_full_disk_ends_the_run_and_damages_nothing(tmp_path, monkeypatch):
    out = tmp_path / "out"
    items = work.make_items(out, 3)
    write, count = os.write, []

    def full(handle, content):
        """Take half of each line, and nothing after the third half."""
        count.append(1)
        if len(count) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, content[: len(content) // 2 or 1])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InputError, match="no space left on device"):
        run(out, items)
    monkeypatch.undo()
    assert (out / "manifest.jsonl").read_bytes() == b""
    assert run(out, items) == ["0", "1", "2"]


def test_a_folder_takes_one_run_at_a_time(tmp_path):
    pytest.importorskip("fcntl")
    with (
        Runner(tmp_path),
        pytest.raises(InputError, match=rf"another process \({os.getpid()}\)"),
        Runner(tmp_path),
    ):
        pass
    with Runner(tmp_path):  # the file is still there, the lock is not
        assert (tmp_path / ".lock").exists()


def test_a_file_name_that_is_no_text(tmp_path):
    item = Item("ä\udcff", {"path": "\udcff"}, {})
    with Runner(tmp_path) as runner:
        runner.run([item], dict)
    with Runner(tmp_path) as runner:
        assert runner.has_done(item)


def test_what_a_killed_run_had_not_finished_is_removed(tmp_path):
    items = work.make_items(tmp_path, 2)
    (tmp_path / ".0-abcd1234.txt").write_text("half")
    (tmp_path / ".mine-abcd1234.txt").write_text("of the user")
    run(tmp_path, items)
    hidden = {path.name for path in tmp_path.glob(".*")}
    assert hidden == {".lock", ".mine-abcd1234.txt"}


def test_what_was_made_differently_is_not_added_to(tmp_path):
    made = {"code": "x" * 64, "weights": {"sha256": "1" * 64}, "metrics": 1}
    other = made | {"weights": {"sha256": "2" * 64}}
    with Runner(tmp_path) as runner:
        runner.run([Item("a1", {}, made, group="a")], dict)
        runner.check_settings(
            {"a": made, "b": {"code": "y", "metrics": 1}}, ["metrics"]
        )
        message = (
            r"holds a1, made with other settings \(weights sha256 111111111111... "
            r"instead of 222222222222...\); choose another folder"
        )
        with pytest.raises(InputError, match=message):
            runner.check_settings({"a": other})
        with pytest.raises(InputError, match=r"\(metrics 1 instead of 2\)"):
            runner.check_settings({"b": {"code": "y", "metrics": 2}}, ["metrics"])
        # As if somebody had put two manifests together.
        runner.run([Item("a2", {}, other, group="a")], dict)
        with pytest.raises(InputError, match="holds a2, made with other settings"):
            runner.check_settings({"b": made})


def test_differences_are_named():
    old = {"lam": 5.0, "weights": None, "config": {"radius": 1, "layers": ["a"]}}
    new = {"lam": 5.0, "weights": {"sha256": "1"}, "config": {"radius": 2}}
    assert differences(old, old) == []
    assert differences(old, new) == [
        "weights None instead of {'sha256': '1'}",
        "config radius 1 instead of 2",
        "config layers ['a'] instead of None",
    ]


def test_a_table_is_written_whole(tmp_path):
    path = tmp_path / "table.csv"
    write_csv(path, [{"a": 1, "b": "x,y"}, {"a": 2, "b": ""}], "# from here")
    assert path.read_text() == '# from here\na,b\n1,"x,y"\n2,\n'
    with pytest.raises(ValueError, match="dict contains fields"):
        write_csv(path, [{"a": 1}, {"a": 1, "c": 2}])
    assert path.read_text().startswith("# from here")
    assert list(tmp_path.iterdir()) == [path]


def test_the_digest_of_code_sees_everything_that_runs(tmp_path):
    """The modules that a fusion loads are among those that are digested."""
    script = """if True:
        import sys, numpy as np
        from fusionlib.{package} import {function}
        {call}
        print(*(name for name in sys.modules if name.startswith("fusionlib.")))
    """
    flat = "[np.full((48, 48), 0.5)] * 2"
    for step, call in {
        "fusion": ("fusion", "fuse", f"fuse({flat}, weights='seeded')"),
        "baselines": ("baselines", "cbf", f"cbf({flat})"),
        "metrics": ("metrics", "evaluate", f"evaluate(*{flat[:-4]}, {flat})"),
    }.items():
        package, function, text = call
        code = script.format(package=package, function=function, call=text)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        parts = {part.removesuffix(".py") for part in CODE[step]}
        ours = {name.split(".")[1] for name in done.stdout.split()}
        assert ours - {"_version", "_download", "display", "errors"} <= parts, step
    assert code_digest("fusion") != code_digest("metrics")


# Processes.


def test_processes_share_the_threads_and_open_no_socket(tmp_path, monkeypatch):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    monkeypatch.setattr("fusionlib.evaluation.pools.thread_budget", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    items = [Item(f"{k}", {}, {}, arguments=(k,)) for k in range(4)]
    with Runner(tmp_path) as runner:
        for record in runner.run(items, work.look, Processes(2)):
            assert record["value"]["set"] == "2"
            assert record["value"]["threads"] <= 2
            assert not [name for name in record["value"]["open"] if "socket" in name]
    assert os.environ["OMP_NUM_THREADS"] == "3"


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_a_killed_worker_costs_its_item_an_attempt(tmp_path):
    items = [
        Item(f"{k}", {}, {}, (f"{k}.txt",), (tmp_path / f"{k}.txt", times))
        for k, times in enumerate((0, 1, 99, 0))
    ]
    assert run(tmp_path, items, work.die, Processes(2)) == ["0", "1", "2", "3"]
    records = read_manifest(tmp_path)
    results = [records[f"{k}"]["result"] for k in range(4)]
    assert results == ["done", "done", "failed", "done"]
    assert records["2"]["error"].startswith("Unfinished: its process was killed 3")
    begun = [(tmp_path / f"{k}.txt.log").read_text().count("begun") for k in range(4)]
    assert begun == [1, 2, 3, 1]  # those of the other worker are not begun again


def start(folder, count, workers, seconds):
    command = [sys.executable, "-m", "tests.support.work", folder, count, workers]
    return subprocess.Popen(
        [*map(str, command), str(seconds)], cwd=ROOT, start_new_session=True,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(condition, process, seconds=100):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.005)


def count_lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def workers_of(process):
    psutil = pytest.importorskip("psutil")
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [c for c in children if "spawn_main" in " ".join(c.cmdline())]
    return children, workers


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("how", ["SIGINT", "SIGHUP", "SIGKILL"])
def test_no_process_outlives_a_run_that_ends(tmp_path, how):
    """Ctrl-C and a closed terminal reach all processes, kill -9 the first one only."""
    psutil = pytest.importorskip("psutil")
    out, number = tmp_path / "out", getattr(signal, how)
    run_ = start(out, 400, 2, 0.05)
    with contextlib.ExitStack() as stack:
        stack.callback(
            lambda: run_.poll() is None and os.killpg(run_.pid, signal.SIGKILL)
        )
        wait_for(lambda: count_lines(out / "manifest.jsonl") > 5, run_)
        children, workers = workers_of(run_)
        assert len(workers) == 2
        (os.kill if how == "SIGKILL" else os.killpg)(run_.pid, number)
        _, error = run_.communicate(timeout=30)
        _, alive = psutil.wait_procs(children, timeout=10)
        assert not alive
    if how != "SIGKILL":
        # One traceback, of the program that was interrupted; none of its workers.
        assert error.count("Traceback") == 1
        assert error.rstrip().endswith("KeyboardInterrupt")
        assert [path.name for path in out.glob(".*")] == [".lock"]
    done = set(read_manifest(out))
    items = work.make_items(out, max(map(int, done)) + 6)
    assert run(out, items) == sorted({item.name for item in items} - done)


def test_each_item_is_done_exactly_once_whatever_is_killed(tmp_path):
    pytest.importorskip("fcntl")
    out, count = tmp_path / "out", 60
    manifest = out / "manifest.jsonl"
    run_ = start(out, count, 2, 0.02)
    for share in (0.2, 0.4):  # workers
        wait_for(lambda share=share: count_lines(manifest) > share * count, run_)
        workers_of(run_)[1][0].kill()
    wait_for(lambda: count_lines(manifest) > 0.6 * count, run_)
    os.killpg(run_.pid, signal.SIGKILL)
    run_.wait()
    before = count_lines(manifest)
    assert 0 < before < count
    again = start(out, count, 2, 0)
    assert again.wait(timeout=100) == 0, again.stderr.read()
    names = [json.loads(line)["name"] for line in manifest.open()]
    assert sorted(names, key=int) == [f"{k}" for k in range(count)]
    files = {path.name for path in out.iterdir()}
    texts = {f"{k}.txt" for k in range(count)}
    assert files == texts | {".lock", manifest.name}


@pytest.mark.parametrize("workers", [0, 100_000, "two"])
def test_a_number_of_workers_that_cannot_be_meant(workers):
    with pytest.raises(InputError, match="workers must be"):
        Processes(workers)


def test_a_working_folder_that_is_gone(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    try:
        with pytest.raises(InputError, match="the working folder cannot be used"):
            Processes(1)
    finally:
        os.chdir(tmp_path)


def test_an_empty_run_starts_no_process(tmp_path):
    class Never(Pool):
        def map(self, function, calls):
            assert not calls
            return super().map(function, calls)

    assert run(tmp_path, [], pool=Never()) == []
    assert run(tmp_path, [], pool=Processes(2)) == []
