"""Fixtures: where the real data is, and visible skips where it is not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

# Processes that run at once share the cores: more threads than these wait for each
# other, and all takes several times as long. Before numpy and torch start theirs.
if WORKERS := int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 0)):
    SHARE = max(1, (os.cpu_count() or 1) // WORKERS)
    os.environ.setdefault("OMP_NUM_THREADS", str(SHARE))

import numpy as np
import pytest
from hypothesis import settings

from .support.missing import missing

# A run in the background may have been told to ignore Ctrl-C, and what it starts too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples in every run: a test is green everywhere or red everywhere.
settings.register_profile("same", derandomize=True)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def the_same_settings_afterwards():
    """No test changes what later ones of the same process see."""

    def ours() -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if k.startswith("FUSIONLIB_")}

    before = ours()
    yield
    assert ours() == before


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with IR1.png .. VIS21.png: FUSIONLIB_DATA, or what was fetched."""
    from fusionlib.data import NUMBERS, data_dir, real_pairs

    if len(real_pairs()) < len(NUMBERS):
        missing("DATA", f"the 21 real pairs are not in {data_dir()}")
    return data_dir()


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    """The folder with the authors' fused images and the tables."""
    folder = os.environ.get("FUSIONLIB_REFERENCE")
    if not folder or not Path(folder).exists():
        pytest.skip("FUSIONLIB_REFERENCE is not set or does not exist")
    return Path(folder)


@pytest.fixture(scope="session")
def oxford():
    """Weights of the Oxford release: FUSIONLIB_WEIGHTS, or what was fetched."""
    from fusionlib.vgg.weights import cached_path, quiet_weights

    named = os.environ.get("FUSIONLIB_WEIGHTS")
    if not named and not cached_path("oxford").is_file():
        missing("DATA", "neither FUSIONLIB_WEIGHTS is set nor oxford fetched")
    weights = quiet_weights(named or "oxford")  # the file may be partial
    if weights.kind != "paper":
        missing("DATA", f"FUSIONLIB_WEIGHTS={named} are not the paper's weights")
    return weights


@pytest.fixture(scope="session")
def seeded():
    """Random weights, the same everywhere."""
    from fusionlib.vgg.weights import seeded_weights

    return seeded_weights()


@pytest.fixture
def clean_home(tmp_path, monkeypatch):
    """A home without caches, and no FUSIONLIB_ variables."""
    for variable in ("FUSIONLIB_DATA", "FUSIONLIB_WEIGHTS", "FUSIONLIB_REFERENCE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def local_server():
    """A server on this machine, which can do what a bad network does."""
    from .support import local_servers

    server = local_servers.LocalServer()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def refusing_url():
    """An address that refuses every connection."""
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/"


def psnr(a, b) -> float:
    """Peak signal-to-noise ratio in dB for images in [0, 1]."""
    return float(10 * np.log10(1 / np.mean((np.asarray(a) - np.asarray(b)) ** 2)))


#: Pixels of one 8-bit image that may differ between two runs of the network, on other
#: processors or with another number of threads, each by one level.
PIXELS_OF_AN_IMAGE = 3


def assert_same_image(found, expected) -> None:
    """Assert that 8-bit images are equal but for the order of floating-point sums."""
    found, expected = (np.asarray(image) for image in (found, expected))
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype == np.uint8
    difference = np.abs(found.astype(int) - expected)
    assert difference.max() <= 1
    assert np.count_nonzero(difference) <= PIXELS_OF_AN_IMAGE
