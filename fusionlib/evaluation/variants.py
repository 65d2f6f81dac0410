"""What does the network do? Variants of the method, measured on one pair.

A *variant* changes one thing about the method: the weights, their biases, where the
features are read, the scale of the input, the layers, the radius, lambda, or how
candidates become one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from ..activity import l1_norm
from ..config import FusionConfig
from ..data import Pair
from ..decomposition import decompose
from ..fusion import fuse_base, fuse_details, reconstruct
from ..images.io import to_uint8
from ..images.validation import Image, check_choice
from ..vgg.layers import CONVOLUTIONS, PAPER_LAYERS

if TYPE_CHECKING:
    from ..vgg.weights import VGGWeights

__all__ = [
    "COLUMNS",
    "IMAGENET_MEAN",
    "VARIANTS",
    "Variant",
    "gradient_activity",
    "measure",
    "read_activities",
    "target_contrast",
    "texture_retention",
    "variant",
    "without_biases",
]

Activities = dict[str, NDArray[np.float64]]

#: Mean of ImageNet's photographs in R, G, B, in [0, 1] units; VGG-19 was trained on
#: inputs from which it had been subtracted.
IMAGENET_MEAN = (0.485, 0.456, 0.406)

#: What a row holds besides pair and variant.
#:
#: ``shift``: mean of fused minus mean of sources, in levels of 255. ``negative``: share
#: of the energy of F_d in negative values. ``spread``: mean distance of the weights
#: from 1/K. ``target``, ``texture``: see :func:`target_contrast` and
#: :func:`texture_retention`, for rendered scenes.
COLUMNS = (
    "psnr_mean", "N_abf", "N_abf_exact", "Q_abf_kumar", "SSIM_a", "EN", "FMI_dct",
    "FMI_w", "shift", "negative", "spread", "target", "texture",
)  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """One way to fuse.

    Attributes
    ----------
    name : str
        What tables call it.
    network : {"trained", "seeded", "gradient", "none"}
        Where activities come from: trained weights, random ones with the same
        moments, a single layer of Gaussian gradients, or nowhere (then ``name`` is a
        baseline).
    biases : bool
        Whether the network keeps its biases.
    mean : bool
        Whether the mean of ImageNet, times the input scale, is subtracted.
    fmi : bool
        Whether the feature mutual informations, the slowest metrics, are computed.
    config : FusionConfig
        Everything else.
    """

    name: str
    network: str = "trained"
    biases: bool = True
    mean: bool = False
    fmi: bool = False
    config: FusionConfig = field(default_factory=FusionConfig)

    @property
    def pass_key(self) -> tuple[Any, ...]:
        """What two variants share if they can use the same pass of the network.

        That is everything but what comes after it.
        """
        config = self.config.replace(
            alpha=None, layers=PAPER_LAYERS, before_relu=False, radius=1,
            upsampling="nearest", selection="max",
        )  # fmt: skip
        return self.network, self.biases, self.mean, config


def _variant(
    name: str,
    network: str = "trained",
    *,
    biases: bool = True,
    mean: bool = False,
    fmi: bool = False,
    **options: Any,
) -> Variant:
    return Variant(name, network, biases, mean, fmi, FusionConfig(**options))


def _variants() -> Iterator[Variant]:
    full: dict[str, Any] = {"input_scale": 255.0}
    yield _variant("mean", "none", fmi=True)
    yield _variant("laplacian", "none", fmi=True)
    yield _variant("paper", fmi=True)
    yield _variant("released", before_relu=True, fmi=True)
    yield _variant("seeded", "seeded", fmi=True)
    yield _variant("seeded, scale 255", "seeded", fmi=True, **full)
    yield _variant("seeded, no biases", "seeded", biases=False)
    yield _variant("gradient", "gradient", fmi=True)
    yield _variant("no biases", biases=False, fmi=True)
    yield _variant("no biases, before ReLU", biases=False, before_relu=True)
    for scale in (10.0, 100.0, 255.0):
        yield _variant(f"scale {scale:g}", input_scale=scale, fmi=scale == 255)
    yield _variant("scale 255, before ReLU", before_relu=True, fmi=True, **full)
    for scale in (1.0, 255.0):
        name = f"mean subtracted, scale {scale:g}"
        yield _variant(name, mean=True, input_scale=scale)
    for name in PAPER_LAYERS:
        yield _variant(f"only {name}", layers=(name,))
        yield _variant(f"scale 255, only {name}", layers=(name,), **full)
    for radius in (2, 4, 8):
        yield _variant(f"radius {radius}", radius=radius)
        yield _variant(f"scale 255, radius {radius}", radius=radius, **full)
    for lam in (0.5, 50.0):
        yield _variant(f"lambda {lam:g}", lam=lam)
    yield _variant("absmax", selection="absmax", fmi=True)
    yield _variant("scale 255, absmax", selection="absmax", fmi=True, **full)
    yield _variant("scale 255, absmax, radius 4", selection="absmax", radius=4, **full)
    yield _variant("no biases, absmax", biases=False, selection="absmax")
    yield _variant("seeded, scale 255, absmax", "seeded", selection="absmax", **full)


#: The variants by name.
#:
#: :meta hide-value:
VARIANTS: Mapping[str, Variant] = {v.name: v for v in _variants()}


def variant(name: str) -> Variant:
    """Return a variant by name.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    check_choice(name, "variant", tuple(VARIANTS))
    return VARIANTS[name]


