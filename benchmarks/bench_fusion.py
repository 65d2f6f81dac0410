"""Time and memory of fusing, against a plain port and against the arithmetic.

One run, one machine: ours and the plain port of `tests/support/naive.py` in turn,
next to the rate at which this machine multiplies matrices, which no direct
convolution can beat.
Peak memory is that of a process of its own. Then what the time depends on: pixels,
sources, pairs; and the metrics, baselines and explorers.

    python benchmarks/bench_fusion.py [--quick] [--json FILE] [--book]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.bench_metrics import peak_memory, seconds  # noqa: E402
from fusionbook import speed as benchmark  # noqa: E402
from fusionlib import FusionConfig, baselines, fuse, metrics  # noqa: E402
from fusionlib.data import load_pair  # noqa: E402
from fusionlib.fusion import fuse_image, load_model  # noqa: E402
from fusionlib.images.io import atomic_path, to_uint8, write_image  # noqa: E402
from fusionlib.vgg.convolution import has_bf16  # noqa: E402
from fusionlib.vgg.files import write_weights  # noqa: E402
from fusionlib.vgg.layers import multiply_adds  # noqa: E402
from fusionlib.vgg.weights import load_weights  # noqa: E402
from tests.support import naive  # noqa: E402

#: Height and width.
SIZES = ((256, 320), (480, 640), (1080, 1920))
AREAS = ((480, 640), (1024, 1024), (2048, 2048), (4096, 4096))
QUICK_SIZES = SIZES[:2]
QUICK_AREAS = ((480, 640), (1024, 1024))


def sources(shape: tuple[int, int], count: int = 2) -> list[Any]:
    """Return grey images of a size: a scene repeated, with noise on 8-bit levels."""
    scene = load_pair("street")
    rng = np.random.RandomState(0)
    images = []
    for k in range(count):
        image = scene.sources[k % 2]
        times = [-(-n // m) for n, m in zip(shape, image.shape, strict=True)]
        image = np.tile(image, times)[: shape[0], : shape[1]]
        noisy = image + rng.normal(0, 0.01, shape)
        images.append(np.rint(255 * np.clip(noisy, 0, 1)).astype(np.uint8))
    return images


def product_rate(kind: torch.dtype, side: int = 2048) -> float:
    """Return how many multiply-adds per second a matrix product reaches."""
    a, b = (torch.randn(side, side).to(kind) for _ in range(2))
    return side**3 / seconds(lambda: a @ b, 5)


def precisions() -> list[str]:
    """Return the arithmetics that this processor has in hardware."""
    return ["fp32", "bf16"] if has_bf16(torch.device("cpu")) else ["fp32"]


def compare(shape: tuple[int, int], rates: dict[str, float]) -> dict[str, Any]:
    """Measure ours and the plain port on one size, in turn."""
    pair = [image / 255 for image in sources(shape)]
    weights = load_weights("seeded")
    network = naive.load_network(weights)
    row: dict[str, Any] = {"height": shape[0], "width": shape[1], "naive_s": np.inf}
    work = 2 * multiply_adds(*shape, "relu4_1")
    for precision in precisions():
        row[precision] = {"s": np.inf, "floor_s": work / rates[precision]}
    images = {}
    for _ in range(1 if shape[0] > 1000 else 3):
        start = time.perf_counter()
        plain = naive.fuse(*pair, network)
        row["naive_s"] = min(row["naive_s"], time.perf_counter() - start)
        for precision in precisions():
            config = FusionConfig(precision=precision)
            start = time.perf_counter()
            result = fuse(pair, config=config, weights=weights)
            took = time.perf_counter() - start
            images[precision] = result.image
            if took < row[precision]["s"]:
                steps = result.provenance["seconds"]
                row[precision] |= {"s": took, "network_s": steps["features"]}
    for precision, image in images.items():
        ours = row[precision]
        ours["psnr_db"] = float(-10 * np.log10(np.mean((image - plain) ** 2)))
        ours["times_faster"] = row["naive_s"] / ours["s"]
        ours["network_over_floor"] = ours["network_s"] / ours["floor_s"]
        ours["outside_network"] = 1 - ours["network_s"] / ours["s"]
    return row


def child(what: str, height: int, width: int, folder: str) -> None:
    """Fuse one pair and print time and peak memory; runs in a process of its own."""
    pair = sources((height, width))
    start = time.perf_counter()
    if what == "naive":
        network = naive.load_network(load_weights("seeded"))
        image = to_uint8(naive.fuse(pair[0] / 255, pair[1] / 255, network))
    elif what == "fuse":
        image = to_uint8(fuse([p / 255 for p in pair], weights="seeded").image)
    else:
        image = to_uint8(fuse_image(pair, weights="seeded")[0])
    took = time.perf_counter() - start
    np.save(Path(folder) / what, image)
    # MB are 10^6 bytes here.
    peak = peak_memory() * 2**20 / 1e6
    print(json.dumps({"s": took, "peak_mb": peak}))


def in_child(what: str, shape: tuple[int, int], folder: str) -> dict[str, float]:
    """Return what :func:`child` measures."""
    call = f"bench_fusion.child({what!r}, {shape[0]}, {shape[1]}, {folder!r})"
    return json.loads(output(start(f"import bench_fusion; {call}")))


def memory(shapes: Any) -> list[dict[str, Any]]:
    """Return peak memory by size and program, and whether tiles change the image."""
    rows = []
    for shape in shapes:
        with tempfile.TemporaryDirectory() as folder:
            row: dict[str, Any] = {"height": shape[0], "width": shape[1]}
            for what in ("naive", "fuse", "fuse_image"):
                row[what] = in_child(what, shape, folder)
            whole, image, plain = (
                np.load(Path(folder) / f"{what}.npy").astype(int)
                for what in ("fuse", "fuse_image", "naive")
            )
            row["pixels_image_differs"] = int((whole != image).sum())
            row["pixels_naive_differs"] = int((whole != plain).sum())
        rows.append(row)
    return rows


def scaling(areas: Any) -> dict[str, Any]:
    """Return time and peak memory over the area, and the exponent of the time."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for shape in areas:
            runs = [in_child("fuse_image", shape, folder) for _ in range(2)]
            row = {"height": shape[0], "width": shape[1]}
            rows.append(row | min(runs, key=lambda run: run["s"]))
    area = np.log([row["height"] * row["width"] for row in rows])
    exponent = np.polyfit(area, np.log([row["s"] for row in rows]), 1)[0]
    return {"rows": rows, "exponent": float(exponent)}


