"""How heavy loops run: compiled where that can be kept, in one budget of threads."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: What the threads of :func:`parallel_map` may use in their turn.
_share = threading.local()


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_budget() -> int:
    """Return how many threads the caller may use.

    The processors that this process may use, or fewer where ``OMP_NUM_THREADS`` says
    so or ``torch.set_num_threads`` was called. Within :func:`parallel_map` it is the
    part of one thread, so that nested calls do not multiply.
    """
    share = getattr(_share, "threads", None)
    if share is not None:
        return share
    budget = processors()
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if first.isdecimal() and len(first) < 9 and int(first):
        budget = min(budget, int(first))
    torch = sys.modules.get("torch")  # it is not loaded to be asked
    if torch is not None and hasattr(torch, "get_num_threads"):
        budget = min(budget, torch.get_num_threads())
    return budget


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> list[Result]:
    """Apply a function to each item, in as many threads as the budget allows.

    Parameters
    ----------
    function : callable
        Should spend its time in code that releases the interpreter lock.
    items : iterable
        The arguments.

    Returns
    -------
    list
        The results, in the order of the items: nothing depends on the timing.
    """
    items = list(items)
    budget = thread_budget()
    count = min(budget, len(items))
    if count <= 1:
        return [function(item) for item in items]

    def begin() -> None:
        _share.threads = budget // count

    with ThreadPoolExecutor(count, initializer=begin) as pool:
        return list(pool.map(function, items))


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function with numba, and keep the result on disk if possible.

    Where nothing can be kept, in a read-only installation without a home or on a
    full disk, it is compiled once in each process.
    """
    import numba
    from numba.core.caching import FunctionCache

    class Cache(FunctionCache):
        """A cache that may fail."""

        def load_overload(self, *arguments: Any) -> Any:
            try:
                return super().load_overload(*arguments)
            except Exception:  # a damaged file raises whatever pickle does
                return None

        def save_overload(self, *arguments: Any) -> None:
            with contextlib.suppress(Exception):
                super().save_overload(*arguments)

    dispatcher: Any = numba.njit(nogil=True, error_model="numpy")(function)
    with contextlib.suppress(RuntimeError, OSError):  # no place to keep it
        dispatcher._cache = Cache(function)
    return dispatcher


class Clock:
    """Seconds of each step of something."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        """Note the seconds since the step before."""
        now = time.perf_counter()
        self.seconds[step] = round(now - self._last, 6)
        self._last = now
