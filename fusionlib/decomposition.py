"""Two-scale decomposition of a source into base part and detail content.

The base part of equation (1) is

.. math::

    I^b = \\arg\\min_{B} \\|I - B\\|_F^2
          + \\lambda \\left(\\|g_x * B\\|_F^2 + \\|g_y * B\\|_F^2\\right),
    \\qquad g_x = [-1\\; 1],\\; g_y = [-1\\; 1]^T,

and the detail content of equation (2) is what remains, :math:`I^d = I - I^b`.
The minimiser is a low-pass filter with the frequency response
:func:`frequency_response`.
"""

from __future__ import annotations

import numpy as np

from .images.validation import Image, as_image, check_positive, check_positive_int

__all__ = ["DEFAULT_LAM", "DEFAULT_PADDING", "decompose", "frequency_response"]

#: Weight of the gradient penalty in the paper.
DEFAULT_LAM = 5.0

#: Largest number of mirrored pixels that makes sense for any accepted image.
MAX_PADDING = 1024

#: Mirrored pixels added on every side before the transform.
DEFAULT_PADDING = 16


def frequency_response(
    height: int, width: int, lam: float = DEFAULT_LAM, *, half: bool = False
) -> Image:
    """Return the gain of the base filter at each frequency of the DFT.

    Parameters
    ----------
    height, width : int
        Size of the grid in samples.
    lam : float, optional
        Weight of the gradient penalty, above 0.
    half : bool, optional
        Return only the columns that a real transform keeps.

    Returns
    -------
    numpy.ndarray, shape (height, width) or (height, width // 2 + 1)
        ``1 / (1 + lam (|Gx|^2 + |Gy|^2))`` with
        ``|Gx|^2 = 2 - 2 cos(2 pi u / width)``: 1 at frequency zero, and
        ``1 / (1 + 8 lam)`` at the highest.

    Notes
    -----
    Equation (1) is quadratic, so its minimiser under periodic borders is a
    division in the Fourier domain.
    """
    lam = check_positive(lam, "lam")
    columns = width // 2 + 1 if half else width
    gx = 2 - 2 * np.cos(2 * np.pi * np.arange(columns) / width)
    gy = 2 - 2 * np.cos(2 * np.pi * np.arange(height) / height)
    with np.errstate(over="ignore"):  # an infinite penalty leaves the mean alone
        return 1 / (1 + lam * (gx + gy[:, None]))


def decompose(
    image: Image, lam: float = DEFAULT_LAM, *, padding: int = DEFAULT_PADDING
) -> tuple[Image, Image]:
    """Split an image into base part and detail content, equations (1) and (2).

    Parameters
    ----------
    image : array_like, shape (H, W)
        Grey image in [0, 1]; see :func:`fusionlib.images.validation.as_image`.
    lam : float, optional
        Weight of the gradient penalty, above 0: the larger, the smoother the base.
    padding : int, optional
        Pixels of symmetric (half-sample) mirror added on every side, so that the
        periodic transform does not join opposite edges.

    Returns
    -------
    base, detail : numpy.ndarray, shape (H, W), float64
        ``base + detail`` is the image.

    Raises
    ------
    InputError
        If the image or a parameter is not valid.

    Examples
    --------
    >>> import numpy as np
    >>> base, detail = decompose(np.full((4, 5), 0.25))
    >>> bool(np.allclose(base, 0.25)), bool(np.allclose(detail, 0))
    (True, True)
    """
    image = as_image(image)
    padding = check_positive_int(padding, "padding", minimum=0, maximum=MAX_PADDING)
    height, width = image.shape
    shape = height + 2 * padding, width + 2 * padding
    spectrum = np.fft.rfft2(np.pad(image, padding, mode="symmetric"))
    spectrum *= frequency_response(*shape, lam, half=True)
    smooth = np.fft.irfft2(spectrum, s=shape)
    del spectrum  # as large as the image
    inner = (slice(padding, padding + height), slice(padding, padding + width))
    base = np.ascontiguousarray(smooth[inner])
    return base, image - base
