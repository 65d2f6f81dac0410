"""Explorer of chapter 1: base part and detail content."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fusionlib.decomposition import DEFAULT_LAM, decompose
from fusionlib.images.io import to_uint8

from . import _arithmetic as arithmetic
from ._charts import line_chart
from ._controls import Choice, Question, Slider, State
from ._core import GAIN, SOURCES, Picture, View, grey_detail
from ._shown import ShownExplorer
from ._store import Store

__all__ = ["DecompositionExplorer", "decomposition_explorer"]

#: Stops of the slider, about three in a factor of ten.
LAMBDAS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

#: Period of stripes that the question is about, in pixels.
ASKED = 32

#: Periods of stripes in the chart, in pixels.
PERIODS = np.geomspace(2, 256, 57)


def decomposition_explorer(pair: Any = "street") -> DecompositionExplorer:
    """Split a source into base part and detail content, for any lambda.

    ``pair`` is as for every explorer: :mod:`fusionbook.explorers`.
    """
    return DecompositionExplorer(pair)


class DecompositionExplorer(ShownExplorer):
    """See :func:`decomposition_explorer`."""

    kind = "decomposition"
    title = "Base and detail"
    how = (
        "Move λ and watch where a structure lives: in the base part on the left, or in "
        "the detail content on the right."
    )
    head = ("Variance", "Grey levels²", "Share")
    pictures = (
        Picture(
            "split",
            f"Left of the line the base part, right the detail content "
            f"(×\u00a0{GAIN}, zero is mid-grey).",
            "A source image: base part left of a dividing line, detail content right",
        ),
    )
    table_beside = True
    uses_network = False

    def prepare(self) -> None:
        self.controls = (
            Choice("source", "Source image", SOURCES, "visible"),
            Slider("lam", "λ, weight of smoothness", LAMBDAS, DEFAULT_LAM, "{:g}"),
            Slider("split", "Dividing line", range(101), 50, "{} %", "split"),
        )
        enough = [lam for lam in LAMBDAS if (half_gain_period(lam) or 0) > ASKED]
        self.question = Question(
            f"Stripes with a period of {ASKED} pixels shall lose more than half of "
            "their contrast in the base part. Which is the smallest λ of the slider "
            "that does it?",
            ({"lam": enough[0]},),
            "The sentence below the picture names the period that loses half.",
        )

    def parts(self, state: State) -> tuple[Any, Any]:
        """Return base part and detail content for a state."""
        return decompose(getattr(self.pair, state["source"]), state["lam"])

    def compute(self, state: State) -> View:
        base, detail = self.parts(state)
        picture = arithmetic.wipe(to_uint8(base), grey_detail(detail), state["split"])
        source = getattr(self.pair, state["source"])
        total, lam = float(source.var()), state["lam"]
        both = 2 * float(np.mean((base - base.mean()) * (detail - detail.mean())))
        parts = (
            ("Base", float(base.var())), ("Detail", float(detail.var())),
            ("2 × covariance", both), ("Sum: source", total),
        )  # fmt: skip
        rows = tuple(
            (name, f"{255**2 * value:.0f}", f"{_share(value, total):.1f}\u00a0%")
            for name, value in parts
        )
        period = half_gain_period(lam)
        passes = (
            f"stripes with a period above {period:.1f} pixels keep more than half of "
            "their contrast in the base part"
            if period
            else "even the finest stripes keep more than half of their contrast in the "
            "base part"
        )
        summary = (
            f"λ = {lam:g}: {passes}; of the finest checkerboard "
            f"{100 / (1 + 8 * lam):.2g}\u00a0% is left."
        )
        return View({"split": picture}, summary, rows, (), response_chart(lam))

    def halves(self, state: State) -> tuple[str, str]:
        return "Base", "Detail"

    def page(self) -> dict[str, Any]:
        store = Store(self.controls[:2])
        for state in store.states():
            key = tuple(state.values())
            base, detail = self.parts(state)
            view = self.compute({**state, "split": 50})
            store.add_frame("base", key, to_uint8(base))
            store.add_frame("detail", key, grey_detail(detail))
            store.add_texts(view)
        split = {
            "name": "split",
            "left": "base",
            "right": "detail",
            "wipe": "split",
            "labels": self.halves({}),
        }
        return {"store": store.as_dict(), "frames": [split]}


def half_gain_period(lam: float) -> float | None:
    """Return the period of the stripes whose contrast the base halves, in pixels.

    None where no stripes along one axis are weakened that much (lam < 1/4).
    """
    cosine = 1 - 1 / (2 * lam)
    return None if cosine < -1 else 2 * math.pi / math.acos(cosine)


def response_chart(lam: float) -> str:
    """Return the gain of the base filter against the period of stripes, as SVG."""
    ticks = [(p, f"{p:g}") for p in (2, 4, 8, 16, 32, 64, 128, 256)]

    def gain(value: float) -> list[float]:
        return list(1 / (1 + value * (2 - 2 * np.cos(2 * np.pi / PERIODS))))

    return line_chart(
        (np.log(PERIODS / 2) / math.log(128)).tolist(),
        [(gain(DEFAULT_LAM), True), (gain(lam), False)],
        [(math.log(p / 2) / math.log(128), text) for p, text in ticks],
        "period of stripes, pixels",
        "kept in the base",
        f"Gain of the base filter for lambda {lam:g} against the period of stripes; "
        "dashed: lambda 5",
    )


def _share(part: float, total: float) -> float:
    return 100 * part / total if total else 0.0