def over_sources(model: Any, shape: tuple[int, int]) -> list[dict[str, float]]:
    """Return time by the number of sources."""
    images = [image / 255 for image in sources(shape, 6)]
    return [
        {"sources": k, "s": seconds(lambda k=k: fuse(images[:k], weights=model), 3)}
        for k in (2, 3, 4, 6)
    ]


def over_pairs(model: Any, shape: tuple[int, int]) -> list[dict[str, float]]:
    """Return time by the number of pairs, with the network loaded once."""
    pair = [image / 255 for image in sources(shape)]

    def run(count: int) -> None:
        for _ in range(count):
            fuse(pair, weights=model)

    return [{"pairs": n, "s": seconds(lambda n=n: run(n), 2)} for n in (1, 2, 4, 8)]


#: Imports torch, runs the command if there is one, and prints how long the import took.
COLD = """
import sys, time
begin = time.perf_counter()
import torch
after = time.perf_counter()
if sys.argv[1:]:
    from fusionlib.cli import main
    main(sys.argv[1:])
print(after - begin)
"""

#: Prints matrix products a second of one thread, while others do the same.
RATE = "import bench_fusion, torch; torch.set_num_threads(1); {0}; print({0})".format(
    "bench_fusion.product_rate(torch.float32)"
)


def output(process: Any) -> str:
    """Return what a process printed, or say why it failed."""
    printed, problem = process.communicate()
    if process.returncode:
        raise RuntimeError(problem)
    return printed


