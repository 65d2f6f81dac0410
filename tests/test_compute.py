"""One budget of threads, and compiled loops wherever they run."""

import contextlib
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from fusionlib import _compute, metrics
from fusionlib._compute import parallel_map, processors, thread_budget

#: Run a loop of each module that compiles some.
LOOPS = """
import numpy as np
from fusionlib.baselines import _admm, _omp
from fusionlib.metrics import _fmi_kernel
v, y, u = np.zeros(3), np.ones(3), np.ones(3)
_admm.difference(v, y, u, 0.5)
signals = np.zeros((1, 2))
_omp.combine(np.array([[1]]), np.array([[2.0]]), np.eye(2), signals)
print(v.tolist(), signals.tolist(), _fmi_kernel._log2(8.0))
"""
ANSWER = "[0.5, 0.5, 0.5] [[0.0, 2.0]] 3.0\n"


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )


def test_loops_compile_where_nothing_can_be_kept():
    """As in a read-only installation without a home."""
    nowhere = "from numba.core import caching; caching.CacheImpl._locator_classes = []"
    done = run(nowhere + LOOPS)
    assert done.stdout == ANSWER, done.stderr


def test_a_cache_that_is_full_or_damaged_is_no_error(tmp_path):
    """A limit on the size of files stands for the full disk."""
    full = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))"
    done = run(full + LOOPS, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.stdout == ANSWER, done.stderr
    assert run(LOOPS, NUMBA_CACHE_DIR=str(tmp_path)).stdout == ANSWER
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".nbi" for path in kept)
    for path in kept:
        path.write_bytes(b"damaged")
    done = run(LOOPS, NUMBA_CACHE_DIR=str(tmp_path))
    assert done.stdout == ANSWER, done.stderr


@pytest.fixture
def four(monkeypatch):
    """Four processors, with nothing that asks for fewer threads."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setattr(_compute, "processors", lambda: 4)


def test_the_budget_is_what_the_libraries_underneath_are_told(four, monkeypatch):
    assert thread_budget() == 4
    for text, expected in (("2", 2), ("3,1", 3), ("9", 4), ("0", 4), ("many", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        assert thread_budget() == expected, text
    monkeypatch.delenv("OMP_NUM_THREADS")

    class Torch:
        get_num_threads = staticmethod(lambda: 1)

    monkeypatch.setitem(sys.modules, "torch", Torch)
    assert thread_budget() == 1


def test_nested_maps_share_one_budget(four):
    """Not four threads in each of four."""
    running, most, lock = 0, 0, threading.Lock()
    meet = threading.Barrier(2, timeout=5)

    def inner(_):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with contextlib.suppress(threading.BrokenBarrierError):
            meet.wait()
        with lock:
            running -= 1

    def outer(_):
        budget = thread_budget()
        parallel_map(inner, range(4))
        return budget

    assert parallel_map(outer, range(2)) == [2, 2]
    assert 2 <= most <= 4
    assert parallel_map(lambda _: thread_budget(), range(8)) == [1] * 8
    assert thread_budget() == 4


def test_the_order_is_kept_and_errors_are_raised(four):
    assert parallel_map(lambda x: x * x, range(50)) == [x * x for x in range(50)]
    with pytest.raises(ZeroDivisionError):
        parallel_map(lambda x: 1 // x, [1, 0, 2])
    assert parallel_map(str, []) == []


def test_one_thread_gives_the_same(monkeypatch):
    rng = np.random.RandomState(0)
    fused, *sources = rng.randint(0, 256, (3, 48, 50)) / 255
    before = metrics.evaluate(fused, sources)
    monkeypatch.setattr(_compute, "processors", lambda: 1)
    assert dict(metrics.evaluate(fused, sources)) == dict(before)


def test_processors_are_those_of_this_process():
    assert 1 <= processors() <= (os.cpu_count() or 1)
