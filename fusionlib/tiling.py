"""The method on images too large to hold every intermediate: tile by tile.

A tile is computed with a halo on every side: wide enough for the receptive field of
the deepest layer and the block average, and aligned with the pooling grid, so that
the network gives the same activities as on the whole image. Around that lies the
margin of the decomposition, where the response of its filter falls below 1e-10.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .architecture import layer, receptive_field
from .config import FusionConfig
from .decomposition import decompose
from .errors import InputError
from .fusion import (
    Model,
    as_config,
    describe,
    fuse_base,
    load_model,
    reconstruct,
    select,
    weigh_details,
)
from .io import to_uint8
from .validation import (
    Image,
    as_array,
    as_image,
    as_list,
    check_positive_int,
    check_same_shape,
    check_size,
    is_colour,
)

if TYPE_CHECKING:
    from .features import Network
    from .weights import VGGWeights

__all__ = ["Tile", "fuse_large", "parse_memory", "plan_tile", "tiles"]

#: Rows and columns of the pooling grid that every tile starts on.
GRID = 8

#: Pixels that are worth a tile of their own: below, halos cost more than they save.
SMALLEST_TILE = 256

#: What Python with its libraries takes before any image is read, in bytes.
LIBRARIES = 500_000_000

#: Peak bytes per pixel of a tile with its halo, whatever the number of sources:
#: block 1's pooled features, two maps of block 3, and what the allocator keeps.
BYTES_PER_PIXEL = 280


class Tile(NamedTuple):
    """One tile: its rows and columns, and the same with its halo."""

    rows: slice
    columns: slice
    outer_rows: slice
    outer_columns: slice

    @property
    def inner(self) -> tuple[slice, slice]:
        """The tile within its halo."""
        return (
            slice(
                self.rows.start - self.outer_rows.start,
                self.rows.stop - self.outer_rows.start,
            ),
            slice(
                self.columns.start - self.outer_columns.start,
                self.columns.stop - self.outer_columns.start,
            ),
        )


def halo(config: FusionConfig) -> int:
    """Return the pixels around a tile that its result depends on, on the grid."""
    deepest = layer(config.layers[-1])
    reach = receptive_field(deepest.relu) // 2 + (config.radius + 2) * deepest.stride
    return GRID * math.ceil(reach / GRID)


def margin(lam: float) -> int:
    """Return the pixels after which the decomposition's response is below 1e-10.

    The filter of equation (1) falls off like ``exp(-a |x|)`` with
    ``cosh(a) = 1 + 1 / (2 lam)``.
    """
    return math.ceil(math.log(1e10) / math.acosh(1 + 1 / (2 * lam)))


def tiles(shape: tuple[int, int], side: int, config: FusionConfig) -> Iterator[Tile]:
    """Yield the tiles of an image, row by row.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    side : int
        Side of a tile in pixels, a multiple of 8.
    config : FusionConfig
        Decides the halo.
    """
    reach = halo(config)

    def pieces(length: int) -> Iterator[tuple[slice, slice]]:
        for start in range(0, length, side):
            stop = min(start + side, length)
            outer = slice(max(start - reach, 0), min(stop + reach, length))
            yield slice(start, stop), outer

    for rows, outer_rows in pieces(shape[0]):
        for columns, outer_columns in pieces(shape[1]):
            yield Tile(rows, columns, outer_rows, outer_columns)


def parse_memory(text: str | int) -> int:
    """Return a number of bytes from text such as ``1GB`` or ``800 MB``.

    Raises
    ------
    InputError
        If it is not an amount of memory.
    """
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
    cleaned = str(text).strip().upper().replace(" ", "").replace("IB", "B")
    digits = cleaned.rstrip("KMGB")
    try:
        amount = float(digits) * units[cleaned[len(digits) :]]
    except (ValueError, KeyError):
        amount = math.nan
    if not (math.isfinite(amount) and amount > 0):
        raise InputError(f"max_memory must be an amount such as 1GB, got {text!r}")
    return int(amount)


def plan_tile(
    shape: tuple[int, int], sources: int, config: FusionConfig, max_memory: int
) -> int:
    """Return the side of the largest tile that fits into a memory budget.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    sources : int
        Number of sources, kept in 8 bit.
    config : FusionConfig
        Decides the halo.
    max_memory : int
        Bytes for the whole process, interpreter and libraries included.

    Raises
    ------
    InputError
        If not even a small tile fits.
    """
    images = shape[0] * shape[1] * (sources + 1)
    free = max_memory - LIBRARIES - images
    room = math.isqrt(max(free, 0) // (BYTES_PER_PIXEL + 60 * sources))
    side = (room - 2 * halo(config)) // GRID * GRID
    longest = GRID * math.ceil(max(shape) / GRID)
    if side < SMALLEST_TILE and side < longest:
        needed = (SMALLEST_TILE + 2 * halo(config)) ** 2
        least = LIBRARIES + images + needed * (BYTES_PER_PIXEL + 60 * sources)
        raise InputError(
            f"max_memory: {max_memory / 1e9:.2g} GB are too little for "
            f"{shape[0]}x{shape[1]} pixels, at least {least / 1e9:.2g} GB are needed"
        )
    # Tiles of one size: a narrow last one is mostly halo.
    count = math.ceil(longest / side)
    return GRID * math.ceil(longest / count / GRID)


def fuse_large(
    sources: Sequence[NDArray[Any]],
    *,
    config: FusionConfig | None = None,
    weights: str | os.PathLike[str] | VGGWeights | Model | None = None,
    device: str = "auto",
    tile: int | None = None,
    max_memory: str | int = "1.45GB",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Fuse large images in little memory, tile by tile.

    Parameters
    ----------
    sources : sequence of K >= 2 arrays, shape (H, W)
        Grey sources as in :func:`fusionlib.fusion.fuse`. Integer arrays are
        converted block by block and may be memory-mapped.
    config, weights, device
        As in :func:`fusionlib.fusion.fuse`.
    tile : int, optional
        Side of a tile, a multiple of 8; by default the largest that
        ``max_memory`` allows.
    max_memory : str or int, optional
        Budget for the whole process, such as ``"1GB"``.
    progress : callable, optional
        Called with the number of finished tiles and of all tiles.

    Returns
    -------
    image : numpy.ndarray of uint8, shape (H, W)
        The fused image, quantised as :func:`fusionlib.io.to_uint8` does.
    provenance : dict
        What made it, with the tile's side and the halo.

    Raises
    ------
    InputError
        If a source, a parameter, the weights, the device or the budget cannot be
        used.

    Notes
    -----
    Before quantisation the result equals that of :func:`fusionlib.fusion.fuse` to
    1e-6 in float32: the network is exact but for the order of float32 sums, the
    decomposition to 1e-8.
    """
    config = as_config(config, weights)
    arrays = _check_sources(sources)
    height, width = arrays[0].shape
    if tile is None:
        tile = plan_tile((height, width), len(arrays), config, parse_memory(max_memory))
    elif check_positive_int(tile, "tile", minimum=GRID) % GRID:
        raise InputError(f"tile must be a multiple of {GRID}, got {tile}")
    model = load_model(weights, device, config.precision)
    fused = np.empty((height, width), np.uint8)
    plan = list(tiles((height, width), tile, config))
    for done, piece in enumerate(plan, start=1):
        fused[piece.rows, piece.columns] = to_uint8(
            fuse_tile(arrays, piece, config, model.network)
        )
        if progress is not None:
            progress(done, len(plan))
    provenance = describe(config, model) | {
        "shape": [height, width],
        "sources": len(arrays),
        "tile": tile,
        "halo": halo(config),
        "tiles": len(plan),
    }
    return fused, provenance


