"""Many settings of the method on one pair, and their price: halos, borders, noise."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from fusionlib import FusionConfig, __version__, fuse
from fusionlib.baselines import get_method
from fusionlib.config import PRESETS
from fusionlib.data import Pair
from fusionlib.decomposition import decompose
from fusionlib.evaluation.runner import write_csv
from fusionlib.evaluation.tables import read_table
from fusionlib.evaluation.variants import target_contrast, texture_retention
from fusionlib.features import Network, activities
from fusionlib.fusion import (
    Model,
    fuse_base,
    fuse_details,
    reconstruct,
    weigh_bases,
)
from fusionlib.metrics import n_abf

__all__ = [
    "EDGE",
    "STRIP",
    "TRUTH",
    "border_strip",
    "edge_pair",
    "fuser",
    "halo",
    "noise_gain",
    "read_results",
    "sweep",
    "truth",
    "write_results",
]

Image = NDArray[np.float64]
Fuse = Callable[[Sequence[Image]], Image]

#: What :func:`truth` returns.
TRUTH = ("target", "texture", "N_abf")

#: Pixels beside a rendered edge in which halos are looked for, from and to.
EDGE = (2, 16)

#: Width of the strip along the border, in pixels.
STRIP = 8

#: Pixels that are cut off around an image before it is fused again.
CUT = 32


def fuser(method: str | FusionConfig, model: Model) -> Fuse:
    """Return a function from sources to a fused image, clipped to [0, 1].

    Parameters
    ----------
    method : str or FusionConfig
        Name of a preset or of a baseline, or a configuration.
    model : Model
        The network.
    """
    if isinstance(method, str) and method not in PRESETS:
        baseline = get_method(method).function
        return lambda sources: np.clip(baseline(sources), 0, 1)
    config = FusionConfig.preset(method) if isinstance(method, str) else method
    return lambda sources: fuse(sources, config=config, weights=model).luminance


def read_results(path: str | Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the note and the rows of a table of ``book/results``.

    Numbers become floats, and empty cells NaN.
    """

    def value(text: str) -> Any:
        try:
            return float(text or "nan")
        except ValueError:
            return text

    with open(path, encoding="utf-8") as file:
        note = json.loads(file.readline().removeprefix("# "))
    rows = read_table(Path(path))
    return note, [{n: value(v) for n, v in row.items()} for row in rows]


def write_results(
    script: str, name: str, rows: Sequence[Mapping[str, Any]], **about: Any
) -> None:
    """Write a table of ``book/results``, with what made it in its first line.

    Parameters
    ----------
    script : str
        The file of the script, beside which the table is written.
    name : str
        Name of the table.
    rows : sequence of mapping
        Its lines, all with the same keys.
    **about
        What else the note says, besides script, version and date.
    """
    place = Path(script)
    note = {"made by": f"book/results/{place.name}", "version": __version__, **about}
    note["date"] = time.strftime("%Y-%m-%d", time.gmtime())
    write_csv(place.with_name(name), rows, f"# {json.dumps(note)}")


def sweep(
    sources: Sequence[Image], configs: Iterable[FusionConfig], network: Network
) -> Iterator[tuple[FusionConfig, Image]]:
    """Fuse a pair with many configurations; equal parts are computed once.

    Yields
    ------
    FusionConfig, numpy.ndarray of shape (H, W)
        The configuration and its fused image, as :func:`~fusionlib.fusion.fuse` does.
    """
    split: dict[Any, tuple[Image, Image]] = {}
    found: dict[Any, Any] = {}
    for config in configs:
        cut = config.lam, config.padding
        if cut not in split:
            both = [decompose(s, config.lam, padding=config.padding) for s in sources]
            split[cut] = np.stack([b for b, _ in both]), np.stack([d for _, d in both])
        bases, details = split[cut]
        after = config.replace(
            alpha=None, radius=1, upsampling="nearest", selection="max", power=1.0,
            gain=1.0, base="average", base_power=2.0, guided_radius=0,
        )  # fmt: skip
        if after not in found:
            found[after] = activities(details, network, after)
        base = (
            config.base, config.alpha, config.base_power, config.guided_radius,
            config.mirror, config.pooling,
        )  # fmt: skip
        if base not in found:
            found[base] = weigh_bases(sources, config, network)
        late = after, config.radius, config.upsampling, config.selection, config.power
        if late not in found:
            found[late] = fuse_details(found[after], details, config).F_d
        fused_base = fuse_base(bases, found[base])
        yield config, reconstruct(fused_base, found[late], config.gain)


def truth(fused: Image, pair: Pair) -> tuple[float, float, float]:
    """Return target contrast, texture and exact N_abf of a rendered scene."""
    image = np.clip(fused, 0, 1)
    artifacts = n_abf(image, pair.sources, convention="exact")
    return target_contrast(image, pair), texture_retention(image, pair), artifacts


def edge_pair() -> tuple[Image, Image, NDArray[np.bool_]]:
    """Return a rendered pair of flat areas, and where its warm target is.

    The infrared image shows a rectangle at 0.8 on 0.3, its edges as soft as those of a
    camera; the visible image is 0.5 everywhere.
    """
    target = np.zeros((256, 320), bool)
    target[80:176, 120:200] = True
    infrared = 0.3 + 0.5 * scipy.ndimage.gaussian_filter(target.astype(float), 0.7)
    return infrared, np.full(target.shape, 0.5), target


def halo(fuse_pair: Fuse) -> float:
    """Return the mean over- and undershoot beside a rendered edge, in grey levels.

    On both sides of the edge of :func:`edge_pair`, :data:`EDGE` pixels from it, the
    mean distance of the fused image from the level of that side: its median inside
    the target, or in the surroundings, farther away from the edge.
    """
    infrared, visible, target = edge_pair()
    fused = 255 * fuse_pair([infrared, visible])
    found = []
    for side in (target, ~target):
        inside = scipy.ndimage.distance_transform_edt(side)
        near = (inside > EDGE[0]) & (inside <= EDGE[1])
        found.append(np.abs(fused[near] - np.median(fused[inside > EDGE[1] + 8])))
    return float(np.concatenate(found).mean())


def border_strip(fuse_pair: Fuse, pairs: Iterable[Pair]) -> float:
    """Return what the border of an image changes beside it, in grey levels.

    Mean distance in the outer :data:`STRIP` pixels between a pair fused after its outer
    32 pixels were cut off and the same pixels of the whole pair fused.
    """
    inner = np.s_[CUT:-CUT, CUT:-CUT]
    found = []
    for pair in pairs:
        whole = fuse_pair(pair.sources)[inner]
        part = fuse_pair([np.ascontiguousarray(s[inner]) for s in pair.sources])
        strip = np.ones(part.shape, bool)
        strip[STRIP:-STRIP, STRIP:-STRIP] = False
        found.append(np.abs(part - whole)[strip].mean())
    return 255 * float(np.mean(found))


def noise_gain(
    fuse_pair: Fuse, pairs: Iterable[Pair], sigma: float = 0.02, seed: int = 0
) -> float:
    """Return by how much noise of the sources is amplified.

    Standard deviation of what Gaussian noise in both sources changes in the fused
    image, divided by that of the noise; the mean of two images has 0.71.
    """
    rng = np.random.default_rng(seed)
    found = []
    for pair in pairs:
        noisy = [
            np.clip(s + sigma * rng.standard_normal(s.shape), 0, 1)
            for s in pair.sources
        ]
        change = fuse_pair(noisy) - fuse_pair(pair.sources)
        found.append(change.std() / sigma)
    return float(np.mean(found))
