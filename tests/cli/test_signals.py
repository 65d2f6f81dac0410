"""What a signal leaves behind."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

#: The program, which stops between writing a file and giving it its name.
SCRIPT = """if True:
    import os, sys, time
    from fusionlib.cli import main

    def wait(*_):
        print("written", flush=True)
        time.sleep(60)

    os.replace = wait
    sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_between_write_and_rename_leaves_no_file(tmp_path, name):
    for file in ("a.png", "b.png"):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / file)
    command = [sys.executable, "-c", SCRIPT, "fuse", "a.png", "b.png", "-o", "out.png"]
    run = subprocess.Popen(
        [*command, "--method", "mean"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert run.stdout.readline() == "written\n"
    assert len(list(tmp_path.glob(".out-*.png"))) == 1
    run.send_signal(getattr(signal, name))
    _, error = run.communicate(timeout=60)
    assert error == "fusionlib: interrupted\n"
    assert run.returncode == 128 + getattr(signal, name)
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "b.png"}


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")
def test_a_signal_that_is_ignored_stays_so(tmp_path):
    """As under nohup."""
    script = """if True:
        import os, signal, sys
        from fusionlib.cli import main

        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        sys.stdout.flush = lambda: os.kill(os.getpid(), signal.SIGHUP)
        sys.exit(main(["methods"]))
    """
    done = subprocess.run([sys.executable, "-c", script], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
