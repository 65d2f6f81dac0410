"""Work for tests of the runner, in a module that other processes can import.

As a program, it makes files in a folder: ``python -m tests.support.work FOLDER COUNT
WORKERS SECONDS``.
"""

import os
import signal
import sys
import time
from pathlib import Path

from fusionlib.evaluation.pools import Processes
from fusionlib.evaluation.runner import Item, Runner
from fusionlib.images.io import atomic_path


def make(path, text, seconds=0.0):
    """Write a file, and leave a mark beside the folder each time this is done."""
    with atomic_path(path) as temporary:
        temporary.write_text(text)
        time.sleep(seconds)
    with open(f"{Path(path).parent}.log", "a") as log:
        log.write(f"{Path(path).name}\n")
    return {"length": len(text)}


def make_items(folder, count, settings=None, seconds=0.0):
    folder = Path(folder).absolute()
    return [
        Item(f"{k}", {"text": f"text {k}"}, settings or {"code": 1}, (f"{k}.txt",),
             (folder / f"{k}.txt", f"text {k}", seconds))
        for k in range(count)
    ]  # fmt: skip


def die(path, times):
    """Be killed as often as asked, and then write a file."""
    with open(f"{path}.log", "a") as log:
        log.write("begun\n")
    if Path(f"{path}.log").read_text().count("begun") <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    path.write_text("alive")


def look(what):
    """Return what a worker sees of itself."""
    from fusionlib._compute import thread_budget

    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return {
        "threads": thread_budget(),
        "set": os.environ["OMP_NUM_THREADS"],
        "open": [os.readlink(link) for link in links if os.path.lexists(link)],
    }


def main():
    folder, count, workers, seconds = sys.argv[1:]
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    with Runner(folder) as runner:
        items = make_items(folder, int(count), seconds=float(seconds))
        runner.run(items, make, Processes(int(workers)))


if __name__ == "__main__":
    main()
