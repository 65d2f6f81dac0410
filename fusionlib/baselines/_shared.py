"""What several of the compared methods need."""

from __future__ import annotations

from typing import Any

from ..errors import InputError
from ..images.validation import Image, as_sources, check_smallest


def prepare(
    sources: Any, name: str, *, pair_only: bool = False, smallest: int = 1
) -> list[Image]:
    """Return the sources of the method ``name`` as float64 arrays.

    Raises
    ------
    InputError
        If they are not valid images of one size, more than two with ``pair_only``, or
        have a side below ``smallest``.
    """
    images = as_sources(sources)
    if pair_only and len(images) != 2:
        raise InputError(
            f"sources must hold exactly 2 images for {name}, got {len(images)}"
        )
    check_smallest(images[0], smallest, "sources", f"for {name}")
    return images
