"""Rigid registration by phase correlation, for sources that do not match.

The method takes registered sources for granted. Where two cameras were only roughly
aligned, :func:`register` estimates rotation, scale (if asked for) and shift from
gradient magnitudes, since an infrared and a visible image share edges and little
else. Nothing here runs unless it is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage

from ..errors import InputError
from .validation import (
    Image,
    as_colour,
    as_image,
    as_sources,
    check_positive,
    check_same_shape,
    check_smallest,
    is_colour,
)

__all__ = ["MINIMUM_SIDE", "Transform", "register", "register_sources"]

#: Smallest side of an image that can be registered, in pixels.
MINIMUM_SIDE = 32

#: Samples per turn of the spectrum in polar coordinates.
_ANGLES = 1440

#: Parts of a pixel that the shift is estimated to.
_UPSAMPLING = 20

#: Gradients, per pixel, that count as noise: half a grey level.
_NOISE = 0.002

#: Largest shift that is believed, as a part of the smaller side.
_REACH = 0.2

#: Rounds of estimating, moving, and estimating what is left.
_ROUNDS = 2


@dataclass(frozen=True)
class Transform:
    """Rotation and scaling about the centre of the image, then a shift.

    Attributes
    ----------
    angle : float
        Degrees, counter-clockwise as one sees it.
    scale : float
        Magnification, above 0.
    shift : tuple of float
        Pixels down and to the right.
    """

    angle: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        check_positive(self.scale, "scale")
        if not all(math.isfinite(v) for v in (self.angle, *self.shift)):
            raise InputError(
                f"angle and shift must be finite, got {self.angle} and {self.shift}"
            )

    def _matrix(self) -> Image:
        """Return the linear part, on (row, column)."""
        turn = math.radians(self.angle)
        cosine, sine = math.cos(turn), math.sin(turn)
        return self.scale * np.array([[cosine, -sine], [sine, cosine]])

    def apply(self, image: Any) -> Image:
        """Move the content of an image.

        Parameters
        ----------
        image : array_like, shape (H, W) or (H, W, 3)
            Grey or colour image.

        Returns
        -------
        numpy.ndarray
            Image of the same shape in [0, 1], by cubic interpolation. What comes
            from outside continues the edge: see :meth:`inside`.
        """
        if is_colour(image):
            planes = np.moveaxis(as_colour(image), -1, 0)
            return np.stack([self.apply(plane) for plane in planes], axis=-1)
        plane = as_image(image)
        if self == Transform():
            return plane
        # A half pixel of margin would be ringing of the cubic: hence the clip.
        return np.clip(self._resample(plane, order=3, mode="nearest"), 0, 1)

    def inside(self, shape: tuple[int, int]) -> Any:
        """Return where :meth:`apply` takes pixels from inside the image, bool."""
        ones = np.ones(shape)
        return self._resample(ones, order=1, mode="constant") > 1 - 1e-9

    def _resample(self, plane: Image, *, order: int, mode: str) -> Image:
        centre = (np.array(plane.shape) - 1) / 2
        inverse = np.linalg.inv(self._matrix())
        offset = centre - inverse @ (centre + np.array(self.shift))
        return scipy.ndimage.affine_transform(
            plane, inverse, offset, order=order, mode=mode
        )

    def after(self, first: Transform) -> Transform:
        """Return the transform that does ``first`` and then this one."""
        shift = self._matrix() @ np.array(first.shift) + np.array(self.shift)
        return Transform(
            self.angle + first.angle,
            self.scale * first.scale,
            (float(shift[0]), float(shift[1])),
        )


def _edges(image: Image) -> Image:
    """Return edges of equal strength without their mean, faded out at the border.

    A warm target has the strongest edges of an infrared image and perhaps none in the
    visible one: dividing by the local mean keeps it from deciding everything.
    """
    strength = scipy.ndimage.gaussian_gradient_magnitude(image, 1.0, mode="nearest")
    strength /= scipy.ndimage.gaussian_filter(strength, 8.0, mode="nearest") + _NOISE
    strength = np.minimum(strength, np.percentile(strength, 99))
    strength -= strength.mean()
    fade = np.outer(*(np.hanning(n + 2)[1:-1] for n in image.shape))
    return strength * fade


def _spectrum(edges: Image, radii: int) -> Image:
    """Return the amplitude spectrum over angle (half a turn) and log radius."""
    from skimage.transform import warp_polar

    side = max(edges.shape)
    amplitude = np.abs(scipy.fft.fftshift(scipy.fft.fft2(edges, (side, side))))
    polar = warp_polar(
        np.log1p(amplitude / amplitude.mean()),
        radius=side // 4,
        output_shape=(_ANGLES, radii),
        scaling="log",
    )
    half = polar[: _ANGLES // 2]
    return half - half.mean(axis=0)


def _likeness(a: Image, b: Image) -> float:
    """Return the correlation of two edge images."""
    product = math.sqrt(float((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / product if product else 0.0


def _shift(moving: Image, reference: Image) -> tuple[float, float]:
    """Return the shift in samples that brings one array onto another."""
    from skimage.registration import phase_cross_correlation

    found, _, _ = phase_cross_correlation(
        reference, moving, upsample_factor=_UPSAMPLING, normalization=None
    )
    return float(found[0]), float(found[1])


def _turns(
    moving: Image, reference: Image, with_scale: bool, limit: float
) -> list[Transform]:
    """Return candidates for rotation and scale, the identity first."""
    radii = max(moving.shape)
    turn, growth = _shift(_spectrum(moving, radii), _spectrum(reference, radii))
    angle = -turn * 360 / _ANGLES
    scale = math.exp(-growth * math.log(radii // 4) / radii) if with_scale else 1.0
    if abs(angle) > limit or not 1 / 2 < scale < 2:
        return [Transform()]
    turned = [Transform(), Transform(angle=angle)]
    return [*turned, Transform(angle, scale)] if with_scale else turned


def register(
    moving: Any, reference: Any, *, scale: bool = False, limit: float = 20.0
) -> Transform:
    """Estimate how an image must move to lie on another one.

    Parameters
    ----------
    moving, reference : array_like, shape (H, W)
        Grey images of one size, at least :data:`MINIMUM_SIDE` pixels a side. They
        may come from different sensors.
    scale : bool, optional
        Estimate a magnification as well; without it the transform is rigid.
    limit : float, optional
        Largest rotation that is believed, in degrees.

    Returns
    -------
    Transform
        To be applied to ``moving``. The identity where nothing better was found.

    Raises
    ------
    InputError
        If an image or a parameter is not valid.

    Notes
    -----
    Rotation and scale are the shift between the amplitude spectra in log-polar
    coordinates, which do not see translations; then the shift itself is estimated.
    Both use ``skimage.registration.phase_cross_correlation`` on gradient
    magnitudes, without whitening, which would raise the noise of both sensors. A
    candidate counts only if it makes the edges more alike.

    References
    ----------
    * B. S. Reddy, B. N. Chatterji, "An FFT-based technique for translation,
      rotation, and scale-invariant image registration", IEEE Transactions on Image
      Processing 5(8), 1996. https://doi.org/10.1109/83.506761
    * M. Guizar-Sicairos, S. T. Thurman, J. R. Fienup, "Efficient subpixel image
      registration algorithms", Optics Letters 33(2), 2008.
      https://doi.org/10.1364/OL.33.000156
    """
    first, second = as_image(moving, "moving"), as_image(reference, "reference")
    check_same_shape([first, second], ["moving", "reference"])
    check_smallest(first, MINIMUM_SIDE, "moving", "to be registered")
    limit = check_positive(limit, "limit")
    target, begin = _edges(second), _edges(first)
    best = Transform()
    if min(np.abs(target).max(), np.abs(begin).max()) < 1e-9:
        return best  # an image without edges
    score = _likeness(begin, target)
    for _ in range(_ROUNDS):
        start = best
        now = start.apply(first)
        for turn in _turns(_edges(now), target, scale, limit):
            moved = turn.apply(now)
            move = Transform(shift=_shift(_edges(moved), target))
            whole = move.after(turn.after(start))
            if math.hypot(*whole.shift) > _REACH * min(target.shape):
                continue
            likeness = _likeness(_edges(whole.apply(first)), target)
            if likeness > score:
                best, score = whole, likeness
    return best


def register_sources(
    sources: Sequence[Any], *, reference: int = 0
) -> tuple[list[Image], list[Transform]]:
    """Move all sources onto one of them.

    Parameters
    ----------
    sources : sequence of K >= 2 array_like, shape (H, W)
        Grey images of one size.
    reference : int, optional
        Which of them stays where it is.

    Returns
    -------
    moved : list of numpy.ndarray, shape (H, W)
        The sources, moved.
    transforms : list of Transform
        How each was moved; the identity for the reference.

    Raises
    ------
    InputError
        If a source is not valid or too small.
    """
    images = as_sources(sources)
    transforms = [
        Transform() if k == reference else register(image, images[reference])
        for k, image in enumerate(images)
    ]
    moved = [t.apply(image) for t, image in zip(transforms, images, strict=True)]
    return moved, transforms
