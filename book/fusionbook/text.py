"""What the pages of the book say about the weights that made them.

Imports IPython where it shows something; nothing in the library imports this module.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusionbook.simulated import Task, score
from fusionlib.config import FusionConfig
from fusionlib.data import Pair, load_pair, real_pairs
from fusionlib.evaluation.tables import read_table
from fusionlib.features import activities
from fusionlib.fusion import FusionResult, fuse
from fusionlib.vgg.layers import PAPER_LAYERS, layer, receptive_field
from fusionlib.vgg.weights import KINDS, VGGWeights, quiet_weights

__all__ = [
    "SETTINGS",
    "beside_paper",
    "by_kind",
    "inside",
    "key_numbers",
    "markdown_table",
    "network_numbers",
    "numbers_of",
    "open_chapter",
    "open_weights",
    "paper_note",
    "paper_value",
    "partial_note",
    "task_numbers",
]

#: Where the numbers of the paper's network are kept, beside the book's sources.
TRAINED = Path(__file__).parents[1] / "results" / "trained.csv"

#: The settings whose numbers are kept.
SETTINGS = {
    "paper": FusionConfig(),
    "released": FusionConfig.preset("released"),
    "scale 255": FusionConfig(input_scale=255.0),
    "scale 255, absmax": FusionConfig(input_scale=255.0, selection="absmax"),
}

#: How a table names and prints a number; the last word of a name may be a layer.
_WORDING = {
    "departure": ("departure from the mean (rms), grey levels", "{:.2f}"),
    "largest departure": ("largest departure, grey levels", "{:.1f}"),
    "winner share": ("pixels won by {}", "{:.0%}"),
    "lowest weight": ("lowest infrared weight, {}", "{:.3f}"),
    "highest weight": ("highest infrared weight, {}", "{:.3f}"),
    "scene over floor": ("change of activity by the scene / floor, {}", "{:.2%}"),
    "negated": ("correlation with the negated detail, {}", "{:+.2f}"),
}


def open_weights() -> VGGWeights:
    """Return the weights of a chapter without their warning, and print which they are.

    Returns
    -------
    VGGWeights
        Those of :func:`fusionlib.vgg.weights.load_weights`.
    """
    weights = quiet_weights()
    print(f"weights: {weights.short_label}")
    about = "; ".join(note for note in (weights.about, weights.partial) if note)
    if about:
        print(textwrap.fill(about, 74, initial_indent="  ", subsequent_indent="  "))
    return weights


def open_chapter() -> tuple[Pair, VGGWeights]:
    """Return the pair and the weights of a chapter, and print which they are.

    Returns
    -------
    pair : Pair
        The first real pair if it is on this machine, else the rendered street.
    weights : VGGWeights
        See :func:`open_weights`.
    """
    pair = load_pair(1 if 1 in real_pairs() else "street")
    print(f"pair: {pair.title}")
    return pair, open_weights()


def by_kind(
    weights: VGGWeights, *, paper: str, other: str | None = None, random: str
) -> Any:
    """Return the text that holds for the kind of the weights.

    Parameters
    ----------
    weights : VGGWeights
        The weights of the page.
    paper, other, random : str
        Markdown for the paper's network, for another trained one (by default the
        text of the paper's) and for random numbers.

    Returns
    -------
    IPython.display.Markdown or None
        The text, for the last line of a cell; None, which shows nothing, if it is
        empty.
    """
    from IPython.display import Markdown

    texts = {"paper": paper, "other": paper if other is None else other}
    text = (texts | {"random": random})[weights.kind]
    return Markdown(text) if text else None


def partial_note(weights: VGGWeights) -> Any:
    """Return a warning about relu4_1 if a part of the weights is missing.

    Parameters
    ----------
    weights : VGGWeights
        The weights of the page.

    Returns
    -------
    IPython.display.Markdown or None
        The text, for the last line of a cell; None, which shows nothing, if the
        weights are complete.
    """
    from IPython.display import Markdown

    if not weights.partial:
        return None
    moved = (
        " With that one tap, its maps lie one sample (8 pixels) too far up and "
        "left, and their last row and column see nothing but padding."
        if "only kernel tap (2,2)" in weights.partial
        else ""
    )
    return Markdown(
        "**These weights are not complete** (*partial* in captions): "
        f"{weights.partial}. "
        "What this page shows and counts for relu4_1, and what depends on it, such as "
        "the fused image and the shares of the layers in it, is not exactly what the "
        f"whole network gives. What the other three layers give is exact.{moved}"
    )


def inside(maps: Any, name: str) -> Any:
    """Return the samples of a layer that the padding with zeros does not reach.

    Parameters
    ----------
    maps : numpy.ndarray, shape (..., h, w)
        Feature, activity or weight maps.
    name : str
        The layer.

    Returns
    -------
    numpy.ndarray
        A view without the rim: half a receptive field, and the block of equation (6).
    """
    rim = receptive_field(name) // (2 * layer(name).stride) + 1
    return maps[..., rim:-rim, rim:-rim]


def numbers_of(result: FusionResult) -> dict[str, float]:
    """Return the numbers of one fusion that carry the argument of the book.

    Parameters
    ----------
    result : FusionResult
        A fusion of two sources by the four layers of the paper.

    Returns
    -------
    dict of str to float
        Root mean square and largest magnitude of F minus the mean of the sources,
        before any rounding, in grey levels of 255; the share of pixels that each
        layer wins; the range of the infrared weights of each layer, inside its rim.
    """
    gap = 255 * (result.F - result.I.mean(axis=0))
    numbers = {
        "departure": float(np.sqrt(np.mean(gap**2))),
        "largest departure": float(np.abs(gap).max()),
    }
    shares = np.bincount(result.winner.ravel(), minlength=len(PAPER_LAYERS))
    for name, wins in zip(PAPER_LAYERS, shares / result.winner.size, strict=True):
        numbers[f"winner share {name}"] = float(wins)
    for name, W in result.W.items():
        weight = inside(W[0], name)
        numbers[f"lowest weight {name}"] = float(weight.min())
        numbers[f"highest weight {name}"] = float(weight.max())
    return numbers


def network_numbers(result: FusionResult, weights: VGGWeights) -> dict[str, float]:
    """Return what the network makes of the infrared detail, beside its own biases.

    Parameters
    ----------
    result : FusionResult
        A fusion by the four layers of the paper.
    weights : VGGWeights
        The weights it was made with.

    Returns
    -------
    dict of str to float
        For each layer, the mean magnitude of activity minus floor over the mean of
        the floor, which is the activity of an empty image; for relu1_1, how activity
        minus floor correlates with that of the negated detail. All inside the rim.
    """
    empty = np.zeros((1, *result.F.shape))
    floors = activities(empty, weights, result.config)
    numbers, risen = {}, {}
    for name, floor in floors.items():
        risen[name] = inside(result.C[name][0] - floor[0], name)
        share = np.abs(risen[name]).mean() / inside(floor, name).mean()
        numbers[f"scene over floor {name}"] = float(share)
    first = PAPER_LAYERS[0]
    config = result.config.replace(layers=(first,))
    negated = activities([-result.I_d[0]], weights, config)[first]
    pair = risen[first].ravel(), inside(negated - floors[first], first).ravel()
    numbers[f"negated {first}"] = float(np.corrcoef(*pair)[0, 1])
    return numbers


def key_numbers(pair: Pair, weights: VGGWeights) -> dict[tuple[str, str], float]:
    """Return the numbers that carry the argument, for one pair and all settings.

    Parameters
    ----------
    pair : Pair
        What to fuse.
    weights : VGGWeights
        With which network.

    Returns
    -------
    dict of (str, str) to float
        By setting (a key of :data:`SETTINGS`) and name, see :func:`numbers_of` and
        :func:`network_numbers`; of all settings but the paper's, departures only.
    """
    found: dict[tuple[str, str], float] = {}
    for setting, config in SETTINGS.items():
        result = fuse(pair.sources, config=config, weights=weights)
        numbers = numbers_of(result)
        if setting == "paper":
            numbers |= network_numbers(result, weights)
        else:
            numbers = {n: v for n, v in numbers.items() if n.endswith("departure")}
        found |= {(setting, name): value for name, value in numbers.items()}
    return found


def task_numbers(task: Task, weights: VGGWeights) -> dict[tuple[str, str], float]:
    """Return how close the fused image of a simulated task is to the truth.

    Parameters
    ----------
    task : Task
        Sources and truth.
    weights : VGGWeights
        With which network they are fused.

    Returns
    -------
    dict of (str, str) to float
        ``PSNR`` in dB by setting and name, for two settings of :data:`SETTINGS`.
    """
    return {
        (setting, "PSNR"): score(
            fuse(task.sources, config=SETTINGS[setting], weights=weights).image,
            task.truth,
        )["PSNR"]
        for setting in ("paper", "scale 255, absmax")
    }


def _trained() -> dict[tuple[str, str, str], tuple[float, str]]:
    """Return value and note by pair, setting and name; nothing if there is no file."""
    if not TRAINED.is_file():
        return {}
    return {
        (row["pair"], row["setting"], row["name"]): (float(row["value"]), row["note"])
        for row in read_table(TRAINED)
    }


def paper_value(name: str, *, pair: str = "street", setting: str = "paper") -> float:
    """Return a number that was stored for the paper's network.

    Parameters
    ----------
    name : str
        As in :func:`numbers_of`, such as ``"departure"``.
    pair : str, optional
        Name of the pair: ``street`` or ``tno1``.
    setting : str, optional
        A key of :data:`SETTINGS`.

    Returns
    -------
    float
        The number.

    Raises
    ------
    KeyError
        If it was not stored, or the sources of the book are not there.
    """
    return _trained()[pair, setting, name][0]


def paper_note(
    weights: VGGWeights, name: str, form: str, *, pair: str, setting: str = "paper"
) -> str:
    """Return a stored number of the paper's network, for the end of a printed line.

    Parameters
    ----------
    weights : VGGWeights
        The weights of the page.
    name, pair, setting : str
        See :func:`paper_value`; ``pair`` may also name a task.
    form : str
        How the number is printed, such as ``"{:.2f} dB"``.

    Returns
    -------
    str
        The number in brackets; nothing where the page itself was made by the paper's
        network, or nothing was stored.
    """
    stored = {} if weights.kind == "paper" else _trained()
    if (pair, setting, name) not in stored:
        return ""
    value = form.format(stored[pair, setting, name][0])
    return f" [{KINDS['paper']}: {value}]"


def beside_paper(
    weights: VGGWeights,
    pair: Pair,
    numbers: Mapping[str, float],
    *beginnings: str,
    setting: str = "paper",
) -> Any:
    """Return a table of a page's numbers, beside those of the paper's network.

    Parameters
    ----------
    weights : VGGWeights
        The weights of the page.
    pair : Pair
        The pair of the page.
    numbers : mapping of str to float
        Numbers by name, see :func:`numbers_of`.
    *beginnings : str
        Only numbers whose names begin with one of these are shown, if any is given.
    setting : str, optional
        A key of :data:`SETTINGS`.

    Returns
    -------
    IPython.display.Markdown
        The table. Where the page itself was made by the paper's network, or nothing
        was stored for the pair, it has one column of numbers.
    """
    from IPython.display import Markdown

    stored = {} if weights.kind == "paper" else _trained()
    rows = []
    for name, value in numbers.items():
        if not name.startswith(beginnings or ("",)):
            continue
        words, form = _wording(name)
        row = [words, form.format(value)]
        if (pair.name, setting, name) in stored:
            known, note = stored[pair.name, setting, name]
            row.append(form.format(known) + (f" ({note})" if note else ""))
        rows.append(row)
    heads = ["", f"this page ({weights.name})", "stored: the paper's network"]
    heads = heads[: max(len(row) for row in rows)]
    return Markdown(markdown_table(heads, rows))


#: A hyphen that stands for a minus sign, and what a cell with a number begins with.
_MINUS = re.compile(r"(?<![\w.-])-(?=\.?\d)")
_NUMBER = re.compile(r"[*(\[]*[+−]?\.?\d")


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown: numbers to the right, words to the left.

    A column is one of numbers if each of its cells begins with a number or has
    neither letters nor digits; the first column is to the left. Negative numbers get
    a minus sign instead of a hyphen.
    """
    rows = [[_MINUS.sub("−", cell) for cell in row] for row in rows]
    rules = ["---"]
    for k in range(1, len(head)):
        cells = [row[k] for row in rows if k < len(row) and re.search(r"\w", row[k])]
        rules.append("---:" if all(map(_NUMBER.match, cells)) else "---")
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, rules, *rows])


def _wording(name: str) -> tuple[str, str]:
    quantity, _, last = name.rpartition(" ")
    if last in PAPER_LAYERS:
        words, form = _WORDING[quantity]
        return words.format(last), form
    return _WORDING[name]