def fuse_tile(
    arrays: Sequence[NDArray[Any]], tile: Tile, config: FusionConfig, network: Network
) -> Image:
    """Return the fused image F on one tile, equations (1) to (11).

    Parameters
    ----------
    arrays : sequence of arrays, shape (H, W)
        The whole sources.
    tile : Tile
        Which part.
    config : FusionConfig
        Parameters of the method.
    network : Network
        The network on its device.
    """
    from .features import activities

    parts = [_decompose_part(array, tile, config) for array in arrays]
    bases, details = (np.stack(part) for part in zip(*parts, strict=True))
    # One source after the other: their features are never held together.
    single = [dict(activities(detail[None], network, config)) for detail in details]
    activity = {
        name: np.concatenate([one[name] for one in single]) for name in single[0]
    }
    candidates = weigh_details(activity, details, config)[2]
    detail, _ = select(np.stack(list(candidates.values())), config.selection)
    return reconstruct(fuse_base(bases, config.alpha), detail)[tile.inner]


def _decompose_part(
    array: NDArray[Any], tile: Tile, config: FusionConfig
) -> tuple[Image, Image]:
    """Decompose the part of an image under a tile's halo.

    Reads the surroundings as the whole image's transform would see them: mirrored
    ``padding`` pixels at its border, and periodic after that.
    """
    reach = margin(config.lam)
    rows = _seen(tile.outer_rows, reach, array.shape[0], config.padding)
    columns = _seen(tile.outer_columns, reach, array.shape[1], config.padding)
    base, detail = decompose(
        as_image(array[np.ix_(rows, columns)]), config.lam, padding=0
    )
    inner = (slice(reach, base.shape[0] - reach), slice(reach, base.shape[1] - reach))
    return base[inner], detail[inner]


def _seen(part: slice, reach: int, length: int, padding: int) -> NDArray[np.intp]:
    """Return the pixel at each position of a mirrored, then periodic, axis."""
    position = np.arange(part.start - reach, part.stop + reach)
    period = length + 2 * padding
    padded = np.pad(np.arange(length), padding, mode="symmetric")
    return padded[(position + padding) % period]


def _check_sources(sources: Any) -> list[NDArray[Any]]:
    """Check what can be checked without converting the whole images."""
    items = as_list(sources)
    names = [f"sources[{k}]" for k in range(len(items))]
    arrays = [as_array(item, name) for item, name in zip(items, names, strict=True)]
    for array, name in zip(arrays, names, strict=True):
        if is_colour(array):
            raise InputError(
                f"{name} must be grey: max_memory does not go with colour; leave it out"
            )
        if array.ndim == 2:
            check_size(array.shape[0], array.shape[1], name)
        if array.ndim != 2 or array.dtype not in (np.uint8, np.uint16):
            as_image(array, name)  # says what is wrong, or that floats are fine
    check_same_shape(arrays, names)
    return arrays
