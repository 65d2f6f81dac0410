"""One rule for all multi-scale transforms.

A transform splits an image into a low band and bands of detail, and can put them
together again without loss. To fuse, the bands of all sources are made one: the low
bands are averaged, and at each place the largest detail coefficient is kept,

.. math::

    L = \\frac1K \\sum_k L_k, \\qquad D(p) = D_m(p), \\quad m = \\arg\\max_k |D_k(p)|.

The methods differ in the transform only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..images.validation import Image

Array = NDArray[Any]


class Transform(NamedTuple):
    """A pair of functions, each of which undoes the other.

    Attributes
    ----------
    analyse : callable
        Returns the bands of an image, shape (H, W), one after the other. The first is
        the low band, the others are details. A band is an array with one value at
        each place, real or complex, or with several values that belong together on
        its first axis, shape (C, h, w).
    synthesise : callable
        Returns the image that has these bands.
    """

    analyse: Callable[[Image], Iterable[Array]]
    synthesise: Callable[[Iterable[Array]], Image]


def average(planes: Sequence[Array]) -> Array:
    """Return the mean of K planes."""
    return np.mean(planes, axis=0)


def choose_largest(planes: Sequence[Array]) -> Array:
    """Return at each place the value of largest magnitude (the first of equals).

    Parameters
    ----------
    planes : sequence of K arrays, shape (h, w) or (C, h, w)
        Real or complex. C values at one place are kept or dropped together; their
        magnitude is the Euclidean norm, as for a quaternion.
    """
    stack = np.stack(planes)
    magnitude = np.abs(stack)
    if stack.ndim == 4:
        magnitude = np.linalg.norm(magnitude, axis=1, keepdims=True)
    return np.take_along_axis(stack, magnitude.argmax(axis=0)[None], axis=0)[0]


def fuse_bands(
    sources: Sequence[Image],
    transform: Transform,
    low: Callable[[Sequence[Array]], Array] = average,
    detail: Callable[[Sequence[Array]], Array] = choose_largest,
) -> Image:
    """Fuse in the domain of a transform.

    Bands are made, fused and used one at a time, where the transform allows it.

    Parameters
    ----------
    sources : sequence of K arrays, shape (H, W)
        The images.
    transform : Transform
        What splits them.
    low, detail : callable, optional
        Return one low band, or one band of details, for those of all sources; their
        mean and the largest coefficients by default.
    """

    def fused() -> Iterator[Array]:
        bands = zip(*map(transform.analyse, sources), strict=True)
        yield low(next(bands))
        yield from map(detail, bands)

    return transform.synthesise(fused())


def mirrored(image: Image, margin: int, size: Callable[[int], int]) -> Image:
    """Return the image with a mirrored margin, for a transform that wraps around.

    The image begins at (margin, margin) of the result, whose sides are what ``size``
    returns for those that it needs. Opposite sides of the image stay apart if the
    margin is as much as the filters of the transform reach.
    """
    widths = [(margin, size(side + 2 * margin) - side - margin) for side in image.shape]
    return np.pad(image, widths, mode="symmetric")
