"""The register of metrics, and computing several of them at once.

A metric is a function in the module of its family with the decorator ``metric``,
which holds all that is known about it. Tables, the command line, the reference and the
tests that every metric has to pass read :data:`METRICS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from types import MappingProxyType
from typing import Any

import numpy as np

from .._compute import parallel_map
from .._registry import CONVENTIONS, as_table, complete, insert
from ..data import open_sources
from ..errors import InputError, hint
from ..images.validation import (
    Image,
    as_colour,
    as_image,
    as_list,
    check_choice,
    is_colour,
)
from ._common import check_order, prepare, takes_images

__all__ = [
    "CONVENTIONS",
    "GROUPS",
    "METRICS",
    "PAPER_METRICS",
    "Metric",
    "MetricValues",
    "check_names",
    "evaluate",
    "list_metrics",
]

#: Families of metrics by their modules, in the order of the tables.
GROUPS = (
    "gradient", "phase", "fmi", "structural", "similarity", "perceptual", "fidelity",
    "information", "statistics",
)  # fmt: skip

#: The four metrics of the paper's Table I.
PAPER_METRICS = ("FMI_dct", "FMI_w", "SSIM_a", "N_abf")

#: Metrics that VIFB computes of one wide image, the channels side by side; of all
#: others it takes the mean of the channels.
SIDE_BY_SIDE = ("SF",)

#: How many values of a convention the representation of MetricValues has.
SHOWN = 8


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
    smallest : int
        Smallest side of an image, in pixels, on which it is defined.
    group : str
        Its family, one of ``GROUPS``.
    conventions : mapping of str to str
        What is computed under each of its conventions; the first is the default.
    reference : str
        Where the definition comes from.
    function : callable
        ``function(fused, sources)`` returns the value. It takes the keyword
        ``convention`` only if there are two conventions or more.
    whole, part : callable
        ``part(whole(fused, sources))`` is the value as well. Metrics that are read
        from one result have the same ``whole``.
    """

    name: str
    symbol: str
    title: str
    direction: str
    range: tuple[float, float]
    smallest: int
    group: str
    conventions: Mapping[str, str]
    reference: str
    function: Callable[..., float]
    whole: Callable[..., Any]
    part: Callable[[Any], float]

    def resolve(self, convention: str | None = None) -> str | None:
        """Return the convention that is used when one is asked for.

        Parameters
        ----------
        convention : str, optional
            Name of a convention; by default the first of the metric.

        Returns
        -------
        str or None
            The convention itself; the one that stands in for it if the metric does not
            have it; None if the metric has neither.
        """
        if convention is None:
            return next(iter(self.conventions))
        for name in (convention, CONVENTIONS[convention].stand_in):
            if name in self.conventions:
                return name
        return None

    def options(self, convention: str | None = None) -> dict[str, str]:
        """Return the keywords of ``function`` and ``whole`` for a convention.

        Raises
        ------
        InputError
            If the metric has neither the convention nor one that stands in for it.
        """
        if convention is not None:
            check_choice(convention, "convention", tuple(CONVENTIONS))
        resolved = self.resolve(convention)
        if resolved is None:
            raise InputError(
                f"convention must be one of {', '.join(self.conventions)} for "
                f"{self.name}, got {convention!r}"
            )
        return {"convention": resolved} if len(self.conventions) > 1 else {}

    def __call__(
        self, fused: Any, sources: Any, *, convention: str | None = None
    ) -> float:
        """Compute it; see ``function``."""
        return self.function(fused, sources, **self.options(convention))


_METRICS: dict[str, Metric] = {}

#: All metrics by name; the paper's four first.
#:
#: :meta hide-value:
METRICS: Mapping[str, Metric] = MappingProxyType(_METRICS)


def metric(
    name: str,
    symbol: str,
    title: str,
    *,
    range: tuple[float, float],
    reference: str,
    direction: str = "higher",
    conventions: str | Mapping[str, str] = "",
    smallest: int = 1,
) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Register a function as a metric; the arguments are those of :class:`Metric`.

    Conventions and smallest size are for :func:`takes_images`, which is applied to the
    function first. Leave them out if ``part_of`` has made it.
    """

    def register(function: Callable[..., float]) -> Callable[..., float]:
        group = function.__module__.rpartition("._")[2]
        if "facts" not in vars(function):
            function = takes_images(name, conventions, smallest)(function)
        returns = (
            f"float\n    From {range[0]:g} to {range[1]:g}; {direction} is better."
        )
        complete(function, {"Returns": returns})
        entry = Metric(
            name=name,
            symbol=symbol,
            title=title,
            direction=direction,
            range=range,
            group=group,
            reference=reference,
            function=function,
            **vars(function)["facts"],
        )
        insert(_METRICS, entry, _place)
        return function

    return register


def _place(metric: Metric) -> int:
    """Return the place of a metric in tables; those of a family stay in order."""
    if metric.name in PAPER_METRICS:
        return PAPER_METRICS.index(metric.name)
    return len(PAPER_METRICS) + GROUPS.index(metric.group)


def list_metrics() -> list[Metric]:
    """Return all metrics, the paper's four first."""
    return list(METRICS.values())


def describe() -> str:
    """Return conventions and metrics in reStructuredText, for the reference."""
    conventions = [f"* ``{name}``: {c.title}." for name, c in CONVENTIONS.items()]
    rows = [
        [
            f":func:`{m.name} <{m.function.__name__}>`",
            f"{m.title}; {m.direction} is better",
            ", ".join(m.conventions),
            m.reference,
        ]
        for m in METRICS.values()
    ]
    table = as_table(["Metric", "What it measures", "Conventions", "Source"], rows)
    return "\n".join([*conventions, "", table])


