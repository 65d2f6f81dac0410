"""Multi-layer VGG-19 features of the detail content, equation (4).

The network is cut after relu4_1 and run as a stream: each layer's features are
reduced (to an activity map, in the method) as soon as they exist, so that the
features of two layers are never held together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from . import winograd
from .activity import l1_norm
from .architecture import (
    CONVOLUTIONS,
    LAYERS,
    Convolution,
    check_layers,
    layer,
    map_shape,
    pooled_shape,
)
from .config import PRECISIONS, FusionConfig
from .errors import InputError
from .validation import Image, check_choice
from .weights import grey_convolutions

if TYPE_CHECKING:
    from .weights import VGGWeights

__all__ = [
    "Network",
    "activities",
    "build_network",
    "check_precision",
    "feature_maps",
    "has_bf16",
    "pick_device",
    "stream_features",
]

#: 4x4 blocks of a map from which Winograd's convolution is faster than oneDNN's;
#: measured in benchmarks/README.md.
WINOGRAD_BLOCKS = 64

#: Features of a layer that are held at once where a block runs in bands of rows.
BAND = 2**22


def pick_device(device: str = "auto") -> torch.device:
    """Return the device to compute on.

    Parameters
    ----------
    device : {"auto", "cpu", "cuda"} or str
        "auto" is CUDA where there is one, else the processor. "cuda:1" names one
        of several.

    Raises
    ------
    InputError
        If the device is unknown or not there.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = str(device).split(":")[0]
    if kind not in ("cpu", "cuda"):
        check_choice(device, "device", ("auto", "cpu", "cuda"))
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError("device: cuda was asked for, but no CUDA device is available")
    try:
        found = torch.device(str(device))
    except (RuntimeError, ValueError):
        raise InputError(f"device: {device!r} is not a device") from None
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if (found.index or 0) >= count:
        raise InputError(
            f"device: {device!r} is not there, the last one is {kind}:{count - 1}"
        )
    return found


def build_network(weights: VGGWeights, pooling: str = "ceil") -> torch.nn.Sequential:
    """Return VGG-19 up to relu4_1 as a torch module.

    Layer for layer the first 21 of ``torchvision.models.vgg19().features``, but
    with pooling that rounds up unless it is told otherwise. For experiments with
    three-channel inputs; the fusion itself uses :func:`stream_features`.

    Parameters
    ----------
    weights : VGGWeights
        The nine convolutions.
    pooling : {"ceil", "floor"}, optional
        As in :class:`~fusionlib.config.FusionConfig`; torchvision has "floor".

    Returns
    -------
    torch.nn.Sequential
        The network, in evaluation mode and without gradients.

    Raises
    ------
    InputError
        If the kind of pooling is unknown.
    """
    check_choice(pooling, "pooling", ("ceil", "floor"))
    modules: list[torch.nn.Module] = []
    for convolution in CONVOLUTIONS:
        if len(modules) < convolution.index:
            modules.append(torch.nn.MaxPool2d(2, 2, ceil_mode=pooling == "ceil"))
        module = torch.nn.utils.skip_init(
            torch.nn.Conv2d, convolution.inputs, convolution.outputs, 3, padding=1
        )
        weight, bias = (torch.tensor(weights.arrays[key]) for key in convolution.keys)
        module.weight.data, module.bias.data = weight, bias
        modules += [module, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules).eval().requires_grad_(False)


def check_precision(precision: str, device: torch.device) -> str:
    """Return the arithmetic of the network, after a look at the device.

    Parameters
    ----------
    precision : {"fp32", "bf16"}
        float32, or bfloat16.
    device : torch.device
        Where the network runs.

    Warns
    -----
    RuntimeWarning
        If the device has no hardware for bfloat16: it is emulated, and slow.

    Raises
    ------
    InputError
        If the name is unknown.
    """
    check_choice(precision, "precision", PRECISIONS)
    if precision == "bf16" and not has_bf16(device):
        warnings.warn(
            f"precision: this device ({device}) has no hardware for bf16, which is "
            "emulated and slower than fp32",
            RuntimeWarning,
            stacklevel=3,
        )
    return precision


