"""Metrics of fused images, each with the convention it follows.

>>> import numpy as np
>>> from fusionlib.metrics import evaluate
>>> image = np.linspace(0, 1, 64 * 64).reshape(64, 64)
>>> values = evaluate(image, [image, image], metrics=["SSIM_a", "N_abf"])
>>> round(values["SSIM_a"], 12), values.conventions["N_abf"]
(1.0, 'published')

Every metric takes ``(fused, sources)`` with K >= 2 sources, and a ``convention``:
``published`` computes what the released evaluation (or the usual tool) computes,
``exact`` the same definition freed from the rounding of floating-point arithmetic.
:data:`METRICS` says for each what the two are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._compute import parallel_map
from ..errors import InputError
from ..validation import check_choice
from ._common import CONVENTIONS, prepare
from ._fidelity import psnr, vif_fusion
from ._fmi import (
    fmi,
    fmi_dct,
    fmi_edge,
    fmi_gradient,
    fmi_map,
    fmi_pixel,
    fmi_w,
    meyer_filter,
)
from ._gradient import EdgePreservation, edge_preservation, l_abf, n_abf, q_abf
from ._information import entropy, mutual_information, normalised_mutual_information
from ._statistics import (
    average_gradient,
    correlation_coefficient,
    scd,
    spatial_frequency,
    standard_deviation,
)
from ._structural import ms_ssim, ms_ssim_scales, ssim_a, ssim_map

__all__ = [
    "CONVENTIONS",
    "METRICS",
    "PAPER_METRICS",
    "EdgePreservation",
    "Metric",
    "MetricValues",
    "average_gradient",
    "check_names",
    "correlation_coefficient",
    "edge_preservation",
    "entropy",
    "evaluate",
    "fmi",
    "fmi_dct",
    "fmi_edge",
    "fmi_gradient",
    "fmi_map",
    "fmi_pixel",
    "fmi_w",
    "l_abf",
    "list_metrics",
    "meyer_filter",
    "ms_ssim",
    "ms_ssim_scales",
    "mutual_information",
    "n_abf",
    "normalised_mutual_information",
    "psnr",
    "q_abf",
    "scd",
    "spatial_frequency",
    "ssim_a",
    "ssim_map",
    "standard_deviation",
    "vif_fusion",
]


@dataclass(frozen=True)
class Metric:
    """What is known about a metric.

    Attributes
    ----------
    name : str
        Its name here, in results and on the command line.
    symbol : str
        TeX for formulas and tables.
    title : str
        What it measures, in a few words.
    direction : {"higher", "lower"}
        Which is better.
    range : tuple of float
        Smallest and largest possible value for two sources; infinite where open.
    conventions : mapping of str to str
        What is computed under each convention.
    source : str
        Where the definition comes from.
    function : callable
        ``function(fused, sources, *, convention)`` returns the value.
    smallest : int
        Smallest side of an image, in pixels, on which it is defined.
    """

    name: str
    symbol: str
    title: str
    direction: str
    range: tuple[float, float]
    conventions: Mapping[str, str]
    source: str
    function: Callable[..., float]
    smallest: int = 1

    @property
    def default_convention(self) -> str:
        """The published convention, used when none is asked for."""
        return CONVENTIONS[0]

    def __call__(
        self, fused: Any, sources: Any, *, convention: str | None = None
    ) -> float:
        """Compute it; see ``function``."""
        return self.function(
            fused, sources, convention=convention or self.default_convention
        )


class MetricValues(Mapping[str, float]):
    """Values by name, with the convention that each was computed with.

    Behaves as a read-only mapping of names to floats.

    Attributes
    ----------
    conventions : dict of str to str
        The convention of each value.
    """

    def __init__(
        self, values: Mapping[str, float], conventions: Mapping[str, str]
    ) -> None:
        self._values = dict(values)
        self.conventions = dict(conventions)

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        entries = ", ".join(
            f"{name}={value:.5g} ({self.conventions[name]})"
            for name, value in self.items()
        )
        return f"MetricValues({entries})"


_INF = float("inf")
_HAGHIGHAT = "Haghighat, Aghagolzadeh, Seyedarabi 2011; Haghighat, Razian 2014"
_PETROVIC = "Xydeas, Petrovic 2000; Petrovic, Xydeas 2005"
_SAME = "as published; the value does not depend on rounding"
_LEVELS = {
    "published": "256 grey levels by floating-point rounding, logarithm to base 2",
    "exact": "as published, with halves of a grey level rounded up exactly",
}
_SOBEL = {
    "published": "[0, 1] images, Sobel / 8 summed column by column in floating point, "
    "mirror border, equal weights",
    "exact": "as published, with the gradients computed and compared as integers",
}


def _fmi_conventions(feature: str, exact: str) -> dict[str, str]:
    return {
        "published": f"{feature}, 3x3 windows read column by column",
        "exact": f"as published, with {exact}",
    }


#: All metrics by name; the paper's four first.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "FMI_dct",
            r"\mathrm{FMI}_{dct}",
            "Feature mutual information of DCT coefficients",
            "higher",
            (-_INF, 1.0),
            _fmi_conventions(
                "orthonormal 2-D DCT of [0, 1] images",
                "coefficients rounded to multiples of 2^-40",
            ),
            _HAGHIGHAT,
            fmi_dct,
            3,
        ),
        Metric(
            "FMI_w",
            r"\mathrm{FMI}_{w}",
            "Feature mutual information of wavelet coefficients",
            "higher",
            (-_INF, 1.0),
            _fmi_conventions(
                "one-level DWT with the 102-tap discrete Meyer filter, symmetric "
                "extension, tiled subbands rescaled to [0, 1]",
                "coefficients rounded to multiples of 2^-40 and not rescaled",
            ),
            _HAGHIGHAT,
            fmi_w,
            3,
        ),
        Metric(
            "SSIM_a",
            r"\mathrm{SSIM}_a",
            "Mean structural similarity to the sources",
            "higher",
            (-1.0, 1.0),
            {
                "published": "Gaussian window 11x11, sigma 1.5, replicated border, "
                "mean of the full map, L = 1",
                "exact": _SAME,
            },
            "Wang, Bovik, Sheikh, Simoncelli 2004; paper, equation (12)",
            ssim_a,
        ),
        Metric(
            "N_abf",
            r"N_{abf}",
            "Artifacts: edges that no source has",
            "lower",
            (0.0, 1.0),
            _SOBEL,
            f"{_PETROVIC}; modified by Shreyamsha Kumar 2013",
            n_abf,
        ),
        Metric(
            "Q_abf",
            r"Q_{abf}",
            "Edges preserved",
            "higher",
            (0.0, 1.0),
            _SOBEL,
            _PETROVIC,
            q_abf,
        ),
        Metric(
            "L_abf",
            r"L_{abf}",
            "Edges lost",
            "lower",
            (0.0, 1.0),
            _SOBEL,
            _PETROVIC,
            l_abf,
        ),
        Metric(
            "FMI_pixel",
            r"\mathrm{FMI}_{pixel}",
            "Feature mutual information of intensities",
            "higher",
            (-_INF, 1.0),
            _fmi_conventions("intensities", "intensities on the integer grid"),
            _HAGHIGHAT,
            fmi_pixel,
            3,
        ),
        Metric(
            "FMI_gradient",
            r"\mathrm{FMI}_{gradient}",
            "Feature mutual information of gradients",
            "higher",
            (-_INF, 1.0),
            _fmi_conventions(
                "central difference along rows", "differences of integers"
            ),
            _HAGHIGHAT,
            fmi_gradient,
            3,
        ),
        Metric(
            "FMI_edge",
            r"\mathrm{FMI}_{edge}",
            "Feature mutual information of edge maps",
            "higher",
            (-_INF, 1.0),
            _fmi_conventions(
                "thin Sobel edges above twice the root mean square strength",
                "edges found in integers",
            ),
            _HAGHIGHAT,
            fmi_edge,
            3,
        ),
        Metric(
            "MS_SSIM",
            r"\mathrm{MS\text{-}SSIM}",
            "Multi-scale structural similarity, multi-exposure-fusion form",
            "higher",
            (0.0, 1.0),
            {
                "published": "three scales, 11x11 windows, 0..255, with the released "
                "tool's small constants",
                "exact": "as published, without the small constants: 1 for equal "
                "images",
            },
            "Ma, Zeng, Wang 2015",
            ms_ssim,
            44,
        ),
        Metric(
            "VIFF",
            r"\mathrm{VIFF}",
            "Visual information fidelity for fusion",
            "higher",
            (0.0, _INF),
            {
                "published": "four scales, 0..255, noise variance 0.005 * 255^2; equal "
                "gains take the last source",
                "exact": "as published; equal gains take the mean of the sources",
            },
            "Han, Cai, Cao, Xu 2013",
            vif_fusion,
            41,
        ),
        Metric(
            "EN",
            r"\mathrm{EN}",
            "Entropy",
            "higher",
            (0.0, 8.0),
            _LEVELS,
            "Shannon 1948",
            entropy,
        ),
        Metric(
            "MI",
            r"\mathrm{MI}",
            "Mutual information with the sources, summed",
            "higher",
            (0.0, 16.0),
            _LEVELS,
            "Qu, Zhang, Yan 2002",
            mutual_information,
        ),
        Metric(
            "NMI",
            r"\mathrm{NMI}",
            "Normalised mutual information, summed",
            "higher",
            (0.0, 2.0),
            _LEVELS,
            "Hossny, Nahavandi, Creighton 2008",
            normalised_mutual_information,
        ),
        Metric(
            "SD",
            r"\mathrm{SD}",
            "Standard deviation, in grey levels",
            "higher",
            (0.0, 127.5),
            {"published": "0..255, divided by N", "exact": _SAME},
            "elementary",
            standard_deviation,
        ),
        Metric(
            "SF",
            r"\mathrm{SF}",
            "Spatial frequency, in grey levels",
            "higher",
            (0.0, 255 * 2**0.5),
            {
                "published": "0..255, means over the differences that exist",
                "exact": _SAME,
            },
            "Eskicioglu, Fisher 1995",
            spatial_frequency,
        ),
        Metric(
            "AG",
            r"\mathrm{AG}",
            "Average gradient, in grey levels",
            "higher",
            (0.0, 255.0),
            {"published": "0..255, forward differences", "exact": _SAME},
            "Cui, Feng, Xu, Li, Chen 2015",
            average_gradient,
            2,
        ),
        Metric(
            "CC",
            r"\mathrm{CC}",
            "Mean correlation with the sources",
            "higher",
            (-1.0, 1.0),
            {
                "published": "Pearson, 0 for a constant image",
                "exact": "as published, on the integer grid",
            },
            "elementary",
            correlation_coefficient,
        ),
        Metric(
            "SCD",
            r"\mathrm{SCD}",
            "Sum of the correlations of differences",
            "higher",
            (-2.0, 2.0),
            {
                "published": "Pearson, 0 for a constant difference",
                "exact": "as published, on the integer grid",
            },
            "Aslantas, Bendes 2015",
            scd,
        ),
        Metric(
            "PSNR",
            r"\mathrm{PSNR}",
            "Peak signal-to-noise ratio to the sources, dB",
            "higher",
            (0.0, _INF),
            {
                "published": "peak 1 on [0, 1], squared error averaged over the "
                "sources before the logarithm",
                "exact": _SAME,
            },
            "elementary",
            psnr,
        ),
    )
}

#: The four metrics of the paper's Table I.
PAPER_METRICS = ("FMI_dct", "FMI_w", "SSIM_a", "N_abf")

_EDGE_METRICS = ("Q_abf", "L_abf", "N_abf")


def list_metrics() -> list[Metric]:
    """Return all metrics, the paper's four first."""
    return list(METRICS.values())