def without_biases(weights: VGGWeights) -> VGGWeights:
    """Return weights with all biases zero.

    Such a network is homogeneous: an input k times as large gives features k times
    as large, so the fusion weights no longer depend on the scale of the input.
    """
    arrays = {
        name: np.zeros_like(array) if name.endswith("bias") else array
        for name, array in weights.arrays.items()
    }
    return dataclasses.replace(
        weights, name=f"{weights.name}, no biases", arrays=arrays
    )


def gradient_activity(details: Any) -> NDArray[np.float64]:
    """Return the activity of a single layer of two fixed filters.

    Parameters
    ----------
    details : sequence of K arrays, shape (H, W)
        Detail contents.

    Returns
    -------
    numpy.ndarray, shape (K, H, W)
        l1-norm of the two first derivatives of the image, smoothed by a Gaussian of one
        pixel, as equation (5) takes it over the channels of a layer.
    """
    derive = partial(scipy.ndimage.gaussian_filter, sigma=1, mode="mirror")
    features = [[derive(d, order=o) for o in ((0, 1), (1, 0))] for d in details]
    return l1_norm(np.array(features))


def read_activities(
    details: Any,
    weights: VGGWeights,
    *,
    input_scale: float = 1.0,
    mean: Sequence[float] | None = None,
    pooling: str = "ceil",
    device: str = "auto",
) -> tuple[Activities, Activities]:
    """Return the activity of the paper's layers before and after the ReLU.

    Parameters
    ----------
    details : sequence of K arrays, shape (H, W)
        Detail contents.
    weights : VGGWeights
        The nine convolutions.
    input_scale : float, optional
        Factor on the input.
    mean : sequence of 3 floats, optional
        What is subtracted from R, G and B before the factor.
    pooling : str, optional
        As in :meth:`fusionlib.features.Network.features`.
    device : str, optional
        See :func:`fusionlib.vgg.convolution.resolve_device`.

    Returns
    -------
    before, after : dict of str to numpy.ndarray, shape (K, h, w)
        The two readings, from one pass of the network, in single precision.
    """
    from ..features import Network, build_network
    from ..vgg.convolution import resolve_device

    def both(x: Any) -> tuple[Any, Any]:
        norms = l1_norm(x), l1_norm(x.clamp(min=0))
        return norms[0].double().cpu().numpy(), norms[1].double().cpu().numpy()

    if mean is None:
        passes = Network(weights, device).features(
            details,
            PAPER_LAYERS,
            before_relu=True,
            input_scale=input_scale,
            pooling=pooling,
        )
        found = {name: both(features) for name, features in passes}
    else:
        import torch

        place = resolve_device(device)
        stack = np.stack([np.asarray(detail) for detail in details])[:, None]
        planes = (stack - np.reshape(mean, (1, 3, 1, 1))) * input_scale
        x = torch.tensor(planes, dtype=torch.float32, device=place)
        x = x.contiguous(memory_format=torch.channels_last)
        wanted = {c.index: c.relu for c in CONVOLUTIONS if c.relu in PAPER_LAYERS}
        found = {}
        with torch.inference_mode():
            network = build_network(weights, pooling).to(place)
            for index, module in enumerate(network):
                x = module(x)
                if index in wanted:
                    found[wanted[index]] = both(x)
    return (
        {name: norms[0] for name, norms in found.items()},
        {name: norms[1] for name, norms in found.items()},
    )


def target_contrast(fused: Image, pair: Pair) -> float:
    """Return how much of the contrast of the warm targets is left.

    Parameters
    ----------
    fused : numpy.ndarray, shape (H, W)
        A fused image of the pair.
    pair : Pair
        A rendered scene, which knows where its targets are.

    Returns
    -------
    float
        Mean over the targets minus mean over a ring of 8 pixels around them, divided by
        the same difference in the infrared image: 1 if all of it is left.
    """
    mask = pair.target_mask
    if mask is None or not mask.any():
        return math.nan
    around = scipy.ndimage.binary_dilation(mask, iterations=8) & ~mask

    def contrast(image: Image) -> float:
        return float(image[mask].mean() - image[around].mean())

    return contrast(fused) / contrast(pair.infrared)


