"""What each part of the method contributes: variants measured on many pairs.

The folder of an ablation holds ``ablation.csv`` and the manifest from which it is
written; see :mod:`fusionlib.evaluation.runner`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..data import Pair, list_pairs, load_pair, registry
from ..errors import InputError
from .pools import Pool
from .runner import (
    Item,
    Record,
    Runner,
    array_digest,
    code_digest,
    progress_bar,
    write_csv,
)
from .variants import COLUMNS, VARIANTS, measure

if TYPE_CHECKING:
    from ..vgg.weights import VGGWeights

__all__ = ["Measurer", "centre", "run_ablation"]

logger = logging.getLogger(__name__)


def centre(pair: Pair, size: tuple[int, int] | None) -> Pair:
    """Return the middle of a pair, at most ``size`` pixels high and wide."""
    if size is None:
        return pair
    cut = []
    for length, most in zip(pair.infrared.shape, size, strict=True):
        start = max(length - most, 0) // 2
        cut.append(slice(start, start + most))
    names = ("infrared", "visible", "target_mask", "texture_mask")
    planes = {name: getattr(pair, name) for name in names}
    inner: dict[str, Any] = {
        name: plane if plane is None else plane[tuple(cut)]
        for name, plane in planes.items()
    }
    return dataclasses.replace(pair, **inner)


@dataclass(eq=False)
class Measurer:
    """What a worker needs to measure variants of pairs.

    Parameters
    ----------
    weights : VGGWeights
        The weights of variants whose network is "trained".
    crop : tuple of int, optional
        Largest height and width that is used, from the middle of each pair.
    device : str, optional
        See :func:`fusionlib.vgg.convolution.resolve_device`.
    """

    weights: VGGWeights
    crop: tuple[int, int] | None = None
    device: str = "auto"

    def __call__(self, name: str, variants: Sequence[str]) -> dict[str, list[str]]:
        """Return the values of variants of a pair, by variant and as the table says."""
        pair = centre(load_pair(name), self.crop)
        return {
            chosen.name: ["" if math.isnan(v) else f"{v:.6g}" for v in row.values()]
            for chosen, _, row in measure(
                pair, variants, self.weights, device=self.device
            )
        }

    def settings(self, device: str) -> Record:
        """Return what must be the same for all rows of a table."""
        code = "fusion", "baselines", "metrics", "evaluation/variants.py"
        return {
            "code": code_digest(*code),
            "weights": self.weights.sha256,
            "precision": "fp32",
            "device": device,
            "crop": self.crop,
        }


def _digest(pair: Pair) -> str:
    """Return a digest of everything that is measured of a pair."""
    return array_digest(*pair.sources, pair.target_mask, pair.texture_mask)


def _passes(weights: VGGWeights) -> list[list[str]]:
    """Return the names of the variants, those together that share a pass.

    Without trained weights, variants that need them are left out.
    """
    passes: dict[Any, list[str]] = {}
    for chosen in VARIANTS.values():
        if weights.trained or chosen.network != "trained":
            passes.setdefault(chosen.pass_key, []).append(chosen.name)
    return list(passes.values())


def run_ablation(
    folder: str | os.PathLike[str],
    pairs: Sequence[str | int],
    weights: VGGWeights,
    pool: Pool | None = None,
    *,
    crop: tuple[int, int] | None = None,
    device: str = "auto",
    progress: bool = False,
) -> list[Record]:
    """Measure all variants of several pairs into ``ablation.csv``.

    Parameters
    ----------
    folder : path-like
        Where the table goes. What is measured there is not measured again: an
        interrupted call is continued by calling again. The first line of the table, a
        comment, holds the provenance as JSON.
    pairs : sequence of str or int
        See :func:`fusionlib.data.load_pair`.
    weights : VGGWeights
        The trained weights. Without them (random weights), variants that need
        them are left out.
    pool : Pool, optional
        Where to work; in this process by default.
    crop : tuple of int, optional
        Largest height and width that is used, from the middle of each pair.
    device : str, optional
        See :func:`fusionlib.vgg.convolution.resolve_device`.
    progress : bool, optional
        Show a progress bar on stderr.

    Returns
    -------
    list of dict
        The rows of the table: ``pair``, ``variant``, and the text of each of
        :data:`~fusionlib.evaluation.variants.COLUMNS`, empty where one is not defined.

    Raises
    ------
    InputError
        If a pair cannot be loaded or measured, or the folder cannot be written or
        holds rows of other code, other weights or another crop.
    """
    pool = pool or Pool()
    loaded = [load_pair(pair) for pair in pairs]
    kind = pool.device(device)
    measurer = Measurer(weights, crop, kind if device == "auto" else device)
    settings = measurer.settings(kind)
    items = [
        Item(f"{pair.name}: {names[0]}", {"pair": _digest(pair), "variants": names},
             settings, arguments=(pair.name, names))
        for pair in loaded for names in _passes(weights)
    ]  # fmt: skip
    with Runner(folder) as runner:
        runner.check_settings({"": settings})
        with progress_bar(len(items), "pass", progress) as advance:
            records = runner.run(items, measurer, pool, advance)
        rows = _rows(runner)
        note = "# fusionlib ablation " + json.dumps(_provenance(measurer, kind))
        write_csv(runner.folder / "ablation.csv", rows, note)
    for record in records:
        if record["result"] == "failed":
            raise InputError(f"pair {record['name']} failed: {record['error']}")
    return rows


def _provenance(measurer: Measurer, device: str) -> Record:
    return {
        "version": __version__,
        **measurer.settings(device),
        "weights": measurer.weights.provenance,
        "data": registry()["base_url"],
        "columns": COLUMNS,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _rows(runner: Runner) -> list[Record]:
    """Return the rows of all pairs in a folder, in the order of pairs and variants.

    Pairs that have changed since are left out.
    """
    found: dict[tuple[str, str], Sequence[str]] = {}
    digest = functools.cache(lambda name: _digest(load_pair(name)))
    for record in runner.records.values():
        pair = record["name"].partition(":")[0]
        if record["result"] == "done" and record["inputs"]["pair"] == digest(pair):
            found |= {(pair, name): row for name, row in record["value"].items()}
        else:
            logger.warning("ablation: %s is left out", record["name"])
    return [
        {"pair": pair.name, "variant": name}
        | dict(zip(COLUMNS, found[pair.name, name], strict=True))
        for pair in list_pairs()
        for name in VARIANTS
        if (pair.name, name) in found
    ]
