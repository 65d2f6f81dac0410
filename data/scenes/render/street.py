"""A wet street at night: pedestrians that the lamps miss are warm all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.random import RandomState

from fusionlib.images.validation import Image

from .figures import foliage, person, trunk
from .rendering import Camera, Canvas, Noise, Shape, ellipse, polygon, rectangle
from .rendering import smoothstep as step

__all__ = ["DESCRIPTION", "INFRARED", "TITLE", "VISIBLE", "paint"]

TITLE = "Night street"
DESCRIPTION = (
    "A wet street at night. The visible shows lit windows, lamps and their "
    "reflections; the pedestrians away from the lamps, and the engine of the parked "
    "car, show in the infrared only."
)
#: Settings of the sensors.
INFRARED: dict[str, float] = {}
VISIBLE: dict[str, float] = {"electrons": 900.0, "gamma": 2.0}

CAMERA = Camera(focal=250, height=3.6, x=186, horizon=92)
LEFT, RIGHT = -9.0, 4.6
KERBS = (-6.0, 1.8)
FAR = 62.0

#: Lamps: right, up, ahead, in metres.
LAMPS = (
    (-5.6, 6.0, 13.5), (-5.6, 6.0, 25.0), (-5.6, 6.0, 39.0),
    (1.5, 6.0, 18.5), (1.5, 6.0, 31.0), (1.5, 6.0, 47.0),
)  # fmt: skip

#: Houses along each side: near, far, height, reflectance, temperature.
HOUSES = {
    LEFT: ((5, 19, 11.5, 0.30, 0.40), (19, 29, 9.0, 0.42, 0.43),
           (29, 43, 11.0, 0.24, 0.38), (43, FAR, 9.5, 0.36, 0.42)),
    RIGHT: ((4, 14.5, 12.0, 0.34, 0.42), (14.5, 25, 9.5, 0.22, 0.38),
            (25, 40, 11.5, 0.38, 0.43), (40, FAR, 9.0, 0.28, 0.40)),
}  # fmt: skip


def lamp_light(right: Image | float, up: Image | float, ahead: Image | float) -> Image:
    """Return the light that the lamps shed on a place: inverse square, with cosine."""
    right, up, ahead = (np.asarray(v, dtype=float) for v in (right, up, ahead))
    total: Image = np.full(
        np.broadcast_shapes(right.shape, up.shape, ahead.shape), 0.026
    )
    for lamp in LAMPS:
        squared = (
            (right - lamp[0]) ** 2 + (ahead - lamp[2]) ** 2 + (up - lamp[1]) ** 2 + 1.5
        )
        drop = np.maximum(lamp[1] - up, 0.3)
        total = total + 26 * drop / squared**1.5 * step(8.5, 4.8, up + 0 * squared)
    return total


def paint(canvas: Canvas, random: RandomState) -> None:
    """Paint the scene, back to front."""
    noise = Noise(random)
    _sky(canvas, noise)
    _end_of_street(canvas, noise, random)
    for side in (LEFT, RIGHT):
        for house in reversed(HOUSES[side]):
            _house(canvas, noise, random, side, house)
    _ground(canvas, noise)
    _reflections(canvas, noise)
    objects = _pedestrians(canvas)
    objects += [(lamp[2], partial(_lamp, canvas, lamp)) for lamp in LAMPS]
    objects += [
        (15.0, partial(_car, canvas, -3.9, 15.0, 0.34)),
        (11.6, partial(_car, canvas, 1.6, 11.6, 0.12, engine=0.35)),
        (27.0, partial(_headlights, canvas, 27.0)),
        (22.0, partial(_tree, canvas, noise, random)),
    ]
    for _, draw in sorted(objects, key=lambda item: -item[0]):
        draw()
    for right, up, ahead in LAMPS:
        x, y = CAMERA.project(right, up, ahead)
        size = 250 / ahead
        canvas.shine(x, y + 1, 0.34 * size, 0.30 * size, 0.34, sharp=2)
        canvas.shine(x, y + 1.5 * size, 0.8 * size, 1.3 * size, 0.035)


def _sky(canvas: Canvas, noise: Noise) -> None:
    def clouds(x: Image, y: Image) -> Image:
        return noise.fractal(x / 70 + 3, y / 26 + 9, octaves=4)

    canvas.paint(
        visible=lambda x, y: 0.016 + 0.00034 * y + 0.005 * clouds(x, y),
        infrared=lambda x, y: 0.13 + 0.0011 * y + 0.018 * clouds(x, y),
    )


def _end_of_street(canvas: Canvas, noise: Noise, random: RandomState) -> None:
    """Paint the house that closes the street, and trees in front of it."""
    for right, up, ahead, width in ((-5, 15, 95, 9), (7, 13, 90, 10), (1, 19, 110, 7)):
        left, top = CAMERA.project(right - width, up, ahead)
        end, bottom = CAMERA.project(right + width, 0, ahead)
        canvas.paint(rectangle(left, top, end, bottom), visible=0.006, infrared=0.33)
        for _ in range(9):
            u, v = random.random_sample(2)
            x, y = left + (end - left) * u, top + 3 + (bottom - top - 12) * v
            canvas.paint(
                rectangle(x, y, x + 1.1, y + 1.4),
                visible=0.02, glow=0.45, infrared=0.37,
            )  # fmt: skip
    for x, size in ((168, 13), (199, 11), (184, 8)):
        crown = ellipse(x, 84 - 0.4 * size, size, 0.95 * size).roughened(
            lambda x, y: 2.6 * noise.fractal(x / 5, y / 5, octaves=3), 6
        )
        canvas.paint(
            crown, visible=foliage(noise, mean=0.006), infrared=0.36, texture=True
        )


def _house(
    canvas: Canvas,
    noise: Noise,
    random: RandomState,
    side: float,
    house: tuple[float, float, float, float, float],
) -> None:
    """Paint one house front with its windows, shop and roof edge."""
    near, far, top, reflectance, temperature = house

    def wall(x: Image, y: Image) -> Image:
        up, ahead = CAMERA.wall(side, x, y)
        courses = 1 - 0.16 * step(0.35, 0.45, np.abs(up / 0.42 % 1 - 0.5))
        stains = 1 + 0.10 * noise.fractal(ahead / 1.5, up / 2.4, octaves=3)
        return reflectance * lamp_light(side, up, ahead) * courses * stains

    def warmth(x: Image, y: Image) -> Image:
        up, ahead = CAMERA.wall(side, x, y)
        return (
            temperature
            + 0.012 * noise.fractal(ahead / 2, up / 2, octaves=2)
            - 0.004 * up
        )

    canvas.paint(
        CAMERA.quad(side, (0, top), (near, far)),
        visible=wall, infrared=warmth, texture=True,
    )  # fmt: skip
    canvas.paint(
        CAMERA.quad(side, (top - 0.35, top), (near, far)),
        visible=lambda x, y: 1.5 * wall(x, y) + 0.004, infrared=temperature - 0.05,
    )  # fmt: skip
    start = near + 1.0
    while start + 1.3 < far:
        for up in (3.9, 6.7):
            if up + 1.9 < top:
                lit = random.random_sample() < 0.34
                _window(canvas, random, side, (up, up + 1.6), start, lit, temperature)
        start += 2.35
    _shop(canvas, random, side, near, far, temperature)


def _window(
    canvas: Canvas,
    random: RandomState,
    side: float,
    up: tuple[float, float],
    ahead: float,
    lit: bool,
    temperature: float,
) -> None:
    """Paint a window: frame, panes, and the light or the curtain behind them."""
    low, high = up
    middle = float(lamp_light(side, low, ahead))
    canvas.paint(
        CAMERA.quad(side, (low - 0.18, high + 0.12), (ahead - 0.12, ahead + 1.32)),
        visible=0.5 * middle, infrared=temperature + 0.02, texture=True,
    )  # fmt: skip
    bright = 0.30 + 0.55 * random.random_sample()
    curtain = random.random_sample()
    leak = temperature + (0.10 if lit else 0.03)
    for left, right in ((ahead, ahead + 0.55), (ahead + 0.65, ahead + 1.2)):
        canvas.paint(
            CAMERA.quad(side, (low, high), (left, right)),
            visible=0.004, glow=bright if lit else 0.0, infrared=leak, texture=True,
        )  # fmt: skip
        if lit and curtain > 0.4:
            canvas.paint(
                CAMERA.quad(side, (low + 0.9 * curtain, high), (left, right)),
                visible=0.02, glow=0.45 * bright, texture=True,
            )  # fmt: skip


def _shop(
    canvas: Canvas,
    random: RandomState,
    side: float,
    near: float,
    far: float,
    temperature: float,
) -> None:
    """Paint doors and shop windows of the ground floor."""
    start = near + 0.8
    while start + 2.0 < far:
        lit = random.random_sample() < 0.3
        if random.random_sample() < 0.35:
            canvas.paint(
                CAMERA.quad(side, (0.1, 2.4), (start, start + 1.1)),
                visible=0.1 * float(lamp_light(side, 1.2, start)),
                infrared=temperature + 0.035,
            )
        else:
            canvas.paint(
                CAMERA.quad(side, (0.55, 2.6), (start, start + 2.0)),
                visible=0.006, glow=0.42 if lit else 0.0,
                infrared=temperature + (0.07 if lit else 0.0), texture=True,
            )  # fmt: skip
            canvas.paint(
                CAMERA.quad(side, (0.55, 2.6), (start + 0.95, start + 1.05)),
                visible=0.01, infrared=temperature,
            )  # fmt: skip
            canvas.paint(
                CAMERA.quad(side, (2.75, 3.2), (start - 0.2, start + 2.2)),
                visible=0.5 * float(lamp_light(side, 2.9, start)),
                glow=0.05 if lit else 0.0, infrared=temperature + 0.01,
            )  # fmt: skip
        start += 3.1


def _ground(canvas: Canvas, noise: Noise) -> None:
    """Paint pavements, kerbs, asphalt and its markings."""

    def strip(left: float, right: float, near: float = 1, far: float = 105) -> Shape:
        corners = ((left, near), (right, near), (right, far), (left, far))
        return polygon([CAMERA.project(a, 0, b) for a, b in corners])

    def paving(x: Image, y: Image) -> Image:
        right, ahead = CAMERA.ground(x, y)
        slabs = np.maximum(np.abs(right / 0.6 % 1 - 0.5), np.abs(ahead / 0.6 % 1 - 0.5))
        joints = 1 - 0.4 * step(0.44, 0.48, slabs) * step(30, 12, ahead)
        grain = 1 + 0.10 * noise.fractal(right * 2.2, ahead * 2.2, octaves=2)
        return 0.30 * lamp_light(right, 0, ahead) * joints * grain

    def asphalt(x: Image, y: Image) -> Image:
        right, ahead = CAMERA.ground(x, y)
        grain = 0.16 * noise.fractal(right * 7, ahead * 4, octaves=2)
        patches = 0.14 * noise.fractal(right / 1.6, ahead / 4, octaves=3)
        return 0.13 * lamp_light(right, 0, ahead) * np.maximum(1 + grain + patches, 0.2)

    def warmth(level: float) -> Callable[[Image, Image], Image]:
        def value(x: Image, y: Image) -> Image:
            right, ahead = CAMERA.ground(x, y)
            tracks = np.cos(2 * np.pi * (right + 3.4) / 1.9)
            worn = 0.012 * tracks * (np.abs(right + 2.1) < 3.6) * step(60, 10, ahead)
            return (
                level + worn + 0.014 * noise.fractal(right / 1.3, ahead / 3, octaves=3)
            )

        return value

    canvas.paint(strip(LEFT, RIGHT), visible=paving, infrared=warmth(0.46))
    canvas.paint(strip(*KERBS), visible=asphalt, infrared=warmth(0.42))
    for kerb in KERBS:
        canvas.paint(
            strip(kerb - 0.09, kerb + 0.09),
            visible=lambda x, y, kerb=kerb: (
                0.42 * lamp_light(kerb, 0, CAMERA.ground(x, y)[1])
            ),
            infrared=0.49,
        )
    for near in np.arange(5.0, 60, 5.0):
        canvas.paint(
            strip(-2.17, -2.03, near, near + 2.4),
            visible=lambda x, y: 0.6 * lamp_light(-2.1, 0, CAMERA.ground(x, y)[1]),
            infrared=0.445,
        )


def _reflections(canvas: Canvas, noise: Noise) -> None:
    """Smear the lamps down the wet asphalt."""
    below = int(np.searchsorted(canvas.y[:, 0], CAMERA.horizon + 8))
    glow = canvas.glow[below:]
    before = glow.copy()
    for right, up, ahead in LAMPS:
        x, y = CAMERA.project(right, 0, ahead)
        _, mirrored = CAMERA.project(right, -up, ahead)
        size = 250 / ahead
        inward = 0.5 * size * np.sign(-2.1 - right)
        canvas.shine(
            x + inward, (2 * y + mirrored) / 3, 0.22 * size,
            0.30 * (mirrored - y), 0.30,
        )  # fmt: skip
    for x, y, tall in ((142, 150, 11), (214, 132, 8), (187, 112, 7)):
        canvas.shine(x, y, 2.5, tall, 0.05)
    u, v = CAMERA.ground(canvas.x, canvas.y[below:])
    ripple = noise.fractal(u * 2.2, v * 3.5, octaves=3)
    wet = step(-1.5, 1.2, ripple + 0.7 * noise(u / 1.7 + 40, v / 5))
    road = (u > KERBS[0]) & (u < KERBS[1])
    glow[:] = before + (glow - before) * wet * np.where(road, 1.0, 0.4)


def _lamp(canvas: Canvas, lamp: tuple[float, float, float]) -> None:
    """Paint post, arm and head of a lamp."""
    right, up, ahead = lamp
    head = CAMERA.project(right, up, ahead)
    size = 250 / ahead
    inward = 0.55 * size * float(np.sign(-2.1 - right))
    pole = right - np.sign(-2.1 - right) * 0.55
    foot, top = CAMERA.project(pole, 0, ahead), CAMERA.project(pole, up + 0.3, ahead)
    for a, b, ra, rb in (
        (foot, top, 0.075 * size, 0.045 * size),
        (
            top,
            (head[0] + 0.2 * inward, head[1] - 0.22 * size),
            0.04 * size,
            0.04 * size,
        ),
    ):
        canvas.paint(_bar(a, b, ra, rb), visible=0.012, infrared=0.39)
    canvas.paint(
        ellipse(head[0], head[1] - 0.1 * size, 0.42 * size, 0.15 * size),
        visible=0.01, infrared=0.60,
    )  # fmt: skip
    canvas.paint(
        ellipse(head[0], head[1], 0.34 * size, 0.12 * size),
        visible=0.1, glow=1.6, infrared=0.74,
    )  # fmt: skip


def _bar(a: tuple[float, float], b: tuple[float, float], ra: float, rb: float) -> Shape:
    """Return a straight bar whose half width goes from ``ra`` to ``rb``."""
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = float(np.hypot(dx, dy))
    nx, ny = -dy / length, dx / length
    return polygon([
        (a[0] + ra * nx, a[1] + ra * ny), (b[0] + rb * nx, b[1] + rb * ny),
        (b[0] - rb * nx, b[1] - rb * ny), (a[0] - ra * nx, a[1] - ra * ny),
    ])  # fmt: skip


def _pedestrians(canvas: Canvas) -> list[tuple[float, Callable[[], None]]]:
    """Return depth and painter of every pedestrian."""
    walkers = (
        (3.3, 9.6, 1.80, "walk", -1, True), (-3.4, 9.3, 1.74, "stride", 1, False),
        (-7.1, 15.5, 1.78, "wait", 1, True), (-7.7, 16.0, 1.66, "stand", 1, False),
        (3.0, 21.0, 1.75, "walk", 1, False), (-0.6, 22.5, 1.72, "stride", -1, True),
        (-7.4, 29.0, 1.75, "walk", 1, False),
    )  # fmt: skip

    def draw(
        right: float, ahead: float, tall: float, pose: str, facing: int, coat: bool
    ) -> None:
        foot = CAMERA.project(right, 0, ahead)
        light = float(lamp_light(right, 1.0, ahead))
        size = CAMERA.focal / ahead
        canvas.paint(
            ellipse(foot[0], foot[1] + 0.02 * size, 0.42 * size, 0.10 * size),
            visible=0.25 * light * 0.13, opacity=0.7, soft=0.25 * size,
        )  # fmt: skip
        person(
            canvas, foot, tall * size, pose=pose, facing=facing, coat=coat,
            visible=0.07 * light, skin=0.40 * light, infrared=0.80,
        )  # fmt: skip

    return [(walker[1], partial(draw, *walker)) for walker in walkers]


def _car(
    canvas: Canvas, right: float, ahead: float, paint: float, engine: float = 0.12
) -> None:
    """Paint a parked car, seen from behind and from its left side."""
    left, width = right - 1.7, 1.7
    light = float(lamp_light(left, 0.8, ahead))
    profile = (
        (0.0, 0.32), (0.0, 0.82), (0.15, 0.98), (0.75, 1.42), (2.1, 1.42),
        (2.9, 0.98), (4.0, 0.82), (4.1, 0.32),
    )  # fmt: skip
    size = CAMERA.focal / ahead

    def at(across: float, along: float, up: float) -> tuple[float, float]:
        return CAMERA.project(left + across, up, ahead + along)

    def face(points: Sequence[tuple[float, float, float]], **values: Any) -> None:
        canvas.paint(polygon([at(*p) for p in points]), **values)

    shadow = [(-0.15, -0.15, 0), (1.85, -0.15, 0), (1.85, 4.2, 0), (-0.25, 4.2, 0)]
    face(shadow, visible=0.004, infrared=0.40 + 0.3 * engine, soft=0.2 * size)
    sides = (0.0,) if left + width / 2 > 0 else (width,)
    for across in sides:
        face([(across, a, u) for a, u in profile],
             visible=0.55 * paint * light, infrared=0.45)  # fmt: skip
        face([(across, a, u) for a, u in ((0.5, 0.95), (0.85, 1.32), (2.0, 1.32),
              (2.6, 0.95))], visible=0.05 * light, infrared=0.34)  # fmt: skip
        face([(across, a, u) for a, u in ((2.9, 0.45), (2.9, 0.92), (4.0, 0.80),
              (4.1, 0.45))], visible=0.55 * paint * light, warm=engine > 0.2,
             infrared=0.45 + 1.2 * engine, soft=0.12 * size)  # fmt: skip
        for along in (0.75, 3.3):
            x, y = at(across, along, 0.31)
            scale = CAMERA.focal / (ahead + along)
            narrow = 0.31 * scale * abs(x - CAMERA.x) / CAMERA.focal + 0.04 * scale
            canvas.paint(ellipse(x, y, narrow, 0.31 * scale), visible=0.006 * light,
                         infrared=0.48 + 0.3 * engine)  # fmt: skip
    roof = [(0.12, 0.75, 1.42), (1.58, 0.75, 1.42), (1.5, 2.1, 1.42), (0.2, 2.1, 1.42)]
    face(roof, visible=0.8 * paint * light, infrared=0.33)
    for across in (0.05, 1.37):
        face([(across, 0, 0), (across + 0.28, 0, 0), (across + 0.28, 0, 0.4),
              (across, 0, 0.4)], visible=0.003, infrared=0.50)  # fmt: skip
    face([(0, 0, 0.28), (1.7, 0, 0.28), (1.7, 0, 0.85), (1.6, 0.15, 0.98),
          (0.1, 0.15, 0.98), (0, 0, 0.85)],
         visible=0.5 * paint * light, infrared=0.46)  # fmt: skip
    face([(0.06, 0.15, 0.97), (1.64, 0.15, 0.97), (1.45, 0.75, 1.43),
          (0.25, 0.75, 1.43)], visible=0.6 * paint * light, infrared=0.44)  # fmt: skip
    face([(0.2, 0.2, 1.0), (1.5, 0.2, 1.0), (1.36, 0.7, 1.38), (0.34, 0.7, 1.38)],
         visible=0.05 * light + 0.004, infrared=0.30)  # fmt: skip
    hot = engine > 0.2
    face([(0.35, 0, 0.14), (1.35, 0, 0.14), (1.35, 0, 0.32), (0.35, 0, 0.32)],
         infrared=0.46 + 0.8 * engine, warm=hot)  # fmt: skip
    if hot:
        canvas.paint(ellipse(*at(0.35, 0, 0.26), 0.13 * size, 0.09 * size),
                     infrared=1.0, warm=True)  # fmt: skip
    for across in (0.05, 1.37):
        face([(across, 0, 0.66), (across + 0.28, 0, 0.66), (across + 0.28, 0, 0.82),
              (across, 0, 0.82)], visible=0.3 * light, infrared=0.46)  # fmt: skip
    face([(0.58, 0, 0.5), (1.12, 0, 0.5), (1.12, 0, 0.62), (0.58, 0, 0.62)],
         visible=0.8 * light, infrared=0.46)  # fmt: skip


def _headlights(canvas: Canvas, ahead: float) -> None:
    """Paint an oncoming car: its lights blind the visible, its grille is warm."""
    size = CAMERA.focal / ahead
    x, ground = CAMERA.project(-3.9, 0, ahead)
    canvas.paint(
        ellipse(x, ground - 0.7 * size, 0.85 * size, 0.5 * size),
        visible=0.006, infrared=0.52, warm=True,
    )  # fmt: skip
    canvas.paint(
        rectangle(x - 0.85 * size, ground - 0.95 * size, x + 0.85 * size,
                  ground - 0.3 * size), visible=0.006, infrared=0.56, warm=True,
    )  # fmt: skip
    canvas.paint(
        polygon([(x - 0.8 * size, ground - 0.9 * size), (x - 0.6 * size,
                ground - 1.42 * size), (x + 0.6 * size, ground - 1.42 * size),
                (x + 0.8 * size, ground - 0.9 * size)]),
        visible=0.008, infrared=0.38, warm=True,
    )  # fmt: skip
    canvas.paint(
        rectangle(x - 0.4 * size, ground - 0.75 * size, x + 0.4 * size,
                  ground - 0.4 * size), visible=0.006, infrared=0.92, warm=True,
    )  # fmt: skip
    for side in (-0.62, 0.62):
        lamp = (x + side * size, ground - 0.65 * size)
        canvas.paint(ellipse(*lamp, 0.16 * size, 0.13 * size), visible=0.5, glow=2.0,
                     infrared=0.8, warm=True)  # fmt: skip
        canvas.shine(*lamp, 0.25 * size, 0.22 * size, 0.6, sharp=2)
        canvas.shine(lamp[0], ground + 1.6 * size, 0.16 * size, 1.1 * size, 0.18)


def _tree(canvas: Canvas, noise: Noise, random: RandomState) -> None:
    """Paint a street tree on the left pavement."""
    foot = CAMERA.project(-6.9, 0, 22)
    bark = 0.1 * float(lamp_light(-6.9, 2, 22))
    trunk(canvas, foot, 50, 1.3, random, visible=bark, infrared=0.41, depth=3)
    crown = ellipse(foot[0] - 1, foot[1] - 50, 15, 19).roughened(
        lambda x, y: 2 + 4 * noise.fractal(x / 8, y / 8, octaves=4, gain=0.7), 12
    )
    canvas.paint(
        crown, visible=foliage(noise, mean=0.034, contrast=0.5),
        infrared=lambda x, y: 0.37 + 0.014 * noise(x / 4, y / 4), texture=True,
    )  # fmt: skip
