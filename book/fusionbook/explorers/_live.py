"""The live face of an explorer: ipywidgets with a kernel behind them."""

from __future__ import annotations

import html
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from fusionlib.errors import InputError
from fusionlib.images.io import read_image

from ._arithmetic import Bytes
from ._colours import MARK, rgb
from ._controls import Choice, Control, Slider, Switches
from ._core import Explorer, View
from ._page import table_row

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
                    widgets.HTML(f"<small>{html.escape(p.title)}</small>"),
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
        head = widgets.HTML(
            f"<b>{html.escape(explorer.title)}</b><br>{html.escape(explorer.how)}"
        )
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
        self.caption.value = f"<small>{html.escape(self.explorer.caption)}</small>"
        self._changed()

    def _control(self, control: Control) -> Any:
        w, wide = self.widgets, {"width": "98%"}
        if isinstance(control, Slider):
            options = [(control.text(v), v) for v in control.values]
            return w.SelectionSlider(
                options=options, value=control.start, layout=wide, tooltip=control.label
            )
        if isinstance(control, Choice):
            named = [(text, value) for value, text in control.options]
            return w.Dropdown(
                options=named, value=control.start, layout=wide, tooltip=control.label
            )
        return [
            w.Checkbox(value in control.start, description=text, indent=False)
            for value, text in control.options
        ]

    def _labelled(self, control: Control) -> Any:
        label = self.widgets.HTML(f"<b>{html.escape(control.label)}</b>")
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
            image.value = _png(marked(picture, **marks) if marks else picture)
        self.summary.value = (
            f'<div role="status" aria-live="polite" style="line-height:1.4">'
            f"{html.escape(view.summary)}</div>"
        )
        self.chart.value = _chart(view)
        self.table.value = _table(self.explorer.head, view)

    def _upload(self) -> Any:
        w = self.widgets
        files = [
            w.FileUpload(accept="image/*", multiple=False, description=f"{name} image")
            for name in ("Infrared", "Visible")
        ]
        message = w.HTML(
            '<div role="status" aria-live="polite">Grey, registered, of one size.</div>'
        )

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
                text = html.escape(str(error))
                message.value = f'<div role="alert" style="color:#b3261e">{text}</div>'
                return
            self.refresh()
            message.value = '<div role="status">Showing your images.</div>'

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


def _png(image: Bytes) -> bytes:
    buffer = io.BytesIO()
    PILImage.fromarray(image).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _chart(view: View) -> str:
    if not view.chart:
        return ""
    marker = (
        ""
        if view.marker is None
        else f'<div style="position:absolute;top:0;bottom:0;width:2px;'
        f'left:{100 * view.marker:.2f}%;background:#d55e00"></div>'
    )
    return f'<div style="position:relative;max-width:640px">{view.chart}{marker}</div>'


def _table(head: tuple[str, ...], view: View) -> str:
    if not head:
        return ""
    titles = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    rows = "".join(table_row(row, k in view.marked) for k, row in enumerate(view.table))
    style = (
        "<style>.fl-live th,.fl-live td{padding:1px 10px;text-align:right;"
        "font-weight:400}"
        ".fl-live th:first-child{text-align:left}.fl-live .fl-marked>*{font-weight:700}"
        "</style>"
    )
    return (
        f'{style}<table class="fl-live"><thead><tr>{titles}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )
