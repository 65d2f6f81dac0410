"""A harbour at nightfall: lights and names in the visible, engines in the infrared."""

from __future__ import annotations

import numpy as np
from numpy.random import RandomState

from fusionlib.images.validation import Image

from .figures import person
from .lettering import write
from .rendering import Canvas, Noise, capsule, ellipse, polygon, rectangle, smoothstep

__all__ = ["DESCRIPTION", "INFRARED", "TITLE", "VISIBLE", "paint"]

TITLE = "Harbour"
DESCRIPTION = (
    "A coaster in a harbour at nightfall. The visible shows its name, lit portholes, "
    "rigging, and lights on the water; the infrared its funnel and engine room, a man "
    "on the quay, and an unlit motor boat with two people."
)

#: Settings of the sensors.
INFRARED: dict[str, float] = {"pattern": 0.008}
VISIBLE: dict[str, float] = {"electrons": 800.0}

#: Where the water meets the far shore, and the hull.
SHORE, WATERLINE = 118.0, 176.0

Point = tuple[float, float]


def paint(canvas: Canvas, random: RandomState) -> None:
    """Paint the scene, back to front."""
    noise = Noise(random)
    _sky(canvas, noise)
    _far_shore(canvas, noise, random)
    _crane(canvas)
    _water(canvas, noise)
    before = canvas.visible.copy()
    _hull(canvas, noise)
    _deck(canvas)
    _bridge(canvas)
    _rigging(canvas)
    _mirror(canvas, noise, WATERLINE, canvas.visible != before)
    _boat(canvas)
    _quay(canvas, noise)


def _sky(canvas: Canvas, noise: Noise) -> None:
    def clouds(x: Image, y: Image) -> Image:
        banks = noise.fractal(x / 75 + 0.01 * y, y / 15, octaves=5)
        return banks * smoothstep(125, 40, y)

    canvas.paint(
        visible=lambda x, y: (
            0.055
            + 0.20 * smoothstep(-10, SHORE, y) ** 2 * (1 + 0.0022 * (x - 160))
            + 0.030 * clouds(x, y)
        ),
        infrared=lambda x, y: 0.20 + 0.0012 * y + 0.028 * clouds(x, y),
    )


def _far_shore(canvas: Canvas, noise: Noise, random: RandomState) -> None:
    """Paint hills, houses with lights, and a lighthouse."""

    def ridge(x: Image, y: Image) -> Image:
        return 38 + 7 * noise.fractal(x / 55, 0 * y, octaves=5, gain=0.5)

    canvas.paint(
        rectangle(-99, 140, 419, 300).roughened(ridge, 60),
        visible=lambda x, y: 0.045 * (1 + 0.1 * noise.fractal(x / 8, y / 3)),
        infrared=lambda x, y: 0.33 + 0.012 * noise.fractal(x / 12, y / 4, octaves=3),
    )
    for _ in range(34):
        u, v, w, z = random.random_sample(4)
        x, wide, tall = 340 * u - 10, 4 + 7 * v, 4 + 7 * w
        canvas.paint(
            rectangle(x, SHORE - tall, x + wide, SHORE), visible=0.012 + 0.02 * z,
            infrared=0.355 + 0.05 * z,
        )  # fmt: skip
        for k in range(int(3 * v) + 1):
            lamp = (x + 1.5 + 2.6 * k, SHORE - tall * (0.3 + 0.5 * z))
            canvas.paint(ellipse(*lamp, 0.6, 0.6), visible=0.1, glow=0.25 + 0.7 * w,
                         infrared=0.42)  # fmt: skip
    tower = [(284, SHORE - 2), (285.5, 84), (290.5, 84), (292, SHORE - 2)]
    canvas.paint(polygon(tower), visible=0.10, infrared=0.37)
    canvas.paint(rectangle(285, 95, 291, 103), visible=0.03, infrared=0.37)
    canvas.paint(rectangle(286, 79, 290, 84), visible=0.1, glow=1.5, infrared=0.55)
    canvas.paint(polygon([(285, 79), (288, 75), (291, 79)]), visible=0.02,
                 infrared=0.35)  # fmt: skip
    canvas.shine(288, 81.5, 5, 4, 0.5, sharp=2)


def _bar(canvas: Canvas, a: Point, b: Point, radius: float, warmth: float) -> None:
    canvas.paint(capsule(a, b, radius), visible=0.014, infrared=warmth)