def start(code: str, *arguments: str, threads: int | None = None) -> Any:
    """Start Python code in a process of its own that finds this file."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "book"), str(ROOT / "benchmarks")])
    env = os.environ | {"PYTHONPATH": paths}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # nor does a user compile at every start
    if threads:
        env["OMP_NUM_THREADS"] = str(threads)
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def write_pair(shape: tuple[int, int], folder: str) -> list[str]:
    """Write one pair of a size; return the paths."""
    names = [str(Path(folder) / f"{name}.png") for name in ("ir", "vis")]
    for name, image in zip(names, sources(shape), strict=True):
        write_image(name, image)
    return names


def cold(shape: tuple[int, int], repeats: int = 7) -> dict[str, float]:
    """Return the parts of `fusionlib fuse` from its start to its end, in seconds.

    Medians of runs in turn with a process that only imports torch. The weights are
    random, but come from a file, as trained ones do.
    """
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "weights.safetensors"
        write_weights(weights, load_weights("seeded").arrays, {})
        options = ("-o", f"{folder}/fused.png", "--weights", str(weights), "--json")
        names = write_pair(shape, folder)
        for _ in range(repeats):
            begin = time.perf_counter()
            torch_alone = float(output(start(COLD)))
            between = time.perf_counter()
            text = output(start(COLD, "fuse", *names, *options))
            took, alone = time.perf_counter() - between, between - begin
            text, _, torch_here = text.rstrip().rpartition("\n")
            steps = json.loads(text)["seconds"]
            total, network, load = steps["total"], steps["features"], steps["load"]
            # The import of torch itself differs much from run to run.
            outside = (took - float(torch_here) - total) - (alone - torch_alone)
            runs.append((alone, network, outside, load, total - network - load))
    alone, network, outside, load, others = np.median(runs, axis=0)
    parts = {
        "imports of fusionlib": outside,
        "weights": load,
        "reading, writing and the other steps of the method": others,
    }
    return {
        "Python with torch, from start to end": alone,
        "network": network,
        **parts,
        "together, without torch and network": sum(parts.values()),
    }


def over_workers(shape: tuple[int, int], pairs: int) -> dict[str, Any]:
    """Return the time of many pairs by one process and by two, one thread each.

    Beside it how many matrix products two such processes reach for those of one.
    """
    alone = [float(output(start(RATE))) for _ in range(3)]
    together = sum(float(output(p)) for p in [start(RATE), start(RATE)])
    record: dict[str, Any] = {"pairs": pairs, "height": shape[0], "width": shape[1]}
    with tempfile.TemporaryDirectory() as folder:
        for name in write_pair(shape, folder):
            for k in range(1, pairs):
                shutil.copy(name, name.replace(".png", f"{k}.png"))
        globs = [str(Path(folder) / f"{name}*.png") for name in ("ir", "vis")]
        code = (
            "import sys; from fusionlib.cli import main; sys.exit(main(sys.argv[1:]))"
        )
        for workers in (1, 2):
            options = ("-o", f"{folder}/{workers}", "--workers", str(workers))
            command = ("batch", *globs, *options, "--weights", "seeded")
            begin = time.perf_counter()
            output(start(code, *command, threads=workers))
            record[f"workers_{workers}_s"] = time.perf_counter() - begin
    return record | {"products": together / sorted(alone)[1]}


def frames() -> dict[str, float]:
    """Return the time of one new picture of each explorer, in seconds."""
    from fusionbook.explorers._controls import Switches
    from tests.support.explorers_small import MAKERS

    found = {}
    for kind, make in MAKERS.items():
        explorer = make("street")
        explorer.view()
        control = explorer.controls[0]
        many = isinstance(control, Switches)
        states = [{control.name: (v,) if many else v} for v in control.values[:8]]
        found[kind] = seconds(lambda e=explorer, s=states: [e.view(x) for x in s], 2)
        found[kind] /= len(states)
    return found


def run(quick: bool, book: bool) -> dict[str, Any]:
    """Measure everything."""
    rates = {"fp32": product_rate(torch.float32)}
    if "bf16" in precisions():
        rates["bf16"] = product_rate(torch.bfloat16)
    model = load_model("seeded", "cpu")
    small, middle = (256, 320), (576, 768)
    pair = [image / 255 for image in sources(small)]
    scene = [image / 255 for image in sources(middle)]
    fused = np.mean(scene, axis=0)
    fuse(pair, weights=model)
    methods = {
        name: seconds(lambda m=method: m.function(pair), 1)
        for name, method in baselines.METHODS.items()
        if not (quick and method.seconds > 1)
    }
    record: dict[str, Any] = {
        "date": date.today().isoformat(),
        "machine": {
            "processor": processor(),
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "python": platform.python_version(),
            "load": os.getloadavg()[0],
            "rates": rates,
        },
        "weights": "seeded",
        "data": "scene street, tiled, with noise",
        "sizes": [compare(s, rates) for s in (QUICK_SIZES if quick else SIZES)],
        "memory": memory(QUICK_SIZES if quick else SIZES),
        "area": scaling(QUICK_AREAS if quick else AREAS),
        "sources": over_sources(model, small),
        "pairs": over_pairs(model, small),
        "cold": cold((480, 640)),
        "workers": over_workers(small, 4 if quick else 100),
        "metrics_s": {
            name: seconds(lambda n=name: metrics.evaluate(fused, scene, metrics=[n]), 2)
            for name in metrics.METRICS
        },
        "baselines_s": methods,
        "explorers_s": frames(),
    }
    if book:
        start = time.perf_counter()
        subprocess.run(["make", "book"], cwd=ROOT, check=True, capture_output=True)
        record["book_s"] = time.perf_counter() - start
    record["machine"]["load_after"] = os.getloadavg()[0]
    return record


def processor() -> str:
    """Return the processor's name and what it multiplies with."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        name = next((x.split(":")[1] for x in lines if "model name" in x), name)
    return f"{name.strip()}, {torch.backends.cpu.get_cpu_capability()}"


def report(record: dict[str, Any]) -> str:
    """Return the numbers as text: the tables of the book's page, and the rest."""
    parts = [
        benchmark.machine(record),
        benchmark.sizes(record),
        benchmark.memory(record),
        benchmark.area(record),
        f"exponent of time over area: {record['area']['exponent']:.3f}",
    ]
    for key in ("sources", "pairs"):
        text = ", ".join(f"{row[key]}: {row['s']:.2f} s" for row in record[key])
        parts.append(f"number of {key}: {text}")
    changed = ", ".join(str(row["pixels_naive_differs"]) for row in record["memory"])
    parts.append(f"pixels that are not the port's, by size: {changed}")
    parts.append(benchmark.others(record))
    return "\n\n".join(parts)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes only")
    parser.add_argument("--book", action="store_true", help="time make book too")
    parser.add_argument("--json", metavar="FILE", help="write the numbers there")
    arguments = parser.parse_args()
    record = run(arguments.quick, arguments.book)
    print(report(record))
    if arguments.json:
        with atomic_path(Path(arguments.json)) as path:
            Path(path).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
