"""Write ``history.csv``: every method of the library on the five rendered scenes.

Run as ``python book/results/make_history.py FOLDER``; weights ``vgg16`` must be on this
machine (``fusionlib weights fetch vgg16``). FOLDER keeps what was computed, and the
same command goes on where it was stopped; a method is done again when its own module
has changed. Methods have their default parameters, and the slow ones come last. With
the authors' network for ``cnn`` (``fusionlib weights import cnn FILE``, or
``cnn/cnnmodel.mat`` in FUSIONLIB_REFERENCE) there are rows for that one, too.
"""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from choose_recommended import VIFB

from fusionbook.trade import TRUTH, fuser, truth, write_results
from fusionlib import load_pair
from fusionlib.baselines import METHODS
from fusionlib.data import Pair, scenes
from fusionlib.evaluation.runner import (
    Item,
    Runner,
    array_digest,
    code_digest,
    progress_bar,
)
from fusionlib.fusion import Model, load_model
from fusionlib.images.io import to_uint8
from fusionlib.metrics import evaluate

#: Presets of the paper's method beside the methods of the register.
OURS = ("paper", "recommended")

#: What the rows of ``cnn`` with the network of its authors are called.
AUTHORS = "cnn, authors' network"


def main() -> None:
    """Measure what is missing, and write the table after each method."""
    model = load_model("vgg16")
    pairs = [load_pair(name) for name in scenes()]
    quick = sorted(METHODS, key=lambda name: METHODS[name].seconds)
    file = Path(os.environ.get("FUSIONLIB_REFERENCE", ""), "cnn", "cnnmodel.mat")
    names = [*OURS, *quick]
    if file.is_file():
        names.insert(0, AUTHORS)
    found: dict[str, list[dict[str, str]]] = {}
    total = len(names) * len(pairs)
    with (
        Runner(Path(sys.argv[1])) as runner,
        progress_bar(total, "image", True) as advance,
    ):
        for name in names:
            options = {"weights": str(file)} if name == AUTHORS else {}
            settings = settings_of(name, model)
            items = [
                Item(f"{name}/{p.name}", {"pair": array_digest(*p.sources)}, settings,
                     (), (p, name, options, model))
                for p in pairs
            ]  # fmt: skip
            records = runner.run(items, measure, None, advance)
            found[name] = rows_of(name, pairs, records)
            write(found, model)


def settings_of(name: str, model: Model) -> dict[str, Any]:
    """Return what decides the values of a method."""
    if name in OURS:
        return {
            "code": code_digest("fusion", "metrics"),
            "weights": model.weights.sha256,
        }
    method = METHODS["cnn" if name == AUTHORS else name]
    source = Path(inspect.getfile(inspect.unwrap(method.function))).read_bytes()
    own = array_digest(np.frombuffer(source, np.uint8))
    return {
        "code": code_digest("metrics"),
        "module": own,
        "parameters": repr(method.parameters),
    }


def measure(
    pair: Pair, name: str, options: dict[str, Any], model: Model
) -> list[float]:
    """Return the 13 metrics of VIFB and what is known of the truth, for one image."""
    if name == AUTHORS:
        fused = METHODS["cnn"].function(pair.sources, **options)
    else:
        fused = fuser(name, model)(pair.sources)
    rounded = to_uint8(fused) / 255
    values = evaluate(rounded, pair.sources, metrics=VIFB, convention="vifb")
    return [*values.values(), *truth(rounded, pair)]


def rows_of(
    name: str, pairs: list[Pair], records: list[dict[str, Any]]
) -> list[dict[str, str]]:
    """Return the rows of a method."""
    rows = []
    for pair, record in zip(pairs, records, strict=True):
        if record["result"] != "done":
            sys.exit(f"{record['name']}: {record['error']}")
        numbers = zip((*VIFB, *TRUTH), record["value"], strict=True)
        row = {"pair": pair.name, "method": name}
        rows.append(row | {n: f"{value:.6g}" for n, value in numbers})
    return rows


def write(found: dict[str, list[dict[str, str]]], model: Model) -> None:
    """Write the rows that there are, in the order of the register."""
    order = [name for name in (*METHODS, AUTHORS, *OURS) if name in found]
    rows = [row for name in order for row in found[name]]
    write_results(
        __file__,
        "history.csv",
        rows,
        weights=model.weights.label,
        cnn="stand-in network, if not said",
        data="five rendered scenes, whole images, 8 bits",
        convention="vifb; N_abf exact",
    )


if __name__ == "__main__":
    main()
