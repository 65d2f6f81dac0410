"""Many pairs at once, on the processes of this machine or of a cluster.

A batch writes fused images into a folder and one line for each pair into the
folder's ``manifest.jsonl``. Only the process that started it writes the manifest, one
whole line at a time; images appear whole or not at all. So whatever is killed, a
worker or everything, the same call goes on where the manifest ends.

Dask distributed runs it (the extra ``cluster``). A scheduler of one's own needs workers
that have fusionlib installed and see the files under the same paths.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.util
import json
import logging
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..config import FusionConfig
from ..errors import InputError
from ..images.io import append_line
from ..images.validation import check_workers
from ..vgg.memory import parse_memory
from .files import fuse_files
from .pairing import FilePair

if TYPE_CHECKING:
    from distributed import Client, Future

    from ..fusion import Model
    from ..vgg.weights import VGGWeights

__all__ = [
    "ClusterLost",
    "Fuser",
    "Manifest",
    "check_cluster",
    "connect",
    "run_batch",
]

Record = dict[str, Any]

#: Ending of the fused images.
SUFFIX = ".png"

#: How long to wait for a scheduler, and for its first worker, in seconds.
PATIENCE = 15


#: What workers run first: Ctrl-C reaches them too, but this process ends them.
IGNORE_INTERRUPT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"


class ClusterLost(RuntimeError):
    """The scheduler went away before all pairs were done."""


@dataclass(eq=False)
class Fuser:
    """What a worker needs to fuse pairs; the network is built once in each process.

    Travels to the workers as weights and options. Pairs are fused one at a time,
    each with all threads.

    Parameters
    ----------
    weights : VGGWeights
        The nine convolutions.
    config : FusionConfig
        Parameters of the method.
    device : str, optional
        See :func:`fusionlib.vgg.convolution.pick_device`.
    register : bool, optional
        See :func:`fusionlib.fusion.fuse`.
    max_memory : str, optional
        See :func:`fusionlib.evaluation.files.fuse_files`.
    threads : int, optional
        Threads of the network; by default as torch decides.

    Raises
    ------
    InputError
        If ``max_memory`` is not an amount of memory.
    """

    weights: VGGWeights
    config: FusionConfig = field(default_factory=FusionConfig)
    device: str = "auto"
    register: bool = False
    max_memory: str | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.max_memory is not None:
            parse_memory(self.max_memory)
        self._lock = threading.Lock()
        self._model: Model | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Fuser, tuple(getattr(self, f.name) for f in dataclasses.fields(self))

    @property
    def identity(self) -> Record:
        """Parameters and weights, which decide the pixels, as JSON has them."""
        parameters = self.config.as_dict() | {"register": self.register}
        return {
            "config": json.loads(json.dumps(parameters)),
            "weights": {"name": self.weights.name, "sha256": self.weights.sha256},
        }

    def __call__(self, pair: FilePair, output: str) -> Record:
        """Fuse one pair of files and return its line of the manifest.

        Parameters
        ----------
        pair : FilePair
            The files.
        output : str
            The fused image.

        Returns
        -------
        dict
            ``result`` is "done", or "failed" and ``error`` says why: a pair that
            cannot be fused is no reason to stop.
        """
        with self._lock:
            start = time.perf_counter()
            record = describe_pair(pair, self.identity)
            try:
                record["sha256"] = _digests({"ir": pair.ir, "vis": pair.vis})
                made = self._fuse(pair, output)
                record["sha256"] |= _digests({"output": output})
                record |= {key: made[key] for key in ("version", "device", "precision")}
                record["result"] = "done"
            except Exception as error:
                record["error"] = _one_line(error)
            record["seconds"] = round(time.perf_counter() - start, 6)
            return record

    def _fuse(self, pair: FilePair, output: str) -> Record:
        import torch

        from ..fusion import load_model

        before = torch.get_num_threads()
        torch.set_num_threads(self.threads or before)
        try:
            if self._model is None:
                self._model = load_model(
                    self.weights, self.device, self.config.precision
                )
            return fuse_files(
                [pair.ir, pair.vis],
                output,
                config=self.config,
                weights=self._model,
                register=self.register,
                max_memory=self.max_memory,
            )
        finally:
            torch.set_num_threads(before)


def describe_pair(pair: FilePair, identity: Record) -> Record:
    """Return the line of a pair that is not done."""
    return {
        "pair": pair.name,
        "result": "failed",
        "error": None,
        "inputs": {"ir": pair.ir, "vis": pair.vis},
        "output": pair.name + SUFFIX,
        "sha256": {},
        "seconds": None,
        "version": __version__,
    } | identity


def _digests(files: Mapping[str, str | os.PathLike[str]]) -> dict[str, str]:
    """Return the sha256 of each file."""
    digests = {}
    for name, path in files.items():
        with open(path, "rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


class Manifest:
    """The lines of finished pairs in a JSON Lines file; the last of a pair counts.

    Parameters
    ----------
    path : path-like
        The file. It need not exist. A last line that was cut off by a crash is
        removed; other lines that are not JSON are passed over with a warning.

    Attributes
    ----------
    records : dict of str to dict
        The last line of each pair.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.records: dict[str, Record] = {}
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.truncate(self.path, whole)
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                record = json.loads(line.decode("utf-8", "surrogateescape"))
                self.records[record["pair"]] = record
            except (ValueError, KeyError, TypeError):
                warnings.warn(
                    f"{self.path}: line {number} is damaged and passed over",
                    stacklevel=2,
                )

    def append(self, record: Record) -> None:
        """Add a line; when this returns, it is on the disk."""
        line = json.dumps(record, ensure_ascii=False) + "\n"
        append_line(self.path, line.encode("utf-8", "surrogateescape"))
        self.records[record["pair"]] = record

    def has_done(self, pair: FilePair, identity: Record) -> bool:
        """Return whether a pair need not be fused again.

        It was done with the same parameters and weights, and neither its inputs nor
        its output have changed since.
        """
        record = self.records.get(pair.name, {})
        same = record.get("config") == identity["config"] and (
            record.get("weights", {}).get("sha256") == identity["weights"]["sha256"]
        )
        if record.get("result") != "done" or not same:
            return False
        output = self.path.parent / (pair.name + SUFFIX)
        try:
            found = _digests({"ir": pair.ir, "vis": pair.vis, "output": output})
        except OSError:
            return False
        return record.get("sha256") == found


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other batches out of a folder; a killed process leaves no lock behind.

    Raises
    ------
    InputError
        If another batch is writing there, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = open(folder / ".lock", "a+")  # noqa: SIM115 - the block below closes it
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise InputError(
            f"output: cannot write in folder {folder} ({reason})"
        ) from None
    with file:
        try:
            import fcntl
        except ImportError:  # not on Windows, where nothing keeps others out
            yield
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InputError(
                f"output: another batch is writing into {folder} "
                f"(process {file.read().strip() or 'unknown'})"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _sweep(folder: Path, pairs: Sequence[FilePair]) -> None:
    """Remove what a killed worker had not finished writing."""
    names = {pair.name for pair in pairs}
    for path in folder.glob(f".*{SUFFIX}"):
        parts = re.fullmatch(r"\.(.+)-\w{8}", path.stem)
        if parts and parts[1] in names:
            path.unlink(missing_ok=True)


def check_cluster(workers: int | None, scheduler: str | None) -> None:
    """Check what :func:`connect` needs, before any work.

    Raises
    ------
    InputError
        If Dask distributed is not installed, or the arguments cannot be used.
    """
    if workers is not None:
        check_workers(workers)
        if scheduler is not None:
            raise InputError("workers and scheduler exclude each other")
    if importlib.util.find_spec("distributed") is None:
        raise InputError(
            "many pairs need Dask distributed, which is not installed; get it with "
            "pip install 'irvis-fusionlib[cluster]'"
        )


@contextlib.contextmanager
def connect(
    *, workers: int | None = None, scheduler: str | None = None, quiet: bool = True
) -> Iterator[tuple[Client, int | None]]:
    """Start workers on this machine, or connect to a scheduler.

    Worker processes import the main script, which must therefore be guarded by
    ``if __name__ == "__main__"``.

    Parameters
    ----------
    workers : int, optional
        Processes on this machine; by default one for each of up to four cores, and
        beyond sixteen one for every four.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://10.0.0.1:8786``, instead.
    quiet : bool, optional
        Keep Dask from logging that workers come and go.

    Yields
    ------
    client : distributed.Client
        The connection.
    threads : int or None
        Threads for each pair, such that together they are no more than the cores;
        None leaves it to the workers.

    Raises
    ------
    InputError
        If Dask distributed is not installed, both arguments are given, or the
        scheduler does not answer or has no workers.
    """
    check_cluster(workers, scheduler)
    import dask.system
    import distributed

    with contextlib.ExitStack() as stack:
        if quiet:
            for name in ("distributed", "distributed.client"):  # each has its level
                logger = logging.getLogger(name)
                stack.callback(logger.setLevel, logger.level)
                logger.setLevel(logging.CRITICAL)
        if scheduler is None:
            cores = dask.system.CPU_COUNT
            if workers is None:
                # One thread a pair wastes least; many processes take much memory.
                workers = min(cores, max(4, cores // 4))
            # Dask serves web pages unless it is told not to in three places.
            bare = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
            stack.enter_context(
                dask.config.set({"distributed.scheduler.http.routes": []})
            )
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,  # one pair at a time, with torch's threads
                    processes=True,
                    host="127.0.0.1",
                    scheduler_kwargs=bare,
                    silence_logs=logging.CRITICAL if quiet else False,
                    preload=[IGNORE_INTERRUPT],
                    memory_limit=0,  # a large pair is not worth a restart
                )
            )
            client = stack.enter_context(distributed.Client(cluster))
            yield client, max(1, cores // workers)
            return
        try:
            client = distributed.Client(scheduler, timeout=PATIENCE)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"scheduler: {scheduler!r} does not answer ({_one_line(error)})"
            ) from None
        stack.enter_context(client)
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise InputError(f"scheduler: {scheduler!r} has no workers") from None
        yield client, None


def _work(fuser: Fuser, pair: FilePair, output: str) -> Record:
    """Fuse one pair on a worker."""
    if fuser.threads is None:
        from distributed import get_worker

        fuser.threads = get_worker().state.nthreads
    return fuser(pair, output)


def run_batch(
    pairs: Sequence[FilePair],
    folder: str | os.PathLike[str],
    fuser: Fuser,
    cluster: Callable[[], contextlib.AbstractContextManager[tuple[Client, int | None]]],
    *,
    progress: Callable[[Record, bool], None] | None = None,
) -> list[Record]:
    """Fuse all pairs that are not done yet.

    Parameters
    ----------
    pairs : sequence of FilePair
        See :func:`fusionlib.evaluation.pairing.find_pairs`.
    folder : path-like
        Where the fused images and the manifest go; it is made if it is not there.
    fuser : Fuser
        Weights and options.
    cluster : callable
        Returns what :func:`connect` returns. It is called only if there is work.
    progress : callable, optional
        Called with the line of each pair, and whether it was done before.

    Returns
    -------
    list of dict
        The manifest's line of every pair, in the order of ``pairs``.

    Raises
    ------
    InputError
        If the folder cannot be used, or an output would replace an input.
    ClusterLost
        If the scheduler went away. What is done is in the manifest.
    """
    folder = Path(folder).absolute()
    inputs = {os.path.realpath(path) for pair in pairs for path in (pair.ir, pair.vis)}
    for pair in pairs:
        if os.path.realpath(folder / (pair.name + SUFFIX)) in inputs:
            raise InputError(
                f"output: {folder / (pair.name + SUFFIX)} is one of the inputs; "
                "choose another folder"
            )
    with locked(folder):
        _sweep(folder, pairs)
        manifest = Manifest(folder / "manifest.jsonl")
        todo = []
        for pair in pairs:
            if not manifest.has_done(pair, fuser.identity):
                todo.append(pair)
            elif progress is not None:
                progress(manifest.records[pair.name], True)
        if todo:
            with cluster() as (client, threads):
                ready = dataclasses.replace(fuser, threads=threads)
                for record in _results(client, ready, todo, folder):
                    manifest.append(record)
                    if progress is not None:
                        progress(record, False)
        return [manifest.records[pair.name] for pair in pairs]


def _results(
    client: Client, fuser: Fuser, todo: Sequence[FilePair], folder: Path
) -> Iterator[Record]:
    """Yield the line of each pair as soon as it is there."""
    from distributed import as_completed

    with warnings.catch_warnings():
        # 14 MB of weights, once: as a task's argument, they survive any worker.
        warnings.filterwarnings("ignore", "(?s).*large graph")
        shared = client.submit(_given, fuser, pure=False)
    absolute = [
        pair._replace(ir=os.path.abspath(pair.ir), vis=os.path.abspath(pair.vis))
        for pair in todo
    ]
    outputs = [str(folder / (pair.name + SUFFIX)) for pair in todo]
    futures = client.map(
        _work, [shared] * len(todo), absolute, outputs, pure=False, key="fuse"
    )
    pending: dict[Future, FilePair] = dict(zip(futures, todo, strict=True))
    del futures
    for future in as_completed(list(pending), raise_errors=False):
        pair = pending.pop(future)
        if future.status == "finished":
            record = future.result()
            yield record | {"inputs": {"ir": pair.ir, "vis": pair.vis}}
        elif future.status == "error":
            # The task itself does not raise: its worker died, again and again.
            record = describe_pair(pair, fuser.identity)
            yield record | {"error": _one_line(future.exception())}
        else:
            raise ClusterLost(
                f"the scheduler went away; {len(pending) + 1} pairs are not done, and "
                "the same command goes on with them"
            )


def _given(fuser: Fuser) -> Fuser:
    return fuser
