"""Explorer of chapter 5: candidates, maximum, reconstruction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.fusion import fuse, reconstruct
from fusionlib.images.io import to_uint8

from ..colours import LAYER_COLOURS, rgb
from ..packing import pack
from . import _arithmetic as arithmetic
from ._arithmetic import Bytes
from ._controls import Choice, Slider, State, Switches
from ._core import Picture, View
from ._shown import ShownExplorer

__all__ = ["SelectionExplorer", "selection_explorer"]

#: How much differences from the mean are enlarged.
GAIN = 16

#: How a value of the read-out is printed; ``explorers.js`` has the same three.
FORMS: dict[str, Callable[[Any], str]] = {
    "whole": str,
    "hundredths": lambda value: f"{value / 100:.2f}",
    "signed": lambda value: f"{value / 100:+.2f}".replace("-", "−"),
}

HERE = " Here {} wins."

VIEWS = (
    ("fused", "Fused image"),
    ("mean", "Mean of the sources"),
    ("infrared", "Infrared"),
    ("visible", "Visible"),
    ("winner", "Winning layer"),
    ("difference", f"Fused − mean, × {GAIN}"),
)


def selection_explorer(
    pair: Any = "street", weights: Any = None, *, full: bool = True
) -> SelectionExplorer:
    """Switch layers on and off and see which of them makes the fused image.

    ``pair`` and ``weights`` are as for every explorer: :mod:`fusionbook.explorers`.

    Parameters
    ----------
    full : bool, optional
        Offer both selection rules and read out candidates in hundredths of a grey
        level. Without it, the static page is about half as heavy.
    """
    return SelectionExplorer(pair, weights, full)


class SelectionExplorer(ShownExplorer):
    """See :func:`selection_explorer`."""

    kind = "selection"
    title = "Who wins the maximum?"
    how = (
        "Switch layers on and off, move the dividing line, and pick a pixel to read "
        "every candidate."
    )
    head = ("At the marked pixel", "Grey levels", "")
    pictures = (
        Picture(
            "picture",
            "Left and right of the line: the two pictures chosen.",
            "Two pictures of the scene, one on each side of a dividing line",
        ),
    )

    def __init__(self, pair: Any, weights: Any = None, full: bool = True) -> None:
        self.full = full
        super().__init__(pair, weights)

    def prepare(self) -> None:
        result = fuse(self.pair.sources, weights=self.weights)
        self.layers = result.config.layers
        candidates = np.stack(list(result.F_d_i.values()))
        self.codes = {"max": arithmetic.ranking(candidates)}
        if self.full:
            self.codes["absmax"] = arithmetic.ranking(candidates, "absmax")
        self.fused = [to_uint8(reconstruct(result.F_b, c)) for c in candidates]
        self.base = to_uint8(result.F_b)
        # Read-outs in hundredths of a grey level.
        self.base_value = _hundredths(result.F_b)
        self.values = [_hundredths(c) for c in candidates]
        height, width = self.shape
        rules = (("max", "Largest value (paper)"), ("absmax", "Largest magnitude"))
        self.controls = (
            Switches(
                "layers",
                "Layers in the maximum",
                tuple((name, name) for name in self.layers),
                self.layers,
                LAYER_COLOURS,
            ),
            *([Choice("rule", "Selection rule", rules, "max")] if self.full else []),
            Choice("left", "Left picture", VIEWS, "fused"),
            Choice("right", "Right picture", VIEWS, "winner"),
            Slider("wipe", "Dividing line", range(101), 50, "{} %"),
            Slider("x", "Pixel column", range(width), width * 5 // 8, "{}", "x"),
            Slider("y", "Pixel row", range(height), height * 5 // 8, "{}", "y"),
        )

    @property
    def planes(self) -> dict[str, NDArray[Any]]:
        """What does not depend on the state, by name."""
        infrared, visible = self.sources_8bit
        planes: dict[str, NDArray[Any]] = {"infrared": infrared, "visible": visible}
        planes["base"] = self.base
        planes |= {f"fused{k}": plane for k, plane in enumerate(self.fused)}
        if self.full:
            planes["base value"] = self.base_value
            planes |= {f"value{k}": plane for k, plane in enumerate(self.values)}
        return planes

    @property
    def rows(self) -> list[tuple[str, str, str, int | None]]:
        """Rows of the read-out: name, plane, form, and layer of a candidate."""
        plane, form = ("value", "signed") if self.full else ("fused", "whole")
        return [
            ("Infrared", "infrared", "whole", None),
            ("Visible", "visible", "whole", None),
            ("Mean of the sources", "mean", "whole", None),
            *([("Fused base part", "base value", "hundredths", None)] * self.full),
            *((f"{name} candidate", f"{plane}{k}", form, k)
              for k, name in enumerate(self.layers)),
            ("Fused image", "fused", "whole", None),
        ]  # fmt: skip

    def select(self, rule: str, layers: Iterable[str]) -> tuple[Bytes | None, Bytes]:
        """Return the winner at each pixel, None without layers, and the fused image."""
        enabled = [self.layers.index(name) for name in layers]
        if not enabled:
            return None, self.base
        winner = arithmetic.chosen(self.codes[rule], len(self.layers), enabled)
        return winner, np.choose(winner, self.fused)

    def compute(self, state: State) -> View:
        rule = state.get("rule", "max")
        winner, fused = self.select(rule, state["layers"])
        planes = self.planes | {"fused": fused}
        mean = planes["mean"] = arithmetic.mean(*self.sources_8bit)
        planes["difference"] = arithmetic.difference(fused, mean, GAIN)
        planes["winner"] = np.full_like(fused, 128)
        if winner is not None:
            table = np.array([rgb(c) for c in LAYER_COLOURS], dtype=np.uint8)
            planes["winner"] = arithmetic.colourise(winner, table)
        picture = arithmetic.wipe(
            planes[state["left"]], planes[state["right"]], state["wipe"]
        )
        at = state["y"], state["x"]
        first = None if winner is None else int(winner[at])
        rows = []
        for name, plane, form, k in self.rows:
            on = k is None or self.layers[k] in state["layers"]
            note = "off" if not on else "" if k is None or k != first else "wins"
            rows.append((name, FORMS[form](planes[plane][at]), note))
        here = "" if first is None else HERE.format(self.layers[first])
        return View(
            {"picture": picture},
            self.summary(rule, state["layers"]) + here,
            tuple(rows),
            tuple(k for k, row in enumerate(rows) if row[2] == "wins"),
        )

    def summary(self, rule: str, layers: Iterable[str]) -> str:
        """Return what is said of the whole image."""
        winner, fused = self.select(rule, layers)
        if winner is None:
            return (
                "No layer is on, so no detail is added: the fused image is the fused "
                "base part."
            )
        shares = [
            f"{name} {_round(1000 * np.mean(winner == k)) / 10:g}\u00a0%"
            for k, name in enumerate(self.layers)
            if name in layers
        ]
        away = np.abs(fused.astype(int) - arithmetic.mean(*self.sources_8bit)).mean()
        return (
            f"Wins: {', '.join(shares)}. The fused image is on average "
            f"{_round(100 * away) / 100:.2f} grey levels from the mean of the sources."
        )

    def page(self) -> dict[str, Any]:
        count = len(self.layers)
        some = [c for n in range(count + 1) for c in combinations(self.layers, n)]
        guesses = {f"fused{k}": {"fused0": 1} for k in range(1, count)}
        guesses |= {f"value{k}": {"value0": 1} for k in range(1, count)}
        # A candidate is nearly what the fused image adds to the base part.
        guesses |= {"base value": {"base": 100}}
        guesses |= {"value0": {"fused0": 100, "base value": -1}}
        return {
            "planes": pack(self.planes | self.codes, guesses),
            "orders": arithmetic.permutations(count),
            "layers": self.layers,
            "colours": [rgb(c) for c in LAYER_COLOURS],
            "gain": GAIN,
            "rows": self.rows,
            "here": HERE,
            "summaries": {
                " ".join((rule, *layers)): self.summary(rule, layers)
                for rule in self.codes
                for layers in some
            },
        }


def _round(value: Any) -> int:
    return int(np.floor(value + 0.5))


def _hundredths(image: Any) -> NDArray[np.int16]:
    """Return an image in hundredths of a grey level."""
    levels = np.rint(image * 25500)
    # A detail content lies between -1 and 1, a weighted mean of two of them as well.
    assert np.abs(levels).max() < 2**15
    return levels.astype(np.int16)