def _crane(canvas: Canvas) -> None:
    """Paint a slewing crane on the far quay: lattice tower and jib."""
    for x in (38, 50):
        _bar(canvas, (x, SHORE), (44 + 0.4 * (x - 44), 52), 0.8, 0.35)
    for step in range(6):
        y = SHORE - 11.0 * step
        half = 6 * (1 - step * 0.1)
        _bar(canvas, (44 - half, y), (44 + half - 0.6, y - 11), 0.4, 0.35)
        _bar(canvas, (44 + half, y), (44 - half + 0.6, y - 11), 0.4, 0.35)
    canvas.paint(rectangle(37, 45, 52, 55), visible=0.02, infrared=0.46)
    canvas.paint(rectangle(47, 47, 51, 52), visible=0.02, glow=0.35, infrared=0.5)
    _bar(canvas, (44, 47), (118, 10), 0.7, 0.33)
    _bar(canvas, (44, 40), (118, 9), 0.5, 0.33)
    for k in range(12):
        foot = (44 + 6.1 * k, 47 - 3.05 * k)
        rise = 1.6 + 6.2 * (1 - k / 12)
        _bar(canvas, foot, (foot[0] + 3.2, foot[1] - rise), 0.3, 0.33)
    _bar(canvas, (116, 11), (116, 66), 0.22, 0.33)
    canvas.paint(rectangle(114.6, 66, 117.4, 70), visible=0.014, infrared=0.35)
    canvas.shine(118, 9, 2, 2, 0.5, sharp=2)


def _waves(noise: Noise, x: Image, y: Image) -> Image:
    """Return the slope of the waves, in perspective."""
    ahead = 900 / (y - SHORE + 9)
    across = (x - 160) * ahead / 260
    return noise.fractal(across / 2.2, ahead * 1.3, octaves=3, gain=0.7)


def _mirror(canvas: Canvas, noise: Noise, line: float, cover: Image | None) -> None:
    """Mirror what stands above ``line`` in the water below it."""
    y, x = canvas.y[:, 0], canvas.x[0]
    first = int(np.searchsorted(y, line))
    if first == 0 or first == y.size:
        return
    below = canvas.y[first:]
    slope = _waves(noise, canvas.x, below)
    reach = below - line
    up = line - reach - (0.4 + 0.10 * reach) * slope
    side = canvas.x + (0.15 + 0.025 * reach) * slope
    rows = np.clip(np.searchsorted(y, up.ravel()).reshape(up.shape), 0, first - 1)
    columns = np.clip(((side - x[0]) / canvas.step).astype(int), 0, x.size - 1)
    share = 0.72 * np.exp(-reach / 130)
    if cover is not None:
        share = share * cover[rows, columns]
    canvas.visible[first:] += share * (
        canvas.visible[rows, columns] - canvas.visible[first:]
    )
    canvas.glow[first:] += share * (canvas.glow[rows, columns] - canvas.glow[first:])
    canvas.infrared[first:] += (
        0.35 * share * (canvas.infrared[rows, columns] - canvas.infrared[first:])
    )


def _water(canvas: Canvas, noise: Noise) -> None:
    canvas.paint(
        rectangle(-99, SHORE, 419, 999),
        visible=lambda x, y: 0.035 * np.maximum(1 + 0.6 * _waves(noise, x, y), 0.1),
        infrared=lambda x, y: (
            0.36
            + 0.0004 * (y - SHORE)
            + 0.010 * _waves(noise, x, y)
            + 0.008 * noise.fractal(x / 60, y / 10, octaves=3)
        ),
    )
    _mirror(canvas, noise, SHORE, None)


def _hull(canvas: Canvas, noise: Noise) -> None:
    """Paint the hull: black, a white line, rust, and the warm engine room."""
    outline = [(66, 150), (70, 166), (76, 177), (242, 177), (256, 160), (264, 140),
               (246, 143), (226, 149), (210, 152), (120, 153), (90, 151)]  # fmt: skip

    def steel(x: Image, y: Image) -> Image:
        rust = noise.fractal(x / 4, y / 14, octaves=3)
        plates = smoothstep(0.46, 0.5, np.abs(x / 17 % 1 - 0.5))
        return 0.034 * (1 + 0.16 * rust) * (1 - 0.3 * plates) + 0.0005 * (170 - y)

    def warmth(x: Image, y: Image) -> Image:
        frames = np.cos(2 * np.pi * x / 8.5)
        return 0.425 + 0.006 * frames + 0.015 * noise.fractal(x / 25, y / 8)

    canvas.paint(polygon(outline), visible=steel, infrared=warmth)
    canvas.paint(
        rectangle(86, 157, 130, 172), infrared=0.68, soft=9, warm=True,
    )  # fmt: skip
    canvas.paint(rectangle(69, 171.5, 250, 177), visible=0.055)
    canvas.paint(rectangle(68, 170.2, 252, 171.6), visible=0.22)
    write(canvas, "BALTIC", (226, 165.5), 1.75, visible=0.55)
    for x in range(150, 200, 9):
        canvas.paint(ellipse(x, 160, 1.1, 1.1), visible=0.1, glow=0.5, infrared=0.5)
    canvas.paint(ellipse(80, 165, 1.6, 1.6), visible=0.02, infrared=0.95, warm=True)
    canvas.paint(capsule((251, 154), (251, 161), 0.5), visible=0.1)
    canvas.paint(capsule((249, 160), (253, 160), 0.6), visible=0.1)


