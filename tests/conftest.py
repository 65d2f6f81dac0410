"""Fixtures: where the real data is, and visible skips where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).exists():
        pytest.skip(f"{variable} is not set or does not exist")
    return Path(value)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with IR1.png .. VIS21.png."""
    folder = _folder("FUSIONLIB_DATA")
    if not (folder / "IR1.png").is_file():
        pytest.skip(f"FUSIONLIB_DATA={folder} holds no IR1.png")
    return folder


@pytest.fixture(scope="session")
def reference_folder() -> Path:
    """The folder with the authors' fused images and the tables."""
    return _folder("FUSIONLIB_REFERENCE")


@pytest.fixture(scope="session")
def oxford():
    """Weights of the Oxford release, as FUSIONLIB_WEIGHTS names them."""
    from fusionlib.weights import load_weights

    path = _folder("FUSIONLIB_WEIGHTS")
    with pytest.warns() if "partial" in _stem(path) else _nothing():
        return load_weights(path)


def _stem(path: Path) -> str:
    found = next(path.glob("*.safetensors"), path) if path.is_dir() else path
    return found.stem


def _nothing():
    import contextlib

    return contextlib.nullcontext()


@pytest.fixture(scope="session")
def seeded():
    """Random weights, the same everywhere."""
    from fusionlib.weights import seeded_weights

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
    from . import local_servers

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
