"""Gather what the lab page runs: the runtime from npm, and the network.

``make book`` calls this before Sphinx; ``book/_ext/book_build.py`` copies the result
to ``_static/lab/``. Without npm there is still a folder: ``lab-model.js`` in it says
why the page cannot run, and nothing else of the book depends on it.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "_build"
RUNTIME = "onnxruntime-web"
SCRIPT = "ort.wasm.min.js"
LOADER = "ort-wasm-simd-threaded.mjs"
WASM = "ort-wasm-simd-threaded.wasm"
NETWORK = "network.onnx"
#: The same for graphics cards. Loaded only over http, so not part of the bundle.
GRAPHICS = (
    "ort.webgpu.min.js",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)


class Unavailable(Exception):
    """Why the page cannot run, in a sentence for its reader."""


def build(output: Path = OUTPUT) -> dict[str, Any]:
    """Write the folder anew and return what ``model.json`` says."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".lab-") as temporary:
        folder = Path(temporary) / "lab"
        folder.mkdir()
        try:
            model = _fill(folder)
        except Unavailable as reason:
            shutil.rmtree(folder)
            model = missing(folder, str(reason))
        shutil.rmtree(output, ignore_errors=True)
        folder.rename(output)
    return model


def missing(folder: Path, reason: str) -> dict[str, Any]:
    """Write a folder that only says why the page cannot run."""
    folder.mkdir(parents=True, exist_ok=True)
    return _write_model(folder, {"available": False, "reason": reason})


def _fill(folder: Path) -> dict[str, Any]:
    dist = _install() / RUNTIME / "dist"
    for name in (SCRIPT, LOADER, WASM, *GRAPHICS):
        shutil.copy(dist / name, folder / name)
    record = _export(folder / NETWORK)
    parts = {"ort": SCRIPT, "wasm": WASM, "mjs": LOADER, "model": NETWORK}
    packed = {
        key: base64.b64encode(
            gzip.compress((folder / name).read_bytes(), 9, mtime=0)
        ).decode()
        for key, name in parts.items()
    }
    (folder / "bundle.js").write_text(
        f"globalThis.__fusionlibLabBundle = {json.dumps(packed)};\n"
    )
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    version = json.loads((dist.parent / "package.json").read_text())["version"]
    return _write_model(
        folder,
        {"available": True}
        | {key: value for key, value in record.items() if key not in ("path", "bytes")}
        | {"runtime": f"{RUNTIME} {version}", "bytes": sizes},
    )


def _write_model(folder: Path, model: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(model, indent=2)
    (folder / "model.json").write_text(text + "\n")
    (folder / "lab-model.js").write_text(f"globalThis.__fusionlibLabModel = {text};\n")
    return model


def _install() -> Path:
    """Return the folder ``node_modules``, filled as the lock file says."""
    modules = HERE / "node_modules"
    stamp = modules / ".fusionlib-lock"
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == lock:
        return modules
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is not installed on the machine that built the book")
    try:
        done = subprocess.run(
            [npm, "ci"], cwd=HERE, stdin=subprocess.DEVNULL, timeout=300,
            capture_output=True, text=True,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        raise Unavailable(
            "npm did not answer on the machine that built the book"
        ) from None
    if done.returncode:
        # Its own words name addresses and folders: they are for the builder only.
        print(done.stderr, file=sys.stderr)
        raise Unavailable(
            f"npm could not install {RUNTIME} on the machine that built the book"
        )
    stamp.write_text(lock)
    return modules


def _export(path: Path) -> dict[str, Any]:
    """Write the network with the weights that the book is built with."""
    from fusionlib.errors import InputError
    from fusionlib.vgg.onnx import export_onnx
    from fusionlib.vgg.weights import quiet_weights

    try:
        weights = quiet_weights()  # the page itself names them
        record = export_onnx(weights, path, quantize="int8")
        return record | {"weights": record["weights"] | {"label": weights.label}}
    except InputError as error:
        raise Unavailable(f"the network could not be exported: {error}") from None


def main() -> int:
    """Build, and say in one line what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT)
    output = parser.parse_args().output
    model = build(output)
    if model["available"]:
        print(f"lab page: {model['runtime']}, weights {model['weights']['label']}")
    else:
        print(f"lab page: not available, {model['reason']}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
