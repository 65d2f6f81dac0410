"""Explorer of chapter 5: candidates, maximum, reconstruction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.fusion import fuse, reconstruct
from fusionlib.images.io import to_uint8

from . import _arithmetic as arithmetic
from ._arithmetic import Bytes
from ._colours import LAYER_COLOURS, rgb
from ._controls import Choice, Slider, State, Switches
from ._core import Explorer, Picture, View
from ._page import pack

__all__ = ["SelectionExplorer", "selection_explorer"]

#: How much differences from the mean are enlarged.
GAIN = 16

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

    Parameters
    ----------
    pair : Pair, str, int or sequence of two arrays, optional
        What to fuse: a pair, its name or number, or an infrared and a visible image.
    weights : str, path-like, VGGWeights or None, optional
        See :func:`fusionlib.vgg.weights.load_weights`.
    full : bool, optional
        Offer both selection rules and read out candidates in hundredths of a grey
        level. Without it, the static page is about half as heavy.

    Returns
    -------
    SelectionExplorer
        Displays as widgets, or as HTML in a book build.

    Raises
    ------
    InputError
        If the pair or the weights cannot be used.
    """
    return SelectionExplorer(pair, weights, full)


class SelectionExplorer(Explorer):
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
    def _guess(self) -> NDArray[np.int16]:
        return 100 * self.fused[0].astype(np.int16) - self.base_value

    def compute(self, state: State) -> View:
        enabled = [self.layers.index(name) for name in state["layers"]]
        infrared, visible = self.bytes
        average = arithmetic.mean(infrared, visible)
        winner: Bytes | None = None
        fused = self.base
        if enabled:
            codes = self.codes[state.get("rule", "max")]
            winner = arithmetic.chosen(codes, len(self.layers), enabled)
            fused = np.take_along_axis(np.stack(self.fused), winner[None], axis=0)[0]
        table = np.array([rgb(c) for c in LAYER_COLOURS], dtype=np.uint8)

        def show(name: str) -> Bytes:
            if name == "winner" and winner is None:
                return np.full_like(fused, 128)
            if name == "winner":
                return arithmetic.colourise(winner, table)  # type: ignore[arg-type]
            if name == "difference":
                return arithmetic.difference(fused, average, GAIN)
            plain = {"fused": fused, "mean": average}
            return (plain | {"infrared": infrared, "visible": visible})[name]

        picture = arithmetic.wipe(
            show(state["left"]), show(state["right"]), state["wipe"]
        )
        at = state["y"], state["x"]
        rows = [
            ("Infrared", str(infrared[at]), ""),
            ("Visible", str(visible[at]), ""),
            ("Mean of the sources", str(average[at]), ""),
        ]
        if self.full:
            rows.append(("Fused base part", f"{self.base_value[at] / 100:.2f}", ""))
        marked = []
        for k, name in enumerate(self.layers):
            wins = winner is not None and winner[at] == k
            marked += [len(rows)] if wins else []
            value = _signed(self.values[k][at]) if self.full else str(self.fused[k][at])
            note = "wins" if wins else "" if k in enabled else "off"
            rows.append((f"{name} candidate", value, note))
        rows.append(("Fused image", str(fused[at]), ""))
        pixel = "" if winner is None else f" Here {self.layers[winner[at]]} wins."
        return View(
            {"picture": picture},
            self._summary(winner, enabled, fused, average) + pixel,
            tuple(rows),
            tuple(marked),
        )

    def _summary(
        self, winner: Bytes | None, enabled: list[int], fused: Bytes, average: Bytes
    ) -> str:
        if winner is None:
            return (
                "No layer is on, so no detail is added: the fused image is the fused "
                "base part."
            )
        shares = [
            f"{self.layers[k]} {_round(1000 * np.mean(winner == k)) / 10:g}\u00a0%"
            for k in enabled
        ]
        away = np.abs(fused.astype(int) - average).mean()
        return (
            f"Wins: {', '.join(shares)}. The fused image is on average "
            f"{_round(100 * away) / 100:.2f} grey levels from the mean of the sources."
        )

    def page(self) -> dict[str, Any]:
        infrared, visible = self.bytes
        planes = {
            "infrared": pack(infrared),
            "visible": pack(visible),
            "base": pack(self.base),
            "fused0": pack(self.fused[0]),
        }
        for k, plane in enumerate(self.fused[1:], start=1):
            planes[f"fused{k}"] = {**pack(plane, self.fused[0]), "minus": "fused0"}
        for rule, codes in self.codes.items():
            planes[rule] = pack(codes)
        if self.full:
            planes["baseValue"] = pack(self.base_value)
            # A candidate is nearly what the fused image adds to the base part.
            planes["residual"] = pack(self.values[0] - self._guess)
            for k, value in enumerate(self.values[1:], start=1):
                planes[f"delta{k}"] = pack(value - self.values[0])
        return {
            "planes": planes,
            "layers": self.layers,
            "colours": [rgb(c) for c in LAYER_COLOURS],
            "full": self.full,
            "gain": GAIN,
        }


def _round(value: Any) -> int:
    return int(np.floor(value + 0.5))


def _hundredths(image: Any) -> NDArray[np.int16]:
    return np.rint(image * 25500).astype(np.int16)


def _signed(hundredths: Any) -> str:
    return ("−" if hundredths < 0 else "+") + f"{abs(int(hundredths)) / 100:.2f}"
