"""Weight maps: from activities to the share of each source."""

from __future__ import annotations

import numpy as np

from .errors import InputError
from .images.validation import Image, check_choice

__all__ = ["upsample", "weights_from_activity"]


def weights_from_activity(activity: Image, power: float = 1.0) -> Image:
    """Return each source's share of the activity, equation (7).

    Parameters
    ----------
    activity : numpy.ndarray, shape (K, h, w)
        Final activity maps of K sources, finite and at least 0.
    power : float, optional
        Exponent q; the paper has 1. The larger, the more the stronger source gets.

    Returns
    -------
    numpy.ndarray, shape (K, h, w)
        ``W_k = C_k^q / sum_n C_n^q``, in [0, 1] and with sum 1 over k. The paper calls
        this soft-max; its formula is the plain ratio. Where all activities are
        zero the weights are 1/K.

    Raises
    ------
    InputError
        If there is no source axis, or an activity is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> weights_from_activity(np.array([[[3.0, 0.0]], [[1.0, 0.0]]]))
    array([[[0.75, 0.5 ]],
    <BLANKLINE>
           [[0.25, 0.5 ]]])
    """
    activity = np.asarray(activity, dtype=np.float64)
    if activity.ndim != 3:
        raise InputError(
            f"activity must have the shape (K, height, width), got {activity.shape}"
        )
    if not np.isfinite(activity).all() or (activity < 0).any():
        raise InputError("activity must be finite and at least 0")
    # Dividing by the largest first keeps the sum finite for any input.
    largest = activity.max(axis=0)
    silent = largest == 0
    shares = activity / np.where(silent, 1, largest)
    if power != 1:
        shares **= power
    shares[:, silent] = 1
    shares /= shares.sum(axis=0)
    return shares


def upsample(
    weights: Image, stride: int, shape: tuple[int, int], method: str = "nearest"
) -> Image:
    """Grow weight maps to the size of the image, equation (8).

    Parameters
    ----------
    weights : numpy.ndarray, shape (K, h, w)
        Weight maps of a layer.
    stride : int
        Pixels per sample, 2^(i-1) for the layer i of the paper.
    shape : tuple of int
        Height and width of the image.
    method : {"nearest", "bilinear"}, optional
        "nearest" repeats each weight over a square of ``stride`` pixels and cuts
        off what stands over. "bilinear" interpolates between the centres of those
        squares.

    Returns
    -------
    numpy.ndarray, shape (K, H, W)
        The final weight maps. Pixels that no sample covers, as happens with
        ``pooling="floor"``, get weight zero.

    Raises
    ------
    InputError
        If the method is unknown.
    """
    check_choice(method, "upsampling", ("nearest", "bilinear"))
    height, width = shape
    if method == "nearest":
        grown = weights.repeat(stride, axis=1).repeat(stride, axis=2)
    else:
        grown = _bilinear(weights, stride)
    missing = max(height - grown.shape[1], 0), max(width - grown.shape[2], 0)
    if any(missing):
        grown = np.pad(grown, ((0, 0), (0, missing[0]), (0, missing[1])))
    return grown[:, :height, :width]


def _bilinear(weights: Image, stride: int) -> Image:
    """Interpolate between the centres of the blocks that nearest would draw."""
    from scipy.ndimage import map_coordinates  # slow to import

    count, height, width = weights.shape
    rows = (np.arange(height * stride) + 0.5) / stride - 0.5
    columns = (np.arange(width * stride) + 0.5) / stride - 0.5
    grid = np.meshgrid(rows, columns, indexing="ij")
    planes = [
        map_coordinates(plane, grid, order=1, mode="nearest") for plane in weights
    ]
    return np.stack(planes).reshape(count, height * stride, width * stride)
