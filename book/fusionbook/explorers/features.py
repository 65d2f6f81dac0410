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

from .. import book_build
from ..colours import MARK, rgb
from ._arithmetic import Bytes
from ._charts import bar_chart
from ._controls import Choice, Question, Slider, State
from ._core import GAIN, SOURCES, Picture, View, enlarge, grey_detail, inner
from ._shown import ShownExplorer
from ._store import Store

__all__ = ["FeatureBrowser", "feature_browser"]

Rows = tuple[tuple[str, str], ...]

#: Largest height and width of one map in the sheet of all maps of a layer.
TILE = 64, 80

#: Sheets are about as wide as high on the screen.
SHEET_RATIO = 1.6


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
        "Choose a layer and walk through its channels, or choose one in the sheet "
        "of all of them. Each lights up where its pattern is found; many stay dark. "
        "The square in the source is what the brightest sample of the map sees."
    )
    sheet = True
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
        orders = (("activity", "Most active first"), ("network", "As in the network"))
        counts = {name: layer(name).outputs for name in PAPER_LAYERS}
        self.controls = (
            Choice("source", "Source image", SOURCES, "visible"),
            Choice("layer", "Layer", tuple((n, n) for n in PAPER_LAYERS), "relu2_1"),
            Choice("order", "Order of channels", orders, "activity"),
            Slider(
                "channel", "Place in that order", range(1, max(counts.values()) + 1), 1,
                "{}", limits=("layer", counts),
            ),
        )  # fmt: skip
        if book_build():
            self.question = self._question()

    def _question(self) -> Question | None:
        """Return the question, if these weights and this pair have an answer to it."""
        name, places = "relu1_1", range(1, layer("relu1_1").outputs + 1)
        states = [
            self.state({"source": "infrared", "layer": name, "channel": place})
            for place in places
        ]
        gain = self.levels("infrared", name) - self.levels("visible", name)
        accept = tuple(
            {key: state[key] for key in ("source", "layer", "order", "channel")}
            for state in states
            if gain[self.channel(state)] > 0
        )
        if not 0 < len(accept) < len(states):
            return None
        return Question(
            f"Most channels answer more to the visible image. Find one of {name} that "
            "answers more to the infrared: show it for the infrared, most active "
            "first.",
            accept,
            "Compare the mean value of one channel number for both sources.",
        )

    def maps(self, source: str, name: str) -> NDArray[np.float32]:
        """Return all feature maps of a layer for a source; kept for the next call."""
        key = source, name
        if key not in self._maps:
            if not book_build():  # of large pairs, the maps of one layer only
                self._maps = {k: v for k, v in self._maps.items() if k[1] == name}
            self._maps[key] = feature_maps(self.details[source], self.weights, name)
        return self._maps[key]

    def levels(self, source: str, name: str) -> NDArray[np.float64]:
        """Return the mean activity of each channel, away from the border."""
        key = source, name
        if key not in self._levels:
            mean = inner(self.maps(source, name)).mean(axis=(1, 2), dtype=np.float64)
            self._levels[key] = mean
        return self._levels[key]

    def order(self, source: str, name: str) -> NDArray[np.intp]:
        """Return the channels of a layer, the most active for a source first."""
        return np.argsort(-self.levels(source, name), kind="stable")

    def channel(self, state: State) -> int:
        """Return the number of the chosen channel, from 0."""
        place = state["channel"] - 1
        if state["order"] == "network":
            return int(place)
        return int(self.order(state["source"], state["layer"])[place])

    def compute(self, state: State) -> View:
        source, name = state["source"], state["layer"]
        channel, stride = self.channel(state), layer(name).stride
        sample, seen = self.boxes(state)
        picture = outlined(enlarge(self.shown(state), stride, self.shape), sample)
        detail = outlined(grey_detail(self.details[source]), seen)
        count = layer(name).outputs
        rank = int(np.flatnonzero(self.order(source, name) == channel)[0])
        at = rank if state["order"] == "activity" else channel
        return View(
            {"detail": detail, "map": picture},
            self.summary(source, name, channel, rank),
            (
                ("Number", f"{channel + 1} of {count}"),
                ("Rank by activity", str(rank + 1)),
                *self.facts(source, name, channel),
                *self.sizes(name),
            ),
            (),
            self.chart(source, name, state["order"]),
            (at + 0.5) / count,
        )

    def summary(self, source: str, name: str, channel: int, rank: int) -> str:
        """Return what is said of a channel, numbered from 0, of that rank."""
        levels = self.levels(source, name)
        silent = int((levels <= 0.01 * levels.max()).sum())
        return (
            f"{name}, channel {channel + 1} of {len(levels)}: rank {rank + 1} by "
            f"activity. {silent} channels stay below a hundredth of the most active "
            "one."
        )

    def facts(self, source: str, name: str, channel: int) -> Rows:
        """Return what is known of one map, away from the border."""
        plane = inner(self.maps(source, name)[channel])
        return (
            ("Mean value", f"{self.levels(source, name)[channel]:.4f}"),
            ("Range", f"{plane.min():.4f} … {plane.max():.4f}"),
            ("Samples above 0", f"{100 * (plane > 0).mean():.0f} %"),
        )

    def sizes(self, name: str) -> Rows:
        """Return what all maps of a layer have in common."""
        height, width = self.maps("visible", name).shape[1:]
        side = receptive_field(name)
        return (
            ("Size of the map", f"{width} × {height}"),
            ("A sample sees", f"{side} × {side} px"),
        )

    def chart(self, source: str, name: str, order: str) -> str:
        """Return the mean values of all channels of a layer as SVG."""
        levels, first = self.levels(source, name), order == "activity"
        heights = levels[self.order(source, name)] if first else levels
        return bar_chart(
            (heights / max(levels.max(), 1e-12)).tolist(),
            [(0, "1"), (1, str(len(levels)))],
            "most active first" if first else "channel number",
            "mean value",
            f"Mean values of the {len(levels)} channels of {name}",
            f"{levels.max():.2g}",
        )

    def shown(self, state: State) -> Bytes:
        """Return the chosen feature map at its own size, in 8 bits."""
        maps = self.maps(state["source"], state["layer"])
        return self._grey(maps[self.channel(state)])

    @staticmethod
    def _grey(plane: NDArray[np.float32]) -> Bytes:
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

    def sheet_of(self, source: str, name: str) -> tuple[Bytes, int, tuple[int, int]]:
        """Return all maps of a layer in one picture, channel by channel.

        Returns
        -------
        picture : numpy.ndarray, uint8
            The maps in rows, each reduced to one size.
        columns : int
            Maps in a row.
        size : tuple of int
            Height and width of one map in the picture.
        """
        maps = self.maps(source, name)
        step = -(-max(maps.shape[1] / TILE[0], maps.shape[2] / TILE[1]) // 1)
        step = max(int(step), 1)
        tiles = np.stack([_reduced(self._grey(plane), step) for plane in maps])
        count, height, width = tiles.shape
        columns = max(round((count * SHEET_RATIO * height / width) ** 0.5), 1)
        rows = -(-count // columns)
        whole = np.zeros((rows * columns, height, width), np.uint8)
        whole[:count] = tiles
        grid = whole.reshape(rows, columns, height, width).swapaxes(1, 2)
        picture = grid.reshape(rows * height, columns * width)
        return picture, columns, (height, width)

    def page(self) -> dict[str, Any]:
        kept = Store(self.controls[:2])
        pages = {}
        for source, _ in SOURCES:
            kept_detail = grey_detail(self.details[source])
            for name in PAPER_LAYERS:
                picture, columns, size = self.sheet_of(source, name)
                kept.add_frame("sheet", (source, name), picture)
                kept.add_frame("detail", source, kept_detail)
                count = layer(name).outputs
                states = [
                    {"source": source, "layer": name, "order": "network", "channel": k}
                    for k in range(1, count + 1)
                ]
                order = self.order(source, name).tolist()
                ranks = np.argsort(order).tolist()
                pages[f"{source} {name}"] = {
                    "columns": columns,
                    "tile": size,
                    "stride": layer(name).stride,
                    "size": self.maps(source, name).shape[1:],
                    "order": order,
                    "boxes": [self.boxes(state) for state in states],
                    "facts": [self.facts(source, name, k) for k in range(count)],
                    "sizes": self.sizes(name),
                    "summary": self.summary(source, name, 0, ranks[0]),
                    "charts": {
                        order_: self.chart(source, name, order_)
                        for order_ in ("activity", "network")
                    },
                }
        return {"store": kept.as_dict(), "layers": pages}


def _reduced(plane: Bytes, step: int) -> Bytes:
    """Return the means over squares of ``step`` samples."""
    height, width = (-(-side // step) * step for side in plane.shape)
    full = np.pad(
        plane, ((0, height - plane.shape[0]), (0, width - plane.shape[1])), "edge"
    )
    squares = full.reshape(height // step, step, width // step, step)
    return np.floor(squares.mean(axis=(1, 3)) + 0.5).astype(np.uint8)


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
