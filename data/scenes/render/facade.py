"""A house front at dusk: texture in the visible, heat losses in the infrared."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import RandomState

from fusionlib.images.validation import Image

from .figures import foliage, person
from .lettering import write
from .rendering import (
    Canvas,
    Noise,
    Shape,
    capsule,
    ellipse,
    polygon,
    rectangle,
    smoothstep,
)

__all__ = ["DESCRIPTION", "INFRARED", "TITLE", "VISIBLE", "paint"]

TITLE = "House front"
DESCRIPTION = (
    "A brick house front at dusk. The visible shows bricks, frames, shop signs and an "
    "awning; the infrared a window left open, radiators behind the wall, floor slabs "
    "that conduct heat, a vent, and somebody in the shade of the doorway."
)

#: Settings of the sensors.
INFRARED: dict[str, float] = {"noise": 0.007}
VISIBLE: dict[str, float] = {"electrons": 1500.0}

#: Left edges and tops of the windows, and their size.
COLUMNS = (26.0, 96.0, 180.0, 250.0)
FLOORS = (22.0, 88.0)
WINDOW = (44.0, 46.0)
#: Column and floor of the window left open, and of the rooms that are heated.
OPEN = (2, 1)
HEATED = ((0, 0), (1, 1), (3, 0), (2, 1))
LIT = ((0, 0), (3, 0))


def paint(canvas: Canvas, random: RandomState) -> None:
    """Paint the scene, back to front."""
    noise = Noise(random)
    _wall(canvas, noise)
    _slabs_and_cornice(canvas, noise)
    for column, left in enumerate(COLUMNS):
        for floor, top in enumerate(FLOORS):
            _window(canvas, noise, random, (column, floor), left, top)
    _drainpipe(canvas)
    _vent(canvas)
    _shop(canvas, noise, random, 14, 124, "BOOKS")
    _shop(canvas, noise, random, 196, 306, "CAFE")
    _awning(canvas, noise)
    _doorway(canvas)
    _pavement(canvas, noise)
    person(canvas, (160, 240), 62, pose="wait", facing=1, visible=0.035, skin=0.09,
           infrared=0.80, coat=True, folds=noise)  # fmt: skip
    _plants(canvas, noise)
    _bicycle(canvas)
    _door_lamp(canvas)


def _bricks(noise: Noise) -> Callable[[Image, Image], Image]:
    """Return the brickwork: courses of 3.4, bricks of 10, joints between."""

    def value(x: Image, y: Image) -> Image:
        course = np.floor(y / 3.4)
        along = x / 10 + 0.5 * (course % 2)
        joint = np.maximum(
            smoothstep(0.36, 0.46, np.abs(y / 3.4 % 1 - 0.5)),
            smoothstep(0.44, 0.475, np.abs(along % 1 - 0.5)),
        )
        # One tone per brick, from a table without interpolation.
        tone = noise.table[
            (course.astype(int)) % 256, np.floor(along).astype(int) % 256
        ]
        brick = 0.135 * (1 + 0.16 * tone + 0.10 * noise(x / 1.3, y / 1.3))
        stains = 1 + 0.10 * noise.fractal(x / 40, y / 60, octaves=3)
        return (brick + joint * (0.26 - brick)) * stains * (1.0 - 0.0022 * y)

    return value


def _wall(canvas: Canvas, noise: Noise) -> None:
    canvas.paint(
        visible=_bricks(noise),
        infrared=lambda x, y: 0.40 + 0.0002 * y
        + 0.014 * noise.fractal(x / 30, y / 45, octaves=3),
        texture=True,
    )  # fmt: skip


def _slabs_and_cornice(canvas: Canvas, noise: Noise) -> None:
    """Paint the stone bands; the concrete slab behind each conducts heat."""
    for y in (78.5, 145.5):
        canvas.paint(rectangle(-99, y, 419, y + 2), infrared=0.56, opacity=0.7, soft=7)
        canvas.paint(
            rectangle(-99, y, 419, y + 3.4),
            visible=lambda x, y: 0.30 * (1 + 0.08 * noise.fractal(x / 5, y / 2)),
        )
        canvas.paint(rectangle(-99, y + 3.4, 419, y + 5.2), visible=0.03, opacity=0.6)
    canvas.paint(
        rectangle(-99, -99, 419, 9),
        visible=lambda x, y: 0.26 * (1 + 0.06 * noise.fractal(x / 6, y / 2)),
        infrared=0.37,
    )
    canvas.paint(rectangle(-99, 9, 419, 13), visible=0.02, opacity=0.75, soft=2)
    for x in np.arange(-50, 380, 9.0):
        canvas.paint(rectangle(x, 3.5, x + 4.2, 9), visible=0.17, texture=True)


def _window(
    canvas: Canvas,
    noise: Noise,
    random: RandomState,
    place: tuple[int, int],
    left: float,
    top: float,
) -> None:
    """Paint a window with lintel, sill, frame, curtains and its heat losses."""
    width, height = WINDOW
    right, bottom = left + width, top + height
    heated, lit, is_open = place in HEATED, place in LIT, place == OPEN
    if heated:  # the radiator below the window, seen through the wall
        canvas.paint(
            rectangle(left + 6, bottom + 4, right - 6, bottom + 13),
            infrared=0.66, opacity=0.75, soft=9,
        )  # fmt: skip
    for k in range(7):  # a flat arch of upright bricks
        x = left - 3 + (width + 6) * k / 7
        tone = 0.11 + 0.05 * random.random_sample()
        canvas.paint(
            polygon([(x, top - 1), (x + 6.4, top - 1),
                     (x + 6.4 + 0.5 * (k - 3), top - 8), (x + 0.5 * (k - 3), top - 8)]),
            visible=tone, texture=True,
        )  # fmt: skip
    canvas.paint(rectangle(left - 3, bottom, right + 3, bottom + 3.5), visible=0.34,
                 infrared=0.47 if heated else 0.42)  # fmt: skip
    canvas.paint(rectangle(left - 2, bottom + 3.5, right + 2, bottom + 5.5),
                 visible=0.03, opacity=0.6)  # fmt: skip
    warmth = 0.60 if heated else 0.47
    canvas.paint(rectangle(left, top, right, bottom), visible=0.42,
                 infrared=warmth - 0.06, texture=True)  # fmt: skip
    canvas.paint(rectangle(left, top, right, top + 2.2), visible=0.05, opacity=0.7)
    for pane, x in enumerate((left + 2.5, left + width / 2 + 1)):
        end = x + width / 2 - 3.5
        wide_open = is_open and pane == 1
        for low, high in ((top + 2.5, top + 14), (top + 16, bottom - 2.5)):
            _pane(canvas, noise, (x, low, end, high), lit, wide_open, warmth)
    if is_open:
        _casement(canvas, right, top, bottom)
    if not lit and not is_open:  # the evening sky, mirrored
        canvas.paint(
            polygon([(left + 4, bottom - 4), (left + 18, top + 18),
                     (left + 20, top + 24), (left + 9, bottom - 4)]),
            visible=0.30, opacity=0.25,
        )  # fmt: skip


def _pane(
    canvas: Canvas,
    noise: Noise,
    box: tuple[float, float, float, float],
    lit: bool,
    wide_open: bool,
    warmth: float,
) -> None:
    """Paint a pane and the curtain behind it."""
    left, top, right, bottom = box

    def folds(x: Image, y: Image) -> Image:
        return 1 + 0.35 * np.sin(2 * np.pi * (x - left) / 3.1 + noise(x / 4, y / 30))

    canvas.paint(
        rectangle(*box), visible=0.012 if wide_open else 0.05,
        glow=0.55 if lit else 0.0,
        infrared=0.93 if wide_open else warmth, warm=wide_open, texture=True,
    )  # fmt: skip
    if not wide_open:
        canvas.paint(
            rectangle(left, top, left + 0.45 * (right - left), bottom),
            visible=lambda x, y: 0.16 * folds(x, y) * (0.4 if lit else 1),
            glow=lambda x, y: (0.28 if lit else 0.0) * folds(x, y), texture=True,
        )  # fmt: skip


def _casement(canvas: Canvas, right: float, top: float, bottom: float) -> None:
    """Paint the wing of the open window, swung outwards."""
    outer = [(right - 1, top + 1), (right + 9, top + 5), (right + 9, bottom + 4),
             (right - 1, bottom)]  # fmt: skip
    inner = [(right + 1, top + 4), (right + 7, top + 7), (right + 7, bottom + 1),
             (right + 1, bottom - 2.5)]  # fmt: skip
    canvas.paint(polygon(outer), visible=0.46, infrared=0.46)
    canvas.paint(polygon(inner), visible=0.16, infrared=0.33)
    canvas.paint(
        ellipse(right - 10, top - 2, 12, 7), infrared=0.62, opacity=0.5, soft=9
    )


def _drainpipe(canvas: Canvas) -> None:
    canvas.paint(rectangle(158, 9, 163.5, 150), visible=0.02, opacity=0.5, soft=2)
    canvas.paint(rectangle(157, 9, 161.5, 150), infrared=0.435,
                 visible=lambda x, y: 0.09 + 0.12 * np.exp(-((x - 158.4) ** 2))
                 + 0 * y)  # fmt: skip
    for y in (30, 74, 118):
        canvas.paint(rectangle(156, y, 162.5, y + 2.4), visible=0.20, infrared=0.43)


def _vent(canvas: Canvas) -> None:
    """Paint the kitchen vent of the cafe, and the warm stain above it."""
    canvas.paint(ellipse(303, 146, 8, 15), infrared=0.62, opacity=0.6, soft=10)
    canvas.paint(rectangle(297, 150, 311, 160), visible=0.22, infrared=0.9, warm=True)
    for y in (152, 154.4, 156.8):
        canvas.paint(rectangle(298, y, 310, y + 1.1), visible=0.03, texture=True)


def _shop(
    canvas: Canvas,
    noise: Noise,
    random: RandomState,
    left: float,
    right: float,
    word: str,
) -> None:
    """Paint a shop window with its sign and goods."""
    canvas.paint(rectangle(left, 164, right, 240), visible=0.07, infrared=0.42)
    canvas.paint(
        rectangle(left + 4, 184, right - 4, 230), visible=0.02, glow=0.05,
        infrared=lambda x, y: 0.36 + 0.0006 * (230 - y) + 0 * x, texture=True,
    )  # fmt: skip
    for row in (198, 213, 229):
        x = left + 7
        while x < right - 10:
            u, v, w = random.random_sample(3)
            thick = 1.6 + 2.2 * u if word == "BOOKS" else 4 + 2.5 * u
            tall = 7 + 4 * v if word == "BOOKS" else 3 + 4 * v
            canvas.paint(
                rectangle(x, row - tall, x + thick, row), visible=0.04 + 0.2 * w,
                glow=0.03, texture=True,
            )  # fmt: skip
            x += thick + (0.4 if word == "BOOKS" else 2.5)
        canvas.paint(rectangle(left + 5, row, right - 5, row + 1.2), visible=0.15)
    for x in np.linspace(left + 2, right - 4, 4):
        canvas.paint(rectangle(x, 182, x + 2.2, 232), visible=0.24, infrared=0.43)
    canvas.paint(rectangle(left, 164, right, 182), visible=0.028, infrared=0.43,
                 texture=True)  # fmt: skip
    write(canvas, word, ((left + right) / 2, 178.8), 2.9, visible=0.5, glow=0.12)


def _awning(canvas: Canvas, noise: Noise) -> None:
    """Paint the striped awning of the cafe."""

    def stripes(x: Image, y: Image) -> Image:
        slant = (x - 251) / (1 + 0.011 * (y - 183)) / 9.2
        pale = smoothstep(-0.12, 0.12, np.sin(2 * np.pi * slant))
        return (0.08 + 0.36 * pale) * (1.25 - 0.025 * (y - 183))

    canvas.paint(
        polygon([(197, 183), (305, 183), (313, 199), (189, 199)]),
        visible=stripes, infrared=0.38, texture=True,
    )  # fmt: skip
    for x in np.arange(189, 313, 7.3):
        canvas.paint(ellipse(x + 3.6, 199, 3.7, 3.2), visible=stripes, infrared=0.38)
    canvas.paint(rectangle(192, 202, 310, 212), visible=0.01, opacity=0.55, soft=5)


def _doorway(canvas: Canvas) -> None:
    canvas.paint(rectangle(134, 160, 187, 241), visible=0.26, infrared=0.43)
    canvas.paint(rectangle(138, 164, 183, 241), visible=0.018, infrared=0.45)
    canvas.paint(rectangle(141, 176, 180, 241), visible=0.035, infrared=0.50)
    canvas.paint(rectangle(141, 167, 180, 174), visible=0.03, infrared=0.57)
    for x in (144, 162.5):
        for top, bottom in ((180, 204), (208, 236)):
            canvas.paint(rectangle(x, top, x + 14.5, bottom), visible=0.022,
                         infrared=0.48)  # fmt: skip
    canvas.paint(rectangle(141, 238, 180, 241), infrared=0.68, soft=3)
    canvas.paint(ellipse(160, 210, 1, 1), visible=0.3)


def _pavement(canvas: Canvas, noise: Noise) -> None:
    def slabs(x: Image, y: Image) -> Image:
        ahead = 60 / np.maximum(y - 205, 5)
        u = (x - 160) * ahead / 30
        joints = np.maximum(np.abs(u % 1 - 0.5), np.abs(5 * ahead % 1 - 0.5))
        grain = 1 + 0.10 * noise.fractal(x / 2, y / 1.2, octaves=2)
        return 0.20 * grain * (1 - 0.45 * smoothstep(0.44, 0.48, joints))

    canvas.paint(
        rectangle(-99, 240, 419, 999), visible=slabs,
        infrared=lambda x, y: 0.36 + 0.012 * noise.fractal(x / 14, y / 4),
        texture=True,
    )  # fmt: skip
    canvas.paint(rectangle(-99, 239, 419, 243), visible=0.03, opacity=0.6, soft=3)


def _bicycle(canvas: Canvas) -> None:
    """Paint a bicycle that leans against the bookshop."""
    hubs = ((38, 232), (68, 232))
    for x, y in hubs:
        wheel = ellipse(x, y, 10.5, 10.5)
        rim = Shape(wheel.bounds, partial(_ring, wheel))
        canvas.paint(rim, visible=0.02, infrared=0.40, texture=True)
        for angle in np.arange(6) * np.pi / 6:
            dx, dy = 10 * np.cos(angle), 10 * np.sin(angle)
            canvas.paint(capsule((x - dx, y - dy), (x + dx, y + dy), 0.16), visible=0.3)
    saddle, crank, head = (47, 215), (52, 233), (63, 214)
    for a, b in (((38, 232), crank), ((38, 232), (48.5, 220)), (crank, saddle),
                 (crank, (64, 219)), ((48.5, 220), (64, 219)), (head, (68, 232)),
                 (head, (62, 210)), ((62, 210), (66, 209))):  # fmt: skip
        canvas.paint(capsule(a, b, 0.75), visible=0.40, infrared=0.365)
    canvas.paint(capsule((43.5, 214.5), (50, 214), 1.4, 0.9), visible=0.02,
                 infrared=0.43)  # fmt: skip


def _ring(shape: Shape, x: Image, y: Image) -> Image:
    """Return the distance from a band along the inner edge of a shape."""
    return np.abs(shape.distance(x, y) + 0.8) - 0.7


def _door_lamp(canvas: Canvas) -> None:
    """Paint a wall lamp left of the door and the light that it casts."""
    x, y = 128.5, 172.0
    canvas.shine(x, y + 8, 16, 20, 0.16)
    canvas.paint(capsule((x, y - 9), (x + 5, y - 9), 0.7), visible=0.02, infrared=0.45)
    canvas.paint(polygon([(x - 3.4, y - 4), (x, y - 9), (x + 3.4, y - 4)]),
                 visible=0.03, infrared=0.60)  # fmt: skip
    canvas.paint(ellipse(x, y - 2, 2.3, 3.0), visible=0.2, glow=1.4, infrared=0.82)
    canvas.shine(x, y - 2, 3.5, 3.5, 0.45, sharp=2)


def _plants(canvas: Canvas, noise: Noise) -> None:
    """Paint two box trees in tubs beside the door."""
    for x in (128, 193):
        tub = [(x - 7, 231), (x + 7, 231), (x + 5.5, 246), (x - 5.5, 246)]
        canvas.paint(polygon(tub), visible=0.16, infrared=0.39)
        ball = ellipse(x, 219, 9, 13).roughened(
            lambda x, y: 1.6 * noise.fractal(x / 3, y / 3, octaves=3), 4
        )
        canvas.paint(ball, visible=foliage(noise, mean=0.06, leaf=1.6, clump=6),
                     infrared=0.385, texture=True)  # fmt: skip
