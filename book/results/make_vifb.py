"""Write ``vifb.csv``: this method, in several settings, and the mean on VIFB.

Run as ``python book/results/make_vifb.py FOLDER`` with the Oxford weights and the pairs
of VIFB on this machine (``fusionlib data fetch vifb``). FUSIONLIB_REFERENCE must name a
folder with ``vifb/means.csv``, the benchmark's means over 21 pairs, ``vifb/fused``,
some of its fused images, and ``vifb/values_odd.csv``, its values of these. FOLDER keeps
the images that are made; the same command goes on where it was stopped.
"""

from __future__ import annotations

import csv
import functools
import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from fusionbook.trade import write_results
from fusionlib import FusionConfig, compare, load_pair
from fusionlib.data import vifb_pairs
from fusionlib.fusion import fuse_image, load_model
from fusionlib.images.colour import fuse_colours
from fusionlib.images.io import atomic_path, to_uint8
from fusionlib.vgg.weights import quiet_weights

#: By name: a preset, or the plain mean; how colour is fused; which weights; and
#: how images are saved: as VIFB does, or without loss.
METHODS = {
    "released": ("released", "channels", None, ("jpg", "png")),
    "mean": ("mean", "channels", None, ("jpg", "png")),
    "paper by luminance": ("paper", "luminance", None, ("jpg",)),
    "mean by luminance": ("mean", "luminance", None, ("jpg",)),
    "recommended": ("recommended", "luminance", None, ("jpg",)),
    "recommended with vgg16": ("recommended", "luminance", "vgg16", ("jpg",)),
}

#: Names here of the metrics that VIFB writes otherwise.
NAMES = {"Qabf": "Q_abf", "Qcb": "Q_CB", "Qcv": "Q_CV"}


def main() -> None:
    """Fuse, evaluate, compare with what VIFB stores, and write the table."""
    folder, stored = Path(sys.argv[1]), Path(os.environ["FUSIONLIB_REFERENCE"], "vifb")
    weights = quiet_weights()
    save_images(folder, weights)
    means = read(stored / "means.csv", "method")
    values = read(stored / "values_odd.csv", "pair", "method")
    metrics = [NAMES.get(name, name) for name in means["DLF",]]
    names = [f"{name} {ending}" for name, m in METHODS.items() for ending in m[-1]]
    fused = {name: folder / name for name in names}
    options = {"metrics": metrics, "convention": "vifb"}
    ours = compare("vifb", fused=fused, output=folder / "ours", **options)
    given = sorted({path.stem.partition("_")[2] for path in stored.glob("fused/*")})
    odd = list(dict.fromkeys(pair for pair, _ in values))
    theirs = compare(
        [f"vifb:{pair}" for pair in odd],
        fused={name: f"{stored}/fused/*_{name}.jpg" for name in given},
        output=folder / "theirs",
        **options,
    )
    rows = [("VIFB", "21 pairs", m, *row.values(), "") for (m,), row in means.items()]
    for k, method in enumerate(given):
        known = np.array([list(values[pair, method].values()) for pair in odd], float)
        rows.append(("VIFB", "11 pairs", method, *numbers(known.mean(axis=0)), ""))
        again = numbers(theirs.means[k])
        rows.append(("again", "11 pairs", method, *again, ""))
    for p, pair in enumerate(ours.pairs):
        for m, method in enumerate(ours.methods):
            path = folder / method / f"{pair}.{method.rpartition(' ')[2]}"
            distance = from_dlf(path, stored)
            row = numbers(ours.values[m, p])
            rows.append(("fusionlib", pair, method, *row, distance))
    columns = ("origin", "pair", "method", *metrics, "psnr_from_dlf")
    write_results(
        __file__,
        "vifb.csv",
        [dict(zip(columns, row, strict=True)) for row in rows],
        weights=weights.label,
        images="by channel if not said; jpg: quality 75, 4:2:0; png: without loss",
        convention="vifb",
        VIFB="https://github.com/xingchenzhang/VIFB, its stored values",
    )


def save_images(folder: Path, weights: object) -> None:
    """Save the images of all methods, those that are not there yet."""
    for method, (preset, colour, other, endings) in METHODS.items():
        if preset == "mean":
            fuse = functools.partial(fuse_colours, lambda p: sum(p) / 2, colour=colour)
        else:
            config = FusionConfig.preset(preset, colour=colour)
            model = load_model(other or weights)
            fuse = functools.partial(fuse_image, config=config, weights=model)
        for name in vifb_pairs():
            short = name.partition(":")[2]
            paths = [folder / f"{method} {e}" / f"{short}.{e}" for e in endings]
            if all(path.exists() for path in paths):
                continue
            found = fuse(load_pair(name).sources)
            image = found[0] if isinstance(found, tuple) else found
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
                options = {"quality": 75, "subsampling": "4:2:0"}
                with atomic_path(path) as temporary:
                    Image.fromarray(to_uint8(image)).save(temporary, **options)
            print(name, method, flush=True)


def read(path: Path, *keys: str) -> dict[tuple[str, ...], dict[str, str]]:
    """Return the lines of a table by some of its columns."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {tuple(row.pop(key) for key in keys): row for row in rows}


def numbers(values: np.ndarray) -> list[str]:
    """Return values with as many digits as VIFB stores, and one more."""
    return [f"{value:.6g}" for value in values]


def from_dlf(path: Path, stored: Path) -> str:
    """Return the PSNR from the stored image of DLF, if it is there."""
    other = stored / "fused" / f"{path.stem}_DLF.jpg"
    if not other.exists():
        return ""
    images = [np.asarray(Image.open(p).convert("RGB"), float) for p in (path, other)]
    error = np.mean((images[0] - images[1]) ** 2)
    return f"{10 * np.log10(255**2 / error):.2f}"


if __name__ == "__main__":
    main()
