"""Convolutional sparse representation fusion (ConvSR).

Base parts are averaged. Each detail image is written as a sum of 32 small filters
convolved with sparse coefficient maps, by convolutional basis pursuit denoising,

.. math::

    \\min_{x_1 \\dots x_M} \\tfrac12 \\Bigl\\| \\sum_m d_m * x_m - I^d \\Bigr\\|_2^2
        + \\lambda \\sum_m \\| x_m \\|_1 ,

and at each pixel the source whose maps are more active gives all its coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from .._compute import parallel_map, thread_budget
from ..decomposition import decompose
from ..images.validation import Image, check_positive, check_positive_int
from .dictionaries import as_dictionary, default_convsr_dictionary
from .registry import method

__all__ = ["convsr", "sparse_maps", "synthesise"]

#: Over-relaxation of the alternating direction method.
RELAX = 1.8

#: Residuals further apart than this factor make the penalty adapt ...
RESIDUAL_RATIO = 1.2

#: ... by at most this factor per iteration.
LARGEST_STEP = 100.0

Maps = NDArray[np.float32]


def _spectra(dictionary: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Return the filters' transforms on the image grid, shape (M, H, W // 2 + 1)."""
    height, width, filters = dictionary.shape
    grid = np.zeros((filters, *shape))
    # Circular convolution: on a grid smaller than the filters they wrap around.
    rows = np.arange(height)[:, None] % shape[0]
    columns = np.arange(width) % shape[1]
    for m in range(filters):
        np.add.at(grid[m], (rows, columns), dictionary[..., m])
    return scipy.fft.rfft2(grid).astype(np.complex64)


def sparse_maps(
    detail: Image,
    dictionary: NDArray[Any],
    *,
    lam: float,
    tol: float = 1e-3,
    iterations: int = 500,
    workers: int = 1,
) -> Maps:
    """Write a detail image as a sum of filters, convolved with sparse maps.

    The maps minimise half the squared error of that sum plus ``lam`` times their
    l1-norm (convolutional basis pursuit denoising).

    Parameters
    ----------
    detail : numpy.ndarray, shape (H, W)
        The signal; the convolution is circular.
    dictionary : numpy.ndarray, shape (h, w, M)
        The filters.
    lam : float
        Weight of the l1-norm, above 0.
    tol : float, optional
        Relative primal and dual residual at which to stop.
    iterations : int, optional
        Largest number of iterations.
    workers : int, optional
        Threads of the Fourier transforms.

    Returns
    -------
    numpy.ndarray, shape (M, H, W), float32
        The sparse coefficient maps.

    Notes
    -----
    Alternating direction method of multipliers; the quadratic step is solved
    exactly for each frequency (2016), and the penalty, which starts at
    ``100 lam + 0.5``, keeps the relative residuals at a fixed ratio (2017). Single
    precision: the tolerance is far above its rounding.

    References
    ----------
    * B. Wohlberg, "Efficient algorithms for convolutional sparse
      representations", IEEE Transactions on Image Processing 25(1), 2016.
      https://doi.org/10.1109/TIP.2015.2495260
    * B. Wohlberg, "ADMM penalty parameter selection by residual balancing",
      arXiv:1704.06209, 2017.
    """
    from . import _admm

    shape = detail.shape
    atoms = _spectra(dictionary, shape)
    power = (atoms.real**2 + atoms.imag**2).sum(axis=0)
    signal = scipy.fft.rfft2(detail).astype(np.complex64)
    rho = 100 * lam + 0.5
    target = 1 + 18.3 ** (np.log10(lam) + 1)
    y = np.zeros((len(atoms), *shape), dtype=np.float32)
    u, v = np.zeros_like(y), np.zeros_like(y)
    tiny = np.finfo(np.float32).tiny
    for iteration in range(iterations):
        spectrum = scipy.fft.rfft2(v, workers=workers)
        _admm.solve(spectrum, atoms, signal, power, np.float32(rho))
        x = scipy.fft.irfft2(spectrum, s=shape, workers=workers, overwrite_x=True)
        norms = _admm.threshold(x, y, u, lam / rho, RELAX)
        size_x, size_y, size_u, gap, change = np.sqrt(norms)
        primal = gap / max(size_x, size_y, tiny)
        dual = change / max(size_u, tiny)
        if primal < tol and dual < tol:
            break
        scale = 1.0
        if iteration > 0 and primal > 0 and dual > 0:
            balance = np.sqrt(primal / (dual * target))
            step = min(max(balance, 1 / balance), LARGEST_STEP)
            if primal > target * RESIDUAL_RATIO * dual:
                scale = step
            elif dual > RESIDUAL_RATIO / target * primal:
                scale = 1 / step
        rho *= scale
        _admm.difference(v, y, u, 1 / scale)
    return y


