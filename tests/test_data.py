"""Pairs: scenes that are always there, and real ones that are fetched and checked."""

import hashlib
import shutil

import pytest
from PIL import Image

from fusionlib import data
from fusionlib.cli import main
from fusionlib.data import list_pairs, load_pair, registry, scenes, verify
from fusionlib.errors import InputError
from fusionlib.images.io import read_image

from .support.odd_files import GREY


def test_registry_lists_the_42_files():
    expected = {f"{band}{n}.png" for band in ("IR", "VIS") for n in range(1, 22)}
    assert set(registry()["files"]) == expected
    assert all(len(digest) == 64 for digest in registry()["files"].values())


def test_the_real_data_matches_its_checksums(data_folder):
    assert set(verify().values()) == {"ok"}
    pair = load_pair(7)
    assert pair.real
    assert pair.infrared.shape == pair.visible.shape == (328, 595)
    assert load_pair("tno7").name == load_pair("7").name == "tno7"


def test_verify_sees_what_changed(data_folder, tmp_path, monkeypatch):
    for name in ("IR1.png", "VIS1.png"):
        shutil.copy(data_folder / name, tmp_path / name)
    (tmp_path / "VIS1.png").chmod(0o644)
    (tmp_path / "VIS1.png").write_bytes(b"changed")
    monkeypatch.setenv("FUSIONLIB_DATA", str(tmp_path))
    found = verify([1, 2])
    assert found == {
        "IR1.png": "ok",
        "VIS1.png": "changed",
        "IR2.png": "missing",
        "VIS2.png": "missing",
    }


def test_synthetic_pairs_are_always_there(clean_home):
    infos = list_pairs()
    scenes = [info for info in infos if not info.real]
    assert len(infos) - len(scenes) == 21
    assert all(info.available for info in scenes)
    assert not any(info.available for info in infos if info.real)
    pair = load_pair(scenes[0].name)
    assert pair.infrared.shape == pair.target_mask.shape
    assert "synthetic" in pair.title


def test_names_of_pairs_may_have_capitals():
    assert load_pair(" Street ").name == load_pair("street").name


def test_registry_and_scenes_are_not_shared():
    registry()["files"].clear()
    assert len(registry()["files"]) == 42
    scenes().clear()
    assert "street" in scenes()


def test_the_registry_of_vifb_lists_its_42_files():
    files = data.vifb_registry()["files"]
    names = [file.removeprefix("IR/") for file in files if file.startswith("IR/")]
    assert len(names) == 21
    assert set(files) == {f"{band}/{name}" for band in ("IR", "VI") for name in names}
    assert all(len(digest) == 64 for digest in files.values())


def test_vifb_matches_its_checksums(reference_folder, monkeypatch):
    monkeypatch.setenv("FUSIONLIB_DATA", str(reference_folder / "lrr"))  # no VIFB there
    assert set(verify(["vifb"]).values()) == {"ok"}
    assert len(verify(["vifb"])) == 42
    both = ["vifb/IR/carLight.jpg", "vifb/VI/carLight.jpg"]
    assert list(verify([" VIFB:carlight "])) == both
    names = [info.name for info in list_pairs() if info.name.startswith("vifb")]
    assert names == data.vifb_pairs()
    assert len(names) == 21
    pair = load_pair("VIFB:carlight")
    assert pair.name == "vifb:carLight"
    assert pair.infrared.shape == (460, 630)
    assert pair.visible.shape == (460, 630, 3)
    stored = read_image(reference_folder / "vifb/input/IR/carLight.jpg", colour=True)
    assert (pair.infrared == stored[..., 1]).all()


def test_a_clone_of_vifb_is_read_as_it_is(clean_home, tmp_path, monkeypatch):
    """One file has a name of its own there."""
    for name in ("IR/peopleShadow.jpg", "VI/peopleshadow.jpg"):
        path = tmp_path / "vifb" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(GREY).convert("RGB").save(path)
    monkeypatch.setenv("FUSIONLIB_DATA", str(tmp_path))
    assert data.vifb_pairs() == ["vifb:peopleshadow"]
    assert load_pair("vifb:peopleshadow").infrared.shape == GREY.shape
    assert set(verify(["vifb:peopleshadow"]).values()) == {"changed"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vifb:carlite", "did you mean .*carLight"),
        ("vifb:zzz", "there are carLight, carShadow,"),
        ("vifb", "there are carLight"),
        ("vifb:kettle", "fusionlib data fetch vifb:kettle"),
    ],
)
def test_pairs_of_vifb_that_cannot_be_loaded(clean_home, name, message):
    with pytest.raises(InputError, match=message):
        load_pair(name)


