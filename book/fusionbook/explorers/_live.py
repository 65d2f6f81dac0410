"""The live face of an explorer: ipywidgets with a kernel behind them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fusionlib.errors import InputError
from fusionlib.images.io import read_image

from ..colours import MARK, ORANGE, rgb
from ..packing import encode
from ._arithmetic import Bytes
from ._controls import Choice, Control, Slider, Switches
from ._core import Explorer
from ._templates import macros

__all__ = ["build", "marked", "read_upload"]

#: Widest picture on the screen.
WIDTH = "min(100%, 640px)"


def build(explorer: Explorer) -> Any:
    """Return an explorer as a widget.

    Raises
    ------
    InputError
        If ipywidgets is not installed.
    """
    try:
        import ipywidgets
    except ImportError:
        raise InputError(
            "explorers need ipywidgets; install irvis-fusionlib[book]"
        ) from None
    return _Live(explorer, ipywidgets).box


def read_upload(content: Any, file_name: str, name: str) -> Any:
    """Read an uploaded file as a grey image in [0, 1].

    Parameters
    ----------
    content : bytes-like
        The file.
    file_name : str
        Its name, for messages.
    name : str
        What to call the image.

    Raises
    ------
    InputError
        As :func:`fusionlib.images.io.read_image`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "upload")
        path.write_bytes(bytes(content))
        try:
            return read_image(path, name)
        except InputError as error:
            # The reader has never seen the temporary file's name.
            text = str(error).replace(str(path), file_name)
            raise InputError(text) from None


class _Live:
    """Widgets of one explorer and what connects them."""

    def __init__(self, explorer: Explorer, widgets: Any) -> None:
        self.explorer, self.widgets = explorer, widgets
        self.say = macros("live.html")
        self.controls = widgets.VBox(layout={"width": "260px", "flex": "0 0 auto"})
        self.images = {
            picture.name: widgets.Image(
                format="png", layout={"width": WIDTH, "object_fit": "contain"}
            )
            for picture in explorer.pictures
        }
        self.summary, self.chart = widgets.HTML(), widgets.HTML()
        self.table, self.caption = widgets.HTML(), widgets.HTML()
        pictures = [
            widgets.VBox(
                [
                    self.images[p.name],
                    widgets.HTML(self.say.small(p.title)),
                ],
                layout={"flex": "1 1 240px", "min_width": "0"},
            )
            for p in explorer.pictures
        ]
        row = {"flex_flow": "row wrap", "grid_gap": "12px"}
        stage = widgets.VBox(
            [widgets.Box(pictures, layout=row), self.summary, self.chart, self.table],
            layout={"flex": "1 1 320px", "min_width": "0"},
        )
        head = widgets.HTML(self.say.title(explorer))
        body = widgets.Box([self.controls, stage], layout={**row, "grid_gap": "20px"})
        self.box = widgets.VBox([head, body, self.caption, self._upload()])
        self.refresh()

    def refresh(self) -> None:
        """Build the controls of the current pair and show its starting state."""
        self.inputs = {c.name: self._control(c) for c in self.explorer.controls}
        self.controls.children = [self._labelled(c) for c in self.explorer.controls]
        for widget in self.inputs.values():
            for part in widget if isinstance(widget, list) else [widget]:
                part.observe(self._changed, names="value")
        self.caption.value = self.say.small(self.explorer.caption)
        self._changed()

    def _control(self, control: Control) -> Any:
        w = self.widgets
        if isinstance(control, Switches):
            return [
                w.Checkbox(value in control.start, description=text, indent=False)
                for value, text in control.options
            ]
        make = w.Dropdown if isinstance(control, Choice) else w.SelectionSlider
        return make(
            options=[(text, value) for value, text in control.options],
            value=control.start,
            layout={"width": "98%"},
            tooltip=control.label,
        )

    def _labelled(self, control: Control) -> Any:
        label = self.widgets.HTML(self.say.label(control.label))
        widget = self.inputs[control.name]
        return self.widgets.VBox(
            [label, *(widget if isinstance(widget, list) else [widget])]
        )

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {}
        for control in self.explorer.controls:
            widget = self.inputs[control.name]
            if isinstance(control, Switches):
                pairs = zip(control.values, widget, strict=True)
                state[control.name] = tuple(v for v, box in pairs if box.value)
            else:
                state[control.name] = widget.value
        return state

    def _changed(self, _: Any = None) -> None:
        state = self._state()
        view = self.explorer.view(state)
        marks = {
            c.follows: state[c.name]
            for c in self.explorer.controls
            if isinstance(c, Slider) and c.follows
        }
        for name, image in self.images.items():
            picture = view.pictures[name]
            drawn = marked(picture, **marks) if marks else picture
            image.value = encode(drawn, "PNG", compress_level=1)
        self.summary.value = self.say.status(view.summary)
        self.chart.value = self.say.chart(view, ORANGE)
        self.table.value = self.say.table(self.explorer.head, view)

    def _upload(self) -> Any:
        w = self.widgets
        files = [
            w.FileUpload(accept="image/*", multiple=False, description=f"{name} image")
            for name in ("Infrared", "Visible")
        ]
        message = w.HTML(self.say.status("Grey, registered, of one size."))

        def take(_: Any = None) -> None:
            if not all(file.value for file in files):
                return
            try:
                images = [
                    read_upload(file.value[0]["content"], file.value[0]["name"], name)
                    for file, name in zip(files, ("infrared", "visible"), strict=True)
                ]
                self.explorer.load(images)
            except InputError as error:
                message.value = self.say.alert(str(error))
                return
            self.refresh()
            message.value = self.say.status("Showing your images.")

        for file in files:
            file.observe(take, names="value")
        row = w.Box(files, layout={"flex_flow": "row wrap"})
        panel = w.Accordion([w.VBox([row, message])], titles=("Your own images",))
        panel.selected_index = None
        return panel


def marked(picture: Bytes, x: int, y: int) -> Bytes:
    """Return a picture in colour with a square around one pixel."""
    colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    drawn = colour.copy()
    frame = np.zeros(picture.shape[:2], dtype=bool)
    frame[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4] = True
    frame[max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = False
    drawn[frame] = rgb(MARK)
    return drawn
