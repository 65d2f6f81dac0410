"""The loops of phase congruency over pixels, compiled on first use."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._compute import compiled


@compiled
def local_energy(responses: Any, epsilon: float) -> Any:
    """Return how far the responses at all scales agree, and their amplitudes.

    Parameters
    ----------
    responses : numpy.ndarray, shape (S, N), complex128
        Of the even filters (real part) and the odd ones, by scale.
    epsilon : float
        Added to the amplitude of the sum.

    Returns
    -------
    energy : numpy.ndarray, shape (N,)
        ``sum_s a_s (cos d_s - |sin d_s|)``: amplitude a, and phase d from the mean.
    amplitude : numpy.ndarray, shape (N,)
        ``sum_s a_s``.
    largest : numpy.ndarray, shape (N,)
        ``max_s a_s``.
    finest : numpy.ndarray, shape (N,)
        ``a_0^2``.
    """
    scales, count = responses.shape
    energy = np.zeros(count)
    amplitude = np.zeros(count)
    largest = np.zeros(count)
    finest = np.empty(count)
    for n in range(count):
        even = odd = 0.0
        for s in range(scales):
            x, y = responses[s, n].real, responses[s, n].imag
            even += x
            odd += y
            square = x * x + y * y
            if s == 0:
                finest[n] = square
            size = math.sqrt(square)
            amplitude[n] += size
            largest[n] = max(largest[n], size)
        length = math.sqrt(even * even + odd * odd) + epsilon
        even, odd = even / length, odd / length
        for s in range(scales):
            x, y = responses[s, n].real, responses[s, n].imag
            energy[n] += x * even + y * odd - abs(x * odd - y * even)
    return energy, amplitude, largest, finest


@compiled
def add_orientation(
    planes: Any, noise: float, turn: float, limits: tuple[float, ...], sums: Any
) -> None:
    """Add what one orientation contributes.

    Parameters
    ----------
    planes : tuple of 3 numpy.ndarray, shape (N,)
        Energy, amplitude and largest amplitude, from :func:`local_energy`.
    noise : float
        Energy that does not count.
    turn : float
        The orientation.
    limits : tuple of 4 floats
        Number of scales; share of them from which a pixel counts, and how sharply;
        what is added to the largest amplitude, and the smallest with a feature.
    sums : numpy.ndarray, shape (5, N)
        Sums of energy and of amplitude; of the products xx, yy and xy of the
        congruency along the two axes. They are added to.
    """
    energy, amplitude, largest = planes
    scales, width, sharpness, epsilon = limits
    x, y = math.cos(turn), math.sin(turn)
    for n in range(len(energy)):
        share = amplitude[n] / (largest[n] + epsilon) / scales
        kept = max(energy[n] - noise, 0.0)
        kept /= 1 + math.exp((width - share) * sharpness)
        sums[0, n] += kept
        sums[1, n] += amplitude[n]
        if amplitude[n] > epsilon:
            square = (kept / amplitude[n]) ** 2
            sums[2, n] += square * x * x
            sums[3, n] += square * y * y
            sums[4, n] += square * x * y
