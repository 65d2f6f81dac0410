"""People in camouflage at the edge of a wood: the visible shows leaves only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import RandomState

from fusionlib.images.validation import Image

from .figures import foliage, person
from .rendering import Canvas, Noise, capsule, ellipse, rectangle, smoothstep

__all__ = ["DESCRIPTION", "INFRARED", "TITLE", "VISIBLE", "paint"]

TITLE = "Camouflage"
DESCRIPTION = (
    "The edge of a wood under an overcast sky. Two people wear what the bushes behind "
    "them look like: the visible shows leaves, grass and trunks, the infrared two "
    "warm bodies in cool and almost uniform vegetation."
)

#: Settings of the sensors.
INFRARED: dict[str, float] = {"noise": 0.010}
VISIBLE: dict[str, float] = {"electrons": 1500.0, "vignetting": 0.25}

#: Where the grass begins.
EDGE = 112.0


def paint(canvas: Canvas, random: RandomState) -> None:
    """Paint the scene, back to front."""
    noise = Noise(random)
    _wood(canvas, noise, random)
    _grass(canvas, noise)
    far = sorted(random.random_sample((26, 2)).tolist(), key=lambda p: p[1])
    for u, v in far:
        _bush(canvas, noise, random, 340 * u - 10, EDGE + 3 + 26 * v, 15 + 10 * v)
    _hidden(canvas, noise, (92, 153), 58, pose="crouch", facing=1)
    for x, y, size in ((72, 158, 19), (104, 160, 14), (30, 166, 25), (150, 158, 22)):
        _bush(canvas, noise, random, x, y, size)
    for x, y, size in ((214, 186, 33), (262, 180, 30), (186, 184, 24), (303, 190, 34)):
        _bush(canvas, noise, random, x, y, size)
    _hidden(canvas, noise, (232, 202), 88, pose="stand", facing=-1)
    for x, y, size in (
        (252, 213, 20),
        (212, 210, 17),
        (229, 211, 15),
        (290, 222, 30),
        (219, 178, 8),
        (247, 170, 7),
        (238, 190, 7),
    ):
        _bush(canvas, noise, random, x, y, size)
    for x, y, size in ((8, 268, 46), (64, 276, 34), (318, 272, 44), (268, 282, 30)):
        _bush(canvas, noise, random, x, y, size)
    _blades(canvas, noise, random)


def _wood(canvas: Canvas, noise: Noise, random: RandomState) -> None:
    """Paint sky, crowns, the dark below them, and trunks."""
    canvas.paint(
        visible=lambda x, y: 0.62 + 0.03 * noise.fractal(x / 60, y / 25),
        infrared=lambda x, y: 0.16 + 0.02 * noise.fractal(x / 60, y / 25),
    )
    canvas.paint(
        rectangle(-99, 40, 419, 150),
        visible=foliage(noise, mean=0.028, contrast=0.5, clump=14),
        infrared=lambda x, y: 0.345 + 0.012 * noise.fractal(x / 9, y / 12),
        texture=True,
    )
    for _ in range(24):
        u, v, w = random.random_sample(3)
        x, width = 340 * u - 10, 1.0 + 1.8 * v
        canvas.paint(
            capsule((x, EDGE + 6), (x + 9 * (w - 0.5), -20), width, 0.6 * width),
            visible=_bark(noise, 0.035 + 0.05 * w), infrared=0.375 + 0.02 * w,
            texture=True,
        )  # fmt: skip
    for k in range(46):
        u, v, w = random.random_sample(3)
        x, y = 350 * ((k + u) / 46) - 15, 4 + 52 * v
        size = 17 + 15 * w
        crown = ellipse(x, y, size, 0.75 * size).roughened(
            lambda x, y: 5 * noise.fractal(x / 8, y / 8, octaves=4, gain=0.8), 12
        )
        canvas.paint(
            crown, visible=_lit(noise, random, 0.075 + 0.05 * v, y, size),
            infrared=_leaves(noise, 0.37 + 0.02 * w), texture=True,
        )  # fmt: skip


def _bark(noise: Noise, mean: float) -> Callable[[Image, Image], Image]:
    return lambda x, y: mean * np.maximum(1 + 0.4 * noise(x / 0.8, y / 5), 0.2)


def _leaves(noise: Noise, mean: float) -> Callable[[Image, Image], Image]:
    """Return the temperature of leaves: close to the air, with a little clutter."""
    return lambda x, y: mean + 0.013 * noise.fractal(x / 5, y / 5, octaves=3)


def _lit(
    noise: Noise, random: RandomState, mean: float, y: float, size: float
) -> Callable[[Image, Image], Image]:
    """Return foliage of its own pattern, brighter towards the sky."""
    du, dv = 200 * random.random_sample(2)
    leaves = foliage(noise, mean=mean, contrast=0.42, clump=0.45 * size)

    def value(px: Image, py: Image) -> Image:
        towards_sky = np.clip(1.05 - 0.55 * (py - y) / size, 0.35, 1.7)
        return leaves(px + du, py + dv) * towards_sky

    return value


def _grass(canvas: Canvas, noise: Noise) -> None:
    def depth(y: Image) -> Image:
        return np.maximum(y - EDGE, 0) / 144

    def edge(x: Image, y: Image) -> Image:
        return 2.5 * noise.fractal(x / 9, y / 9, octaves=3)

    def blades(x: Image, y: Image) -> Image:
        fine = noise(x / 0.9, y / 3.2) + 0.7 * noise(x / 0.55 + 40, y / 2.2)
        tufts = noise.fractal(x / 7, y / 3.5, octaves=3)
        patches = noise.fractal(x / 45, y / 13, octaves=3)
        t = depth(y)
        value = 1 + (0.1 + 0.25 * t) * fine + 0.22 * tufts + 0.16 * patches
        return (0.17 + 0.05 * t) * np.maximum(value, 0.15)

    canvas.paint(
        rectangle(-99, EDGE, 419, 999).roughened(edge, 9),
        visible=blades,
        infrared=lambda x, y: 0.43 + 0.05 * depth(y)
        + 0.016 * noise.fractal(x / 22, y / 7, octaves=4)
        + 0.008 * noise(x / 1.5, y / 4),
        texture=True,
    )  # fmt: skip


def _bush(
    canvas: Canvas,
    noise: Noise,
    random: RandomState,
    x: float,
    foot: float,
    size: float,
) -> None:
    """Paint a bush of half width ``size`` that stands on ``foot``."""
    tone, squat, warmth = random.random_sample(3)
    tall = size * (0.55 + 0.25 * squat)
    du, dv = 200 * random.random_sample(2)
    outline = ellipse(x, foot - 0.8 * tall, size, tall).roughened(
        lambda px, py: 0.16 * size * noise.fractal(
            (px + du) / (0.35 * size), (py + dv) / (0.35 * size), octaves=5, gain=0.75
        ),
        0.5 * size,
    )  # fmt: skip
    canvas.paint(
        ellipse(x, foot - 0.1 * tall, 1.05 * size, 0.35 * tall),
        visible=0.03, opacity=0.6, soft=0.3 * size,
    )  # fmt: skip
    canvas.paint(
        outline,
        visible=_lit(noise, random, 0.10 + 0.05 * tone, foot - 0.8 * tall, tall),
        infrared=_leaves(noise, 0.39 + 0.03 * warmth),
        texture=True,
    )


def _hidden(
    canvas: Canvas,
    noise: Noise,
    foot: tuple[float, float],
    height: float,
    *,
    pose: str,
    facing: int,
) -> None:
    """Paint a person whose clothes and face are patterned like the bushes."""
    leaves = foliage(noise, mean=0.125, contrast=0.42, clump=8)

    def pattern(x: Image, y: Image) -> Image:
        up = smoothstep(foot[1], foot[1] - height, y)
        return leaves(x + 131, y + 57) * (0.72 + 0.55 * up)

    person(
        canvas, foot, height, pose=pose, facing=facing, visible=pattern, skin=pattern,
        infrared=0.78, texture=True, folds=noise,
    )  # fmt: skip


def _blades(canvas: Canvas, noise: Noise, random: RandomState) -> None:
    """Paint long blades of grass in the foreground."""
    for _ in range(150):
        u, v, w, z = random.random_sample(4)
        x, foot = 330 * u - 5, 214 + 52 * v
        tall = (7 + 12 * w) * (0.6 + 0.6 * v)
        canvas.paint(
            capsule((x, foot), (x + tall * (z - 0.5), foot - tall), 0.55, 0.12),
            visible=0.12 + 0.22 * w, infrared=0.455, texture=True,
        )  # fmt: skip
