"""Which infrared file belongs to which visible file, from their names.

Two files are a pair if the wildcards of the two patterns stand for the same text in
their names: ``IR*.png`` and ``VIS*.png`` pair ``IR7.png`` with ``VIS7.png``. If that
does not pair every file, names such as ``ir/007_thermal.png`` and
``vis/7_visible.jpg`` are compared number by number and word by word, without the one
word that all files of a side have in common. Anything else is refused: a wrong pair
would be fused without complaint.
"""

from __future__ import annotations

import glob
import os
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError, some
from ..images.io import is_file

__all__ = ["FilePair", "find_named", "find_pairs"]

_WILDCARDS = re.compile(r"(\*\*/|(?:[*?]|\[!?\]?[^]/]*\])+)")


class FilePair(NamedTuple):
    """Two files that show one scene, and what to call the fused image."""

    #: Name of the fused image.
    name: str
    #: Path of the infrared image.
    ir: str
    #: Path of the visible image.
    vis: str


class _Key(NamedTuple):
    """What must agree in the names of a pair, and how to write it."""

    parts: tuple[str, ...]
    text: str


class _Match(NamedTuple):
    """An attempt to pair two lists of files."""

    pairs: list[FilePair]
    several: list[tuple[list[str], list[str]]]  # infrared, visible of one key
    alone: tuple[list[str], list[str]]  # infrared, visible


def find_pairs(ir_glob: str, vis_glob: str) -> list[FilePair]:
    """Find files and pair them by name.

    Parameters
    ----------
    ir_glob, vis_glob : str
        Patterns of the infrared and the visible files, with ``*``, ``?``, ``[...]``
        and ``**`` as in ``glob.glob``; or folders, for all images in them.

    Returns
    -------
    list of FilePair
        In the natural order of their names (2 before 10).

    Raises
    ------
    InputError
        If a pattern matches no file, a file has no partner, or it is not clear
        which file belongs to which.
    """
    sides = _expand(ir_glob, "IR_GLOB"), _expand(vis_glob, "VIS_GLOB")
    both = sorted(sides[0].keys() & sides[1].keys(), key=_natural)
    if both:
        raise InputError(
            f"IR_GLOB and VIS_GLOB both match {some(both)}: each must match the files "
            "of one kind only"
        )
    attempts = [_match(_by_wildcards(sides[0]), _by_wildcards(sides[1]))]
    loose = _by_words(*sides)
    if loose is not None:
        attempts.append(_match(*loose))
    for attempt in attempts:
        if not attempt.several and not any(attempt.alone):
            return _checked(attempt.pairs)
    best = max(attempts, key=lambda match: (len(match.pairs), len(match.several)))
    raise InputError(_complaint(best))


def find_named(names: Sequence[str], pattern: str, title: str) -> dict[str, str]:
    """Find the files that belong to pairs which have names already.

    Parameters
    ----------
    names : sequence of str
        Names of pairs, as :func:`find_pairs` gives them.
    pattern : str
        Pattern of the files, or a folder, as for :func:`find_pairs`; for one pair
        also the file itself.
    title : str
        What to call the files in messages.

    Returns
    -------
    dict of str to str
        The file of each pair that has one. Other files are left out.

    Raises
    ------
    InputError
        If the pattern matches no file, or it is not clear which file belongs to a
        pair.
    """
    files = _expand(pattern, title)
    if len(names) == 1 and list(files) == [os.path.normpath(pattern)]:
        return {names[0]: pattern}
    known = {name: (name,) for name in names}
    attempts = [_match(_by_wildcards(known), _by_wildcards(files))]
    loose = _by_words(known, files)
    if loose is not None:
        attempts.append(_match(*loose))
    best = max(attempts, key=lambda match: (len(match.pairs), -len(match.several)))
    if best.several:
        pair, found = best.several[0]
        raise InputError(
            f"{title}: {some(found)} could belong to {some(pair)}; choose files by "
            "a pattern, such as 'fused/*_mine.png'"
        )
    return {pair.ir: pair.vis for pair in best.pairs}


def _expand(pattern: str, name: str) -> dict[str, tuple[str, ...]]:
    """Return the files that match, each with what the wildcards stand for."""
    from PIL import Image

    endings = Image.registered_extensions()
    normal = Path(os.path.normpath(os.path.expanduser(pattern))).as_posix()
    is_folder = os.path.isdir(normal)
    if is_folder:
        normal = f"{glob.escape(normal)}/*"
    found = [Path(path) for path in glob.glob(normal, recursive=True)]
    files = [
        path
        for path in found
        if is_file(path, name) and (path.suffix.lower() in endings or not is_folder)
    ]
    if not files:
        raise InputError(f"{name}: {pattern!r} matches no file")
    expression = re.compile(_regex(normal))
    captures = {}
    for path in files:
        match = expression.fullmatch(path.as_posix())
        groups = list(match.groups()) if match else [path.as_posix()]
        if groups and path.suffix.lower() in endings:
            groups[-1] = groups[-1].removesuffix(path.suffix)  # .png and .jpg may pair
        captures[str(path)] = tuple(groups)
    return captures