def _deck(canvas: Canvas) -> None:
    """Paint containers, hatches, bulwark and railing."""
    for k, (tone, levels) in enumerate(((0.07, 1), (0.12, 2), (0.05, 2), (0.15, 1))):
        left = 136 + 18 * k
        for level in range(levels):
            foot = 151.5 - 9.5 * level

            def corrugated(x: Image, y: Image, t: float = tone + 0.02 * level) -> Image:
                return t * (1 + 0.35 * np.sin(2 * np.pi * x / 1.9)) + 0 * y

            canvas.paint(
                rectangle(left, foot - 9.2, left + 17.4, foot), visible=corrugated,
                infrared=0.385 + 0.012 * ((k + level) % 3), texture=True,
            )  # fmt: skip
    canvas.paint(polygon([(214, 151), (264, 140), (265, 136), (232, 145),
                          (214, 147)]), visible=0.17, infrared=0.40)  # fmt: skip
    for x in range(68, 136, 5):
        _bar(canvas, (x, 151), (x, 146), 0.22, 0.39)
    for y in (146, 148.5):
        canvas.paint(rectangle(67, y, 136, y + 0.45), visible=0.12, infrared=0.39)


def _bridge(canvas: Canvas) -> None:
    """Paint the superstructure, its windows, funnel and exhaust."""
    white = 0.21
    for left, top, right in ((78, 138, 132), (84, 126, 128), (90, 115, 126)):
        canvas.paint(
            rectangle(left, top, right, 152 if top == 138 else top + 12.5),
            visible=lambda x, y: white * (0.8 + 0.0035 * (x - 78)) + 0 * y,
            infrared=0.47, texture=True,
        )  # fmt: skip
        canvas.paint(rectangle(left - 3, top - 1, right + 3, top + 0.6), visible=0.11,
                     infrared=0.41)  # fmt: skip
    for k in range(6):
        x = 94.5 + 5.1 * k
        canvas.paint(rectangle(x, 117.5, x + 3.9, 121.5), visible=0.02,
                     glow=0.5 if k > 2 else 0.1, infrared=0.40,
                     texture=True)  # fmt: skip
    for y, start, count in ((131.5, 89.0, 7), (143.5, 84.0, 9)):
        for k in range(count):
            canvas.paint(
                ellipse(start + 5.3 * k, y, 1.3, 1.3), visible=0.02,
                glow=0.85 if (3 * k + int(y)) % 4 else 0.0, infrared=0.52, texture=True,
            )  # fmt: skip
    canvas.paint(
        polygon([(94, 115), (95, 92), (107, 92), (109, 115)]),
        visible=lambda x, y: 0.10 + 0.0 * (x + y), warm=True,
        infrared=lambda x, y: 0.68 + 0.010 * (115 - y) + 0 * x,
    )  # fmt: skip
    canvas.paint(rectangle(93, 98, 110, 104), visible=0.30)
    canvas.paint(rectangle(94.5, 91, 107.5, 94), visible=0.02, infrared=1.0, warm=True)
    for k in range(9):
        canvas.paint(
            ellipse(100 - 5.5 * k, 88 - 2.6 * k, 4 + 1.8 * k, 3 + 1.1 * k),
            infrared=0.52, opacity=0.45 - 0.045 * k, soft=5 + 1.5 * k,
            visible=0.03,
        )  # fmt: skip


def _rigging(canvas: Canvas) -> None:
    """Paint masts, derricks, stays and navigation lights."""
    for x, top in ((118, 74), (212, 84)):
        _bar(canvas, (x, 116 if x < 200 else 150), (x, top), 0.8, 0.40)
    for a, b in (((212, 88), (170, 118)), ((212, 92), (180, 140)),
                 ((212, 86), (262, 138)), ((118, 77), (212, 86)),
                 ((118, 78), (70, 148)), ((212, 88), (240, 146))):  # fmt: skip
        canvas.paint(capsule(a, b, 0.22), visible=0.02, infrared=0.37)
    _bar(canvas, (112, 84), (124, 84), 0.35, 0.4)
    for x, y in ((118, 74), (212, 84)):
        canvas.paint(ellipse(x, y, 1.1, 1.1), visible=0.1, glow=1.6, infrared=0.6)
        canvas.shine(x, y, 2.6, 2.6, 0.5, sharp=2)
    canvas.paint(ellipse(132, 128, 1.4, 1.0), visible=0.1, glow=1.6, infrared=0.62)
    canvas.shine(136, 138, 9, 8, 0.10)
    canvas.shine(132, 128, 3, 2.5, 0.5, sharp=2)
    person(canvas, (241, 146), 14, pose="stand", visible=0.02, skin=0.05,
           infrared=0.84)  # fmt: skip


