"""The live face of an explorer: ipywidgets with a kernel behind them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from fusionlib.data import list_pairs
from fusionlib.errors import InputError
from fusionlib.images.colour import luminance
from fusionlib.images.io import read_image

from ..colours import ORANGE
from ..packing import encode
from ._controls import Choice, Control, Slider, Switches
from ._core import Explorer
from ._templates import macros

__all__ = ["build", "read_upload"]

#: Widest picture, so that all of an explorer is in sight on a screen of 1280 x 800, and
#: where a table of equations stands below it.
WIDTH, WIDTH_ABOVE_TABLE = "400px", "320px"

#: Milliseconds between two steps of a slider that plays.
STEP = 1000

#: Pixels to which uploaded images are reduced unless the reader wants all of them.
MOST_PIXELS = 500_000


def build(explorer: Explorer) -> Any:
    """Return an explorer as a widget.

    Raises
    ------
    InputError
        If ipywidgets or anywidget is not installed.
    """
    try:
        import ipywidgets

        from ._picture import PictureWidget
    except ImportError:
        raise InputError(
            "explorers need ipywidgets and anywidget; install irvis-fusionlib[book]"
        ) from None
    return _Live(explorer, ipywidgets, PictureWidget).box


def read_upload(content: Any, file_name: str, name: str) -> Any:
    """Read an uploaded file as a grey image in [0, 1], of a colour file its luminance.

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
            return luminance(read_image(path, name, colour=True), name)
        except InputError as error:
            # The reader has never seen the temporary file's name.
            text = str(error).replace(str(path), file_name)
            raise InputError(text) from None


