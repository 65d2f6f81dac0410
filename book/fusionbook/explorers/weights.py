"""Explorer of chapter 4: from activity to weights, seen over the image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.fusion import FusionResult, fuse
from fusionlib.images.io import to_uint8
from fusionlib.vgg.layers import layer
from fusionlib.weight_maps import upsample

from ..colours import DIVERGING
from ..packing import pack
from . import _arithmetic as arithmetic
from ._arithmetic import Bytes
from ._charts import bar_chart
from ._controls import Choice, Question, Slider, State
from ._core import Picture, View, inner
from ._shown import ShownExplorer

__all__ = ["WeightsExplorer", "weights_explorer"]

METHODS = ("nearest", "bilinear")

#: Bars of the histogram.
BARS = 61


def weights_explorer(pair: Any = "street", weights: Any = None) -> WeightsExplorer:
    """Lay the weight maps of the four layers over the image.

    ``pair`` and ``weights`` are as for every explorer: :mod:`fusionbook.explorers`.
    """
    return WeightsExplorer(pair, weights)


class WeightsExplorer(ShownExplorer):
    """See :func:`weights_explorer`."""

    kind = "weights"
    title = "How close to one half?"
    how = (
        "Orange leans towards the infrared, blue towards the visible, white is one "
        "half. Go down the layers and change how maps grow."
    )
    head = ("Infrared", "Weight")
    table_beside = True
    pictures = (
        Picture(
            "picture",
            "Weight map of the infrared over the chosen picture.",
            "Weight map in colours over a grey picture of the scene",
        ),
    )

    def prepare(self) -> None:
        result = fuse(self.pair.sources, weights=self.weights)
        self.backgrounds = {
            "infrared": to_uint8(self.pair.infrared),
            "visible": to_uint8(self.pair.visible),
            "fused": to_uint8(result.F),
        }
        self.layers = result.config.layers
        self.maps = {name: result.W[name][0] for name in self.layers}
        # Away from the border, where few samples are averaged.
        self.reach = {
            name: max(float(np.abs(inner(w) - 0.5).max()), 1e-12)
            for name, w in self.maps.items()
        }
        self.index = {name: self._index(result, name) for name in self.layers}
        methods = (("nearest", "Nearest (paper)"), ("bilinear", "Bilinear"))
        scales = (("layer", "Layer’s range"), ("full", "From 0 to 1"))
        behind = (
            ("visible", "Visible"), ("infrared", "Infrared"), ("fused", "Fused image"),
        )  # fmt: skip
        self.controls = (
            Choice("layer", "Layer", tuple((n, n) for n in self.layers), "relu3_1"),
            Choice("method", "Interpolation", methods, "nearest"),
            Choice("scale", "Colours span", scales, "layer"),
            Choice("behind", "Picture behind", behind, "visible"),
            Slider("opacity", "Opacity", range(0, 101, 5), 60, "{}\u00a0%"),
        )
        reach = {n: np.quantile(np.abs(w - 0.5), 0.99) for n, w in self.maps.items()}
        widest = max(reach, key=lambda name: reach[name])
        self.question = Question(
            "Which layer leaves one half the most? Show its map with the colours from "
            "0 to 1. Can you still see it?",
            ({"layer": widest, "scale": "full"},),
            "The sentence below the picture says within which distance 99\u00a0% lie.",
        )

    def _index(self, result: FusionResult, name: str) -> dict[str, Bytes]:
        """Return weights in 8 bits over the range of the layer, by method.

        Nearest maps stay at their own size: the page repeats their samples.
        """
        grown = upsample(result.W[name], layer(name).stride, self.shape, "bilinear")
        span = 2 * self.reach[name]
        return {
            "nearest": to_uint8(0.5 + (self.maps[name] - 0.5) / span),
            "bilinear": to_uint8(0.5 + (grown[0] - 0.5) / span),
        }

    def colours(self, name: str, scale: str) -> Bytes:
        """Return the colour of each of the 256 steps of a layer."""
        return DIVERGING if scale == "layer" else DIVERGING[self._steps(name)]

    def _steps(self, name: str) -> Bytes:
        """Return the 256 steps of a layer on the scale from 0 to 1."""
        steps = np.arange(256) / 255
        return to_uint8(0.5 + (steps - 0.5) * (2 * self.reach[name]))

    def compute(self, state: State) -> View:
        name, stride = state["layer"], layer(state["layer"]).stride
        index = self.index[name][state["method"]]
        if state["method"] == "nearest":
            rows = np.arange(self.shape[0]) // stride
            columns = np.arange(self.shape[1]) // stride
            index = index[np.ix_(rows, columns)]
        colour = arithmetic.colourise(index, self.colours(name, state["scale"]))
        picture = arithmetic.overlay(
            self.backgrounds[state["behind"]], colour, state["opacity"] / 100
        )
        return View({"picture": picture}, *self._texts(name))

    def _texts(self, name: str) -> tuple[Any, ...]:
        """Return summary, table, marked rows and chart of a layer."""
        values = self.maps[name]
        away = np.abs(values - 0.5)
        summary = (
            f"{name}: {values.shape[1]} × {values.shape[0]} weights, one for "
            f"{layer(name).stride} × {layer(name).stride} pixels. Half of them lie "
            f"within {_digits(np.median(away))} of one half, 99\u00a0% within "
            f"{_digits(np.quantile(away, 0.99))}."
        )
        table = (
            ("Smallest", f"{values.min():.4f}"),
            ("Mean", f"{values.mean():.4f}"),
            ("Largest", f"{values.max():.4f}"),
            ("Above one half", f"{100 * (values > 0.5).mean():.0f}\u00a0%"),
        )
        return summary, table, (), self._histogram(values, self.reach[name], name)

    @staticmethod
    def _histogram(values: NDArray[np.float64], reach: float, name: str) -> str:
        span = 0.5 - reach, 0.5 + reach
        counts, _ = np.histogram(values, bins=BARS, range=span)
        return bar_chart(
            (counts / max(counts.max(), 1)).tolist(),
            [(0, f"{span[0]:.4f}"), (0.5, "½"), (1, f"{span[1]:.4f}")],
            "weight of the infrared",
            "how many",
            f"Histogram of the weights of {name} from {span[0]:.4f} to {span[1]:.4f}",
            str(int(counts.max())),
        )

    def page(self) -> dict[str, Any]:
        index = {f"{n} {m}": self.index[n][m] for n in self.layers for m in METHODS}
        return {
            "planes": pack(self.backgrounds | index),
            "strides": [layer(name).stride for name in self.layers],
            "steps": [self._steps(name).tolist() for name in self.layers],
            "texts": [self._texts(name) for name in self.layers],
            "table": DIVERGING.ravel().tolist(),
        }


def _digits(value: Any) -> str:
    return f"{float(value):.2g}"
