"""The paper's evaluation, computed again: every method on every pair.

The folder of a run holds the fused images, the manifest of
:mod:`fusionlib.evaluation.runner`, and the tables of
:mod:`fusionlib.evaluation.tables`. A run can be stopped or killed at any time, and
loses at most what was in progress. Means are taken only over what was made by the same
code with the same parameters and weights.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._compute import processors
from ..config import FusionConfig
from ..errors import InputError
from ..images.io import (
    atomic_path,
    check_folder,
    file_digest,
    is_file,
    read_image,
    remove_unfinished,
    to_uint8,
    write_image,
)
from ..images.validation import check_choice, check_positive_int
from .pools import Pool, Processes
from .runner import (
    Item,
    Record,
    Runner,
    code_digest,
    progress_bar,
    write_csv,
)
from .tables import DEFAULT_METHODS, METRICS, Result, draw_figure_7, table_1, table_2

if TYPE_CHECKING:
    from ..vgg.weights import VGGWeights

logger = logging.getLogger(__name__)


class Column(NamedTuple):
    """How a method is evaluated."""

    #: Where the released evaluation differs from the defaults of the method.
    parameters: Mapping[str, Any] = {}
    #: The authors' dictionary in their folder; {} stands for the pair's number.
    file: str = ""
    #: Which dictionary is used without that file.
    without: str = ""


#: Without a file of the authors, JSR and JSRSD share one dictionary.
LEARNED = "learned from the pair"

_COLUMNS = {
    "proposed": Column({"preset": "released", "precision": "fp32"}),
    "convsr": Column({}, "convsr_dictionary.mat", "shipped"),
    **dict.fromkeys(
        ("jsr", "jsrsd"),
        Column(
            {"convention": "published"}, "jsr_dictionaries/D_unit7_im{}.dat", LEARNED
        ),
    ),
}


def _column(method: str) -> Column:
    return _COLUMNS.get(method, Column())


def method_names() -> list[str]:
    """Return the names that can be reproduced: the paper's method and all others."""
    from ..baselines import list_methods

    return ["proposed", *list_methods()]


@dataclass(eq=False)
class Evaluator:
    """What a worker needs to fuse pairs and to evaluate the results.

    Parameters
    ----------
    weights : VGGWeights, optional
        The nine convolutions, for the paper's method.
    """

    weights: VGGWeights | None = None

    def __call__(
        self, method: str, number: int, path: Path, dictionary: Path | None = None
    ) -> Result:
        """Fuse the real pair of a number, write the image, evaluate it as written.

        ``method`` is one of :func:`method_names`, and ``dictionary`` a file for a
        method that takes one. Returns a line of the results: the metrics in the
        published convention, and ``seconds`` of the fusion.
        """
        from ..data import load_pair
        from ..metrics import evaluate

        sources = load_pair(number).sources
        start = time.perf_counter()
        fused = self._fuse(method, sources, dictionary)
        seconds = time.perf_counter() - start
        # The values are of the image as it is stored: on 8-bit levels.
        write_image(path, to_uint8(fused))
        values = evaluate(
            read_image(path), sources, metrics=METRICS, convention="published"
        )
        used = _column(method).without if dictionary is None else dictionary.name
        label = self.weights.label if self.weights and method == "proposed" else ""
        return {
            "method": method,
            "image": number,
            **{name: float(values[name]) for name in METRICS},
            "seconds": round(seconds, 2),
            "dictionary": LEARNED if used.startswith("learned") else used,
            "weights": label,
        }

    def _fuse(self, method: str, sources: Any, dictionary: Path | None) -> Any:
        parameters = dict(_column(method).parameters)
        if method == "proposed":
            from ..fusion import fuse

            config = FusionConfig.preset(parameters.pop("preset"), **parameters)
            weights = self.weights
            return fuse(sources, config=config, weights=weights, device="cpu").image
        from ..baselines import get_method

        if dictionary is not None:
            parameters["dictionary"] = dictionary
        return get_method(method).function(sources, **parameters)


def _learn(number: int, path: Path) -> None:
    """Write the dictionary that is learned from a pair."""
    from safetensors.numpy import save_file

    from ..baselines import learn_patch_dictionary
    from ..data import load_pair

    dictionary = learn_patch_dictionary(load_pair(number).sources)
    with atomic_path(path) as temporary:
        save_file({"D": np.ascontiguousarray(dictionary)}, temporary)


def authors_dictionary(method: str, number: int, folder: Path | None) -> Path | None:
    """Return the authors' dictionary for a method, if the folder has it."""
    file = _column(method).file
    if folder is None or not file:
        return None
    path = folder / file.format(number)
    return path if is_file(path, "dictionaries") else None


def _sources(number: int) -> list[str]:
    from ..data import data_dir

    return [file_digest(data_dir() / f"{band}{number}.png") for band in ("IR", "VIS")]


