"""Explorers: one for each chapter, alive in JupyterLab and in the static page.

Each function returns one displayable object. With a running kernel it is a set of
ipywidgets that accepts any pair, also uploaded files. In a book build
(``FUSIONLIB_BOOK=1``) it is self-contained HTML: precomputed frames for expensive
steps, arithmetic in the page for cheap ones, no kernel and no network.

What to explore is the first argument, ``pair``: a :class:`fusionlib.data.Pair`, the
name or number of one, or an infrared and a visible image, grey, in [0, 1] or 8 or 16
bits. Where a network is used, the second, ``weights``, says which: see
:func:`fusionlib.vgg.weights.load_weights`. What cannot be used raises
:class:`fusionlib.errors.InputError`.

>>> from fusionbook.explorers import decomposition_explorer
>>> explorer = decomposition_explorer("street")
>>> explorer.view({"lam": 5.0}).pictures["split"].shape
(256, 320)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._playground import playground as playground
    from .activity import activity_explorer as activity_explorer
    from .decomposition import decomposition_explorer as decomposition_explorer
    from .features import feature_browser as feature_browser
    from .metrics import metrics_explorer as metrics_explorer
    from .selection import selection_explorer as selection_explorer
    from .weights import weights_explorer as weights_explorer

_HOMES = {
    "activity_explorer": "activity",
    "decomposition_explorer": "decomposition",
    "feature_browser": "features",
    "metrics_explorer": "metrics",
    "playground": "_playground",
    "selection_explorer": "selection",
    "weights_explorer": "weights",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
