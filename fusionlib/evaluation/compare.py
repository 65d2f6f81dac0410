"""Compare methods on many pairs: our own ones, and folders of results of any program.

Each method is given the same pairs, and each fused image, in 8 bits as it is saved,
the same metrics. What is told about a method is the mean over the pairs, with a 95%
confidence interval by Student's t, its rank in each metric, and the mean of the ranks.
"""

from __future__ import annotations

import dataclasses
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._registry import CONVENTIONS
from ..baselines import METHODS
from ..config import PRESETS, FusionConfig
from ..data import VIFB, Pair, load_pair, vifb_pairs
from ..errors import InputError, some
from ..images.colour import COLOUR, take_grey
from ..images.io import read_levels, to_uint8, write_image
from ..images.validation import as_array, check_choice, check_same_shape
from ..metrics import check_names, evaluate
from ..metrics.registry import defined
from .comparison import Comparison
from .pairing import FilePair, find_named
from .runner import Item, Runner, array_digest, code_digest

if TYPE_CHECKING:
    from ..fusion import Model
    from ..vgg.weights import VGGWeights
    from .pools import Pool
    from .runner import Progress, Record

__all__ = ["Plan", "compare"]

#: What the sources are called.
BANDS = ("IR", "VIS")


def compare(
    pairs: Any,
    methods: Sequence[str] = (),
    *,
    fused: Mapping[str, Any] | None = None,
    metrics: Sequence[str] | None = None,
    convention: str | None = None,
    colour: str = "luminance",
    weights: str | os.PathLike[str] | VGGWeights | None = None,
    output: str | os.PathLike[str] | None = None,
) -> Comparison:
    """Compare methods and folders of results on pairs.

    Parameters
    ----------
    pairs : str, int, Pair, FilePair, or sequence of them
        Names for :func:`fusionlib.data.load_pair` (``"vifb"`` for all of VIFB), what it
        returned, or what :func:`fusionlib.evaluation.pairing.find_pairs` returns. One
        is enough.
    methods : sequence of str, optional
        Methods to run: names of presets for this one, and those of
        :func:`fusionlib.baselines.list_methods`.
    fused : mapping of str to str, mapping or array_like, optional
        Results of other programs by the name of each program: a folder or a pattern,
        whose files are found by the names of the pairs; or arrays by the names of the
        pairs; or of a single pair, the array.
    metrics : sequence of str, optional
        Names of metrics; by default all of the convention.
    convention : str, optional
        See :func:`fusionlib.metrics.evaluate`; ``published`` by default.
    colour : {"luminance", "channels"}, optional
        How our methods fuse colour, see :mod:`fusionlib.images.colour`.
    weights : str, path-like or VGGWeights, optional
        See :func:`fusionlib.vgg.weights.load_weights`.
    output : path-like, optional
        Folder for the fused images of our methods, the values and the tables. What is
        in it already is not computed again.

    Returns
    -------
    Comparison
        Values, means, intervals and ranks, which write tables; of a single pair also
        the images, if there is no ``output``.

    Raises
    ------
    InputError
        If an argument is not valid, images are missing or have other sizes, or a
        method fails.

    Examples
    --------
    >>> result = compare("street", ["mean", "maximum"], metrics=["SSIM_a"])
    >>> result.methods
    ('mean', 'maximum')
    """
    plan = Plan.of(
        pairs,
        methods=methods,
        fused=fused,
        metrics=metrics,
        convention=convention,
        colour=colour,
        weights=weights,
    )
    result = plan.run(output)
    if output is not None:
        result.write(output)
    return result


@dataclass(frozen=True, eq=False)
class _Source:
    """A pair, as it was given."""

    given: Any

    @property
    def name(self) -> str:
        name = self.given if isinstance(self.given, str) else self.given.name
        return name.rpartition(":")[2]

    def load(self) -> list[NDArray[Any]]:
        """Return infrared and visible; grey in three channels becomes grey."""
        given = self.given
        if isinstance(given, FilePair):
            files = zip((given.ir, given.vis), BANDS, strict=True)
            images: list[Any] = [read_levels(*file) for file in files]
        else:
            pair = load_pair(given) if isinstance(given, str) else given
            images = list(pair.sources)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # said once, when the plan is made
            return take_grey(images)[0]


def _as_sources(pairs: Any) -> list[_Source]:
    """Return pairs that may be given in several forms."""
    one = isinstance(pairs, str | int | Pair | FilePair)
    sources: list[_Source] = []
    for pair in [pairs] if one else list(pairs):
        if str(pair).strip().lower() == VIFB:
            if not (names := vifb_pairs()):
                raise InputError(
                    "pairs: vifb is not on this machine; get it with "
                    "'fusionlib data fetch vifb'"
                )
            sources += map(_Source, names)
        elif isinstance(pair, str | int):
            # The name as it is written, and only if the pair is there.
            sources.append(_Source(load_pair(pair).name))
        elif isinstance(pair, Pair | FilePair):
            sources.append(_Source(pair))
        else:
            raise InputError(
                "pairs must hold names, Pair or FilePair, got an object of type "
                f"{type(pair).__name__}"
            )
    names = [source.name for source in sources]
    if not names or len(set(names)) < len(names):
        twice = [name for name in names if names.count(name) > 1]
        raise InputError(
            f"pairs must have different names, got {twice[0]!r} twice"
            if twice
            else "pairs must hold at least one pair, got none"
        )
    return sources


