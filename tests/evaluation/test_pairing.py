"""Files paired by their names, and refused where that is not clear."""

import os

import pytest

from fusionlib.errors import InputError
from fusionlib.evaluation.pairing import find_pairs


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Return a function that makes empty files in the current folder."""
    monkeypatch.chdir(tmp_path)

    def make(*names):
        for name in names:
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            open(name, "w").close()

    return make


CASES = {
    "numbers, in natural order": (
        ("IR1.png IR2.png IR10.png", "VIS1.png VIS2.png VIS10.png"),
        ("IR*.png", "VIS*.png"),
        "1 2 10",
    ),
    "folders": (
        ("ir/001.png ir/002.png", "vis/001.png vis/002.png"),
        ("ir/*.png", "vis/*.png"),
        "001 002",
    ),
    "whole folders, other files in them, other formats": (
        ("ir/001.png ir/002.png ir/notes.txt", "vis/001.jpg vis/002.jpg"),
        ("ir", "./vis//"),
        "001 002",
    ),
    "folders that look like patterns": (
        ("[a]/1.png [a]/2.png", "v*/1.png v*/2.png"),
        ("[a]", "v[*]/**"),
        "1 2",
    ),
    "endings": (
        ("001_ir.png 002_ir.png", "001_vi.png 002_vi.png"),
        ("*_ir.png", "*_vi.png"),
        "001 002",
    ),
    "beginnings": (
        ("thermal_03.tif thermal_04.tif", "visible_03.tif visible_04.tif"),
        ("thermal_*", "visible_*"),
        "03 04",
    ),
    "folders of scenes": (
        ("a/ir.png b/ir.png", "a/vis.png b/vis.png"),
        ("*/ir.png", "*/vis.png"),
        "a b",
    ),
    "any depth": (
        ("d/ir/1.png d/ir/x/1.png", "d/vis/1.png d/vis/x/1.png"),
        ("d/ir/**/*.png", "d/vis/**/*.png"),
        "1 x_1",
    ),
    "two wildcards": (
        ("d1_ir_a.png d2_ir_b.png", "d1_vis_a.png d2_vis_b.png"),
        ("d*_ir_*.png", "d*_vis_*.png"),
        "1_a 2_b",
    ),
    "other wildcards": (
        ("IR07.png IR08.png IRxx.png", "VIS07.png VIS08.png VISxx.png"),
        ("IR[0-9]?.png", "VIS[!x]?.png"),
        "07 08",
    ),
    "no wildcards": (("hot.png", "light.png"), ("hot.png", "light.png"), "hot"),
    "words that mark a side": (
        ("ir/house_ir.png ir/tree_ir.png", "vis/house_vis.png vis/tree_vis.png"),
        ("ir/*", "vis/*"),
        "house tree",
    ),
    "a word on one side, numbers of other lengths": (
        ("ir/IR1.png ir/IR12.png", "vis/001.bmp vis/012.bmp"),
        ("ir/*", "vis/*"),
        "1 12",
    ),
    "a word that all have": (
        ("ir/FLIR_8_ir.png ir/FLIR_9_ir.png", "v/FLIR_8_rgb.png v/FLIR_9_rgb.png"),
        ("ir/*", "v/*"),
        "FLIR_8 FLIR_9",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_pairs(case, files):
    (ir, vis), globs, names = CASES[case]
    files(*ir.split(), *vis.split())
    pairs = find_pairs(*globs)
    assert [pair.name for pair in pairs] == names.split()
    images = [n for n in ir.split() if not n.endswith("txt") and "xx" not in n]
    assert {pair.ir for pair in pairs} == set(images)
    for pair in pairs:
        assert ir.split().index(pair.ir) == vis.split().index(pair.vis)


REFUSED = {
    "nothing": ("a1.png", "b1.png", "c*.png", "b*.png", "IR_GLOB: 'c*.png' matches no"),
    "one without a partner": (
        "ir/1.png ir/2.png ir/3.png", "vis/2.png vis/3.png vis/4.png",
        "ir/*", "vis/*",
        "ir/1.png without a visible partner, and vis/4.png without an infrared partner "
        "(2 pairs do)",
    ),
    "many without": (
        "i1.png i2.png i3.png i4.png i5.png", "v5.png", "i*.png", "v*.png",
        "i1.png, i2.png, i3.png and 1 more without a visible partner",
    ),
    "the same files": ("1.png 2.png", "3.png", "*.png", "3.png", "both match 3.png"),
    "two candidates": (
        "ir/1.png", "vis/1.png vis/1.jpg", "ir/*", "vis/*",
        "ambiguous: ir/1.png and vis/1.jpg, vis/1.png could belong together",
    ),
    "two numbers of one value": (
        "ir/a_1.png ir/a_01.png", "vis/b_1.png vis/b_001.png", "ir/*", "vis/*",
        "ambiguous",
    ),
    "nothing in common": ("i/x.png", "v/y.png", "i/*", "v/*", "no pair was found"),
    "two words that differ": (
        "i/thermal_day_1.png i/thermal_day_2.png",
        "v/visible_night_1.png v/visible_night_2.png", "i/*", "v/*",
        "no pair was found among i/thermal_day_1.png",
    ),
    "numbers that differ": (
        "i/cam1_7.png i/cam1_8.png", "v/cam2_7.png v/cam2_8.png", "i/*", "v/*",
        "no pair was found",
    ),
    "one name for two": (
        "i/a/b.png i/a_b.png", "v/a/b.png v/a_b.png", "i/**/*.png", "v/**/*.png",
        "would both be called 'a_b'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case, files):
    ir, vis, first, second, message = REFUSED[case]
    files(*ir.split(), *vis.split())
    with pytest.raises(InputError) as caught:
        find_pairs(first, second)
    assert message in str(caught.value)
