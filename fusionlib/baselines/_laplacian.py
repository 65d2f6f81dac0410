"""Fusion by Laplacian pyramids."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.ndimage

from ..images.validation import Image, check_positive_int
from ._multiscale import Transform, fuse_bands
from .registry import method

__all__ = ["laplacian"]

#: Burt and Adelson's generating kernel with a = 0.375.
_KERNEL = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0


def pyramid_reduce(image: Image, border: str = "mirror") -> Image:
    """Smooth with the generating kernel and keep every other sample.

    What continues the image at the ``border`` is its mirror about the outermost sample,
    "mirror", or about the edge beyond it, which repeats that sample, "reflect".
    """
    for axis in (0, 1):
        image = scipy.ndimage.correlate1d(image, _KERNEL, axis, mode=border)
    return image[::2, ::2]


def pyramid_expand(
    image: Image, shape: tuple[int, ...], border: str = "mirror"
) -> Image:
    """Interpolate an image to the grid of ``shape`` that it was reduced from.

    ``shape`` is (H, W), the image has ceil(H / 2) x ceil(W / 2) samples; ``border`` is
    that of :func:`pyramid_reduce`.
    """
    # One sample of the coarse level is as far as the kernel reaches.
    margin = 1 if border == "reflect" else 0
    stuffed = np.zeros([side + 4 * margin for side in shape])
    stuffed[::2, ::2] = np.pad(image, margin, mode="edge")
    for axis in (0, 1):
        # Every other sample is zero, so the gain is two; not on an axis of one.
        gain = min(stuffed.shape[axis], 2)
        # A mirror about the outermost sample keeps the zeros in step.
        stuffed = scipy.ndimage.correlate1d(
            stuffed, gain * _KERNEL, axis, mode="mirror"
        )
    return stuffed[2 * margin :, 2 * margin :][: shape[0], : shape[1]]


def laplacian_pyramid(levels: int, border: str = "mirror") -> Transform:
    """Return the Laplacian pyramid, the coarsest level first.

    It has fewer ``levels`` where the image is too small; ``border`` is that of
    :func:`pyramid_reduce`.
    """

    def analyse(image: Image) -> list[Image]:
        details: list[Image] = []
        while len(details) < levels and max(image.shape) > 1:
            coarse = pyramid_reduce(image, border)
            details.append(image - pyramid_expand(coarse, image.shape, border))
            image = coarse
        return [image, *reversed(details)]

    def synthesise(bands: Iterable[Image]) -> Image:
        image, *details = bands
        for detail in details:
            image = detail + pyramid_expand(image, detail.shape, border)
        return image

    return Transform(analyse, synthesise)


@method(
    "Laplacian pyramid", "Burt, Adelson", 1983, seconds=0.02, status="after the paper"
)
def laplacian(sources: list[Image], *, levels: int = 4) -> Image:
    """Fuse by Laplacian pyramids.

    The coarsest level is averaged; of the details the largest coefficient is kept.

    Parameters
    ----------
    levels : int, optional
        Number of detail levels, at least 1; fewer where the image is too small to
        be halved as often.

    References
    ----------
    * P. J. Burt, E. H. Adelson, "The Laplacian pyramid as a compact image
      code", IEEE Transactions on Communications 31(4), 1983.
      https://doi.org/10.1109/TCOM.1983.1095851

    Examples
    --------
    >>> import numpy as np
    >>> image = np.linspace(0, 1, 35).reshape(5, 7)
    >>> bool(np.allclose(laplacian([image, image]), image, atol=1e-12))
    True
    """
    levels = check_positive_int(levels, "levels")
    return fuse_bands(sources, laplacian_pyramid(levels))
