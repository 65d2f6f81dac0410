"""The paper's tables as HTML for the book, and its methods in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fusionlib.baselines import METHODS
from fusionlib.evaluation.tables import Published

from .text import markdown_table

__all__ = ["WORDS", "agreement", "method_table", "table_html"]

#: Full name of each method of the library, and what it does in one sentence.
WORDS = {
    "cbf": (
        "Cross bilateral filter",
        "Each source is smoothed where the other one has no edge; the rest is its "
        "detail, and the source with the stronger detail gets the larger weight.",
    ),
    "wls": (
        "Weighted least squares",
        "Base parts are weighted by how much their grey levels stand out; of the "
        "details the stronger is taken, and pulled towards the infrared one where the "
        "visible image is flat.",
    ),
    "jsr": (
        "Joint sparse representation",
        "Patches of both sources are written with few atoms of a joint dictionary; "
        "what they share is kept, what one has alone is weighted by its strength.",
    ),
    "jsrsd": (
        "Joint sparse representation with saliency detection",
        "As JSR, but what a source has alone is weighted by its strength and by how "
        "much it differs from what lies around it.",
    ),
    "convsr": (
        "Convolutional sparse representation",
        "The detail of each source is a sum of 32 small filters, placed at few pixels; "
        "at each pixel the source with more of them wins.",
    ),
    "mean": ("Mean", "The average of the sources, pixel by pixel."),
    "maximum": ("Maximum", "The brighter source, pixel by pixel."),
    "laplacian": (
        "Laplacian pyramid",
        "Images are split into levels of finer and finer detail; of each detail the "
        "stronger one is kept, and the coarsest level is averaged.",
    ),
    "dwt": (
        "Discrete wavelet transform",
        "As the pyramid, with the horizontal, vertical and diagonal details of a "
        "wavelet transform.",
    ),
    "swt": (
        "Stationary wavelet transform",
        "As the wavelet transform, but without subsampling: the result moves with the "
        "sources.",
    ),
    "nsct": (
        "Nonsubsampled contourlet transform",
        "A pyramid without subsampling, and several directions on each of its levels; "
        "of each detail the stronger one is kept.",
    ),
    "dtcwt": (
        "Dual-tree complex wavelet transform",
        "Two wavelet trees give complex details of six directions, whose magnitude "
        "depends less on where an edge lies; the larger magnitude is kept.",
    ),
    "qwt": (
        "Quaternion wavelet transform",
        "The same trees, read as quaternions: one magnitude for the horizontal, the "
        "vertical and the diagonal detail each.",
    ),
    "gff": (
        "Guided filtering",
        "Where a source has the larger Laplacian, it is chosen; guided filters fit "
        "these masks to the edges of the sources, wide for the base, narrow for the "
        "detail.",
    ),
    "nsst": (
        "Shift-invariant shearlet transform",
        "As contourlets, with smooth windows of Meyer for scales and slopes.",
    ),
    "two_scale": (
        "Two-scale saliency",
        "A mean filter splits off the base, which is averaged; details are weighted by "
        "the difference of a mean and a median filter.",
    ),
    "lrr": (
        "Low-rank representation",
        "Patches are written with dictionaries learned for seven classes of direction, "
        "all together with codes of low rank; the patch with the stronger code is "
        "taken.",
    ),
    "sr_hog": (
        "Sparse coding with classes of patches",
        "Patches are sorted by the direction of their gradients, and each class has "
        "its own dictionary; the patch with the stronger code is taken.",
    ),
    "sr_pcnn": (
        "Sparse coding with a pulse coupled neural network",
        "The strength of the code of each patch drives a neuron, which also listens to "
        "its neighbours; the patch whose neuron fires more often is taken.",
    ),
    "sr_shearlet": (
        "Shearlets with sparse coding and a pulse coupled neural network",
        "The low bands of a shearlet transform are fused by sparse coding, its details "
        "by neurons that their magnitudes drive.",
    ),
    "cosparse": (
        "Cosparse analysis operator",
        "An operator is learned whose product with a patch is nearly zero almost "
        "everywhere; the patch with the larger product is taken.",
    ),
    "cnn": (
        "Convolutional neural network",
        "A network that was trained to tell sharp from blurred says how much each "
        "source counts; pyramids of both are averaged by that where they are alike, "
        "and the stronger one is taken elsewhere.",
    ),
    "cnn_focus": (
        "Convolutional neural network, for photographs",
        "The same network decides for each pixel which photograph is in focus; small "
        "regions are removed, and the edges of the decision are fitted to the image.",
    ),
}


def method_table(names: Iterable[str] = METHODS) -> Any:
    """Return methods in words.

    Parameters
    ----------
    names : iterable of str, optional
        Which; by default all of the library.

    Returns
    -------
    IPython.display.Markdown
        Name, full name with its source, one sentence, and typical seconds.
    """
    from IPython.display import Markdown

    lines = []
    for name in names:
        entry, (full, sentence) = METHODS[name], WORDS[name]
        source = f", {entry.reference} {entry.year}" if entry.year else ""
        lines.append([f"`{name}`", full + source, sentence, f"{entry.seconds:g}"])
    head = ["Name", "In full", "What it does", "Seconds"]
    return Markdown(markdown_table(head, lines))


def table_html(
    rows: Sequence[Mapping[str, Any]],
    key: str,
    methods: Sequence[str],
    *,
    turned: bool = False,
) -> str:
    """Return a table as HTML: published above ours, coloured by agreement.

    Parameters
    ----------
    rows : sequence of dict
        From :func:`fusionlib.evaluation.tables.table_1` or ``table_2``.
    key : str
        The column that names a line, ``metric`` or ``image``.
    methods : sequence of str
        The columns.
    turned : bool, optional
        A line for each method instead, which is narrower for few metrics.

    Returns
    -------
    str
        A ``<table>``. Each cell has a sign as well as a colour: ✓ where ours rounds
        to the printed digits, ≈ within one percent, ✗ elsewhere.
    """
    cells = {(str(row[key]), row["method"]): row for row in rows}
    lines = list(dict.fromkeys(str(row[key]) for row in rows))
    across, down = (lines, methods) if turned else (methods, lines)
    head = "".join(f'<th scope="col">{name}</th>' for name in across)
    body = []
    for name in down:
        keys = ((c, name) if turned else (name, c) for c in across)
        columns = "".join(_cell(cells.get(one)) for one in keys)
        body.append(f'<tr><th scope="row">{name}</th>{columns}</tr>')
    key = "method" if turned else key
    return (
        f'<table style="font-size: 0.85em"><thead><tr><th scope="col">{key}</th>{head}'
        f"</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


#: Sign and tint of a cell; the tint lies over the page, in light and dark themes.
_SIGNS = {
    "digits": ("✓", "rgba(0, 158, 115, 0.2)"),
    "close": ("≈", "rgba(230, 159, 0, 0.2)"),
    "apart": ("✗", "rgba(213, 94, 0, 0.25)"),
}


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "<td></td>"
    if not row["published"]:
        return f"<td>{row['ours']}</td>"
    sign, back = _SIGNS[agreement(row)]
    return (
        f'<td style="background: {back}">{row["published"]}<br>'
        f"{row['ours']} {sign}</td>"
    )


def agreement(row: Mapping[str, Any]) -> str:
    """Return how well ours agrees with the published number of a table row.

    Parameters
    ----------
    row : dict
        From :func:`fusionlib.evaluation.tables.table_1` or ``table_2``, with a
        published number.

    Returns
    -------
    str
        ``digits`` where ours rounds to the printed digits, ``close`` within one
        percent of the published number, else ``apart``.
    """
    published, ours = Published(row["published"]), float(row["ours"])
    if published.agrees(ours):
        return "digits"
    near = abs(ours - published.value) <= 0.01 * abs(published.value)
    return "close" if near else "apart"
