"""Where and how a convolution is computed: device, arithmetic and backend.

Three backends give the same convolution up to float32 rounding: a matrix product for
the first layer, Winograd's algorithm (``fusionlib.vgg.winograd``) for float32 on the
processor, and torch's own (oneDNN on the processor, cuDNN on a GPU) for everything
else. The choice does not depend on the processor, because where both sources are flat
the last bit of an activity decides how a pixel is rounded.
"""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F

from ..config import PRECISIONS
from ..errors import InputError
from ..images.validation import check_choice
from .winograd import TILE_OUT, Winograd3x3

__all__ = [
    "Convolver",
    "check_precision",
    "has_bf16",
    "resolve_device",
]

#: Blocks of a map from which Winograd's convolution is worth its overhead.
WINOGRAD_TILES = 32


def resolve_device(device: str = "auto") -> torch.device:
    """Return the device to compute on.

    "auto" is CUDA where there is one, else the processor; "cuda:1" is one of several.

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


def check_precision(precision: str, device: torch.device) -> str:
    """Return the arithmetic of the network, "fp32" or "bf16", if it is one of these.

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


class Convolver:
    """One layer's 3x3 convolution, by the backend that suits it.

    Parameters
    ----------
    weight : torch.Tensor, shape (outputs, inputs, 3, 3)
        Kernels, channels-last on their device.
    bias : torch.Tensor, shape (outputs,)
        Added to every sample.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self.weight, self.bias = weight, bias
        self._winograd: Winograd3x3 | None = None
        self._is_grey = weight.shape[1] == 1 and weight.device.type == "cpu"
        self._may_transform = (
            not self._is_grey
            and weight.device.type == "cpu"
            and weight.dtype == torch.float32
        )

    def __call__(
        self, x: torch.Tensor, *, relu: bool = False, above: int = 1, below: int = 1
    ) -> torch.Tensor:
        """Return the convolution of x, with zeros around the image.

        Parameters
        ----------
        x, relu, above, below
            As ``fusionlib.vgg.winograd.Winograd3x3`` takes them, whatever the backend.

        Returns
        -------
        torch.Tensor, shape (K, outputs, H + above + below - 2, W)
            Channels-last, in memory of its own.
        """
        if self._is_grey:
            y = _convolve_grey(x, self.weight, self.bias, above, below)
        elif (
            self._may_transform
            and x.shape[2] * x.shape[3] >= WINOGRAD_TILES * TILE_OUT**2
        ):
            if self._winograd is None:
                self._winograd = Winograd3x3(self.weight, self.bias)
            return self._winograd(x, relu=relu, above=above, below=below)
        else:
            y = _convolve_exactly(x, self.weight, self.bias, max(above, below))
            if above != below:  # torch pads both sides or none
                y = y[:, :, 1 - above : y.shape[2] - 1 + below]
        return F.relu_(y) if relu else y


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
    x: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    above: int,
    below: int,
) -> torch.Tensor:
    """Return a 3x3 convolution of one channel, channels-last, as a matrix product.

    torch's own takes five times as long, and its result is not channels-last.
    """
    padded = F.pad(x[:, 0], (1, 1, above, below))
    images, height, width = padded.shape[0], padded.shape[1] - 2, x.shape[3]
    shifted = [
        padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)
    ]
    columns = torch.stack(shifted).view(9, -1)
    result = torch.addmm(bias, columns.T, weight.reshape(-1, 9).T)
    return result.view(images, height, width, -1).permute(0, 3, 1, 2)
