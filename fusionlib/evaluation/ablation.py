"""What each part of the method contributes: variants measured on many pairs.

:func:`run_ablation` measures the variants of :mod:`fusionlib.evaluation.variants` on
many pairs, in a folder that can be stopped and continued (see
:mod:`fusionlib.evaluation.runner`); :func:`paired_bootstrap` says how certain a mean
difference between two of them is.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import hashlib
import io
import json
import logging
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..data import Pair, list_pairs, load_pair, registry
from ..errors import InputError, reason
from ..images.io import check_file
from ..images.validation import check_positive_int
from .pools import Pool
from .runner import Item, Record, Runner, code_digest, progress_bar, write_csv
from .variants import COLUMNS, VARIANTS, measure

if TYPE_CHECKING:
    from ..vgg.weights import VGGWeights

__all__ = [
    "Ablation",
    "Effect",
    "Measurer",
    "paired_bootstrap",
    "read_ablation",
    "run_ablation",
]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Effect:
    """A mean over pairs, with an interval for it.

    Attributes
    ----------
    mean, low, high : float
        The mean and the ends of the interval.
    pairs : int
        How many pairs it is a mean of.
    """

    mean: float
    low: float
    high: float
    pairs: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(
    differences: Any, *, samples: int = 10_000, level: float = 0.95, seed: int = 0
) -> Effect:
    """Return the mean of differences between two variants and an interval for it.

    Parameters
    ----------
    differences : array_like, shape (N,)
        One difference for each pair, N >= 2.
    samples : int, optional
        Number of resamples.
    level : float, optional
        Coverage of the interval.
    seed : int, optional
        Seed of the resampling, for the same interval every time.

    Returns
    -------
    Effect
        Percentile interval of the mean over pairs drawn with replacement. It says
        how the mean would vary with other pairs of the same kind, and is a little
        too narrow for few pairs.

    Raises
    ------
    InputError
        If there are fewer than two differences or one is not finite.

    References
    ----------
    * B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", 1993.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError("differences must be at least two finite numbers")
    samples = check_positive_int(samples, "samples")
    draws = np.random.RandomState(seed).randint(0, len(values), (samples, len(values)))
    tail = 50 * (1 - level)
    low, high = np.percentile(values[draws].mean(axis=1), [tail, 100 - tail])
    return Effect(float(values.mean()), float(low), float(high), len(values))


@dataclass(frozen=True, eq=False)
class Ablation:
    """Measured rows.

    Attributes
    ----------
    rows : dict
        A dict of values by column for each (pair, variant).
    provenance : dict
        Version, weights, data and date of the measurement.
    """

    rows: Mapping[tuple[str, str], Mapping[str, float]]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pairs(self) -> list[str]:
        """Names of the pairs, in the order of their rows."""
        return list(dict.fromkeys(pair for pair, _ in self.rows))

    @property
    def real_pairs(self) -> list[str]:
        """Names of the real pairs."""
        return [pair for pair in self.pairs if pair.startswith("tno")]

    @property
    def scenes(self) -> list[str]:
        """Names of the rendered scenes."""
        return [pair for pair in self.pairs if not pair.startswith("tno")]

    def values(
        self, name: str, column: str, pairs: Sequence[str] | None = None
    ) -> NDArray[np.float64]:
        """Return a column of one variant, a value for each pair.

        Parameters
        ----------
        name : str
            The variant.
        column : str
            One of :data:`COLUMNS`.
        pairs : sequence of str, optional
            Which pairs; the real ones by default.

        Raises
        ------
        InputError
            If there are none.
        """
        chosen = self.real_pairs if pairs is None else pairs
        if not chosen:
            raise InputError("pairs must be named where no real pair was measured")
        return np.array([self.rows[pair, name][column] for pair in chosen])

    def effect(
        self, name: str, against: str, column: str, pairs: Sequence[str] | None = None
    ) -> Effect:
        """Return by how much one variant exceeds another, see paired_bootstrap."""
        ours = self.values(name, column, pairs)
        return paired_bootstrap(ours - self.values(against, column, pairs))


_MARK = "# fusionlib ablation "


def read_ablation(path: str | os.PathLike[str]) -> Ablation:
    """Read an ``ablation.csv`` that :func:`run_ablation` wrote.

    Raises
    ------
    InputError
        If the file is missing or is not such a file.
    """
    path = check_file(path, "ablation")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"ablation: {path} cannot be read ({reason(error)})") from None
    first, _, body = text.partition("\n")
    if not first.startswith(_MARK):
        raise InputError(f"ablation: {path} was not written by 'fusionlib ablation'")
    try:
        rows = {
            (row["pair"], row["variant"]): {
                column: float(row[column]) if row[column] else math.nan
                for column in COLUMNS
            }
            for row in csv.DictReader(io.StringIO(body))
        }
        return Ablation(rows, dict(json.loads(first.removeprefix(_MARK))))
    except (KeyError, TypeError, ValueError, RecursionError, csv.Error) as error:
        raise InputError(f"ablation: {path} is damaged ({reason(error)})") from None


def _centre(pair: Pair, size: tuple[int, int] | None) -> Pair:
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
        pair = _centre(load_pair(name), self.crop)
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
    planes = [*pair.sources, pair.target_mask, pair.texture_mask]
    content = b"".join(b"none" if p is None else p.tobytes() for p in planes)
    return hashlib.sha256(content).hexdigest()


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
) -> Ablation:
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
    Ablation
        All rows of the table.

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
        path = runner.folder / "ablation.csv"
        write_csv(path, _rows(runner), _MARK + json.dumps(_provenance(measurer, kind)))
    for record in records:
        if record["result"] == "failed":
            raise InputError(f"pair {record['name']} failed: {record['error']}")
    return read_ablation(path)


def _provenance(measurer: Measurer, device: str) -> Record:
    weights = measurer.weights
    return {
        "version": __version__,
        **measurer.settings(device),
        "weights": {
            "name": weights.name,
            "sha256": weights.sha256,
            "trained": weights.trained,
            "partial": weights.partial,
        },
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
