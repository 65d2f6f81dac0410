"""What all explorers have in common: a state, and a view of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from PIL import Image as PILImage

from fusionlib.data import Pair, load_pair
from fusionlib.errors import InputError
from fusionlib.images.io import to_uint8
from fusionlib.images.validation import as_sources
from fusionlib.vgg.weights import VGGWeights, quiet_weights

from .. import book_build
from ._arithmetic import Bytes
from ._controls import Control, Question, State, check_state

__all__ = [
    "GAIN",
    "SOURCES",
    "Explorer",
    "Picture",
    "View",
    "as_pair",
    "enlarge",
    "fit",
    "grey_detail",
    "inner",
]

#: Pixels up to which a pair goes into a page as it is; larger ones are reduced.
PAGE_PIXELS = 90_000

#: Detail contents are shown around mid-grey and enlarged by this factor.
GAIN = 2

#: Names of the sources and what the reader sees for each.
SOURCES = (("infrared", "Infrared"), ("visible", "Visible"))


@dataclass(frozen=True)
class Picture:
    """A place for an image.

    Attributes
    ----------
    name, title, alt : str
        Key, what stands under it, and what a screen reader says.
    """

    name: str
    title: str
    alt: str


@dataclass(frozen=True)
class View:
    """What an explorer shows in one state.

    Attributes
    ----------
    pictures : dict of str to numpy.ndarray, uint8
        Grey (H, W) or colour (H, W, 3) images by name.
    summary : str
        The read-out in a sentence.
    table : tuple of tuple of str
        Read-out as rows under ``Explorer.head``.
    marked : tuple of int
        Rows that stand out.
    chart : str
        A drawing as SVG, or nothing.
    marker : float or None
        Place of a marker in the chart, from 0 (left) to 1.
    """

    pictures: dict[str, Bytes]
    summary: str
    table: tuple[tuple[str, ...], ...] = ()
    marked: tuple[int, ...] = ()
    chart: str = ""
    marker: float | None = None


class Explorer:
    """What can be set in one explorer, and what is shown for it.

    Subclasses say what can be set (``controls``) and what is shown for a state
    (:meth:`compute`); the rest is here. Attributes that depend on the pair are set
    by :meth:`prepare`, among them a ``question`` that the reader can check.

    Parameters
    ----------
    pair : Pair, str, int or sequence of two arrays
        What to explore; see :func:`as_pair`.
    weights : str, path-like, VGGWeights or None
        See :func:`fusionlib.vgg.weights.load_weights`; unused where no network is.
    """

    kind = ""
    title = ""
    how = ""
    on_page = ""  # what `how` lacks on a page of the book
    head: ClassVar[tuple[str, ...]] = ()
    pictures: ClassVar[tuple[Picture, ...]] = ()
    table_beside = False
    sheet = False
    uses_network = True

    def __init__(self, pair: Any, weights: Any = None) -> None:
        if self.uses_network and not isinstance(weights, VGGWeights):
            weights = quiet_weights(weights)  # the caption names them
        self.weights = weights
        self.controls: tuple[Control, ...] = ()
        self.question: Question | None = None
        self.load(pair)

    def load(self, pair: Any) -> None:
        """Explore another pair.

        Raises
        ------
        InputError
            If it cannot be used; the explorer then still shows the pair before.
        """
        checked = as_pair(pair)
        before = vars(self).copy()
        self.pair = fit(checked) if book_build() else checked
        try:
            self.prepare()
        except InputError:
            self.__dict__ = before
            raise

    def prepare(self) -> None:
        """Set ``controls`` and whatever the views need, for ``self.pair``."""
        raise NotImplementedError

    def compute(self, state: State) -> View:
        """Return the view of a full state."""
        raise NotImplementedError

    def halves(self, state: State) -> tuple[str, str]:
        """Return what is on the left and on the right of the dividing line."""
        return "", ""

    def page(self) -> dict[str, Any]:
        """Return what the static page needs to show every state."""
        raise NotImplementedError

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the pair."""
        height, width = self.pair.infrared.shape
        return height, width

    @property
    def sources_8bit(self) -> tuple[Bytes, Bytes]:
        """Infrared and visible in 8 bits."""
        return to_uint8(self.pair.infrared), to_uint8(self.pair.visible)

    @property
    def caption(self) -> str:
        """Which pair and weights the explorer shows."""
        height, width = self.shape
        text = f"{self.pair.title}, {width} × {height} pixels."
        if self.uses_network:
            text += f" Weights: {self.weights.short_label}."
        return text

    def state(self, changes: State | None = None) -> dict[str, Any]:
        """Return the starting state with some values changed.

        Raises
        ------
        InputError
            If a name or value is none that the controls offer.
        """
        return check_state(self.controls, changes or {})

    def view(self, changes: State | None = None) -> View:
        """Return what is shown in the starting state with some values changed.

        Raises
        ------
        InputError
            If a name or value is none that the controls offer.
        """
        return self.compute(self.state(changes))


def as_pair(pair: Any) -> Pair:
    """Return a pair from what callers may pass.

    Parameters
    ----------
    pair : Pair, str, int or sequence of two arrays
        A pair, its name or number, or an infrared and a visible image, grey, in
        [0, 1] or 8 or 16 bits.

    Raises
    ------
    InputError
        If there is no such pair or the images cannot be used.
    """
    if isinstance(pair, Pair):
        return pair
    if isinstance(pair, (str, int)):
        return load_pair(pair)
    images = as_sources(pair)
    if len(images) != 2:
        raise InputError(
            f"pair must hold an infrared and a visible image, got {len(images)}"
        )
    return Pair("own", "Own images", images[0], images[1], True)


def fit(pair: Pair) -> Pair:
    """Return the pair, or one in 8 bits that is reduced to what a page can carry."""
    height, width = pair.infrared.shape
    factor = (PAGE_PIXELS / (height * width)) ** 0.5
    if factor >= 1:
        return pair
    size = round(width * factor), round(height * factor)

    def reduce(image: Any) -> Any:
        small = PILImage.fromarray(to_uint8(image)).resize(
            size, PILImage.Resampling.BOX
        )
        return np.asarray(small) / 255

    return replace(
        pair,
        title=f"{pair.title}, reduced",
        infrared=reduce(pair.infrared),
        visible=reduce(pair.visible),
        target_mask=None,
        texture_mask=None,
    )


def grey_detail(detail: Any) -> Bytes:
    """Return a detail content in 8 bits, as it is shown."""
    return to_uint8(0.5 + GAIN * detail)


def enlarge(image: Bytes, stride: int, shape: Sequence[int]) -> Bytes:
    """Repeat each pixel over a square and cut off what stands over."""
    grown = image.repeat(stride, axis=0).repeat(stride, axis=1)
    return grown[: shape[0], : shape[1]]


def inner(maps: Any) -> Any:
    """Return maps without the border, of an eighth of their size on each side."""
    high, wide = (size // 8 for size in maps.shape[-2:])
    return maps[..., high : maps.shape[-2] - high, wide : maps.shape[-1] - wide]