def synthesise(
    maps: Maps, dictionary: NDArray[Any], *, workers: int = 1
) -> NDArray[np.float32]:
    """Return the image ``sum_m d_m * x_m`` of coefficient maps, shape (M, H, W)."""
    shape = maps.shape[1:]
    spectrum = scipy.fft.rfft2(maps, workers=workers)
    spectrum *= _spectra(dictionary, shape)
    return scipy.fft.irfft2(spectrum.sum(axis=0), s=shape)


@method(
    "ConvSR", "Liu, Chen, Ward, Wang", 2016, seconds=7.0, status="exact", tolerance=0.05
)
def convsr(
    sources: list[Image],
    *,
    dictionary: Any = None,
    lam: float = 0.01,
    radius: int = 3,
    tol: float = 1e-3,
    iterations: int = 500,
) -> Image:
    """Fuse images by convolutional sparse representation.

    Parameters
    ----------
    dictionary : array_like of shape (h, w, M), or path-like, optional
        The filters, or a file with them, see
        :func:`~fusionlib.baselines.dictionaries.read_dictionary`. By default the
        8x8x32 dictionary that ships, learned on our own rendered scenes. The
        published tables need the one of the method's authors.
    lam : float, optional
        Weight of the l1-norm, above 0.
    radius : int, optional
        The activity is averaged over ``2 radius + 1`` pixels, zeros outside.
    tol : float, optional
        Relative residual at which the solver stops, above 0.
    iterations : int, optional
        Largest number of iterations of the solver.

    References
    ----------
    * Y. Liu, X. Chen, R. K. Ward, Z. J. Wang, "Image fusion with convolutional
      sparse representation", IEEE Signal Processing Letters 23(12), 2016.
      https://doi.org/10.1109/LSP.2016.2618776
    """
    lam = check_positive(lam, "lam")
    radius = check_positive_int(radius, "radius", minimum=0)
    tol = check_positive(tol, "tol")
    iterations = check_positive_int(iterations, "iterations")
    filters = as_dictionary(
        default_convsr_dictionary() if dictionary is None else dictionary,
        (None, None, None),
    )
    bases, details = zip(*(decompose(source) for source in sources), strict=True)

    def analyse(detail: Image) -> Maps:
        return sparse_maps(
            detail, filters, lam=lam, tol=tol, iterations=iterations,
            workers=thread_budget(),
        )  # fmt: skip

    maps = parallel_map(analyse, details)
    chosen = _most_active(maps, radius)
    detail = synthesise(chosen, filters, workers=thread_budget())
    return np.mean(bases, axis=0) + detail


def _most_active(maps: Sequence[Maps], radius: int) -> Maps:
    """Take all coefficients of a pixel from the source that is most active there.

    The activity is the l1-norm over the maps, averaged over a block with zeros
    outside the image. The last of equals wins.
    """
    best = maps[0]
    highest = _activity(best, radius)
    for other in maps[1:]:
        activity = _activity(other, radius)
        best = np.where(highest > activity, best, other)
        highest = np.maximum(highest, activity)
    return best


def _activity(maps: Maps, radius: int) -> Image:
    total = np.abs(maps).sum(axis=0, dtype=np.float64)
    return scipy.ndimage.uniform_filter(total, 2 * radius + 1, mode="constant")
