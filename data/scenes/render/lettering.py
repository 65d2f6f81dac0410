"""Capital letters made of strokes, for signs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from .rendering import Canvas, capsule

__all__ = ["LETTERS", "write"]

#: Strokes of the letters on a grid 2 wide and 4 high, y up.
LETTERS: dict[str, list[list[tuple[float, float]]]] = {
    "A": [[(0, 0), (1, 4), (2, 0)], [(0.4, 1.4), (1.6, 1.4)]],
    "B": [[(0, 0), (0, 4), (1.4, 4), (1.9, 3.4), (1.9, 2.7), (1.4, 2.1), (0, 2.1)],
          [(1.4, 2.1), (2, 1.5), (2, 0.6), (1.4, 0), (0, 0)]],
    "C": [[(2, 3.4), (1.5, 4), (0.6, 4), (0, 3.3), (0, 0.7), (0.6, 0), (1.5, 0),
           (2, 0.6)]],
    "E": [[(1.9, 0), (0, 0), (0, 4), (1.9, 4)], [(0, 2.1), (1.5, 2.1)]],
    "F": [[(0, 0), (0, 4), (1.9, 4)], [(0, 2.1), (1.5, 2.1)]],
    "K": [[(0, 0), (0, 4)], [(1.9, 4), (0, 1.8)], [(0.6, 2.4), (2, 0)]],
    "I": [[(1, 0), (1, 4)]],
    "L": [[(0, 4), (0, 0), (1.9, 0)]],
    "O": [[(0.6, 0), (0, 0.7), (0, 3.3), (0.6, 4), (1.4, 4), (2, 3.3), (2, 0.7),
           (1.4, 0), (0.6, 0)]],
    "S": [[(2, 3.4), (1.4, 4), (0.6, 4), (0, 3.4), (0, 2.7), (0.5, 2.2), (1.5, 1.8),
           (2, 1.3), (2, 0.6), (1.4, 0), (0.6, 0), (0, 0.6)]],
    "T": [[(1, 0), (1, 4)], [(0, 4), (2, 4)]],
}  # fmt: skip


def write(
    canvas: Canvas, word: str, middle: tuple[float, float], size: float, **paint: Any
) -> None:
    """Write a word; ``middle`` is on the base line, a letter is ``4 size`` high."""
    x = middle[0] - 0.5 * size * (3.4 * len(word) - 1.4)
    for letter in word:
        for stroke in LETTERS[letter]:
            for (ax, ay), (bx, by) in pairwise(stroke):
                a = x + size * ax, middle[1] - size * ay
                b = x + size * bx, middle[1] - size * by
                canvas.paint(capsule(a, b, 0.33 * size), texture=True, **paint)
        x += 3.4 * size
