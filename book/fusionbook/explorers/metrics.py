"""Explorer of chapter 6: what each metric makes of a spoilt image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.fusion import fuse
from fusionlib.images.io import to_uint8
from fusionlib.metrics import METRICS, edge_preservation, evaluate

from .. import book_build
from ..colours import SEQUENTIAL
from ..packing import pack
from . import _arithmetic as arithmetic
from ._arithmetic import Bytes
from ._controls import Choice, Question, Slider, State
from ._core import Picture, View
from ._shown import ShownExplorer
from ._store import Store

__all__ = ["SHOWN", "MetricsExplorer", "metrics_explorer"]

#: Metrics in the read-out: the paper's four, then usual ones that are quick.
SHOWN = (
    "FMI_dct", "FMI_w", "SSIM_a", "N_abf", "Q_abf_kumar", "L_abf", "VIFF",
    "MI", "EN", "SD", "SF", "AG", "CC", "SCD", "PSNR",
)  # fmt: skip

#: What can be done to the image, and how strongly: halos, noise in grey levels, and
#: blends in percent. The first strength is nothing.
CHANGES: dict[str, tuple[float, ...]] = {
    "halos": (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3),
    "noise": (0, 1, 2, 3, 5, 7, 10, 15),
    "visible": (0, 10, 20, 30, 40, 60, 80, 100),
    "infrared": (0, 10, 20, 30, 40, 60, 80, 100),
}

#: How a change is said, with its strength.
SAID = {
    "halos": "Edge halos × {:g}",
    "noise": "Noise ± {:g} grey levels",
    "visible": "{:g}\u00a0% of the visible image alone",
    "infrared": "{:g}\u00a0% of the infrared image alone",
}


def metrics_explorer(pair: Any = "street", weights: Any = None) -> MetricsExplorer:
    """Spoil the fused image and watch every metric.

    ``pair`` and ``weights`` are as for every explorer: :mod:`fusionbook.explorers`.
    """
    return MetricsExplorer(pair, weights)


class MetricsExplorer(ShownExplorer):
    """See :func:`metrics_explorer`."""

    kind = "metrics"
    title = "What do the metrics reward?"
    how = (
        "Exaggerate edges, add noise, or blend towards one source alone, and raise the "
        "strength step by step. Which metrics notice, and which call it better? All "
        "values are those of images in 8 bits, as they are saved."
    )
    head = ("Metric", "Untouched", "Now", "Verdict")
    pictures = (
        Picture(
            "image",
            "The image that is measured.",
            "The fused image with the chosen changes",
        ),
        Picture(
            "artifacts",
            "N_abf map: bright where an edge is stronger than in every source, black "
            "where none is.",
            "Map of the artifacts that N_abf counts",
        ),
    )

    def prepare(self) -> None:
        result = fuse(self.pair.sources, weights=self.weights)
        self.fused = to_uint8(result.F)
        # Halos: what sharpening would add.
        self.halo = np.rint(result.F_d * 255).astype(np.int16)
        self.grain = arithmetic.noise(*self.shape)
        self._values: dict[tuple[Any, ...], dict[str, float]] = {}
        names = (
            ("halos", "Edge halos"), ("noise", "Noise"),
            ("visible", "Blend with the visible"),
            ("infrared", "Blend with the infrared"),
        )  # fmt: skip
        stops = range(len(CHANGES["halos"]))
        self.controls = (
            Choice("change", "Change", names, "halos"),
            Slider("strength", "Strength", stops, 0, "{}"),
        )
        if book_build():
            self.question = self._question()

    def _question(self) -> Question:
        """Return the question, with the changes that most metrics call better."""
        states = [{"change": c, "strength": k} for c in CHANGES for k in range(1, 8)]
        counts = [len(self._texts(state)[2]) for state in states]
        best = [s for s, n in zip(states, counts, strict=True) if n == max(counts)]
        return Question(
            "Which change, at which strength, do most metrics call better than the "
            "untouched image? Would you?",
            tuple(best),
            "The sentence below the pictures counts them.",
        )

    def amounts(self, state: State) -> tuple[float, float, float]:
        """Return halos, noise and the share of a source for a state."""
        change, amount = state["change"], CHANGES[state["change"]][state["strength"]]
        return (
            amount if change == "halos" else 0.0,
            amount if change == "noise" else 0.0,
            amount / 100 if change in ("visible", "infrared") else 0.0,
        )

    def spoilt(self, state: State) -> Bytes:
        """Return the image for a state."""
        end = self.sources_8bit[int(state["change"] != "infrared")]
        amounts = self.amounts(state)
        return arithmetic.spoil(self.fused, end, self.halo, self.grain, *amounts)

    def values(self, state: State) -> dict[str, float]:
        """Return all metrics of the image for a state; kept."""
        key = (state["change"], state["strength"]) if state["strength"] else ()
        if key not in self._values:
            sources = [plane / 255 for plane in self.sources_8bit]
            small = min(self.shape)
            names = [n for n in SHOWN if METRICS[n].smallest <= small]
            measured = evaluate(self.spoilt(state) / 255, sources, metrics=names)
            self._values[key] = dict(measured)
        return self._values[key]

    def compute(self, state: State) -> View:
        image = self.spoilt(state)
        sources = [plane / 255 for plane in self.sources_8bit]
        weight = edge_preservation(image / 255, sources).n_map * image.size
        pictures = {"image": image, "artifacts": SEQUENTIAL[to_uint8(weight)]}
        return View(pictures, *self._texts(state))

    def _texts(self, state: State) -> tuple[Any, ...]:
        """Return summary, table and marked rows."""
        before = self.values({"change": "halos", "strength": 0})
        now = self.values(state)
        rows: list[tuple[str, ...]] = []
        better = []
        for name, value in now.items():
            old = before[name]
            sign = 1 if METRICS[name].direction == "higher" else -1
            # As many digits as the paper prints; less is no change.
            digits = 5 if abs(old) < 1 else 3
            gain = sign * (round(value, digits) - round(old, digits))
            word = "better" if gain > 0 else "worse" if gain < 0 else "same"
            better += [name] if gain > 0 else []
            rows.append((name, _number(old, digits), _number(value, digits), word))
        change, strength = state["change"], state["strength"]
        said = SAID[change].format(CHANGES[change][strength])
        if not strength:
            summary = "Nothing is changed: these are the values of the fused image."
        elif better:
            names = ", ".join(better)
            summary = (
                f"{said}: {len(better)} of {len(rows)} metrics call this better: "
                f"{names}."
            )
        else:
            summary = f"{said}: all {len(rows)} metrics call this worse or the same."
        marked = tuple(k for k, row in enumerate(rows) if row[3] == "better")
        return summary, tuple(rows), marked

    def page(self) -> dict[str, Any]:
        infrared, visible = self.sources_8bit
        planes: dict[str, NDArray[Any]] = {"infrared": infrared, "visible": visible}
        planes |= {"fused": self.fused, "halo": self.halo}
        store = Store(self.controls)
        for state in store.states():
            summary, table, marked = self._texts(state)
            store.add_texts(View({}, summary, table, marked))
        return {
            "planes": pack(planes),
            "changes": CHANGES,
            "store": store.as_dict(),
            "table": SEQUENTIAL.ravel().tolist(),
        }


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
