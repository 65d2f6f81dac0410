"""Drawing tools shared by the scenes: canvas, shapes, noise, camera.

A scene is painted back to front on a :class:`Canvas` that carries both bands at once,
so that whatever hides an object in the visible hides it in the infrared too, unless
it is painted in one band only (smoke, road markings). Positions are given in the
*frame*, 320 wide and 256 high; the canvas maps it to any size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.random import RandomState

from fusionlib.images.validation import Image

__all__ = [
    "EVERYWHERE",
    "FRAME",
    "Camera",
    "Canvas",
    "Noise",
    "Shape",
    "capsule",
    "ellipse",
    "polygon",
    "rectangle",
    "smoothstep",
]

#: Height and width of the frame in which scenes are composed.
FRAME = (256, 320)

#: A colour or temperature: one number, a function of the frame coordinates,
#: or, where the whole canvas is painted, an array of its samples.
Value = float | Image | Callable[[Image, Image], Image]

Bounds = tuple[float, float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Shape:
    """A region given by its signed distance, negative inside.

    Attributes
    ----------
    bounds : tuple of float
        Left, top, right, bottom in the frame.
    distance : callable
        Signed distance in frame units at coordinates ``x`` (1, W) and ``y`` (H, 1).
    """

    bounds: Bounds
    distance: Callable[[Image, Image], Image]

    def roughened(self, edge: Callable[[Image, Image], Image], reach: float) -> Shape:
        """Return the shape with its outline moved outwards by ``edge(x, y)``."""
        left, top, right, bottom = self.bounds
        return Shape(
            (left - reach, top - reach, right + reach, bottom + reach),
            lambda x, y: self.distance(x, y) - edge(x, y),
        )


#: The whole canvas.
EVERYWHERE = Shape(
    (-math.inf, -math.inf, math.inf, math.inf), lambda x, y: -1e9 + 0 * (x + y)
)


def ellipse(x: float, y: float, rx: float, ry: float) -> Shape:
    """Return an ellipse with centre ``(x, y)``; its distance is approximate."""

    def distance(px: Image, py: Image) -> Image:
        u, v = (px - x) / rx, (py - y) / ry
        level = np.sqrt(u * u + v * v)
        slope = np.sqrt((u / rx) ** 2 + (v / ry) ** 2) + 1e-9
        return level * (level - 1) / slope

    return Shape((x - rx, y - ry, x + rx, y + ry), distance)


def capsule(a: Point, b: Point, ra: float, rb: float | None = None) -> Shape:
    """Return a limb from ``a`` to ``b``: radius ``ra`` tapering to ``rb``."""
    rb = ra if rb is None else rb
    (ax, ay), (bx, by), r = a, b, max(ra, rb)
    dx, dy = bx - ax, by - ay
    length = max(dx * dx + dy * dy, 1e-12)

    def distance(x: Image, y: Image) -> Image:
        t = np.clip(((x - ax) * dx + (y - ay) * dy) / length, 0, 1)
        return np.hypot(x - ax - t * dx, y - ay - t * dy) - (ra + t * (rb - ra))

    return Shape(
        (min(ax, bx) - r, min(ay, by) - r, max(ax, bx) + r, max(ay, by) + r), distance
    )


def polygon(points: Sequence[Point]) -> Shape:
    """Return a simple polygon with exact distance."""
    xs, ys = zip(*points, strict=True)

    def distance(x: Image, y: Image) -> Image:
        x, y = np.broadcast_arrays(x, y)
        squared = np.full(x.shape, np.inf)
        inside = np.zeros(x.shape, dtype=bool)
        for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
            dx, dy = bx - ax, by - ay
            px, py = x - ax, y - ay
            t = np.clip((px * dx + py * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
            np.minimum(squared, (px - t * dx) ** 2 + (py - t * dy) ** 2, out=squared)
            if dy:
                inside ^= ((ay > y) != (by > y)) & (px < dx / dy * py)
        return np.where(inside, -1, 1) * np.sqrt(squared)

    return Shape((min(xs), min(ys), max(xs), max(ys)), distance)


def rectangle(left: float, top: float, right: float, bottom: float) -> Shape:
    """Return an upright rectangle."""
    x, y = (left + right) / 2, (top + bottom) / 2
    rx, ry = (right - left) / 2, (bottom - top) / 2
    return Shape(
        (left, top, right, bottom),
        lambda px, py: np.maximum(np.abs(px - x) - rx, np.abs(py - y) - ry),
    )


def smoothstep(low: float, high: float, value: Image) -> Image:
    """Return 0 below ``low``, 1 above ``high``, and a smooth ramp between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


