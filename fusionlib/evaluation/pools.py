"""Where the items of a run are done: in this process, or on processes beside it.

The processes of :class:`Processes` are connected to this one by pipes only: nothing on
the machine can talk to them. One that is killed is replaced, and when this one is
killed they end by themselves.
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

#: For each call that has an end, its index and what it returned or Unfinished.
Results = Generator[tuple[int, Any], None, None]


class Unfinished(RuntimeError):
    """Nothing came back for an item: its processes died."""


class Pool:
    """Works in this process, on one item after the other."""

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function says where the work will be done."""
        return function(*arguments)

    def device(self, name: str) -> str:
        """Return the kind of device, ``cpu`` or ``cuda``, that a name means there.

        Raises
        ------
        InputError
            As :func:`fusionlib.vgg.convolution.resolve_device`.
        """
        return self.call(_kind_of_device, name)

    def map(
        self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
    ) -> Results:
        """Call a function, which raises no exceptions, with each of many arguments.

        Yields
        ------
        index : int
            Which call.
        result : object
            What it returned, or :class:`Unfinished`.
        """
        for index, arguments in enumerate(calls):
            yield index, function(*arguments)


def _kind_of_device(name: str) -> str:
    from ..vgg.convolution import resolve_device

    return resolve_device(name).type


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
    ) -> Results:
        """Call a function with each of many arguments; see ``Pool``."""
        context = multiprocessing.get_context("spawn")
        # The workers hold one end of a pipe, and leave when the other is closed.
        ours, theirs = context.Pipe(duplex=False)

        def worker() -> ProcessPoolExecutor:
            # A pool of one process: when it dies, it is known over which item.
            return ProcessPoolExecutor(1, context, _begin, (function, ours))

        count = min(self.workers, len(calls))
        threads = max(1, thread_budget() // max(1, count))
        with _starting(threads):
            idle = [worker() for _ in range(count)]
        busy: dict[Future[Any], tuple[int, ProcessPoolExecutor]] = {}
        waiting, deaths = deque(range(len(calls))), Counter[int]()
        try:
            while waiting or busy:
                while waiting and idle:
                    process = idle.pop()
                    with _starting(threads):
                        try:
                            future = process.submit(_call, calls[waiting[0]])
                        except BrokenProcessPool:  # it died with nothing to do
                            idle.append(worker())
                        else:
                            busy[future] = waiting.popleft(), process
                ready: list[tuple[int, Any]] = []
                for future in wait(busy, return_when=FIRST_COMPLETED).done:
                    index, process = busy.pop(future)
                    try:
                        ready.append((index, future.result()))
                        idle.append(process)
                    except BrokenProcessPool:
                        idle.append(worker())
                        deaths[index] += 1
                        if deaths[index] < TRIES:
                            waiting.appendleft(index)
                        else:
                            why = f"its process was killed {TRIES} times, as happens "
                            ready.append(
                                (index, Unfinished(f"{why}for want of memory"))
                            )
                yield from ready
        finally:
            theirs.close()
            for process in [*idle, *(process for _, process in busy.values())]:
                process.shutdown(cancel_futures=True)
            ours.close()


@contextlib.contextmanager
def _starting(threads: int) -> Iterator[None]:
    """Let processes that are started here use some threads, and outlive Ctrl-C.

    Ctrl-C and the end of a terminal reach all processes of a group; this one ends the
    others when it has written what it must.
    """
    saved = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    mask = None
    if hasattr(signal, "pthread_sigmask"):
        from multiprocessing import resource_tracker

        signals = {signal.SIGINT, signal.SIGHUP}
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        resource_tracker.ensure_running()  # what starts it lets SIGINT through again
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
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
