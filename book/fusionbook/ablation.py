"""Reading what ``fusionlib ablation`` wrote, and how certain its differences are."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusionlib.errors import InputError, reason
from fusionlib.evaluation.tables import read_table
from fusionlib.evaluation.variants import COLUMNS
from fusionlib.images.io import check_file
from fusionlib.images.validation import check_positive_int

__all__ = [
    "Ablation",
    "Comparisons",
    "Effect",
    "draw_effects",
    "paired_bootstrap",
    "read_ablation",
    "read_more",
    "read_numbers",
]


@dataclass(frozen=True)
class Effect:
    """A mean over pairs, with an interval for it.

    Attributes
    ----------
    mean, low, high : float
        The mean and the ends of the interval.
    pairs : int
        How many pairs it is a mean of.
    """

    mean: float
    low: float
    high: float
    pairs: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(
    differences: Any, *, samples: int = 10_000, level: float = 0.95, seed: int = 0
) -> Effect:
    """Return the mean of differences between two variants and an interval for it.

    Parameters
    ----------
    differences : array_like, shape (N,)
        One difference for each pair, N >= 2.
    samples : int, optional
        Number of resamples.
    level : float, optional
        Coverage of the interval.
    seed : int, optional
        Seed of the resampling, for the same interval every time.

    Returns
    -------
    Effect
        Percentile interval of the mean over pairs drawn with replacement. It says
        how the mean would vary with other pairs of the same kind, and is a little
        too narrow for few pairs.

    Raises
    ------
    InputError
        If there are fewer than two differences or one is not finite.

    References
    ----------
    * B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall,
      1993.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError("differences must be at least two finite numbers")
    samples = check_positive_int(samples, "samples")
    draws = np.random.RandomState(seed).randint(0, len(values), (samples, len(values)))
    tail = 50 * (1 - level)
    low, high = np.percentile(values[draws].mean(axis=1), [tail, 100 - tail])
    return Effect(float(values.mean()), float(low), float(high), len(values))


@dataclass(frozen=True, eq=False)
class Ablation:
    """Measured rows.

    Attributes
    ----------
    rows : dict
        A dict of values by column for each (pair, variant).
    provenance : dict
        Version, weights, data and date of the measurement.
    """

    rows: Mapping[tuple[str, str], Mapping[str, float]]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def pairs(self) -> list[str]:
        """Names of the pairs, in the order of their rows."""
        return list(dict.fromkeys(pair for pair, _ in self.rows))

    @property
    def real_pairs(self) -> list[str]:
        """Names of the real pairs."""
        return [pair for pair in self.pairs if pair.startswith("tno")]

    @property
    def scenes(self) -> list[str]:
        """Names of the rendered scenes."""
        return [pair for pair in self.pairs if not pair.startswith("tno")]

    def values(
        self, name: str, column: str, pairs: Sequence[str] | None = None
    ) -> NDArray[np.float64]:
        """Return a column of one variant, a value for each pair.

        Parameters
        ----------
        name : str
            The variant.
        column : str
            One of :data:`~fusionlib.evaluation.variants.COLUMNS`.
        pairs : sequence of str, optional
            Which pairs; the real ones by default.

        Raises
        ------
        InputError
            If there are none.
        """
        chosen = self.real_pairs if pairs is None else pairs
        if not chosen:
            raise InputError("pairs must be named where no real pair was measured")
        return np.array([self.rows[pair, name][column] for pair in chosen])

    def effect(
        self, name: str, against: str, column: str, pairs: Sequence[str] | None = None
    ) -> Effect:
        """Return by how much one variant exceeds another, see paired_bootstrap."""
        ours = self.values(name, column, pairs)
        return paired_bootstrap(ours - self.values(against, column, pairs))


def draw_effects(axis: Any, effects: Mapping[str, Effect], column: str) -> None:
    """Draw means with their intervals by label, one a row; grey if not clear."""
    from .colours import BLUE

    for row, effect in enumerate(list(effects.values())[::-1]):
        colour = BLUE if effect.clear else "0.6"
        axis.plot([effect.low, effect.high], [row, row], color=colour)
        axis.plot(effect.mean, row, "o", color=colour)
    axis.axvline(0, color="0.7", lw=0.8, zorder=0)
    axis.set(xlabel=column, ylim=(-0.5, len(effects) - 0.5))
    axis.set_yticks(range(len(effects)), list(effects)[::-1])
    axis.locator_params(axis="x", nbins=4)


