"""Explorer of chapter 5: candidates, maximum, reconstruction."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.fusion import fuse, reconstruct, select
from fusionlib.images.io import to_uint8
from fusionlib.vgg.layers import layer

from ..colours import LAYER_COLOURS, rgb
from ..packing import pack
from . import _arithmetic as arithmetic
from ._controls import Choice, Question, Slider, State, Switches
from ._core import Picture, View, inner
from ._shown import ShownExplorer

__all__ = ["SelectionExplorer", "selection_explorer"]

#: How much differences from the mean are enlarged.
GAIN = 16

#: Steps in which a page holds the activities of a layer: with and without read-out.
STEPS = {True: 4000, False: 250}

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
        Offer both selection rules and write out equations (1) to (11) for the marked
        pixel. Without it, only the candidates are read out, and the static page is
        lighter.
    """
    return SelectionExplorer(pair, weights, full)


class SelectionExplorer(ShownExplorer):
    """See :func:`selection_explorer`."""

    kind = "selection"
    title = "Who wins the maximum?"
    how = (
        "Switch layers on and off and move the dividing line. Click or tap the picture "
        "to mark a pixel; it starts where the winner leads by most."
    )
    on_page = (
        " The squares show what the block average, equation (6), joins around it: one "
        "for each layer that is on, in its colour."
    )
    head = ("At the marked pixel", "Grey levels of 255", "Equation")
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
        self.result = fuse(self.pair.sources, weights=self.weights)
        self.layers = self.result.config.layers
        self.candidates = np.stack(list(self.result.F_d_i.values()))
        self.mean = self.result.I.mean(axis=0)
        height, width = self.shape
        row, column = largest_lead(self.candidates)
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
            Slider("wipe", "Dividing line", range(101), 50, "{} %", "split"),
            Slider("x", "Pixel column", range(width), column, "{}", "x"),
            Slider("y", "Pixel row", range(height), row, "{}", "y"),
        )
        near = min(self.layers, key=lambda name: self.departure("max", [name]))
        self.question = Question(
            "Which layer, alone in the maximum, gives the image that is closest to the "
            "mean of the sources? Leave only that one on.",
            ({"layers": (near,)},),
            "The root mean square below the picture tells.",
        )

    def select(
        self, rule: str, layers: Iterable[str]
    ) -> tuple[NDArray[np.intp] | None, Any]:
        """Return the winner at each pixel, None without layers, and the fused image."""
        enabled = [self.layers.index(name) for name in layers]
        if not enabled:
            return None, self.result.F_b
        detail, winner = select(self.candidates[enabled], rule)
        return np.array(enabled)[winner], reconstruct(self.result.F_b, detail)

    def departure(self, rule: str, layers: Iterable[str]) -> float:
        """Return the root mean square of F minus mean, in grey levels, unrounded."""
        gap = 255 * (self.select(rule, layers)[1] - self.mean)
        return float(np.sqrt(np.mean(gap**2)))

    def compute(self, state: State) -> View:
        rule = state.get("rule", "max")
        winner, fused = self.select(rule, state["layers"])
        infrared, visible = self.sources_8bit
        gap = GAIN * 255 * (fused - self.mean)
        planes: dict[str, NDArray[Any]] = {
            "infrared": infrared,
            "visible": visible,
            "mean": to_uint8(self.mean),
            "fused": to_uint8(fused),
            "difference": np.floor(np.clip(128 + gap, 0, 255) + 0.5).astype(np.uint8),
            "winner": np.full(self.shape, 128, np.uint8),
        }
        if winner is not None:
            table = np.array([rgb(c) for c in LAYER_COLOURS], dtype=np.uint8)
            planes["winner"] = arithmetic.colourise(winner.astype(np.uint8), table)
        picture = arithmetic.wipe(
            planes[state["left"]], planes[state["right"]], state["wipe"]
        )
        at = state["y"], state["x"]
        first = None if winner is None else int(winner[at])
        rows = self.equations(at, state["layers"], first)
        here = "" if first is None else HERE.format(self.layers[first])
        name = "" if first is None else self.layers[first]
        return View(
            {"picture": picture},
            self.summary(rule, state["layers"]) + here,
            rows,
            tuple(k for k, row in enumerate(rows) if name and row[0].startswith(name)),
        )

    def halves(self, state: State) -> tuple[str, str]:
        names = dict(VIEWS)
        return names[state["left"]], names[state["right"]]

    def equations(
        self, at: tuple[int, int], layers: Iterable[str], first: int | None
    ) -> tuple[tuple[str, ...], ...]:
        """Return equations (1) to (11) with the numbers of one pixel.

        ``first`` is the index of the winner. ``explorers.js`` writes the same.
        """
        r = self.result
        base, detail = (255 * planes[:, *at] for planes in (r.I_b, r.I_d))
        F_b, mean = 255 * r.F_b[at], 255 * self.mean[at]
        halves = f"({_levels(base[0])} + {_levels(base[1])}) / 2 = {_levels(F_b)}"
        rows: list[tuple[str, ...]] = [
            (f"{name}: base, detail", f"{_levels(b)}, {_signed(d)}", "(1), (2)")
            for name, b, d in zip(("Infrared", "Visible"), base, detail, strict=True)
        ]
        rows.append(("Fused base part", halves, "(3)"))
        for name in self.layers:
            off = "" if name in tuple(layers) else "off"
            rows += self._layer_rows(name, at, detail, off)
        chosen = 0.0
        if first is not None:
            chosen = 255 * float(self.candidates[(first, *at)])
            winner = self.layers[first]
            rows.append(("Selected", f"{_signed(chosen)}, {winner}", "(10)"))
        fused = F_b + chosen
        total = f"{_levels(F_b)} + {_inside(chosen)} = {_levels(fused)}"
        rows.append(("Fused image", total, "(11)"))
        rows.append(
            ("Mean of the sources", _levels(mean), f"F − mean {_signed(fused - mean)}")
        )
        return tuple(rows)

    def _layer_rows(
        self, name: str, at: tuple[int, int], detail: Any, off: str
    ) -> list[tuple[str, ...]]:
        """Return equations (5) to (9) of one layer; ``off`` if it is not in use."""
        r, stride = self.result, layer(name).stride
        sample = at[0] // stride, at[1] // stride
        a, b = r.C[name][:, *sample]
        c, d = r.C_hat[name][:, *sample]
        u, v = r.W[name][:, *sample]
        candidate = _signed(255 * r.F_d_i[name][at])
        if not self.full:
            return [(f"{name} candidate", candidate, off or "(9)")]
        activity = f"{_digits(a)}, {_digits(b)}; in blocks {_digits(c)}, {_digits(d)}"
        total = (
            f"{u:.4f} · {_inside(detail[0])} + {v:.4f} · {_inside(detail[1])} "
            f"= {candidate}"
        )
        return [
            (f"{name} activity", activity, off or "(5), (6)"),
            (f"{name} candidate", total, off or "(7) to (9)"),
        ]

    def summary(self, rule: str, layers: Iterable[str]) -> str:
        """Return what is said of the whole image."""
        on = tuple(layers)
        winner, _ = self.select(rule, on)
        if winner is None:
            return (
                "No layer is on, so no detail is added: the fused image is the fused "
                "base part."
            )
        shares = [
            f"{name} {100 * np.mean(winner == k):.1f}\u00a0%"
            for k, name in enumerate(self.layers)
            if name in on
        ]
        return (
            f"Wins: {', '.join(shares)}. The fused image differs from the mean of the "
            f"sources by {self.departure(rule, on):.2f} grey levels (root mean square)."
        )

    def page(self) -> dict[str, Any]:
        infrared, visible = self.sources_8bit
        r, count = self.result, len(self.layers)
        planes: dict[str, NDArray[Any]] = {"infrared": infrared, "visible": visible}
        # In hundredths of a grey level: fused base part, and half the difference of
        # the two bases. The sources minus their bases are the detail contents.
        planes["base"] = _hundredths(r.F_b)
        planes["half"] = _hundredths((r.I_b[0] - r.I_b[1]) / 2)
        scales = {}
        for name in self.layers:
            low, high = float(r.C[name].min()), float(r.C[name].max())
            step = max(high - low, 1e-12) / STEPS[self.full]
            scales[name] = low, step
            for k in (0, 1):
                levels = np.rint((r.C[name][k] - low) / step).astype(np.int16)
                planes[f"{name} {k}"] = levels
        rules = ("max", "absmax") if self.full else ("max",)
        some = [c for n in range(count + 1) for c in combinations(self.layers, n)]
        return {
            "planes": pack(planes),
            "layers": self.layers,
            "strides": [layer(name).stride for name in self.layers],
            "scales": [scales[name] for name in self.layers],
            "radius": r.config.radius,
            "colours": [rgb(c) for c in LAYER_COLOURS],
            "gain": GAIN,
            "full": self.full,
            "here": HERE,
            "summaries": {
                " ".join((rule, *layers)): self.summary(rule, layers)
                for rule in rules
                for layers in some
            },
        }


def largest_lead(candidates: NDArray[np.float64]) -> tuple[int, int]:
    """Return the pixel, away from the border, where the largest leads by most."""
    ordered = np.sort(candidates, axis=0)
    lead = inner(ordered[-1] - ordered[-2])
    row, column = np.unravel_index(int(lead.argmax()), lead.shape)
    return (
        int(row) + candidates.shape[1] // 8,
        int(column) + candidates.shape[2] // 8,
    )


def _levels(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _inside(value: float) -> str:
    """Return a number inside a sum, negative ones in brackets."""
    return f"({_levels(value)})" if value < 0 else _levels(value)


def _digits(value: float) -> str:
    return f"{value:.2f}"


def _hundredths(image: Any) -> NDArray[np.int16]:
    """Return an image in hundredths of a grey level."""
    levels = np.rint(image * 25500)
    assert np.abs(levels).max() < 2**15
    return levels.astype(np.int16)
