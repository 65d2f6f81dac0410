"""People and plants that several scenes share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState

from fusionlib.images.validation import Image

from .rendering import Canvas, Noise, Shape, Value, capsule, ellipse, polygon

__all__ = ["POSES", "Pose", "foliage", "person", "trunk"]

Point = tuple[float, float]


@dataclass(frozen=True)
class Pose:
    """Angles of the limbs in degrees from straight down, positive ahead.

    Each limb has two: upper arm and forearm, thigh and shank. The body is drawn
    with its far limbs first.
    """

    near_leg: Point = (4, -2)
    far_leg: Point = (-5, -3)
    near_arm: Point = (4, 10)
    far_arm: Point = (-4, 4)
    lean: float = 0.0
    turned: float = 0.0


#: Poses by name. ``turned`` is how much of the side is seen: 0 front, 1 profile.
POSES = {
    "stand": Pose((4, 1), (-5, -4), (9, 5), (-10, -4)),
    "walk": Pose((21, 9), (-15, -33), (-24, -10), (18, 34), 3, 0.8),
    "stride": Pose((-16, -38), (24, 13), (24, 44), (-26, -12), 4, 0.85),
    "wait": Pose((5, 1), (-4, -6), (14, 62), (-9, -2), 0, 0.35),
    "crouch": Pose((72, -30), (24, -84), (38, 84), (46, 92), 16, 0.8),
}


@dataclass(frozen=True)
class _Brush:
    """Paints body parts; positions are in heights, ahead of and above the feet."""

    canvas: Canvas
    foot: Point
    height: float
    facing: int
    visible: Value
    skin: Value
    infrared: float
    texture: bool
    folds: Noise | None

    def at(self, ahead: float, up: float) -> Point:
        """Return a position in the frame."""
        return (
            self.foot[0] + self.facing * ahead * self.height,
            self.foot[1] - up * self.height,
        )

    def clothed(self, shape: Shape, warmth: float = 1.0) -> None:
        """Paint a clothed part, ``warmth`` relative to the trunk of the body."""
        folds, size = self.folds, 0.055 * self.height
        level: Value = warmth * self.infrared
        if folds is not None:
            level = lambda x, y: (  # noqa: E731
                warmth * self.infrared * (1 + 0.04 * folds(x / size, y / size))
            )
        self.canvas.paint(
            shape, visible=self.visible, infrared=level, warm=True, texture=self.texture
        )

    def limb(self, a: Point, b: Point, ra: float, rb: float, warmth: float) -> None:
        """Paint a clothed limb that tapers from radius ``ra`` to ``rb``."""
        tapered = capsule(self.at(*a), self.at(*b), ra * self.height, rb * self.height)
        self.clothed(tapered, warmth)

    def bare(self, centre: Point, rx: float, ry: float) -> None:
        """Paint a part of bare skin."""
        self.canvas.paint(
            ellipse(*self.at(*centre), rx * self.height, ry * self.height),
            visible=self.skin, infrared=min(1.14 * self.infrared, 1), warm=True,
            texture=self.texture,
        )  # fmt: skip


def _joints(start: Point, lengths: Point, angles: Point) -> tuple[Point, Point]:
    """Return knee and ankle, or elbow and wrist."""
    ends = []
    for length, angle in zip(lengths, angles, strict=True):
        turn = math.radians(angle)
        start = start[0] + length * math.sin(turn), start[1] - length * math.cos(turn)
        ends.append(start)
    return ends[0], ends[1]


def _leg(brush: _Brush, hip: Point, angles: Point, turned: float) -> None:
    knee, ankle = _joints(hip, (0.235, 0.225), angles)
    brush.limb(hip, knee, 0.057, 0.041, 0.93)
    brush.limb(knee, ankle, 0.041, 0.029, 0.88)
    heel = (ankle[0] - 0.01, ankle[1] - 0.015)
    toe = (ankle[0] + 0.055 * (0.3 + turned), max(ankle[1] - 0.025, 0.012))
    brush.limb(heel, toe, 0.026, 0.02, 0.72)


def _arm(brush: _Brush, shoulder: Point, angles: Point) -> None:
    elbow, wrist = _joints(shoulder, (0.165, 0.15), angles)
    brush.limb(shoulder, elbow, 0.037, 0.031, 0.94)
    brush.limb(elbow, wrist, 0.03, 0.024, 0.93)
    brush.bare(wrist, 0.022, 0.026)


def _trunk_of_body(brush: _Brush, hips: float, pose: Pose, coat: bool) -> None:
    shoulders, top = hips + 0.32, 0.32 * math.tan(math.radians(pose.lean))
    wide = 0.108 * (1 - 0.32 * pose.turned)
    hem, flare = (0.2, 1.25) if coat else (0.02, 0.95)
    outline = [
        (top - wide, shoulders - 0.045),
        (top - 0.82 * wide, shoulders - 0.008),
        (top - 0.35 * wide, shoulders + 0.024),
        (top + 0.35 * wide, shoulders + 0.024),
        (top + 0.82 * wide, shoulders - 0.008),
        (top + wide, shoulders - 0.045),
        (0.55 * top + 0.82 * wide, hips + 0.13),
        (0.9 * flare * wide, hips - hem),
        (-0.9 * flare * wide, hips - hem),
        (0.55 * top - 0.82 * wide, hips + 0.13),
    ]
    brush.clothed(polygon([brush.at(*point) for point in outline]))
    brush.limb((top, shoulders), (1.15 * top, shoulders + 0.05), 0.036, 0.032, 1.1)


def _head(brush: _Brush, shoulders: float, pose: Pose) -> None:
    top = 0.32 * math.tan(math.radians(pose.lean))
    face = (1.3 * top + 0.012 * pose.turned, shoulders + 0.098)
    brush.bare(face, 0.048 + 0.008 * pose.turned, 0.064)
    # Hair or a cap: visible like the clothes, and cooler than the face.
    crown = brush.at(face[0] - 0.012 * pose.turned, face[1] + 0.026)
    brush.clothed(ellipse(*crown, 0.05 * brush.height, 0.043 * brush.height), 1.02)


def person(
    canvas: Canvas,
    foot: Point,
    height: float,
    *,
    pose: str = "stand",
    facing: int = 1,
    visible: Value = 0.1,
    skin: Value = 0.3,
    infrared: float = 0.8,
    coat: bool = False,
    texture: bool = False,
    folds: Noise | None = None,
) -> None:
    """Paint a person.

    Parameters
    ----------
    canvas : Canvas
        Where to paint.
    foot : tuple of float
        Point of the ground between the feet.
    height : float
        Standing height in frame units.
    pose : str
        A key of :data:`POSES`.
    facing : int
        1 looks right, -1 left.
    visible, skin : float or callable
        Clothes, and face and hands, in the visible.
    infrared : float
        Temperature of the clothed body; skin is warmer, shoes are cooler.
    coat : bool
        Whether a coat covers the thighs.
    texture : bool
        Whether the clothes count as visible texture.
    folds : Noise or None
        Unevenness of the clothes in the infrared; worth it for large figures.
    """
    brush = _Brush(
        canvas, foot, height, facing, visible, skin, infrared, texture, folds
    )
    p = POSES[pose]
    hips = 0.27 if pose == "crouch" else 0.50
    shoulders, top = hips + 0.32, 0.32 * math.tan(math.radians(p.lean))
    apart = 0.054 * (1 - 0.85 * p.turned)
    reach = 0.104 * (1 - 0.9 * p.turned)
    _arm(brush, (top - reach, shoulders - 0.04), p.far_arm)
    _leg(brush, (-apart, hips), p.far_leg, p.turned)
    _leg(brush, (apart, hips), p.near_leg, p.turned)
    _trunk_of_body(brush, hips, p, coat)
    _arm(brush, (top + reach, shoulders - 0.04), p.near_arm)
    _head(brush, shoulders, p)


def trunk(
    canvas: Canvas,
    foot: Point,
    height: float,
    width: float,
    random: RandomState,
    *,
    visible: Value,
    infrared: Value,
    depth: int = 5,
) -> list[Point]:
    """Paint a trunk that forks into branches; return the tips of the branches."""
    tips: list[Point] = []

    def grow(start: Point, angle: float, length: float, radius: float, n: int) -> None:
        bend = angle + 0.15 * (random.random_sample() - 0.5)
        end = (start[0] + length * math.sin(bend), start[1] - length * math.cos(bend))
        canvas.paint(
            capsule(start, end, radius, 0.7 * radius),
            visible=visible, infrared=infrared,
        )  # fmt: skip
        if n == 0:
            tips.append(end)
            return
        for side in (-1, 1):
            turn = side * (0.3 + 0.35 * random.random_sample())
            shorter = length * (0.62 + 0.22 * random.random_sample())
            grow(end, 0.85 * bend + turn, shorter, 0.64 * radius, n - 1)

    grow(foot, 0.0, 0.36 * height, width, depth)
    return tips


def foliage(
    noise: Noise,
    *,
    mean: float,
    contrast: float = 0.35,
    leaf: float = 2.2,
    clump: float = 11.0,
) -> Callable[[Image, Image], Image]:
    """Return leaves lit from the upper left, as a value to paint with.

    Parameters
    ----------
    noise : Noise
        Where leaves and clumps come from.
    mean, contrast : float
        Mean value, and standard deviation relative to it.
    leaf, clump : float
        Sizes in frame units.
    """

    def value(x: Image, y: Image) -> Image:
        # The slope of the clumps towards the light is their shading.
        def bump(s: float) -> Image:
            return noise.fractal((x + s) / clump, (y + s) / clump, octaves=2)

        shading = bump(0.15 * clump) - bump(-0.15 * clump)
        leaves = noise(x / leaf + 91, y / leaf) + 0.8 * noise(
            x / (0.5 * leaf), y / (0.6 * leaf) + 57
        )
        gaps = np.minimum(noise(x / (1.6 * leaf) + 31, y / (1.6 * leaf)) + 0.6, 0)
        total = 0.6 * shading + 0.5 * leaves + 0.8 * gaps
        return mean * np.maximum(1 + contrast * total, 0.12)

    return value
