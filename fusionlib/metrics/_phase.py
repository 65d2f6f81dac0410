"""Phase congruency: Q_P of Zhao, Laganiere and Liu.

Phase congruency tells features from noise by the agreement of the phases of log-Gabor
filters at several scales, whatever the contrast [2]_. Q_P correlates it, and the
largest and the smallest moment of its orientations, in the fused image with those of
the sources [1]_.

References
----------
.. [1] J. Zhao, R. Laganiere, Z. Liu, "Performance assessment of combinative
   pixel-level image fusion based on an absolute feature measurement", International
   Journal of Innovative Computing, Information and Control 3(6A), 2007.
.. [2] P. Kovesi, "Image features from phase congruency", Videre 1(3), 1999; "Phase
   congruency detects corners and edges", DICTA 2003.
.. [3] Z. Liu, E. Blasch, Z. Xue, J. Zhao, R. Laganiere, W. Wu, "Objective assessment
   of multiresolution image fusion algorithms for context enhancement in night vision",
   IEEE Transactions on Pattern Analysis and Machine Intelligence 34(1), 2012.
   https://doi.org/10.1109/TPAMI.2011.109
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft

from .._compute import parallel_map
from ..images.validation import Image
from ._windows import gaussian, smooth
from .registry import metric

__all__ = ["phase_congruency", "q_p"]

#: Wavelengths of the log-Gabor filters, in pixels, and their relative bandwidth.
WAVELENGTHS = tuple(3 * 2.1**k for k in range(4))
BANDWIDTH = 0.55
#: Number of orientations, and the standard deviation of their Gaussians.
ORIENTATIONS = 6
SPREAD = math.pi / ORIENTATIONS / 1.2
#: Radius and order of the Butterworth filter that cuts the corners of the spectrum.
CUTOFF, ORDER = 0.45, 15
#: Standard deviations of noise above its mean that do not count, and the correction
#: of that estimate.
NOISE, CORRECTION = 2.0, 1.7
#: Narrowest share of scales that counts in full, and how sharp the limit is.
WIDTH, SHARPNESS = 0.5, 10.0
#: Added to amplitudes, in grey levels, against division by zero.
EPSILON = 1e-4
#: Congruency from which a pixel of a source is a feature.
FEATURE = 0.1
#: Added to covariances and standard deviations of the feature maps.
STABILISER = 1e-4
#: Local variances of the feature maps below it are rounding errors.
TINY = 1e-14


@dataclass(frozen=True)
class _Bank:
    """Filters in the order of the spectrum: radial ones and angular ones."""

    radial: list[Image]
    angular: list[Image]
    noise: list[float]


def _frequencies(count: int, odd_is_wide: bool) -> Image:
    """Return frequencies from about -1/2 to 1/2, zero in the middle.

    Of an odd number of samples, the wide ones reach both ends.
    """
    step = count - 1 if odd_is_wide and count % 2 else count
    return (np.arange(count) - count // 2) / step


def _filter_bank(shape: tuple[int, int]) -> _Bank:
    """Return the filters for images of this shape."""
    height, width = shape
    across = np.broadcast_to(_frequencies(width, True), shape)
    down = np.broadcast_to(_frequencies(height, True)[:, None], shape)
    radius = np.hypot(across, down)
    radius[height // 2, width // 2] = 1
    radius = scipy.fft.ifftshift(radius)
    theta = scipy.fft.ifftshift(np.arctan2(-down, across))
    corner = np.hypot(_frequencies(width, False), _frequencies(height, False)[:, None])
    # the released code shifts this one the other way round, which odd sizes notice
    inside = scipy.fft.fftshift(1 / (1 + (corner / CUTOFF) ** (2 * ORDER)))
    radial = []
    for wavelength in WAVELENGTHS:
        octaves = np.log(radius * wavelength) / math.log(BANDWIDTH)
        radial.append(np.exp(-(octaves**2) / 2) * inside)
        radial[-1][0, 0] = 0
    angular, noise, total = [], [], sum(radial)
    for k in range(ORIENTATIONS):
        turned = np.abs(theta - k * math.pi / ORIENTATIONS)
        distance = np.minimum(turned, 2 * math.pi - turned)
        angular.append(np.exp(-(distance**2) / (2 * SPREAD**2)))
        # by Parseval's theorem: energy of the real parts of all filters together, per
        # energy of the finest
        along = angular[k] * total
        even = (along + np.roll(along[::-1, ::-1], 1, axis=(0, 1))) / 2
        noise.append(float((even**2).sum() / ((angular[k] * radial[0]) ** 2).sum()))
    return _Bank(radial, angular, noise)


def _noise(finest: Image, gain: float) -> float:
    """Return the energy that noise alone can have along an orientation."""
    # the mean of squares that would have this median if all were noise
    power = float(np.median(finest)) / math.log(2)
    tau = math.sqrt(power * gain)
    spread = NOISE * math.sqrt(2 - math.pi / 2) * tau
    return (tau * math.sqrt(math.pi / 2) + spread) / CORRECTION


def phase_congruency(image: Image, bank: _Bank | None = None) -> list[Image]:
    """Return phase congruency, and the largest and smallest moment of its orientations.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W)
        Grey levels from 0 to 255; at least 3x3 pixels.
    bank : optional
        The filters for this shape, if they are there.

    Returns
    -------
    list of 3 numpy.ndarray, shape (H, W)
        About 0 to 1: features of any kind; edges; corners.

    Notes
    -----
    Six orientations and four scales, with the constants of the released program. Where
    the amplitude is below 1e-4 grey levels there is no feature.
    """
    from ._phase_kernel import add_orientation, local_energy

    bank = bank or _filter_bank(image.shape)
    spectrum = scipy.fft.fft2(image)
    parts = np.empty((len(bank.radial), *image.shape), dtype=complex)
    sums = np.zeros((5, image.size))
    limits = float(len(parts)), WIDTH, SHARPNESS, EPSILON
    for k, angular in enumerate(bank.angular):
        along = spectrum * angular
        for part, radial in zip(parts, bank.radial, strict=True):
            np.multiply(along, radial, out=part)
        parts = scipy.fft.ifft2(parts, axes=(1, 2), overwrite_x=True)
        planes = local_energy(parts.reshape(len(parts), -1), EPSILON)
        noise = _noise(planes[-1], bank.noise[k])
        turn = k * math.pi / ORIENTATIONS
        add_orientation(planes[:-1], noise, turn, limits, sums)
    total, amplitudes, xx, yy, xy = sums.reshape(5, *image.shape)
    xx, yy, xy = 2 * xx / ORIENTATIONS, 2 * yy / ORIENTATIONS, xy / ORIENTATIONS
    spread = np.hypot(xy, xx - yy) + EPSILON
    largest, smallest = (yy + xx + spread) / 2, (yy + xx - spread) / 2
    return [total / (amplitudes + EPSILON), largest, smallest]


def _best_correlation(fused: Image, planes: list[Image], masks: list[Image]) -> float:
    """Return the mean over features of the best local correlation; the last is all."""
    window = gaussian(11, 1.5)

    def average(plane: Image) -> Image:
        return smooth(np.pad(plane, len(window) // 2), window)

    def variance(plane: Image, mean: Image) -> Image:
        found = average(plane * plane) - mean**2
        return np.where(found < TINY, 0, found)

    mean = average(fused)
    spread = variance(fused, mean)
    best = np.zeros_like(fused)
    for plane, mask in zip(planes, masks, strict=True):
        kept = plane * mask
        own = average(kept)
        cross = average(kept * fused) - own * mean
        product = variance(kept, own) * spread
        found = (cross + STABILISER) / (np.sqrt(product) + STABILISER)
        best = np.where(mask, np.maximum(best, found), best)
    return float(best.sum() / masks[-1].sum())


@metric(
    "Q_P",
    "Q_P",
    "Features preserved, by phase congruency",
    range=(0, 1),
    smallest=3,
    conventions="Liu's toolbox: 0..255, six orientations, four scales, black border",
    reference="Zhao, Laganiere, Liu 2007; Liu et al. 2012",
)
def q_p(fused: Image, sources: list[Image]) -> float:
    """Return the feature metric Q_P of Zhao, Laganiere and Liu.

    The product of three numbers, for :func:`phase_congruency` and its two moments. Each
    is the mean over the features of the best correlation, in an 11x11 window, of the
    map of the fused image with that of a source or with their maximum. Pixels of a
    source with a congruency below 0.1 are taken for black. 0 if no source has features.

    Notes
    -----
    It does not see contrast: half of it gives nearly the same value. Where the fused
    image has no features at all, a correlation is 1, because the small constant stands
    above and below: a constant image scores close to 1.
    """
    levels = [255 * image for image in (fused, *sources)]
    bank = _filter_bank(fused.shape)
    maps = parallel_map(lambda plane: phase_congruency(plane, bank), levels)
    own, others = maps[0], maps[1:]
    congruency = np.stack([planes[0] for planes in others])
    strongest = congruency.argmax(axis=0)[None]
    masks = [*(congruency > FEATURE), congruency.max(axis=0) > FEATURE]
    if not masks[-1].any():
        return 0.0
    stacks = [np.stack([planes[n] for planes in others]) for n in range(3)]

    def correlation(n: int) -> float:
        chosen = np.take_along_axis(stacks[n], strongest, axis=0)[0]
        return _best_correlation(own[n], [*stacks[n], chosen], masks)

    return math.prod(parallel_map(correlation, range(3)))
