"""Write ``trained.csv``: the numbers that carry the argument, by the paper's network.

Run with weights of the Oxford release, as ``python book/results/make_trained.py`` with
FUSIONLIB_WEIGHTS (and FUSIONLIB_DATA, for the first real pair) set. Pages made with
other weights show these numbers beside their own.
"""

from __future__ import annotations

import re
import sys

from fusionbook import simulated as tasks
from fusionbook.text import TRAINED, key_numbers, task_numbers
from fusionbook.trade import write_results
from fusionlib import load_pair
from fusionlib.vgg.weights import quiet_weights

#: What needs no sample of relu4_1.
SHALLOW = re.compile(r"(weight|floor|negated) relu[123]_1$")

#: The stack of exposures of chapter 9.
STOPS = (-3, -1, 1, 3)


def main() -> None:
    """Compute the numbers of all pairs and tasks and write the file."""
    weights = quiet_weights()
    if weights.kind != "paper":
        sys.exit(f"these are not the weights of the paper's network: {weights.label}")
    pairs = (load_pair("street"), load_pair(1))
    examples = (tasks.multi_focus(), tasks.multi_exposure(STOPS), tasks.medical())
    found = [(pair, key_numbers(pair, weights)) for pair in pairs]
    found += [(task, task_numbers(task, weights)) for task in examples]
    rows = []
    for source, numbers in found:
        for (setting, name), value in numbers.items():
            note = "conv4_1 partial" if weights.partial else ""
            note = "" if SHALLOW.search(name) else note
            row = {"pair": source.name, "setting": setting, "name": name}
            rows.append(row | {"value": f"{value:.6g}", "note": note})
    write_results(
        __file__,
        TRAINED.name,
        rows,
        weights=weights.provenance,
        pairs="the rendered scene street; pair 1 of the registry (data/)",
        tasks="those of chapter 9, from pictures of scikit-image",
    )


if __name__ == "__main__":
    main()
