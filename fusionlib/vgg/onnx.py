"""The network as an ONNX file, for runtimes other than PyTorch.

The graph goes from the detail content to the activity maps of the paper's four
layers. The l1-norm of equation (5) is part of it: 960 feature maps never leave the
runtime, which is what makes it fit into a web page.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._version import __version__
from ..errors import InputError
from ..images.io import atomic_path, check_output
from ..images.validation import check_choice
from .layers import CONVOLUTIONS, PAPER_LAYERS
from .weights import VGGWeights, grey_convolutions, load_weights

__all__ = ["QUANTIZATIONS", "export_onnx"]

#: How kernels can be stored in fewer bits.
QUANTIZATIONS = ("int8", "fp16")

# Old enough for every runtime of the last years: DequantizeLinear with an axis
# needs operator set 13.
OPSET = 17
IR_VERSION = 8


def export_onnx(
    weights: str | os.PathLike[str] | VGGWeights | None,
    path: str | os.PathLike[str],
    *,
    quantize: str | None = None,
) -> dict[str, Any]:
    """Write VGG-19 up to conv4_1 as ONNX, from detail contents to activity maps.

    The input ``detail`` is float32 of shape (N, 1, H, W): N detail contents of any
    size from 1x1, times ``input_scale`` already. The outputs are float32 of shape
    (N, h, w): the l1-norm over the channels of ``relu1_1`` to ``relu4_1``, equation
    (5), and of ``conv1_1`` to ``conv4_1``, the same before the ReLU. Pooling rounds
    up. The three kernels of conv1_1 are added up, see
    :func:`fusionlib.vgg.weights.grey_convolutions`.

    Parameters
    ----------
    weights : str, path-like, VGGWeights or None
        See :func:`fusionlib.vgg.weights.load_weights`.
    path : path-like
        The file to write; its name ends in ``.onnx``.
    quantize : {None, "int8", "fp16"}, optional
        How kernels are stored: in float32 (14 MB); as 8-bit integers with one
        scale for each output channel, symmetric (3.5 MB); or in half precision
        (7 MB). Biases stay in float32 and all arithmetic is float32. conv1_1,
        whose 576 numbers weigh nothing, is never cut to 8 bits.

    Returns
    -------
    dict
        What was written: ``path``, ``bytes``, ``quantize``, ``version``,
        ``layers``, and ``weights`` with ``name``, ``sha256``, ``trained``,
        ``partial`` and ``source``. The file holds the same as metadata.

    Raises
    ------
    InputError
        If the package ``onnx`` is not installed, or an argument cannot be used.

    Notes
    -----
    The same weights give the same bytes.
    """
    if quantize is not None:
        check_choice(quantize, "quantize", QUANTIZATIONS)
    path = Path(path)
    if path.suffix != ".onnx":
        raise InputError(
            f"output: {path} must end in .onnx, got {path.suffix or 'no ending'!r}"
        )
    check_output(path)
    try:
        import onnx
    except ImportError:
        raise InputError(
            "onnx is not installed; get it with pip install 'irvis-fusionlib[onnx]'"
        ) from None
    loaded = load_weights(weights)
    record = {
        "quantize": quantize,
        "version": __version__,
        "layers": list(PAPER_LAYERS),
        "weights": loaded.provenance,
    }
    model = onnx.helper.make_model(
        _graph(loaded, quantize),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="fusionlib",
        producer_version=__version__,
        doc_string="VGG-19 up to conv4_1 as activity maps, for grey detail contents",
    )
    onnx.helper.set_model_props(model, _properties(record))
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return {"path": str(path), "bytes": len(content)} | record


def _properties(record: dict[str, Any]) -> dict[str, str]:
    """Return a record as ONNX metadata, which is text."""
    weights = record["weights"]
    return {
        "version": record["version"],
        "quantize": record["quantize"] or "none",
        "layers": ",".join(record["layers"]),
        "weights": weights["name"],
        "sha256": weights["sha256"],
        "trained": str(weights["trained"]).lower(),
        "partial": weights["partial"],
        "source": weights["source"],
    }


def _graph(weights: VGGWeights, quantize: str | None) -> Any:
    from onnx import TensorProto, helper

    nodes: list[Any] = []
    constants: list[Any] = []
    outputs: list[Any] = []

    def add(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def reduce(name: str, features: str, block: int) -> None:
        add("ReduceL1", [features], name, axes=[1], keepdims=0)
        shape = ["N", f"H{block}", f"W{block}"]
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    x, block = "detail", 1
    for convolution, (kernel, bias) in zip(
        CONVOLUTIONS, grey_convolutions(weights), strict=True
    ):
        if convolution.block > block:
            block = convolution.block
            x = add(
                "MaxPool", [x], f"pool{block - 1}",
                kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1,
            )  # fmt: skip
        name = convolution.name
        stored = None if quantize == "int8" and convolution.index == 0 else quantize
        weight = _store(f"{name}_weight", kernel, stored, constants, add)
        constants.append(_tensor(f"{name}_bias", bias))
        features = add(
            "Conv", [x, weight, f"{name}_bias"], f"{name}_features",
            kernel_shape=[3, 3], pads=[1, 1, 1, 1],
        )  # fmt: skip
        wanted = convolution.relu in PAPER_LAYERS
        if wanted:
            reduce(name, features, block)
        x = add("Relu", [features], f"{convolution.relu}_features")
        if wanted:
            reduce(convolution.relu, x, block)
    detail = helper.make_tensor_value_info(
        "detail", TensorProto.FLOAT, ["N", 1, "H", "W"]
    )
    return helper.make_graph(
        nodes, "vgg19_activities", [detail], outputs, initializer=constants
    )


def _store(
    name: str,
    kernel: NDArray[Any],
    quantize: str | None,
    constants: list[Any],
    add: Any,
) -> str:
    """Add a kernel to the graph and return the name of its float32 form."""
    from onnx import TensorProto

    if quantize is None:
        constants.append(_tensor(name, kernel.astype(np.float32)))
        return name
    if quantize == "fp16":
        constants.append(_tensor(f"{name}_fp16", kernel.astype(np.float16)))
        return add("Cast", [f"{name}_fp16"], name, to=TensorProto.FLOAT)
    values, scales = _int8(kernel)
    constants.append(_tensor(f"{name}_int8", values))
    constants.append(_tensor(f"{name}_scale", scales))
    inputs = [f"{name}_int8", f"{name}_scale"]
    return add("DequantizeLinear", inputs, name, axis=0)


def _tensor(name: str, array: NDArray[Any]) -> Any:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def _int8(kernel: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return whole numbers in [-127, 127] and the scale of each output channel."""
    largest = np.abs(kernel).max(axis=(1, 2, 3))
    scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    values = np.rint(kernel / scales[:, None, None, None])
    return np.clip(values, -127, 127).astype(np.int8), scales