def _boat(canvas: Canvas) -> None:
    """Paint an unlit motor boat with two people, and its wake."""
    for k in range(3):
        y = 221 + 1.8 * k
        canvas.paint(
            polygon([(206, y), (206, y + 0.8), (120 - 20 * k, y + 3.5 + 2 * k),
                     (120 - 20 * k, y + 2.0 + 2 * k)]),
            visible=0.045, infrared=0.40, opacity=0.6, soft=1.5,
        )  # fmt: skip
    canvas.paint(ellipse(238, 225, 38, 3.5), visible=0.008, infrared=0.37, opacity=0.7,
                 soft=3)  # fmt: skip
    for x, tall in ((226, 34), (247, 31)):
        person(canvas, (x, 218), tall, pose="crouch", visible=0.011, skin=0.022,
               infrared=0.80)  # fmt: skip
    canvas.paint(
        polygon([(207, 213), (208, 220), (213, 223), (258, 223), (274, 217), (285, 206),
                 (268, 210), (256, 212)]),
        visible=0.013, infrared=0.46, warm=True,
    )  # fmt: skip
    canvas.paint(capsule((208, 211.5), (274, 210.5), 1.6), visible=0.018, infrared=0.44,
                 warm=True)  # fmt: skip
    canvas.paint(capsule((204.5, 209), (204, 213), 2.6, 2.0), visible=0.010,
                 infrared=0.96, warm=True)  # fmt: skip
    canvas.paint(capsule((204, 215), (205, 222), 0.9), visible=0.010, infrared=0.7,
                 warm=True)  # fmt: skip


def _quay(canvas: Canvas, noise: Noise) -> None:
    """Paint the near quay with a bollard, a lamp and a man on it."""

    def stones(x: Image, y: Image) -> Image:
        row = np.floor((y - 198) / 9)
        joint = np.maximum(
            smoothstep(0.40, 0.47, np.abs((y - 198) / 9 % 1 - 0.5)),
            smoothstep(0.45, 0.48, np.abs((x / 19 + 0.5 * (row % 2)) % 1 - 0.5)),
        )
        grain = noise.fractal(x / 4, y / 3, octaves=3)
        damp = smoothstep(256, 205, y)
        return (0.03 + 0.05 * damp) * (1 + 0.2 * grain) * (1 - 0.6 * joint)

    def paving(x: Image, y: Image) -> Image:
        light = np.exp(-(((x - 34) / 34) ** 2) - ((y - 192) / 12) ** 2)
        grain = 1 + 0.12 * noise.fractal(x / 2.5, y / 1.1, octaves=3)
        return (0.045 + 0.24 * light) * grain

    canvas.paint(
        polygon([(-99, 184), (76, 186), (92, 199), (-99, 200)]),
        visible=paving, infrared=0.43,
    )  # fmt: skip
    canvas.paint(
        polygon([(-99, 200), (92, 199), (88, 300), (-99, 300)]), visible=stones,
        infrared=lambda x, y: 0.42 - 0.0006 * (y - 198)
        + 0.014 * noise.fractal(x / 10, y / 7), texture=True,
    )  # fmt: skip
    canvas.paint(rectangle(-99, 198, 92.5, 201), visible=0.13, infrared=0.44)
    for x in (66, 6):
        canvas.paint(capsule((x, 195), (x, 190), 2.2), visible=0.02, infrared=0.45)
        canvas.paint(capsule((x - 3, 188.5), (x + 3, 188.5), 1.6), visible=0.03,
                     infrared=0.45)  # fmt: skip
    canvas.paint(capsule((67, 190), (86, 156), 0.4), visible=0.03, infrared=0.42)
    _bar(canvas, (20, 192), (20, 132), 0.9, 0.40)
    _bar(canvas, (20, 132), (29, 130), 0.6, 0.40)
    canvas.paint(ellipse(30, 131.4, 3.6, 1.4), visible=0.1, glow=1.6, infrared=0.72)
    canvas.shine(30, 132, 6, 5, 0.35, sharp=2)
    canvas.shine(31, 160, 14, 22, 0.03)
    person(canvas, (50, 196), 41, pose="wait", facing=1, visible=0.012, skin=0.06,
           infrared=0.80, coat=True, folds=noise)  # fmt: skip