HUGE = pytest.param(10**5000, id="huge")


@pytest.mark.parametrize(
    "name", ["nowhere", 0, 22, "tno99", "", "9" * 5000, HUGE, None, 1.5]
)
def test_unknown_pairs_are_refused(name):
    with pytest.raises(InputError, match="pair must be a scene"):
        load_pair(name)


def test_pairs_that_were_not_fetched_say_how(clean_home):
    with pytest.raises(InputError, match="fusionlib data fetch 3"):
        load_pair(3)


def test_fetch_recovers_and_checks(clean_home, monkeypatch, tmp_path):
    """Served from a folder by file name, so that no network is needed."""
    import http.server
    import threading
    from functools import partial

    import pooch

    source = tmp_path / "server"
    source.mkdir()
    for name in ("IR1.png", "VIS1.png"):
        Image.fromarray(GREY).save(source / name)
    known = {f: pooch.file_hash(str(source / f)) for f in ("IR1.png", "VIS1.png")}
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(source))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake = {"files": known, "base_url": f"http://127.0.0.1:{server.server_port}/"}
    monkeypatch.setattr(data, "registry", lambda: fake)
    try:
        (source / "VIS1.png").rename(source / "away")
        with pytest.raises(InputError, match="fetching failed"):
            data.fetch([1])
        (source / "away").rename(source / "VIS1.png")
        data.fetch([1])
        assert set(verify([1]).values()) == {"ok"}
        (data.data_dir() / "IR1.png").write_bytes(b"half")
        assert verify([1])["IR1.png"] == "changed"
        data.fetch([1])
        assert set(verify([1]).values()) == {"ok"}
        names = sorted(path.name for path in data.data_dir().iterdir())
        assert names == ["IR1.png", "VIS1.png"]
    finally:
        server.shutdown()


def test_vifb_is_fetched_file_by_file(clean_home, local_server, monkeypatch, capsys):
    known, served = data.vifb_registry(), {}
    for file in ("IR/peopleshadow.jpg", "VI/peopleshadow.jpg"):
        served[known["renamed"].get(file, file)] = file.encode()
        known["files"][file] = hashlib.sha256(file.encode()).hexdigest()
    known["base_url"] = local_server.url
    local_server.files = served
    monkeypatch.setattr(data, "vifb_registry", lambda: known)
    assert main(["data", "fetch", "vifb:PeopleShadow"]) == 0
    out = capsys.readouterr().out
    assert str(data.vifb_dir()) in out
    assert "states no licence" in out
    assert main(["data", "verify", "vifb:peopleshadow"]) == 0
    assert main(["data", "verify", "vifb"]) == 1
    # The next call asks only for what is missing.
    (data.vifb_dir() / "VI" / "peopleshadow.jpg").unlink()
    del served["IR/peopleShadow.jpg"]
    assert main(["data", "fetch", "vifb:peopleshadow"]) == 0
    capsys.readouterr()
    assert main(["data", "fetch", "vifb:kettle"]) == 2
    assert "fetching failed: 127.0.0.1 answered 404" in capsys.readouterr().err
    assert main(["data", "fetch", "vifb:kettel"]) == 2
    assert "did you mean kettle" in capsys.readouterr().err


def test_pairs_are_exported_as_files(tmp_path, capsys):
    folder = tmp_path / "images"
    assert main(["data", "export", "Street", "-o", str(folder)]) == 0
    written = capsys.readouterr().out.split()
    street = load_pair("street")
    parts = ("infrared", "visible", "target_mask", "texture_mask")
    assert written == [str(folder / f"street_{part}.png") for part in parts]
    for part in parts:
        found = read_image(folder / f"street_{part}.png")
        assert abs(found - getattr(street, part)).max() < 1e-9
    assert main(["data", "export", "strete", "-o", str(folder)]) == 2
    assert main(["data", "export", "-o", str(tmp_path / "none" / "here")]) == 2
    assert "does not exist" in capsys.readouterr().err.splitlines()[-1]
    assert main(["data", "export", "-o", str(folder)]) == 0
    assert len(list(folder.glob("*_visible.png"))) == len(scenes())
