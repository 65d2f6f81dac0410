"""Downloads that end: bounded in time and size, checked, with nothing half done.

Files are written into a temporary folder beside the place where they will be, checked
there, and moved by the caller. What a killed process left is deleted by the next call.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from .errors import InputError, reason
from .images.io import file_digest

_PREFIX = ".fusionlib-download-"

#: Seconds to wait for a connection, for the first byte, and for the next bytes.
CONNECT_SECONDS, FIRST_SECONDS, NEXT_SECONDS = 5.0, 10.0, 30.0

#: Seconds between the two tries.
PAUSE_SECONDS = 1.0

#: Seconds that pip gets to start, to read its indexes, and to send the first byte.
PIP_SECONDS = 30.0

#: A download that is slower than this in the mean is given up.
SLOWEST_BYTES_PER_SECOND = 50_000


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Give a temporary folder inside another one, and delete it at the end.

    Temporary folders that killed processes left there are deleted first, unless
    another process is downloading into the same place just now.

    Parameters
    ----------
    folder : pathlib.Path
        Where the files will be in the end; it is made if it is not there.

    Yields
    ------
    pathlib.Path
        Where to download.

    Raises
    ------
    InputError
        If the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked_and_swept(folder):
            temporary = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
            try:
                yield temporary
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise InputError(f"cannot write in folder {folder} ({reason(error)})") from None


@contextlib.contextmanager
def _locked_and_swept(folder: Path) -> Iterator[None]:
    """Share a lock on a folder; who gets it alone first deletes what was left there.

    Where folders cannot be locked, nothing is deleted.
    """
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in folder.glob(f"{_PREFIX}*"):
                shutil.rmtree(left, ignore_errors=True)
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def has_hash(path: Path, known_hash: str) -> bool:
    """Return whether a file has a checksum, ``sha256:...`` or ``md5:...``."""
    algorithm, _, expected = known_hash.rpartition(":")
    return file_digest(path, algorithm or "sha256") == expected


def host(url: str) -> str:
    """Return the host of an address, for messages."""
    return urlsplit(url).hostname or url


def download(
    url: str, path: Path, *, known_hash: str, size: int, progress: bool = False
) -> None:
    """Download one file and check it.

    One try; a second one only if the server answers that it has a fault of its own
    (a status of 500 or more), or if the transfer breaks off, which is then continued.

    Parameters
    ----------
    url : str
        An http or https address.
    path : pathlib.Path
        Where to write it.
    known_hash : str
        ``sha256:`` or ``md5:`` and the hexadecimal digits.
    size : int
        The largest number of bytes that is accepted.
    progress : bool, optional
        Show a progress bar on stderr.

    Raises
    ------
    InputError
        If the host cannot be reached or refuses, sends too much, is too slow, or the
        checksum is wrong.
    """
    for tries_left in (1, 0):
        transfer = _Transfer(url, path, size)
        transfer.start()
        try:
            in_time = _watch(
                transfer.step, FIRST_SECONDS, size, host(url) if progress else ""
            )
        finally:
            transfer.is_given_up = True
        if not in_time:
            raise InputError(f"{host(url)} does not answer, or is too slow")
        if transfer.error is None:
            break
        if not (tries_left and transfer.may_pass):
            raise InputError(transfer.message)
        time.sleep(PAUSE_SECONDS)
    if not has_hash(path, known_hash):
        raise InputError(f"what {host(url)} sent has a wrong checksum")


class _Transfer(threading.Thread):
    """One transfer in a thread of its own, so that it can be given up at any moment.

    No timeout of a socket covers a host with many addresses that all keep silent, or
    a server that sends a byte now and then.
    """

    def __init__(self, url: str, path: Path, size: int) -> None:
        super().__init__(daemon=True)
        self.url, self.path, self.size = url, path, size
        self.received = 0
        self.error: Exception | None = None
        self.is_given_up = False

    def run(self) -> None:
        try:
            self._transfer()
        except Exception as error:  # told in the thread that waits
            self.error = error

    def _transfer(self) -> None:
        import requests

        here = self.path.stat().st_size if self.path.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if here:
            headers["Range"] = f"bytes={here}-"
        with requests.get(
            self.url,
            headers=headers,
            stream=True,
            timeout=(CONNECT_SECONDS, NEXT_SECONDS),
        ) as response:
            response.raise_for_status()
            continued = response.status_code == 206
            self.received = here if continued else 0
            announced = int(response.headers.get("Content-Length", 0))
            self._check_size(self.received + announced)
            with self.path.open("ab" if continued else "wb") as file:
                for chunk in response.iter_content(2**16):
                    self._check_size(self.received + len(chunk))
                    if self.is_given_up:
                        return
                    file.write(chunk)
                    self.received += len(chunk)

    def _check_size(self, size: int) -> None:
        if size > self.size:
            raise InputError(
                f"{host(self.url)} sends more than the {self.size} bytes that are "
                "expected"
            )

    def step(self, seconds: float) -> int | None:
        """Wait, and return how many bytes are here, or None when it is over."""
        self.join(seconds)
        return self.received if self.is_alive() else None

    @property
    def may_pass(self) -> bool:
        """Whether the error may be gone at the next try."""
        response = getattr(self.error, "response", None)
        if response is not None:
            return response.status_code >= 500
        import requests

        broken_off = isinstance(self.error, requests.RequestException)
        return broken_off and self.received > 0

    @property
    def message(self) -> str:
        """The error in a few words that name the host."""
        import requests

        error, name = self.error, host(self.url)
        response = getattr(error, "response", None)
        if response is not None:
            return f"{name} answered {response.status_code} {response.reason}"
        if isinstance(error, requests.exceptions.SSLError):
            return f"no secure connection to {name}"
        if isinstance(error, requests.exceptions.ProxyError):
            return f"no connection to {name} through the proxy"
        if isinstance(error, requests.Timeout):
            return f"{name} does not answer"
        if isinstance(error, requests.RequestException) and self.received:
            return f"the transfer from {name} broke off"
        if isinstance(error, requests.ConnectionError):
            return f"no connection to {name}"
        return reason(error) if error else ""


def _watch(
    step: Callable[[float], int | None],
    first_seconds: float,
    size: int,
    title: str,
) -> bool:
    """Wait for a download; return False if it keeps silent or is too slow.

    ``step`` waits for that many seconds at most, and returns how many bytes have come,
    or None when the download is over. ``first_seconds`` is the time until the first
    byte, ``size`` all bytes; without a title there is no progress bar.
    """
    from tqdm import tqdm

    start = time.monotonic()
    shown = {"desc": title, "disable": not title, "leave": False}
    with tqdm(total=size, unit="B", unit_scale=True, **shown) as bar:
        while (here := step(0.1)) is not None:
            bar.update(min(here, size) - bar.n)
            limit = first_seconds + here / SLOWEST_BYTES_PER_SECOND
            if time.monotonic() - start > limit:
                return False
    return True


def pip_download(
    requirement: str,
    path: Path,
    *,
    known_hash: str,
    size: int,
    progress: bool = False,
) -> None:
    """Let pip download one wheel, with the user's own settings, and check it.

    Only a wheel is taken, and nothing of it is installed or run.

    Parameters
    ----------
    requirement : str
        Name and version, as ``name==1.0``.
    path : pathlib.Path
        Where to write it. Temporary files lie beside it.
    known_hash, size, progress
        As for :func:`download`.

    Raises
    ------
    InputError
        If there is no pip, pip fails or is too slow, or the checksum is wrong.
    """
    temporary = path.parent / "pip"
    wheels, log = temporary / "wheels", path.parent / "pip.log"
    wheels.mkdir(parents=True)
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps"]
    command += ["--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
    command += ["--timeout=10", "--retries=1", "--progress-bar=off", "--no-color"]
    command += ["--dest", str(wheels), requirement]
    places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | places,
            )
    except (OSError, TypeError):  # TypeError: no path of the interpreter is known
        raise InputError("this Python cannot be started again to run pip") from None

    def step(seconds: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return _bytes_in(temporary) if process.returncode is None else None

    try:
        in_time = _watch(step, PIP_SECONDS, size, requirement if progress else "")
    finally:
        process.kill()
        process.wait()
    if not in_time:
        raise InputError("pip gets no answer, or is too slow")
    found = list(wheels.iterdir())
    if process.returncode or len(found) != 1:
        raise InputError(_pip_message(log.read_text("utf-8", errors="replace")))
    if not has_hash(found[0], known_hash):
        raise InputError(f"what pip got for {requirement} has a wrong checksum")
    found[0].replace(path)


def _bytes_in(folder: Path) -> int:
    """Return how many bytes the files in a folder hold, as far as they can be seen."""
    total = 0
    for place, _, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(OSError):
                total += os.stat(os.path.join(place, file)).st_size
    return total


def _pip_message(output: str) -> str:
    """Say in one sentence why pip failed."""
    if "No module named pip" in output:
        return "this Python has no pip ('python -m ensurepip' adds it)"
    if "after connection broken" in output:
        return "pip gets no connection to a package index"
    errors = [line for line in output.splitlines() if line.startswith("ERROR: ")]
    words = errors[-1].removeprefix("ERROR: ") if errors else "it gave no reason"
    return f"pip failed: {words}"
