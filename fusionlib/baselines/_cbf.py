"""Cross bilateral filter fusion (CBF).

Each source is filtered by a bilateral filter whose range kernel looks at the
*other* source; what the filter removes is the detail image

.. math::

    D_A = A - \\mathrm{CBF}(A \\mid B), \\qquad D_B = B - \\mathrm{CBF}(B \\mid A).

The local strength of the detail images weights the sources themselves:
:math:`F = (w_A A + w_B B) / (w_A + w_B)`.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..errors import InputError
from ..images.io import to_uint8
from ..images.validation import Image, check_positive, check_positive_int
from .registry import method

__all__ = ["cbf"]


def cross_bilateral(
    image: Image, guide: Image, *, sigma_s: float, sigma_r: float, kernel: int
) -> Image:
    """Smooth ``image`` with a bilateral filter whose range weights come from ``guide``.

    Images are of shape (H, W), on the same scale as ``sigma_r``; see :func:`cbf` for
    the parameters. The border is mirrored without repeating the edge.
    """
    radius = kernel // 2
    height, width = image.shape
    padded = np.pad(image, radius, mode="reflect")
    padded_guide = np.pad(guide, radius, mode="reflect")
    total = np.zeros_like(image)
    norm = np.zeros_like(image)
    for dy in range(kernel):
        for dx in range(kernel):
            shifted = (slice(dy, dy + height), slice(dx, dx + width))
            distance = ((dy - radius) ** 2 + (dx - radius) ** 2) / (2 * sigma_s**2)
            weight = np.exp(
                -distance - (padded_guide[shifted] - guide) ** 2 / (2 * sigma_r**2)
            )
            total += weight * padded[shifted]
            norm += weight
    return total / norm


def detail_strength(detail: Image, block: int) -> Image:
    """Return the local strength of a detail image.

    For the ``block x block`` neighbourhood of each pixel the method adds up the
    eigenvalues of two covariance matrices, one with the rows as observations and
    one with the columns. The sum of the eigenvalues of a matrix is its trace, so
    this is the sum of the unbiased variances of all columns and of all rows.
    """
    padded = np.pad(detail, block // 2, mode="reflect")

    def along(axis: int) -> Image:
        variance = sliding_window_view(padded, block, axis=axis).var(axis=-1, ddof=1)
        return sliding_window_view(variance, block, axis=1 - axis).sum(axis=-1)

    return along(0) + along(1)


@method(
    "CBF",
    "Shreyamsha Kumar",
    2013,
    seconds=0.3,
    status="exact",
    pair_only=True,
    tolerance=0.5 / 255 + 1e-12,  # whole grey levels
)
def cbf(
    sources: list[Image],
    *,
    sigma_s: float = 1.8,
    sigma_r: float = 25.0,
    kernel: int = 11,
    block: int = 5,
) -> Image:
    """Fuse two images by the cross bilateral filter.

    Parameters
    ----------
    sigma_s : float, optional
        Spatial standard deviation in pixels, above 0.
    sigma_r : float, optional
        Range standard deviation in grey levels of 0..255, above 0.
    kernel : int, optional
        Width of the filter window in pixels, odd.
    block : int, optional
        Width of the neighbourhood that a weight looks at, odd, at least 3.

    Returns
    -------
    numpy.ndarray, shape (H, W), float64
        The fused image in [0, 1]; as in the method, its values are whole grey
        levels divided by 255.

    References
    ----------
    * B. K. Shreyamsha Kumar, "Image fusion based on pixel significance using
      cross bilateral filter", Signal, Image and Video Processing, 2013.
      https://doi.org/10.1007/s11760-013-0556-9

    Examples
    --------
    >>> import numpy as np
    >>> image = np.array([[0, 51], [102, 255]], dtype=np.uint8)
    >>> bool(np.array_equal(cbf([image, image]), image / 255))
    True
    """
    first, second = (255.0 * source for source in sources)
    sigma_s = check_positive(sigma_s, "sigma_s")
    sigma_r = check_positive(sigma_r, "sigma_r")
    for value, name, minimum in ((kernel, "kernel", 1), (block, "block", 3)):
        if check_positive_int(value, name, minimum=minimum) % 2 == 0:
            raise InputError(f"{name} must be odd, got {value}")

    def strength(image: Image, guide: Image) -> Image:
        smooth = cross_bilateral(
            image, guide, sigma_s=sigma_s, sigma_r=sigma_r, kernel=kernel
        )
        weight = detail_strength(image - smooth, block)
        return np.where(weight == 0, np.finfo(np.float64).eps, weight)

    weight_1 = strength(first, second)
    weight_2 = strength(second, first)
    fused = (weight_1 * first + weight_2 * second) / (weight_1 + weight_2)
    return to_uint8(fused / 255) / 255.0
