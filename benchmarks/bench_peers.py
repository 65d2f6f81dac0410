"""The network against other programs that run it, in turn, on the same input.

Every program runs in a process of its own, from an environment of its own where one is
named, gets the same two detail contents and the same kernels, and must give the same
activity maps. Rounds alternate; what is printed is the median. Beside the programs
stand two floors, measured in the same rounds: the nine convolutions at the rate at
which this machine multiplies matrices, and at the rate of oneDNN's own convolution.

    python benchmarks/bench_peers.py [--size 480x640] [--rounds 7] [--install FOLDER]
        [--env openvino=PYTHON ...] [--only NAME ...] [--json FILE]

``--install`` makes the environments of programs that are not in this one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent

#: The layers whose l1-norm is the result.
WANTED = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")

#: What `pip` is asked for where a program has an environment of its own.
PACKAGES = {
    "openvino": ["openvino==2026.4.1", "numpy"],
    "ncnn": ["ncnn==1.0.20261020", "numpy"],
    "onnxruntime": ["onnxruntime==1.32.0", "numpy"],
}

#: Program, arithmetic, environment, and the largest error of an activity that is still
#: the same result, relative to the largest of its layer.
PEERS = {
    "ours": ("fp32", "", 1e-5),
    "plain port": ("fp32", "", 1e-5),
    "torch.compile": ("fp32", "", 1e-5),
    "onnxruntime": ("fp32", "onnxruntime", 1e-5),
    "OpenVINO": ("fp32", "openvino", 1e-5),
    "ncnn": ("fp32", "ncnn", 1e-4),
    "ours, bf16": ("bf16", "", 0.05),
    "OpenVINO, bf16": ("bf16", "openvino", 0.05),
    "ncnn, bf16": ("bf16", "ncnn", 0.05),
}

#: Rates of the machine; not programs.
FLOORS = {
    "floor: matrix product": "fp32",
    "floor: oneDNN convolution": "fp32",
    "floor: matrix product, bf16": "bf16",
    "floor: oneDNN convolution, bf16": "bf16",
}

#: Why a row has no time, where that is no error.
NO_BF16 = "this processor has no bfloat16"

Run = Callable[[], Any]


# --- In the process of one program ----------------------------------------------------


def ours(folder: Path, precision: str) -> Run:
    """Return the network of this library, as `fuse` runs it."""
    from fusionlib import FusionConfig
    from fusionlib.features import Network, activities
    from fusionlib.vgg.weights import load_weights

    details = np.load(folder / "details.npy")
    network = Network(load_weights("seeded"), "cpu", precision)
    config = FusionConfig(precision=precision)
    return lambda: activities(details, network, config)


def plain_port(folder: Path, compile: bool = False) -> Run:
    """Return torchvision's VGG-19 on three equal channels, one source at a time."""
    import torch

    from fusionlib.vgg.weights import load_weights
    from tests.support import naive

    network = naive.load_network(load_weights("seeded"))
    stages = [
        network[start : stop + 1]
        for start, stop in zip(
            (0, *(p + 1 for p in naive.POSITIONS)), naive.POSITIONS, strict=False
        )
    ]
    details = torch.from_numpy(np.load(folder / "details.npy"))

    def norms(x: Any) -> list[Any]:
        found = []
        for stage in stages:
            x = stage(x)
            found.append(x.abs().sum(1))
        return found

    forward = torch.compile(norms) if compile else norms

    @torch.inference_mode()
    def run() -> dict[str, Any]:
        each = [forward(d[None, None].repeat(1, 3, 1, 1)) for d in details]
        return {
            name: torch.cat([one[k] for one in each]).numpy()
            for k, name in enumerate(WANTED)
        }

    return run


