"""Two of several images of one scene, side by side under a dividing line.

The simplest of the explorers: nothing is computed in the page. It is the same in a
notebook and in the book.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fusionlib.errors import InputError
from fusionlib.images.io import to_uint8

from ..packing import webp
from ._templates import render

__all__ = ["Wipe"]

#: Quality of the images as WebP, at which no step of a smooth area is seen.
QUALITY = 86


class Wipe:
    """Images of one scene, two of which are shown at a time.

    Parameters
    ----------
    images : mapping of str to array_like, shape (H, W)
        Grey images in [0, 1], by the names that the reader sees.
    start : sequence of str, optional
        The names at the left and at the right of the line at first; by default the
        first and the last.
    title : str, optional
        The heading.
    how : str, optional
        What to do, below the heading.
    caption : str, optional
        What stands below the images.

    Raises
    ------
    InputError
        If there are fewer than two images, sizes differ, or ``start`` names others.
    """

    def __init__(
        self,
        images: Mapping[str, Any],
        *,
        start: Sequence[str] = (),
        title: str = "",
        how: str = "",
        caption: str = "",
    ) -> None:
        names = tuple(images)
        shapes = {np.shape(image) for image in images.values()}
        if len(names) < 2 or len(shapes) != 1 or len(next(iter(shapes))) != 2:
            raise InputError(
                "images must be two or more grey images of one size, got "
                f"{len(names)} of the shapes {sorted(shapes)}"
            )
        self.start = tuple(start) or (names[0], names[-1])
        if len(self.start) != 2 or not set(self.start) <= set(names):
            raise InputError(
                f"start must be two of {', '.join(names)}, got {self.start}"
            )
        self.images = {name: to_uint8(image) for name, image in images.items()}
        self.title, self.how, self.caption = title, how, caption

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the images."""
        height, width = next(iter(self.images.values())).shape
        return height, width

    def _repr_html_(self) -> str:
        """Return markup, images, style and script."""
        addresses = {name: webp(image, QUALITY) for name, image in self.images.items()}
        return render("wipe.html", wipe=self, addresses=addresses)
