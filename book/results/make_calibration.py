"""Write ``calibration.csv``: our metrics beside the values of others.

Run as ``python book/results/make_calibration.py`` with FUSIONLIB_REFERENCE (images and
stored values of VIFB, the authors' images and Table II) and FUSIONLIB_DATA (the real
pairs) set. For each metric and convention without such a value there is a case that can
be worked out by hand.
"""

from __future__ import annotations

import csv
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fusionbook.trade import write_results
from fusionlib.data import data_dir
from fusionlib.metrics import METRICS, evaluate

#: Names in VIFB's table, of metrics that are called otherwise here.
VIFB_NAMES = {"Qabf": "Q_abf", "Qcb": "Q_CB", "Qcv": "Q_CV"}
#: Methods of the paper's Table II whose images are given, and the pairs.
TABLE2 = {"Proposed": range(1, 22, 2), "CBF": (1, 5, 8), "WLS": (1, 5, 8)} | {
    "ConvSR": (1, 5, 8)
}

Row = dict[str, Any]


def read(path: Path) -> np.ndarray:
    """Return the pixels of a file."""
    return np.asarray(Image.open(path))


def row(
    metric: str, convention: str, against: str, pairs: list[tuple[str, float, float]],
    *, relative: bool, compared: bool = True,
) -> Row:  # fmt: skip
    """Return one line: means of ours and theirs, and the largest difference."""
    ours, reference = (math.fsum(p[k] for p in pairs) / len(pairs) for k in (1, 2))
    gaps = [
        abs(mine - theirs) / (abs(theirs) if relative else 1)
        for _, mine, theirs in pairs
    ]
    worst = int(np.argmax(gaps))
    return {
        "metric": metric,
        "convention": convention,
        "compared": "yes" if compared else "no",
        "against": against,
        "images": len(pairs),
        "ours": f"{ours:.8g}",
        "reference": f"{reference:.8g}",
        "difference": f"{gaps[worst]:.2g}",
        "unit": "relative" if relative else "absolute",
        "where": pairs[worst][0],
    }


def vifb_rows(folder: Path) -> Iterator[Row]:
    """Return the thirteen metrics on all images of VIFB that are given."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    with (folder / "values_odd.csv").open(newline="") as file:
        stored = list(csv.DictReader(file))
    for line in stored:
        pair, method = line["pair"], line["method"]
        path = folder / "fused" / f"{pair}_{method}.jpg"
        if not path.exists():
            continue
        sources = [read(folder / "input" / x / f"{pair}.jpg") for x in ("VI", "IR")]
        values = evaluate(read(path), sources, convention="vifb")
        for name, text in line.items():
            name = VIFB_NAMES.get(name, name)
            if name in values:
                entry = f"{pair} {method}", values[name], float(text)
                found.setdefault(name, []).append(entry)
        print(pair, method, flush=True)
    for name, pairs in found.items():
        yield row(name, "vifb", "values stored by VIFB", pairs, relative=True)


def table2_rows(reference: Path) -> Iterator[Row]:
    """Return N_abf of the authors' images and those of compared methods."""
    with (reference / "table2_nabf.csv").open(newline="") as file:
        printed = {int(line["image"]): line for line in csv.DictReader(file)}
    pairs = []
    for method, numbers in TABLE2.items():
        for n in numbers:
            path = reference / "baselines" / f"{method.lower()}{n}.png"
            if method == "Proposed":
                path = reference / "icpr2018_fused" / f"fused{n}.png"
            sources = [read(data_dir() / f"{band}{n}.png") for band in ("IR", "VIS")]
            value = METRICS["N_abf"](read(path), sources)
            pairs.append((f"{method} {n}", value, float(printed[n][method])))
    for convention in ("published", "tang"):
        against = "Table II of the paper"
        yield row("N_abf", convention, against, pairs, relative=False)


def texture() -> np.ndarray:
    """Return an image of 8-bit levels, no two windows alike."""
    return np.random.RandomState(0).randint(0, 256, (48, 50)).astype(np.uint8)


def constant(level: int) -> np.ndarray:
    """Return an image of one level."""
    return np.full((48, 50), level, np.uint8)


def halves() -> np.ndarray:
    """Return an image of two levels, 0 and 200."""
    image = constant(0)
    image[:, 25:] = 200
    return image


def ramp() -> np.ndarray:
    """Return an image that rises by five levels from column to column."""
    return np.tile(5 * np.arange(50, dtype=np.uint8), (48, 1))


def sigmoid(x: float, top: float, slope: float, middle: float) -> float:
    """Return the sigmoid of the edge measures."""
    return top / (1 + math.exp(-slope * (x - middle)))