class _Live:
    """Widgets of one explorer and what connects them."""

    def __init__(self, explorer: Explorer, widgets: Any, picture: Any) -> None:
        self.explorer, self.widgets = explorer, widgets
        self.say = macros("live.html")
        self.controls = widgets.VBox()
        # Equations need room; other tables fit under the controls.
        self.wide_table = len(explorer.head) > 2 and not explorer.table_beside
        self.wide_table &= len(explorer.pictures) == 1
        width = WIDTH_ABOVE_TABLE if self.wide_table else WIDTH
        #: The slider that each position in the pictures belongs to.
        self.followed = {c.follows: c.name for c in explorer.controls
                         if isinstance(c, Slider) and c.follows}  # fmt: skip
        state = explorer.state()
        places = {axis: state[name] for axis, name in self.followed.items()}
        self.images = {
            p.name: picture(
                name=f"{explorer.kind}-{p.name}", alt=p.alt, group=str(id(self)),
                layout={"max_width": width}, **places,
            )
            for p in explorer.pictures
        }  # fmt: skip
        for image in self.images.values():
            image.observe(self._pointed, names=["split", "x", "y"])
        self.summary, self.chart = widgets.HTML(), widgets.HTML()
        self.table, self.caption = widgets.HTML(), widgets.HTML()
        self.busy, self.answer = widgets.HTML(), widgets.HTML()
        self.changing = False
        head = widgets.HTML(self.say.title(explorer))
        self.box = widgets.VBox(
            [head, self._scenes(), self._body(), self._question(), self.caption,
             self._upload()]
        )  # fmt: skip
        self.refresh()

    def _body(self) -> Any:
        """Return controls and pictures, both in sight at once."""
        w = self.widgets
        pictures = [
            w.VBox(
                [self.images[p.name], w.HTML(self.say.small(p.title))],
                layout={"flex": "1 1 240px", "min_width": "0"},
            )
            for p in self.explorer.pictures
        ]
        row = {"flex_flow": "row wrap", "grid_gap": "12px"}
        left = [self.controls, self.busy, self.summary]
        beside = [w.Box(pictures, layout=row), self.chart]
        (beside if self.wide_table else left).append(self.table)
        width = "250px" if len(self.explorer.head) < 4 else "300px"
        return w.Box(
            [
                w.VBox(left, layout={"width": width, "flex": "0 0 auto"}),
                w.VBox(beside, layout={"flex": "1 1 300px", "min_width": "0"}),
            ],
            layout={**row, "grid_gap": "16px"},
        )

    def _scenes(self) -> Any:
        """Return a list of pairs and a button that sets everything back."""
        w = self.widgets
        own = self.explorer.pair
        known = [(pair.title, pair.name) for pair in list_pairs() if pair.available]
        known += [(own.title, "")] if own.name not in dict(known).values() else []
        pairs = w.Dropdown(
            options=known,
            value=own.name if own.name in dict(known).values() else "",
            description="Pair",
        )
        reset = w.Button(description="Reset", layout={"width": "auto"})

        def choose(change: Any) -> None:
            self._while_busy(lambda: self.explorer.load(change["new"] or own))
            self.refresh()

        pairs.observe(choose, names="value")
        reset.on_click(lambda _: self.refresh())
        return w.HBox([pairs, reset])

    def _question(self) -> Any:
        w, question = self.widgets, self.explorer.question
        if question is None:
            return w.HTML()
        button = w.Button(description="Check", layout={"width": "auto"})

        def check(_: Any) -> None:
            now = self.explorer.question
            if now is not None:
                right = now.answers(self._state())
                self.answer.value = self.say.status(
                    "Right." if right else f"Not yet. {now.hint}"
                )

        button.on_click(check)
        text = w.HTML(self.say.status(question.text))
        return w.VBox([text, w.HBox([button, self.answer])])

    def _while_busy(self, work: Any) -> None:
        """Say that something is computed while it is."""
        self.busy.value = self.say.status("Computing …")
        try:
            work()
        finally:
            self.busy.value = ""

    def refresh(self) -> None:
        """Build the controls of the current pair and show its starting state."""
        self.inputs = {c.name: self._control(c) for c in self.explorer.controls}
        self.controls.children = [self._labelled(c) for c in self.explorer.controls]
        for widget in self.inputs.values():
            for part in widget if isinstance(widget, list) else [widget]:
                part.observe(self._changed, names="value")
        self.caption.value = self.say.small(self.explorer.caption)
        self.answer.value = ""
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
        w = self.widgets
        label = w.HTML(self.say.label(control.label))
        widget = self.inputs[control.name]
        if isinstance(control, Slider) and not control.follows:
            between = {"justify_content": "space-between"}
            label = w.HBox([label, self._play(widget)], layout=between)
        if not isinstance(control, Switches):
            return w.VBox([label, widget])
        colours = control.colours or ("",) * len(widget)
        boxes = [
            w.HBox([w.HTML(self.say.swatch(colour)), box]) if colour else box
            for colour, box in zip(colours, widget, strict=True)
        ]
        return w.VBox([label, *boxes])

    def _play(self, slider: Any) -> Any:
        """Return buttons that move a slider step by step."""
        play = self.widgets.Play(
            min=0, max=len(slider.options) - 1, value=slider.index, interval=STEP,
            show_repeat=False,
            layout={"width": "76px", "height": "24px", "flex": "none"},
        )  # fmt: skip
        play.observe(lambda change: setattr(slider, "index", change["new"]), "value")
        slider.observe(lambda change: setattr(play, "value", change["new"]), "index")
        slider.observe(
            lambda change: setattr(play, "max", len(change["new"]) - 1), "options"
        )
        return play

    def _pointed(self, change: Any) -> None:
        """Move the sliders that a pointer in a picture moves."""
        if self.changing:
            return
        self.changing = True
        try:
            for axis, name in self.followed.items():
                self.inputs[name].value = getattr(change["owner"], axis)
        finally:
            self.changing = False
        self._changed()

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

    def _limit(self) -> None:
        """Give sliders as many stops as they have now, such as channels of a layer."""
        for control in self.explorer.controls:
            if not isinstance(control, Slider) or control.limits is None:
                continue
            widget, state = self.inputs[control.name], self._state()
            options = control.options[: control.stops(state)]
            if len(widget.options) != len(options):
                value = min(widget.value, options[-1][0])
                widget.options = tuple((text, stop) for stop, text in options)
                widget.value = value

    def _changed(self, _: Any = None) -> None:
        if self.changing:  # the stops of a slider are being changed
            return
        self.changing = True
        try:
            self._limit()
        finally:
            self.changing = False
        self._while_busy(self._draw)

    def _draw(self) -> None:
        state = self._state()
        view, halves = self.explorer.view(state), self.explorer.halves(state)
        self.changing = True
        try:
            for name, image in self.images.items():
                with image.hold_sync():
                    image.png = encode(view.pictures[name], "PNG", compress_level=1)
                    image.halves = list(halves)
                    for axis, control in self.followed.items():
                        setattr(image, axis, state[control])
        finally:
            self.changing = False
        self.summary.value = self.say.status(view.summary)
        self.chart.value = self.say.chart(view, ORANGE)
        self.table.value = self.say.table(self.explorer.head, view)

    def _upload(self) -> Any:
        w = self.widgets
        names = ("infrared", "visible")
        files = [
            w.FileUpload(
                accept="image/*", multiple=False, description=name.capitalize(),
                layout={"width": "auto"},
            )
            for name in names
        ]  # fmt: skip
        small = w.Checkbox(True, description="Reduce to half a megapixel", indent=False)
        message = w.HTML(
            self.say.status(
                "Two registered images of one size; of a colour image the luminance is "
                "used."
            )
        )

        def take(_: Any = None) -> None:
            said = [
                f"{name}: {file.value[0]['name']}" if file.value else f"{name}: missing"
                for file, name in zip(files, names, strict=True)
            ]
            message.value = self.say.status(
                "; ".join(said) + ("" if all(f.value for f in files) else ".")
            )
            if not all(file.value for file in files):
                return
            message.value = self.say.status("; ".join(said) + ". Computing …")
            try:
                images = [
                    read_upload(file.value[0]["content"], file.value[0]["name"], name)
                    for file, name in zip(files, names, strict=True)
                ]
                _same_size(images, [file.value[0]["name"] for file in files])
                self.explorer.load(reduced(images) if small.value else images)
            except InputError as error:
                message.value = self.say.alert(str(error))
                return
            self.refresh()
            message.value = self.say.status("; ".join(said) + ". Showing your images.")

        for file in files:
            file.observe(take, names="value")
        row = w.Box([*files, small], layout={"flex_flow": "row wrap"})
        panel = w.Accordion([w.VBox([row, message])], titles=("Your own images",))
        panel.selected_index = None
        return panel


def _same_size(images: Sequence[Any], names: Sequence[str]) -> None:
    """Refuse images of two sizes by the names of their files."""
    (h1, w1), (h2, w2) = (image.shape for image in images)
    if (h1, w1) != (h2, w2):
        raise InputError(
            f"the images must have the same size, but {names[0]} (infrared) has "
            f"{w1} × {h1} pixels and {names[1]} (visible) has {w2} × {h2}"
        )


def reduced(images: Sequence[Any], pixels: int = MOST_PIXELS) -> list[Any]:
    """Return images that are reduced by one factor to at most so many pixels."""
    height, width = images[0].shape
    factor = (pixels / (height * width)) ** 0.5
    if factor >= 1:
        return list(images)
    size = max(int(width * factor), 1), max(int(height * factor), 1)
    box = PILImage.Resampling.BOX
    return [
        np.asarray(PILImage.fromarray(image.astype(np.float32)).resize(size, box))
        for image in images
    ]
