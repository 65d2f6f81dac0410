"""Training the small network for focus that ships.

The network of :mod:`fusionlib.baselines.cnn_weights` compares two images by
:math:`g(A) - g(B)`, with the same features and the same last kernel for both. From
pairs of one rendered image at two strengths of blur it learns

.. math::

    \\min \\sum \\log \\bigl( 1 + e^{g(\\text{other}) - g(\\text{sharper})} \\bigr) .

Contrast, brightness, orientation and noise are drawn anew for each pair, so that none
of them tells which of the two is the sharper one.

Run as ``python data/networks/training.py``, it writes the weights anew, in about a
minute of one processor.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.ndimage
import torch
from numpy.typing import NDArray
from torch.nn import functional

from fusionlib.baselines.cnn_weights import Network
from fusionlib.data import load_pair, scenes
from fusionlib.images.validation import Image, as_sources, check_positive_int
from fusionlib.vgg.files import write_arrays

__all__ = ["learn_network", "ship_network"]

#: Strengths of blur: standard deviations in pixels.
BLURS = (0.0, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0)

#: Side of the squares that are learned on, and how many are in one step.
SIDE, BATCH = 32, 48


def learn_network(
    images: Sequence[Any],
    *,
    channels: tuple[int, int, int] = (8, 16, 32),
    steps: int = 400,
    seed: int = 0,
) -> Network:
    """Learn which of two images is the sharper one.

    Parameters
    ----------
    images : sequence of array_like, each of shape (H, W)
        Grey images, at least 32x32; see
        :func:`fusionlib.images.validation.as_sources`.
    channels : tuple of int, optional
        Outputs of the three convolutions.
    steps : int, optional
        Number of steps (Adam, from a step size of 0.003 down to 0 by a cosine).
    seed : int, optional
        Seed of all random numbers. The same call gives the same network but for the
        rounding of the machine, which grows from step to step.

    Returns
    -------
    mapping of str to numpy.ndarray
        As :func:`fusionlib.baselines.cnn_weights.load_network`.

    Raises
    ------
    InputError
        If the images or a parameter are not valid.
    """
    sources = as_sources(images, minimum=1)
    steps = check_positive_int(steps, "steps")
    random = np.random.RandomState(seed)
    layers = _first_layers(channels, random)
    parameters = [array for layer in layers for array in layer]
    optimiser = torch.optim.Adam(parameters, lr=0.003)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for sharper, other in _pairs(sources, steps, random):
        margin = _sharpness(sharper, layers) - _sharpness(other, layers)
        loss = functional.softplus(-margin).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    arrays = {}
    for number, (weight, bias) in enumerate(layers[:3], 1):
        arrays[f"conv{number}.weight"] = weight.detach().numpy()
        arrays[f"conv{number}.bias"] = bias.detach().numpy()
    # Half of g to each output: the second is "the first image is the sharper one".
    half = layers[3][0].detach().numpy() / 2
    kernels = np.concatenate([half, -half], axis=1)
    arrays["output.weight"] = np.concatenate([-kernels, kernels])
    return arrays


def _first_layers(
    channels: Sequence[int], random: np.random.RandomState
) -> list[list[torch.Tensor]]:
    """Return random kernels that keep the variance, and biases of zero."""
    counts, layers = [1, *channels, 1], []
    for number, size in enumerate((3, 3, 3, 8)):
        shape = (counts[number + 1], counts[number], size, size)
        scale = np.sqrt(2 / (shape[1] * size * size))
        weight = torch.from_numpy((scale * random.standard_normal(shape)).astype("f4"))
        layer = [weight, torch.zeros(shape[0])][: 2 if number < 3 else 1]
        layers.append([array.requires_grad_() for array in layer])
    return layers


def _sharpness(images: torch.Tensor, layers: list[list[torch.Tensor]]) -> torch.Tensor:
    """Return g, one value for each window of each image."""
    values = images
    for number, (weight, bias) in enumerate(layers[:3], 1):
        values = functional.conv2d(values, weight, bias, padding=1).relu()
        if number == 2:
            values = functional.max_pool2d(values, 2)
    return functional.conv2d(values, layers[3][0])


def _pairs(
    images: Sequence[Image], count: int, random: np.random.RandomState
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield batches of squares, the same places at a weaker and a stronger blur."""
    stacks = [
        np.stack([scipy.ndimage.gaussian_filter(x, s) for s in BLURS]) for x in images
    ]
    for _ in range(count):
        batch = np.empty((2, BATCH, 1, SIDE, SIDE))
        for number in range(BATCH):
            stack = stacks[random.randint(len(stacks))]
            weak, strong = sorted(random.choice(len(BLURS), 2, replace=False))
            y, x = (random.randint(side - SIDE + 1) for side in stack.shape[1:])
            cut = stack[[weak, strong], y : y + SIDE, x : x + SIDE]
            if random.randint(2):
                cut = cut.transpose(0, 2, 1)
            cut = cut[:, :: random.choice([-1, 1]), :: random.choice([-1, 1])]
            level = random.uniform(0.2, 0.8)
            cut = level + random.uniform(0.3, 1.2) * (cut - cut.mean())
            noise = random.uniform(0, 0.01) * random.standard_normal(cut.shape)
            batch[:, number, 0] = cut + noise
        sharper, other = torch.from_numpy(np.clip(batch, 0, 1).astype("f4"))
        yield sharper, other


def ship_network(path: str | os.PathLike[str]) -> None:
    """Learn on the rendered scenes and write the network that ships.

    Parameters
    ----------
    path : path-like
        The ``.safetensors`` file to write, in half precision; its metadata say where
        it comes from.
    """
    images = [band for name in scenes() for band in load_pair(name).sources]
    arrays: dict[str, NDArray[Any]] = {
        key: array.astype(np.float16) for key, array in learn_network(images).items()
    }
    content = hashlib.sha256(b"".join(image.tobytes() for image in images))
    metadata = {
        "what": "stand-in network for fusionlib.baselines.cnn and cnn_focus",
        "source": "data/networks/training.py of fusionlib, default parameters",
        "images": "both bands of the rendered scenes " + ", ".join(scenes()),
        "images_sha256": content.hexdigest(),
        "licence": "MIT, as fusionlib",
    }
    write_arrays(Path(path), arrays, metadata)


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    ship_network(root / "fusionlib" / "baselines" / "cnn_standin.safetensors")
