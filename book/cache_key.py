"""Drop the cache of executed notebooks when something they depend on has changed.

Jupyter Book keeps executed notebooks by the text of their cells only. What cells read
besides is in the key that :func:`execution_key` computes: the library, the stored
results, the pinned versions, and the weights, real pairs and reference files of this
machine. ``make book`` runs this file before each build.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Kept by Python and numba beside the sources; says nothing new.
COMPILED = {".pyc", ".nbi", ".nbc"}


def execution_key(root: Path = ROOT) -> str:
    """Return a digest of all that the notebooks read.

    Parameters
    ----------
    root : pathlib.Path
        The repository.

    Returns
    -------
    str
        SHA-256 of names and contents of the files, and of the weights' values.
    """
    digest = hashlib.sha256()
    folders = {
        "library": root / "fusionlib",
        "book": root / "book" / "fusionbook",
        "results": root / "book" / "results",
    }
    if reference := os.environ.get("FUSIONLIB_REFERENCE"):
        folders["reference"] = Path(reference)
    for part, folder in folders.items():
        for path in _files(folder):
            name = path.relative_to(folder).as_posix()
            _add(digest, f"{part}/{name}", path.read_bytes())
    _add(digest, "pyproject.toml", (root / "pyproject.toml").read_bytes())
    for path in _pairs():
        _add(digest, f"pairs/{path.name}", path.read_bytes())
    _add(digest, "weights", _weights())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files under a folder in one order, without compiled or hidden ones."""
    for path in sorted(folder.rglob("*")):
        hidden = path.name.startswith(".")
        if path.is_file() and path.suffix not in COMPILED and not hidden:
            yield path


def _pairs() -> Iterator[Path]:
    """Yield the files of the real pairs that are on this machine."""
    from fusionlib.data import data_dir, registry

    for name in sorted(registry()["files"]):
        if (path := data_dir() / name).is_file():
            yield path


def _weights() -> bytes:
    """Return which weights the notebooks get: name, origin, digest of the values."""
    from fusionlib.errors import InputError
    from fusionlib.vgg.weights import quiet_weights

    try:
        weights = quiet_weights()
    except InputError as error:  # the first notebook will say it
        return str(error).encode()
    return json.dumps([weights.label, weights.provenance], sort_keys=True).encode()


def _add(digest: hashlib._Hash, name: str, content: bytes) -> None:
    """Add a name and a content, so that neither can be taken for the other."""
    for part in (name.encode(), content):
        digest.update(len(part).to_bytes(8, "big") + part)


def refresh(cache: Path, key: str) -> bool:
    """Empty the cache unless it was filled under this key.

    Returns
    -------
    bool
        Whether what was in it stays.
    """
    note = cache / "key"
    if note.is_file() and note.read_text() == key:
        return True
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir(parents=True)
    note.write_text(key)
    return False


def main() -> int:
    """Refresh the cache of the repository and say what came of it."""
    kept = refresh(ROOT / ".jupyter_cache", execution_key())
    print("notebooks: as executed before" if kept else "notebooks: executed anew")
    return 0


if __name__ == "__main__":
    sys.exit(main())
