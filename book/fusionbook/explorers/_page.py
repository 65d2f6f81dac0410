"""The static face of an explorer: HTML that needs no kernel and no network."""

from __future__ import annotations

from ._controls import describe
from ._core import Explorer
from ._templates import render as fill

__all__ = ["render"]


def render(explorer: Explorer) -> str:
    """Return an explorer as HTML: markup, data, style and script."""
    data = {
        "kind": explorer.kind,
        "shape": explorer.shape,
        "controls": [describe(control) for control in explorer.controls],
        **explorer.page(),
        "question": explorer.question
        and {
            "accept": explorer.question.accept,
            "hint": explorer.question.hint,
        },
    }
    start = explorer.view()
    return fill("explorer.html", explorer=explorer, start=start, data=data)