def onnxruntime_(folder: Path) -> Run:
    """Return the exported network in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    session = onnxruntime.InferenceSession(
        str(folder / "network.onnx"), options, providers=["CPUExecutionProvider"]
    )
    details = np.load(folder / "details.npy")[:, None]
    return lambda: dict(
        zip(WANTED, session.run(WANTED, {"detail": details}), strict=True)
    )


def openvino_(folder: Path, precision: str) -> Run:
    """Return the exported network in OpenVINO."""
    import openvino
    from openvino import opset13 as opset

    details = np.load(folder / "details.npy")[:, None]
    core = openvino.Core()
    read = core.read_model(folder / "network.onnx")
    # The reader of 2026.4 adds up all axes of ReduceL1, whatever the file says.
    features = {
        name: op.output(0) for op in read.get_ops() for name in op.output(0).names
    }
    norms = [
        opset.reduce_l1(features[f"{name}_features"], np.array([1]), False)
        for name in WANTED
    ]
    model = openvino.Model(norms, read.get_parameters(), "activities")
    model.reshape(details.shape)
    hints = {
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": threads(),
    }
    ready = core.compile_model(model, "CPU", hints)
    request = ready.create_infer_request()

    def run() -> dict[str, Any]:
        request.infer([details], share_inputs=True, share_outputs=True)
        return {
            name: request.get_output_tensor(k).data for k, name in enumerate(WANTED)
        }

    return run


def ncnn_(folder: Path, precision: str) -> Run:
    """Return the network in ncnn, one source at a time as it takes images."""
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads()
    net.opt.use_bf16_storage = precision == "bf16"
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = False
    net.opt.use_fp16_arithmetic = False
    net.load_param(str(folder / "network.param"))
    net.load_model(str(folder / "network.bin"))
    details = np.load(folder / "details.npy")

    def run() -> dict[str, Any]:
        found: dict[str, list[Any]] = {name: [] for name in WANTED}
        for detail in details:
            with net.create_extractor() as extractor:
                extractor.input("detail", ncnn.Mat(detail[None]))
                for name in WANTED:
                    found[name].append(np.array(extractor.extract(name)[1]).squeeze())
        return {name: np.stack(maps) for name, maps in found.items()}

    return run


def floor(folder: Path, name: str) -> Run:
    """Return what takes as long as the nine convolutions at one rate, at most."""
    import torch
    import torch.nn.functional as F

    kind = torch.bfloat16 if name.endswith("bf16") else torch.float32
    torch.set_num_threads(threads())
    if "matrix" in name:
        a, b = (torch.randn(2048, 2048).to(kind) for _ in range(2))
        return torch.inference_mode()(lambda: a @ b)
    x = torch.randn(1, 256, 120, 160).to(kind)
    x = x.contiguous(memory_format=torch.channels_last)
    kernel = torch.randn(256, 256, 3, 3).to(kind)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    return torch.inference_mode()(lambda: F.conv2d(x, kernel, padding=1))


def work_of_floor(name: str) -> float:
    """Return the multiply-adds of one run of a floor."""
    return 2048.0**3 if "matrix" in name else 9.0 * 256 * 256 * 120 * 160


def prepare(name: str, folder: Path) -> Run:
    """Return what runs one program once."""
    if name in FLOORS:
        return floor(folder, name)
    precision = PEERS[name][0]
    if name.startswith("ours"):
        return ours(folder, precision)
    if name == "plain port":
        return plain_port(folder)
    if name == "torch.compile":
        return plain_port(folder, compile=True)
    if name == "onnxruntime":
        return onnxruntime_(folder)
    if name.startswith("OpenVINO"):
        return openvino_(folder, precision)
    return ncnn_(folder, precision)


def threads() -> int:
    """Return how many threads every program uses."""
    return int(os.environ["OMP_NUM_THREADS"])


def child(name: str, folder: Path) -> None:
    """Answer each line of the input with the seconds of one run."""
    run = prepare(name, folder)
    found = run()  # the first call allocates, packs and compiles
    if isinstance(found, dict):
        np.savez(folder / f"{name}.npz", **found)
    run()
    print("ready", flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        print(time.perf_counter() - start, flush=True)


# --- In the process that compares -----------------------------------------------------


class Program:
    """One program in its process."""

    def __init__(self, name: str, python: str, folder: Path, cores: int) -> None:
        self.name = name
        self.problem = ""
        self.seconds: list[float] = []
        paths = os.pathsep.join([str(ROOT), str(ROOT / "book")])
        self.process = subprocess.Popen(
            [python, __file__, "--child", name, "--folder", str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={**os.environ, "OMP_NUM_THREADS": str(cores),
                            "PYTHONPATH": paths},
        )  # fmt: skip
        if self._line() != "ready":
            self._fail()

    def _line(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            # Libraries print too.
            text = line.strip()
            if text == "ready" or text.replace(".", "").replace("e-", "").isdigit():
                return text
        return ""

    def _fail(self) -> None:
        assert self.process.stderr is not None
        self.process.kill()
        lines = self.process.stderr.read().strip().splitlines()
        self.problem = lines[-1][:160] if lines else "ended without a word"

    def run(self) -> None:
        """Run once and keep the seconds."""
        if self.problem:
            return
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self._line()
        if line:
            self.seconds.append(float(line))
        else:
            self._fail()

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def write_inputs(folder: Path, shape: tuple[int, int]) -> None:
    """Write detail contents, and the network as ONNX and as ncnn reads it."""
    from benchmarks.bench_fusion import sources
    from fusionlib.decomposition import decompose
    from fusionlib.vgg.onnx import export_onnx
    from fusionlib.vgg.weights import load_weights

    weights = load_weights("seeded")
    parts = [decompose(image / 255)[1] for image in sources(shape)]
    np.save(folder / "details.npy", np.stack(parts).astype(np.float32))
    export_onnx(weights, folder / "network.onnx")
    write_ncnn(weights, folder)


def write_ncnn(weights: Any, folder: Path) -> None:
    """Write the network in ncnn's two files: a list of layers, and the numbers."""
    from fusionlib.vgg.layers import CONVOLUTIONS
    from fusionlib.vgg.weights import grey_convolutions

    lines: list[str] = []
    blobs = 0

    def add(kind: str, name: str, bottoms: list[str], tops: list[str], *parts: str):
        nonlocal blobs
        blobs += len(tops)
        lines.append(" ".join(
            [kind, name, str(len(bottoms)), str(len(tops)), *bottoms, *tops, *parts]
        ))  # fmt: skip

    add("Input", "input", [], ["detail"])
    x, block = "detail", 1
    with (folder / "network.bin").open("wb") as file:
        for convolution, (kernel, bias) in zip(
            CONVOLUTIONS, grey_convolutions(weights), strict=True
        ):
            if convolution.block > block:
                block = convolution.block
                # 5=0: the last window may be cut, which is rounding up.
                add("Pooling", f"pool{block}", [x], [f"p{block}"], "0=0", "1=2", "2=2",
                    "5=0")  # fmt: skip
                x = f"p{block}"
            name = convolution.relu
            outputs = kernel.shape[0]
            add("Convolution", convolution.name, [x], [f"{name}_f"], f"0={outputs}",
                "1=3", "4=1", "5=1", f"6={kernel.size}", "9=1")  # fmt: skip
            file.write(struct.pack("<I", 0))  # float32 follows
            file.write(kernel.astype("<f4").tobytes() + bias.astype("<f4").tobytes())
            x = f"{name}_f"
            if name in WANTED:
                add("Split", f"split_{name}", [x], [f"{name}_a", f"{name}_b"])
                # 0=7: sum of magnitudes, over the channels alone.
                add("Reduction", name, [f"{name}_a"], [name], "0=7", "1=0", "4=0",
                    "-23303=1,0", "5=1")  # fmt: skip
                x = f"{name}_b"
    text = ["7767517", f"{len(lines)} {blobs}", *lines, ""]
    (folder / "network.param").write_text("\n".join(text))


