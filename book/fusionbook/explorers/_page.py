"""The static face of an explorer: HTML that needs no kernel and no network."""

from __future__ import annotations

import base64
import html
import io
import itertools
import json
import zlib
from collections.abc import Callable, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from ._arithmetic import Bytes
from ._controls import Choice, Control, Slider, Switches

if TYPE_CHECKING:
    from ._core import Explorer

__all__ = ["Store", "pack", "render", "webp"]

#: Qualities of precomputed frames, the best that fits is taken.
QUALITIES = (80, 65, 50, 35, 25, 15, 8)

#: Characters that all frames of an explorer may take.
FRAME_BUDGET = 600_000


def webp(image: Bytes, quality: int) -> str:
    """Return an image as a data URI."""
    buffer = io.BytesIO()
    PILImage.fromarray(image).save(buffer, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def pack(plane: NDArray[Any], minus: NDArray[Any] | None = None) -> dict[str, Any]:
    """Return a plane of integers, compressed without loss.

    Parameters
    ----------
    plane : numpy.ndarray, shape (H, W), uint8 or int16
        Exact values.
    minus : numpy.ndarray, optional
        A similar plane that the page has already; only the difference is kept.

    Notes
    -----
    Values modulo 2^8 or 2^16, predicted from the left, upper, or Paeth neighbour
    (whichever packs best), signs folded in, low bytes before high bytes, deflate.
    Not a PNG: reading pixels back from a canvas is inexact in browsers that guard
    against fingerprinting.
    """
    bits = 8 * plane.dtype.itemsize
    values = plane.astype(np.int64)
    if minus is not None:
        half = 2 ** (bits - 1)
        values = (values - minus.astype(np.int64) + half) % 2**bits - half
    best: tuple[int, str, bytes] | None = None
    for name, predict in _PREDICTORS.items():
        error = (values - predict(values)) % 2**bits
        signed = np.where(error >= 2 ** (bits - 1), error - 2**bits, error)
        folded = np.where(signed < 0, -2 * signed - 1, 2 * signed)
        lanes = [(folded >> shift) & 255 for shift in range(0, bits, 8)]
        raw = np.stack(lanes).astype(np.uint8).tobytes()
        packed = zlib.compress(raw, 9)
        if best is None or len(packed) < best[0]:
            best = len(packed), name, packed
    assert best is not None
    return {
        "shape": list(plane.shape),
        "bits": bits,
        "signed": plane.dtype.kind == "i",
        "filter": best[1],
        "data": base64.b64encode(best[2]).decode(),
    }


def _left(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.pad(values, ((0, 0), (1, 0)))[:, :-1]


def _up(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.pad(values, ((1, 0), (0, 0)))[:-1]


def _paeth(values: NDArray[np.int64]) -> NDArray[np.int64]:
    a, b = _left(values), _up(values)
    c = _up(a)
    p = a + b - c
    near = [np.abs(p - x) for x in (a, b, c)]
    first = (near[0] <= near[1]) & (near[0] <= near[2])
    return np.where(first, a, np.where(near[1] <= near[2], b, c))


_PREDICTORS: dict[str, Callable[[NDArray[np.int64]], NDArray[np.int64]]] = {
    "none": np.zeros_like,
    "left": _left,
    "up": _up,
    "paeth": _paeth,
}


class Store:
    """Things that depend on the state, each kept once.

    Parameters
    ----------
    controls : sequence of Control
        What the things depend on.
    """

    def __init__(self, controls: Sequence[Choice | Slider]) -> None:
        self.controls = list(controls)
        self.items: dict[str, list[Any]] = {}
        self.index: dict[str, list[int]] = {}
        self._known: dict[str, dict[Any, int]] = {}
        self._frames: set[str] = set()

    def add_frame(self, name: str, key: Any, image: Bytes, stride: int = 1) -> None:
        """Append an image for the next state, each pixel a square of ``stride``."""
        self._frames.add(name)
        self.add(name, key, lambda: [image, stride])

    def add_texts(self, view: Any) -> None:
        """Append whatever a view says and draws, for the next state."""
        for name in ("summary", "table", "marked", "chart", "marker"):
            value = getattr(view, name)
            self.add(name, value, lambda x: x, value)

    def states(self) -> list[dict[str, Any]]:
        """Return every state, the last control changing fastest."""
        names = [control.name for control in self.controls]
        values = (control.values for control in self.controls)
        return [dict(zip(names, v, strict=True)) for v in itertools.product(*values)]

    def add(self, name: str, key: Any, make: Callable[..., Any], *args: Any) -> None:
        """Append a thing for the next state; ``make(*args)`` is called for new keys."""
        known = self._known.setdefault(name, {})
        if key not in known:
            known[key] = len(known)
            self.items.setdefault(name, []).append(make(*args))
        self.index.setdefault(name, []).append(known[key])

    def as_dict(self) -> dict[str, Any]:
        """Return what the page needs."""
        frames = [f for name in sorted(self._frames) for f in self.items[name]]
        encoded = iter(_affordable([image for image, _ in frames]))
        items = dict(self.items)
        for name in sorted(self._frames):
            items[name] = [[next(encoded), stride] for _, stride in items[name]]
        return {
            "by": [control.name for control in self.controls],
            "items": items,
            "index": self.index,
        }


def _affordable(images: Sequence[Bytes]) -> list[str]:
    """Return the frames in the best quality with which they fit."""
    sample = images[::7]
    for quality in QUALITIES:
        # A few of them tell at once when a quality is far too good.
        size = sum(len(webp(image, quality)) for image in sample)
        if size * len(images) > 1.2 * FRAME_BUDGET * len(sample):
            continue
        encoded = [webp(image, quality) for image in images]
        if sum(map(len, encoded)) <= FRAME_BUDGET:
            return encoded
    return [webp(image, QUALITIES[-1]) for image in images]


def render(explorer: Explorer) -> str:
    """Return an explorer as HTML: markup, data, style and script."""
    start = explorer.view()
    data = {
        "kind": explorer.kind,
        "shape": list(explorer.shape),
        "controls": [_describe(control) for control in explorer.controls],
        **explorer.page(),
    }
    packed = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    packed = packed.replace("<", "\\u003c")
    name = f"fl-{explorer.kind}-{explorer.pair.name}"
    pictures = "".join(
        f'<div class="fl-picture"><div class="fl-frame">'
        f'<canvas width="{explorer.shape[1]}" height="{explorer.shape[0]}" '
        f'role="img" data-picture="{picture.name}" '
        f'aria-label="{_escape(picture.alt)}"></canvas></div>'
        f'<p class="fl-under">{_escape(picture.title)}</p></div>'
        for picture in explorer.pictures
    )
    head = "".join(f'<th scope="col">{_escape(cell)}</th>' for cell in explorer.head)
    rows = "".join(
        table_row(row, k in start.marked) for k, row in enumerate(start.table)
    )
    table = (
        f'<div class="fl-table"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        if explorer.head
        else ""
    )
    chart = (
        f'<div class="fl-chart"><div class="fl-plot">{start.chart}</div></div>'
        if start.chart
        else ""
    )
    beside = " fl-beside" if explorer.table_beside else ""
    beside += " fl-two" if len(explorer.pictures) == 2 else ""
    return (
        f'<section class="fl-explorer mathjax_ignore{beside}" id="{name}" '
        f'data-kind="{explorer.kind}" aria-label="Explorer: {_escape(explorer.title)}">'
        f"<style>{_static('explorers.css')}</style>"
        f'<p class="fl-title">{_escape(explorer.title)}</p>'
        f'<p class="fl-how">{_escape(explorer.how)}</p>'
        f'<div class="fl-body"><div class="fl-controls">'
        f"{''.join(_markup(control, name) for control in explorer.controls)}</div>"
        f'<div class="fl-stage"><div class="fl-pictures">'
        f"{pictures}</div>"
        f'<p class="fl-summary" role="status" aria-live="polite">'
        f"{_escape(start.summary)}</p></div>{chart}{table}</div>"
        f'<p class="fl-caption">{_escape(explorer.caption)}</p>'
        f'<noscript><p class="fl-caption">The explorer needs JavaScript.</p></noscript>'
        f'<script type="application/json" class="fl-data">{packed}</script>'
        f"<script>{_static('arithmetic.js')}\n{_static('explorers.js')}</script>"
        "</section>"
    )


def table_row(cells: Sequence[str], marked: bool) -> str:
    """Return one row of a read-out table."""
    first, *rest = (_escape(cell) for cell in cells)
    style = ' class="fl-marked"' if marked else ""
    others = "".join(f"<td>{cell}</td>" for cell in rest)
    return f'<tr{style}><th scope="row">{first}</th>{others}</tr>'


def _static(name: str) -> str:
    folder = resources.files(__package__).joinpath("static")
    return folder.joinpath(name).read_text("utf-8").strip()


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


def _describe(control: Control) -> dict[str, Any]:
    """Return a control for the script."""
    if isinstance(control, Slider):
        plain = [float(v) for v in control.values]
        return {
            "name": control.name,
            "type": "slider",
            "values": [int(v) if v.is_integer() else v for v in plain],
            "texts": [control.text(v) for v in control.values],
            "follows": control.follows,
        }
    texts = [text for _, text in control.options]
    kind = "choice" if isinstance(control, Choice) else "switches"
    return {
        "name": control.name,
        "type": kind,
        "values": control.values,
        "texts": texts,
    }


def _markup(control: Control, name: str) -> str:
    """Return a control as HTML; the label holds its input, so no ids are needed."""
    label = _escape(control.label)
    hush = 'data-lm-suppress-shortcuts="true"'
    if isinstance(control, Slider):
        place = list(control.values).index(control.start)
        text = _escape(control.text(control.start))
        return (
            f'<label class="fl-control fl-slider"><span class="fl-label">{label}'
            f'<output class="fl-value" aria-hidden="true">{text}</output></span>'
            f'<input type="range" min="0" max="{len(control.values) - 1}" step="1" '
            f'value="{place}" data-control="{control.name}" aria-label="{label}" '
            f'aria-valuetext="{text}" autocomplete="off" {hush}></label>'
        )
    if isinstance(control, Choice):
        options = "".join(
            f'<option value="{_escape(value)}"'
            f"{' selected' if value == control.start else ''}>{_escape(text)}</option>"
            for value, text in control.options
        )
        return (
            f'<label class="fl-control fl-choice"><span class="fl-label">{label}</span>'
            f'<select data-control="{control.name}" aria-label="{label}" '
            f'autocomplete="off" {hush}>{options}</select></label>'
        )
    assert isinstance(control, Switches)
    boxes = ""
    for k, (value, text) in enumerate(control.options):
        swatch = (
            f'<span class="fl-swatch" style="background:{control.colours[k]}"></span>'
            if control.colours
            else ""
        )
        boxes += (
            f'<label class="fl-switch"><input type="checkbox" value="{_escape(value)}" '
            f'data-control="{control.name}" autocomplete="off" '
            f'aria-label="{label}: {_escape(text)}"'
            f"{' checked' if value in control.start else ''} {hush}>"
            f"{swatch}<span>{_escape(text)}</span></label>"
        )
    return (
        f'<fieldset class="fl-control fl-switches"><legend class="fl-label">{label}'
        f"</legend>{boxes}</fieldset>"
    )
