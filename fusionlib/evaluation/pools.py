"""Where many pieces of work are done: here, on processes, one after the other.

The processes of :class:`Processes` are connected to this one by pipes only: nothing on
the machine can talk to them. A process that is killed is replaced, and when this one
is killed they end by themselves.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

from .._compute import processors, thread_budget
from ..errors import InputError, reason
from ..images.validation import check_workers

__all__ = ["Pool", "Processes", "Unfinished"]

#: How often an item is begun whose process dies.
TRIES = 3


class Unfinished(RuntimeError):
    """Nothing came back for an item: its processes died."""


class Pool:
    """Works in this process, on one item after the other."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function says where the work will be done."""
        return function(*arguments)

    def map(
        self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
    ) -> Generator[tuple[int, Any], None, None]:
        """Call a function with each of many tuples of arguments.

        Parameters
        ----------
        function : callable
            It must not raise exceptions.
        calls : sequence of tuple
            The arguments.

        Yields
        ------
        index : int
            Which call.
        result : object
            What it returned, or :class:`Unfinished`.
        """
        for index, arguments in enumerate(calls):
            yield index, function(*arguments)


class Processes(Pool):
    """Works on processes of this machine.

    They are spawned, because a forked process could not use torch. They import the
    main script, which must therefore be guarded by ``if __name__ == "__main__"``.

    Parameters
    ----------
    workers : int, optional
        How many; by default one for each of up to four processors, and beyond sixteen
        one for every four. They share the threads of this process.

    Raises
    ------
    InputError
        If there are too many, or the working folder is gone, where they begin.
    """

    def __init__(self, workers: int | None = None) -> None:
        cores = processors()
        # One thread an item wastes least; many processes take much memory.
        usual = min(cores, max(4, cores // 4))
        self.workers = usual if workers is None else check_workers(workers)
        try:
            os.chdir(os.getcwd())
        except OSError as error:
            raise InputError(
                f"the working folder cannot be used ({reason(error)}); change to "
                "another one"
            ) from None

    def map(
        self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
    ) -> Generator[tuple[int, Any], None, None]:
        """Call a function with each of many tuples of arguments; see :class:`Pool`."""
        with _Crew(function, min(self.workers, len(calls))) as crew:
            yield from crew.results(calls)


class _Crew:
    """Workers, each a pool of one process: when one dies, it is known over what."""

    def __init__(self, function: Callable[..., Any], workers: int) -> None:
        self._function, self._workers = function, workers
        self._context = multiprocessing.get_context("spawn")
        self._share = max(1, thread_budget() // max(1, workers))
        self._idle: list[ProcessPoolExecutor] = []
        self._busy: dict[Future[Any], tuple[int, ProcessPoolExecutor]] = {}

    def __enter__(self) -> _Crew:
        # The workers hold one end of this pipe, and leave when the other is closed.
        self._ours, self._theirs = self._context.Pipe(duplex=False)
        self._idle = [self._worker() for _ in range(self._workers)]
        return self

    def __exit__(self, *_: object) -> None:
        self._theirs.close()
        for worker in [*self._idle, *(worker for _, worker in self._busy.values())]:
            worker.shutdown(cancel_futures=True)
        self._ours.close()

    def _worker(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1, self._context, _begin, (self._function, self._ours)
        )

    def results(
        self, calls: Sequence[tuple[Any, ...]]
    ) -> Generator[tuple[int, Any], None, None]:
        """Yield the result of each call as soon as it is there."""
        waiting, begun = deque(range(len(calls))), Counter[int]()
        while waiting or self._busy:
            while waiting and self._idle:
                index = waiting.popleft()
                begun[index] += 1
                self._submit(index, calls[index])
            ready = []
            for future in wait(self._busy, return_when=FIRST_COMPLETED).done:
                index, worker = self._busy.pop(future)
                try:
                    ready.append((index, future.result()))
                    self._idle.append(worker)
                except BrokenProcessPool:
                    worker.shutdown()
                    self._idle.append(self._worker())
                    if begun[index] < TRIES:
                        waiting.appendleft(index)
                        continue
                    ready.append((index, Unfinished(
                        f"its process was killed {TRIES} times, as happens for want "
                        "of memory"
                    )))  # fmt: skip
            yield from ready

    def _submit(self, index: int, arguments: tuple[Any, ...]) -> None:
        worker = self._idle.pop()
        with _starting(self._share):
            try:
                future = worker.submit(_call, arguments)
            except BrokenProcessPool:  # it was killed while it had nothing to do
                worker.shutdown()
                worker = self._worker()
                future = worker.submit(_call, arguments)
        self._busy[future] = index, worker


@contextlib.contextmanager
def _starting(threads: int) -> Iterator[None]:
    """Let processes that are started here use some threads and not see Ctrl-C."""
    saved = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    mask = None
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # what starts it lets signals through again
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if saved is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = saved


_function: Callable[..., Any]


def _begin(function: Callable[..., Any], pipe: Connection) -> None:
    """Prepare a worker: it keeps the function, and leaves when the pipe is closed."""
    global _function
    _function = function

    def leave() -> None:
        with contextlib.suppress(EOFError, OSError):
            pipe.recv_bytes()
        os._exit(1)

    threading.Thread(target=leave, daemon=True).start()


def _call(arguments: tuple[Any, ...]) -> Any:
    return _function(*arguments)
