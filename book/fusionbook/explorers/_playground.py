"""Playground of chapter 0: every step, preset and method on one pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fusionlib.baselines import METHODS
from fusionlib.config import PRESETS, FusionConfig
from fusionlib.fusion import FusionResult, fuse, select
from fusionlib.images.io import to_uint8
from fusionlib.metrics import METRICS, evaluate
from fusionlib.vgg.layers import PAPER_LAYERS, layer

from ..colours import DIVERGING, LAYER_COLOURS, SEQUENTIAL, rgb
from ._arithmetic import Bytes
from ._controls import Choice, State
from ._core import Picture, View, enlarge, grey_detail, inner
from ._shown import ShownExplorer
from .wipe import Wipe

__all__ = ["Playground", "playground"]

#: The method of the book, beside the names of the register.
OURS = "ours"

#: What is asked of the preset where a choice says nothing else.
PRESET = "of the preset"

#: Metrics of the table: quick ones that reward different things.
SHOWN = ("SSIM_a", "N_abf", "Q_abf", "MI", "SD")

#: How much differences from the mean are enlarged.
GAIN = 4

#: Slowest method that a page shows, in seconds for the pair of the register.
QUICK = 0.5

STEPS = (
    ("weights", "Weights of the infrared, (8)"),
    ("activity", "Activity of the infrared, (6)"),
    ("candidate", "Candidate of the layer, (9)"),
    ("winner", "Winning layer, (10)"),
    ("base", "Fused base part, (3)"),
    ("detail", "Fused detail content, (10)"),
    ("difference", f"fused minus mean, × {GAIN}"),
)


def playground(pair: Any = "street", weights: Any = None) -> Playground:
    """Try every step, preset and method on a pair.

    ``pair`` and ``weights`` are as for every explorer: :mod:`fusionbook.explorers`.
    In a book build it only compares the fused images, under a dividing line.
    """
    return Playground(pair, weights)


class Playground(ShownExplorer):
    """See :func:`playground`."""

    kind = "playground"
    title = "Playground"
    how = (
        "Choose a method, or a preset and what to change about it. The last picture "
        "shows a step of the method on the way to the fused image."
    )
    head = ("Metric", "Mean", "This image")
    pictures = (
        Picture("infrared", "Infrared.", "Infrared source"),
        Picture("visible", "Visible.", "Visible source"),
        Picture("fused", "Fused image.", "Fused image of the chosen method"),
        Picture("step", "The chosen step.", "Map of the chosen step of the method"),
    )

    def prepare(self) -> None:
        self._fused: dict[tuple[str, ...], tuple[Any, FusionResult | None]] = {}
        self.mean = np.mean(self.pair.sources, axis=0)
        others = tuple(
            (m.name, m.title + (f", about {m.seconds:.0f} s" if m.seconds > 1 else ""))
            for m in METHODS.values()
            if m.smallest <= min(self.shape)
        )
        same = ((PRESET, PRESET.capitalize()),)
        self.controls = (
            Choice("method", "Method", ((OURS, "Deep network"), *others), OURS),
            Choice("preset", "Preset", tuple((n, n) for n in PRESETS), "paper"),
            Choice("lam", "λ", same + _texts("1", "5", "20", "100"), PRESET),
            Choice("input_scale", "Input scale", same + _texts("1", "255"), PRESET),
            Choice("selection", "Selection", same + _texts("max", "absmax"), PRESET),
            Choice("step", "Step", STEPS, "weights"),
            Choice("layer", "Layer", _texts(*PAPER_LAYERS), "relu2_1"),
        )

    def config(self, state: State) -> FusionConfig:
        """Return the parameters of the method for a state."""
        read: dict[str, Callable[[str], Any]] = {
            "lam": float, "input_scale": float, "selection": str,
        }  # fmt: skip
        changes = {n: f(state[n]) for n, f in read.items() if state[n] != PRESET}
        return FusionConfig.preset(state["preset"], **changes)

    def fused(self, state: State) -> tuple[Any, FusionResult | None]:
        """Return the fused image and, of the deep network, all steps; kept."""
        names = ("method", "preset", "lam", "input_scale", "selection")
        key = tuple(state[n] for n in (names if state["method"] == OURS else names[:1]))
        if key not in self._fused:
            sources = self.pair.sources
            if state["method"] == OURS:
                config = self.config(state)
                result = fuse(sources, config=config, weights=self.weights)
                self._fused[key] = result.image, result
            else:
                self._fused[key] = METHODS[state["method"]](*sources), None
        return self._fused[key]

    def compute(self, state: State) -> View:
        image, result = self.fused(state)
        step = state["step"] if result else "difference"
        infrared, visible = self.sources_8bit
        pictures = {
            "infrared": infrared,
            "visible": visible,
            "fused": to_uint8(image),
            "step": self.step(step, image, result, state["layer"]),
        }
        return View(pictures, self.summary(state, image, step), self.table(image))

    def step(
        self, step: str, image: Any, result: FusionResult | None, name: str
    ) -> Bytes:
        """Return the picture of a step."""
        if step == "difference" or result is None:
            return to_uint8(0.5 + GAIN * (image - self.mean))
        if step == "weights":
            away = result.W[name][0] - 0.5
            reach = max(float(np.abs(inner(away)).max()), 1e-12)
            plane = DIVERGING[to_uint8(0.5 + away / (2 * reach))]
        elif step == "activity":
            plane = result.C_hat[name][0]
            low, high = np.quantile(inner(plane), [0.005, 0.995])
            plane = SEQUENTIAL[to_uint8((plane - low) / max(high - low, 1e-12))]
        elif step == "winner":
            table = np.array([rgb(c) for c in LAYER_COLOURS], dtype=np.uint8)
            candidates = np.stack(list(result.F_d_i.values()))
            return table[select(candidates, result.config.selection)[1]]
        else:
            parts = {"base": result.F_b, "detail": result.F_d,
                     "candidate": result.F_d_i[name]}  # fmt: skip
            return (to_uint8 if step == "base" else grey_detail)(parts[step])
        return enlarge(plane, layer(name).stride, self.shape)

    def summary(self, state: State, image: Any, step: str) -> str:
        """Return what is said of the fused image."""
        away = 255 * float(np.sqrt(np.mean((image - self.mean) ** 2)))
        shown = ""
        if step != state["step"]:
            title = METHODS[state["method"]].title
            shown = f" {title} has no such steps: the last picture is {STEPS[-1][1]}."
        return (
            f"{away:.2f} grey levels (root mean square) from the mean of the "
            f"sources.{shown}"
        )

    def table(self, image: Any) -> tuple[tuple[str, ...], ...]:
        """Return metrics of the mean and of an image, both in 8 bits."""
        sources = [plane / 255 for plane in self.sources_8bit]
        names = [n for n in SHOWN if METRICS[n].smallest <= min(self.shape)]
        mean, this = (
            evaluate(to_uint8(one) / 255, sources, metrics=names)
            for one in (self.mean, image)
        )
        return tuple((n, f"{mean[n]:.4f}", f"{this[n]:.4f}") for n in names)

    @property
    def html(self) -> str:
        """The fused images under a dividing line, for a page without a kernel."""
        images = {"Infrared": self.pair.infrared, "Visible": self.pair.visible,
                  "Mean": self.mean}  # fmt: skip
        for name in PRESETS:
            config = FusionConfig.preset(name)
            result = fuse(self.pair.sources, config=config, weights=self.weights)
            images[f"Deep network, {name}"] = result.image
        quick = [m for m in METHODS.values()
                 if m.seconds <= QUICK and m.smallest <= min(self.shape)
                 and m.name != "mean"]  # fmt: skip
        images |= {m.title: m(*self.pair.sources) for m in quick}
        return Wipe(
            images,
            start=("Deep network, paper", "Deep network, recommended"),
            title=self.title,
            how="Choose two images and move the line. In JupyterLab every step, "
            "parameter and method is here to change, with metrics.",
            caption=self.caption,
        )._repr_html_()


def _texts(*values: str) -> tuple[tuple[str, str], ...]:
    """Return values that are shown as they are."""
    return tuple((value, value) for value in values)
