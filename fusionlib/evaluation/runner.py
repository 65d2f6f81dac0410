"""Work on many items that can be stopped and killed at any time, and then goes on.

A :class:`Runner` owns a folder: the files that the items make, and one line for each
finished item in ``manifest.jsonl``. A line holds everything that decided the result
(digests of the inputs, and settings: code, parameters, weights, arithmetic), and the
digests of the files that were made. An item whose line says the same is not done
again. Only the process that owns the folder writes the manifest, one whole line at a
time, and files appear whole or not at all.

Where the work is done is a :class:`~fusionlib.evaluation.pools.Pool`: in this process,
on processes of this machine (:class:`~fusionlib.evaluation.pools.Processes`), or on a
cluster (:class:`~fusionlib.evaluation.cluster.Cluster`).

Examples
--------
::

    settings = {"code": code_digest("fusion"), "lam": 5}
    items = [Item("a", {"source": file_digest(path)}, settings, files=("a.png",),
                  arguments=(path, folder / "a.png"))]
    with Runner(folder) as runner:
        runner.check_settings({"": settings})
        records = runner.run(items, work, Processes(4))
        write_csv(folder / "table.csv", [record["value"] for record in records])
"""

from __future__ import annotations

import contextlib
import csv
import functools
import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..errors import InputError, describe, reason
from ..images.io import (
    append_line,
    atomic_path,
    check_file,
    check_output,
    file_digest,
    look_at,
    remove_unfinished,
)
from .pools import Pool, Unfinished

__all__ = [
    "CODE",
    "Item",
    "Record",
    "Runner",
    "array_digest",
    "code_digest",
    "differences",
    "progress_bar",
    "read_manifest",
    "write_csv",
]

#: A line of the manifest. It has ``name``, ``group``, ``inputs``, ``settings`` as in
#: :class:`Item`; ``result``, "done" or "failed"; ``error``, why it failed; ``files``,
#: the digest of each; ``value``, what the work returned; ``seconds``; ``version``.
Record = dict[str, Any]

Progress = Callable[[Record, bool], None]

_FUSION = (
    "_compute.py", "activity.py", "config.py", "data.py", "decomposition.py",
    "features.py", "fusion.py", "images", "vgg", "weight_maps.py",
)  # fmt: skip

#: Which parts of the library decide the result of a step.
CODE = {
    "fusion": _FUSION,
    "baselines": (*_FUSION, "_registry.py", "baselines"),
    "metrics": ("_compute.py", "_registry.py", "data.py", "images", "metrics"),
}


@functools.cache
def code_digest(*steps: str) -> str:
    """Return a digest of the parts of the library that decide the result of steps.

    Parameters
    ----------
    *steps : str
        Keys of :data:`CODE`, or paths within the library.
    """
    library = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for part in sorted({part for step in steps for part in CODE.get(step, (step,))}):
        for path in sorted({library / part, *(library / part).rglob("*")}):
            if path.is_file() and "__pycache__" not in path.parts:
                name = path.relative_to(library).as_posix()
                digest.update(f"{name} {file_digest(path)}\n".encode())
    return digest.hexdigest()