def _regex(pattern: str) -> str:
    """Translate a pattern to a regular expression with a group for each wildcard."""
    pieces = []
    for k, piece in enumerate(_WILDCARDS.split(pattern)):
        if k % 2 == 0:
            pieces.append(re.escape(piece))
        elif piece == "**/":
            pieces.append("((?:[^/]+/)*)")
        elif piece == "**":
            pieces.append("(.*)")
        elif re.fullmatch(r"\[[*?[]\]", piece):  # how a pattern writes a literal *
            pieces.append(re.escape(piece[1]))
        else:
            single = re.findall(r"\*+|\?|\[!?\]?[^]]*\]", piece)
            pieces.append(f"({''.join(map(_single, single))})")
    return "".join(pieces)


def _single(wildcard: str) -> str:
    if wildcard[0] == "*":
        return "[^/]*"
    if wildcard == "?":
        return "[^/]"
    body = re.sub(r"([\\\[\]^])", r"\\\1", wildcard[1:-1].removeprefix("!"))
    return f"[{'^' if wildcard[1] == '!' else ''}{body}]"


def _by_wildcards(files: Mapping[str, tuple[str, ...]]) -> dict[str, _Key]:
    return {
        path: _Key(found, "_".join(filter(None, (part.strip("/") for part in found))))
        for path, found in files.items()
    }


def _by_words(
    *sides: Mapping[str, tuple[str, ...]],
) -> tuple[dict[str, _Key], dict[str, _Key]] | None:
    """Return keys without the one word that marks each side, or None.

    Numbers are compared by value and always count. If the sides differ in more than
    one word each, say thermal_day and visible_night, there is no telling.
    """
    split = [
        {
            path: re.findall(r"\d+|[^\W\d_]+", " ".join(found))
            for path, found in s.items()
        }
        for s in sides
    ]
    constant = [
        set.intersection(*({w.lower() for w in words} for words in side.values()))
        for side in split
    ]
    constant = [{word for word in words if not word.isdecimal()} for words in constant]
    marks = constant[0] - constant[1], constant[1] - constant[0]
    if any(len(mark) > 1 for mark in marks):
        return None
    keys: list[dict[str, _Key]] = []
    for side, mark in zip(split, marks, strict=True):
        keys.append({})
        for path, words in side.items():
            kept = [word for word in words if word.lower() not in mark]
            parts = [str(int(w)) if w.isdecimal() else w.lower() for w in kept]
            keys[-1][path] = _Key(tuple(parts) or (path,), "_".join(kept))
    return keys[0], keys[1]


def _match(ir: Mapping[str, _Key], vis: Mapping[str, _Key]) -> _Match:
    groups: dict[tuple[str, ...], tuple[list[str], list[str]]]
    groups = defaultdict(lambda: ([], []))
    for side, keys in enumerate((ir, vis)):
        for path in sorted(keys, key=_natural):
            groups[keys[path].parts][side].append(path)
    match = _Match([], [], ([], []))
    for first, second in groups.values():
        if len(first) == len(second) == 1:
            name = ir[first[0]].text or Path(first[0]).stem
            match.pairs.append(FilePair(name, first[0], second[0]))
        elif first and second:
            match.several.append((first, second))
        else:
            match.alone[0].extend(first)
            match.alone[1].extend(second)
    return match


def _checked(pairs: list[FilePair]) -> list[FilePair]:
    """Make the names fit for files, and refuse those that would be one file."""
    seen: dict[str, FilePair] = {}
    for pair in pairs:
        name = re.sub(r"[\s/\\:*?\"<>|\x00-\x1f]+", "_", pair.name).strip("_.- ")
        pair = pair._replace(name=name or Path(pair.ir).stem)
        # Some file systems do not tell capital letters from small ones.
        other = seen.setdefault(pair.name.casefold(), pair)
        if other is not pair:
            raise InputError(
                f"the pairs are ambiguous: those of {other.ir} and of {pair.ir} would "
                f"both be called {pair.name!r}"
            )
    return sorted(seen.values(), key=lambda pair: _natural(pair.name))


def _complaint(match: _Match) -> str:
    hint = (
        "a pair is found where the wildcards stand for the same text, as in "
        "'IR*.png' 'VIS*.png' or 'ir/*.png' 'vis/*.png'"
    )
    if match.several:
        first, second = match.several[0]
        return (
            f"the pairs are ambiguous: {some(first)} and {some(second)} could belong "
            f"together; {hint}"
        )
    ir, vis = match.alone
    if not match.pairs:
        return f"no pair was found among {some(ir)} and {some(vis)}; {hint}"
    parts = [
        f"{some(files)} without {partner} partner"
        for files, partner in ((ir, "a visible"), (vis, "an infrared"))
        if files
    ]
    return f"files do not match: {', and '.join(parts)} ({len(match.pairs)} pairs do)"


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Return a sort key that has 2 before 10."""
    return [
        (0, int(part), part) if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", text)
    ]
