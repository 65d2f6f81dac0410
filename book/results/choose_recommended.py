"""Choose the preset ``recommended`` and write ``recommended.csv``, by rules set first.

Run as ``python book/results/choose_recommended.py FOLDER`` with the Oxford weights and
the 21 real pairs on this machine. FOLDER keeps what was computed; the same command goes
on where it was stopped. VIFB is not looked at.

The rules, written before anything was computed with this file:

1. Candidates are all combinations of :data:`GRID`; :data:`FIXED` is the same for all.
2. On the five rendered scenes, in the mean, a candidate must keep at least 0.65 of the
   contrast of the warm targets and between 0.95 and 1.25 of the texture; and, with gain
   1 instead of its own, at least 0.60 of the contrast with an exact N_abf of at most
   0.07.
3. Of these, the criterion is the mean z-score: of each of the 13 metrics of VIFB, on
   each scene and on the middle 256x320 pixels of each of the 21 TNO pairs, the distance
   from the mean of a pool of references (:data:`POOL`) in their standard deviations,
   positive where better, limited to 3 either way; averaged over metrics, then over
   scenes and over pairs, then over the two.
4. In the order of the criterion, the first candidate is chosen whose halo, border strip
   and noise (``fusionbook.trade``) are not above those of the Laplacian pyramid.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fusionbook.trade import (
    TRUTH,
    border_strip,
    fuser,
    halo,
    noise_gain,
    sweep,
    truth,
    write_results,
)
from fusionlib import FusionConfig, load_pair
from fusionlib.baselines import two_scale
from fusionlib.data import list_pairs
from fusionlib.evaluation.ablation import centre
from fusionlib.evaluation.runner import (
    Item,
    Runner,
    array_digest,
    code_digest,
    progress_bar,
)
from fusionlib.fusion import Model, load_model
from fusionlib.images.io import to_uint8
from fusionlib.metrics import METRICS, evaluate
from fusionlib.vgg.weights import quiet_weights

GRID = {
    "base": ("activity", "contrast"),
    "base_power": (2.0, 4.0),
    "guided_radius": (0, 4, 16),
    "lam": (5.0, 20.0, 50.0),
    "power": (2.0, 4.0),
    "gain": (1.0, 1.1, 1.2, 1.3, 1.4, 1.5),
}
FIXED = {"input_scale": 255.0, "selection": "absmax", "mirror": 32}

POOL = ("mean", "laplacian", "dwt", "two_scale", "wls", "cbf", "paper", "released")

VIFB = (
    "CE", "EN", "MI", "PSNR", "AG", "EI", "Q_abf", "SD", "SF", "RMSE", "SSIM", "Q_CB",
    "Q_CV",
)  # fmt: skip

#: What makes each of them larger where it is better.
SIGNS = [-1 if METRICS[name].direction == "lower" else 1 for name in VIFB]

PRICE = ("halo", "border", "noise")
CROP = (256, 320)
SEED = 0


def reference(name: str, model: Model) -> Any:
    """Return a method of the pool; two_scale mirrors the border, as it did before."""
    if name == "two_scale":
        return functools.partial(two_scale, convention="exact")
    return fuser(name, model)


def main() -> None:
    """Compute what is missing, choose, and write the table."""
    model = load_model(quiet_weights())
    pairs = [centre(load_pair(name), CROP) for name in names()]
    scenes = [p for p in pairs if p.target_mask is not None]
    settings = {
        "code": code_digest("baselines", "metrics", "evaluation/variants.py"),
        "weights": model.weights.sha256,
        "precision": model.network.precision,
        "seed": SEED,
    }
    configs = [
        FusionConfig(**FIXED, **dict(zip(GRID, values, strict=True)))
        for values in itertools.product(*GRID.values())
    ]
    with Runner(Path(sys.argv[1])) as runner:

        def ask(stage: str, work: Any, items: Any, about: Any) -> dict[str, Any]:
            made = [
                Item(f"{stage} {name}", {"data": d, **about}, settings, (), arguments)
                for name, d, arguments in items
            ]
            with progress_bar(len(made), stage, True) as advance:
                records = runner.run(made, work, None, advance)
            for record in records:
                if record["result"] != "done":
                    sys.exit(f"{record['name']}: {record['error']}")
            return {
                item[0]: record["value"]
                for item, record in zip(items, records, strict=True)
            }

        items = [
            (p.name, array_digest(*p.sources, p.target_mask), (p, model, configs))
            for p in scenes
        ]
        about = {"grid": GRID, "fixed": FIXED}
        on_scenes = np.mean(list(ask("truth", truths, items, about).values()), axis=0)
        allowed = feasible(configs, on_scenes)
        print(f"{len(configs)} candidates, {sum(allowed)} keep to rule 2")
        kept = [c for c, fine in zip(configs, allowed, strict=True) if fine]
        items = [(p.name, array_digest(*p.sources), (p, model, kept)) for p in pairs]
        about = {"configs": [config.as_dict() for config in kept], "pool": POOL}
        scores = ask("scores", z_scores, items, about)
        z = [
            np.mean([scores[p.name]["z"] for p in group], axis=0)
            for group in (scenes, [p for p in pairs if p.target_mask is None])
        ]
        order = np.argsort(-np.mean(z, axis=0), kind="stable")
        prices = {"laplacian": ask_price(ask, "laplacian", model, scenes)}
        chosen = None
        for k in order:
            name = json.dumps(kept[k].as_dict())
            prices[name] = ask_price(ask, kept[k], model, scenes)
            if np.all(np.array(prices[name]) <= prices["laplacian"]):
                chosen = kept[k]
                break
    print("chosen:", chosen, "\nprice of the Laplacian pyramid:", prices["laplacian"])
    rows = []
    for k, config in enumerate(configs):
        row = {name: getattr(config, name) for name in GRID}
        row |= {n: f"{v:.6g}" for n, v in zip(TRUTH, on_scenes[k], strict=True)}
        place = kept.index(config) if config in kept else None
        for n, values in zip(("z_scenes", "z_pairs"), z, strict=True):
            row[n] = "" if place is None else f"{values[place]:.6g}"
        price = prices.get(json.dumps(config.as_dict()))
        row |= {n: f"{price[i]:.6g}" if price else "" for i, n in enumerate(PRICE)}
        row["chosen"] = "yes" if config == chosen else ""
        rows.append(row)
    write_results(
        __file__,
        "recommended.csv",
        rows,
        weights=model.weights.label,
        data="five rendered scenes; middle 256x320 pixels of the 21 TNO pairs",
        fixed=FIXED,
        pool=POOL,
        laplacian=dict(zip(PRICE, prices["laplacian"], strict=True)),
    )


def names() -> list[str]:
    """Return the names of the scenes and of the TNO pairs, without those of VIFB."""
    return [p.name for p in list_pairs() if not p.name.startswith("vifb:")]


def truths(pair: Any, model: Model, configs: list[FusionConfig]) -> list[Any]:
    """Return target, texture and N_abf of each candidate on a scene."""
    return [
        truth(fused, pair) for _, fused in sweep(pair.sources, configs, model.network)
    ]


def feasible(configs: list[FusionConfig], values: np.ndarray) -> list[bool]:
    """Return which candidates keep to rule 2."""
    at = {config: row for config, row in zip(configs, values, strict=True)}
    found = []
    for config, (target, texture, _) in zip(configs, values, strict=True):
        calm_target, _, artifacts = at[config.replace(gain=1.0)]
        found.append(
            bool(target >= 0.65 and 0.95 <= texture <= 1.25)
            and bool(calm_target >= 0.60 and artifacts <= 0.07)
        )
    return found


def measured(fused: np.ndarray, sources: Any) -> list[float]:
    """Return the 13 metrics, larger is better, of an image as it is saved."""
    values = evaluate(to_uint8(fused) / 255, sources, metrics=VIFB, convention="vifb")
    return [sign * values[name] for sign, name in zip(SIGNS, VIFB, strict=True)]


def z_scores(pair: Any, model: Model, configs: list[FusionConfig]) -> Any:
    """Return the mean z-score of each candidate on a pair, and of the pool."""
    pool = np.array(
        [measured(reference(name, model)(pair.sources), pair.sources) for name in POOL]
    )
    fused = sweep(pair.sources, configs, model.network)
    ours = np.array([measured(np.clip(f, 0, 1), pair.sources) for _, f in fused])
    return {"z": mean_z(ours, pool).tolist(), "pool": mean_z(pool, pool).tolist()}


def mean_z(scores: np.ndarray, pool: np.ndarray) -> np.ndarray:
    """Return the criterion of rule 3 on one pair, for each row of 13 metrics."""
    z = (scores - pool.mean(axis=0)) / pool.std(axis=0, ddof=1)
    return np.clip(z, -3, 3).mean(axis=-1)


def price(method: Any, model: Model, scenes: Any) -> list[float]:
    """Return halo, border strip and noise."""
    fuse = fuser(method, model)
    return [
        halo(fuse),
        border_strip(fuse, scenes),
        noise_gain(fuse, scenes, seed=SEED),
    ]


def ask_price(ask: Any, method: Any, model: Model, scenes: Any) -> list[float]:
    """Return the price of one method, computed once."""
    name = method if isinstance(method, str) else json.dumps(method.as_dict())
    data = array_digest(*(s for p in scenes for s in p.sources))
    return ask("price", price, [(name, data, (method, model, scenes))], {})[name]


if __name__ == "__main__":
    main()
