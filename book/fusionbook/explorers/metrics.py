"""Explorer of chapter 6: what each metric makes of a spoilt image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.fusion import fuse
from fusionlib.images.io import to_uint8
from fusionlib.metrics import METRICS, edge_preservation, evaluate

from ..colours import SEQUENTIAL
from ..packing import pack
from . import _arithmetic as arithmetic
from ._arithmetic import Bytes
from ._controls import Choice, Slider, State
from ._core import Picture, View, book_build
from ._shown import ShownExplorer
from ._store import Store

__all__ = ["SHOWN", "MetricsExplorer", "metrics_explorer"]

#: Metrics in the read-out: the paper's four, then usual ones that are quick.
SHOWN = (
    "FMI_dct", "FMI_w", "SSIM_a", "N_abf", "Q_abf_kumar", "L_abf", "VIFF",
    "MI", "EN", "SD", "SF", "AG", "CC", "SCD", "PSNR",
)  # fmt: skip

#: Stops of artifact strength, noise and blend: in a page, and with a kernel.
PAGE_STOPS = ((0, 0.5, 2), (0, 3, 10), (0, 50, 100))
LIVE_STOPS = (
    tuple(k / 10 for k in range(31)), tuple(range(21)), tuple(range(0, 101, 5))
)  # fmt: skip


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
        "Exaggerate edges, add noise, or blend towards one source alone. Which metrics "
        "notice, and which call it better?"
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
        artifact, noise, blend = PAGE_STOPS if book_build() else LIVE_STOPS
        ends = (("visible", "Visible alone"), ("infrared", "Infrared alone"))
        self.controls = (
            Slider("artifact", "Edge halos", artifact, 0, "× {:g}"),
            Slider("noise", "Noise", noise, 0, "± {:g}"),
            Slider("blend", "Blend", blend, 0, "{:g}\u00a0%"),
            Choice("end", "Blend towards", ends, "visible"),
        )

    def spoilt(self, state: State) -> Bytes:
        """Return the image for a state."""
        end = self.sources_8bit[("infrared", "visible").index(state["end"])]
        return arithmetic.spoil(
            self.fused, end, self.halo, self.grain,
            state["artifact"], state["noise"], state["blend"] / 100,
        )  # fmt: skip

    def values(self, state: State) -> dict[str, float]:
        """Return all metrics of the image for a state; kept."""
        end = state["end"] if state["blend"] else ""
        key = state["artifact"], state["noise"], state["blend"], end
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
        before = self.values(self.state())
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
        if all(row[3] == "same" for row in rows):
            summary = "Nothing is changed: these are the values of the fused image."
        elif better:
            names = ", ".join(better)
            summary = f"{len(better)} of {len(rows)} metrics call this better: {names}."
        else:
            summary = f"All {len(rows)} metrics call this worse or the same."
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
            "store": store.as_dict(),
            "table": SEQUENTIAL.ravel().tolist(),
        }


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
