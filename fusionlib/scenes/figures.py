"""People and plants that several scenes share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import RandomState

from ..validation import Image
from .rendering import Canvas, Noise, Value, capsule, ellipse, polygon

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
    "stand": Pose(),
    "walk": Pose((24, 12), (-20, -34), (-22, -8), (20, 42), 3, 0.55),
    "stride": Pose((-22, -40), (26, 16), (22, 50), (-24, -10), 4, 0.7),
    "wait": Pose((3, 0), (-6, -8), (12, 70), (-8, 2), 0, 0.3),
    "crouch": Pose((78, -34), (40, -80), (38, 85), (30, 95), 18, 0.7),
}


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
    """
    p = POSES[pose]
    crouched = pose == "crouch"
    hip_height = 0.27 if crouched else 0.50
    half = 0.075 * (1 - 0.35 * p.turned)
    lean = math.tan(math.radians(p.lean))

    def at(x: float, up: float) -> Point:
        return foot[0] + facing * x * height, foot[1] - up * height

    def limb(start: Point, length: Point, angles: Point) -> tuple[Point, Point]:
        first, second = (math.radians(a) for a in angles)
        joint = (
            start[0] + length[0] * math.sin(first),
            start[1] - length[0] * math.cos(first),
        )
        return joint, (
            joint[0] + length[1] * math.sin(second),
            joint[1] - length[1] * math.cos(second),
        )

    def draw(a: Point, b: Point, ra: float, rb: float, warmth: float) -> None:
        canvas.paint(
            capsule(at(*a), at(*b), ra * height, rb * height),
            visible=visible, infrared=infrared * warmth, warm=True, texture=texture,
        )  # fmt: skip

    def bare(centre: Point, rx: float, ry: float) -> None:
        canvas.paint(
            ellipse(*at(*centre), rx * height, ry * height),
            visible=skin, infrared=min(1.14 * infrared, 1), warm=True, texture=texture,
        )  # fmt: skip

    shoulder_height = hip_height + 0.32
    top = lean * 0.32

    def leg(side: float, angles: Point) -> None:
        hip = (side * half * 0.75, hip_height)
        knee, ankle = limb(hip, (0.235, 0.225), angles)
        draw(hip, knee, 0.062, 0.043, 0.93)
        draw(knee, ankle, 0.042, 0.028, 0.88)
        toe = (ankle[0] + 0.055 * (0.3 + p.turned), max(ankle[1] - 0.025, 0.012))
        draw((ankle[0] - 0.01, ankle[1] - 0.015), toe, 0.026, 0.02, 0.72)

    def arm(side: float, angles: Point) -> None:
        shoulder = (top + side * 0.102 * (1 - 0.35 * p.turned), shoulder_height - 0.025)
        elbow, wrist = limb(shoulder, (0.165, 0.15), angles)
        draw(shoulder, elbow, 0.037, 0.031, 0.94)
        draw(elbow, wrist, 0.03, 0.024, 0.93)
        bare(wrist, 0.022, 0.026)

    arm(-1, p.far_arm)
    leg(-1, p.far_leg)
    leg(1, p.near_leg)
    wide = 0.11 * (1 - 0.3 * p.turned)
    hem = 0.17 if coat else 0.03
    flare = 1.12 if coat else 1.0
    torso = [
        (top - wide, shoulder_height - 0.015),
        (top - 0.4 * wide, shoulder_height + 0.02),
        (top + 0.4 * wide, shoulder_height + 0.02),
        (top + wide, shoulder_height - 0.015),
        (0.55 * top + 0.82 * wide, hip_height + 0.13),
        (flare * 0.9 * wide, hip_height - hem),
        (-flare * 0.9 * wide, hip_height - hem),
        (0.55 * top - 0.82 * wide, hip_height + 0.13),
    ]
    canvas.paint(
        polygon([at(*q) for q in torso]),
        visible=visible, infrared=infrared, warm=True, texture=texture,
    )  # fmt: skip
    draw((top, shoulder_height), (1.15 * top, shoulder_height + 0.05), 0.035, 0.03, 1.1)
    arm(1, p.near_arm)
    head = (1.3 * top + 0.012 * p.turned, shoulder_height + 0.105)
    bare(head, 0.046 + 0.008 * p.turned, 0.064)
    # Hair or a cap: visible dark, and a little cooler than the face.
    canvas.paint(
        ellipse(*at(head[0] - 0.012 * p.turned, head[1] + 0.026), 0.047 * height,
                0.042 * height),
        visible=visible, infrared=infrared * 1.02, warm=True, texture=texture,
    )  # fmt: skip


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