def reproduce(
    output: str | os.PathLike[str],
    *,
    methods: Iterable[str] | None = None,
    numbers: Iterable[int] | None = None,
    weights: str | None = None,
    dictionaries: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: bool = False,
) -> list[str]:
    """Run methods on real pairs and write images, tables and Figure 7.

    Parameters
    ----------
    output : path-like
        Folder to write to; what is finished there is not computed again.
    methods : iterable of str, optional
        Names from :func:`method_names`; the paper's six by default.
    numbers : iterable of int, optional
        Numbers of pairs; all 21 by default.
    weights : str, optional
        Weights of the paper's method; see :func:`fusionlib.vgg.weights.load_weights`.
    dictionaries : path-like, optional
        Folder with ``convsr_dictionary.mat`` and ``jsr_dictionaries``; without it,
        or for files that it lacks, ConvSR uses the dictionary that ships, and JSR
        and JSRSD learn one from the pair.
    workers : int, optional
        Number of processes; one a processor by default.
    progress : bool, optional
        Show a progress bar on stderr.

    Returns
    -------
    list of str
        One line for each item that failed; the others are done.

    Raises
    ------
    InputError
        If an argument is not valid, a pair is not on this machine, or the folder holds
        results that were made with other settings.
    """
    names, wanted = _selection(methods, numbers)
    pool = Processes(processors() if workers is None else workers)
    folder = None
    if dictionaries is not None:
        folder = check_folder(dictionaries, "dictionaries")
    evaluator = Evaluator()
    if "proposed" in names:
        from ..vgg.weights import load_weights

        evaluator.weights = load_weights(weights)
    settings = {name: _settings(name, evaluator) for name in names}
    plan = {
        (name, number): authors_dictionary(name, number, folder)
        for name in names
        for number in wanted
    }
    with Runner(output) as runner:
        runner.check_settings(settings, shared=("evaluation",))
        failures = _learn_dictionaries(runner, plan, pool)
        items = [
            _item(runner.folder, name, number, settings[name], path)
            for (name, number), path in plan.items()
            if (name, number) not in failures
        ]
        logger.info("reproduce: %d images", len(items))
        with progress_bar(len(items), "image", progress) as advance:
            records = runner.run(items, evaluator, pool, advance)
        for item, record in zip(items, records, strict=True):
            if record["result"] == "failed":
                failures[item.arguments[:2]] = record["error"]
        _write_tables(runner.folder, _results(runner))
    return [f"{name} on image {k}: {error}" for (name, k), error in failures.items()]


def _selection(
    methods: Iterable[str] | None, numbers: Iterable[int] | None
) -> tuple[list[str], list[int]]:
    """Return the methods and the numbers of the pairs, which must all be there."""
    from ..data import NUMBERS, load_pair

    names = list(dict.fromkeys(DEFAULT_METHODS if methods is None else methods))
    for name in names:
        check_choice(name, "methods", method_names())
    wanted = sorted(set(NUMBERS if numbers is None else numbers))
    for number in wanted:
        if check_positive_int(number, "images") not in NUMBERS:
            raise InputError(f"images must be numbers from 1 to 21, got {number}")
        load_pair(number)
    if not names or not wanted:
        raise InputError("methods and images must not be empty")
    return names, wanted


def _settings(method: str, evaluator: Evaluator) -> Record:
    """Return what must be the same in a column of the tables."""
    settings: Record = {
        "code": code_digest("baselines"),
        "parameters": dict(_column(method).parameters),
        "evaluation": {
            "code": code_digest("metrics"),
            "metrics": METRICS,
            "convention": "published",
        },
    }
    if evaluator.weights is not None and method == "proposed":
        weights = {"weights": evaluator.weights.sha256, "device": "cpu"}
        settings |= {"code": code_digest("fusion")} | weights
    return settings


def _learn_dictionaries(
    runner: Runner, plan: dict[tuple[str, int], Path | None], pool: Pool
) -> dict[tuple[str, int], str]:
    """Learn a dictionary for each pair that needs one, and put it into the plan.

    JSR and JSRSD share it. Returns why for those that cannot be had.
    """
    users: dict[int, list[tuple[str, int]]] = {}
    for (name, number), path in plan.items():
        if path is None and _column(name).without == LEARNED:
            users.setdefault(number, []).append((name, number))
    settings = {"code": code_digest("baselines")}
    items = []
    for number in users:
        file = f"dictionaries/learned{number}.safetensors"
        name, inputs = f"dictionary {number}", {"sources": _sources(number)}
        arguments = number, runner.folder / file
        items.append(Item(name, inputs, settings, (file,), arguments, "dictionary"))
    failures = {}
    for item, record in zip(items, runner.run(items, _learn, pool), strict=True):
        for key in users[item.arguments[0]]:
            plan[key] = item.arguments[1]
            if record["result"] == "failed":
                failures[key] = record["error"]
    return failures


def _item(
    folder: Path, method: str, number: int, settings: Record, dictionary: Path | None
) -> Item:
    inputs = {"sources": _sources(number)}
    if dictionary is not None:
        inputs["dictionary"] = [file_digest(dictionary)]
    file = f"fused/{method}{number}.png"
    arguments = method, number, folder / file, dictionary
    return Item(f"{method}{number}", inputs, settings, (file,), arguments, method)


def _results(runner: Runner) -> list[Result]:
    """Return a line for each result in the folder, by method and image.

    Those whose sources or images have changed since are left out.
    """
    order = list(dict.fromkeys([*DEFAULT_METHODS, *method_names()]))
    results = []
    for name, record in runner.records.items():
        result = record.get("value")
        if record["result"] != "done" or record["group"] not in order or not result:
            continue
        same = record["inputs"].get("sources") == _sources(result["image"])
        if same and runner.has_files(record):
            results.append(result)
        else:
            logger.warning("reproduce: %s has changed and is left out", name)
    return sorted(results, key=lambda r: (order.index(r["method"]), r["image"]))


def _write_tables(folder: Path, results: Sequence[Result]) -> None:
    """Write ``table1.csv``, ``table2.csv``, ``results.csv`` and ``figure7.png``."""
    if not results:
        return
    write_csv(folder / "table1.csv", table_1(results))
    write_csv(folder / "table2.csv", table_2(results))
    digits = [{**r, **{name: f"{r[name]:.7f}" for name in METRICS}} for r in results]
    write_csv(folder / "results.csv", digits)
    figure, path = draw_figure_7(results), folder / "figure7.png"
    remove_unfinished([path])
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150)
