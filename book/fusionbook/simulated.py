"""Other fusion tasks, simulated from pictures that scikit-image ships.

Each function takes a picture as the truth and makes what two or more cameras would
have recorded of it, so that a fused image can be scored against the truth. The
pictures are part of the installed package: nothing is downloaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.random import RandomState

from fusionlib.errors import InputError
from fusionlib.images.io import to_uint8
from fusionlib.images.registration import Transform
from fusionlib.images.validation import (
    Image,
    as_image,
    check_choice,
    check_positive,
    check_same_shape,
)

__all__ = [
    "MISALIGNMENTS",
    "Task",
    "hot_coffee",
    "medical",
    "misalign",
    "multi_exposure",
    "multi_focus",
    "score",
    "tolerance",
]


@dataclass(frozen=True, eq=False)
class Task:
    """Simulated sources and what they were made from.

    Attributes
    ----------
    name, title : str
        Key and one line for captions.
    sources : tuple of numpy.ndarray, shape (H, W)
        What is to be fused, multiples of 1/255.
    labels : tuple of str
        What each source is.
    truth : numpy.ndarray, shape (H, W)
        What a perfect fusion would return.
    """

    name: str
    title: str
    sources: tuple[Image, ...] = field(repr=False)
    labels: tuple[str, ...]
    truth: Image = field(repr=False)


def _halved(image: Any) -> Image:
    """Return an image at half its size: each pixel the mean of four."""
    plane = np.asarray(image, dtype=np.float64)
    rows, columns = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    cut = plane[:rows, :columns]
    return (cut[::2, ::2] + cut[1::2, ::2] + cut[::2, 1::2] + cut[1::2, 1::2]) / 4


def _recorded(image: Image, noise: float, random: RandomState) -> Image:
    """Add sensor noise and quantise to 8 bit."""
    return to_uint8(image + random.normal(0, noise, image.shape)) / 255


def multi_focus(
    focus: Sequence[float] = (0.0, 1.0), *, blur: float = 4.0, noise: float = 0.002
) -> Task:
    """Simulate photographs of one scene with the focus at different depths.

    Parameters
    ----------
    focus : sequence of K floats in [0, 1], optional
        Depth in focus of each source: 0 is the farthest surface, 1 the nearest, in
        between in steps of disparity (that is, of 1 / distance).
    blur : float, optional
        Standard deviation in pixels of the blur at the far end of the depth range
        from the focus, above 0.
    noise : float, optional
        Standard deviation of the sensor noise.

    Returns
    -------
    Task
        The motorcycle of the Middlebury stereo data set at half size, 250x370; the
        truth is in focus everywhere.

    Raises
    ------
    InputError
        If a focus lies outside [0, 1], there are fewer than two, or ``blur`` is not
        above 0.

    Notes
    -----
    The depth was measured, not made up: scikit-image ships the disparity with the
    picture. The circle of confusion of a thin lens grows linearly in the difference
    of inverse distances. The scene is cut into 16 layers of depth, and the blurred
    layers are put in front of one another from far to near, so that an edge of a
    near object out of focus spreads over what lies behind it.

    References
    ----------
    * D. Scharstein et al., "High-resolution stereo datasets with
      subpixel-accurate ground truth", GCPR 2014.
    """
    import skimage.data

    from fusionlib.images.colour import luminance

    blur = check_positive(blur, "blur")
    if len(focus) < 2 or not all(0 <= f <= 1 for f in focus):
        raise InputError(f"focus must be two or more depths in [0, 1], got {focus!r}")
    picture, _, disparity = skimage.data.stereo_motorcycle()
    sharp = _halved(luminance(picture))
    known = np.isfinite(disparity)
    nearest = scipy.ndimage.distance_transform_edt(
        ~known, return_distances=False, return_indices=True
    )
    depth = np.where(known, disparity, 0)[tuple(nearest)][::2, ::2]
    depth = depth[: sharp.shape[0], : sharp.shape[1]]
    low, high = np.percentile(depth, [0.5, 99.5])
    layers = np.clip((depth - low) / (high - low) * 16, 0, 15).astype(int)
    random = RandomState(1)
    sources = []
    for plane in focus:
        image, cover = np.zeros_like(sharp), np.zeros_like(sharp)
        for number in range(16):
            mask = (layers == number).astype(np.float64)
            sigma = blur * abs(number / 15 - plane)
            alpha = scipy.ndimage.gaussian_filter(mask, sigma)
            light = scipy.ndimage.gaussian_filter(mask * sharp, sigma)
            image = image * (1 - alpha) + light
            cover = cover * (1 - alpha) + alpha
        sources.append(_recorded(image / cover, noise, random))
    labels = tuple(f"focus at {plane:g}" for plane in focus)
    return Task("multi_focus", "multi-focus", tuple(sources), labels, sharp)


def multi_exposure(
    stops: Sequence[float] = (-2.0, 2.0), *, noise: float = 0.004
) -> Task:
    """Simulate photographs of one scene with different exposures.

    Parameters
    ----------
    stops : sequence of K floats, optional
        Exposure of each source in stops: +1 is twice the light.
    noise : float, optional
        Standard deviation of the sensor noise.

    Returns
    -------
    Task
        The portrait of an astronaut in grey at half size, 256x256. The truth is the
        picture with an exposure of 0 and no noise.

    Raises
    ------
    InputError
        If there are fewer than two exposures or one is not finite.

    Notes
    -----
    Values are taken to linear light with a gamma of 2.2, multiplied, clipped at 1
    and taken back: dark exposures lose shadows in noise and rounding, bright ones
    lose lights by clipping.
    """
    import skimage.data

    from fusionlib.images.colour import luminance

    if len(stops) < 2 or not all(math.isfinite(stop) for stop in stops):
        raise InputError(f"stops must be two or more finite numbers, got {stops!r}")
    truth = _halved(luminance(skimage.data.astronaut()))
    random = RandomState(2)
    sources = tuple(
        _recorded(np.clip(truth**2.2 * 2.0**stop, 0, 1) ** (1 / 2.2), noise, random)
        for stop in stops
    )
    labels = tuple(f"{stop:+.2g} stops" for stop in stops)
    return Task("multi_exposure", "multi-exposure", sources, labels, truth)


#: Grey values of the Shepp-Logan phantom's tissues, and how the two simulated
#: modalities and the truth show them: air, bone, brain, and three kinds of lesions.
_TISSUES = (0.0, 1.0, 0.2, 0.3, 0.4, 0.1)
_CT = (0.0, 1.0, 0.30, 0.31, 0.31, 0.28)
_MR = (0.0, 0.08, 0.55, 0.8, 0.7, 0.3)


def medical(*, noise: float = 0.01) -> Task:
    """Simulate two modalities of medical imaging with a phantom.

    Parameters
    ----------
    noise : float, optional
        Standard deviation of the noise in both sources.

    Returns
    -------
    Task
        The Shepp-Logan phantom at half size, 200x200, as a CT-like source (bone
        bright, soft tissue all but flat) and an MR-like one (soft tissue with
        contrast, bone dark). The truth takes bone from the first and everything else
        from the second: that is a choice, and the usual one for reading both at once.

    References
    ----------
    * L. A. Shepp, B. F. Logan, "The Fourier reconstruction of a head section",
      IEEE Transactions on Nuclear Science 21(3), 1974.
    """
    import skimage.data

    phantom = skimage.data.shepp_logan_phantom()
    nearest = np.abs(phantom[..., None] - np.array(_TISSUES)).argmin(axis=-1)
    bone = nearest == 1
    ct, mr = np.array(_CT)[nearest], np.array(_MR)[nearest]
    random = RandomState(3)
    sources = tuple(_recorded(_halved(plane), noise, random) for plane in (ct, mr))
    truth = _halved(np.where(bone, ct, mr))
    return Task("medical", "CT and MR phantom", sources, ("CT-like", "MR-like"), truth)


def hot_coffee(*, noise: float = 0.01) -> tuple[Image, Image]:
    """Return a colour photograph and a made-up thermal image of the same scene.

    Parameters
    ----------
    noise : float, optional
        Standard deviation of the noise in the thermal image.

    Returns
    -------
    infrared : numpy.ndarray, shape (200, 300)
        Painted ellipses: hot coffee, a warm cup and saucer, a cool table. No sensor
        saw this; it is there to show what happens to colour.
    visible : numpy.ndarray, shape (200, 300, 3)
        The cup of coffee that scikit-image ships, at half size.
    """
    import skimage.data

    planes = np.moveaxis(skimage.data.coffee() / 255, -1, 0)
    visible = np.dstack([_halved(plane) for plane in planes])
    rows, columns = np.mgrid[: visible.shape[0], : visible.shape[1]]

    def ellipse(row: float, column: float, height: float, width: float) -> Any:
        return ((rows - row) / height) ** 2 + ((columns - column) / width) ** 2 < 1

    heat = np.full(rows.shape, 0.12)
    heat[ellipse(112, 139, 80, 100)] = 0.3
    heat[ellipse(75, 145, 66, 58)] = 0.62
    heat[ellipse(72, 144, 24, 41)] = 0.97
    heat = scipy.ndimage.gaussian_filter(heat, 1.2)
    return _recorded(heat, noise, RandomState(4)), visible


def score(fused: Any, truth: Any, *, margin: int = 0) -> dict[str, float]:
    """Return how close a fused image is to the truth.

    Parameters
    ----------
    fused, truth : array_like, shape (H, W)
        Grey images in [0, 1].
    margin : int, optional
        Pixels left out along every edge.

    Returns
    -------
    dict of str to float
        ``PSNR`` in dB (peak 1) and ``SSIM`` (Gaussian window, sigma 1.5), both
        against the truth and both by scikit-image.

    Raises
    ------
    InputError
        If an image is not valid or the sizes differ.
    """
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    images = [as_image(fused, "fused"), as_image(truth, "truth")]
    check_same_shape(images, ["fused", "truth"])
    inner = slice(margin, -margin or None)
    a, b = (image[inner, inner] for image in images)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    similarity = structural_similarity(b, a, data_range=1.0, **window)
    with np.errstate(divide="ignore"):  # equal images: infinite
        ratio = peak_signal_noise_ratio(b, a, data_range=1.0)
    return {"PSNR": float(ratio), "SSIM": float(similarity)}


#: Kinds of misalignment and their units.
MISALIGNMENTS = {"shift": "pixels", "rotation": "degrees", "scale": "per cent"}


def misalign(image: Any, kind: str, amount: float) -> Image:
    """Move an image as a badly aligned camera would.

    Parameters
    ----------
    image : array_like, shape (H, W)
        Grey image.
    kind : {"shift", "rotation", "scale"}
        Diagonal shift, rotation about the centre, or magnification.
    amount : float
        In the unit of :data:`MISALIGNMENTS`.

    Raises
    ------
    InputError
        If the kind is unknown or the image is not valid.
    """
    check_choice(kind, "kind", tuple(MISALIGNMENTS))
    if kind == "shift":
        step = amount / math.sqrt(2)
        return Transform(shift=(step, step)).apply(image)
    if kind == "rotation":
        return Transform(angle=amount).apply(image)
    return Transform(scale=1 + amount / 100).apply(image)


def tolerance(
    task: Task,
    kind: str,
    amounts: Sequence[float],
    method: Callable[[Sequence[Image]], Image],
    *,
    metrics: Sequence[str] = ("FMI_dct", "FMI_w", "SSIM_a", "N_abf", "Q_abf_kumar"),
    margin: int = 16,
) -> list[dict[str, float]]:
    """Measure what misaligning the last source does.

    Parameters
    ----------
    task : Task
        Sources and truth.
    kind : str
        See :func:`misalign`.
    amounts : sequence of float
        How far.
    method : callable
        Takes the sources and returns the fused image in [0, 1].
    metrics : sequence of str, optional
        Metrics without truth, computed as in practice: against the sources as they
        came, misaligned.
    margin : int, optional
        Pixels left out along every edge, where moving needs pixels from outside.

    Returns
    -------
    list of dict of str to float
        For each amount: ``amount``, ``PSNR`` and ``SSIM`` against the truth, and the
        metrics.

    Raises
    ------
    InputError
        If an argument is not valid.
    """
    from fusionlib.metrics import evaluate

    inner = (slice(margin, -margin or None),) * 2
    rows = []
    for amount in amounts:
        moved = misalign(task.sources[-1], kind, amount)
        sources = [*task.sources[:-1], moved]
        fused = to_uint8(method(sources)) / 255
        rows.append(
            {
                "amount": float(amount),
                **score(fused, task.truth, margin=margin),
                **evaluate(fused[inner], [s[inner] for s in sources], metrics=metrics),
            }
        )
    return rows
