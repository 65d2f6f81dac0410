"""The golden and core tests on several machines: ``make test-machines``.

PyTorch, oneDNN, MKL, NumPy, OpenBLAS, numba and the C library choose their code by what
the processor can do, and by environment variables that hide some of it. So one machine
can stand for older ones. This script runs the tests on each such machine, prints what
each library really chose, runs chapters 1 to 6 on the oldest, and ends with a table of
the largest differences from the golden values::

    python tests/machines.py                                 # all machines
    python tests/machines.py --csv book/results/machines.csv # keep the table as well

A machine that this processor cannot stand for is skipped, with the reason.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

# The golden values, and the tests of everything between the sources and the fused
# image and of the metrics: what the contract speaks of. Left out are the other methods,
# files, command line, explorers and pages, which add minutes and no other arithmetic;
# fusing the authors' pairs, which takes minutes where no vector is wider than SSE4; of
# the metrics, properties (the golden values hold their arithmetic) and a second image
# of each scene.
TESTS = [
    f"tests/{name}.py"
    for name in (
        "test_golden", "test_decomposition", "test_features", "vgg/test_winograd",
        "vgg/test_bands", "test_activity", "test_weight_maps", "test_fusion",
        "metrics/test_analytic", "metrics/test_published",
    )
]  # fmt: skip
TESTS += [
    f"--deselect=tests/test_fusion.py::test_{name}"
    for name in (
        "released_preset_reproduces_the_authors_images",
        "after_the_relu_the_authors_images_are_further_away",
    )
]
TESTS += ["-k", "not (metrics_of_identical_images and released)"]

CHAPTERS = [str(p) for p in sorted((ROOT / "notebooks").glob("0[1-6]_*.ipynb"))]
# Files of tests, or notebooks, two at a time.
TWO = ["-n", "2", "--dist", "loadfile"]
NBVAL = ["--nbval-lax", "--nbval-cell-timeout=600", "--nbval-kernel-name=python3"]


@dataclass(frozen=True)
class Machine:
    """A simulated machine.

    Attributes
    ----------
    name : str
        For the table.
    threads : int
        Of every library.
    needs : tuple of str
        What the processor must be able to do, in NumPy's names.
    hides : str
        Pattern of the features that NumPy must not use.
    torch : str or None
        What PyTorch then calls its own capability.
    settings : dict
        Environment variables of the other libraries.
    """

    name: str
    threads: int
    needs: tuple[str, ...] = ()
    hides: str | None = None
    torch: str | None = None
    settings: dict[str, str] = field(default_factory=dict)


#: From the oldest on. MKL obeys the first of its variables on Intel processors, and the
#: second on all. oneDNN's AVX512_CORE is AVX-512 without bfloat16 and AMX.
MACHINES = (
    Machine("SSE4", 2, ("SSE42",), ".", "DEFAULT", {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "MKL_CBWR": "COMPATIBLE",
        "OPENBLAS_CORETYPE": "Nehalem",
        "NUMBA_CPU_NAME": "nehalem",
        "NUMBA_CPU_FEATURES": "",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA,-FMA4,-AVX512F",
    }),
    Machine("AVX2", 1, ("AVX2", "FMA3"), "AVX512|V4|AVX10", "AVX2", {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "MKL_CBWR": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL",
    }),
    Machine("AVX-512", 2, ("AVX512_SKX",), "AVX512_(ICL|SPR)|AVX10", "AVX512", {
        "ATEN_CPU_CAPABILITY": "avx512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "OPENBLAS_CORETYPE": "SkylakeX",
        "NUMBA_CPU_NAME": "skylake-avx512",
        "NUMBA_CPU_FEATURES": "",
    }),
    Machine("as it is", 1),
)  # fmt: skip

#: Variables that a caller may have set already.
INHERITED = ("ATEN_", "ONEDNN_", "DNNL_", "MKL_", "NPY_", "OPENBLAS_", "NUMBA_", "OMP_",
             "GLIBC_TUNABLES")  # fmt: skip

#: What tests/test_golden.py records.
MEASURED = "pixels", "pixels_that_differ", "activity", "metric"

COLUMNS = (
    "processor", "machine", "threads", "tests", "failed", *MEASURED,
    "torch", "onednn", "mkl", "numpy", "openblas", "numba", "versions", "date",
)  # fmt: skip


def environment(machine: Machine, can: dict[str, Any]) -> dict[str, str]:
    """Return the environment variables of a machine."""
    new = dict(os.environ) | machine.settings
    threads = "OMP", "MKL", "OPENBLAS", "NUMBA"
    new |= {f"{name}_NUM_THREADS": str(machine.threads) for name in threads}
    if machine.hides:
        hidden = [name for name in can["numpy"] if re.search(machine.hides, name)]
        new["NPY_DISABLE_CPU_FEATURES"] = " ".join(hidden)
    return new


def probe() -> None:
    """Print, as JSON, what the libraries of this process chose."""
    import hashlib
    import importlib
    import math
    from importlib.metadata import version

    import numba
    import numpy as np
    import torch
    from numba.core.registry import cpu_target

    umath = importlib.import_module("numpy._core._multiarray_umath")
    found, dispatch = umath.__cpu_features__, umath.__cpu_dispatch__

    @numba.njit
    def scale(x):
        for i in range(x.size):
            x[i] = 2 * x[i] + 1

    scale(np.ones(9))
    code = next(iter(scale.inspect_asm().values()))
    registers = [name for name in ("zmm", "ymm", "xmm") if name in code]
    points = [k / 5000 - 10 for k in range(100_000)]
    functions = math.exp, math.sin, math.cos, math.atan
    values = repr([f(x) for f in functions for x in points]).encode()
    # oneDNN and MKL say what they are at their first call, if they are to be verbose.
    torch.nn.functional.conv2d(torch.rand(1, 16, 64, 64), torch.rand(16, 16, 3, 3))
    torch.rand(300, 300) @ torch.rand(300, 300)
    names = "torch", "numpy", "scipy", "numba"
    report = {
        "torch": torch.backends.cpu.get_cpu_capability(),
        "torch threads": torch.get_num_threads(),
        "numpy": [name for name in dispatch if found[name]],
        "numba": f"{cpu_target.target_context.codegen().magic_tuple()[1]}, "
        f"{registers[0] if registers else 'no vector'} registers",
        "numba threads": numba.get_num_threads(),
        "C library": f"{' '.join(platform.libc_ver())}, exp, sin, cos, atan: digest "
        + hashlib.sha256(values).hexdigest()[:8],
        "features": [name for name in found if found[name]],
        "versions": ", ".join(f"{name} {version(name)}" for name in names),
    }
    try:
        from threadpoolctl import threadpool_info

        pools = threadpool_info()
        report["OpenBLAS threads"] = [
            p["num_threads"] for p in pools if p["internal_api"] == "openblas"
        ]
    except ImportError:
        pass
    print("\nreport " + json.dumps(report))


def ask(env: dict[str, str]) -> dict[str, Any]:
    """Return what the libraries choose in an environment."""
    verbose = {"ONEDNN_VERBOSE": "1", "MKL_VERBOSE": "1", "OPENBLAS_VERBOSE": "2"}
    done = subprocess.run(
        [sys.executable, __file__, "--probe"],
        env=env | verbose, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    if done.returncode:
        raise SystemExit(f"the libraries cannot be asked what they chose:\n{said}")

    def find(pattern: str) -> str:
        match = re.search(pattern, said)
        return match[1].strip() if match else "says nothing"

    report = json.loads(find(r"(?m)^report (.*)$"))
    report["onednn"] = find(r"cpu,isa:(.*)")
    report["openblas"] = find(r"(?m)^Core: (.*)$")
    report["mkl"] = find(r"for Intel\(R\) 64 architecture (.*?),? Lnx")
    report["mkl reproducibility"] = find(r"CNR:(\S+)")
    return report


def processor() -> str:
    """Return the name of the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    match = re.search(r"model name\s*:\s*(.*)", text)
    return match[1] if match else platform.processor() or platform.machine()


