"""The explorers without a browser: views, HTML, widgets."""

from __future__ import annotations

import dataclasses
import datetime
import io
import json
import re
import subprocess
import sys
import warnings
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from fusionbook import colours, explorers
from fusionbook.explorers import _arithmetic as arithmetic
from fusionbook.explorers import selection
from fusionbook.explorers._core import as_pair, fit
from fusionbook.explorers._store import Store
from fusionbook.explorers._templates import render as render_template
from fusionbook.explorers.features import outlined
from fusionbook.packing import pack
from fusionlib import FusionConfig, InputError, fuse
from fusionlib.baselines import METHODS
from fusionlib.config import PRESETS
from fusionlib.data import Pair
from fusionlib.fusion import select
from fusionlib.images.colour import luminance
from fusionlib.images.io import to_uint8
from fusionlib.metrics import n_abf
from fusionlib.vgg.layers import PAPER_LAYERS
from fusionlib.vgg.weights import VGGWeights, seeded_weights

from ..conftest import PIXELS_OF_AN_IMAGE, assert_same_image
from ..support.explorers_small import (
    MAKERS,
    explorer,
    html,
    in_book,
    small_pair,
)

#: The most that an explorer may add to a page, in bytes.
BUDGET = 900_000


class Page(HTMLParser):
    """Inputs, addresses and ids of a piece of HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inputs, self.addresses, self.ids = [], [], []
        self.canvases, self.live = [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag in ("input", "select"):
            self.inputs.append(found)
        if tag == "canvas":
            self.canvases.append(found)
        self.live += "aria-live" in found
        self.ids += [found["id"]] if "id" in found else []
        for name in ("src", "href", "action", "poster"):
            self.addresses += [found[name]] if name in found else []


@pytest.fixture(params=MAKERS)
def kind(request):
    return request.param


def test_import_of_the_library_does_not_import_explorers_or_widgets():
    code = (
        "import sys, fusionlib, fusionbook.explorers;"
        "assert not {'ipywidgets', 'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_are_offered():
    chapters = ("decomposition", "activity", "weights", "selection", "metrics")
    names = {f"{chapter}_explorer" for chapter in chapters}
    assert set(explorers.__all__) == names | {"feature_browser", "playground"}
    assert set(explorers.__all__) == set(dir(explorers))


def test_html_needs_nothing_from_outside(kind):
    page = Page(html(kind))
    assert page.addresses == ["#"]  # the link to the state
    text = re.sub(r"data:image/webp;base64,[A-Za-z0-9+/=]+", "", html(kind))
    assert not re.search(r"https?:|url\(|@import|import\(|fetch\(|XMLHttp", text)


def test_html_is_the_same_every_time(kind):
    with in_book():
        assert MAKERS[kind](small_pair()).html == html(kind)


def test_every_input_has_a_label_and_keeps_its_keys_in_lab(kind):
    page = Page(html(kind))
    assert page.inputs
    for found in page.inputs:
        assert found["aria-label"].strip()
        assert found["data-lm-suppress-shortcuts"] == "true"
        if found.get("type") == "range":
            assert found["aria-valuetext"]
    assert {c.name for c in explorer(kind).controls} == {
        found["data-control"] for found in page.inputs
    }
    assert page.live == 1
    assert all(c["role"] == "img" and c["aria-label"] for c in page.canvases)


def test_ids_tell_explorers_apart():
    ids = [i for kind in MAKERS for i in Page(html(kind)).ids]
    assert ids == [f"fl-{kind}-small" for kind in MAKERS]


def test_names_of_pairs_are_escaped():
    pair = dataclasses.replace(small_pair(), name='a "b" <c>', title="<b>&</b>")
    with in_book():
        text = explorers.decomposition_explorer(pair).html
    assert Page(text).ids == ['fl-decomposition-a-"b"-<c>']
    assert "<b>" not in text
    assert "&lt;b&gt;&amp;&lt;/b&gt;, 75 × 61 pixels" in text


def test_data_cannot_end_its_script():
    name = "</script><script>alert(1)</script>"
    some = explorer("decomposition")
    text = render_template(
        "explorer.html", explorer=some, start=some.view(), data={"a": name}
    )
    found = re.search(r'class="fl-data">(.*?)</script>', text)[1]
    assert json.loads(found) == {"a": name}


def test_captions_say_which_pair_and_weights(kind):
    caption = explorer(kind).caption
    assert "Small street, 75 × 61 pixels" in caption
    assert ("not a trained network" in caption) == (kind != "decomposition")
    assert caption in html(kind)


def test_only_a_trained_network_is_said_to_find_patterns(seeded):
    trained = VGGWeights("mine", seeded.arrays)
    for weights, pattern in ((seeded, False), (trained, True)):
        with in_book():
            page = explorers.feature_browser(small_pair(), weights).html
        assert ("its pattern is found" in page) == pattern
        assert ("random numbers: no pattern was learned" in page) != pattern
        assert weights.short_label in page.replace("&#39;", "'")


def test_explorers_name_untrained_weights_instead_of_warning(clean_home):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = explorers.weights_explorer(small_pair())
    assert "Weights: seeded, random numbers, not a trained network." in found.caption


def test_book_build_shows_html_and_lab_shows_widgets(kind, monkeypatch):
    with in_book():
        bundle = explorer(kind)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    monkeypatch.delenv("FUSIONLIB_BOOK", raising=False)
    live = explorers.decomposition_explorer(small_pair())
    assert "text/html" not in live._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in live._repr_mimebundle_()


@pytest.mark.parametrize("kind", ["selection", "decomposition"])
def test_a_full_scene_fits_the_budget(kind, seeded):
    make = {
        "selection": lambda: explorers.selection_explorer("street", seeded),
        "decomposition": lambda: explorers.decomposition_explorer("street"),
    }
    with in_book():
        assert len(make[kind]().html.encode()) < BUDGET


def test_large_pairs_are_reduced_for_a_page_and_say_so():
    big = np.random.RandomState(0).randint(0, 256, (576, 768)).astype(np.uint8) / 255
    pair = Pair("big", "Big", big, big[::-1].copy(), True)
    small = fit(pair)
    height, width = small.infrared.shape
    assert height * width <= 90_400
    assert width / height == pytest.approx(768 / 576, rel=0.01)
    assert "reduced" in small.title
    assert fit(small_pair()) is small_pair()


# ---- views ---------------------------------------------------------------


def test_every_state_has_8_bit_pictures_of_the_size_of_the_pair(kind):
    view = explorer(kind).view()
    for picture in view.pictures.values():
        assert picture.dtype == np.uint8
        assert picture.shape[:2] == explorer(kind).shape
    assert set(view.pictures) == {p.name for p in explorer(kind).pictures}
    assert view.summary
    if explorer(kind).head:
        assert {len(row) for row in view.table} == {len(explorer(kind).head)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"lam": 3.3}, "lam cannot be 3.3"), ({"mu": 1}, "no control 'mu'")],
)
def test_states_that_no_control_offers_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        explorer("decomposition").view(changes)


def test_selection_shows_what_fuse_gives(seeded):
    result = fuse(small_pair().sources, weights=seeded)
    ends = {"left": "fused", "right": "fused"}
    view = explorer("selection").view(ends)
    assert_same_image(view.pictures["picture"], to_uint8(result.image))
    state = explorer("selection").state()
    at = state["y"], state["x"]
    rows = {row[0]: row for row in view.table}
    F, candidates = 255 * result.F[at], 255 * np.stack(list(result.F_d_i.values()))
    assert rows["Fused image"][1].endswith(f"= {F:.2f}")
    gap = F - 255 * result.I.mean(axis=0)[at]
    assert rows["Mean of the sources"][2] == (f"F − mean {gap:+.2f}".replace("-", "−"))
    for k, (name, W) in enumerate(result.W.items()):
        stride = 2**k
        weights = W[:, at[0] // stride, at[1] // stride]
        assert rows[f"{name} candidate"][1].startswith(f"{weights[0]:.4f} · ")
        number = rows[f"{name} candidate"][1].split("= ")[1].replace("−", "-")
        assert float(number) == pytest.approx(candidates[k][at], abs=0.0051)
    # It starts where the winner leads by most, away from the border.
    ordered = np.sort(candidates, axis=0)
    lead = (ordered[-1] - ordered[-2])[7:-7, 9:-9]
    assert (ordered[-1] - ordered[-2])[at] == lead.max()
    departure = 255 * np.sqrt(np.mean((result.F - result.I.mean(axis=0)) ** 2))
    assert f"by {departure:.2f} grey levels (root mean square)" in view.summary


@pytest.mark.parametrize("rule", ["max", "absmax"])
@pytest.mark.parametrize("layers", [("relu2_1",), ("relu1_1", "relu4_1")])
def test_selection_over_some_layers_is_that_of_the_library(layers, rule, seeded):
    result = fuse(small_pair().sources, weights=seeded)
    detail, winner = select(np.stack([result.F_d_i[n] for n in layers]), rule)
    state = {"layers": layers, "rule": rule, "wipe": 100, "right": "mean"}
    fused = explorer("selection").view(state | {"left": "fused"}).pictures["picture"]
    assert_same_image(fused, to_uint8(result.F_b + detail))
    shown = explorer("selection").view(state | {"left": "winner"}).pictures["picture"]
    names = list(result.F_d_i)
    own = [colours.LAYER_COLOURS[names.index(n)] for n in layers]
    table = np.array([colours.rgb(colour) for colour in own])
    differ = (shown != table[winner]).any(axis=2)  # where candidates are equal
    assert differ.sum() <= PIXELS_OF_AN_IMAGE


def test_differences_from_the_mean_are_not_made_of_8_bit_steps(seeded):
    result = fuse(small_pair().sources, weights=seeded)
    gap = 255 * (result.F - result.I.mean(axis=0))
    view = explorer("selection").view({"left": "difference", "right": "difference"})
    expected = np.clip(np.floor(128.5 + selection.GAIN * gap), 0, 255)
    assert_same_image(view.pictures["picture"], expected.astype(np.uint8))
    assert len(np.unique(view.pictures["picture"])) > 3


def test_without_layers_the_base_part_is_left(seeded):
    result = fuse(small_pair().sources, weights=seeded)
    view = explorer("selection").view({"layers": (), "wipe": 100})
    np.testing.assert_array_equal(view.pictures["picture"], to_uint8(result.F_b))
    assert "No layer" in view.summary


def test_weights_over_the_full_range_are_nearly_white_where_weights_are_half():
    view = explorer("weights").view({"scale": "full", "opacity": 100})
    assert (view.pictures["picture"] > 225).mean() > 0.99  # all near one half
    narrow = explorer("weights").view({"scale": "layer", "opacity": 100})
    assert np.ptp(narrow.pictures["picture"]) > 100
    behind = explorer("weights").view({"opacity": 0, "behind": "infrared"})
    np.testing.assert_array_equal(
        behind.pictures["picture"][..., 0], to_uint8(small_pair().infrared)
    )


def test_metrics_are_those_of_the_library():
    state = explorer("metrics").state({"change": "halos", "strength": 6})
    image = explorer("metrics").spoilt(state) / 255
    view = explorer("metrics").view(state)
    expected = n_abf(image, small_pair().sources)
    assert dict(row[::2] for row in (r[:3] for r in view.table))["N_abf"] == (
        f"{expected:.5f}"
    )
    # With blend at the end only one source is left, which adds no edges.
    alone = explorer("metrics").view({"change": "visible", "strength": 7})
    np.testing.assert_array_equal(
        alone.pictures["image"], to_uint8(small_pair().visible)
    )
    assert dict((r[0], r[2]) for r in alone.table)["N_abf"] == "0.00000"


def test_shift_moves_the_infrared_only():
    zero = explorer("activity").view({"map": "visible", "shift": 0})
    moved = explorer("activity").view({"map": "visible", "shift": 4})
    assert_same_image(moved.pictures["map"], zero.pictures["map"])
    assert (zero.pictures["sources"] != moved.pictures["sources"]).any()
    assert {row[2] for row in zero.table} == {"0.00"}
    assert all(float(row[2]) > 0 for row in moved.table)


def test_every_channel_can_be_reached_in_both_orders():
    browser = explorer("features")
    for name, count in (("relu1_1", 64), ("relu4_1", 512)):
        states = [
            browser.state({"layer": name, "channel": k}) for k in range(1, count + 1)
        ]
        channels = [browser.channel(s) for s in states]
        levels = browser.levels("visible", name)
        assert len(levels) == count
        assert (np.diff(levels[channels]) <= 0).all()
        assert sorted(channels) == list(range(count))
        ordered = [browser.channel({**s, "order": "network"}) for s in states]
        assert ordered == list(range(count))
        with pytest.raises(InputError, match="channel cannot be"):
            browser.state({"layer": "relu1_1", "channel": 65})
        picture, columns, (high, wide) = browser.sheet_of("visible", name)
        assert picture.shape == (-(-count // columns) * high, columns * wide)


def test_features_mark_the_brightest_sample_and_what_it_sees():
    """relu3_1: samples of 4 pixels that see 24, so 10 more on each side."""
    browser = explorer("features")
    state = browser.state({"layer": "relu3_1"})
    (row, column, side), seen = browser.boxes(state)
    assert (side, seen) == (4, (row - 10, column - 10, 24))
    plane = browser.maps("visible", "relu3_1")[browser.channel(state)]
    high, wide = (size // 8 for size in plane.shape)
    middle = plane[high:-high, wide:-wide]
    assert plane[row // 4, column // 4] == middle.max()
    view = browser.compute(state)
    whole = explorer("decomposition").shape
    for name, (top, left, size) in (("map", (row, column, 4)), ("detail", seen)):
        ink = (view.pictures[name] == (255, 209, 102)).all(axis=2)
        inside = np.zeros(whole, bool)
        inside[max(top, 0) : top + size, max(left, 0) : left + size] = True
        assert ink.any()
        assert not (ink & inside).any()


def test_a_line_lies_around_a_square_and_not_in_it():
    grey = np.full((9, 10), 50, np.uint8)
    inked = (outlined(grey, (4, 4, 2)) != 50).any(axis=2)
    expected = np.zeros((9, 10), bool)
    expected[1:9, 1:9] = True
    expected[4:6, 4:6] = False
    np.testing.assert_array_equal(inked, expected)
    # A square beyond the border leaves the line that is still in the picture.
    inked = (outlined(grey, (-5, -5, 8)) != 50).any(axis=2)
    np.testing.assert_array_equal(np.flatnonzero(inked[:, 0]), [3, 4, 5])
    assert not inked[:3, :3].any()
    assert (outlined(grey, (20, 0, 4)) == 50).all()
    assert (outlined(grey, (-20, 0, 4)) == 50).all()


def test_decomposition_parts_add_up_to_the_source():
    base, detail = explorer("decomposition").parts({"source": "visible", "lam": 5})
    np.testing.assert_allclose(base + detail, small_pair().visible, atol=1e-12)
    rows = explorer("decomposition").view({"lam": 5}).table
    shares = [float(row[2].split("\u00a0")[0]) for row in rows]
    assert sum(shares[:3]) == pytest.approx(shares[3], abs=0.2) == 100
    text = explorer("decomposition").view({"lam": 0.2}).summary
    assert "even the finest stripes" in text


# ---- playground ----------------------------------------------------------


@pytest.fixture(scope="module")
def ground():
    return explorers.playground(small_pair(), seeded_weights())


def test_the_playground_offers_every_preset_and_every_method(ground):
    offered = {control.name: control.values for control in ground.controls}
    assert offered["preset"] == tuple(PRESETS)
    small = [m.name for m in METHODS.values() if m.smallest <= 61]
    assert offered["method"] == ("ours", *small)


@pytest.mark.parametrize(
    ("state", "config"),
    [
        ({}, FusionConfig()),
        ({"preset": "recommended"}, FusionConfig.preset("recommended")),
        ({"lam": "20", "selection": "absmax", "input_scale": "255"},
         FusionConfig(lam=20, selection="absmax", input_scale=255)),
    ],
)  # fmt: skip
def test_the_playground_shows_what_fuse_gives(ground, state, config):
    result = fuse(small_pair().sources, config=config, weights=seeded_weights())
    view = ground.view(state)
    assert_same_image(view.pictures["fused"], to_uint8(result.image))
    departure = 255 * np.sqrt(np.mean((result.image - result.I.mean(axis=0)) ** 2))
    assert view.summary.startswith(f"{departure:.2f} grey levels")
    base = ground.view(state | {"step": "base"}).pictures["step"]
    assert_same_image(base, to_uint8(result.F_b))
    for name in PAPER_LAYERS:
        weights = ground.view(state | {"layer": name}).pictures["step"]
        leans = result.W_hat[name][0] > 0.5
        assert (weights[leans][:, 2] <= weights[leans][:, 0] + 1).all()  # orange


def test_every_step_has_a_picture_of_the_size_of_the_pair(ground):
    step = next(control for control in ground.controls if control.name == "step")
    shown = [ground.view({"step": value}).pictures["step"] for value in step.values]
    assert {picture.shape[:2] for picture in shown} == {ground.shape}
    assert len({picture.tobytes() for picture in shown}) == len(shown)


def test_other_methods_show_how_far_they_are_from_the_mean(ground):
    view = ground.view({"method": "mean", "step": "weights"})
    assert set(view.pictures["step"].ravel()) == {128}
    assert "Mean has no such steps" in view.summary
    assert all(row[1] == row[2] for row in view.table)
    view = ground.view({"method": "laplacian"})
    expected = METHODS["laplacian"](*small_pair().sources)
    assert_same_image(view.pictures["fused"], to_uint8(expected))
    n_mean, n_this = (float(row) for row in dict(
        (row[0], row[1:]) for row in view.table)["N_abf"])  # fmt: skip
    assert n_this == pytest.approx(
        n_abf(to_uint8(expected) / 255, [x / 255 for x in ground.sources_8bit]),
        abs=5e-5,
    )
    assert n_mean < n_this


def test_a_page_compares_the_fused_images_under_a_line():
    with in_book():
        made = explorers.playground(small_pair(), seeded_weights())
        text = made._repr_mimebundle_()["text/html"]
    options = re.findall(r"<option[^>]*>([^<]+)</option>", text)
    assert {f"Deep network, {name}" for name in PRESETS} <= set(options)
    assert {"Infrared", "Visible", "Mean", "Laplacian pyramid"} <= set(options)
    assert "ConvSR" not in options  # takes seconds
    assert made.caption in text
    assert len(text.encode()) < BUDGET


# ---- arithmetic ----------------------------------------------------------


def test_noise_is_fixed_and_standard():
    grain = arithmetic.noise(100, 100)
    assert abs(grain.mean()) < 0.03
    assert grain.std() == pytest.approx(1, abs=0.02)
    np.testing.assert_array_equal(grain, arithmetic.noise(100, 100))


def test_wipe_and_shift_by_hand():
    a, b = np.array([[10, 200]], np.uint8), np.array([[12, 100]], np.uint8)
    np.testing.assert_array_equal(arithmetic.wipe(a, b, 50), [[10, 100]])
    np.testing.assert_array_equal(arithmetic.wipe(a, b, 0), b)
    np.testing.assert_array_equal(arithmetic.shifted(a, 1), [[10, 10]])


def unpack(specs):
    """Put packed planes together, as explorers.js does."""
    planes = {}
    for name, spec in specs.items():
        image = PILImage.open(io.BytesIO(b64decode(spec["png"])))
        planes[name] = np.asarray(image).astype(int) + spec["least"]
        for other, factor in spec["plus"].items():
            planes[name] += factor * planes[other]
    return planes


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([np.uint8, np.int16]))
def test_packing_loses_nothing(seed, dtype):
    chance = np.random.RandomState(seed)
    info = np.iinfo(dtype)
    planes = {
        "first": chance.randint(info.min, info.max + 1, (7, 5)).astype(dtype),
        "second": chance.randint(0, 256, (7, 5)).astype(np.uint8),
    }
    near = 100 * planes["second"].astype(int) + chance.randint(-99, 100, (7, 5))
    planes["third"] = near.astype(np.int16)
    specs = pack(planes, {"third": {"second": 100}})
    found = unpack(json.loads(json.dumps(specs)))
    for name, plane in planes.items():
        np.testing.assert_array_equal(found[name], plane, name)
    # What the guess leaves needs no file of 16 bits.
    assert len(specs["third"]["png"]) < len(pack({"x": planes["third"]})["x"]["png"])


def test_store_keeps_each_thing_once():
    store = Store(explorer("decomposition").controls[:2])
    for state in store.states():
        store.add("source", state["source"].upper(), state["source"])
    kept = store.as_dict()
    assert kept["items"]["source"] == ["INFRARED", "VISIBLE"]
    assert kept["index"]["source"] == [0] * 14 + [1] * 14


# ---- widgets -------------------------------------------------------------


def descendants(widget):
    """All widgets inside a widget."""
    for child in getattr(widget, "children", ()):
        yield child
        yield from descendants(child)


def pictures_of(explorer_):
    from fusionbook.explorers._picture import PictureWidget

    return [w for w in descendants(explorer_.widget) if isinstance(w, PictureWidget)]


def image_of(explorer_):
    return np.asarray(PILImage.open(io.BytesIO(pictures_of(explorer_)[-1].png)))


def test_moving_a_live_slider_changes_the_picture(kind):
    import ipywidgets

    live = MAKERS[kind](small_pair())
    before = image_of(live)
    expected = list(live.view().pictures.values())[-1]
    np.testing.assert_array_equal(before, expected)
    inputs = [
        w
        for w in descendants(live.widget)
        if isinstance(w, ipywidgets.SelectionSlider) and len(w.options) > 1
    ]
    inputs[0].index = len(inputs[0].options) - 1
    assert (image_of(live) != before).any()


def slider(live, label):
    """The slider under a label."""
    import ipywidgets

    return next(w for w in descendants(live.widget)
                if isinstance(w, ipywidgets.SelectionSlider)
                and w.tooltip == label)  # fmt: skip


def test_a_pixel_picked_in_the_picture_is_read_out():
    live = MAKERS["selection"](small_pair())
    (picture,) = pictures_of(live)
    start = live.state()
    assert (picture.x, picture.y) == (start["x"], start["y"])
    picture.set_state({"x": 7, "y": 5})  # as the browser sends it
    assert (slider(live, "Pixel column").value, slider(live, "Pixel row").value) == (
        7, 5,
    )  # fmt: skip
    rows = live.view({"x": 7, "y": 5}).table
    said = [w.value for w in descendants(live.widget) if hasattr(w, "value")]
    assert any(rows[0][1] in str(text) for text in said)
    slider(live, "Pixel row").value = 9
    assert (picture.x, picture.y) == (7, 9)


@pytest.mark.parametrize("kind", ["decomposition", "selection"])
def test_the_dividing_line_is_dragged_in_the_picture(kind):
    live = MAKERS[kind](small_pair())
    (picture,) = pictures_of(live)
    before = image_of(live)
    picture.set_state({"split": 20})
    assert slider(live, "Dividing line").value == 20
    changed = (image_of(live) != before).reshape(*live.shape, -1).any(axis=(0, 2))
    assert changed.any()
    assert set(np.flatnonzero(changed)) <= set(range(15, 38))
    names = {"decomposition": ["Base", "Detail"],
             "selection": ["Fused image", "Winning layer"]}  # fmt: skip
    assert picture.halves == names[kind]


def test_pictures_of_one_explorer_share_a_cursor_and_others_do_not():
    first, second = (MAKERS["activity"](small_pair()) for _ in range(2))
    groups = [{p.group for p in pictures_of(one)} for one in (first, second)]
    assert [len(group) for group in groups] == [1, 1]
    assert groups[0] != groups[1]
    assert all(p.x is None and p.split is None for p in pictures_of(first))


def test_a_slider_that_plays_takes_its_steps():
    import ipywidgets

    live = MAKERS["features"](small_pair())
    play = next(w for w in descendants(live.widget) if isinstance(w, ipywidgets.Play))
    channel = slider(live, "Place in that order")
    play.value = 3
    assert channel.value == 4
    channel.index = 10
    assert play.value == 10
    layers = next(w for w in descendants(live.widget)
                  if "relu4_1" in dict(getattr(w, "options", ())))  # fmt: skip
    assert play.max == 127
    layers.value = "relu1_1"
    assert play.max == 63


WHEN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def upload(live, files):
    """Put files into the two upload widgets; returns the message."""
    import ipywidgets

    boxes = [
        w for w in descendants(live.widget) if isinstance(w, ipywidgets.FileUpload)
    ]
    for box, (name, content) in zip(boxes, files, strict=True):
        file = {"name": name, "content": memoryview(content), "size": len(content)}
        box.value = ({**file, "type": "image/png", "last_modified": WHEN},)
    texts = [
        w.value for w in descendants(live.widget) if isinstance(w, ipywidgets.HTML)
    ]
    return re.sub("<[^>]*>", "", texts[-1])


def png(image) -> bytes:
    buffer = io.BytesIO()
    PILImage.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def test_own_files_are_explored():
    chance = np.random.RandomState(3)
    own = [chance.randint(0, 256, (40, 52)).astype(np.uint8) for _ in range(2)]
    live = explorers.decomposition_explorer(small_pair())
    files = [("ir.png", png(own[0])), ("vis.png", png(own[1]))]
    assert upload(live, files) == (
        "infrared: ir.png; visible: vis.png. Showing your images."
    )
    assert live.shape == (40, 52)
    assert image_of(live).shape == (40, 52)
    assert "Own images, 52 × 40" in live.caption


def test_colour_files_and_large_ones_are_explored(monkeypatch):
    monkeypatch.delenv("FUSIONLIB_BOOK", raising=False)
    colour = np.random.RandomState(4).randint(0, 256, (900, 700, 3)).astype(np.uint8)
    live = explorers.decomposition_explorer(small_pair())
    said = upload(live, [("ir.png", png(colour[..., 0])), ("vis.png", png(colour))])
    assert said.endswith("Showing your images.")
    assert live.shape == (801, 623)
    assert live.pair.visible.mean() == pytest.approx(luminance(colour).mean(), abs=1e-3)


def test_the_slider_has_as_many_stops_as_the_layer_has_channels():
    import ipywidgets

    live = MAKERS["features"](small_pair())
    inputs = [*descendants(live.widget)]
    slider = next(w for w in inputs if isinstance(w, ipywidgets.SelectionSlider))
    layers = next(w for w in inputs if "relu4_1" in dict(getattr(w, "options", ())))
    for name, count in (("relu4_1", 512), ("relu1_1", 64)):
        layers.value = name
        assert len(slider.options) == count
        slider.index = count - 1
    assert slider.value == 64


def test_reset_and_the_list_of_pairs_in_lab():
    import ipywidgets

    live = explorers.decomposition_explorer(small_pair())
    start = image_of(live)
    widgets = [*descendants(live.widget)]
    slider = next(w for w in widgets if isinstance(w, ipywidgets.SelectionSlider))
    reset = next(w for w in widgets if getattr(w, "description", "") == "Reset")
    slider.index = 0
    assert (image_of(live) != start).any()
    reset.click()
    np.testing.assert_array_equal(image_of(live), start)
    pairs = next(w for w in widgets if getattr(w, "description", "") == "Pair")
    pairs.value = "harbour"
    assert live.pair.name == "harbour"
    assert image_of(live).shape == live.shape
    pairs.value = ""
    assert live.pair.name == "small"


GREY = np.full((40, 52), 90, np.uint8)


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (("notes.txt", b"hello"), "notes.txt is not an image"),
        (("cut.png", png(GREY)[:60]), "cut.png"),
        (
            ("wide.png", png(GREY[:, :30])),
            "ir.png (infrared) has 52 × 40 pixels and wide.png (visible) has 30 × 40",
        ),
        (("clear.png", png(np.dstack([GREY] * 4))), "alpha"),
    ],
)
def test_files_that_cannot_be_used_give_one_clear_line(second, words):
    live = explorers.decomposition_explorer(small_pair())
    before = image_of(live)
    message = upload(live, [("ir.png", png(GREY)), second])
    assert words in message
    assert "\n" not in message
    assert "/tmp" not in message
    np.testing.assert_array_equal(image_of(live), before)


def test_a_pair_that_cannot_be_used_leaves_the_one_before(monkeypatch):
    live = explorers.decomposition_explorer(small_pair())
    before = vars(live).copy()

    def refuse(self):
        self.controls = ()
        raise InputError("too small")

    monkeypatch.setattr(type(live), "prepare", refuse)
    with pytest.raises(InputError, match="too small"):
        live.load([GREY, GREY])
    assert vars(live) == before
    assert live.view().pictures["split"].shape == (61, 75)


def test_pairs_may_be_names_numbers_pairs_or_arrays():
    assert as_pair("street").name == "street"
    assert as_pair(small_pair()) is small_pair()
    assert as_pair([GREY, GREY]).infrared.max() == pytest.approx(90 / 255)
    with pytest.raises(InputError, match="infrared and a visible"):
        as_pair([GREY, GREY, GREY])
    with pytest.raises(InputError, match="pair must be"):
        as_pair("nowhere")
