"""The method from end to end, equations (1) to (11)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._compute import Clock
from ._version import __version__
from .activity import block_average
from .config import FusionConfig
from .data import open_sources
from .decomposition import decompose
from .display import LayerMaps, ResultDisplay
from .errors import InputError
from .images.colour import by_channel, compose, luminance, split_sources
from .images.filters import guided_filter, histogram_contrast
from .images.validation import Image, as_image, as_sources, check_choice, check_keywords
from .vgg.layers import layer
from .vgg.memory import BAND, plan_band
from .weight_maps import upsample, weights_from_activity

if TYPE_CHECKING:
    import os

    from .features import Network
    from .vgg.weights import VGGWeights

__all__ = [
    "FusionResult",
    "Model",
    "fuse",
    "fuse_base",
    "fuse_candidate",
    "fuse_details",
    "fuse_image",
    "load_model",
    "reconstruct",
    "select",
    "weigh_bases",
]


#: What the network was trained to see as no light: the mean of ImageNet's photographs.
MEAN_GREY = 116 / 255

#: Smoothing of the sources' activity before it weighs base parts, in samples of
#: relu3_1, which are 4 pixels apart.
BASE_SIGMA = 2.0

#: Rows of the image for which :func:`fuse_image` holds weight maps at once.
SLAB = 256


@dataclass(frozen=True, eq=False, repr=False)
class FusionResult(ResultDisplay):
    """The fused image and every intermediate, by the paper's names.

    ``show()`` shows it, ``save(path)`` writes it, ``evaluate()`` measures it, and
    ``uint8`` is what is written.

    Attributes
    ----------
    I, I_b, I_d : numpy.ndarray, shape (K, H, W)
        Sources, base parts of equation (1), detail contents of equation (2). Of a
        colour source, I is the luminance; fused by channel, all arrays get a last axis.
    W_b : numpy.ndarray, shape (K,) or (K, H, W)
        Weights of the base parts, equation (3).
    F_b : numpy.ndarray, shape (H, W)
        Fused base part, equation (3).
    C, C_hat : dict of str to numpy.ndarray, shape (K, h, w)
        Initial and final activity maps by layer, equations (5) and (6).
    W : dict of str to numpy.ndarray, shape (K, h, w)
        Initial weight maps by layer, equation (7); see :attr:`W_hat`.
    F_d_i : dict of str to numpy.ndarray, shape (H, W)
        Candidates by layer, equation (9).
    F_d : numpy.ndarray, shape (H, W)
        Fused detail content, equation (10).
    winner : numpy.ndarray of int, shape (H, W)
        Which layer gave F_d, as an index into ``config.layers``; the first of
        equals.
    F : numpy.ndarray, shape (H, W)
        Fused image, equation (11), or its luminance if a source was in colour. It
        can leave [0, 1] a little; :attr:`image` and :attr:`luminance` do not.
    config : FusionConfig
        The parameters.
    provenance : dict
        Version, preset, weights, device, and seconds of each step.
    chroma : numpy.ndarray, shape (2, H, W), or None
        C_b and C_r of the colour source, if there was one.
    """

    I: Image  # noqa: E741 - the paper's name
    I_b: Image
    I_d: Image
    W_b: Image
    F_b: Image
    C: Mapping[str, Image]
    C_hat: Mapping[str, Image]
    W: Mapping[str, Image]
    F_d_i: Mapping[str, Image]
    F_d: Image
    winner: NDArray[np.intp]
    F: Image
    config: FusionConfig
    provenance: dict[str, Any] = field(default_factory=dict)
    chroma: Image | None = None

    @property
    def image(self) -> Image:
        """The fused image in [0, 1], float64, to show and to save.

        F clipped, of shape (H, W); of shape (H, W, 3) if a source was in colour,
        with the chroma of that source (see :func:`fusionlib.images.colour.compose`).
        """
        return _shown(self.F, self.chroma)

    @property
    def luminance(self) -> Image:
        """F clipped to [0, 1], or the luminance of that, shape (H, W), for metrics."""
        return luminance(np.clip(self.F, 0, 1))

    @property
    def W_hat(self) -> dict[str, Image]:
        """Final weight maps by layer, shape (K, H, W), equation (8)."""
        return LayerMaps({name: self.weight_map(name) for name in self.W})

    def weight_map(self, name: str) -> Image:
        """Return the final weight maps of one layer, shape (K, H, W)."""
        check_choice(name, "layer", tuple(self.W))
        W, stride = np.moveaxis(self.W[name], (1, 2), (-2, -1)), layer(name).stride
        planes = W.reshape(-1, *W.shape[-2:])  # of sources, and of channels if fused so
        shape = self.F.shape[0], self.F.shape[1]
        grown = upsample(planes, stride, shape, self.config.upsampling)
        return np.moveaxis(grown.reshape(W.shape[:-2] + shape), (-2, -1), (1, 2))


@dataclass(frozen=True, eq=False)
class Model:
    """Weights and the network that runs them, to fuse many pairs with.

    Attributes
    ----------
    weights : VGGWeights
        The nine convolutions.
    network : Network
        The same on a device, ready to run.
    """

    weights: VGGWeights
    network: Network


def load_model(
    weights: str | os.PathLike[str] | VGGWeights | Model | None = None,
    device: str = "auto",
    precision: str | None = None,
) -> Model:
    """Load weights and put them on a device, once for many calls of :func:`fuse`.

    Parameters
    ----------
    weights : str, path-like, VGGWeights, Model or None, optional
        See :func:`fusionlib.vgg.weights.load_weights`. A Model is returned as it is.
    device : str, optional
        See :func:`fusionlib.vgg.convolution.resolve_device`.
    precision : str, optional
        See :func:`fusionlib.vgg.convolution.check_precision`; fp32 by default.

    Raises
    ------
    InputError
        If the weights, the device or the precision cannot be used, or a Model is on
        another device or has another precision than the one asked for.
    """
    if isinstance(weights, Model):
        network = weights.network
        if precision not in (None, network.precision):
            raise InputError(
                f"weights: the model computes in {network.precision}, but precision is "
                f"{precision!r}; load it with that precision"
            )
        if device != "auto" and not _same_device(device, network.device):
            raise InputError(
                f"weights: the model is on {network.device}, but device is {device!r}; "
                "load it on that device"
            )
        return weights
    # Imported here: these bring torch, which takes longer than everything else.
    from .features import Network
    from .vgg.weights import load_weights

    loaded = load_weights(weights)
    return Model(loaded, Network(loaded, device, precision or "fp32"))


def _same_device(name: str, device: Any) -> bool:
    from .features import resolve_device

    asked = resolve_device(name)
    return asked.type == device.type and (asked.index or 0) == (device.index or 0)


def as_config(
    config: FusionConfig | None,
    weights: Any = None,
    preset: str | None = None,
    **changes: Any,
) -> FusionConfig:
    """Return the parameters to fuse with: the paper's, in a model's precision."""
    if config is None:
        if isinstance(weights, Model):
            changes = {"precision": weights.network.precision} | changes
        return FusionConfig.preset(preset or "paper", **changes)
    if not isinstance(config, FusionConfig):
        got = f"got {type(config).__name__}; a name of one is for preset"
        raise InputError(f"config must be a FusionConfig, {got}")
    if preset is not None:
        raise InputError(f"preset is {preset!r}, but config is given: leave one out")
    return config.replace(**changes)


def weigh_bases(
    images: Sequence[Image], config: FusionConfig, network: Network, band: int = BAND
) -> Image | Sequence[float]:
    """Return the weights of the base parts in equation (3), of sum 1 over the sources.

    Parameters
    ----------
    images : sequence of K arrays, shape (H, W)
        The sources.
    config : FusionConfig
        ``base`` is the rule. "average": ``alpha``, or 1/K each. "activity":
        ``S_k^p / sum_n S_n^p`` with the activity S_k of source k itself at relu3_1,
        above that of an empty image and smoothed, p = ``base_power``. "contrast": the
        same with :func:`fusionlib.images.filters.histogram_contrast`.
    network : Network
        Computes the activity.
    band : int, optional
        See :func:`fusionlib.features.activities`.

    Returns
    -------
    numpy.ndarray of shape (K, H, W), or sequence of K floats
        Weight maps, or one weight for each source.
    """
    if config.base == "average":
        return _shares(config.alpha, len(images))
    if config.base == "contrast":
        strength, stride = np.stack([histogram_contrast(i) for i in images]), 1
    else:
        strength, stride = _source_activity(images, config, network, band), 4
    shares = weights_from_activity(strength, config.base_power)
    height, width = images[0].shape
    maps = upsample(shares, stride, (height, width), "bilinear")
    if config.guided_radius:
        guide = np.mean(images, axis=0)
        maps = np.stack([guided_filter(m, guide, config.guided_radius) for m in maps])
        maps = weights_from_activity(np.maximum(maps, 0))
    return maps


def _source_activity(
    images: Sequence[Image], config: FusionConfig, network: Network, band: int
) -> Image:
    """Return the smoothed activity of the sources at relu3_1, shape (K, h, w)."""
    from scipy.ndimage import gaussian_filter  # slow to import

    from .features import activities

    reading = config.replace(
        layers=("relu3_1",), input_scale=255.0, before_relu=False, above_floor=True
    )
    maps = [
        activities([image - MEAN_GREY], network, reading, band=band)["relu3_1"][0]
        for image in images
    ]
    return np.stack([gaussian_filter(m, BASE_SIGMA, mode="nearest") for m in maps])


def fuse_base(bases: Image, alpha: Image | Sequence[float] | None = None) -> Image:
    """Return the weighted average of the base parts, equation (3).

    Parameters
    ----------
    bases : numpy.ndarray, shape (K, H, W)
        Base parts.
    alpha : array_like, shape (K,) or (K, H, W), optional
        Weights; 1/K each by default.

    Raises
    ------
    InputError
        If there are not as many weights as sources.
    """
    shares = _shares(alpha, len(bases))
    return sum(share * base for share, base in zip(shares, bases, strict=True))


def _shares(
    alpha: Image | Sequence[float] | None, count: int
) -> Image | Sequence[float]:
    """Return the weights of the base parts, one for each source."""
    if alpha is None:
        return [1 / count] * count
    if len(alpha) != count:
        raise InputError(
            f"alpha must hold one weight for each of {count} sources, got {len(alpha)}"
        )
    return alpha


def fuse_candidate(weight_map: Image, details: Image) -> Image:
    """Return one layer's fused detail content, equation (9).

    Parameters
    ----------
    weight_map : numpy.ndarray, shape (K, H, W)
        Final weight maps of the layer.
    details : numpy.ndarray, shape (K, H, W)
        Detail contents.
    """
    return np.einsum("khw,khw->hw", weight_map, details)


def select(
    candidates: Sequence[Image] | Image, selection: str = "max"
) -> tuple[Image, NDArray[np.intp]]:
    """Return the fused detail content and where it came from, equation (10).

    Parameters
    ----------
    candidates : sequence of L arrays, shape (H, W)
        Candidates of L layers.
    selection : {"max", "absmax"}, optional
        "max" is the paper's; "absmax" takes the value of largest magnitude.

    Returns
    -------
    detail : numpy.ndarray, shape (H, W)
        The selected values.
    winner : numpy.ndarray of int, shape (H, W)
        Index of the candidate that was selected; the first of equals.
    """
    check_choice(selection, "selection", ("max", "absmax"))
    rank = np.abs if selection == "absmax" else np.asarray
    detail = np.array(candidates[0])
    winner = np.zeros(detail.shape, np.intp)
    for index, candidate in enumerate(candidates[1:], start=1):
        larger = rank(candidate) > rank(detail)
        np.copyto(detail, candidate, where=larger)
        winner[larger] = index
    return detail, winner


class FusedDetails(NamedTuple):
    """What equations (6) to (10) make of activities; see :class:`FusionResult`."""

    C_hat: dict[str, Image]
    W: dict[str, Image]
    F_d_i: dict[str, Image]
    F_d: Image
    winner: NDArray[np.intp]


def fuse_details(
    activity: Mapping[str, Image], details: Image, config: FusionConfig
) -> FusedDetails:
    """Fuse detail contents (K, H, W) by their activities, equations (6) to (10)."""
    C_hat, W, F_d_i = {}, {}, {}
    shape = details.shape[1], details.shape[2]
    for name, initial in activity.items():
        C_hat[name] = block_average(initial, config.radius)
        W[name] = weights_from_activity(C_hat[name], config.power)
        grown = upsample(W[name], layer(name).stride, shape, config.upsampling)
        F_d_i[name] = fuse_candidate(grown, details)
    return FusedDetails(
        C_hat, W, F_d_i, *select(list(F_d_i.values()), config.selection)
    )


def reconstruct(base: Image, detail: Image, gain: float = 1.0) -> Image:
    """Return the fused image ``base + gain * detail``; equation (11) has gain 1.

    It is rounded to a millionth of a grey level. Where both details are equal, F is
    the mean of two grey levels, often half a level: then the last digits, which differ
    from processor to processor, would decide which level is saved.
    """
    fused = np.asarray(base + (detail if gain == 1 else gain * detail))
    fused *= 255  # in place: a large image is not copied again
    return np.divide(np.round(fused, 6, out=fused), 255, out=fused)


def fuse(
    *sources: Any,
    config: FusionConfig | None = None,
    preset: str | None = None,
    weights: str | os.PathLike[str] | VGGWeights | Model | None = None,
    device: str = "auto",
    register: bool = False,
    max_memory: str | int | None = None,
    **changes: Any,
) -> FusionResult:
    """Fuse registered images.

    Parameters
    ----------
    *sources : Pair, str, or K >= 2 of array_like and path-like
        The sources I_1 .. I_K, also as one sequence: a pair or its name, files, or
        arrays of shape (H, W), see :func:`fusionlib.images.validation.as_image`. One of
        them may be in colour, of shape (H, W, 3): its luminance is fused and its
        chroma kept; or all, if ``config.colour`` is "channels".
    config : FusionConfig, optional
        Parameters of the method, also as the last argument without its name.
    preset : str, optional
        Name of a preset instead, see :meth:`fusionlib.config.FusionConfig.preset`; the
        paper's by default.
    weights : str, path-like, VGGWeights, Model or None, optional
        See :func:`fusionlib.vgg.weights.load_weights`; or what :func:`load_model`
        returned, with its device and precision: others are refused.
    device : str, optional
        See :func:`fusionlib.vgg.convolution.resolve_device`.
    register : bool, optional
        First move the other sources onto the colour source, or onto the first one if
        all are grey, by :func:`fusionlib.images.registration.register`. It is not
        part of the method.
    max_memory : str or int, optional
        Memory for the whole process, such as ``"4GB"``. The network runs in bands of
        rows in any case; a smaller amount makes them narrower.
    **changes
        Fields of the parameters to set otherwise, such as ``lam=50``.

    Returns
    -------
    FusionResult
        The fused image with every intermediate.

    Raises
    ------
    InputError
        If a source, a parameter, the weights or the device cannot be used, or the
        result with its intermediates does not fit into ``max_memory``.

    Notes
    -----
    To fuse in several processes, start them by ``multiprocessing``'s "spawn" or
    "forkserver". A child that is forked from a process in which torch has computed
    has none of its threads, and waits for them for ever.

    References
    ----------
    .. [1] H. Li, X.-J. Wu, J. Kittler, "Infrared and Visible Image Fusion using a
       Deep Learning Framework", ICPR 2018. https://doi.org/10.1109/ICPR.2018.8546006

    Examples
    --------
    >>> import numpy as np
    >>> flat = np.full((16, 16), 0.5)
    >>> result = fuse(flat, flat, weights="seeded")
    >>> bool(np.allclose(result.image, 0.5))
    True
    """
    known = [*(fuse.__kwdefaults__ or ()), *FusionConfig().as_dict()]
    check_keywords(changes, known, "fuse")
    given = sources
    if config is None and sources and isinstance(sources[-1], FusionConfig):
        given, config = sources[:-1], sources[-1]
    return _fuse(
        open_sources(given), config=as_config(config, weights, preset, **changes),
        weights=weights, device=device, register=register, max_memory=max_memory,
    )  # fmt: skip


@by_channel
def _fuse(sources: Any, **options: Any) -> FusionResult:
    job = _Job(sources, **options, intermediates=True)
    images, config, clock = job.images, job.config, job.clock
    parts = [decompose(image, config.lam, padding=config.padding) for image in images]
    I_b, I_d = (np.stack(part) for part in zip(*parts, strict=True))
    del parts
    W_b = job.base_weights()
    F_b = fuse_base(I_b, W_b)
    clock.lap("decomposition")

    C = job.activities(I_d)
    clock.lap("features")

    details = fuse_details(C, I_d, config)
    clock.lap("weights")

    F = reconstruct(F_b, details.F_d, config.gain)
    clock.lap("reconstruction")
    return FusionResult(
        np.stack(images), I_b, I_d, np.asarray(W_b), F_b, C, *details, F,
        config, job.provenance, job.chroma,
    )  # fmt: skip


@by_channel
def fuse_image(
    sources: Sequence[Any],
    *,
    config: FusionConfig | None = None,
    weights: str | os.PathLike[str] | VGGWeights | Model | None = None,
    device: str = "auto",
    register: bool = False,
    max_memory: str | int | None = None,
) -> tuple[Image, dict[str, Any]]:
    """Return only what :func:`fuse` makes in the end, in less memory.

    Parameters
    ----------
    sources
        See :func:`fuse`. Integer ones are converted one at a time.
    config, weights, device, register, max_memory
        See :func:`fuse`.

    Returns
    -------
    image : numpy.ndarray, shape (H, W) or (H, W, 3)
        :attr:`FusionResult.image`, the same numbers.
    provenance : dict
        :attr:`FusionResult.provenance`.
    """
    job = _Job(
        sources, config, weights, device, register, max_memory, intermediates=False
    )
    images, config, clock = job.images, job.config, job.clock
    shape = images[0].shape[0], images[0].shape[1]
    fused = np.zeros(shape)
    I_d = np.empty((len(images), *shape))
    for k, share in enumerate(job.base_weights()):
        base, I_d[k] = decompose(images[k], config.lam, padding=config.padding)
        fused += share * base
        del base
    clock.lap("decomposition")

    C = job.activities(I_d)
    clock.lap("features")

    for rows, outer in slabs(shape[0], config):
        part = {}
        for name, maps in C.items():
            stride = layer(name).stride
            part[name] = maps[:, outer.start // stride : -(-outer.stop // stride)]
        details = fuse_details(part, I_d[:, outer], config)
        inner = slice(rows.start - outer.start, rows.stop - outer.start)
        fused[rows] = reconstruct(fused[rows], details.F_d[inner], config.gain)
    clock.lap("weights")
    del C, I_d, part, details  # what is written next takes memory too
    return _shown(fused, job.chroma, out=fused), job.provenance


def _shown(F: Image, chroma: Image | None, out: Image | None = None) -> Image:
    """Return a fused image as one shows and saves it; see FusionResult.image."""
    return np.clip(F, 0, 1, out=out) if chroma is None else compose(F, chroma)


def slabs(height: int, config: FusionConfig) -> Iterator[tuple[slice, slice]]:
    """Yield rows of an image, and the same with what equations (6) to (9) look at."""
    # The block average and one sample of the interpolation, at the deepest layer.
    stride = layer(config.layers[-1]).stride
    reach = (config.radius + 1) * stride
    for top in range(0, height, SLAB):
        bottom = min(top + SLAB, height)
        outer = slice(max(top - reach, 0), min(bottom + reach, height))
        yield slice(top, bottom), outer


class _Job:
    """What :func:`fuse` and :func:`fuse_image` do before and around the method."""

    def __init__(
        self,
        sources: Sequence[Any],
        config: FusionConfig | None,
        weights: str | os.PathLike[str] | VGGWeights | Model | None,
        device: str,
        register: bool,
        max_memory: str | int | None,
        *,
        intermediates: bool,
    ) -> None:
        self.config = as_config(config, weights)
        planes, self._coloured, self.chroma = split_sources(sources)
        # Without intermediates, integers are converted one image at a time.
        self.images = as_sources(planes, convert=intermediates)
        self._dtype = np.float64 if intermediates else np.float32
        self._band = plan_band(
            self.images[0].shape,
            len(self.images),
            max_memory,
            intermediates=intermediates,
            base_maps=self.config.base != "average",
            mirror=self.config.mirror,
        )
        self.clock = Clock()
        self._model = load_model(weights, device, self.config.precision)
        self.clock.lap("load")
        self._moves = None
        if register:
            from .images.registration import register_sources

            self.images, moves = register_sources(
                self.images, reference=self._coloured or 0
            )
            self._moves = [dataclasses.asdict(move) for move in moves]
            self.clock.lap("registration")

    def base_weights(self) -> Image | Sequence[float]:
        """Return the weights of the base parts, equation (3)."""
        images = self.images
        if self.config.base != "average":
            images = [as_image(image) for image in images]
        return weigh_bases(images, self.config, self._model.network, self._band)

    def activities(self, details: Image) -> dict[str, Image]:
        """Return the activities of equation (5) by the job's network."""
        from .features import activities  # brings torch

        return activities(
            details, self._model.network, self.config,
            band=self._band, dtype=self._dtype,
        )  # fmt: skip

    @property
    def provenance(self) -> dict[str, Any]:
        """What made the result, once it is there."""
        return describe(self.config, self._model) | {
            "shape": list(self.images[0].shape[:2]),
            "sources": len(self.images),
            "colour_source": self._coloured,
            "registration": self._moves,
            "seconds": self.clock.seconds,
        }


def describe(config: FusionConfig, model: Model) -> dict[str, Any]:
    """Return what made a result, in a form that JSON can hold."""
    return {
        "version": __version__,
        "preset": config.preset_name,
        "config": config.as_dict(),
        "weights": model.weights.provenance,
        "device": str(model.network.device),
        "precision": model.network.precision,
    }
