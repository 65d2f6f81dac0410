"""Explorer of chapter 3: activity maps and misregistration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.activity import block_average
from fusionlib.config import FusionConfig
from fusionlib.decomposition import decompose
from fusionlib.features import activities
from fusionlib.images.io import to_uint8
from fusionlib.vgg.layers import PAPER_LAYERS, layer
from fusionlib.weight_maps import weights_from_activity

from .. import book_build
from ..colours import DIVERGING, SEQUENTIAL
from . import _arithmetic as arithmetic
from ._arithmetic import Bytes
from ._controls import Choice, Question, Slider, State
from ._core import Picture, View, enlarge, inner
from ._shown import ShownExplorer
from ._store import Store

__all__ = ["ActivityExplorer", "activity_explorer"]

RADII = (1, 2, 3, 4, 6, 8)
SHIFTS = tuple(range(13))
PAGE_RADII = (1, 2, 4, 8)
PAGE_SHIFTS = (0, 1, 2, 3, 4, 6, 8)

#: Shift and radius that the question is about.
ASKED = {"shift": 2, "radius": 1}


def activity_explorer(pair: Any = "street", weights: Any = None) -> ActivityExplorer:
    """See activity maps, and what happens to them when one source is out of place.

    ``pair`` and ``weights`` are as for every explorer: :mod:`fusionbook.explorers`.
    """
    return ActivityExplorer(pair, weights)


class ActivityExplorer(ShownExplorer):
    """See :func:`activity_explorer`."""

    kind = "activity"
    title = "Activity, radius and misregistration"
    how = (
        "Shift the infrared image and watch edges come apart; then see which layers "
        "and radii hardly notice."
    )
    head = ("Weights × 1000", "Spread", "Change")
    pictures = (
        Picture(
            "sources",
            "Mean of the shifted infrared and the visible image.",
            "Mean of both sources; edges are doubled where they do not fit",
        ),
        Picture(
            "map",
            "The chosen map: bright or orange is much, dark or blue is little.",
            "Activity or weight map of the chosen layer in colours",
        ),
    )

    def prepare(self) -> None:
        self._activity: dict[int, dict[str, NDArray[np.float64]]] = {}
        self._weight: dict[tuple[str, int, int], NDArray[np.float64]] = {}
        self._limits: dict[str, tuple[float, float, float]] = {}
        radii, shifts = (PAGE_RADII, PAGE_SHIFTS) if book_build() else (RADII, SHIFTS)
        maps = (
            ("infrared", "Infrared activity"),
            ("visible", "Visible activity"),
            ("weight", "Infrared weight"),
        )
        self.controls = (
            Choice("map", "Map", maps, "infrared"),
            Choice("layer", "Layer", tuple((n, n) for n in PAPER_LAYERS), "relu2_1"),
            Slider("radius", "Block radius r", radii, 1, "{}"),
            Slider("shift", "Shift", shifts, 0, "{} px"),
        )
        if book_build():
            self.question = self._question()

    def _question(self) -> Question:
        """Return the question, with the layer whose weights change least."""
        changes = {name: self.change(name, **ASKED)[1] for name in PAPER_LAYERS}
        calm = min(changes, key=lambda name: changes[name])
        return Question(
            f"The infrared image is {ASKED['shift']} pixels out of place. Which "
            f"layer's weights change least at r = {ASKED['radius']}? Set that shift, "
            "that radius and that layer.",
            ({"layer": calm, **ASKED},),
            "The last column of the table tells.",
        )

    def activity(self, shift: int) -> dict[str, NDArray[np.float64]]:
        """Return initial activity maps by layer, shape (2, h, w), kept."""
        if shift not in self._activity:
            infrared = arithmetic.shifted(self.pair.infrared, shift)
            # The visible does not move: its maps are computed once.
            images = [infrared] if self._activity else [infrared, self.pair.visible]
            details = [decompose(image)[1] for image in images]
            maps = dict(activities(details, self.weights, FusionConfig()))
            for known in list(self._activity.values())[:1]:
                maps = {n: np.stack([m[0], known[n][1]]) for n, m in maps.items()}
            self._activity[shift] = maps
        return self._activity[shift]

    def weight(self, name: str, radius: int, shift: int) -> NDArray[np.float64]:
        """Return the weights of the infrared image, equation (7)."""
        key = name, radius, shift
        if key not in self._weight:
            averaged = block_average(self.activity(shift)[name], radius)
            self._weight[key] = weights_from_activity(averaged)[0]
        return self._weight[key]

    def limits(self, name: str) -> tuple[float, float, float]:
        """Return smallest and largest activity of a layer, and reach of the weights.

        Away from the border, where zeros outside the image lower the activity.
        """
        if name not in self._limits:
            low, high = np.quantile(inner(self.activity(0)[name]), [0.005, 0.995])
            away = np.abs(inner(self.weight(name, 1, 0)) - 0.5)
            reach = float(np.quantile(away, 0.995))
            self._limits[name] = float(low), float(high), max(reach, 1e-12)
        return self._limits[name]

    def shown(self, state: State) -> Bytes:
        """Return the chosen map at its own size in colours."""
        name, radius = state["layer"], state["radius"]
        low, high, reach = self.limits(name)
        if state["map"] == "weight":
            weight = self.weight(name, radius, state["shift"])
            return DIVERGING[to_uint8(0.5 + (weight - 0.5) / (2 * reach))]
        k = ("infrared", "visible").index(state["map"])
        plane = block_average(self.activity(state["shift"])[name][k], radius)
        return SEQUENTIAL[to_uint8((plane - low) / max(high - low, 1e-12))]

    def sources(self, shift: int) -> Bytes:
        """Return the mean of both sources with the infrared shifted."""
        infrared, visible = self.sources_8bit
        return arithmetic.mean(arithmetic.shifted(infrared, shift), visible)

    def change(self, name: str, radius: int, shift: int) -> tuple[float, float]:
        """Return spread of a layer's weights and their change by a shift, x 1000."""
        fixed = self.weight(name, radius, 0)
        moved = self.weight(name, radius, shift)
        spread, change = float(fixed.std()), float(np.abs(moved - fixed).mean())
        return 1000 * spread, 1000 * change

    def compute(self, state: State) -> View:
        name, radius, shift = state["layer"], state["radius"], state["shift"]
        rows, said = [], ""
        for other in PAPER_LAYERS:
            spread, change = self.change(other, radius, shift)
            rows.append((other, f"{spread:.2f}", f"{change:.2f}"))
            if other == name:
                said = f"by {change:.2f} / 1000 on average; they vary by {spread:.2f}"
        size = (2 * radius + 1) * layer(name).stride
        moved_by = (
            f"A shift of {shift} pixels changes the weights {said} / 1000."
            if shift
            else "The sources are registered."
        )
        summary = (
            f"{name}, r = {radius}: a block covers {size} × {size} pixels. {moved_by}"
        )
        pictures = {
            "sources": self.sources(shift),
            "map": enlarge(self.shown(state), layer(name).stride, self.shape),
        }
        return View(pictures, summary, tuple(rows), (PAPER_LAYERS.index(name),))

    def page(self) -> dict[str, Any]:
        store = Store(self.controls)
        for state in store.states():
            view = self.compute(state)
            shift = -1 if state["map"] == "visible" else state["shift"]
            key = (*list(state.values())[:3], shift)
            sources = view.pictures["sources"]
            stride = layer(state["layer"]).stride
            store.add_frame("sources", state["shift"], sources)
            store.add_frame("map", key, self.shown(state), stride)
            store.add_texts(view)
        frames = [{"name": n, "part": n} for n in ("sources", "map")]
        return {"store": store.as_dict(), "frames": frames}
