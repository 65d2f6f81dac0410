"""Work on a cluster, through a Dask scheduler that runs already.

Its workers must have the same fusionlib and see the files under the same paths. Dask
distributed comes with the extra ``cluster``. A scheduler without TLS runs the code of
anybody who reaches its address.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import InputError, describe
from ..images.io import check_file
from .pools import Pool, Unfinished
from .runner import code_digest

__all__ = ["Cluster", "ClusterLost"]

#: How long to wait for a scheduler, and for its first worker, in seconds.
PATIENCE = 15


class ClusterLost(RuntimeError):
    """The scheduler went away before everything was done."""


class Cluster(Pool):
    """Works on the workers of a Dask scheduler; a context manager.

    A worker does one item at a time, with all its threads.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``tcp://10.0.0.1:8786`` or ``tls://...``.
    tls_ca_file, tls_cert, tls_key : str, optional
        For a scheduler with TLS: files with the certificate of its authority, and
        with the certificate and the private key of this client.
    quiet : bool, optional
        Keep Dask from logging that workers come and go.

    Raises
    ------
    InputError
        If Dask distributed is not installed, or not all three files are given.
    """

    def __init__(
        self,
        address: str,
        *,
        tls_ca_file: str | None = None,
        tls_cert: str | None = None,
        tls_key: str | None = None,
        quiet: bool = True,
    ) -> None:
        if importlib.util.find_spec("distributed") is None:
            raise InputError(
                "scheduler needs Dask distributed, which is not installed; get it with "
                "pip install 'irvis-fusionlib[cluster]'"
            )
        files = {"tls_ca_file": tls_ca_file, "tls_cert": tls_cert, "tls_key": tls_key}
        self._security: dict[str, Any] = {}
        if any(file is not None for file in files.values()):
            for name, file in files.items():
                if file is None:
                    raise InputError(f"{', '.join(files)} belong together: no {name}")
                check_file(file, name)
            self._security = {
                "tls_ca_file": tls_ca_file,
                "tls_client_cert": tls_cert,
                "tls_client_key": tls_key,
                "require_encryption": True,
            }
        self.address, self._quiet = address, quiet

    def __enter__(self) -> Cluster:
        """Connect.

        Raises
        ------
        InputError
            If there is no scheduler that answers, or it has no worker, or a worker
            has another fusionlib.
        """
        from distributed import Client, Security

        with contextlib.ExitStack() as stack:
            if self._quiet:
                for name in ("distributed", "distributed.client"):  # each has its level
                    logger = logging.getLogger(name)
                    stack.callback(logger.setLevel, logger.level)
                    logger.setLevel(logging.CRITICAL)
            try:
                security = Security(**self._security)
                connection = security.get_connection_args("client")
                # In a thread: where an event loop runs already, as in Jupyter, a
                # second one may not begin.
                with ThreadPoolExecutor(1) as thread:
                    asking = _ask(self.address, connection)
                    kind = thread.submit(asyncio.run, asking).result()
                if kind != "Scheduler":
                    raise TypeError(f"there is a {kind}")
                client = Client(self.address, timeout=PATIENCE, security=security)
            except Exception as error:  # whatever the other side makes of it
                raise InputError(
                    f"scheduler: {self.address!r} does not answer as a Dask scheduler "
                    f"({describe(error)})"
                ) from None
            self._client = stack.enter_context(client)
            try:
                client.wait_for_workers(1, timeout=PATIENCE)
            except TimeoutError:
                raise InputError(
                    f"scheduler: {self.address!r} has no workers"
                ) from None
            try:
                found = set(client.run(code_digest, "fusion").values())
            except Exception as error:
                raise InputError(
                    f"scheduler: a worker cannot use fusionlib ({describe(error)})"
                ) from None
            if found != {code_digest("fusion")}:
                raise InputError("scheduler: a worker has another version of fusionlib")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function says on a worker."""
        return self._client.submit(function, *arguments, pure=False).result()

    def map(
        self, function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]
    ) -> Generator[tuple[int, Any], None, None]:
        """Call a function with each of many tuples of arguments, as a pool does.

        Raises
        ------
        ClusterLost
            If the scheduler went away.
        """
        from distributed import as_completed

        with warnings.catch_warnings():
            # 14 MB of weights, once: as the result of a task, they survive any worker.
            warnings.filterwarnings("ignore", "(?s).*large graph")
            shared = self._client.submit(_itself, function, pure=False)
        futures = self._client.map(_work, [shared] * len(calls), calls, pure=False)
        pending = {future: index for index, future in enumerate(futures)}
        del futures
        for future in as_completed(list(pending), raise_errors=False):
            index = pending.pop(future)
            if future.status == "finished":
                yield index, future.result()
            elif future.status == "error":  # its worker died, again and again
                yield index, Unfinished(describe(future.exception()))
            else:
                raise ClusterLost(
                    f"the scheduler went away; {len(pending) + 1} items are not done, "
                    "and the same command goes on with them"
                )


async def _ask(address: str, connection: dict[str, Any]) -> str:
    """Ask what answers at an address, within a limit of time.

    Dask's own client waits for ever where a connection is accepted and nothing said.
    """
    from distributed.comm import connect

    async def ask() -> str:
        comm = await connect(address, timeout=PATIENCE, **connection)
        try:
            await comm.write({"op": "identity", "reply": True})
            return (await comm.read())["type"]
        finally:
            comm.abort()

    try:
        return await asyncio.wait_for(ask(), PATIENCE)
    except TimeoutError:
        raise TimeoutError(f"nothing came within {PATIENCE} s") from None


def _itself(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


_alone = threading.Lock()


def _work(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Call a function on a worker, alone and with all the worker's threads."""
    import torch
    from distributed import get_worker

    with _alone:
        before = torch.get_num_threads()
        torch.set_num_threads(get_worker().state.nthreads)
        try:
            return function(*arguments)
        finally:
            torch.set_num_threads(before)
