"""A smoke screen: opaque in the visible, almost clear in the infrared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import RandomState

from fusionlib.images.validation import Image

from .figures import foliage, person
from .rendering import (
    Canvas,
    Noise,
    Value,
    capsule,
    ellipse,
    polygon,
    rectangle,
    smoothstep,
)

__all__ = ["DESCRIPTION", "INFRARED", "TITLE", "VISIBLE", "paint"]

TITLE = "Smoke screen"
DESCRIPTION = (
    "A lorry and its driver behind a smoke screen on a field. Smoke droplets are "
    "smaller than the infrared wavelength, so the thermal camera sees the warm "
    "engine, the exhaust, the wheels and the man; the visible shows smoke."
)

#: Settings of the sensors.
INFRARED: dict[str, float] = {"blur": 0.9, "noise": 0.009}
VISIBLE: dict[str, float] = {"electrons": 1200.0, "vignetting": 0.3}

HORIZON = 104.0
#: The smoke pots, left to right.
POTS = ((50.0, 216.0), (62.0, 220.0))


def paint(canvas: Canvas, random: RandomState) -> None:
    """Paint the scene, back to front."""
    noise = Noise(random)
    _sky_and_hills(canvas, noise)
    _treeline(canvas, noise, random)
    _field(canvas, noise)
    _lorry(canvas, noise, 124, 192)
    person(canvas, (246, 199), 47, pose="wait", facing=-1, visible=0.05, skin=0.22,
           infrared=0.74)  # fmt: skip
    _pots(canvas)
    _smoke(canvas, noise, random)
    _foreground(canvas, noise, random)


def _sky_and_hills(canvas: Canvas, noise: Noise) -> None:
    canvas.paint(
        visible=lambda x, y: 0.42 + 0.0012 * y
        + 0.06 * noise.fractal(x / 65, y / 22, octaves=5),
        infrared=lambda x, y: 0.17 + 0.0011 * y
        + 0.03 * noise.fractal(x / 65, y / 22, octaves=4),
    )  # fmt: skip
    for base, rise, tone, warmth in ((88, 9, 0.27, 0.32), (96, 6, 0.19, 0.35)):

        def ridge(x: Image, y: Image, base: float = base, rise: float = rise) -> Image:
            return 140 - base + rise * noise.fractal(x / 80 + base, 0 * y, octaves=3)

        def woods(x: Image, y: Image, tone: float = tone) -> Image:
            return tone * (1 + 0.07 * noise.fractal(x / 14, y / 3))

        canvas.paint(
            rectangle(-99, 140, 419, 300).roughened(ridge, 80),
            visible=woods, infrared=warmth,
        )  # fmt: skip


def _treeline(canvas: Canvas, noise: Noise, random: RandomState) -> None:
    for k in range(34):
        u, v, w = random.random_sample(3)
        x, size = 350 * (k + u) / 34 - 15, 7 + 8 * v
        if 96 < x < 128:
            continue
        crown = ellipse(x, HORIZON - 0.6 * size, 0.9 * size, size).roughened(
            lambda x, y: 2.4 * noise.fractal(x / 4, y / 4, octaves=3, gain=0.8), 6
        )
        canvas.paint(
            crown,
            visible=foliage(noise, mean=0.06 + 0.03 * w, leaf=1.5, clump=6),
            infrared=lambda x, y: 0.38 + 0.014 * noise.fractal(x / 4, y / 4),
            texture=True,
        )


def _field(canvas: Canvas, noise: Noise) -> None:
    """Paint stubble in perspective, and a track across it."""

    def ahead(y: Image) -> Image:
        return 300 / np.maximum(y - HORIZON + 3, 1)

    def track(x: Image, y: Image) -> Image:
        u = (x - 112) * ahead(y) / 300 - 0.02 * (ahead(y) - 2)
        return np.exp(-(((np.abs(u - 0.02) - 0.10) / 0.035) ** 2))

    def soil(x: Image, y: Image) -> Image:
        a = ahead(y)
        u, near = (x - 160) * a / 300, smoothstep(HORIZON, 240, y)
        clods = noise.fractal(u * 40, a * 14, octaves=3)
        patches = noise.fractal(u * 2.5, a * 1.2, octaves=3)
        stubble = noise(x / 0.8, y / 2.4) * near
        value = 1 + 0.18 * clods + 0.16 * patches + 0.22 * stubble
        return 0.20 * np.maximum(value, 0.2) * (1 + 0.55 * track(x, y))

    def warmth(x: Image, y: Image) -> Image:
        a = ahead(y)
        u = (x - 160) * a / 300
        clutter = noise.fractal(u * 12, a * 4, octaves=4)
        return 0.42 + 0.0004 * (y - HORIZON) + 0.016 * clutter + 0.04 * track(x, y)

    canvas.paint(
        rectangle(-99, HORIZON, 419, 999), visible=soil, infrared=warmth, texture=True
    )


def _lorry(canvas: Canvas, noise: Noise, x: float, ground: float) -> None:
    """Paint a lorry in side view, its bonnet to the right."""
    drab = 0.09

    def body(
        points: list[tuple[float, float]], visible: Value = drab, **values: Any
    ) -> None:
        canvas.paint(
            polygon([(x + a, ground - b) for a, b in points]),
            visible=visible, warm=True, **values,
        )  # fmt: skip

    canvas.paint(
        ellipse(x + 52, ground + 1, 62, 6), visible=0.03, infrared=0.50, opacity=0.8,
        soft=5,
    )  # fmt: skip
    canvas.paint(
        rectangle(x + 4, ground - 22, x + 102, ground - 10),
        visible=0.03, infrared=0.56, warm=True,
    )  # fmt: skip

    def canvas_cover(px: Image, py: Image) -> Image:
        ribs = np.cos(2 * np.pi * (px - x) / 14.5)
        return 0.585 + 0.018 * ribs + 0.012 * noise.fractal(px / 6, py / 6)

    body([(0, 24), (0, 58), (3, 63), (58, 63), (61, 58), (61, 24)],
         infrared=canvas_cover)  # fmt: skip
    body([(-1, 18), (-1, 26), (62, 26), (62, 18)], infrared=0.54)
    body([(64, 18), (64, 54), (67, 57), (82, 57), (88, 40), (88, 18)], infrared=0.62)
    body([(68, 40), (68, 53), (80, 53), (84, 40)], visible=0.3, infrared=0.45)
    body([(88, 18), (88, 39), (106, 36), (109, 32), (109, 18)], infrared=0.80)
    body([(92, 24), (92, 35), (104, 33), (104, 24)], infrared=0.97, soft=2.5)
    body([(108, 14), (108, 19), (112, 19), (112, 14)], infrared=0.5)
    canvas.paint(
        capsule((x + 62, ground - 17), (x + 62.5, ground - 66), 0.9), visible=0.04,
        infrared=0.95, warm=True,
    )  # fmt: skip
    for wheel in (13, 35, 96):
        for radius, warmth in ((11.5, 0.47), (9.6, 0.66), (5.0, 0.80), (2.2, 0.62)):
            canvas.paint(
                ellipse(x + wheel, ground - 10.5, radius, radius),
                visible=0.02 if radius > 6 else 0.08, infrared=warmth, warm=True,
            )  # fmt: skip
    for k in range(6):
        canvas.paint(
            ellipse(x + 60 - 4.5 * k, ground - 69 - 3.2 * k, 3 + 1.6 * k, 2.4 + k),
            infrared=0.60, opacity=0.42 - 0.06 * k, soft=4 + k,
        )  # fmt: skip


def _pots(canvas: Canvas) -> None:
    for x, y in POTS:
        canvas.paint(rectangle(x - 3, y - 8, x + 3, y), visible=0.05, infrared=0.85,
                     warm=True)  # fmt: skip
        canvas.paint(ellipse(x, y - 8, 3, 1.3), visible=0.4, infrared=1.0, warm=True)


def _plume(along: Image) -> tuple[Image, Image]:
    """Return middle and half height of the plume, ``along`` units from the pots."""
    middle = 210 - 46 * smoothstep(0, 90, along) - 0.10 * np.maximum(along, 0)
    return middle, 6 + 44 * smoothstep(0, 85, along) + 0.05 * np.maximum(along, 0)


def _smoke(canvas: Canvas, noise: Noise, random: RandomState) -> None:
    """Paint the plume in the visible: a veil, and puffs in front of it."""

    def veil(x: Image, y: Image) -> Image:
        middle, half = _plume(x - 46)
        off = np.abs(y - middle) / np.where(y > middle, half, 1.25 * half)
        wx, wy = x + 9 * noise(x / 30, y / 22), y + 7 * noise(x / 24 + 70, y / 24 + 31)
        wisps = noise.fractal(wx / 34, wy / 20, octaves=3)
        return 0.98 * smoothstep(1.35, 0.75, off - 0.16 * wisps) * (x > 46)

    def veil_tone(x: Image, y: Image) -> Image:
        return 0.36 + 0.05 * noise.fractal(x / 22, y / 13, octaves=4) + 0 * y

    cover = veil(canvas.x, canvas.y)
    canvas.paint(visible=veil_tone, opacity=cover)
    # A little smoke shows in the infrared too, as cool as the air.
    canvas.paint(infrared=0.43, opacity=0.07 * cover)
    puffs = []
    for k in range(190):
        t, u, v, w = random.random_sample(4)
        along = 300 * (k + t) / 190
        middle, half = (float(a) for a in _plume(np.asarray(along)))
        size = (3.2 + 0.31 * half * (0.5 + v)) * (1.1 - 0.45 * abs(2 * u - 1))
        y = middle + 0.86 * half * (2 * u - 1)
        tone = 0.40 * (0.80 + 0.40 * w)
        puffs.append((y, 46 + along, size, tone))
    for y, x, size, tone in sorted(puffs):
        depth = (y - float(_plume(np.asarray(x - 46.0))[0])) / 50
        _puff(canvas, noise, (x, y), size, tone * (1 - 0.25 * depth))


def _puff(
    canvas: Canvas,
    noise: Noise,
    centre: tuple[float, float],
    size: float,
    tone: float,
) -> None:
    """Paint one puff of smoke: a ragged ball, lit from the upper left."""
    x, y = centre
    shift = 7.3 * x + 3.1 * y

    def ragged(px: Image, py: Image) -> Image:
        cell = 0.62 * size
        return noise.fractal((px + shift) / cell, (py - shift) / cell, octaves=3)

    def shade(px: Image, py: Image) -> Image:
        light = -(0.45 * (px - x) + 0.85 * (py - y)) / size
        return tone * (1 + 0.38 * np.clip(light, -1, 1) + 0.04 * noise(px / 5, py / 4))

    canvas.paint(
        ellipse(x, y, size, 0.86 * size).roughened(
            lambda px, py: 0.17 * size * ragged(px, py), 0.45 * size
        ),
        visible=shade, opacity=0.85, soft=0.5 * size,
    )  # fmt: skip


def _foreground(canvas: Canvas, noise: Noise, random: RandomState) -> None:
    """Paint tufts of grass close to the camera."""
    for _ in range(170):
        u, v, w, z = random.random_sample(4)
        x, foot = 340 * u - 10, 232 + 34 * v
        tall = (5 + 10 * w) * (0.6 + 0.7 * v)
        canvas.paint(
            capsule((x, foot), (x + tall * (z - 0.5), foot - tall), 0.6, 0.12),
            visible=0.10 + 0.26 * w, infrared=0.47, texture=True,
        )  # fmt: skip