def has_bf16(device: torch.device) -> bool:
    """Return whether a device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # torch has no public name for these; without them the answer is no.
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name, lambda: False)() for name in checks)


class Network:
    """The nine convolutions on a device, ready to run on one-channel images.

    Parameters
    ----------
    weights : VGGWeights
        The nine convolutions.
    device : str, optional
        See :func:`pick_device`.
    precision : {"fp32", "bf16"}, optional
        See :func:`check_precision`.

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
    cuDNN convolve fastest. On the processor, float32 layers after the first are
    convolved by Winograd's algorithm, which agrees with the plain convolution to
    about 1e-5 of a layer's largest value.
    """

    def __init__(
        self, weights: VGGWeights, device: str = "auto", precision: str = "fp32"
    ) -> None:
        self.device = pick_device(device)
        self.precision = check_precision(precision, self.device)
        self._dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
        self._parameters = [
            (self._put(weight), self._put(bias))
            for weight, bias in grey_convolutions(weights)
        ]
        self._transformed: dict[str, torch.Tensor] = {}

    def _put(self, array: Image | NDArray[np.float32]) -> torch.Tensor:
        tensor = torch.tensor(array, dtype=self._dtype, device=self.device)
        if tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def _convolve(
        self,
        x: torch.Tensor,
        convolution: Convolution,
        *,
        relu: bool,
        pad_rows: bool = True,
        memory: torch.Tensor | None = None,
        scratch: list[torch.Tensor] | None = None,
    ) -> torch.Tensor:
        weight, bias = self._parameters[CONVOLUTIONS.index(convolution)]
        if convolution is CONVOLUTIONS[0] and self.device.type == "cpu":
            x = _convolve_grey(x, weight, bias, pad_rows)
            return F.relu_(x) if relu else x
        blocks = x.shape[2] * x.shape[3] // winograd.OUT**2
        if (
            self.device.type == "cpu"
            and self.precision == "fp32"
            and blocks >= WINOGRAD_BLOCKS
        ):
            if convolution.name not in self._transformed:
                self._transformed[convolution.name] = winograd.transform_kernels(weight)
            kernels = self._transformed[convolution.name]
            return winograd.convolve(
                x,
                kernels,
                bias,
                relu=relu,
                pad_rows=pad_rows,
                memory=memory,
                scratch=scratch,
            )
        x = _convolve_exactly(x, weight, bias, int(pad_rows))
        return F.relu_(x) if relu else x

    def _block_by_rows(
        self,
        x: torch.Tensor,
        block: int,
        wanted: Sequence[str],
        reduce: Callable[[torch.Tensor], Any],
        before_relu: bool,
        pooling: str,
    ) -> tuple[dict[str, Any], torch.Tensor]:
        """Run block 1 or 2 in bands of rows: whole, their features fill the memory.

        Returns the reduced features of its wanted layers, and the next block's input.
        """
        first, second = (c for c in CONVOLUTIONS if c.block == block)
        images, _, height, width = x.shape
        rows, columns = pooled_shape(height, width, pooling)
        pooled = x.new_empty(images, rows, columns, second.outputs).permute(0, 3, 1, 2)
        bands: dict[str, list[Any]] = {}
        # Memory of the last band that the next one takes over, by convolution.
        spare: dict[str, torch.Tensor] = {}
        scratch: dict[str, list[torch.Tensor]] = {first.name: [], second.name: []}
        step = max(16, BAND // (images * width * second.outputs) // 4 * 4)
        for top in range(0, height, step):
            bottom = min(top + step, height)
            above, below = min(top, 2), min(height - bottom, 2)
            y = x[:, :, top - above : bottom + below]
            if above + below < 4:
                y = F.pad(y, (0, 0, 2 - above, 2 - below))
            for convolution in (first, second):
                is_wanted = convolution.relu in wanted
                before = is_wanted and before_relu
                y = self._convolve(
                    y,
                    convolution,
                    relu=not before,
                    pad_rows=False,
                    memory=spare.get(convolution.name),
                    scratch=scratch[convolution.name],
                )
                spare[convolution.name] = inner = y
                if convolution is first:
                    inner = y[:, :, 1:-1]
                    # Beyond the image features are zero, not those of zeros.
                    y[:, :, : int(top == 0)] = 0
                    y[:, :, y.shape[2] - int(bottom == height) :] = 0
                if is_wanted:
                    bands.setdefault(convolution.relu, []).append(reduce(inner))
                if before:
                    F.relu_(y)
            part = pooled[:, :, top // 2 : -(-bottom // 2)]
            if part.shape[2]:
                part.copy_(F.max_pool2d(y, 2, 2, ceil_mode=pooling == "ceil"))
        return {k: np.concatenate(v, axis=-2) for k, v in bands.items()}, pooled

    # As a decorator, inference mode is on only while the generator itself runs.
    @torch.inference_mode()
    def stream(
        self,
        details: Sequence[Image] | Image,
        *,
        layers: Sequence[str],
        reduce: Callable[[torch.Tensor], Any],
        before_relu: bool = False,
        input_scale: float = 1.0,
        pooling: str = "ceil",
        by_rows: bool = False,
    ) -> Iterator[tuple[str, Any]]:
        """Run the network; see :func:`stream_features`.

        With ``by_rows``, ``reduce`` may be called with bands of rows, and the arrays
        that it returns are joined along their last axis but one.
        """
        wanted = check_layers(list(layers))
        stack = np.stack([np.asarray(detail) for detail in details])
        height, width = stack.shape[1:]
        if min(map_shape(height, width, wanted[-1], pooling)) < 1:
            raise InputError(
                f"pooling: images of {height}x{width} pixels are too small for "
                f'{wanted[-1]} with pooling="floor"'
            )
        x = self._put((stack * input_scale)[:, None])
        block, spare = 1, None
        while by_rows and block < min(3, layer(wanted[-1]).block):
            maps, x = self._block_by_rows(
                x, block, wanted, reduce, before_relu, pooling
            )
            yield from maps.items()
            block += 1
        for convolution in (c for c in CONVOLUTIONS if c.block >= block):
            if convolution.block > block:
                x, spare = F.max_pool2d(x, 2, 2, ceil_mode=pooling == "ceil"), x
                block = convolution.block
            is_wanted = convolution.relu in wanted
            first = is_wanted and before_relu
            # Memory goes round: what is no longer needed holds what comes next.
            y = self._convolve(x, convolution, relu=not first, memory=spare)
            x, spare = y, x
            if is_wanted:
                yield convolution.relu, reduce(x)
            if first:
                F.relu_(x)
            if convolution.relu == wanted[-1]:
                return


def _convolve_exactly(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, rows: int
) -> torch.Tensor:
    """Return a 3x3 convolution without TF32, which cuDNN would use in float32.

    cuDNN is called by its own operator: the flag of torch that forbids TF32 belongs
    to the whole process, and would change what other threads compute.
    """
    if not torch.backends.cudnn.is_acceptable(x):
        return F.conv2d(x, weight, bias, padding=(rows, 1))
    x = torch.cudnn_convolution(
        x, weight, padding=(rows, 1), stride=(1, 1), dilation=(1, 1), groups=1,
        benchmark=torch.backends.cudnn.benchmark,
        deterministic=torch.backends.cudnn.deterministic,
        allow_tf32=False,
    )  # fmt: skip
    return x.add_(bias[:, None, None])


def _convolve_grey(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, pad_rows: bool = True
) -> torch.Tensor:
    """Return a 3x3 convolution of one channel, channels-last, as a matrix product.

    torch's own takes five times as long, and its result is not channels-last.
    """
    rows = int(pad_rows)
    padded = F.pad(x[:, 0], (1, 1, rows, rows))
    images, height, width = padded.shape[0], padded.shape[1] - 2, x.shape[3]
    shifted = [
        padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)
    ]
    columns = torch.stack(shifted, dim=-1).view(-1, 9)
    result = torch.addmm(bias, columns, weight.reshape(-1, 9).T)
    return result.view(images, height, width, -1).permute(0, 3, 1, 2)


def stream_features(
    details: Sequence[Image] | Image,
    weights: VGGWeights,
    *,
    layers: Sequence[str] = LAYERS,
    reduce: Callable[[torch.Tensor], Any],
    before_relu: bool = False,
    input_scale: float = 1.0,
    pooling: str = "ceil",
    device: str = "auto",
    precision: str = "fp32",
    copy: bool = True,
) -> Iterator[tuple[str, Any]]:
    """Run the network and reduce each wanted layer as soon as it is there.

    Parameters
    ----------
    details : sequence of K arrays, shape (H, W)
        Detail contents. Each stands for three equal channels.
    weights : VGGWeights
        The nine convolutions.
    layers : sequence of str, optional
        Layers to yield; the network runs no further than the last of them.
    reduce : callable
        Called with the features, a float32 or bfloat16 tensor of shape
        (K, M, h, w); what it returns is yielded.
    before_relu, input_scale, pooling
        See :class:`~fusionlib.config.FusionConfig`.
    device : str, optional
        See :func:`pick_device`.
    precision : str, optional
        See :func:`check_precision`.
    copy : bool, optional
        Give ``reduce`` features that it may keep. Without it their memory is used
        again afterwards, which takes less time where they are reduced at once.

    Yields
    ------
    str, object
        Name of a layer and its reduced features, in network order.

    Raises
    ------
    InputError
        If a layer or the device is unknown, or ``pooling="floor"`` leaves no
        sample of an image smaller than the stride.
    """
    network = Network(weights, device, precision)
    yield from network.stream(
        details,
        layers=layers,
        reduce=(lambda x: reduce(x.clone())) if copy else reduce,
        before_relu=before_relu,
        input_scale=input_scale,
        pooling=pooling,
    )


def activities(
    details: Sequence[Image] | Image,
    weights: VGGWeights | Network,
    config: FusionConfig,
    *,
    device: str = "auto",
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the initial activity maps of equation (5), layer by layer.

    Parameters
    ----------
    details : sequence of K arrays, shape (H, W)
        Detail contents.
    weights : VGGWeights or Network
        The nine convolutions, or the network that already runs them.
    config : FusionConfig
        Which layers, and how they are read.
    device : str, optional
        Where to run weights that are not a network yet; see :func:`pick_device`.

    Yields
    ------
    str, numpy.ndarray of shape (K, h, w)
        Name of the layer and the l1-norm of its features over the channels.

    Raises
    ------
    InputError
        If ``input_scale`` is so large that a feature is not finite.
    """
    if not isinstance(weights, Network):
        weights = Network(weights, device, config.precision)
    found = weights.stream(
        details,
        layers=config.layers,
        reduce=lambda x: l1_norm(x).cpu().numpy().astype(np.float64),
        before_relu=config.before_relu,
        input_scale=config.input_scale,
        pooling=config.pooling,
        by_rows=True,
    )
    for name, activity in found:
        if not np.isfinite(activity).all():
            raise InputError(
                f"input_scale: {config.input_scale:g} is too large for these weights, "
                f"features of {name} are not finite"
            )
        yield name, activity


def feature_maps(
    detail: Image, weights: VGGWeights, layer: str, **options: Any
) -> NDArray[np.float32]:
    """Return all feature maps of one layer for one detail content.

    Parameters
    ----------
    detail : array_like, shape (H, W)
        Detail content.
    weights : VGGWeights
        The nine convolutions.
    layer : str
        Name of the layer.
    **options
        ``before_relu``, ``input_scale``, ``pooling``, ``device``, ``precision`` of
        :func:`stream_features`.

    Returns
    -------
    numpy.ndarray, shape (M, h, w), float32
        The features phi of equation (4).
    """
    stream = stream_features(
        [detail],
        weights,
        layers=[layer],
        reduce=lambda x: x[0].float().cpu().numpy().copy(),
        copy=False,
        **options,
    )
    return next(stream)[1]
