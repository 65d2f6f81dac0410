"""What a camera of each band makes of the radiance of a scene."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
from numpy.random import RandomState

from fusionlib.images.io import to_uint8
from fusionlib.images.validation import Image

__all__ = ["infrared_sensor", "visible_sensor"]


def _off_axis(height: int, width: int) -> Image:
    """Return the squared distance from the centre, 1 in the corners."""
    y = np.linspace(-1, 1, height)[:, None]
    x = np.linspace(-1, 1, width)[None, :]
    return (x * x + y * y) / 2


def infrared_sensor(
    temperature: Image,
    random: RandomState,
    *,
    blur: float = 0.8,
    noise: float = 0.008,
    pattern: float = 0.007,
    undershoot: float = 0.18,
) -> Image:
    """Return the image of an uncooled thermal camera.

    Parameters
    ----------
    temperature : numpy.ndarray, shape (H, W)
        Apparent temperature on a scale from 0 to 1.
    random : numpy.random.RandomState
        Source of the noise.
    blur : float
        Standard deviation of the optics' point spread in pixels.
    noise, pattern : float
        Standard deviations of the noise of each pixel, and of the fixed pattern:
        one offset per column and a weaker one per row.
    undershoot : float
        Strength of the dark rim that the electronics leave around hot objects.

    Returns
    -------
    numpy.ndarray, shape (H, W)
        Values in [0, 1], quantised to 8 bits.
    """
    height, width = temperature.shape
    image = scipy.ndimage.gaussian_filter(temperature, blur, mode="nearest")
    around = scipy.ndimage.gaussian_filter(image, 0.03 * height, mode="nearest")
    image = image + undershoot * (image - around)
    image = image - 0.04 * _off_axis(height, width)
    image = image + pattern * random.standard_normal((1, width))
    image = image + 0.6 * pattern * random.standard_normal((height, 1))
    image = image + noise * random.standard_normal((height, width))
    return to_uint8(image) / 255


def visible_sensor(
    radiance: Image,
    random: RandomState,
    *,
    electrons: float = 900.0,
    read_noise: float = 4.0,
    blur: float = 0.45,
    vignetting: float = 0.35,
    gamma: float = 2.2,
) -> Image:
    """Return the image of a camera for visible light.

    Parameters
    ----------
    radiance : numpy.ndarray, shape (H, W)
        Linear radiance; 1 saturates the sensor.
    random : numpy.random.RandomState
        Source of the noise.
    electrons : float
        Charge of a saturated pixel: the fewer, the stronger the shot noise, whose
        variance is the signal (its normal approximation).
    read_noise : float
        Standard deviation of the read noise in electrons.
    blur : float
        Standard deviation of the optics' point spread in pixels.
    vignetting : float
        Share of the light that is lost in the corners.
    gamma : float
        Exponent of the display: the output is ``signal ** (1 / gamma)``.

    Returns
    -------
    numpy.ndarray, shape (H, W)
        Values in [0, 1], quantised to 8 bits.
    """
    height, width = radiance.shape
    signal = scipy.ndimage.gaussian_filter(radiance, blur, mode="nearest")
    signal = signal * (1 - vignetting * _off_axis(height, width))
    spread = np.sqrt(np.maximum(signal, 0) * electrons + read_noise**2) / electrons
    signal = signal + spread * random.standard_normal((height, width))
    return to_uint8(np.clip(signal, 0, 1) ** (1 / gamma)) / 255
