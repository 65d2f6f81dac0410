"""The method as a straightforward PyTorch port has it: what ours is compared with.

Our own, written the plain way: torchvision's VGG-19 on each source in turn, copied
to three channels; every activity map kept; then one loop over the samples of each
map, which averages a block, forms the weights and writes them out as a block.
It gives the same image as `fusionlib.fuse`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fusionlib.vgg.weights import VGGWeights

from .vision import vgg19_features

__all__ = ["fuse", "load_network"]

#: Positions of relu1_1, relu2_1, relu3_1 and relu4_1 in torchvision's features.
POSITIONS = (1, 6, 11, 20)


def load_network(weights: VGGWeights) -> torch.nn.Module:
    """Return torchvision's VGG-19 up to relu4_1 with these weights."""
    network = vgg19_features()[: POSITIONS[-1] + 1].to_empty(device="cpu")
    state = {key.removeprefix("features."): a for key, a in weights.arrays.items()}
    network.load_state_dict({key: torch.tensor(a) for key, a in state.items()})
    for module in network:
        if isinstance(module, torch.nn.MaxPool2d):
            module.ceil_mode = True
    return network.eval()


def fuse(
    first: NDArray[Any], second: NDArray[Any], network: torch.nn.Module
) -> NDArray[Any]:
    """Return the fused image of two grey images in [0, 1]."""
    (base1, detail1), (base2, detail2) = low_pass(first), low_pass(second)
    with torch.no_grad():
        maps1, maps2 = activity(detail1, network), activity(detail2, network)
    candidates = [
        candidate(map1, map2, detail1, detail2)
        for map1, map2 in zip(maps1, maps2, strict=True)
    ]
    fused = (base1 + base2) / 2 + np.max(candidates, axis=0)
    return np.clip(fused, 0, 1)


def low_pass(image: NDArray[Any], lam: float = 5, pad: int = 16) -> tuple[Any, Any]:
    """Return base part and detail content, by the full complex transform."""
    padded = np.pad(image, pad, mode="symmetric")
    height, width = padded.shape
    gx = np.zeros_like(padded)
    gy = np.zeros_like(padded)
    gx[0, :2] = gy[:2, 0] = -1, 1
    power = np.abs(np.fft.fft2(gx)) ** 2 + np.abs(np.fft.fft2(gy)) ** 2
    smooth = np.real(np.fft.ifft2(np.fft.fft2(padded) / (1 + lam * power)))
    base = smooth[pad : height - pad, pad : width - pad]
    return base, image - base


def activity(detail: NDArray[Any], network: torch.nn.Module) -> list[NDArray[Any]]:
    """Return the l1-norm of the four layers' features."""
    x = torch.from_numpy(np.stack([detail] * 3)[None]).float()
    maps = []
    for position, module in enumerate(network):
        x = module(x)
        if position in POSITIONS:
            maps.append(torch.norm(x, p=1, dim=1)[0].numpy())
    return maps


def candidate(
    map1: NDArray[Any], map2: NDArray[Any], detail1: Any, detail2: Any, r: int = 1
) -> NDArray[Any]:
    """Return the candidate detail of one layer, sample by sample."""
    height, width = detail1.shape
    rows, columns = map1.shape
    step = round(height / rows)
    padded1, padded2 = np.pad(map1, r), np.pad(map2, r)
    weights1 = np.zeros((rows * step, columns * step))
    for i in range(rows):
        for j in range(columns):
            block = slice(i, i + 2 * r + 1), slice(j, j + 2 * r + 1)
            mean1 = padded1[block].sum() / (2 * r + 1) ** 2
            mean2 = padded2[block].sum() / (2 * r + 1) ** 2
            total = mean1 + mean2
            weights1[i * step : (i + 1) * step, j * step : (j + 1) * step] = (
                mean1 / total if total > 0 else 0.5
            )
    weights1 = weights1[:height, :width]
    return weights1 * detail1 + (1 - weights1) * detail2
