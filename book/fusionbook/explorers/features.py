"""Explorer of chapter 2: what VGG-19 sees in a detail content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.decomposition import decompose
from fusionlib.features import feature_maps
from fusionlib.images.io import to_uint8
from fusionlib.vgg.layers import PAPER_LAYERS, layer, receptive_box, receptive_field

from ..colours import MARK, rgb
from ._arithmetic import Bytes
from ._charts import bar_chart
from ._controls import Choice, Slider, State
from ._core import GAIN, SOURCES, Picture, View, book_build, enlarge, grey_detail, inner
from ._shown import ShownExplorer
from ._store import Store

__all__ = ["FeatureBrowser", "feature_browser"]

#: Channels of each layer that go into a page, spread evenly over their ranks.
PAGE_CHANNELS = 12


def feature_browser(pair: Any = "street", weights: Any = None) -> FeatureBrowser:
    """Look through the channels of the four layers.

    ``pair`` and ``weights`` are as for every explorer: :mod:`fusionbook.explorers`.
    """
    return FeatureBrowser(pair, weights)


class FeatureBrowser(ShownExplorer):
    """See :func:`feature_browser`."""

    kind = "features"
    title = "What the network sees"
    how = (
        "Choose a layer and walk through its channels. Each lights up where its "
        "pattern is found; many stay dark. The square in the source is what the "
        "brightest sample of the map sees."
    )
    head = ("This channel", "")
    pictures = (
        Picture(
            "detail",
            f"What the network gets: the detail content (×\u00a0{GAIN}), and the "
            "receptive field of the sample marked in the map.",
            "Detail content of the chosen source, a receptive field marked",
        ),
        Picture(
            "map",
            "The channel, from its smallest value (black) to its largest (white); "
            "marked: the brightest sample away from the border.",
            "Feature map of the chosen channel, each sample drawn as a square",
        ),
    )

    def prepare(self) -> None:
        if self.weights.kind == "random":
            self.title = "What a network of random numbers sees"
            self.how = type(self).how.replace(
                "Each lights up where its pattern is found",
                "Their kernels are random numbers: no pattern was learned",
            )
        self.details = {
            name: decompose(getattr(self.pair, name))[1]
            for name in ("infrared", "visible")
        }
        self._maps: dict[tuple[str, str], NDArray[np.float32]] = {}
        self._levels: dict[tuple[str, str], NDArray[np.float64]] = {}
        stops = (
            PAGE_CHANNELS
            if book_build()
            else max(layer(n).outputs for n in PAPER_LAYERS)
        )
        orders = (("activity", "Most active first"), ("network", "As in the network"))
        self.controls = (
            Choice("source", "Source image", SOURCES, "visible"),
            Choice("layer", "Layer", tuple((n, n) for n in PAPER_LAYERS), "relu2_1"),
            Choice("order", "Order of channels", orders, "activity"),
            Slider("channel", "Channel", range(1, stops + 1), 1, "{}"),
        )
        self.stops = stops

    def maps(self, source: str, name: str) -> NDArray[np.float32]:
        """Return all feature maps of a layer for a source; kept for the next call."""
        key = source, name
        if key not in self._maps:
            if not book_build():  # of large pairs, the maps of one layer only
                self._maps = {k: v for k, v in self._maps.items() if k[1] == name}
            self._maps[key] = feature_maps(self.details[source], self.weights, name)
        return self._maps[key]

    def levels(self, source: str, name: str) -> NDArray[np.float64]:
        """Return the mean activity of each channel."""
        key = source, name
        if key not in self._levels:
            mean = self.maps(source, name).mean(axis=(1, 2), dtype=np.float64)
            self._levels[key] = mean
        return self._levels[key]

    def offered(self, name: str) -> NDArray[np.intp]:
        """Return the channels that can be reached, most active first."""
        both = self.levels("infrared", name) + self.levels("visible", name)
        ranks = np.linspace(0, len(both) - 1, min(self.stops, len(both)))
        return np.argsort(-both, kind="stable")[np.rint(ranks).astype(int)]

    def channel(self, state: State) -> int:
        """Return the number of the chosen channel, from 0."""
        channels = self.offered(state["layer"])
        if state["order"] == "network":
            channels = np.sort(channels)
        else:
            levels = self.levels(state["source"], state["layer"])
            channels = channels[np.argsort(-levels[channels], kind="stable")]
        # Shallow layers have fewer channels than the slider has stops.
        place = (state["channel"] - 1) * len(channels) // self.stops
        return int(channels[place])

    def compute(self, state: State) -> View:
        source, name = state["source"], state["layer"]
        channel, stride = self.channel(state), layer(name).stride
        sample, seen = self.boxes(state)
        picture = outlined(enlarge(self.shown(state), stride, self.shape), sample)
        detail = outlined(grey_detail(self.details[source]), seen)
        plane, levels = self.maps(source, name)[channel], self.levels(source, name)
        order = np.argsort(-levels, kind="stable")
        rank = int(np.flatnonzero(order == channel)[0])
        low, high = float(inner(plane).min()), float(inner(plane).max())
        count, active = len(levels), float((plane > 0).mean())
        heights = levels[order] if state["order"] == "activity" else levels
        at = rank if state["order"] == "activity" else channel
        silent = int((levels <= 0.01 * levels.max()).sum())
        rows = (
            ("Number", f"{channel + 1} of {count}"),
            ("Rank by activity", str(rank + 1)),
            ("Mean value", f"{levels[channel]:.4f}"),
            ("Range in the middle", f"{low:.4f} … {high:.4f}"),
            ("Samples above 0", f"{100 * active:.0f} %"),
            ("Size of the map", f"{plane.shape[1]} × {plane.shape[0]}"),
            ("A sample sees", f"{receptive_field(name)} × {receptive_field(name)} px"),
        )
        chart = bar_chart(
            (heights / max(levels.max(), 1e-12)).tolist(),
            [(0, "1"), (1, str(count))],
            "most active first" if state["order"] == "activity" else "channel number",
            "mean value of each channel",
            f"Mean values of the {count} channels of {name}",
        )
        summary = (
            f"{name}, channel {channel + 1} of {count}: rank {rank + 1} by activity. "
            f"{silent} channels stay below a hundredth of the most active one."
        )
        return View(
            {"detail": detail, "map": picture}, summary, rows, (), chart,
            (at + 0.5) / count,
        )  # fmt: skip

    def shown(self, state: State) -> Bytes:
        """Return the chosen feature map at its own size, in 8 bits."""
        plane = self.maps(state["source"], state["layer"])[self.channel(state)]
        low, high = (float(x) for x in np.quantile(inner(plane), [0.001, 0.999]))
        return to_uint8((plane - low) / max(high - low, 1e-12))

    def boxes(self, state: State) -> tuple[tuple[int, int, int], ...]:
        """Return the brightest sample and what it sees: top, left and side of both."""
        name = state["layer"]
        plane = self.maps(state["source"], name)[self.channel(state)]
        middle = inner(plane)
        row, column = np.unravel_index(int(middle.argmax()), middle.shape)
        row, column = int(row) + plane.shape[0] // 8, int(column) + plane.shape[1] // 8
        stride = layer(name).stride
        return (row * stride, column * stride, stride), receptive_box(name, row, column)

    def page(self) -> dict[str, Any]:
        store = Store(self.controls)
        for state in store.states():
            source, name = state["source"], state["layer"]
            view = self.compute(state)
            key = source, name, self.channel(state)
            store.add_frame("detail", source, grey_detail(self.details[source]))
            store.add_frame("map", key, self.shown(state), layer(name).stride)
            for part, box in zip(("map", "detail"), self.boxes(state), strict=True):
                store.add(f"{part} box", box)
            store.add_texts(view)
        frames = [{"name": n, "part": n, "box": f"{n} box"} for n in ("detail", "map")]
        return {"store": store.as_dict(), "frames": frames}


def outlined(picture: Bytes, box: Sequence[int]) -> Bytes:
    """Return a grey picture in colour with a line around a square of pixels.

    Parameters
    ----------
    picture : numpy.ndarray, shape (H, W), uint8
        The picture.
    box : tuple of int
        First row, first column and side of the square, which may reach over the
        picture. Two pixels of line and one of black rim lie outside it, so that its
        pixels stay as they are. ``explorers.js`` does the same.
    """
    colour = np.repeat(picture[..., None], 3, axis=2)
    top, left, side = box
    inside = colour[
        max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)
    ]
    kept = inside.copy()
    for rim, ink in ((3, (0, 0, 0)), (2, rgb(MARK))):
        first, last = top - rim, top + side + rim
        start, end = left - rim, left + side + rim
        colour[max(first, 0) : max(last, 0), max(start, 0) : max(end, 0)] = ink
    inside[...] = kept
    return colour
