"""A bar that shows how far a long cell of a notebook is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from . import book_build

__all__ = ["progress"]


def progress(items: Iterable[Any], what: str) -> Iterator[Any]:
    """Yield items, and show how many are done while a notebook runs.

    The bar is removed at the end, so that a saved notebook does not hold it; the book
    never shows it.

    Parameters
    ----------
    items : iterable
        What a loop goes through.
    what : str
        What an item is, for the text beside the bar.

    Yields
    ------
    object
        The items, unchanged.
    """
    from IPython.display import HTML, display

    items = list(items)
    bar = None if book_build() else display(HTML(), display_id=True)
    try:
        for done, item in enumerate(items):
            if bar is not None:
                drawn = f'<progress value="{done}" max="{len(items)}"></progress>'
                bar.update(HTML(f"{drawn} {what} {done + 1} of {len(items)}"))
            yield item
    finally:
        if bar is not None:
            bar.update(HTML())