def texture_retention(fused: Image, pair: Pair) -> float:
    """Return how much of the visible texture is left.

    Parameters
    ----------
    fused : numpy.ndarray, shape (H, W)
        A fused image of the pair.
    pair : Pair
        A rendered scene, which knows where its texture is.

    Returns
    -------
    float
        Slope of the fused against the visible detail content over the textured
        pixels: 1 if all of it is left, 1/2 for the mean with a flat image.
    """
    mask = pair.texture_mask
    if mask is None or not mask.any():
        return math.nan
    ours, visible = (decompose(image)[1][mask] for image in (fused, pair.visible))
    return float((ours * visible).sum() / (visible * visible).sum())


def _row(
    fused: Image, pair: Pair, chosen: Variant, parts: Mapping[str, Any]
) -> dict[str, float]:
    """Measure one fused image, quantised to 8 bit like the published ones."""
    from ..metrics import evaluate, psnr

    image = to_uint8(fused) / 255
    sources = pair.sources
    plain = np.mean(sources, axis=0)
    values = dict(
        evaluate(image, sources, metrics=["N_abf", "Q_abf_kumar", "SSIM_a", "EN"])
    )
    values["N_abf_exact"] = evaluate(
        image, sources, metrics=["N_abf"], convention="exact"
    )["N_abf"]
    if chosen.fmi:
        values |= evaluate(image, sources, metrics=["FMI_dct", "FMI_w"])
    values["psnr_mean"] = psnr(image, [to_uint8(plain) / 255] * 2)
    values["shift"] = 255 * float((fused - plain).mean())
    if parts:
        detail = parts["F_d"]
        energy = float((detail**2).sum())
        below = float((np.minimum(detail, 0) ** 2).sum())
        values["negative"] = below / energy if energy else math.nan
        values["spread"] = float(
            np.mean([np.abs(w - 1 / len(w)).mean() for w in parts["W"].values()])
        )
    values["target"] = target_contrast(image, pair)
    values["texture"] = texture_retention(image, pair)
    return {name: values.get(name, math.nan) for name in COLUMNS}


def _activities(
    chosen: Variant, details: Image, weights: VGGWeights, device: str
) -> tuple[Activities, Activities]:
    """Return both readings of the source of activity that a variant names."""
    from ..vgg.weights import seeded_weights

    if chosen.network == "gradient":
        # It takes the place of the first layer, which has the image's resolution.
        alone = {PAPER_LAYERS[0]: gradient_activity(details)}
        return alone, alone
    network = weights if chosen.network == "trained" else seeded_weights()
    if not chosen.biases:
        network = without_biases(network)
    return read_activities(
        details,
        network,
        input_scale=chosen.config.input_scale,
        mean=IMAGENET_MEAN if chosen.mean else None,
        pooling=chosen.config.pooling,
        device=device,
    )


def measure(
    pair: Pair,
    variants: Iterable[Variant | str],
    weights: VGGWeights,
    *,
    device: str = "auto",
) -> Iterator[tuple[Variant, Image, dict[str, float]]]:
    """Fuse one pair in several ways and measure each result.

    Parameters
    ----------
    pair : Pair
        The pair.
    variants : iterable of Variant or str
        What to compute. Variants that can share a pass of the network do.
    weights : VGGWeights
        The weights of variants whose network is "trained".
    device : str, optional
        See :func:`fusionlib.vgg.convolution.resolve_device`.

    Yields
    ------
    Variant, numpy.ndarray of shape (H, W), dict of str to float
        The variant, its fused image (not clipped), and a value for each of
        :data:`COLUMNS`; NaN where one is not defined or was not asked for.
    """
    from .. import baselines

    wanted = [variant(v) if isinstance(v, str) else v for v in variants]
    for one in wanted:
        if one.network == "none":
            fused = baselines.get_method(one.name).function(pair.sources)
            yield one, fused, _row(fused, pair, one, {})
    for key in dict.fromkeys(v.pass_key for v in wanted if v.network != "none"):
        group = [v for v in wanted if v.pass_key == key]
        config = group[0].config
        split = [decompose(s, config.lam, padding=config.padding) for s in pair.sources]
        I_b, I_d = (np.stack(part) for part in zip(*split, strict=True))
        before, after = _activities(group[0], I_d, weights, device)
        for one in group:
            reading = before if one.config.before_relu else after
            C = {n: reading[n] for n in one.config.layers if n in reading}
            parts = fuse_details(C, I_d, one.config)
            fused = reconstruct(fuse_base(I_b, one.config.alpha), parts.F_d)
            yield one, fused, _row(fused, pair, one, {"F_d": parts.F_d, "W": parts.W})