@dataclass(frozen=True, eq=False)
class _Task:
    """One method on one pair; ``fused`` is a file or an array, of other programs."""

    source: _Source
    method: str | None
    fused: Any
    output: Path | None = None


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be compared; make it by :meth:`of`.

    Attributes
    ----------
    sources : list
        The pairs.
    entries : dict of str to dict or None
        For each method, the fused image of each pair; None for our own.
    metrics : tuple of str
        Names of metrics.
    convention : str or None
        Convention of the metrics.
    colour : str
        How our methods fuse colour.
    weights : VGGWeights or None
        Weights, if one of our methods needs them.
    """

    sources: list[_Source]
    entries: dict[str, Mapping[str, Any] | None]
    metrics: tuple[str, ...]
    convention: str
    colour: str
    weights: VGGWeights | None = None

    @classmethod
    def of(
        cls,
        pairs: Any,
        *,
        methods: Sequence[str] = (),
        fused: Mapping[str, Any] | None = None,
        metrics: Sequence[str] | None = None,
        convention: str | None = None,
        colour: str = "luminance",
        weights: Any = None,
    ) -> Plan:
        """Check what :func:`compare` is given.

        Raises
        ------
        InputError
            If an argument is not valid.
        """
        convention = check_choice(
            convention or next(iter(CONVENTIONS)), "convention", tuple(CONVENTIONS)
        )
        check_choice(colour, "colour", COLOUR)
        sources = _as_sources(pairs)
        entries: dict[str, Mapping[str, Any] | None] = {}
        for name in [methods] if isinstance(methods, str) else methods:
            check_choice(name, "methods", (*PRESETS, *METHODS))
            entries[name] = None
        for name, given in (fused or {}).items():
            if name in entries:
                raise InputError(f"fused: {name} is one of methods, too; rename it")
            entries[name] = _fused_of(name, given, [s.name for s in sources])
        if not entries:
            raise InputError(
                "methods and fused hold no method to compare, got none; say for "
                "example methods=['paper', 'cbf']"
            )
        needed = any(name in PRESETS for name in entries if entries[name] is None)
        if needed:
            from ..vgg.weights import load_weights

            weights = load_weights(weights)
        names = check_names(metrics) if metrics is not None else None
        return cls(
            sources,
            entries,
            tuple(names or _metrics_of(convention, sources)),
            convention,
            colour,
            weights if needed else None,
        )

    def without_missing(self) -> Plan:
        """Return the plan of the pairs for which every method has an image."""
        kept = [
            source
            for source in self.sources
            if all(f is None or source.name in f for f in self.entries.values())
        ]
        if not kept:
            raise InputError("fused: no pair has an image of every method")
        return dataclasses.replace(self, sources=kept)

    def run(
        self,
        folder: str | os.PathLike[str] | None = None,
        pool: Pool | None = None,
        progress: Progress | None = None,
    ) -> Comparison:
        """Fuse and measure.

        Parameters
        ----------
        folder : path-like, optional
            Where results are kept; what is there already is not done again. Without
            it everything is done here, and nothing is kept.
        pool, progress
            See :meth:`fusionlib.evaluation.runner.Runner.run`.

        Returns
        -------
        Comparison
            The values.

        Raises
        ------
        InputError
            If images are missing or have other sizes, the folder holds something
            else, or a method fails.
        """
        digests = self._check()
        tasks = [
            _Task(
                source, name if files is None else None, (files or {}).get(source.name)
            )
            for name, files in self.entries.items()
            for source in self.sources
        ]
        worker = _Worker(self.metrics, self.convention, self.colour, self.weights)
        images: dict[str, NDArray[Any]] = {}
        if folder is None:
            if len(self.sources) == 1:
                worker.kept = self.sources[0].load()
            found = [worker(task) for task in tasks]
            if worker.kept is not None:
                names = (*BANDS, *self.entries)
                images = dict(zip(names, worker.kept, strict=True))
        else:
            with Runner(folder) as runner:
                items = self._items(tasks, digests, runner.folder)
                settings = {item.group: item.settings for item in items}
                runner.check_settings(settings, ("metrics", "convention"))
                records = runner.run(items, worker, pool, progress)
            found = [record["value"] for record in _all_done(records)]
        pairs = tuple(source.name for source in self.sources)
        rows = np.array([[float(x) for x in values] for values in found])
        values = rows.reshape(len(self.entries), len(pairs), len(self.metrics))
        return Comparison(
            tuple(self.entries), pairs, self.metrics, self.convention, values,
            self._provenance(), images,
        )  # fmt: skip

    def _check(self) -> dict[tuple[str, str], str]:
        """Refuse missing images and other sizes; return digests of all images."""
        missing = [
            f"{source.name} of {name}"
            for name, files in self.entries.items()
            for source in self.sources
            if files is not None and source.name not in files
        ]
        if missing:
            raise InputError(f"fused: there is no image for {some(missing)}")
        digests, wrong = {}, []
        for source in self.sources:
            images = source.load()
            check_same_shape(images, [f"{band} of {source.name}" for band in BANDS])
            digests["", source.name] = array_digest(*images)
            for name, files in self.entries.items():
                if files is None:
                    continue
                image = _fused_image(name, files[source.name])
                digests[name, source.name] = array_digest(image)
                if image.shape[:2] != images[0].shape[:2]:
                    size = "x".join(map(str, image.shape[:2]))
                    wrong.append(f"{source.name} of {name} ({size})")
        if wrong:
            raise InputError(
                "fused: images must have the size of their sources, which have not "
                f"{some(wrong)}"
            )
        return digests

    def _items(
        self, tasks: list[_Task], digests: Mapping[tuple[str, str], str], folder: Path
    ) -> list[Item]:
        """Return the work on each task, with all that decides its result."""
        shared = {"metrics": list(self.metrics), "convention": self.convention}
        order = [name for name in self.entries for _ in self.sources]
        items = []
        for name, task in zip(order, tasks, strict=True):
            inputs = {"sources": digests["", task.source.name]}
            settings = shared | {"code": code_digest("metrics")}
            files: tuple[str, ...] = ()
            if task.method is None:
                inputs["fused"] = digests[name, task.source.name]
            else:
                settings |= _settings(task.method, self.colour, self.weights)
                files = (f"{name}/{task.source.name}.png",)
                task = _Task(task.source, task.method, None, folder / files[0])
            title = f"{name}/{task.source.name}"
            items.append(Item(title, inputs, settings, files, (task,), group=name))
        return items

    def _provenance(self) -> dict[str, Any]:
        weights = self.weights.label if self.weights is not None else None
        return {"colour": self.colour, "weights": weights}


def _settings(method: str, colour: str, weights: VGGWeights | None) -> dict[str, Any]:
    """Return what decides the images of one of our methods."""
    own: dict[str, Any] = {
        "colour": colour,
        "code": code_digest("baselines", "metrics"),
    }
    if method in PRESETS and weights is not None:
        own["config"] = FusionConfig.preset(method).as_dict()
        own["weights"] = weights.sha256
    return own


def _metrics_of(convention: str, sources: list[_Source]) -> list[str]:
    """Return the metrics of a convention that all pairs are large enough for."""
    side = min(min(source.load()[0].shape[:2]) for source in sources)
    return defined(convention, side)


def _fused_of(name: str, given: Any, pairs: list[str]) -> dict[str, Any]:
    """Return the results of a program by the name of the pair."""
    if isinstance(given, str | os.PathLike):
        return dict(find_named(pairs, os.fspath(given), f"fused {name}"))
    if isinstance(given, Mapping):
        return {str(pair).rpartition(":")[2]: image for pair, image in given.items()}
    if len(pairs) > 1:
        raise InputError(
            f"fused {name} must be a folder or images by the names of pairs, got an "
            f"object of type {type(given).__name__} for {len(pairs)} pairs"
        )
    return {pairs[0]: given}


def _fused_image(name: str, given: Any) -> NDArray[Any]:
    """Return a fused image of another program, in 8 bits."""
    if isinstance(given, str | os.PathLike):
        return read_levels(given, f"fused {name}")
    image = as_array(given, f"fused {name}")
    return image if image.dtype == np.uint8 else to_uint8(image)


def _all_done(records: list[Record]) -> list[Record]:
    failed = [f"{r['name']}: {r['error']}" for r in records if r["result"] != "done"]
    if failed:
        raise InputError(
            f"{len(failed)} of {len(records)} images failed, {failed[0]}; what is done "
            "is kept, and the same call goes on"
        )
    return records


@dataclass(eq=False)
class _Worker:
    """Fuses and measures; sent to each process, where it loads the network once."""

    metrics: tuple[str, ...]
    convention: str
    colour: str
    weights: VGGWeights | None = None
    kept: list[NDArray[Any]] | None = None
    _models: dict[str, Model] = field(default_factory=dict)

    def __call__(self, task: _Task) -> list[float | str]:
        """Return the values; text where JSON has no number."""
        sources = task.source.load()
        if task.method is None:
            fused = _fused_image("", task.fused)
        else:
            fused = to_uint8(self._fuse(task.method, sources))
            if task.output is not None:
                write_image(task.output, fused)
        if self.kept is not None:
            self.kept.append(fused)
        values = evaluate(
            fused, sources, metrics=self.metrics, convention=self.convention
        )
        return [x if math.isfinite(x) else str(x) for x in values.values()]

    def _fuse(self, method: str, sources: list[NDArray[Any]]) -> NDArray[Any]:
        if method in METHODS:
            return METHODS[method](sources, colour=self.colour)
        from ..fusion import fuse_image, load_model

        if not self._models:
            self._models[""] = load_model(self.weights)
        config = FusionConfig.preset(method, colour=self.colour)
        return fuse_image(sources, config=config, weights=self._models[""])[0]
