"""The six explorers on a small scene, for tests."""

from __future__ import annotations

import functools
import os
from unittest import mock

from fusionbook import explorers
from fusionlib.data import Pair, load_pair
from fusionlib.vgg.weights import seeded_weights

#: Function that makes each explorer, by kind.
MAKERS = {
    "decomposition": lambda pair: explorers.decomposition_explorer(pair),
    "features": lambda pair: explorers.feature_browser(pair, seeded_weights()),
    "activity": lambda pair: explorers.activity_explorer(pair, seeded_weights()),
    "weights": lambda pair: explorers.weights_explorer(pair, seeded_weights()),
    "selection": lambda pair: explorers.selection_explorer(pair, seeded_weights()),
    "metrics": lambda pair: explorers.metrics_explorer(pair, seeded_weights()),
}

#: Kinds whose pixels come from arithmetic in the page.
ARITHMETIC = ("weights", "selection", "metrics")


def in_book():
    """Return a context in which explorers are built as by the book.

    A new one each time: one patch entered twice would not restore what was there.
    """
    return mock.patch.dict(os.environ, {"FUSIONLIB_BOOK": "1"})


@functools.cache
def small_pair() -> Pair:
    """A scene of 61 x 75 pixels: odd sizes, so that no map fits exactly."""
    bands = (band[6:250:4, 10:310:4] for band in load_pair("street").sources)
    return Pair("small", "Small street", *bands, False)


@functools.cache
def explorer(kind: str):
    """The explorer as the book builds it."""
    with in_book():
        return MAKERS[kind](small_pair())


@functools.cache
def html(kind: str) -> str:
    """Its HTML."""
    with in_book():
        return explorer(kind).html
