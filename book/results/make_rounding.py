"""Write ``rounding.csv``: the paper's four metrics of the plain mean, by its rounding.

Half of all pixels of the mean of two 8-bit images lie between two levels. Needs the 21
real pairs (FUSIONLIB_DATA or ``fusionlib data fetch``). With the authors' eleven fused
images in FUSIONLIB_REFERENCE it also writes ``authors.csv``, their metrics.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pywt

from fusionbook.trade import write_results
from fusionlib import load_pair, read_image
from fusionlib.data import NUMBERS
from fusionlib.images.io import to_uint8
from fusionlib.metrics import METRICS, PAPER_METRICS, evaluate, fmi


def means(first: np.ndarray, second: np.ndarray) -> dict[str, np.ndarray]:
    """Return the mean of two images of 8-bit levels in [0, 1], by rounding."""
    total = np.rint(255 * first).astype(int) + np.rint(255 * second).astype(int)
    down, odd = total // 2, total % 2
    floats = (first + second) / 2
    return {
        "half to even of integers": (down + odd * (down % 2)) / 255,
        "half up of integers": (down + odd) / 255,
        "np.rint of floats": np.rint(255 * floats) / 255,
        "to_uint8 of floats": to_uint8(floats) / 255,
        "not rounded": floats,
    }


def subbands(image: np.ndarray) -> np.ndarray:
    """Return the subbands of the 62-tap filter dmey of PyWavelets, tiled, in [0, 1]."""
    low, details = pywt.dwt2(image, "dmey", mode="symmetric")
    tiles = np.block([[low, details[0]], [details[1], details[2]]])
    return (tiles - tiles.min()) / np.ptp(tiles)


def rounding_rows() -> list[dict[str, Any]]:
    """Return the metrics of the mean of each pair, by its rounding."""
    rows = []
    for number in NUMBERS:
        first, second = load_pair(number).sources
        total = np.rint(255 * first) + np.rint(255 * second)
        odd = float((total % 2).mean())
        for rounding, image in means(first, second).items():
            values = evaluate(image, [first, second], metrics=PAPER_METRICS)
            cells = {name: f"{value:.7f}" for name, value in values.items()}
            row = {"image": number, "rounding": rounding} | cells
            rows.append(row | {"odd": f"{odd:.4f}"})
        print(number, flush=True)
    return rows


def authors_rows(folder: Path) -> list[dict[str, Any]]:
    """Return the metrics of the fused images that the authors published."""
    rows = []
    for number in NUMBERS:
        path = folder / f"fused{number}.png"
        if not path.is_file():
            continue
        sources, fused = load_pair(number).sources, read_image(path)
        values = evaluate(fused, sources, metrics=PAPER_METRICS)
        exact = METRICS["N_abf"](fused, sources, convention="exact")
        gap = 255 * (fused - np.mean(sources, axis=0))
        short = fmi(subbands(fused), [subbands(s) for s in sources], feature="pixel")
        cells = dict(values) | {"N_abf_exact": exact, "FMI_w_62_taps": short}
        cells["departure"] = float(np.sqrt(np.mean(gap**2)))
        row = {"image": number} | {name: f"{v:.7f}" for name, v in cells.items()}
        rows.append(row | {"largest_departure": f"{np.abs(gap).max():.1f}"})
        print("authors", number, flush=True)
    return rows


def main() -> None:
    """Measure and write."""
    convention = "published, unless the column says exact"
    about = {"images": "plain mean of the 21 pairs of the registry (data/)"}
    about["convention"] = convention
    write_results(__file__, "rounding.csv", rounding_rows(), **about)
    if reference := os.environ.get("FUSIONLIB_REFERENCE"):
        rows = authors_rows(Path(reference, "icpr2018_fused"))
        about["images"] = "the fused images that the authors published with the paper"
        write_results(__file__, "authors.csv", rows, **about)


if __name__ == "__main__":
    main()
