"""How results are shown: pictures by Pillow, and HTML for notebooks.

Whatever is slow to import is imported when something is shown.
"""

from __future__ import annotations

import base64
import html
import io
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image as PILImage

    from .fusion import FusionResult
    from .metrics import MetricValues

__all__ = ["LayerMaps", "ResultDisplay", "figure", "picture", "show", "table"]

#: Widest picture in a notebook, in pixels, and the gap between two, in a window.
WIDTH, GAP = 320, 6


class LayerMaps(dict[str, Any]):
    """Maps by the names of layers, which an error lists."""

    def __missing__(self, name: object) -> Any:
        raise KeyError(f"layer must be one of {', '.join(self)}, got {name!r}")


class ResultDisplay:
    """What a :class:`~fusionlib.fusion.FusionResult` can do besides hold arrays."""

    def __post_init__(self) -> None:
        for name in ("C", "C_hat", "W", "F_d_i"):
            object.__setattr__(self, name, LayerMaps(getattr(self, name)))

    @property
    def weights(self) -> Any:
        """Raise AttributeError, with the names of what is meant by *weights*."""
        raise AttributeError(
            "FusionResult has no weights; maps by layer are C, C_hat, W, W_hat and "
            "F_d_i, as in W_hat['relu2_1'], and the network is in provenance"
        )

    @property
    def uint8(self: Any) -> NDArray[np.uint8]:
        """The fused image in 8 bits, as :meth:`save` writes it."""
        from .images.io import to_uint8

        return to_uint8(self.image)

    def show(self: Any) -> None:
        """Show sources and fused image side by side, in a notebook or a window."""
        show(picture([*_sources(self), self.image]))

    def save(self: Any, path: str | os.PathLike[str]) -> None:
        """Write the fused image, see :func:`fusionlib.images.io.write_image`."""
        from .images.io import write_image

        write_image(path, self.image)

    def evaluate(
        self: Any,
        *,
        metrics: Sequence[str] | None = None,
        convention: str | None = None,
    ) -> MetricValues:
        """Return metrics of the fused image, see :func:`fusionlib.metrics.evaluate`."""
        from .metrics import evaluate

        sources = _sources(self)
        return evaluate(self.image, sources, metrics=metrics, convention=convention)

    def __repr__(self: Any) -> str:
        return f"FusionResult({_facts(self)}; image, I, I_b, I_d, C, W_hat, F_d_i, ...)"

    def _repr_html_(self: Any) -> str:
        images = [*_sources(self), self.image]
        names = [f"source {k}" for k in range(1, len(images))]
        return figure(dict(zip([*names, "fused"], images, strict=True)), _facts(self))


def _sources(result: FusionResult) -> list[Any]:
    """Return the sources of a result, the one in colour with its colours."""
    from .images.colour import compose

    sources = list(result.I)
    if result.chroma is not None:
        k = result.provenance["colour_source"]
        sources[k] = compose(sources[k], result.chroma)
    return sources


def _facts(result: FusionResult) -> str:
    """Return in one line what was fused, and how."""
    known, (height, width) = result.provenance, result.F.shape[:2]
    weights = known.get("weights", {})
    facts = [
        f"{height}x{width} pixels",
        f"{len(result.I)} sources",
        f"preset {result.config.preset_name}",
        f"weights {weights.get('name', 'unknown')} ({weights.get('kind', '?')})",
        f"{sum(known.get('seconds', {}).values()):.1f} s",
    ]
    return ", ".join(facts)


def picture(images: Sequence[Any]) -> PILImage.Image:
    """Return images of one size, in [0, 1] or in 8 bits, side by side."""
    from PIL import Image

    from .images.io import to_uint8

    planes = [np.asarray(i) for i in images]
    planes = [i if i.dtype == np.uint8 else to_uint8(i) for i in planes]
    if any(plane.ndim == 3 for plane in planes):
        planes = [p if p.ndim == 3 else np.stack([p] * 3, axis=-1) for p in planes]
    gap = np.full((len(planes[0]), GAP, *planes[0].shape[2:]), 255, np.uint8)
    row = [part for plane in planes for part in (gap, plane)]
    return Image.fromarray(np.concatenate(row[1:], axis=1))


def show(image: PILImage.Image) -> None:
    """Show a picture below the cell of a notebook; elsewhere in a window."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and hasattr(ipython.get_ipython(), "kernel"):
        ipython.display.display(image)
    else:
        image.show()


def figure(images: Mapping[str, Any], caption: str) -> str:
    """Return images by their titles in a row, in HTML that needs no other file."""
    cells = []
    for name, image in images.items():
        small, stream = picture([image]), io.BytesIO()
        small.thumbnail((WIDTH, 4 * WIDTH))
        small.save(stream, "PNG")
        data = base64.b64encode(stream.getvalue()).decode()
        title = html.escape(name)
        cells.append(
            '<figure style="display:inline-block;margin:2px">'
            f'<img alt="{title}" src="data:image/png;base64,{data}">'
            f"<figcaption>{title}</figcaption></figure>"
        )
    return f"<div>{''.join(cells)}<p>{html.escape(caption)}</p></div>"


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    caption: str,
    best: Any = None,
) -> str:
    """Return a table in HTML; cells are bold where ``best`` is true."""
    lines = [_row("th", header, [False] * len(header))]
    for k, row in enumerate(rows):
        lines.append(_row("td", row, [False] * len(row) if best is None else best[k]))
    body = "\n".join(lines)
    return f"<table><caption>{html.escape(caption)}</caption>\n{body}\n</table>"


def _row(tag: str, cells: Sequence[Any], bold: Sequence[bool]) -> str:
    """Return a line of a table; its first cell is a title."""
    line = ""
    for k, (cell, is_bold) in enumerate(zip(cells, bold, strict=True)):
        text, kind = html.escape(str(cell)), tag if k else "th"
        line += f"<{kind}>{f'<b>{text}</b>' if is_bold else text}</{kind}>"
    return f"<tr>{line}</tr>"
