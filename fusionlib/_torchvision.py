"""Import torchvision also where its compiled operators are missing.

The torchvision on the package index is compiled for CUDA builds of torch. Beside a
CPU build its extension does not load, and ``import torchvision`` then fails because
the operators ``torchvision::nms`` and ``torchvision::qnms`` do not exist, although
the models need neither. Declaring the two without an implementation is enough.
"""

from __future__ import annotations

import contextlib
import importlib.util
from pathlib import Path
from types import ModuleType

import torch

__all__ = ["import_torchvision"]

_OPERATORS = ("nms", "qnms")
_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

# A library's declarations live as long as it does.
_declared: list[torch.library.Library] = []


def import_torchvision() -> ModuleType:
    """Return torchvision, with its two operators declared only if they are missing.

    Raises
    ------
    ImportError
        If torchvision is not installed.
    """
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("torchvision is not installed")
    folder = Path(spec.submodule_search_locations[0])
    for extension in [*folder.glob("_C*.so"), *folder.glob("_C*.pyd")]:
        # What torchvision does itself, a moment later.
        with contextlib.suppress(OSError):
            torch.ops.load_library(str(extension))
    missing = [name for name in _OPERATORS if not _exists(name)]
    if missing:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in missing:
            library.define(f"{name}{_SIGNATURE}")
        _declared.append(library)
    return importlib.import_module("torchvision")


def _exists(name: str) -> bool:
    try:
        getattr(torch.ops.torchvision, name)
    except (AttributeError, RuntimeError):
        return False
    return True
