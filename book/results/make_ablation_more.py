"""Write ``ablation_more.csv``: what ``ablation.csv`` does not hold of some variants.

Q_abf of Xydeas and Petrovic, the feature mutual informations, and lambda at the input
scale 255. Crops and weights are those of the ablation, and what both files
hold is compared. Needs the 21 real pairs and the paper's weights (FUSIONLIB_WEIGHTS).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fusionbook.ablation import read_ablation
from fusionbook.trade import write_results
from fusionlib import load_pair
from fusionlib.evaluation.ablation import centre
from fusionlib.evaluation.variants import Variant, measure, variant
from fusionlib.images.io import to_uint8
from fusionlib.metrics import evaluate
from fusionlib.vgg.weights import VGGWeights, quiet_weights

FOLDER = Path(__file__).parent

METRICS = ("Q_abf", "FMI_dct", "FMI_w", "SSIM_a", "N_abf", "Q_abf_kumar")
COLUMNS = (*METRICS, "spread", "shift", "psnr_mean", "target", "texture")

#: Variants of the ablation that are measured again.
AGAIN = (
    "mean", "laplacian", "paper", "released", "seeded", "scale 255",
    "seeded, scale 255", "gradient", "no biases", "seeded, no biases",
    "scale 255, only relu1_1", "scale 255, absmax", "seeded, scale 255, absmax",
)  # fmt: skip


def variants() -> list[Variant]:
    """Return what is measured; the slow metrics are computed here, once."""
    known = [replace(variant(name), fmi=False) for name in AGAIN]
    best = variant("scale 255, absmax")
    for lam in (0.5, 50.0, 500.0):
        name = f"{best.name}, lambda {lam:g}"
        config = best.config.replace(lam=lam)
        known.append(replace(best, name=name, fmi=False, config=config))
    return known


def rows(
    names: list[str], crop: tuple[int, int], weights: VGGWeights
) -> Iterator[dict[str, Any]]:
    """Return a line for each pair and variant."""
    for name in names:
        pair = centre(load_pair(name), crop)
        for one, fused, row in measure(pair, variants(), weights):
            image = to_uint8(fused) / 255
            values = row | dict(evaluate(image, pair.sources, metrics=METRICS))
            cells = {key: f"{values[key]:.7g}" for key in COLUMNS}
            cells = {key: "" if v == "nan" else v for key, v in cells.items()}
            yield {"pair": name, "variant": one.name, **cells}
        print(name, flush=True)


def main() -> None:
    """Measure, compare with what is stored, and write."""
    stored = read_ablation(FOLDER / "ablation.csv")
    weights = quiet_weights()
    if weights.kind != "paper":
        sys.exit("FUSIONLIB_WEIGHTS must name the paper's network")
    crop = tuple(stored.provenance["crop"])
    found = list(rows(stored.pairs, (crop[0], crop[1]), weights))
    off = 0.0
    for row in found:
        before = stored.rows.get((row["pair"], row["variant"]))
        for column in ("Q_abf_kumar", "SSIM_a", "N_abf", "spread", "shift"):
            if before is not None and row[column]:
                off = max(off, abs(before[column] - float(row[column])))
    print(f"what both files hold differs by at most {off:.1e}")
    write_results(
        __file__,
        "ablation_more.csv",
        found,
        weights=stored.provenance["weights"],
        crop=crop,
        pairs="21 pairs of the registry (data/), five rendered scenes",
    )


if __name__ == "__main__":
    main()