def analytic() -> dict[str, tuple[str, Any, list[Any], dict[str, float]]]:
    """Return, by metric, a case: its name, images, and values by convention.

    The empty convention stands for all others.
    """
    image, step, rise, black = texture(), halves(), ramp(), constant(0)
    equal = ("equal images", image, [image, image])
    two = ("equal images of two levels", step, [step, step])
    slope = ("a ramp", rise, [rise, rise])
    none = ("black images", black, [black, black])
    apart = ("constants 30 and 60 levels away", constant(100), [constant(70)])
    apart[2].append(constant(160))
    square, n, q = (30**2 + 60**2) / 2 / 255**2, image.size, 0.43137
    tsallis = (1 - 2 * 0.5**q / 0.25 ** (q - 1)) / (1 - q)
    shares = [1.25 / 3, 0.875 / 3, 0.875 / 3]
    kumar = [
        math.sqrt(sigmoid(g, 0.9999, 19, 0.5) * sigmoid(1, 0.9995, 22, 0.5))
        for g in (1, 0)
    ]
    kept = (48 * kumar[0] + 2 * kumar[1]) / 50
    strong = sigmoid(40, 0.9994, 15, 0.5) * sigmoid(1, 0.9879, 22, 0.8)
    alike = sigmoid(1, 0.9994, 15, 0.5) * sigmoid(1, 0.9879, 22, 0.8)
    ones = {name: (*equal, {"": 1.0}) for name in (
        "FMI_dct", "FMI_w", "FMI_pixel", "FMI_gradient", "FMI_edge", "SSIM_a", "CC",
        "MS_SSIM", "VIFF", "Q", "Q_W", "Q_E", "Q_Y", "Q_CB",
    )}  # fmt: skip
    zeros = {name: (*equal, {"": 0.0}) for name in ("CE", "Q_CV", "SCD", "N_abf")}
    return ones | zeros | {
        "SSIM": (*equal, {"": 2.0, "tang": 1.0}),
        "VIF": (*equal, {"published": 2.0}),
        "Q_abf": (*slope, {"": strong, "exact": alike}),
        "Q_abf_kumar": (*slope, {"": kept}),
        "L_abf": (*slope, {"": 1 - kept}),
        "EI": (*slope, {"": (8 * 48 + 4 * 2) * 5 / 50}),
        "Q_P": (*none, {"": 0.0}),
        "EN": (*two, {"": 1.0}),
        "MI": (*two, {"": 2.0, "vifb": 2 * math.log(2)}),
        "NMI": (*two, {"": 2.0}),
        "Q_NCIE": (*two, {"": 1 + sum(v * math.log(v, 256) for v in shares)}),
        "Q_TE": (*two, {"": 2 * tsallis / (2 + tsallis)}),
        "SD": (*two, {"": 100.0, "tang": math.sqrt(255 / 2)}),
        "SF": (*slope, {"": 5.0, "vifb": 5 * math.sqrt(0.98), "tang": 5 / 255}),
        "AG": (*slope, {
            "": 5 / math.sqrt(2) * n / (47 * 49), "published": 5 / math.sqrt(2),
        }),
        "PSNR": (*apart, {
            "": -10 * math.log10(square),
            "tang": 10 * math.log10(255**2 / square),
            "vifb": 10 * math.log10(255**2 * math.sqrt(n) / 45),
        }),
        "RMSE": (*apart, {"": 45 / 255, "vifb": 45 / math.sqrt(n)}),
        "MSE": (*apart, {"": square}),
    }  # fmt: skip


def analytic_rows(done: set[tuple[str, str]]) -> Iterator[Row]:
    """Return what no value of others is known for."""
    cases = analytic() | {}
    black = constant(0)
    special = {
        ("Q_abf", "tang"): ("black images", black, [black, black], {"": 0.0}),
        ("VIF", "tang"): ("black images", black, [black, black], {"": 2.0}),
    }
    for name, metric in METRICS.items():
        for convention in metric.conventions:
            if (name, convention) in done:
                continue
            case, fused, sources, values = special.get((name, convention), cases[name])
            expected = values.get(convention, values.get("", math.nan))
            ours = metric(fused, sources, convention=convention)
            pairs = [(case, ours, expected)]
            yield row(
                name, convention, "not compared", pairs, relative=False, compared=False
            )


def main() -> None:
    """Compute and write the file."""
    named = os.environ.get("FUSIONLIB_REFERENCE")
    if not named:
        sys.exit("FUSIONLIB_REFERENCE must name the folder of the reference data")
    reference = Path(named)
    rows = [*table2_rows(reference), *vifb_rows(reference / "vifb")]
    rows += analytic_rows({(line["metric"], line["convention"]) for line in rows})
    order = {name: n for n, name in enumerate(METRICS)}
    rows.sort(key=lambda line: order[line["metric"]])
    write_results(
        __file__,
        "calibration.csv",
        rows,
        vifb="11 pairs, 8 methods: files and values of its repository",
        table2="the authors' images 1, 3 .. 21; CBF, WLS, ConvSR on 1, 5, 8",
    )


if __name__ == "__main__":
    main()
