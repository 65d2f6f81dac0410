"""Executed notebooks are kept only while nothing that they read has changed."""

import shutil
from pathlib import Path

import pytest

from fusionlib.vgg.weights import cached_path, import_weights, seeded_weights

from ..support.files import load_script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cache_key():
    return load_script(ROOT / "book" / "cache_key.py")


@pytest.fixture
def key(cache_key, clean_home):
    """The key of a small repository on a machine without weights and data."""
    root = clean_home / "repository"
    (root / "fusionlib" / "cli").mkdir(parents=True)
    (root / "fusionlib" / "fusion.py").write_text("alpha = 1\n")
    (root / "fusionlib" / "cli" / "__init__.py").write_text("")
    (root / "book" / "results").mkdir(parents=True)
    (root / "book" / "results" / "ablation.csv").write_text("a,b\n")
    (root / "pyproject.toml").write_text("[project]\n")
    return lambda: cache_key.execution_key(root)


def put_weights(folder, seed):
    """Keep random weights under a trained network's name, as a fetch would."""
    from safetensors.numpy import save_file

    file = folder / f"weights-{seed}.safetensors"
    save_file(dict(seeded_weights(seed).arrays), file)
    shutil.copy(import_weights(file), cached_path("vgg16"))


def test_the_same_twice_and_from_another_place(key, clean_home, cache_key):
    before = key()
    assert key() == before
    shutil.move(clean_home / "repository", clean_home / "moved")
    assert cache_key.execution_key(clean_home / "moved") == before


def test_compiled_files_do_not_matter(key, clean_home):
    before = key()
    folder = clean_home / "repository" / "fusionlib" / "__pycache__"
    folder.mkdir()
    for name in ("fmi.count-12.py311.nbi", "fmi.count-12.1.nbc", "fusion.cpython.pyc"):
        (folder / name).write_bytes(b"compiled")
    assert key() == before


@pytest.mark.parametrize(
    "name", ["fusionlib/fusion.py", "book/results/ablation.csv", "pyproject.toml"]
)
def test_contents_matter(key, clean_home, name):
    before = key()
    with (clean_home / "repository" / name).open("a") as file:
        file.write("# changed\n")
    assert key() != before


def test_names_matter(key, clean_home):
    before = key()
    folder = clean_home / "repository" / "fusionlib"
    (folder / "fusion.py").rename(folder / "fusing.py")
    assert key() != before


def test_weights_in_the_cache_matter_by_their_values(key, clean_home):
    keys = [key()]
    for seed in (1, 2):
        put_weights(clean_home, seed)
        keys.append(key())
    assert len(set(keys)) == 3
    put_weights(clean_home, 1)
    assert key() == keys[1]


def test_named_weights_matter_by_their_values(key, clean_home, monkeypatch):
    put_weights(clean_home, 1)
    before = key()
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", "seeded:2")
    assert key() != before
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", "vgg16")
    assert key() == before


def test_damaged_weights_have_a_key_too(key, clean_home):
    before = key()
    put_weights(clean_home, 1)
    cached_path("vgg16").write_bytes(b"damaged")
    assert key() != before


@pytest.mark.parametrize("variable", ["FUSIONLIB_DATA", "FUSIONLIB_REFERENCE"])
def test_files_of_this_machine_matter(key, clean_home, monkeypatch, variable):
    before = key()
    folder = clean_home / "folder"
    folder.mkdir()
    monkeypatch.setenv(variable, str(folder))
    assert key() == before
    (folder / "IR1.png").write_bytes(b"an image")
    there = key()
    assert there != before
    (folder / "IR1.png").write_bytes(b"another image")
    assert key() not in (before, there)


def test_a_cache_is_kept_only_under_its_key(cache_key, tmp_path):
    cache = tmp_path / "cache"
    assert not cache_key.refresh(cache, "one")
    (cache / "executed").write_text("chapter")
    assert cache_key.refresh(cache, "one")
    assert (cache / "executed").is_file()
    assert not cache_key.refresh(cache, "two")
    assert not (cache / "executed").exists()
