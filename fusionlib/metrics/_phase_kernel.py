"""The loop of phase congruency over pixels, compiled on first use."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._compute import compiled

__all__ = ["local_energy"]


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
