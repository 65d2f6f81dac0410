"""Visual saliency and weighted least squares fusion (WLS).

Both sources are split into four detail images and a base by a rolling guidance
filter, which removes small structures but keeps the edges of large ones. The base
is fused by histogram contrast; the details by absolute maximum, and all but the
finest are then refined: of :math:`M`, the blend by a smoothed mask, and
:math:`d_1`, the infrared detail, the fused detail is the minimiser of

.. math::

    \\sum_p (D_p - M_p)^2 + \\lambda\\, a_p (D_p - d_{1,p})^2, \\qquad
    a_p = \\left(\\left|\\overline{d_2}\\right|_p + 10^{-6}\\right)^{-1},

with :math:`\\overline{d_2}` the local mean of the visible detail. No term couples
two pixels, so the least squares problem is solved by one division per pixel.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from ..images.filters import guided_filter
from ..images.io import to_uint8
from ..images.validation import Image, check_positive, check_positive_int
from .registry import method

__all__ = ["wls"]

#: Radii of the three rolling guidance filters in pixels.
RADII = (2, 4, 8)

#: Standard deviation in pixels of the last Gaussian, and of the mask's smoothing.
SIGMA = 2


def rolling_guidance(
    image: Image, radius: int, sigma_r: float, iterations: int
) -> Image:
    """Remove structures smaller than ``radius`` and keep the edges of larger ones.

    After a Gaussian of that standard deviation come guided filters of that radius, each
    guided by the result before it. ``sigma_r`` is the contrast, in intensity units,
    that counts as an edge.

    References
    ----------
    * Q. Zhang, X. Shen, L. Xu, J. Jia, "Rolling guidance filter", ECCV 2014.
      https://doi.org/10.1007/978-3-319-10578-9_53
    """
    result = gaussian_filter(image, radius, mode="nearest", radius=3 * radius)
    for _ in range(iterations):
        result = guided_filter(image, result, radius, variance=sigma_r**2, cut=True)
    return result


def histogram_contrast(image: Image) -> Image:
    """Return how much each grey level differs from all others in the image.

    ``V(p) = sum_q |I(p) - I(q)|`` over 256 levels, stretched to [0, 1]; zero for a
    constant image.
    """
    levels = to_uint8(image)
    counts = np.bincount(levels.ravel(), minlength=256)
    grey = np.arange(256)
    contrast = (np.abs(grey[:, None] - grey) @ counts)[levels].astype(np.float64)
    contrast -= contrast.min()
    return contrast / (contrast.max() or 1.0)


def refine(blend: Image, infrared: Image, visible: Image, lam: float) -> Image:
    """Pull a blended detail towards the infrared one where the visible one is flat.

    All are details of shape (H, W); the result is the minimiser of the sum in the
    description of this module.
    """
    local = uniform_filter(visible, 7, mode="nearest")
    pull = lam / (np.abs(local) + 1e-6)
    return (blend + pull * infrared) / (1 + pull)


@method(
    "WLS", "Ma, Zhou, Wang, Zong", 2017, seconds=0.15, status="exact", pair_only=True
)
def wls(
    sources: list[Image],
    *,
    sigma_r: float = 0.05,
    lam: float = 0.01,
    iterations: int = 4,
) -> Image:
    """Fuse an infrared and a visible image by saliency and weighted least squares.

    The method is not symmetric in the two.

    Parameters
    ----------
    sigma_r : float, optional
        Contrast that the rolling guidance filter keeps, above 0.
    lam : float, optional
        Weight of the infrared detail in the refinement, above 0.
    iterations : int, optional
        Guided filters per level, at least 1.

    References
    ----------
    * J. Ma, Z. Zhou, B. Wang, H. Zong, "Infrared and visible image fusion based
      on visual saliency map and weighted least square optimization", Infrared
      Physics & Technology 82, 2017. https://doi.org/10.1016/j.infrared.2017.02.005

    Examples
    --------
    >>> import numpy as np
    >>> image = np.linspace(0, 1, 30).reshape(5, 6)
    >>> bool(np.allclose(wls([image, image]), image, atol=1e-12))
    True
    """
    infrared, visible = sources
    sigma_r = check_positive(sigma_r, "sigma_r")
    lam = check_positive(lam, "lam")
    iterations = check_positive_int(iterations, "iterations")

    def smooth(image: Image, mode: str) -> Image:
        return gaussian_filter(image, SIGMA, mode=mode, radius=3 * SIGMA)

    def pyramid(image: Image) -> list[Image]:
        levels = [image]
        for radius in RADII:
            levels.append(rolling_guidance(levels[-1], radius, sigma_r, iterations))
        return [*levels, smooth(levels[-1], "nearest")]

    levels_1, levels_2 = pyramid(infrared), pyramid(visible)
    contrast = histogram_contrast(infrared) - histogram_contrast(visible)
    base_1, base_2 = levels_1[-1], levels_2[-1]
    fused = (0.5 + 0.5 * contrast) * base_1 + (0.5 - 0.5 * contrast) * base_2
    for level in range(len(RADII) + 1):
        detail_1 = levels_1[level] - levels_1[level + 1]
        detail_2 = levels_2[level] - levels_2[level + 1]
        mask = (np.abs(detail_1) < np.abs(detail_2)).astype(np.float64)
        if level > 0:
            mask = smooth(mask, "reflect")
        blend = mask * detail_2 + (1 - mask) * detail_1
        fused += refine(blend, detail_1, detail_2, lam) if level > 0 else blend
    return fused