class Noise:
    """Smooth noise in the plane: a cubic B-spline over a table of random numbers.

    Parameters
    ----------
    random : numpy.random.RandomState
        Source of the table. Its uniform stream is frozen and needs no
        transcendental function, so that the table is the same on every platform.
    """

    SIZE = 256
    #: Standard deviation of the spline over uniform numbers: the mean sum of squared
    #: B-spline weights is 151/315 along each axis.
    STD = 151 / 315 / math.sqrt(12)

    def __init__(self, random: RandomState) -> None:
        self.table = (random.random_sample((self.SIZE, self.SIZE)) - 0.5) / self.STD

    def __call__(self, u: Image, v: Image) -> Image:
        """Return noise of mean 0 and standard deviation 1, one cell per unit."""
        u, v = np.broadcast_arrays(np.asarray(u, float), np.asarray(v, float))
        return scipy.ndimage.map_coordinates(
            self.table, [v, u], order=3, mode="grid-wrap", prefilter=False
        )

    def fractal(
        self, u: Image, v: Image, *, octaves: int = 4, gain: float = 0.6
    ) -> Image:
        """Return octaves of noise, summed; mean 0 and standard deviation 1."""
        total = np.zeros(())
        for k in range(octaves):
            scale, shift = 2.03**k, 17.7 * k
            total = total + gain**k * self(u * scale + shift, v * scale - shift)
        return total / math.sqrt(sum(gain ** (2 * k) for k in range(octaves)))


@dataclass(frozen=True)
class Camera:
    """A level pinhole camera; the world is in metres: right, up, ahead.

    Attributes
    ----------
    focal : float
        Focal length in frame units.
    height : float
        Height above the ground in metres.
    x, horizon : float
        The vanishing point in the frame.
    """

    focal: float
    height: float
    x: float
    horizon: float

    def project(self, right: float, up: float, ahead: float) -> Point:
        """Return where a point of the world appears in the frame."""
        scale = self.focal / ahead
        return self.x + scale * right, self.horizon + scale * (self.height - up)

    def ground(self, x: Image, y: Image) -> tuple[Image, Image]:
        """Return right and ahead of the ground seen at ``(x, y)``."""
        ahead = self.focal * self.height / np.maximum(y - self.horizon, 0.5)
        return (x - self.x) * ahead / self.focal, ahead

    def wall(self, right: float, x: Image, y: Image) -> tuple[Image, Image]:
        """Return up and ahead on a wall along the line of sight, at ``right``."""
        across = np.copysign(np.maximum(np.abs(x - self.x), 0.5), right)
        ahead = self.focal * right / across
        return self.height - (y - self.horizon) * ahead / self.focal, ahead

    def quad(
        self, right: float, up: tuple[float, float], ahead: tuple[float, float]
    ) -> Shape:
        """Return a rectangle on the wall at ``right``."""
        return polygon(
            [
                self.project(right, up[0], ahead[0]),
                self.project(right, up[1], ahead[0]),
                self.project(right, up[1], ahead[1]),
                self.project(right, up[0], ahead[1]),
            ]
        )


