"""The paper's evaluation, computed again: Tables I and II, and Figure 7.

Each task is one method on one pair. It ends by writing the fused image and then, by
renaming, a small JSON file with its metrics; a task whose file is there, made with
the same inputs and settings, is not computed again. So a run can be stopped or
killed at any time, and loses at most the tasks in progress.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from .._compute import processors, thread_budget
from .._version import __version__
from ..errors import InputError, reason
from ..images.io import (
    atomic_path,
    check_folder,
    is_file,
    look_at,
    read_image,
    to_uint8,
    write_image,
)
from ..images.validation import check_choice, check_positive_int, check_workers

__all__ = [
    "DEFAULT_METHODS",
    "METRICS",
    "Published",
    "Task",
    "agreement",
    "draw_figure_7",
    "method_names",
    "published_table_1",
    "published_table_2",
    "read_records",
    "read_results",
    "reproduce",
    "run_task",
    "table_1",
    "table_2",
    "table_html",
    "write_tables",
]

logger = logging.getLogger(__name__)

#: One line of the results: a method on an image, and its metrics.
Result = dict[str, Any]

#: Columns of the paper's tables, in their order.
DEFAULT_METHODS = ("cbf", "wls", "jsr", "jsrsd", "convsr", "proposed")

#: Rows of Table I.
METRICS = ("FMI_dct", "FMI_w", "SSIM_a", "N_abf")

#: Methods whose released evaluation differs from the method itself.
_PUBLISHED = {
    "jsr": {"convention": "published"},
    "jsrsd": {"convention": "published"},
}

#: Methods that share one dictionary learned from the pair.
_LEARNING = ("jsr", "jsrsd")


@dataclass(frozen=True)
class Published:
    """A number as it is printed.

    Attributes
    ----------
    text : str
        Its digits.
    """

    text: str

    @property
    def value(self) -> float:
        """The number."""
        return float(self.text)

    @property
    def decimals(self) -> int:
        """How many decimals are printed."""
        return len(self.text.partition(".")[2])

    def agrees(self, ours: float) -> bool:
        """Return whether a value rounds to the printed digits."""
        return f"{ours:.{self.decimals}f}" == self.text


def _reference(name: str) -> list[dict[str, str]]:
    """Read a table that ships, without its first line, which says where it is from."""
    file = resources.files(__package__) / "reference_tables" / name
    lines = file.read_text("utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def published_table_1() -> dict[str, dict[str, Published]]:
    """Return Table I of the paper: means over the 21 pairs, by metric and method."""
    return {
        row["metric"]: {m: Published(row[m]) for m in DEFAULT_METHODS}
        for row in _reference("table1_means.csv")
    }


def published_table_2() -> dict[int, dict[str, Published]]:
    """Return Table II of the paper: N_abf by pair number and method."""
    return {
        int(row["image"]): {m: Published(row[m]) for m in DEFAULT_METHODS}
        for row in _reference("table2_nabf.csv")
    }


def method_names() -> list[str]:
    """Return the names that can be reproduced: the paper's method and all others."""
    from ..baselines import list_methods

    return ["proposed", *list_methods()]


