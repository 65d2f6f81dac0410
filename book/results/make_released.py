"""Write ``released_jsr.csv``: the metrics of images that the released programs made.

Needs the 21 real pairs, and in FUSIONLIB_REFERENCE the folder ``jsr_all`` with the
images of the released JSR and JSRSD for all of them, which a public mirror of the
authors' comparison package holds:
github.com/thfylsty/Classic-and-state-of-the-art-image-fusion-methods.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from fusionbook.trade import write_results
from fusionlib import load_pair, read_image
from fusionlib.data import NUMBERS
from fusionlib.metrics import PAPER_METRICS, evaluate


def main() -> None:
    """Measure all images and write the file."""
    if not (reference := os.environ.get("FUSIONLIB_REFERENCE")):
        sys.exit("FUSIONLIB_REFERENCE must name the folder with jsr_all")
    rows = []
    for method in ("jsr", "jsrsd"):
        for number in NUMBERS:
            path = Path(reference, "jsr_all", f"fused{number}_{method}.png")
            values = evaluate(
                read_image(path), load_pair(number).sources, metrics=PAPER_METRICS
            )
            cells = {name: f"{value:.7f}" for name, value in values.items()}
            rows.append({"method": method, "image": number} | cells)
    write_results(
        __file__,
        "released_jsr.csv",
        rows,
        images="jsr_all: released JSR and JSRSD, 21 pairs of the registry (data/)",
        convention="published",
    )


if __name__ == "__main__":
    main()
