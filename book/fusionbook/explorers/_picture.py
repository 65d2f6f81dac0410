"""The picture of a live explorer, on which a pointer works."""

from __future__ import annotations

import anywidget
import traitlets

from ._templates import static

__all__ = ["PictureWidget"]

#: Scripts in their order: the last one is what JupyterLab asks for.
SCRIPTS = ("arithmetic.js", "widgets.js", "picture.js")


class PictureWidget(anywidget.AnyWidget):
    """A picture with a dividing line to drag, a pixel to pick, and its file.

    Where the mouse is, pictures of one group show a ring at the same place.

    Attributes
    ----------
    png : bytes
        The picture as a file.
    name, alt : str
        Name of the file, and what a screen reader says.
    group : str
        Pictures of one size that belong together.
    split : int or None
        Place of the dividing line, in per cent of the width, where there is one.
    halves : list of str
        What stands beside the line, left and right.
    x, y : int or None
        Column and row of the marked pixel, where there is one.
    """

    _esm = "\n".join(static(script) for script in SCRIPTS)
    _css = static("explorers.css")

    png = traitlets.Bytes().tag(sync=True)
    name = traitlets.Unicode().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    group = traitlets.Unicode().tag(sync=True)
    split = traitlets.Int(None, allow_none=True).tag(sync=True)
    halves = traitlets.List(traitlets.Unicode(), ["", ""]).tag(sync=True)
    x = traitlets.Int(None, allow_none=True).tag(sync=True)
    y = traitlets.Int(None, allow_none=True).tag(sync=True)
