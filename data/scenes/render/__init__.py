"""Paints the synthetic scenes: registered images with known targets.

Each scene is painted once in both bands, so that registration is exact, and then
seen by a plausible sensor of each band. What :func:`write_scenes` writes is part of
fusionlib; this generator is not. One module a scene: ``paint`` and its settings.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray
from PIL import Image as PILImage

from fusionlib.errors import InputError
from fusionlib.images.io import atomic_path, to_uint8
from fusionlib.images.validation import (
    Image,
    check_choice,
    check_positive_int,
    check_size,
)

from .rendering import FRAME, Canvas
from .sensors import infrared_sensor, visible_sensor

__all__ = ["MINIMUM_SIDE", "SCENES", "Scene", "render_scene", "write_scenes"]

Mask = NDArray[np.bool_]

#: Names of the scenes, in the order in which they are shown.
SCENES = ("street", "camouflage", "smoke", "facade", "harbour")

#: Smallest height and width that a scene is rendered at.
MINIMUM_SIDE = 32


@dataclass(frozen=True, eq=False)
class Scene:
    """A rendered scene.

    Attributes
    ----------
    name, title, description : str
        Key, heading, and what each band shows.
    infrared, visible : numpy.ndarray, shape (H, W), float64
        The registered images in [0, 1], multiples of 1/255.
    target_mask : numpy.ndarray, shape (H, W), bool
        True where most of the pixel belongs to a warm target.
    texture_mask : numpy.ndarray, shape (H, W), bool
        True where the visible shows texture: masonry, leaves, lettering.
    """

    name: str
    title: str
    infrared: Image = field(repr=False)
    visible: Image = field(repr=False)
    target_mask: Mask = field(repr=False)
    texture_mask: Mask = field(repr=False)
    description: str = field(repr=False)


def render_scene(name: str, *, shape: tuple[int, int] = FRAME, seed: int = 0) -> Scene:
    """Render a scene.

    Parameters
    ----------
    name : str
        One of :data:`SCENES`.
    shape : tuple of int, optional
        Height and width in pixels. The composition, drawn for 256 x 320, is scaled
        to cover the image and centred; another aspect ratio crops it.
    seed : int, optional
        Seed of clouds, leaves, lit windows and sensor noise, from 0 to 2**32 - 1.

    Returns
    -------
    Scene
        The images and masks: for the same arguments the same on every platform.

    Raises
    ------
    InputError
        If the name is unknown or the shape or the seed is not valid.

    Notes
    -----
    Random numbers come from ``numpy.random.RandomState``, whose streams are
    frozen. What remains is the last bit of ``exp``, ``log`` and powers, which may
    differ between platforms and shows only if a value lies within about 1e-13 of
    the border between two of the 256 grey levels.
    """
    check_choice(name, "name", SCENES)
    try:
        height, width = shape
    except (TypeError, ValueError):
        raise InputError(
            f"shape must be a pair (height, width), got {shape!r}"
        ) from None
    height = check_positive_int(height, "shape[0]", minimum=MINIMUM_SIDE)
    width = check_positive_int(width, "shape[1]", minimum=MINIMUM_SIDE)
    check_size(height, width, "shape")
    seed = check_positive_int(seed, "seed", minimum=0)
    if seed >= 2**32:
        raise InputError(f"seed must be below 2**32, got {seed}")

    module = importlib.import_module(f".{name}", __name__)
    canvas = Canvas((height, width))
    # Streams of their own: the composition is the same at every size, although the
    # sensors draw more numbers for more pixels.
    module.paint(canvas, RandomState([seed, 0]))
    return Scene(
        name=name,
        title=module.TITLE,
        infrared=infrared_sensor(
            canvas.reduced(canvas.infrared), RandomState([seed, 1]), **module.INFRARED
        ),
        visible=visible_sensor(
            canvas.reduced(canvas.visible + canvas.glow),
            RandomState([seed, 2]),
            **module.VISIBLE,
        ),
        target_mask=canvas.reduced(canvas.warm) > 0.5,
        texture_mask=canvas.reduced(canvas.texture) > 0.5,
        description=module.DESCRIPTION,
    )


def write_scenes(folder: str | os.PathLike[str]) -> None:
    """Render every scene and write the files that ship.

    Parameters
    ----------
    folder : path-like
        Where to write. Each scene gives four PNGs, its bands with 8 bits and its masks
        with 1 bit; ``scenes.json`` names them, with the sha256 of their pixels (row by
        row, a byte each), which does not depend on how a PNG was compressed.
    """
    folder = Path(folder)
    entries = {}
    for name in SCENES:
        scene = render_scene(name)
        planes: dict[str, NDArray[np.uint8] | Mask] = {
            "infrared": to_uint8(scene.infrared),
            "visible": to_uint8(scene.visible),
            "target_mask": scene.target_mask,
            "texture_mask": scene.texture_mask,
        }
        for plane, pixels in planes.items():
            with atomic_path(folder / f"{name}_{plane}.png") as temporary:
                PILImage.fromarray(pixels).save(temporary, optimize=True)
        entries[name] = {
            "title": scene.title,
            "description": scene.description,
            "sha256": {
                plane: hashlib.sha256(pixels.tobytes()).hexdigest()
                for plane, pixels in planes.items()
            },
        }
    with atomic_path(folder / "scenes.json") as temporary:
        temporary.write_text(json.dumps(entries, indent=2) + "\n", "utf-8")
