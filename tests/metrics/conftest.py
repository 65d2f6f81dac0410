"""What the tests of metrics share."""

from __future__ import annotations

from collections.abc import Container

import pytest

from fusionlib.metrics import METRICS

#: For tests of metrics that have both of these conventions.
BOTH = pytest.mark.parametrize("convention", ["published", "exact"])


def each(names: Container[str] = METRICS, without: Container[str] = ()):
    """For tests of these metrics, in each of the conventions that they have."""
    return pytest.mark.parametrize(
        ("name", "convention"),
        [
            (name, convention)
            for name, metric in METRICS.items()
            for convention in metric.conventions
            if name in names and name not in without
        ],
    )
