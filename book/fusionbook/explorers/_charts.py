"""Small drawings as SVG, coloured by the style sheet."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

__all__ = ["bar_chart", "line_chart"]

WIDTH, HEIGHT = 400, 130
#: Lower and upper edge of the plot; numbers and titles stand below and above.
FLOOR, TOP = 98, 22
#: Room for the numbers of the upright axis.
LEFT = 40


def _frame(
    body: str, ticks: Iterable[tuple[float, str]], x: str, y: str, alt: str,
    heights: Sequence[tuple[float, str]],
) -> str:  # fmt: skip
    """Return a drawing with both axes: ``y`` stands above, ``x`` below."""
    marks = ""
    for place, text in ticks:
        at = place * WIDTH
        anchor = "start" if place < 0.02 else "end" if place > 0.98 else "middle"
        marks += (
            f'<path d="M{at:.1f} {FLOOR}v4" stroke="currentColor" opacity=".5"/>'
            f'<text x="{at:.1f}" y="{FLOOR + 15}" text-anchor="{anchor}">{text}</text>'
        )
    for height, text in heights:
        level = FLOOR - height * (FLOOR - TOP)
        marks += (
            f'<path d="M0 {level:.1f}H{WIDTH}" stroke="currentColor" opacity=".18"/>'
            f'<text x="-5" y="{level + 4:.1f}" text-anchor="end">{text}</text>'
        )
    return (
        f'<svg viewBox="{-LEFT} 0 {WIDTH + LEFT} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(alt)}">{marks}{body}'
        f'<path d="M0 {TOP}V{FLOOR}H{WIDTH}" fill="none" stroke="currentColor" '
        'opacity=".5"/>'
        f'<text x="{WIDTH}" y="{HEIGHT - 3}" text-anchor="end">{html.escape(x)}</text>'
        f'<text x="{-LEFT}" y="11">{html.escape(y)}</text></svg>'
    )


def line_chart(
    places: Sequence[float],
    lines: Sequence[tuple[Sequence[float], bool]],
    ticks: Iterable[tuple[float, str]],
    x: str,
    y: str,
    alt: str,
    heights: Sequence[tuple[float, str]] = ((0, "0"), (1, "1")),
) -> str:
    """Draw lines over one axis.

    Parameters
    ----------
    places : sequence of float
        Positions from 0 to 1.
    lines : sequence of (sequence of float, bool)
        Heights from 0 to 1, and whether the line is only a reference.
    ticks : iterable of (float, str)
        Positions and their labels.
    x, y, alt : str
        Titles of the axes, and what a screen reader says.
    heights : sequence of (float, str), optional
        Labels of the upright axis.
    """
    body = ""
    for line, reference in lines:
        points = " ".join(
            f"{p * WIDTH:.1f},{FLOOR - h * (FLOOR - TOP):.1f}"
            for p, h in zip(places, line, strict=True)
        )
        style = (
            'stroke="currentColor" stroke-dasharray="4 4" opacity=".55"'
            if reference
            else 'stroke="var(--fl-accent, #0b62a8)" stroke-width="2.5"'
        )
        body += f'<polyline points="{points}" fill="none" {style}/>'
    return _frame(body, ticks, x, y, alt, heights)


def bar_chart(
    heights: Sequence[float],
    ticks: Iterable[tuple[float, str]],
    x: str,
    y: str,
    alt: str,
    largest: str = "",
) -> str:
    """Draw bars side by side over the whole width; heights from 0 to 1.

    ``largest`` is what the upright axis says for 1.
    """
    step = WIDTH / len(heights)
    path = "".join(
        f"M{k * step:.1f} {FLOOR}v{-h * (FLOOR - TOP):.1f}h{step:.2f}V{FLOOR}z"
        for k, h in enumerate(heights)
        if h > 0
    )
    style = 'shape-rendering="crispEdges" fill="var(--fl-edge, #7b8796)"'
    return _frame(
        f'<path d="{path}" {style}/>',
        ticks,
        x,
        y,
        alt,
        ((0, "0"), (1, largest)),
    )
