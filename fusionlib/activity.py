"""Activity maps: how much each source has to say at each place and depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import InputError
from .images.validation import Image, check_positive_int

__all__ = ["block_average", "l1_norm"]

#: Features that are reduced at once on the processor.
CACHED = 2**18


def l1_norm(features: Any, *, after_relu: bool = False) -> Any:
    """Return the l1-norm over channels, the initial activity of equation (5).

    Parameters
    ----------
    features : numpy.ndarray or torch.Tensor, shape (..., M, h, w)
        Feature maps with M channels.
    after_relu : bool, optional
        None is negative, so that they are their own magnitudes: one pass less.

    Returns
    -------
    numpy.ndarray or torch.Tensor, shape (..., h, w)
        ``C(x, y) = ||features(:, x, y)||_1``, of the same kind as the input.

    Raises
    ------
    InputError
        If there is no channel axis.

    Examples
    --------
    >>> import numpy as np
    >>> l1_norm(np.array([[[1.0, -2.0]], [[-3.0, 0.5]]]))
    array([[4. , 2.5]])
    """
    if getattr(features, "ndim", 0) < 3:
        raise InputError("features must have the shape (..., channels, height, width)")
    if isinstance(features, np.ndarray):
        return np.abs(features).sum(axis=-3)
    import torch

    # Half precision is added up in single.
    wide = torch.promote_types(features.dtype, torch.float32)
    if features.device.type != "cpu":
        return torch.linalg.vector_norm(features, ord=1, dim=-3, dtype=wide)
    # vector_norm is slow on the processor: a few rows at a time, in its cache.
    *lead, channels, height, width = features.shape
    result = features.new_empty((*lead, height, width), dtype=wide)
    rows = max(1, CACHED // max(1, width * channels))
    for part, norm in zip(
        features.split(rows, dim=-2), result.split(rows, dim=-2), strict=True
    ):
        magnitudes = part if after_relu else part.abs()
        norm.copy_(magnitudes.sum(dim=-3, dtype=wide))
    return result


def block_average(activity: Image, radius: int = 1) -> Image:
    """Return the mean of the activity over blocks, equation (6).

    Parameters
    ----------
    activity : numpy.ndarray, shape (..., h, w)
        Initial activity maps, at least 0.
    radius : int, optional
        r; the block is (2r+1) x (2r+1) samples of the map, so it covers more
        pixels at deeper layers.

    Returns
    -------
    numpy.ndarray, shape (..., h, w), float64
        The final activity maps. Samples outside the map count as zero and the
        divisor is always (2r+1)^2, so maps fall off towards the border.

    Raises
    ------
    InputError
        If the radius is not a whole number above 0.

    Notes
    -----
    Sums are formed directly, not by a running sum: a running sum leaves rounding
    errors behind where the activity is exactly zero.

    Examples
    --------
    >>> import numpy as np
    >>> block_average(np.array([[0.0, 9.0, 0.0]]))
    array([[1., 1., 1.]])
    """
    radius = check_positive_int(radius, "radius")
    result = np.asarray(activity, dtype=np.float64)
    if result.ndim < 2:
        raise InputError("activity must have the shape (..., height, width)")
    *others, height, width = result.shape
    padded = np.pad(result, [(0, 0)] * len(others) + [(radius, radius)] * 2)
    window = range(2 * radius + 1)
    rows = np.zeros((*others, height, padded.shape[-1]))
    for i in window:
        rows += padded[..., i : i + height, :]
    del padded  # as large as the maps
    block = np.zeros((*others, height, width))
    for j in window:
        block += rows[..., j : j + width]
    block /= len(window) ** 2
    return block