def array_digest(*arrays: NDArray[Any] | None) -> str:
    """Return a digest of arrays, with their shapes and types; some may be missing."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none")
        else:
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Item:
    """One piece of work.

    Attributes
    ----------
    name : str
        What to call it; no two items of a folder have the same name.
    inputs : mapping
        What else decides the result and belongs to this item alone, such as digests of
        its files. Like ``settings``, something that JSON can hold.
    settings : mapping
        What decides the result and should be the same for all items of a group.
    files : tuple of str
        The files that the work writes, relative to the folder.
    arguments : tuple
        What the work is called with.
    group : str
        Items of one group are averaged.
    """

    name: str
    inputs: Mapping[str, Any]
    settings: Mapping[str, Any]
    files: tuple[str, ...] = ()
    arguments: tuple[Any, ...] = ()
    group: str = ""

    @property
    def key(self) -> Record:
        """Everything that decides the result, as JSON gives it back."""
        names = ("name", "group", "inputs", "settings")
        return json.loads(json.dumps({name: getattr(self, name) for name in names}))


def _attempt(
    work: Callable[..., Any],
    folder: Path,
    arguments: tuple[Any, ...],
    files: tuple[str, ...],
) -> Record:
    """Work on an item; any error belongs to the item, and not to the whole run."""
    start = time.perf_counter()
    record: Record = {"result": "failed", "error": None, "files": {}, "value": None}
    try:
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
        record["value"] = work(*arguments)
        record |= {"files": _digests(folder, files), "result": "done"}
    except Exception as error:
        record["error"] = describe(error)
    return record | {"seconds": round(time.perf_counter() - start, 6)}


def _digests(folder: Path, files: Sequence[str]) -> dict[str, str]:
    return {file: file_digest(folder / file) for file in files}


#: What every line of a manifest has, at least.
_FORM = {
    "name": str, "group": str, "result": str, "inputs": dict, "settings": dict,
    "files": dict,
}  # fmt: skip


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, Record]:
    """Return the last line of each item in a folder's manifest, by name.

    A last line without its end, which is being written or was cut off by a crash, is
    left out. Other lines that are damaged are passed over with a warning.

    Parameters
    ----------
    folder : path-like
        The folder; without a manifest, there are no records.

    Raises
    ------
    InputError
        If the manifest is something that cannot be read: a folder, a FIFO.
    """
    path = Path(folder, "manifest.jsonl")
    if look_at(path, "manifest") is None and not path.is_symlink():
        return {}
    content = check_file(path, "manifest").read_bytes()
    records, damaged = {}, []
    whole = content[: content.rfind(b"\n") + 1]
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            record = json.loads(line.decode("utf-8", "surrogateescape"))
            if any(not isinstance(record[key], kind) for key, kind in _FORM.items()):
                raise ValueError
            records[record["name"]] = record
        except (ValueError, TypeError, KeyError, RecursionError):
            damaged.append(number)
    if damaged:
        warnings.warn(
            f"{path}: {len(damaged)} damaged lines are passed over, the first is "
            f"line {damaged[0]}",
            stacklevel=2,
        )
    return records


def differences(theirs: Any, ours: Any, name: str = "") -> list[str]:
    """Return in words what differs between two settings.

    Parameters
    ----------
    theirs, ours : mapping
        The settings. Of long values, such as digests, the beginning is given.

    Returns
    -------
    list of str
        One for each value that differs: ``"lam 5.0 instead of 6.0"``.
    """
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        keys = dict.fromkeys([*theirs, *ours])
        pairs = [(key, theirs.get(key), ours.get(key)) for key in keys]
        return [w for k, a, b in pairs for w in differences(a, b, f"{name} {k}")]
    if theirs == ours:
        return []
    texts = [str(theirs), str(ours)]
    first, second = (text if len(text) < 40 else f"{text[:12]}..." for text in texts)
    return [f"{name.strip()} {first} instead of {second}"]


class Runner:
    """A folder of results that one process at a time works in.

    Use it as a context manager: it locks the folder, and a killed process leaves no
    lock behind.

    Parameters
    ----------
    folder : path-like
        The folder; it is made if it is not there.

    Attributes
    ----------
    folder : pathlib.Path
        The same, absolute.
    records : dict of str to dict
        The last line of each item in the manifest.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        look_at(folder, "output")
        self.folder = Path(os.path.abspath(folder))
        self.records: dict[str, Record] = {}
        self._manifest = self.folder / "manifest.jsonl"

    def __enter__(self) -> Runner:
        """Lock the folder, and read what is done.

        Raises
        ------
        InputError
            If the folder cannot be written, another process works in it, or its
            manifest cannot be read.
        """
        with contextlib.ExitStack() as stack:
            stack.enter_context(_locked(self.folder))
            check_output(self._manifest)
            self.records = read_manifest(self.folder)
            if self._manifest.exists():  # cut off a line that a crash left torn
                content = self._manifest.read_bytes()
                os.truncate(self._manifest, content.rfind(b"\n") + 1)
            self._lock = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def has_done(self, item: Item) -> bool:
        """Return whether an item was done with this key, and its files are the same."""
        record = self.records.get(item.name, {})
        return (
            record.get("result") == "done"
            and all(record[field] == value for field, value in item.key.items())
            and set(record["files"]) == set(item.files)
            and self.has_files(record)
        )

    def has_files(self, record: Record) -> bool:
        """Return whether the files of a record are still there as they were made."""
        try:
            return record["files"] == _digests(self.folder, record["files"])
        except OSError:
            return False

    def check_settings(
        self, settings: Mapping[str, Mapping[str, Any]], shared: Sequence[str] = ()
    ) -> None:
        """Refuse to average what was made differently.

        Parameters
        ----------
        settings : mapping of str to mapping
            For each group of what is to be done, the settings of its items.
        shared : sequence of str, optional
            Settings in which even items of different groups must agree.

        Raises
        ------
        InputError
            If results are there that were made with other settings; it says with which.
        """
        wanted: dict[str, Record] = json.loads(json.dumps(settings))
        common = {name: ours[name] for ours in wanted.values() for name in shared}
        for record in self.records.values():
            if record["result"] != "done":
                continue
            theirs = record["settings"]
            also = {name: ours for name, ours in common.items() if name in theirs}
            ours = wanted.setdefault(record["group"], theirs | also)
            if found := differences(theirs, ours):
                raise InputError(
                    f"output: {self.folder} holds {record['name']}, made with other "
                    f"settings ({', '.join(found)}); choose another folder"
                )

    def run(
        self,
        items: Sequence[Item],
        work: Callable[..., Any],
        pool: Pool | None = None,
        progress: Progress | None = None,
    ) -> list[Record]:
        """Do the items that are not done.

        Parameters
        ----------
        items : sequence of Item
            What to do.
        work : callable
            Called with the arguments of each item, possibly in another process. It
            returns something that JSON can hold. If it raises an exception, its item
            has failed, and the others go on.
        pool : Pool, optional
            Where to work; in this process by default.
        progress : callable, optional
            Called with the record of each item, and whether it was done before.

        Returns
        -------
        list of dict
            The record of each item, in the order of ``items``.

        Raises
        ------
        InputError
            If the manifest cannot be written, for instance on a full disk.
        """
        todo = []
        for item in items:
            if not self.has_done(item):
                todo.append(item)
            elif progress is not None:
                progress(self.records[item.name], True)
        files = [self.folder / file for item in items for file in item.files]
        remove_unfinished(files)
        calls = [(item.arguments, item.files) for item in todo]
        results = (pool or Pool()).map(
            functools.partial(_attempt, work, self.folder), calls
        )
        try:
            with contextlib.closing(results):
                for index, result in results:
                    record = self._record(todo[index], result)
                    if progress is not None:
                        progress(record, False)
        finally:
            remove_unfinished(files)
        return [self.records[item.name] for item in items]

    def _record(self, item: Item, result: Record | Unfinished) -> Record:
        """Append the line of an item; on return, it is on the disk."""
        if isinstance(result, Unfinished):
            result = {"result": "failed", "error": describe(result), "files": {}}
        record = item.key | result | {"version": __version__}
        line = json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
        append_line(self._manifest, line.encode("utf-8", "surrogateescape"))
        self.records[item.name] = record
        return record


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"output: cannot make folder {folder} ({reason(error)})"
        ) from None
    with open(check_output(folder / ".lock"), "a+") as file:
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
                f"output: another process ({file.read().strip() or 'unknown'}) is "
                f"writing into {folder}"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]], note: str = "") -> None:
    """Write a table, whole or not at all.

    Parameters
    ----------
    path : pathlib.Path
        Where to write it.
    rows : sequence of mapping
        Its lines, all with the keys of the first; nothing is written without any.
    note : str, optional
        A first line, a comment that says where the table is from.
    """
    if not rows:
        return
    remove_unfinished([path])
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
        if note:
            file.write(f"{note}\n")
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@contextlib.contextmanager
def progress_bar(total: int, unit: str, shown: bool) -> Iterator[Progress]:
    """Give what :meth:`Runner.run` calls for each item, to show a bar on stderr."""
    from tqdm import tqdm

    with tqdm(total=total, unit=unit, disable=not shown) as bar:
        yield lambda record, before: bar.update()
