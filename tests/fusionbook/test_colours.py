"""Colours: one table for one meaning, and scripts that have the same."""

from pathlib import Path

import numpy as np

import fusionbook
from fusionbook import colours, figures

STATIC = Path(fusionbook.__file__).parent / "static"


def test_lightness_of_the_map_for_amounts_only_rises():
    luma = colours.SEQUENTIAL @ [0.299, 0.587, 0.114]
    assert (np.diff(luma) >= 0).all()
    assert luma[-1] - luma[0] > 230


def test_the_middle_of_the_map_for_both_sides_is_nearly_white():
    middle = colours.DIVERGING[127:129]
    assert middle.min() > 235
    low, high = colours.DIVERGING[0].astype(int), colours.DIVERGING[-1].astype(int)
    assert low[2] - low[0] > 90  # blue
    assert high[0] - high[2] > 120  # orange


def test_figures_use_the_same_tables():
    for table, cmap in (
        (colours.SEQUENTIAL, figures.SEQUENTIAL),
        (colours.DIVERGING, figures.DIVERGING),
    ):
        np.testing.assert_array_equal(cmap(np.arange(256), bytes=True)[:, :3], table)


def test_the_style_sheet_has_the_colour_of_marks_and_scripts_have_none():
    assert f"--fl-ring: {colours.MARK}" in (STATIC / "explorers.css").read_text()
    for path in STATIC.glob("*.js"):
        text = path.read_text("utf-8").lower()
        for colour in (colours.MARK, *colours.LAYER_COLOURS):
            assert colour.lower() not in text, path.name
