"""Multi-layer VGG-19 features of the detail content, equation (4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from .activity import l1_norm
from .config import FusionConfig
from .errors import InputError
from .images.validation import Image
from .vgg.bands import run_by_rows
from .vgg.convolution import Convolver, check_precision, resolve_device
from .vgg.layers import CONVOLUTIONS, check_layers, layer, map_shape
from .vgg.memory import BAND
from .vgg.module import build_network
from .vgg.weights import grey_convolutions

if TYPE_CHECKING:
    from .vgg.weights import VGGWeights

__all__ = ["Network", "activities", "build_network", "feature_maps"]

#: Side of the empty image whose response is the floor of activities: the middle of it
#: sees none of the network's zeros beside the image.
EMPTY = 128


class Network:
    """The nine convolutions on a device, ready to run on one-channel images.

    Parameters
    ----------
    weights : VGGWeights
        The nine convolutions.
    device : str, optional
        See :func:`fusionlib.vgg.convolution.resolve_device`.
    precision : {"fp32", "bf16"}, optional
        See :func:`fusionlib.vgg.convolution.check_precision`.

    Attributes
    ----------
    device : torch.device
        Where it runs.
    precision : str
        ``fp32`` or ``bf16``.

    Notes
    -----
    A grey image stands for three equal channels, so the three kernels of conv1_1
    are added up beforehand, exactly. Tensors are channels-last, which oneDNN and
    cuDNN convolve fastest.
    """

    def __init__(
        self, weights: VGGWeights, device: str = "auto", precision: str = "fp32"
    ) -> None:
        self.device = resolve_device(device)
        self.precision = check_precision(precision, self.device)
        self.convolvers = {
            convolution: Convolver(self.put(weight), self.put(bias))
            for convolution, (weight, bias) in zip(
                CONVOLUTIONS, grey_convolutions(weights), strict=True
            )
        }

    def put(self, array: NDArray[Any], scale: float = 1.0) -> torch.Tensor:
        """Return an array as a tensor on the device, in the network's arithmetic."""
        dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        scaled = array if scale == 1 else array * scale  # no copy without need
        tensor = torch.tensor(scaled, dtype=dtype, device=self.device)
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    # As a decorator, inference mode is on only while the generator itself runs.
    @torch.inference_mode()
    def features(
        self,
        details: Sequence[Image] | Image,
        layers: Sequence[str],
        *,
        before_relu: bool = False,
        input_scale: float = 1.0,
        pooling: str = "ceil",
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """Yield the features of each wanted layer, equation (4).

        Parameters
        ----------
        details : sequence of K arrays, shape (H, W)
            Detail contents. Each stands for three equal channels.
        layers : sequence of str
            Layers to yield; the network runs no further than the last of them.
        before_relu, input_scale, pooling
            See :class:`~fusionlib.config.FusionConfig`.

        Yields
        ------
        str, torch.Tensor of shape (K, M, h, w)
            Name of a layer and its features, in network order.

        Raises
        ------
        InputError
            If a layer is unknown, or ``pooling="floor"`` leaves no sample of an
            image smaller than the stride.
        """
        wanted = check_layers(list(layers))
        x = self.put(_stack(details, wanted, pooling)[:, None], input_scale)
        block = 1
        for convolution in CONVOLUTIONS:
            if convolution.block > block:
                x = F.max_pool2d(x, 2, 2, ceil_mode=pooling == "ceil")
                block = convolution.block
            is_wanted = convolution.relu in wanted
            x = self.convolvers[convolution](x, relu=not (is_wanted and before_relu))
            if is_wanted:
                yield convolution.relu, x
            if is_wanted and before_relu:
                x = F.relu(x)
            if convolution.relu == wanted[-1]:
                return


def feature_maps(
    detail: Image,
    weights: VGGWeights | Network,
    layer: str,
    **options: Any,
) -> NDArray[np.float32]:
    """Return all feature maps of one layer for one detail content.

    Parameters
    ----------
    detail : array_like, shape (H, W)
        Detail content.
    weights : VGGWeights or Network
        The nine convolutions, or the network that already runs them.
    layer : str
        Name of the layer.
    **options
        ``before_relu``, ``input_scale`` and ``pooling`` of :meth:`Network.features`.

    Returns
    -------
    numpy.ndarray, shape (M, h, w), float32
        The features phi of equation (4).
    """
    if not isinstance(weights, Network):
        weights = Network(weights)
    _, phi = next(weights.features([detail], [layer], **options))
    return phi[0].float().cpu().numpy()


def activities(
    details: Sequence[Image] | Image,
    weights: VGGWeights | Network,
    config: FusionConfig,
    *,
    band: int = BAND,
    dtype: type[np.floating] = np.float64,
) -> dict[str, NDArray[Any]]:
    """Return the initial activity maps of equation (5), by layer.

    The same as the l1-norm of :meth:`Network.features`, but in bands of rows, so that
    the features of a whole image are never held.

    Parameters
    ----------
    details : sequence of K arrays, shape (H, W)
        Detail contents.
    weights : VGGWeights or Network
        The nine convolutions, or the network that already runs them.
    config : FusionConfig
        Which layers, and how they are read.
    band : int, optional
        Features of a layer that are held at once; see :mod:`fusionlib.vgg.memory`.
    dtype : numpy floating type, optional
        Of the result. float32 holds the same numbers in half the memory.

    Returns
    -------
    dict of str to numpy.ndarray, shape (K, h, w)
        The l1-norm of a layer's features over the channels; with
        ``config.above_floor``, its distance from that of an empty image.

    Raises
    ------
    InputError
        If ``input_scale`` is so large that a feature is not finite.
    """
    if not isinstance(weights, Network):
        weights = Network(weights, precision=config.precision)
    stack = _stack(details, config.layers, config.pooling)
    # One source after the other: their features are never held together.
    maps = [_read(detail, weights, config, band) for detail in stack]
    if config.above_floor:
        empty = _read(np.zeros((EMPTY, EMPTY)), weights, config, band)
        for name in config.layers:
            centre = EMPTY // layer(name).stride // 2
            for one in maps:
                one[name] = abs(one[name] - empty[name][0, centre, centre])
    found = {
        name: np.concatenate([one.pop(name) for one in maps], dtype=dtype)
        for name in config.layers
    }
    for name, activity in found.items():
        if not np.isfinite(activity).all():
            raise InputError(
                f"input_scale: {config.input_scale:g} is too large for these weights, "
                f"features of {name} are not finite"
            )
    return found


def _read(
    image: Image, network: Network, config: FusionConfig, band: int
) -> dict[str, NDArray[Any]]:
    """Return the l1-norms of one image's features, shape (1, h, w) a layer."""
    edge, (height, width) = config.mirror, image.shape
    padded = np.pad(image, edge, "symmetric") if edge else image
    found = run_by_rows(
        network.put(padded[None, None], config.input_scale),
        network.convolvers,
        config.layers,
        lambda x: l1_norm(x, after_relu=not config.before_relu).cpu().numpy(),
        before_relu=config.before_relu,
        pooling=config.pooling,
        band=band,
    )
    if edge:
        for name, maps in found.items():
            first = edge // layer(name).stride
            rows, columns = map_shape(height, width, name, config.pooling)
            inner = slice(first, first + rows), slice(first, first + columns)
            found[name] = maps[:, *inner].copy()
    return found


def _stack(
    details: Sequence[Image] | Image, layers: Sequence[str], pooling: str
) -> NDArray[Any]:
    """Return details as one array, if the deepest layer has a sample of them."""
    stack = np.asarray(details)
    height, width = stack.shape[1:]
    if min(map_shape(height, width, layers[-1], pooling)) < 1:
        raise InputError(
            f"pooling: images of {height}x{width} pixels are too small for "
            f'{layers[-1]} with pooling="floor"'
        )
    return stack
