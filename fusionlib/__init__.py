"""Infrared and visible image fusion with a deep learning framework.

The reference implementation of H. Li, X.-J. Wu, J. Kittler, "Infrared and Visible
Image Fusion using a Deep Learning Framework", ICPR 2018. One module per step of
the method: :mod:`~fusionlib.decomposition`, :mod:`~fusionlib.features`,
:mod:`~fusionlib.activity`, :mod:`~fusionlib.weight_maps`,
:mod:`~fusionlib.fusion`.

>>> from fusionlib import FusionConfig, fuse, load_pair
>>> result = fuse(load_pair("street"), weights="seeded")
>>> result.image.shape
(256, 320)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .config import FusionConfig as FusionConfig
    from .data import list_pairs as list_pairs
    from .data import load_pair as load_pair
    from .errors import InputError as InputError
    from .evaluation.compare import compare as compare
    from .fusion import FusionResult as FusionResult
    from .fusion import fuse as fuse
    from .images.io import read_image as read_image
    from .images.io import write_image as write_image
    from .vgg.weights import load_weights as load_weights

# Names are imported when they are first used, so that `import fusionlib` is quick.
_HOMES = {
    "compare": "evaluation.compare",
    "FusionConfig": "config",
    "FusionResult": "fusion",
    "InputError": "errors",
    "fuse": "fusion",
    "list_pairs": "data",
    "load_pair": "data",
    "load_weights": "vgg.weights",
    "read_image": "images.io",
    "write_image": "images.io",
}

#: Modules that are imported when they are first used, too.
_MODULES = (
    "activity", "baselines", "config", "data", "decomposition", "features", "fusion",
    "metrics", "weight_maps",
)  # fmt: skip

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