def difference(name: str, folder: Path) -> float:
    """Return the largest error of an activity against ours, by its layer's largest."""
    with np.load(folder / "ours.npz") as a, np.load(folder / f"{name}.npz") as b:
        if any(a[key].shape != b[key].shape for key in WANTED):
            return float("inf")
        return max(
            float(np.abs(a[key] - b[key]).max() / a[key].max()) for key in WANTED
        )


def environments(folder: Path | None, named: list[str]) -> dict[str, str]:
    """Return the Python of each environment that is not this one."""
    found = dict(item.split("=", 1) for item in named)
    if folder:
        for name, packages in PACKAGES.items():
            python = folder / name / "bin" / "python"
            if name in found or (python.exists() and found.setdefault(name, "")):
                continue
            if not python.exists():
                subprocess.run(
                    [sys.executable, "-m", "venv", folder / name], check=True
                )
                subprocess.run([python, "-m", "pip", "install", "-q", *packages],
                               check=True)  # fmt: skip
            found[name] = str(python)
    return found


def names(only: list[str]) -> Iterator[str]:
    """Yield what is compared: ours first, which the others are checked against."""
    for name in (*PEERS, *FLOORS):
        if not only or name in only or name == "ours":
            yield name


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all programs in turn and return the record."""
    import torch

    from benchmarks.bench_fusion import processor
    from fusionlib.vgg.convolution import has_bf16
    from fusionlib.vgg.layers import multiply_adds

    height, width = (int(side) for side in arguments.size.split("x"))
    pythons = environments(arguments.install, arguments.env)
    bf16 = has_bf16(torch.device("cpu"))
    work = 2 * multiply_adds(height, width, "relu4_1")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_inputs(folder, (height, width))
        rows: dict[str, dict[str, Any]] = {}
        running = {}
        for name in names(arguments.only):
            precision, environment, limit = PEERS.get(name, (FLOORS.get(name), "", 0))
            rows[name] = {"precision": precision}
            if precision == "bf16" and not bf16:
                rows[name]["problem"] = NO_BF16
                continue
            python = pythons.get(environment) or sys.executable
            program = Program(name, python, folder, arguments.threads)
            if name in PEERS and not program.problem:
                rows[name]["difference"] = difference(name, folder)
                if rows[name]["difference"] > limit:
                    program.problem = (
                        f"another result: {rows[name]['difference']:.1e} of the largest"
                    )
            running[name] = program
        for _ in range(arguments.rounds):
            for program in running.values():
                program.run()
        for name, program in running.items():
            program.end()
            if program.problem:
                rows[name]["problem"] = program.problem
                continue
            scale = work / work_of_floor(name) if name in FLOORS else 1.0
            seconds = [scale * s for s in program.seconds]
            rows[name] |= {
                "s": statistics.median(seconds),
                "fastest_s": min(seconds),
                "slowest_s": max(seconds),
            }
    return {
        "date": date.today().isoformat(),
        "processor": processor(),
        "threads": arguments.threads,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "packages": {name: wanted[0] for name, wanted in PACKAGES.items()},
        "size": [height, width],
        "rounds": arguments.rounds,
        "load": os.getloadavg()[0],
        "rows": rows,
    }


def report(record: dict[str, Any]) -> str:
    """Return the record as text."""
    from fusionlib.cli.options import table

    rows = []
    for name, row in record["rows"].items():
        if "problem" in row:
            rows.append((name, "", "", "", row["problem"]))
            continue
        error = f"{row['difference']:.0e}" if "difference" in row else ""
        spread = f"{row['fastest_s']:.3f} to {row['slowest_s']:.3f}"
        rows.append((name, f"{row['s']:.3f}", spread, error, ""))
    head = f"{record['processor']}, {record['threads']} threads, {record['date']}"
    return head + "\n" + table(("PROGRAM", "SECONDS", "RANGE", "ERROR", ""), rows)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="480x640", help="height x width")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--install", type=Path, metavar="FOLDER")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=PYTHON")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.folder)
        return
    sys.path.insert(0, str(ROOT))
    from fusionlib.images.io import atomic_path

    record = compare(arguments)
    print(report(record))
    if arguments.json:
        with atomic_path(arguments.json) as path:
            Path(path).write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
