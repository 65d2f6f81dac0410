"""How much memory a fusion takes, and how wide its bands may be."""

from __future__ import annotations

import math

from ..errors import InputError, shown

__all__ = ["BAND", "parse_memory", "plan_band"]

#: Features of one layer that are held at once. They take 16 MB in float32, less than
#: what the C library gives back to the system, which costs time.
BAND = 2**22

#: Fewest features of a band that are worth the rows computed twice.
SMALLEST_BAND = 2**19

#: Peak bytes for each feature of a band: two layers, and Winograd's strips.
BYTES_PER_FEATURE = 40

#: What Python with its libraries takes before any image is read, in bytes.
LIBRARIES = 500_000_000

#: Planes of float64, of the size of the image, that are held at once: for each source,
#: and besides; with all intermediates, and for the fused image only.
PLANES = {True: (13, 6), False: (3, 4)}

#: The same for weight maps of the base parts: made of averages of the guided filter.
BASE_PLANES = (2, 8)


def parse_memory(text: str | int) -> int:
    """Return a number of bytes from text such as ``1GB`` or ``800 MB``."""
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    try:
        cleaned = str(text).strip().upper().replace(" ", "").replace("IB", "B")
        digits = cleaned.rstrip("KMGTB")
        amount = float(digits) * units[cleaned[len(digits) :]]
    except (ValueError, KeyError, RuntimeError):
        amount = math.nan
    if not (math.isfinite(amount) and amount > 0):
        raise InputError(f"max_memory must be an amount such as 1GB, got {shown(text)}")
    return int(amount)


def plan_band(
    shape: tuple[int, ...],
    sources: int,
    max_memory: str | int | None,
    *,
    intermediates: bool,
    base_maps: bool = False,
    mirror: int = 0,
) -> int:
    """Return how many features of a layer may be held at once.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image.
    sources : int
        Number of sources.
    max_memory : str, int or None
        Memory for the whole process, interpreter and libraries included.
    intermediates : bool
        Whether all intermediates are kept.
    base_maps : bool, optional
        Whether each source has a weight map for its base part.
    mirror : int, optional
        Mirrored pixels on each side of what the network sees.

    Raises
    ------
    InputError
        If the image does not fit.
    """
    if max_memory is None:
        return BAND
    amount = parse_memory(max_memory)
    each, besides = PLANES[intermediates]
    if base_maps:
        each, besides = each + BASE_PLANES[0], besides + BASE_PLANES[1]
    pixels = (shape[0] + 2 * mirror) * (shape[1] + 2 * mirror)
    images = pixels * 8 * (each * sources + besides)
    band = (amount - LIBRARIES - images) // BYTES_PER_FEATURE
    if band < SMALLEST_BAND:
        least = LIBRARIES + images + SMALLEST_BAND * BYTES_PER_FEATURE
        raise InputError(
            f"max_memory: {amount / 1e9:.2g} GB are too little for "
            f"{shape[0]}x{shape[1]} pixels, at least {least / 1e9:.2g} GB are needed"
        )
    return min(BAND, band)
