"""Write ``released_jsr.csv``: the metrics of images that the released programs made.

Needs the 21 real pairs, and in FUSIONLIB_REFERENCE the folder ``jsr_all`` with the
images of the released JSR and JSRSD for all of them, which a public mirror of the
authors' comparison package holds:
github.com/thfylsty/Classic-and-state-of-the-art-image-fusion-methods.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import time
from pathlib import Path

from fusionlib import __version__, load_pair, read_image
from fusionlib.data import NUMBERS
from fusionlib.images.io import atomic_path
from fusionlib.metrics import PAPER_METRICS, evaluate

FILE = Path(__file__).with_name("released_jsr.csv")


def main() -> None:
    """Measure all images and write the file."""
    if not (reference := os.environ.get("FUSIONLIB_REFERENCE")):
        sys.exit("FUSIONLIB_REFERENCE must name the folder with jsr_all")
    about = {
        "version": __version__,
        "images": "jsr_all: released JSR and JSRSD, 21 pairs of the registry (data/)",
        "convention": "published",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }
    buffer = io.StringIO()
    buffer.write(f"# book/results/make_released.py {json.dumps(about)}\n")
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(["method", "image", *PAPER_METRICS])
    for method in ("jsr", "jsrsd"):
        for number in NUMBERS:
            path = Path(reference, "jsr_all", f"fused{number}_{method}.png")
            values = evaluate(
                read_image(path), load_pair(number).sources, metrics=PAPER_METRICS
            )
            row = [f"{values[name]:.7f}" for name in PAPER_METRICS]
            table.writerow([method, number, *row])
    with atomic_path(FILE) as temporary:
        temporary.write_text(buffer.getvalue(), "utf-8")


if __name__ == "__main__":
    main()