def pytest(
    arguments: list[str], env: dict[str, str]
) -> tuple[Counter[str], dict[str, list[float]]]:
    """Run pytest; return how many passed, failed, skipped, and the properties."""
    counts: Counter[str] = Counter()
    properties: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                   *TWO, "-o", "junit_family=xunit1",
                   f"--junitxml={report}"]  # fmt: skip
        code = subprocess.run([*command, *arguments], env=env, cwd=ROOT).returncode
        if not report.exists():
            return Counter(failed=1), properties
        root = ElementTree.parse(report).getroot()
    for case in root.iter("testcase"):
        kinds = {child.tag for child in case}
        bad = kinds & {"failure", "error"}
        name = "failed" if bad else "skipped" if "skipped" in kinds else "passed"
        counts[name] += 1
    if code and not counts["failed"]:  # it broke off
        counts["failed"] += 1
    for item in root.iter("property"):
        name = item.get("name", "")
        if name in MEASURED:
            properties.setdefault(name, []).append(float(item.get("value", "nan")))
    return counts, properties


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the table; rows of other processors stay."""
    kept: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="") as file:
            kept = [dict(row) for row in csv.DictReader(file)]
    mine = {row["processor"] for row in rows}
    kept = [row for row in kept if row["processor"] not in mine]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept + rows)


def run_machine(machine: Machine, env: dict[str, str]) -> dict[str, Any] | None:
    """Run the tests on a machine; return its row, or None if it is not simulated."""
    chosen = ask(env)
    versions, _ = chosen.pop("versions"), chosen.pop("features")
    for name, value in chosen.items():
        if isinstance(value, list):
            value = " ".join(map(str, value)) or "baseline only"
        print(f"  {name:20} {value}")
    print(flush=True)
    if machine.torch not in (None, chosen["torch"]):
        print(f"FAILED: PyTorch runs {chosen['torch']} code, not {machine.torch}")
        return None
    counts, properties = pytest(TESTS, env)
    return {
        "processor": processor(),
        "machine": machine.name,
        "threads": machine.threads,
        "tests": counts["passed"] + counts["failed"],
        "failed": counts["failed"],
        "pixels": int(sum(properties.get("pixels", []))),
        "pixels_that_differ": int(sum(properties.get("pixels_that_differ", []))),
        "activity": f"{max(properties.get('activity', [0])):.1e}",
        "metric": f"{max(properties.get('metric', [0])):.1e}",
        "numpy": " ".join(chosen["numpy"]) or "baseline",
        "versions": versions,
        "date": datetime.date.today().isoformat(),
    } | {name: chosen[name] for name in ("torch", "onednn", "mkl", "openblas", "numba")}


def main() -> int:
    """Run the tests on each machine and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--csv", type=Path, help="also write the table to this file")
    parser.add_argument("--probe", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.probe:
        probe()
        return 0

    start = time.monotonic()
    preset = {k: v for k, v in os.environ.items() if k.startswith(INHERITED)}
    print(f"{processor()}\nset before: {preset or 'nothing'}")
    can = ask(dict(os.environ))
    print(can["versions"])
    rows: list[dict[str, Any]] = []
    total: Counter[str] = Counter()
    oldest = None
    for machine in MACHINES:
        print(f"\n=== {machine.name}, threads: {machine.threads} ===")
        missing = [name for name in machine.needs if name not in can["features"]]
        if missing:
            print(f"skipped: this processor has no {' and no '.join(missing)}")
            continue
        env = environment(machine, can)
        oldest = oldest or (env if machine.settings else None)
        row = run_machine(machine, env)
        if row is None:
            total["failed"] += 1
            continue
        rows.append(row)
        total["failed"] += row["failed"]
        total["passed"] += row["tests"] - row["failed"]
    if oldest:
        print("\n=== chapters 1 to 6 on the oldest ===", flush=True)
        total += pytest([*NBVAL, *CHAPTERS], oldest)[0]
    if options.csv:
        write(options.csv, rows)

    print(f"\n{'machine':10} {'threads':>7} {'tests':>6} {'failed':>6} "
          f"{'pixels that differ':>22} {'activity':>9} {'metric':>9}")  # fmt: skip
    for row in rows:
        pixels = f"{row['pixels_that_differ']} of {row['pixels']}"
        print(f"{row['machine']:10} {row['threads']:7} {row['tests']:6} "
              f"{row['failed']:6} {pixels:>22} {row['activity']:>9} "
              f"{row['metric']:>9}")  # fmt: skip
    print("activity, metric: largest relative difference from the golden values")
    seconds = time.monotonic() - start
    print(f"{total['passed']} passed, {total['failed']} failed in {seconds:.0f}s")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