class Comparisons:
    """The comparisons of a page, in words, and how many there were.

    Who looks at many intervals finds some that leave out zero by chance, so a page
    must say how many it shows.

    Parameters
    ----------
    ablation : Ablation
        Measured rows.
    words : mapping of str to str
        What variants are called in tables and charts; others keep their name.

    Attributes
    ----------
    seen : dict
        The effect of every (variant, other variant, column) that was asked for.
    """

    def __init__(self, ablation: Ablation, words: Mapping[str, str]) -> None:
        self.ablation = ablation
        self.words = words
        self.seen: dict[tuple[str, str, str], Effect] = {}

    def effect(self, name: str, against: str, column: str) -> Effect:
        """Return an effect over the real pairs, and count it."""
        key = name, against, column
        if key not in self.seen:
            self.seen[key] = self.ablation.effect(*key)
        return self.seen[key]

    def label(self, name: str, against: str) -> str:
        """Return a comparison in words."""
        return f"{self.words.get(name, name)} − {self.words.get(against, against)}"

    def table(
        self, comparisons: Sequence[tuple[str, str]], columns: Sequence[str]
    ) -> Any:
        """Return mean differences with their intervals, the clear ones in bold.

        Parameters
        ----------
        comparisons : sequence of (str, str)
            Pairs of variants.
        columns : sequence of str
            What is compared, a line of the table for each.

        Returns
        -------
        IPython.display.Markdown
        """
        from IPython.display import Markdown

        from .text import markdown_table

        rows = []
        for column in columns:
            cells = [column.replace("_", r"\_")]
            for name, against in comparisons:
                effect = self.effect(name, against, column)
                digits = 2 if abs(effect.mean) > 1 else 5
                mean = f"{effect.mean:+.{digits}f}"
                ends = f"{effect.low:+.{digits}f} … {effect.high:+.{digits}f}"
                cells.append(
                    f"**{mean}** ({ends})" if effect.clear else f"{mean} ({ends})"
                )
            rows.append(cells)
        head = ["", *(self.label(*both) for both in comparisons)]
        return Markdown(markdown_table(head, rows))

    def forest(
        self, axis: Any, comparisons: Sequence[tuple[str, str]], column: str
    ) -> None:
        """Draw mean differences with their intervals, one comparison a row."""
        effects = {
            self.label(*both): self.effect(*both, column) for both in comparisons
        }
        draw_effects(axis, effects, column)

    def strict(self) -> list[tuple[str, str, str]]:
        """Return what is clear at 95%, but not once their number is allowed for.

        Each interval then has the level 1 - 0.05 / number (Bonferroni), so that all of
        them together hold with 95%.
        """
        level = 1 - 0.05 / max(len(self.seen), 1)
        lost = []
        for (name, against, column), effect in self.seen.items():
            if not effect.clear:
                continue
            values = self.ablation.values(name, column)
            values = values - self.ablation.values(against, column)
            if not paired_bootstrap(values, level=level).clear:
                lost.append((name, against, column))
        return lost


_MARK = "# fusionlib ablation "


def read_ablation(path: str | os.PathLike[str]) -> Ablation:
    """Read an ``ablation.csv``.

    Raises
    ------
    InputError
        If the file is missing or is not such a file.
    """
    path = check_file(path, "ablation")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"ablation: {path} cannot be read ({reason(error)})") from None
    first, _, body = text.partition("\n")
    if not first.startswith(_MARK):
        raise InputError(f"ablation: {path} was not written by 'fusionlib ablation'")
    try:
        rows = {
            (row["pair"], row["variant"]): {
                column: float(row[column]) if row[column] else math.nan
                for column in COLUMNS
            }
            for row in csv.DictReader(io.StringIO(body))
        }
        return Ablation(rows, dict(json.loads(first.removeprefix(_MARK))))
    except (KeyError, TypeError, ValueError, RecursionError, csv.Error) as error:
        raise InputError(f"ablation: {path} is damaged ({reason(error)})") from None


def read_numbers(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Return a stored table, such as ``rounding.csv``, as a structured array.

    Parameters
    ----------
    path : path-like
        Text with the provenance in its first line and names in its second.
    """
    return np.genfromtxt(
        check_file(path, "table"),
        delimiter=",",
        names=True,
        dtype=None,
        encoding="utf-8",
        skip_header=1,
    )


def read_more(ablation: Ablation, path: str | os.PathLike[str]) -> Ablation:
    """Return an ablation with the columns of ``ablation_more.csv`` added to its rows.

    Parameters
    ----------
    ablation : Ablation
        From :func:`read_ablation`; its own values stay where both have one.
    path : path-like
        What ``make_ablation_more.py`` wrote.
    """
    rows = {key: dict(row) for key, row in ablation.rows.items()}
    for line in read_table(check_file(path, "table")):
        key = line.pop("pair"), line.pop("variant")
        found = {name: float(text) for name, text in line.items() if text}
        known = {n: v for n, v in rows.get(key, {}).items() if not math.isnan(v)}
        rows[key] = found | known
    return Ablation(rows, ablation.provenance)