class MetricValues(Mapping[str, float]):
    """Values by name, with the convention that each was computed with.

    Behaves as a read-only mapping of names to floats.

    Attributes
    ----------
    conventions : dict of str to str
        The convention of each value.
    computed_on : str
        ``grey``; or of colour images ``luminance``, or ``channels``: their mean.
    """

    def __init__(
        self,
        values: Mapping[str, float],
        conventions: Mapping[str, str],
        computed_on: str = "grey",
    ) -> None:
        self._values = dict(values)
        self.conventions = dict(conventions)
        self.computed_on = computed_on

    def __getitem__(self, name: str) -> float:
        if name not in self._values:
            raise KeyError(f"no value of {name!r}{hint(name, self)}")
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        parts = []
        for convention in dict.fromkeys(self.conventions.values()):
            names = [n for n, used in self.conventions.items() if used == convention]
            values = ", ".join(f"{name}={self[name]:.4g}" for name in names[:SHOWN])
            more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            parts.append(f"{values}{more} ({convention})")
        return f"MetricValues({'; '.join(parts)})"

    def _repr_html_(self) -> str:
        from ..display import table

        arrows = {"higher": "↑", "lower": "↓"}
        rows = []
        for name, value in self.items():
            metric, used = METRICS[name], self.conventions[name]
            title = f"{name} {arrows[metric.direction]}"
            rows.append((title, f"{value:.5g}", metric.title, used))
        header = ("Metric", "Value", "What it measures", "Convention")
        return table(
            header, rows, f"computed on {self.computed_on}; ↑ higher is better"
        )


def check_names(names: Sequence[str] | str) -> list[str]:
    """Return names of metrics, each once, in the order given.

    Parameters
    ----------
    names : sequence of str, or str
        Names of metrics.

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
        check_choice(name, "metrics", tuple(METRICS))
    if not unique:
        raise InputError("metrics must be at least one name, got none")
    return unique


def defined(convention: str | None, side: float) -> list[str]:
    """Return the metrics that a convention has for images of this smallest side."""
    return [
        metric.name
        for metric in METRICS.values()
        if metric.smallest <= side and metric.resolve(convention) is not None
    ]


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
    fused : array_like, shape (H, W) or (H, W, 3), or FusionResult
        The fused image, in [0, 1].
    sources : sequence of array_like, shape (H, W) or (H, W, 3), or Pair
        K >= 2 source images, in [0, 1], or what :func:`fusionlib.fusion.fuse` takes.
    metrics : sequence of str, optional
        Names from :data:`~fusionlib.metrics.registry.METRICS`; by default all that
        have the convention and that the size of the image admits.
    convention : str, optional
        Name of a convention, for all metrics; by default the first of each
        (``published``). Of colour images, ``vifb`` evaluates each channel, with grey
        ones repeated, and takes the mean; all others evaluate the luminance.

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
    check_order(fused, sources)
    fused, sources = getattr(fused, "image", fused), open_sources([sources])
    names = None if metrics is None else check_names(metrics)
    if convention is not None:
        check_choice(convention, "convention", tuple(CONVENTIONS))
    planes, computed_on = _planes(fused, sources, convention)
    side = min(planes[0][0].shape)
    names = defined(convention, side) if names is None else names
    chosen = [METRICS[name] for name in names]
    # metrics that are read from one result share its computation
    options = {metric.whole: metric.options(convention) for metric in chosen}
    wide = {metric.whole for metric in chosen if metric.name in SIDE_BY_SIDE}
    jobs = [
        (whole, plane)
        for whole in options
        for plane in ([_beside(planes)] if whole in wide else planes)
    ]
    results = parallel_map(lambda job: job[0](*job[1], **options[job[0]]), jobs)
    found: dict[Callable[..., Any], list[Any]] = {whole: [] for whole in options}
    for (whole, _), result in zip(jobs, results, strict=True):
        found[whole].append(result)
    return MetricValues(
        {m.name: fmean(map(m.part, found[m.whole])) for m in chosen},
        {metric.name: str(metric.resolve(convention)) for metric in chosen},
        computed_on,
    )


def _planes(
    fused: Any, sources: Any, convention: str | None
) -> tuple[list[tuple[Image, list[Image]]], str]:
    """Return the grey images to evaluate, of each channel, and what they are."""
    from ..images.colour import luminance

    items = [fused, *as_list(sources)]
    if not any(is_colour(item) for item in items):
        return [prepare(fused, sources)], "grey"
    names = ["fused", *(f"sources[{k}]" for k in range(len(items) - 1))]
    pairs = list(zip(items, names, strict=True))
    if convention is None or not CONVENTIONS[convention].by_channel:
        first, *others = (luminance(item, name) for item, name in pairs)
        return [prepare(first, others)], "luminance"
    stacks = [
        np.moveaxis(as_colour(item, name), -1, 0)
        if is_colour(item)
        else [as_image(item, name)] * 3
        for item, name in pairs
    ]
    channels = zip(*stacks, strict=True)
    return [prepare(first, others) for first, *others in channels], "channels"


def _beside(planes: list[tuple[Image, list[Image]]]) -> tuple[Image, list[Image]]:
    """Return the channels side by side, in one wide image each."""
    by_image = zip(*([fused, *sources] for fused, sources in planes), strict=True)
    first, *others = (np.concatenate(channels, axis=1) for channels in by_image)
    return first, others
