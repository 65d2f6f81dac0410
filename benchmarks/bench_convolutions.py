"""Measure which backend convolves each layer faster, on the instruction sets at hand.

Writes ``fusionlib/backends.csv``, which :func:`fusionlib.convolution.choose_backend`
reads. Each instruction set has a process of its own, told by environment variables
to use no newer instructions. Rows of a set that this processor lacks stay as they are::

    python benchmarks/bench_convolutions.py
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

TABLE = ROOT / "fusionlib" / "backends.csv"

#: Environment of each instruction set.
SETTINGS = {
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    },
    "AVX512": {},
}

#: Rounds in which the two backends take turns.
ROUNDS = 9


def measure() -> dict[str, Any]:
    """Return milliseconds by layer, for both sources of a 640x480 pair."""
    import torch
    import torch.nn.functional as F

    from fusionlib.architecture import CONVOLUTIONS, map_shape
    from fusionlib.bands import rows_of_band
    from fusionlib.winograd import Winograd3x3

    rows = {}
    with torch.inference_mode():
        for layer in CONVOLUTIONS[1:]:
            height, width = map_shape(480, 640, layer.relu)
            height = min(height, rows_of_band(width * layer.outputs))
            x = torch.rand(1, layer.inputs, height, width)
            x = x.contiguous(memory_format=torch.channels_last)
            weight = torch.randn(layer.weight_shape) * 0.01
            weight = weight.contiguous(memory_format=torch.channels_last)
            bias = torch.randn(layer.outputs)
            winograd = Winograd3x3(weight, bias)
            ways = {
                "torch": lambda x=x, w=weight, b=bias: F.conv2d(x, w, b, padding=1),
                "winograd": lambda x=x, f=winograd: f(x),
            }
            best = dict.fromkeys(ways, float("inf"))
            for _ in range(ROUNDS):
                for name, way in ways.items():
                    start = time.perf_counter()
                    way()
                    best[name] = min(best[name], time.perf_counter() - start)
            rows[layer.name] = {name: 1000 * t for name, t in best.items()}
    return {"instructions": torch.backends.cpu.get_cpu_capability(), "rows": rows}


def main() -> None:
    """Measure each instruction set and write the table."""
    text = TABLE.read_text("utf-8").splitlines()
    old = csv.DictReader(line for line in text if not line.startswith("#"))
    found = {(row["instructions"], row["convolution"]): row for row in old}
    for name, settings in SETTINGS.items():
        done = subprocess.run(
            [sys.executable, __file__, "--child"], check=True, capture_output=True,
            text=True, env=os.environ | settings, cwd=ROOT,
        )  # fmt: skip
        result = json.loads(done.stdout)
        if result["instructions"] != name:
            print(f"{name}: not measured, this processor runs {result['instructions']}")
            continue
        for layer, times in result["rows"].items():
            found[name, layer] = {
                "convolution": layer,
                "instructions": name,
                "torch_ms": f"{times['torch']:.2f}",
                "winograd_ms": f"{times['winograd']:.2f}",
                "measured": datetime.date.today().isoformat(),
            }
            print(name, layer, {k: round(v, 2) for k, v in times.items()})
    buffer = io.StringIO()
    fields = ("convolution", "instructions", "torch_ms", "winograd_ms", "measured")
    writer = csv.DictWriter(buffer, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.values())
    head = (
        "# Written by benchmarks/bench_convolutions.py: one band of a 640x480 source.\n"
    )
    TABLE.write_text(head + buffer.getvalue(), "utf-8")


if __name__ == "__main__":
    if "--child" in sys.argv:
        print(json.dumps(measure()))
    else:
        main()
