"""The paper's tables as HTML for the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fusionlib.evaluation.tables import Published

__all__ = ["agreement", "table_html"]


def table_html(
    rows: Sequence[Mapping[str, Any]], key: str, methods: Sequence[str]
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

    Returns
    -------
    str
        A ``<table>``. Each cell has a sign as well as a colour: ✓ where ours rounds
        to the printed digits, ≈ within one percent, ✗ elsewhere.
    """
    cells = {(str(row[key]), row["method"]): row for row in rows}
    lines = list(dict.fromkeys(str(row[key]) for row in rows))
    head = "".join(f'<th scope="col">{method}</th>' for method in methods)
    body = []
    for line in lines:
        columns = "".join(_cell(cells.get((line, method))) for method in methods)
        body.append(f'<tr><th scope="row">{line}</th>{columns}</tr>')
    return (
        f'<table style="font-size: 0.85em"><thead><tr><th scope="col">{key}</th>{head}'
        f"</tr></thead><tbody>{''.join(body)}</tbody></table>"
    )


#: Sign, background and text colour of a cell; legible in light and dark themes.
_SIGNS = {
    "digits": ("✓", "#c9e8cf", "#12331a"),
    "close": ("≈", "#fdf0c2", "#443300"),
    "apart": ("✗", "#f6d0c9", "#4d1208"),
}


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "<td></td>"
    if not row["published"]:
        return f"<td>{row['ours']}</td>"
    sign, back, text = _SIGNS[agreement(row)]
    return (
        f'<td style="background: {back}; color: {text}">{row["published"]}<br>'
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
