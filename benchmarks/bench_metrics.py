"""Time of every metric, against plain loops over the same formula.

In one run: each metric on one crop, ours and the loops that the tests hold it
against (`tests/support/metrics_loops.py`); each metric on 576x768; the FMIs of the
paper together and all others together; and the peak memory that `evaluate` adds, in a
process of its own.

    python benchmarks/bench_metrics.py [--crop 32] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fusionlib import metrics  # noqa: E402
from fusionlib.cli.options import table  # noqa: E402
from fusionlib.metrics import meyer_filter  # noqa: E402
from tests.support import metrics_loops as loops  # noqa: E402
from tests.support import toolbox_loops  # noqa: E402

SIZE = (576, 768)
FMI_OF_THE_PAPER = ("FMI_dct", "FMI_w")


def scene(height: int, width: int) -> tuple[Any, list[Any]]:
    """Return a fused image and two sources: smooth noise on 8-bit levels."""
    rng = np.random.RandomState(0)
    sources = []
    for sigma in (1.5, 3.0):
        image = gaussian_filter(rng.rand(height, width), sigma)
        image = (image - image.min()) / (image.max() - image.min())
        sources.append(np.rint(255 * image) / 255)
    fused = np.rint(255 * (sources[0] + sources[1]) / 2) / 255
    return fused, sources


def seconds(function: Callable[[], Any], repeats: int) -> float:
    """Return the shortest of several times."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def loop_of(name: str) -> Callable[[Any, list[Any]], Any]:
    """Return the loop implementation of a metric."""

    def fmi(extract: Callable[[Any], Any]) -> Callable[[Any, list[Any]], Any]:
        return lambda f, s: loops.fmi_features(extract(f), [extract(x) for x in s])

    function = metrics.METRICS[name].function.__name__
    for module, more in ((toolbox_loops, ["published"]), (loops, [])):
        if hasattr(module, function):
            twin = getattr(module, function)
            return lambda f, s: twin(f, s, *more)
    taps = meyer_filter().tolist()
    return {
        "FMI_dct": fmi(loops.dct),
        "FMI_w": fmi(lambda x: loops.wavelet(x, taps)),
        "FMI_pixel": fmi(lambda x: x),
        "FMI_gradient": fmi(loops.gradient),
        "FMI_edge": fmi(lambda x: loops.edges(np.rint(255 * x))),
        "SSIM_a": lambda f, s: [loops.ssim(f, x) for x in s],
        "N_abf": loops.edge_preservation,
        "Q_abf_kumar": loops.edge_preservation,
        "L_abf": loops.edge_preservation,
    }[name]


def extra_memory() -> float:
    """Return by how many MB `evaluate` raises the peak memory of a warm process."""
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'benchmarks')!r}]; "
    code += "import bench_metrics; bench_metrics.child()"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def peak_memory() -> float:
    """Return the peak resident size in MB, of this program alone."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says can come from the parent process
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return float(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child() -> None:
    """Print the growth of the peak resident size, in MB."""
    metrics.evaluate(*scene(64, 64))
    images = scene(*SIZE)
    before = peak_memory()
    metrics.evaluate(*images)
    print(peak_memory() - before)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crop", type=int, default=32, help="side for the loops")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    arguments = parser.parse_args()

    start = time.perf_counter()
    metrics.evaluate(*scene(64, 64))
    warm_up = time.perf_counter() - start

    full, size = scene(*SIZE), arguments.crop
    rows: dict[str, dict[str, Any]] = {}
    for name, metric in metrics.METRICS.items():
        side = max(size, metric.smallest)
        fused, sources = scene(side, side)
        ours = seconds(lambda m=metric, f=fused, s=sources: m(f, s), 5)
        loop = seconds(lambda n=name, f=fused, s=sources: loop_of(n)(f, s), 1)
        rows[name] = {
            "crop": side,
            "loop_s": loop,
            "crop_s": ours,
            "ratio": loop / ours,
            "full_s": seconds(lambda m=metric: m(*full), 3),
        }
    others = [name for name in metrics.METRICS if name not in FMI_OF_THE_PAPER]
    together = {
        "FMI_dct + FMI_w": seconds(
            lambda: metrics.evaluate(*full, metrics=FMI_OF_THE_PAPER), 3
        ),
        "all others": seconds(lambda: metrics.evaluate(*full, metrics=others), 3),
    }
    memory = extra_memory()

    header = ("METRIC", "CROP", "LOOP s", "OURS s", "RATIO", "576x768 s")
    print(
        table(
            header,
            [
                (
                    name,
                    f"{r['crop']}x{r['crop']}",
                    f"{r['loop_s']:.4f}",
                    f"{r['crop_s']:.5f}",
                    f"{r['ratio']:.0f}",
                    f"{r['full_s']:.4f}",
                )
                for name, r in rows.items()
            ],
        )
    )
    for name, value in together.items():
        print(f"{name} on 576x768: {value:.3f} s")
    print(f"first call, compiling or loading the compiled code: {warm_up:.1f} s")
    print(f"peak extra memory of evaluate on 576x768: {memory:.0f} MB")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    if arguments.json:
        record = {
            "metrics": rows,
            "together_s": together,
            "warm_up_s": warm_up,
            "extra_memory_mb": memory,
            "machine": platform.processor() or platform.machine(),
            "processors": os.cpu_count(),
        }
        Path(arguments.json).write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
