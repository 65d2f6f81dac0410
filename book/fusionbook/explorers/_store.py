"""What a static page keeps for every state, each thing once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..packing import webp
from ._arithmetic import Bytes
from ._controls import Control
from ._core import View

__all__ = ["Store"]

#: Qualities of precomputed frames, the best that fits is taken.
QUALITIES = (80, 65, 50, 35, 25, 15, 8)

#: Characters that all frames of an explorer may take.
FRAME_BUDGET = 600_000


class Store:
    """Things that depend on the state, each kept once.

    Parameters
    ----------
    controls : sequence of Control
        What the things depend on.
    """

    def __init__(self, controls: Sequence[Control]) -> None:
        self.controls = list(controls)
        self.items: dict[str, list[Any]] = {}
        self.index: dict[str, list[int]] = {}
        self._known: dict[str, dict[Any, int]] = {}
        self._frames: set[str] = set()

    def add_frame(self, name: str, key: Any, image: Bytes, stride: int = 1) -> None:
        """Append an image for the next state, each pixel a square of ``stride``."""
        self._frames.add(name)
        self.add(name, [image, stride], key)

    def add_texts(self, view: View) -> None:
        """Append whatever a view says and draws, for the next state."""
        for name in ("summary", "table", "marked", "chart", "marker"):
            self.add(name, getattr(view, name))

    def states(self) -> list[dict[str, Any]]:
        """Return every state, the last control changing fastest."""
        names = [control.name for control in self.controls]
        values = (control.values for control in self.controls)
        return [dict(zip(names, v, strict=True)) for v in itertools.product(*values)]

    def add(self, name: str, thing: Any, key: Any = None) -> None:
        """Append a thing for the next state; things of one key are the same."""
        known = self._known.setdefault(name, {})
        key = thing if key is None else key
        if key not in known:
            known[key] = len(known)
            self.items.setdefault(name, []).append(thing)
        self.index.setdefault(name, []).append(known[key])

    def as_dict(self) -> dict[str, Any]:
        """Return what the page needs."""
        frames = [f for name in sorted(self._frames) for f in self.items[name]]
        encoded = iter(_affordable([image for image, _ in frames]))
        items = dict(self.items)
        for name in sorted(self._frames):
            items[name] = [[next(encoded), stride] for _, stride in items[name]]
        return {
            "by": [control.name for control in self.controls],
            "items": items,
            "index": self.index,
        }


def _affordable(images: Sequence[Bytes]) -> list[str]:
    """Return the frames in the best quality with which they fit."""
    sample = images[::7]
    for quality in QUALITIES:
        # A few of them tell at once when a quality is far too good.
        size = sum(len(webp(image, quality, 4)) for image in sample)
        if size * len(images) > 1.2 * FRAME_BUDGET * len(sample):
            continue
        encoded = [webp(image, quality, 4) for image in images]
        if sum(map(len, encoded)) <= FRAME_BUDGET:
            return encoded
    return [webp(image, QUALITIES[-1], 4) for image in images]