def check_names(names: Sequence[str] | str) -> list[str]:
    """Return names of metrics, each once, in the order given.

    Parameters
    ----------
    names : sequence of str, or str
        Names from :data:`METRICS`.

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If a name is unknown, or there is none.
    """
    unique = list(dict.fromkeys([names] if isinstance(names, str) else names))
    for name in unique:
        if name not in METRICS:
            raise InputError(
                f"metrics must be names among {', '.join(METRICS)}, got {name!r}"
            )
    if not unique:
        raise InputError("metrics must be at least one name, got none")
    return unique


def evaluate(
    fused: Any,
    sources: Any,
    *,
    metrics: Sequence[str] | None = None,
    convention: str | None = None,
) -> MetricValues:
    """Compute several metrics of one fused image.

    Parameters
    ----------
    fused : array_like, shape (H, W)
        The fused image, in [0, 1].
    sources : sequence of array_like, shape (H, W)
        K >= 2 source images, in [0, 1].
    metrics : sequence of str, optional
        Names from :data:`METRICS`; by default all that the size of the image admits
        (:attr:`Metric.smallest`).
    convention : {"published", "exact"}, optional
        The convention for all; by default the one of each metric (``published``).

    Returns
    -------
    MetricValues
        The values in the order asked for, with their conventions.

    Raises
    ------
    InputError
        If an argument is not valid, a name is unknown, or the image is smaller than
        a metric that was asked for needs.

    Examples
    --------
    >>> import numpy as np
    >>> dark, light = np.zeros((3, 3)), np.ones((3, 3))
    >>> values = evaluate(dark, [dark, light], metrics=["PSNR"])
    >>> round(values["PSNR"], 4)
    3.0103
    """
    names = None if metrics is None else check_names(metrics)
    if convention is not None:
        check_choice(convention, "convention", CONVENTIONS)
    fused, images = prepare(fused, sources, CONVENTIONS[0], "metrics")
    if names is None:
        side = min(fused.shape)
        names = [name for name, metric in METRICS.items() if metric.smallest <= side]
    conventions = {n: convention or METRICS[n].default_convention for n in names}

    def compute(task: str) -> dict[str, float]:
        if task != "edges":
            value = METRICS[task](fused, images, convention=conventions[task])
            return {task: value}
        edges = edge_preservation(
            fused, images, convention=convention or CONVENTIONS[0]
        )
        return {"Q_abf": edges.q_abf, "L_abf": edges.l_abf, "N_abf": edges.n_abf}

    # three of the metrics are sums over the same maps
    tasks = list(dict.fromkeys("edges" if n in _EDGE_METRICS else n for n in names))
    found: dict[str, float] = {}
    for part in parallel_map(compute, tasks):
        found |= part
    values = {name: found[name] for name in names}
    return MetricValues(values, conventions)