@dataclass(frozen=True)
class Task:
    """One method on one pair.

    Attributes
    ----------
    method : str
        One of :func:`method_names`.
    number : int
        Number of the real pair, 1 to 21.
    output : pathlib.Path
        Folder of the whole run.
    weights : str or None
        Weights of the paper's method; see :func:`fusionlib.vgg.weights.load_weights`.
    weights_label : str
        Their name and what is unusual about them, empty for other methods.
    weights_sha256 : str
        Digest of their values, empty for other methods.
    dictionary : pathlib.Path or None
        Dictionary file for the methods that take one.
    """

    method: str
    number: int
    output: Path
    weights: str | None = None
    weights_label: str = ""
    weights_sha256: str = ""
    dictionary: Path | None = None

    @property
    def image_path(self) -> Path:
        """Where the fused image is written."""
        return self.output / "fused" / f"{self.method}{self.number}.png"

    @property
    def record_path(self) -> Path:
        """Where the metrics and their provenance are written."""
        return self.output / "records" / f"{self.method}{self.number}.json"

    def settings(self) -> dict[str, Any]:
        """Return what the result depends on, in a form that JSON keeps."""
        from ..data import data_dir

        folder = data_dir()
        settings: dict[str, Any] = {
            "version": __version__,
            "method": self.method,
            "image": self.number,
            "sources_sha256": [
                _sha256(folder / f"{band}{self.number}.png") for band in ("IR", "VIS")
            ],
            "parameters": _PUBLISHED.get(self.method, {}),
        }
        if self.method == "proposed":
            settings["parameters"] = {"preset": "released", "precision": "fp32"}
            settings["weights"] = self.weights_label
            settings["weights_sha256"] = self.weights_sha256
        if self.dictionary is not None:
            settings["dictionary"] = self.dictionary.name
            settings["dictionary_sha256"] = _sha256(self.dictionary)
        elif self.method in _LEARNING:
            settings["dictionary"] = "learned from the pair"
        elif self.method == "convsr":
            settings["dictionary"] = "shipped"
        return settings

    @property
    def learned_path(self) -> Path:
        """Where a dictionary learned from the pair is kept."""
        return self.output / "dictionaries" / f"learned{self.number}.safetensors"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _finished(task: Task, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the record of a task that is done with these settings, else None."""
    try:
        record = json.loads(task.record_path.read_text("utf-8"))
        same = record["settings"] == settings
        if same and record["image_sha256"] == _sha256(task.image_path):
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def run_task(task: Task) -> dict[str, Any]:
    """Fuse, write the image, evaluate it as written, and write the record.

    Parameters
    ----------
    task : Task
        What to do.

    Returns
    -------
    dict
        ``settings``, ``values`` (the metrics by name, published convention),
        ``seconds`` of the fusion, and ``image_sha256``.

    Raises
    ------
    InputError
        If the pair, the weights or the dictionary cannot be used.
    """
    from ..data import load_pair
    from ..metrics import evaluate

    sources = load_pair(task.number).sources
    settings = task.settings()
    start = time.perf_counter()
    fused = _fuse(task, sources)
    seconds = time.perf_counter() - start
    for path in (task.image_path, task.record_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    # The values are of the image as it is stored: on 8-bit levels.
    write_image(task.image_path, to_uint8(fused))
    values = evaluate(
        read_image(task.image_path), sources, metrics=METRICS, convention="published"
    )
    record = {
        "settings": settings,
        "values": {name: float(values[name]) for name in METRICS},
        "seconds": round(seconds, 2),
        "image_sha256": _sha256(task.image_path),
    }
    with atomic_path(task.record_path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return record


def _fuse(task: Task, sources: Sequence[Any]) -> Any:
    if task.method == "proposed":
        from ..config import FusionConfig
        from ..fusion import fuse
        from ..vgg.weights import quiet_weights

        config = FusionConfig.preset("released")
        # What is unusual about the weights was said when the run began.
        weights = quiet_weights(task.weights)
        return fuse(sources, config=config, weights=weights, device="cpu").image
    from ..baselines import get_method

    method = get_method(task.method)
    parameters: dict[str, Any] = dict(_PUBLISHED.get(task.method, {}))
    if task.dictionary is not None:
        parameters["dictionary"] = task.dictionary
    elif task.method in _LEARNING:
        parameters["dictionary"] = _learned(task, sources)
    return method.function(sources, **parameters)


def _learned(task: Task, sources: Sequence[Any]) -> Any:
    """Return the dictionary of a pair, learned once for the methods that share it."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file, save_file

    from ..baselines import learn_patch_dictionary

    key = hashlib.sha256(b"".join(source.tobytes() for source in sources)).hexdigest()
    try:
        return load_file(task.learned_path)[key]
    except (OSError, KeyError, SafetensorError):
        dictionary = np.ascontiguousarray(learn_patch_dictionary(sources))
    task.learned_path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(task.learned_path) as temporary:
        save_file({key: dictionary}, temporary)
    return dictionary


def _dictionary(method: str, number: int, folder: Path | None) -> Path | None:
    """Return the authors' dictionary file for a method, if the folder has it."""
    if folder is None:
        return None
    if method in ("jsr", "jsrsd"):
        path = folder / "jsr_dictionaries" / f"D_unit7_im{number}.dat"
    elif method == "convsr":
        path = folder / "convsr_dictionary.mat"
    else:
        return None
    return path if is_file(path, "dictionaries") else None


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
        One line for each task that failed; the others are done.

    Raises
    ------
    InputError
        If an argument is not valid or a pair is not on this machine.
    """
    from ..data import NUMBERS, load_pair

    look_at(output, "output")
    output = Path(output)
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
    folder = None
    if dictionaries is not None:
        folder = check_folder(dictionaries, "dictionaries")
    label = digest = ""
    if "proposed" in names:
        from ..vgg.weights import load_weights

        loaded = load_weights(weights)
        label, digest = loaded.label, loaded.sha256
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"output: cannot make folder {output} ({reason(error)})"
        ) from None

    tasks = [
        Task(
            name,
            number,
            output,
            weights if name == "proposed" else None,
            label if name == "proposed" else "",
            digest if name == "proposed" else "",
            _dictionary(name, number, folder),
        )
        # Method by method: two that share a learned dictionary do not meet.
        for name in names
        for number in wanted
    ]
    todo = [task for task in tasks if _finished(task, task.settings()) is None]
    logger.info("reproduce: %d of %d tasks to do", len(todo), len(tasks))
    failures = list(_run_all(todo, len(tasks), workers, progress))
    write_tables(output)
    return failures


def _run_all(
    todo: Sequence[Task], total: int, workers: int | None, progress: bool
) -> Iterator[str]:
    """Run tasks in processes, and yield a line for each that fails."""
    from tqdm import tqdm

    count = check_workers(processors() if workers is None else workers)
    bar = tqdm(
        total=total, initial=total - len(todo), disable=not progress, unit="image"
    )
    if not todo:
        bar.close()
        return
    # Spawned, because a forked child must not use the threads of its parent.
    count = min(count, len(todo))
    with (
        bar,
        _shared_threads(count),
        ProcessPoolExecutor(count, multiprocessing.get_context("spawn")) as pool,
    ):
        futures: dict[Future[Any], Task] = {}
        try:
            for task in todo:
                futures[pool.submit(run_task, task)] = task
            for future in as_completed(futures):
                error = future.exception()
                if error is not None:
                    task = futures[future]
                    yield f"{task.method} on image {task.number}: {error}"
                bar.update()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _shared_threads(workers: int) -> Iterator[None]:
    """Let child processes share the threads of this one instead of each taking all."""
    threads = str(max(1, thread_budget() // workers))
    saved = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = threads
    try:
        yield
    finally:
        if saved is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = saved


def read_records(output: str | os.PathLike[str]) -> list[Result]:
    """Return the results of all finished tasks in a folder, by method and image.

    Parameters
    ----------
    output : path-like
        Folder of a run.

    Returns
    -------
    list of dict
        ``method``, ``image``, the metrics by name, ``seconds``, and where they
        matter ``dictionary`` and ``weights``.
    """
    results = []
    for path in Path(output, "records").glob("[!.]*.json"):
        try:
            record = json.loads(path.read_text("utf-8"))
        except ValueError:
            logger.warning("reproduce: %s is damaged and left out", path)
            continue
        settings = record["settings"]
        results.append(
            {
                "method": settings["method"],
                "image": settings["image"],
                **record["values"],
                "seconds": record["seconds"],
                "dictionary": settings.get("dictionary", ""),
                "weights": settings.get("weights", ""),
            }
        )
    names = list(dict.fromkeys([*DEFAULT_METHODS, *method_names()]))
    return sorted(results, key=lambda r: (names.index(r["method"]), r["image"]))


def read_results(path: str | os.PathLike[str]) -> list[Result]:
    """Return results from a ``results.csv``, in the form of :func:`read_records`.

    Parameters
    ----------
    path : path-like
        The file; lines that start with ``#`` are left out.
    """
    with open(path, newline="", encoding="utf-8") as file:
        lines = [line for line in file if not line.startswith("#")]
    rows: list[Result] = list(csv.DictReader(lines))
    for row in rows:
        row["image"] = int(row["image"])
        for name in (*METRICS, "seconds"):
            row[name] = float(row[name])
    return rows


def _by_method(results: Iterable[Result]) -> dict[str, list[Result]]:
    grouped: dict[str, list[Result]] = {}
    for result in results:
        grouped.setdefault(result["method"], []).append(result)
    return grouped


def _row(ours: float, published: Published | None, *, comparable: bool) -> Result:
    """Return the columns that both tables share."""
    difference = ""
    if published is not None and comparable:
        # Adding zero makes a negative zero positive.
        difference = f"{round(ours - published.value, 5) + 0.0:+.5f}"
    return {
        "published": published.text if published else "",
        "ours": f"{ours:.5f}",
        "difference": difference,
    }


def table_1(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return our means beside those of Table I.

    Parameters
    ----------
    results : iterable of dict
        As :func:`read_records` or :func:`read_results` return them.

    Returns
    -------
    list of dict
        ``metric``, ``method``, ``images`` (how many the mean is over), ``published``,
        ``ours`` and ``difference``. The published mean is over 21 images, so there
        is a difference only where ours is too.
    """
    printed, grouped = published_table_1(), _by_method(results)
    return [
        {
            "metric": metric,
            "method": method,
            "images": len(lines),
            **_row(
                float(np.mean([line[metric] for line in lines])),
                printed[metric].get(method),
                comparable=len(lines) == 21,
            ),
        }
        for metric in METRICS
        for method, lines in grouped.items()
    ]


def table_2(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return our N_abf beside that of Table II.

    Parameters
    ----------
    results : iterable of dict
        As :func:`read_records` or :func:`read_results` return them.

    Returns
    -------
    list of dict
        ``image``, ``method``, ``published``, ``ours`` and ``difference``.
    """
    printed = published_table_2()
    return [
        {
            "image": result["image"],
            "method": result["method"],
            **_row(
                result["N_abf"],
                printed[result["image"]].get(result["method"]),
                comparable=True,
            ),
        }
        for result in results
    ]


def write_tables(output: str | os.PathLike[str]) -> None:
    """Write ``table1.csv``, ``table2.csv``, ``results.csv`` and ``figure7.png``.

    Parameters
    ----------
    output : path-like
        Folder of a run; everything comes from its records.
    """
    output = Path(output)
    results = read_records(output)
    if not results:
        return
    _write_csv(output / "table1.csv", table_1(results))
    _write_csv(output / "table2.csv", table_2(results))
    digits = [{**r, **{name: f"{r[name]:.7f}" for name in METRICS}} for r in results]
    _write_csv(output / "results.csv", digits)
    figure = draw_figure_7(results)
    with atomic_path(output / "figure7.png") as temporary:
        figure.savefig(temporary, dpi=150)


def _write_csv(path: Path, rows: Sequence[Result]) -> None:
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


#: Colours that stay apart for colour-blind readers (Okabe and Ito).
_COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#000000", "#56B4E9",
)  # fmt: skip


def draw_figure_7(results: Iterable[Result], axes: Any = None) -> Any:
    """Draw N_abf of each image, ours as lines and the published values as dots.

    Parameters
    ----------
    results : iterable of dict
        As :func:`read_records` or :func:`read_results` return them.
    axes : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.figure.Figure
        The figure; a new one is not registered with pyplot.
    """
    if axes is None:
        from matplotlib.figure import Figure

        axes = Figure(figsize=(8, 4.2), layout="constrained").subplots()
    printed = published_table_2()
    for k, (method, lines) in enumerate(_by_method(results).items()):
        images = [line["image"] for line in lines]
        colour = _COLOURS[k % len(_COLOURS)]
        dashes = "-" if k < len(_COLOURS) else "--"
        ours = [line["N_abf"] for line in lines]
        axes.plot(images, ours, dashes, color=colour, label=method)
        if method in printed[1]:
            dots = [printed[image][method].value for image in images]
            axes.plot(images, dots, "o", color=colour, markersize=3.5)
    axes.plot([], [], "o", color="grey", markersize=3.5, label="published")
    axes.set(xlabel="image", ylabel="$N_{abf}$", xticks=range(1, 22))
    axes.set_ylim(0, None)
    axes.legend(ncols=4, fontsize="small", loc="upper center")
    return axes.figure


def table_html(
    rows: Sequence[Mapping[str, Any]], key: str, methods: Sequence[str]
) -> str:
    """Return a table as HTML: published above ours, coloured by agreement.

    Parameters
    ----------
    rows : sequence of dict
        From :func:`table_1` or :func:`table_2`.
    key : str
        The column that names a line, ``metric`` or ``image``.
    methods : sequence of str
        The columns.

    Returns
    -------
    str
        A ``<table>``. Each cell has a sign as well as a colour: ✓ where ours rounds
        to the printed digits, ≈ within one percent, ✗ elsewhere.
    """
    cells = {(str(row[key]), row["method"]): row for row in rows}
    lines = list(dict.fromkeys(str(row[key]) for row in rows))
    head = "".join(f'<th scope="col">{method}</th>' for method in methods)
    body = []
    for line in lines:
        columns = "".join(_cell(cells.get((line, method))) for method in methods)
        body.append(f'<tr><th scope="row">{line}</th>{columns}</tr>')
    return (
        f'<table style="font-size: 0.85em"><thead><tr><th scope="col">{key}</th>{head}'
        f"</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


#: Sign, background and text colour of a cell; legible in light and dark themes.
_SIGNS = {
    "digits": ("✓", "#c9e8cf", "#12331a"),
    "close": ("≈", "#fdf0c2", "#443300"),
    "apart": ("✗", "#f6d0c9", "#4d1208"),
}


def agreement(row: Mapping[str, Any]) -> str:
    """Return how well ours agrees with the published number of a table row.

    Parameters
    ----------
    row : dict
        From :func:`table_1` or :func:`table_2`, with a published number.

    Returns
    -------
    str
        ``digits`` where ours rounds to the printed digits, ``close`` within one
        percent of the published number, else ``apart``.
    """
    published, ours = Published(row["published"]), float(row["ours"])
    if published.agrees(ours):
        return "digits"
    near = abs(ours - published.value) <= 0.01 * abs(published.value)
    return "close" if near else "apart"


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "<td></td>"
    if not row["published"]:
        return f"<td>{row['ours']}</td>"
    sign, back, text = _SIGNS[agreement(row)]
    return (
        f'<td style="background: {back}; color: {text}">{row["published"]}<br>'
        f"{row['ours']} {sign}</td>"
    )
