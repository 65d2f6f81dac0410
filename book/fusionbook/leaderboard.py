"""The table of the project: who shows warm targets best, and adds no artifacts.

``python -m fusionbook.leaderboard one.py two.py`` runs the function
``fuse(infrared, visible)`` of each file on the five rendered scenes, whose targets and
texture are known, beside the mean of the sources, a Laplacian pyramid and the method of
the paper. It runs code: run only files that you have read.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fusionlib.config import FusionConfig
from fusionlib.data import Pair, load_pair, scenes
from fusionlib.errors import InputError, describe
from fusionlib.images.io import to_uint8
from fusionlib.images.validation import Image

from .trade import TRUTH, truth

__all__ = ["BASELINES", "MORE", "evaluate", "leaderboard", "load"]

#: How much more artifacts and how much less texture than the mean are allowed.
MORE = {"N_abf": 0.001, "texture": 0.02}

Method = Callable[[Image, Image], Image]


def _mean(infrared: Image, visible: Image) -> Image:
    return (infrared + visible) / 2


def _pyramid(infrared: Image, visible: Image) -> Image:
    from fusionlib.baselines import laplacian

    return laplacian([infrared, visible])


def _paper(infrared: Image, visible: Image) -> Image:
    from fusionlib.fusion import fuse
    from fusionlib.vgg.weights import quiet_weights

    config = FusionConfig.preset("paper")
    return fuse([infrared, visible], config=config, weights=quiet_weights()).image


#: What stands in every table.
BASELINES: dict[str, Method] = {
    "mean": _mean,
    "Laplacian pyramid": _pyramid,
    "paper": _paper,
}


def load(path: Path) -> Method:
    """Return the function ``fuse`` of a Python file.

    Parameters
    ----------
    path : pathlib.Path
        The file; it is executed.

    Returns
    -------
    function
        From infrared and visible image to the fused one.

    Raises
    ------
    InputError
        If there is no such file, or no function ``fuse`` in it.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError(f"{path} must be a Python file, there is none")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    method = getattr(module, "fuse", None)
    if not callable(method):
        raise InputError(f"{path} must define fuse(infrared, visible), it does not")
    return method


def evaluate(method: Method, pair: Pair) -> dict[str, float]:
    """Return the scores of a method on a rendered scene.

    Parameters
    ----------
    method : function
        From infrared and visible image in [0, 1] to the fused one.
    pair : Pair
        A scene with known targets and texture.

    Returns
    -------
    dict of str to float
        ``target`` and ``texture``: shares that are kept of the contrast of the warm
        targets and of the visible texture. ``N_abf``: artifacts, exact convention. All
        of the image rounded to 8 bit.

    Raises
    ------
    InputError
        If the method returns no image of the size of the sources.
    """
    fused = np.asarray(method(pair.infrared.copy(), pair.visible.copy()), dtype=float)
    if fused.shape != pair.infrared.shape or not np.all(np.isfinite(fused)):
        raise InputError(
            f"fuse must return an image of shape {pair.infrared.shape}, "
            f"got shape {fused.shape} or values that are not finite"
        )
    return dict(zip(TRUTH, truth(to_uint8(fused) / 255, pair), strict=True))


def leaderboard(
    methods: dict[str, Method], names: Sequence[str] | None = None
) -> list[tuple[str, dict[str, float], bool]]:
    """Rank methods by target contrast; those that break a limit come last.

    Parameters
    ----------
    methods : dict of str to function
        By name; ``mean`` must be among them, it sets the limits.
    names : sequence of str, optional
        Names of scenes, all five by default.

    Returns
    -------
    list of (str, dict, bool)
        Name, means of :func:`evaluate` over the scenes, and whether the method adds at
        most :data:`MORE` artifacts and loses at most that much texture.
    """
    pairs = [load_pair(name) for name in (names or scenes())]
    means = {}
    for name, method in methods.items():
        rows = [evaluate(method, pair) for pair in pairs]
        means[name] = {key: float(np.mean([r[key] for r in rows])) for key in rows[0]}
    most = means["mean"]["N_abf"] + MORE["N_abf"]
    least = means["mean"]["texture"] - MORE["texture"]
    kept = {
        name: row["N_abf"] <= most and row["texture"] >= least
        for name, row in means.items()
    }
    order = sorted(means, key=lambda name: (not kept[name], -means[name]["target"]))
    return [(name, means[name], kept[name]) for name in order]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table for the files that are named."""
    parser = argparse.ArgumentParser(
        prog="python -m fusionbook.leaderboard", description=__doc__.splitlines()[0]
    )
    parser.add_argument(
        "files", nargs="*", type=Path, help="with fuse(infrared, visible)"
    )
    asked = parser.parse_args(arguments)
    try:
        methods = BASELINES | {str(path): load(path) for path in asked.files}
        table = leaderboard(methods)
    except InputError as error:
        print(f"error: {describe(error)}", file=sys.stderr)
        return 2
    print(f"{'place':5}  {'method':24} {'target':>7} {'texture':>7} {'N_abf':>8}")
    for place, (name, row, kept) in enumerate(table, 1):
        print(
            f"{place if kept else '-':>5}  {name[-24:]:24} {row['target']:7.3f} "
            f"{row['texture']:7.3f} {row['N_abf']:8.5f}"
        )
    print("-: more artifacts or less texture than the project allows")
    return 0


if __name__ == "__main__":
    sys.exit(main())
