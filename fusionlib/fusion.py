"""The method from end to end, equations (1) to (11)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._version import __version__
from .activity import block_average
from .architecture import layer
from .colour import compose, split_sources
from .config import FusionConfig
from .decomposition import decompose
from .errors import InputError
from .validation import Image, as_sources, check_choice
from .weight_maps import upsample, weights_from_activity

if TYPE_CHECKING:
    import os

    from .features import Network
    from .weights import VGGWeights

__all__ = [
    "FusionResult",
    "Model",
    "fuse",
    "fuse_base",
    "fuse_candidate",
    "load_model",
    "reconstruct",
    "select",
    "weigh_details",
]


@dataclass(frozen=True, eq=False)
class FusionResult:
    """The fused image and every intermediate, by the paper's names.

    Attributes
    ----------
    I, I_b, I_d : numpy.ndarray, shape (K, H, W)
        Sources, base parts of equation (1), detail contents of equation (2). Of a
        colour source, I is the luminance.
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
        with the chroma of that source (see :func:`fusionlib.colour.compose`).
        """
        if self.chroma is None:
            return self.luminance
        return compose(self.F, self.chroma)

    @property
    def luminance(self) -> Image:
        """F clipped to [0, 1], shape (H, W), for metrics."""
        return np.clip(self.F, 0, 1)

    @property
    def _shape(self) -> tuple[int, int]:
        return self.F.shape[0], self.F.shape[1]

    @property
    def W_hat(self) -> dict[str, Image]:
        """Final weight maps by layer, shape (K, H, W), equation (8)."""
        return {name: self.weight_map(name) for name in self.W}

    def weight_map(self, name: str) -> Image:
        """Return the final weight maps of one layer, shape (K, H, W)."""
        if name not in self.W:
            raise InputError(f"layer must be one of {', '.join(self.W)}, got {name!r}")
        return upsample(
            self.W[name], layer(name).stride, self._shape, self.config.upsampling
        )


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
        See :func:`fusionlib.weights.load_weights`. A Model is returned as it is.
    device : str, optional
        See :func:`fusionlib.features.pick_device`.
    precision : str, optional
        See :func:`fusionlib.features.check_precision`; fp32 by default.

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
    from .weights import load_weights

    loaded = load_weights(weights)
    return Model(loaded, Network(loaded, device, precision or "fp32"))


def _same_device(name: str, device: Any) -> bool:
    from .features import pick_device

    asked = pick_device(name)
    return asked.type == device.type and (asked.index or 0) == (device.index or 0)


def as_config(config: FusionConfig | None, weights: Any = None) -> FusionConfig:
    """Return the parameters to fuse with: the paper's if none are given.

    The precision of a :class:`Model` is then that of its network.

    Raises
    ------
    InputError
        If ``config`` is something else.
    """
    if config is None:
        if isinstance(weights, Model):
            return FusionConfig(precision=weights.network.precision)
        return FusionConfig()
    if not isinstance(config, FusionConfig):
        raise InputError(f"config must be a FusionConfig, got {type(config).__name__}")
    return config


def fuse_base(bases: Image, alpha: Sequence[float] | None = None) -> Image:
    """Return the weighted average of the base parts, equation (3).

    Parameters
    ----------
    bases : numpy.ndarray, shape (K, H, W)
        Base parts.
    alpha : sequence of K floats, optional
        Weights; 1/K each by default.

    Raises
    ------
    InputError
        If there are not as many weights as sources.
    """
    if alpha is None:
        alpha = [1 / len(bases)] * len(bases)
    if len(alpha) != len(bases):
        raise InputError(
            f"alpha must hold one weight for each of {len(bases)} sources, "
            f"got {len(alpha)}"
        )
    return np.einsum("k,khw->hw", np.asarray(alpha), bases)


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


def weigh_details(
    activity: Mapping[str, Image], details: Image, config: FusionConfig
) -> tuple[dict[str, Image], dict[str, Image], dict[str, Image]]:
    """Go from activities to candidates, equations (6) to (9), layer by layer.

    Parameters
    ----------
    activity : mapping of str to numpy.ndarray, shape (K, h, w)
        Initial activity maps C by layer.
    details : numpy.ndarray, shape (K, H, W)
        Detail contents.
    config : FusionConfig
        Radius and upsampling.

    Returns
    -------
    C_hat, W, F_d_i : dict of str to numpy.ndarray
        Final activity maps, initial weight maps, and candidates, by layer.
    """
    C_hat, W, F_d_i = {}, {}, {}
    shape = details.shape[1], details.shape[2]
    for name, initial in activity.items():
        C_hat[name] = block_average(initial, config.radius)
        W[name] = weights_from_activity(C_hat[name])
        grown = upsample(W[name], layer(name).stride, shape, config.upsampling)
        F_d_i[name] = fuse_candidate(grown, details)
    return C_hat, W, F_d_i


def select(candidates: Image, selection: str = "max") -> tuple[Image, NDArray[np.intp]]:
    """Return the fused detail content and where it came from, equation (10).

    Parameters
    ----------
    candidates : numpy.ndarray, shape (L, H, W)
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
    ranked = np.abs(candidates) if selection == "absmax" else candidates
    winner = ranked.argmax(axis=0)
    return np.take_along_axis(candidates, winner[None], axis=0)[0], winner


