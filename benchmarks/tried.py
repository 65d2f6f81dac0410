"""What was tried to make the network faster: seconds of each for one 640x480 pair.

All variants compute the nine convolutions on two sources in float32, without the rest
of the method. Variants whose library is missing are left out.

    python benchmarks/tried.py [--repeats 3]
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fusionlib import FusionConfig  # noqa: E402
from fusionlib.cli.options import table  # noqa: E402
from fusionlib.features import Network, activities, build_network  # noqa: E402
from fusionlib.vgg.weights import load_weights  # noqa: E402


def variants(details: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the name of each variant and what runs it."""
    weights = load_weights("seeded")
    plain = build_network(weights)
    three = torch.from_numpy(details).float()[:, None].repeat(1, 3, 1, 1)
    yield "plain, one source at a time", lambda: [plain(x[None]) for x in three]
    yield "plain, sources in one batch", lambda: plain(three)
    last = build_network(weights).to(memory_format=torch.channels_last)
    wide = three.contiguous(memory_format=torch.channels_last)
    yield "channels-last", lambda: last(wide)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(build_network(weights), three[:, :, :64, :64])
        packed = torch.jit.optimize_for_inference(torch.jit.freeze(traced))
    yield "weights packed by oneDNN beforehand (frozen)", lambda: packed(three)
    compiled = torch.compile(
        build_network(weights).to(memory_format=torch.channels_last)
    )
    yield "torch.compile, channels-last", lambda: compiled(wide)
    try:
        import openvino
    except ImportError:
        pass
    else:
        model = openvino.convert_model(build_network(weights), example_input=three)
        ready = openvino.compile_model(
            model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
        )
        yield "OpenVINO", lambda: ready(three.numpy())
    network = Network(weights, "cpu", "fp32")
    config = FusionConfig()
    yield (
        "ours, activity maps included",
        lambda: list(activities(details, network, config)),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    details = np.random.RandomState(0).uniform(-0.2, 0.2, (2, 480, 640))
    rows = []
    for name, run in variants(details):
        times = []
        try:
            with torch.inference_mode():
                for _ in range(repeats + 1):
                    start = time.perf_counter()
                    run()
                    times.append(time.perf_counter() - start)
        except Exception as error:
            rows.append((name, f"does not run: {type(error).__name__}", ""))
            continue
        rows.append((name, f"{min(times[1:]):.2f}", f"{times[0]:.2f}"))
    print(table(("VARIANT", "SECONDS", "FIRST CALL"), rows))


if __name__ == "__main__":
    main()