class Canvas:
    """Both bands of a scene and its masks while it is painted.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the finished image. The frame is scaled to cover it
        and centred, so what is wider or taller than the frame is cropped.
    supersampling : int, optional
        Samples per pixel along each axis.

    Attributes
    ----------
    visible, glow, infrared : numpy.ndarray
        Reflected light, emitted light, and temperature on a scale from 0 to 1.
    warm, texture : numpy.ndarray
        Coverage by warm targets and by visible texture.
    x, y : numpy.ndarray, shapes (1, W) and (H, 1)
        Frame coordinates of the samples.
    """

    def __init__(self, shape: tuple[int, int], *, supersampling: int = 2) -> None:
        height, width = shape
        self.supersampling = supersampling
        self.pixels = max(height / FRAME[0], width / FRAME[1])
        self.step = 1 / (self.pixels * supersampling)
        self.x = self._axis(width, FRAME[1])[None, :]
        self.y = self._axis(height, FRAME[0])[:, None]
        size = (self.y.size, self.x.size)
        self.visible, self.glow, self.infrared = (np.zeros(size) for _ in range(3))
        self.warm, self.texture = np.zeros(size), np.zeros(size)

    def _axis(self, length: int, extent: int) -> Image:
        count = length * self.supersampling
        return (
            extent / 2 + (np.arange(count, dtype=float) + 0.5 - count / 2) * self.step
        )

    def window(self, bounds: Bounds, margin: float) -> tuple[slice, slice]:
        """Return the rows and columns of samples within bounds and margin."""
        left, top, right, bottom = bounds
        x, y = self.x[0], self.y[:, 0]
        return (
            slice(*np.searchsorted(y, (top - margin, bottom + margin))),
            slice(*np.searchsorted(x, (left - margin, right + margin))),
        )

    def paint(
        self,
        shape: Shape = EVERYWHERE,
        *,
        visible: Value | None = None,
        infrared: Value | None = None,
        glow: Value = 0.0,
        warm: bool = False,
        texture: bool = False,
        opacity: Value = 1.0,
        soft: float = 0.0,
    ) -> None:
        """Cover what is there with a shape.

        Parameters
        ----------
        shape : Shape
            Where to paint.
        visible, infrared : float, callable or None
            What the shape looks like in each band; a band with None is left as it
            is, with the mask that belongs to it.
        glow : float or callable
            Light that the shape emits, added to ``visible`` at the end.
        warm, texture : bool
            Whether the shape belongs to the masks.
        opacity : float or callable
            Share of the background that is covered, 0 to 1.
        soft : float
            Width of the edge in frame units, at least one sample.
        """
        width = max(soft, self.step)
        window = self.window(shape.bounds, width)
        x, y = self.x[:, window[1]], self.y[window[0]]
        if x.size == 0 or y.size == 0:
            return

        def sample(value: Value) -> float | Image:
            return value(x, y) if callable(value) else value

        cover = np.clip(0.5 - shape.distance(x, y) / width, 0, 1) * sample(opacity)

        def blend(layer: Image, value: float | Image) -> None:
            layer[window] += cover * (value - layer[window])

        if visible is not None:
            blend(self.visible, sample(visible))
            blend(self.glow, sample(glow))
            blend(self.texture, float(texture))
        if infrared is not None:
            blend(self.infrared, sample(infrared))
            blend(self.warm, float(warm))

    def shine(
        self, x: float, y: float, rx: float, ry: float, amount: float, sharp: float = 1
    ) -> None:
        """Add a soft spot of light to ``glow``; a larger ``sharp`` has long tails."""
        reach = 3.0 if sharp == 1 else 6.0
        bounds = (x - reach * rx, y - reach * ry, x + reach * rx, y + reach * ry)
        window = self.window(bounds, 0)
        u, v = (self.x[:, window[1]] - x) / rx, (self.y[window[0]] - y) / ry
        fall = np.exp(-0.5 * (u * u + v * v) ** (1 / sharp))
        edge = math.exp(-0.5 * reach ** (2 / sharp))
        self.glow[window] += amount * np.maximum(fall - edge, 0)

    def reduced(self, layer: Image) -> Image:
        """Return a layer at the size of the finished image: box averages."""
        n = self.supersampling
        height, width = layer.shape
        return layer.reshape(height // n, n, width // n, n).mean(axis=(1, 3))