def reconstruct(base: Image, detail: Image) -> Image:
    """Return the fused image, the sum of base and detail, equation (11)."""
    return base + detail


def fuse(
    sources: Sequence[Any],
    *,
    config: FusionConfig | None = None,
    weights: str | os.PathLike[str] | VGGWeights | Model | None = None,
    device: str = "auto",
    register: bool = False,
) -> FusionResult:
    """Fuse registered images.

    Parameters
    ----------
    sources : sequence of K >= 2 array_like, shape (H, W)
        The sources I_1 .. I_K; see :func:`fusionlib.validation.as_image`. One of
        them may be in colour, of shape (H, W, 3): its luminance is fused and its
        chroma kept, see :mod:`fusionlib.colour`.
    config : FusionConfig, optional
        Parameters of the method; the paper's by default.
    weights : str, path-like, VGGWeights, Model or None, optional
        See :func:`fusionlib.weights.load_weights`; or what :func:`load_model`
        returned, with its device and precision: others are refused.
    device : str, optional
        See :func:`fusionlib.features.pick_device`.
    register : bool, optional
        First move the other sources onto the colour source, or onto the first one if
        all are grey, by :func:`fusionlib.registration.register`. It is not part of
        the method.

    Returns
    -------
    FusionResult
        The fused image with every intermediate.

    Raises
    ------
    InputError
        If a source, a parameter, the weights or the device cannot be used.

    Notes
    -----
    To fuse in several processes, start them by ``multiprocessing``'s "spawn" or
    "forkserver". A child that is forked from a process in which torch has computed
    has none of its threads, and waits for them for ever.

    References
    ----------
    .. [1] H. Li, X.-J. Wu, J. Kittler, "Infrared and Visible Image Fusion using a
       Deep Learning Framework", ICPR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> flat = np.full((16, 16), 0.5)
    >>> result = fuse([flat, flat], weights="seeded")
    >>> bool(np.allclose(result.image, 0.5))
    True
    """
    config = as_config(config, weights)
    planes, coloured, chroma = split_sources(sources)
    images = as_sources(planes)
    clock = _Clock()

    from .features import activities  # brings torch

    model = load_model(weights, device, config.precision)
    clock.lap("load")

    moves = None
    if register:
        from .registration import register_sources

        images, transforms = register_sources(images, reference=coloured or 0)
        moves = [dataclasses.asdict(transform) for transform in transforms]
        clock.lap("registration")

    parts = [decompose(image, config.lam, padding=config.padding) for image in images]
    I_b, I_d = (np.stack(part) for part in zip(*parts, strict=True))
    F_b = fuse_base(I_b, config.alpha)
    clock.lap("decomposition")

    C = dict(activities(I_d, model.network, config))
    clock.lap("features")

    C_hat, W, F_d_i = weigh_details(C, I_d, config)
    clock.lap("weights")

    F_d, winner = select(np.stack(list(F_d_i.values())), config.selection)
    F = reconstruct(F_b, F_d)
    clock.lap("reconstruction")

    provenance = describe(config, model) | {
        "shape": list(F.shape),
        "sources": len(images),
        "colour_source": coloured,
        "registration": moves,
        "seconds": clock.seconds,
    }
    return FusionResult(
        np.stack(images), I_b, I_d, F_b, C, C_hat, W, F_d_i, F_d, winner, F,
        config, provenance, chroma,
    )  # fmt: skip


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


class _Clock:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, step: str) -> None:
        now = time.perf_counter()
        self.seconds[step] = round(now - self._last, 6)
        self._last = now
