"""Write ``one_step.csv``: what each change of the preset ``recommended`` is worth.

Run as ``python book/results/make_one_step.py FOLDER`` with the Oxford weights and the
21 real pairs on this machine; FOLDER keeps what was computed, and the same command
goes on where it was stopped. Pairs and metrics are those of ``choose_recommended.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from choose_recommended import (
    CROP,
    POOL,
    SIGNS,
    VIFB,
    mean_z,
    measured,
    names,
    reference,
)
from scipy.ndimage import gaussian_filter

from fusionbook.trade import TRUTH, fuser, truth, write_results
from fusionlib import FusionConfig, load_pair
from fusionlib.data import Pair
from fusionlib.decomposition import decompose
from fusionlib.evaluation.ablation import centre
from fusionlib.evaluation.runner import (
    Item,
    Runner,
    array_digest,
    code_digest,
    progress_bar,
)
from fusionlib.evaluation.variants import gradient_activity
from fusionlib.features import activities
from fusionlib.fusion import (
    BASE_SIGMA,
    Model,
    fuse_base,
    fuse_details,
    load_model,
    reconstruct,
    weigh_bases,
)
from fusionlib.images.filters import guided_filter
from fusionlib.vgg.weights import quiet_weights
from fusionlib.weight_maps import weights_from_activity

BEST = FusionConfig.preset("recommended")
PAPER = FusionConfig()

#: One change taken back at a time, or made otherwise.
TAKEN_BACK = {
    "recommended": BEST,
    "base averaged": BEST.replace(base="average", base_power=2.0, guided_radius=0),
    "base power 2": BEST.replace(base_power=2.0),
    "no guided filter": BEST.replace(guided_radius=0),
    "no mirror": BEST.replace(mirror=0),
    "scale 1": BEST.replace(input_scale=1.0),
    "power 1": BEST.replace(power=1.0),
    "power 4": BEST.replace(power=4.0),
    "largest value": BEST.replace(selection="max"),
    "lambda 5": BEST.replace(lam=5.0),
    "gain 1": BEST.replace(gain=1.0),
    "above the floor": BEST.replace(above_floor=True),
}

#: Where the activities of base and detail come from; None is as recommended.
OTHER_SOURCES = {
    "base by deep activity": ("trained", None),
    "base by random activity": ("random", None),
    "base by gradients": ("gradients", None),
    "detail by random activity": (None, "random"),
    "detail by magnitude": (None, "magnitude"),
}


def main() -> None:
    """Measure all variants on all pairs and write the table."""
    models = {
        "trained": load_model(quiet_weights()),
        "random": load_model("seeded"),
    }
    settings = {
        "code": code_digest("baselines", "metrics", "evaluation/variants.py"),
        "script": array_digest(np.frombuffer(Path(__file__).read_bytes(), np.uint8)),
        "weights": models["trained"].weights.sha256,
        "precision": "fp32",
    }
    pairs = [centre(load_pair(name), CROP) for name in names()]
    items = [
        Item(p.name, {"pair": array_digest(*p.sources, p.target_mask)}, settings, (),
             (p, models))
        for p in pairs
    ]  # fmt: skip
    with (
        Runner(Path(sys.argv[1])) as runner,
        progress_bar(len(items), "pair", True) as advance,
    ):
        records = runner.run(items, measure, None, advance)
    rows = []
    for record in records:
        if record["result"] != "done":
            sys.exit(f"{record['name']}: {record['error']}")
        for name, values in record["value"].items():
            row = {"pair": record["name"], "variant": name}
            numbers = zip((*VIFB, "z", *TRUTH), values, strict=True)
            rows.append(row | {n: "" if v is None else f"{v:.6g}" for n, v in numbers})
    write_results(
        __file__,
        "one_step.csv",
        rows,
        weights=models["trained"].weights.label,
        data="five rendered scenes; middle 256x320 pixels of the 21 TNO pairs",
        recommended=BEST.as_dict(),
        pool=POOL,
    )


def measure(pair: Pair, models: dict[str, Model]) -> dict[str, list[float | None]]:
    """Return metrics, z-score and truth of each variant on a pair."""
    trained = models["trained"]
    fused = {name: reference(name, trained)(pair.sources) for name in POOL}
    for name, config in TAKEN_BACK.items():
        fused[name] = fuser(config, trained)(pair.sources)
    for name, (base, detail) in OTHER_SOURCES.items():
        fused[name] = fuse_by(pair, base, detail, models)
    scores = {name: np.array(measured(i, pair.sources)) for name, i in fused.items()}
    pool = np.array([scores[name] for name in POOL])
    found: dict[str, list[float | None]] = {}
    for name, image in fused.items():
        known = pair.target_mask is not None
        kept = list(truth(image, pair)) if known else [None, None, None]
        values = (scores[name] * SIGNS).tolist()
        found[name] = [*values, float(mean_z(scores[name], pool)), *kept]
    return found


def fuse_by(
    pair: Pair, base: str | None, detail: str | None, models: dict[str, Model]
) -> np.ndarray:
    """Fuse with activities of base and detail from where they are told to come."""
    split = [decompose(s, BEST.lam, padding=BEST.padding) for s in pair.sources]
    bases, details = (np.stack(part) for part in zip(*split, strict=True))
    if detail == "magnitude":
        fused_detail = fuse_details({"relu1_1": np.abs(details)}, details, BEST).F_d
    else:
        C = activities(details, models[detail or "trained"].network, BEST)
        fused_detail = fuse_details(C, details, BEST).F_d
    if base == "gradients":
        weights = by_gradients(pair)
    else:
        config = BEST if base is None else BEST.replace(base="activity")
        network = models[base or "trained"].network
        weights = weigh_bases(pair.sources, config, network)
    fused_base = fuse_base(bases, weights)
    return np.clip(reconstruct(fused_base, fused_detail, BEST.gain), 0, 1)


def by_gradients(pair: Pair) -> np.ndarray:
    """Return weights of the base parts by gradients, smoothed over as many pixels."""
    strength = gradient_activity(pair.sources)
    smooth = [gaussian_filter(s, 4 * BASE_SIGMA, mode="nearest") for s in strength]
    maps = weights_from_activity(np.stack(smooth), BEST.base_power)
    if BEST.guided_radius:
        guide = np.mean(pair.sources, axis=0)
        fitted = [guided_filter(m, guide, BEST.guided_radius) for m in maps]
        maps = weights_from_activity(np.maximum(np.stack(fitted), 0))
    return maps


if __name__ == "__main__":
    main()
