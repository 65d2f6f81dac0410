"""Pointwise fusion: the mean and the maximum, to which every method is compared."""

from __future__ import annotations

import numpy as np

from ..images.validation import Image
from .registry import method

__all__ = ["maximum", "mean"]


@method("Mean", "pointwise", None, seconds=0.01, status="exact")
def mean(sources: list[Image]) -> Image:
    """Return the pointwise mean of the sources."""
    return np.mean(sources, axis=0)


@method("Maximum", "pointwise", None, seconds=0.01, status="exact")
def maximum(sources: list[Image]) -> Image:
    """Return the pointwise maximum of the sources."""
    return np.max(sources, axis=0)
