"""torchvision's VGG-19, which ours is held against."""

from __future__ import annotations

import torch

__all__ = ["vgg19_features"]

#: The torchvision on the package index is built for CUDA builds of torch. Beside
#: another build these operators are missing, and it cannot be imported until they are
#: declared; VGG-19 uses neither.
OPERATORS = ("nms", "qnms")
SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

# A declaration lives as long as its library.
_libraries: list[torch.library.Library] = []


def vgg19_features() -> torch.nn.Sequential:
    """Return ``torchvision.models.vgg19().features``, without values (device meta)."""
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in OPERATORS:
            library.define(f"{name}{SIGNATURE}")
        _libraries.append(library)
        import torchvision
    with torch.device("meta"):
        return torchvision.models.vgg19(init_weights=False).features
