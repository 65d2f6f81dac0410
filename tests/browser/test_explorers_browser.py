"""The static explorers in a real browser, network blocked."""

from __future__ import annotations

import base64
import itertools
import random
import re

import numpy as np
import pytest

from fusionlib.vgg.layers import layer

from ..support.explorers_small import (
    ARITHMETIC,
    MAKERS,
    explorer,
    html,
    in_book,
)
from ..support.pages import contrast, move, wait_drawn

PAGE = (
    '<!doctype html><html lang="en"{theme}><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<title>Explorer</title></head><body>{body}</body></html>"
)

#: Where a control makes a visible difference: the end of a blend of 0 % does not,
#: nor how the maps of the first layer grow.
NEEDS = {
    "change": {"strength": 3},
    "order": {"channel": 5},
    "method": {"layer": "relu3_1"},
    "wipe": {"right": "winner"},
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory, browser):
    """A folder with a page for each explorer, and one with all of them."""
    place = tmp_path_factory.mktemp("explorers")
    for kind in MAKERS:
        page = PAGE.format(theme="", body=html(kind))
        (place / f"{kind}.html").write_text(page, "utf-8")
    together = "".join(html(kind) for kind in MAKERS) + html("selection")
    for theme in ("light", "dark"):
        page = PAGE.format(theme=f' data-theme="{theme}"', body=together)
        (place / f"all-{theme}.html").write_text(page, "utf-8")
    return place


@pytest.fixture(scope="session")
def addresses(folder, serve):
    return {"file": folder.as_uri(), "http": serve(folder)}


def put(page, kind, state):
    """Set all controls at once, as input events."""
    places = {}
    for control in explorer(kind).controls:
        value = state[control.name]
        values = list(control.values)
        if hasattr(control, "follows"):
            places[control.name] = str(values.index(value))
        else:
            places[control.name] = value
    page.evaluate(
        """(places) => {
            const root = document.querySelector('.fl-explorer');
            for (const [name, value] of Object.entries(places)) {
                const inputs = root.querySelectorAll(`[data-control="${name}"]`);
                for (const input of inputs) {
                    if (input.type === 'checkbox')
                        input.checked = value.includes(input.value);
                    else {
                        if (name === 'channel') input.max = 1e6;
                        input.value = value;
                    }
                }
            }
            root.querySelector('[data-control]').dispatchEvent(
                new Event('input', {bubbles: true}));
        }""",
        places,
    )
    wait_drawn(page, state)


def pixels(page, name):
    """Read a canvas of the first explorer, shape (H, W, 3)."""
    width, height, data = page.evaluate(
        """(name) => {
            const canvas = document.querySelector(`canvas[data-picture="${name}"]`);
            const {width, height} = canvas;
            const raw = canvas.getContext('2d').getImageData(0, 0, width, height).data;
            let text = '';
            for (let i = 0; i < raw.length; i += 8192)
                text += String.fromCharCode(...raw.subarray(i, i + 8192));
            return [width, height, btoa(text)];
        }""",
        name,
    )
    raw = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
    assert (raw[..., 3] == 255).all()
    return raw[..., :3].copy()


def looks(page):
    """Everything that an explorer shows, for comparing before and after."""
    return page.evaluate(
        """() => {
            const root = document.querySelector('.fl-explorer');
            const ink = [...root.querySelectorAll('canvas')].map((c) => {
                const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
                let h = 0;
                for (const v of d) h = (Math.imul(h, 31) + v) | 0;
                return h;
            });
            const read = root.querySelector('.fl-table').textContent;
            return {ink: ink.join(), read};
        }"""
    )


def shown(page):
    """Summary and table of the first explorer."""
    return page.evaluate(
        """() => {
            const root = document.querySelector('.fl-explorer');
            const rows = [...root.querySelectorAll('tbody tr')];
            return {
                summary: root.querySelector('.fl-summary').textContent,
                table: rows.map((r) => [...r.cells].map((c) => c.textContent)),
                marked: rows.flatMap((r, k) => r.className === 'fl-marked' ? [k] : []),
            };
        }"""
    )


def some_states(kind, count=12):
    """The starting state, extremes, and random states; the same in every run."""
    chance = random.Random(kind)
    controls = explorer(kind).controls
    states = [explorer(kind).state()]
    for pick in (lambda v: v[0], lambda v: v[-1], chance.choice):
        for _ in range(1 if pick is not chance.choice else count):
            state = {}
            for control in controls:
                values = list(control.values)
                if isinstance(control.start, tuple):
                    chosen = [v for v in values if chance.random() < 0.5]
                    state[control.name] = tuple(chosen)
                else:
                    state[control.name] = pick(values)
            for control in controls:  # relu1_1 has fewer channels than relu4_1
                if getattr(control, "limits", None):
                    last = control.stops(state)
                    state[control.name] = min(state[control.name], last)
            states.append(state)
    return states


@pytest.mark.parametrize(
    ("kind", "scheme"), list(itertools.product(MAKERS, ("file", "http")))
)
def test_every_control_changes_what_is_shown(kind, scheme, visit, addresses):
    seen = visit(f"{addresses[scheme]}/{kind}.html")
    page = seen.page
    wait_drawn(page)
    for control in explorer(kind).controls:
        if control.name in NEEDS:
            put(page, kind, {**explorer(kind).state(), **NEEDS[control.name]})
        for how in ("keyboard", "mouse"):
            before = looks(page)
            drawn = page.evaluate(
                "document.querySelector('.fl-explorer').dataset.drawn"
            )
            operate(page, control, how)
            page.wait_for_function(
                "(d) => document.querySelector('.fl-explorer').dataset.drawn !== d",
                arg=drawn,
            )
            wait_settled(page, control)
            after = looks(page)
            pixel = getattr(control, "follows", "") in ("x", "y")
            part = "read" if pixel else "ink"
            assert before[part] != after[part], f"{control.name} by {how}"
    assert seen.problems == []


def wait_settled(page, control):
    """Wait for the last of several key presses: one step may be under a pixel."""
    box = page.locator(f'[data-control="{control.name}"]').first
    if box.evaluate("e => e.type") == "range":
        value = list(control.values)[int(box.input_value())]
        wait_drawn(page, {control.name: value})


def operate(page, control, how):
    """Move a control of an explorer as a person would."""
    box = page.locator(f'[data-control="{control.name}"]').first
    move(page, box, how, presses=6 if len(control.values) > 20 else 1)


@pytest.mark.parametrize("kind", ARITHMETIC)
def test_pixels_and_read_outs_equal_the_library(kind, visit, addresses):
    """The page holds activities and bases rounded: a rare pixel is one level off."""
    seen = visit(f"{addresses['file']}/{kind}.html")
    for state in some_states(kind):
        put(seen.page, kind, state)
        view = explorer(kind).view(state)
        for name, expected in view.pictures.items():
            if expected.ndim == 2:
                expected = np.repeat(expected[..., None], 3, axis=2)
            off = np.abs(pixels(seen.page, name).astype(int) - expected).max(axis=2)
            few = 0.005 if kind == "selection" else 0
            assert (off > 0).mean() <= 8 * few, (state, name)
            assert (off > 1).mean() <= few, (state, name)
        found = shown(seen.page)
        assert found["summary"] == view.summary
        assert found["marked"] == list(view.marked)
        assert_same_table(found["table"], view.table)
    assert seen.problems == []


NUMBER = re.compile(r"[+−]?\d+\.\d+")


def assert_same_table(found, expected):
    """Assert that two tables hold the same words, and numbers that are close."""
    for row, wanted in zip(found, expected, strict=True):
        for cell, other in zip(row, wanted, strict=True):
            assert NUMBER.sub("#", cell) == NUMBER.sub("#", other)
            for one, two in zip(
                NUMBER.findall(cell), NUMBER.findall(other), strict=True
            ):
                values = [float(text.replace("−", "-")) for text in (one, two)]
                assert values[0] == pytest.approx(values[1], abs=0.0151), (row, wanted)


@pytest.mark.parametrize("kind", [k for k in MAKERS if k not in ARITHMETIC])
def test_frames_are_those_of_the_library(kind, visit, addresses):
    seen = visit(f"{addresses['file']}/{kind}.html")
    for state in some_states(kind):
        put(seen.page, kind, state)
        with in_book():
            view = explorer(kind).view(state)
        for name, expected in view.pictures.items():
            if expected.ndim == 2:
                expected = np.repeat(expected[..., None], 3, axis=2)
            # WebP keeps frames, not pixels; a wrong frame differs by far more.
            found = pixels(seen.page, name)
            off = np.abs(found.astype(int) - expected).mean()
            assert off < 12, (name, state)
            if kind == "features":  # lines are drawn in the page
                marks = (expected == (255, 209, 102)).all(axis=2)
                np.testing.assert_array_equal(
                    (found == (255, 209, 102)).all(axis=2), marks
                )
        text = shown(seen.page)
        assert text["summary"] == view.summary
        assert text["table"] == [list(row) for row in view.table]
    assert seen.problems == []


def test_a_pointer_over_the_picture_reads_that_pixel(visit, addresses):
    page = visit(f"{addresses['file']}/selection.html").page
    wait_drawn(page)
    area = page.locator(".fl-frame > canvas").bounding_box()
    height, width = explorer("selection").shape
    page.mouse.move(
        area["x"] + area["width"] * 20.5 / width,
        area["y"] + area["height"] * 10.5 / height,
    )
    wait_drawn(page, {"x": 20, "y": 10})
    view = explorer("selection").view({"x": 20, "y": 10})
    assert_same_table(shown(page)["table"], view.table)
    page.mouse.move(area["x"] - 5, area["y"])  # the marked pixel is back
    start = explorer("selection").state()
    wait_drawn(page, {"x": start["x"], "y": start["y"]})
    page.mouse.click(
        area["x"] + area["width"] * 30.5 / width,
        area["y"] + area["height"] * 40.5 / height,
    )
    page.locator(".fl-table").hover()
    wait_drawn(page, {"x": 30, "y": 40})


def test_squares_show_the_blocks_of_the_marked_pixel(visit, addresses):
    page = visit(f"{addresses['file']}/selection.html").page
    wait_drawn(page)
    made, start = explorer("selection"), explorer("selection").state()
    height, width = made.shape
    page.locator('input[value="relu1_1"]').first.click()
    rest = [name for name in made.layers if name != "relu1_1"]
    wait_drawn(page, {"layers": rest})
    area = page.locator(".fl-frame > canvas").bounding_box()
    boxes = page.locator(".fl-square")
    assert not boxes.nth(0).is_visible()
    for k, name in enumerate(rest, 1):
        stride, radius = layer(name).stride, made.result.config.radius
        top, left = ((start[axis] // stride - radius) * stride for axis in "yx")
        side = (2 * radius + 1) * stride
        box = boxes.nth(k).bounding_box()
        expected = {
            "x": area["x"] + left * area["width"] / width,
            "y": area["y"] + top * area["height"] / height,
            "width": side * area["width"] / width,
        }
        for key, value in expected.items():
            assert box[key] == pytest.approx(value, abs=1)


def test_on_a_phone_a_tap_marks_and_scrolling_does_not(browser, addresses):
    context = browser.new_context(
        viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{addresses['file']}/selection.html")
    wait_drawn(page)
    start = page.evaluate("document.querySelector('.fl-explorer').dataset.drawn")
    canvas = page.locator(".fl-frame > canvas").first
    before = canvas.bounding_box()
    x, y = before["x"] + 80, before["y"] + before["height"] / 2
    finger = context.new_cdp_session(page)

    def touch(kind, points):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", [{"x": x, "y": y}])
    for step in range(1, 9):
        touch("touchMove", [{"x": x, "y": y - 20 * step}])
        page.wait_for_timeout(20)
    touch("touchEnd", [])
    area = None
    while area != (area := canvas.bounding_box()):  # it scrolls on for a while
        page.wait_for_timeout(200)
    assert area["y"] < before["y"] - 50
    now = page.evaluate("document.querySelector('.fl-explorer').dataset.drawn")
    assert now == start
    height, width = explorer("selection").shape
    page.touchscreen.tap(
        area["x"] + area["width"] * 10.5 / width,
        area["y"] + area["height"] * 50.5 / height,
    )
    wait_drawn(page, {"x": 10, "y": 50})
    controls = page.locator(".fl-controls")
    page.locator(".fl-table tr").nth(4).scroll_into_view_if_needed()
    assert controls.bounding_box()["y"] >= -1  # still in sight
    context.close()


def test_reset_link_and_question(visit, addresses):
    page = visit(f"{addresses['file']}/decomposition.html").page
    wait_drawn(page)
    some = explorer("decomposition")
    answer = some.question.accept[0]
    put(page, "decomposition", {**some.state(), "lam": 1000})
    page.click(".fl-check")
    assert some.question.hint in page.inner_text(".fl-answer")
    put(page, "decomposition", {**some.state(), **answer, "source": "infrared"})
    page.click(".fl-check")
    assert page.inner_text(".fl-answer") == "Right."
    link = page.get_attribute(".fl-link", "href")
    page.click(".fl-reset")
    wait_drawn(page, some.state())
    assert page.inner_text(".fl-answer") == ""
    other = visit(f"{addresses['file']}/decomposition.html{link}").page
    wait_drawn(other, {**answer, "source": "infrared"})


def test_every_question_can_be_answered_and_is_not_answered_at_first():
    for kind in MAKERS:
        some = explorer(kind)
        if some.question is None:  # these weights have no answer to it
            assert kind == "features"
            continue
        assert some.question.accept
        assert not some.question.answers(some.state()), kind
        for answer in some.question.accept:
            assert some.question.answers(some.state(answer))


def test_a_map_is_chosen_from_the_sheet_of_all(visit, addresses):
    page = visit(f"{addresses['file']}/features.html").page
    wait_drawn(page)
    browser = explorer("features")
    put(page, "features", browser.state({"layer": "relu1_1", "order": "network"}))
    _, columns, (high, wide) = browser.sheet_of("visible", "relu1_1")
    page.locator('[data-picture="sheet"]').scroll_into_view_if_needed()
    area = page.locator('[data-picture="sheet"]').bounding_box()
    size = page.evaluate(
        "(c => [c.width, c.height])(document.querySelector('[data-picture=sheet]'))"
    )
    x, y = (columns - 0.5) * wide / size[0], 1.5 * high / size[1]
    page.mouse.click(area["x"] + x * area["width"], area["y"] + y * area["height"])
    wait_drawn(page, {"channel": 2 * columns})
    page.locator('[data-control="channel"]').focus()
    page.keyboard.press("End")
    wait_drawn(page, {"channel": 64})


def test_the_dividing_line_can_be_dragged(visit, addresses):
    page = visit(f"{addresses['file']}/decomposition.html").page
    wait_drawn(page)
    area = page.locator(".fl-frame > canvas").bounding_box()
    row = area["y"] + area["height"] * 0.7
    page.mouse.move(area["x"] + area["width"] / 2, row)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.205, row, steps=4)
    page.mouse.up()
    wait_drawn(page, {"split": 20})


def test_explorers_on_one_page_do_not_clash(visit, addresses):
    seen = visit(f"{addresses['file']}/all-light.html")
    page = seen.page
    wait_drawn(page)
    states = "[...document.querySelectorAll('.fl-explorer')].map(e => e.dataset.drawn)"
    before = page.evaluate(states)
    assert len(before) == len(MAKERS) + 1
    page.locator('[data-kind="selection"] input[value="relu2_1"]').last.click()
    page.wait_for_function(f"(b) => {states}.join() !== b.join()", arg=before)
    after = page.evaluate(states)
    assert [a == b for a, b in zip(after, before, strict=True)] == [True] * 6 + [False]
    assert seen.problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_and_phone_width(theme, visit, addresses):
    seen = visit(f"{addresses['file']}/all-{theme}.html", width=360)
    page = seen.page
    wait_drawn(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    colours = page.evaluate(
        """() => {
            const root = document.querySelector('.fl-explorer');
            const style = getComputedStyle(root);
            const get = (n) => style.getPropertyValue('--fl-' + n).trim();
            return Object.fromEntries(['text', 'soft', 'accent', 'edge', 'panel',
                'field', 'mark'].map((n) => [n, get(n)]));
        }"""
    )
    for name in ("text", "soft", "accent"):
        assert contrast(colours[name], colours["panel"]) >= 4.5, name
    for ground in ("field", "mark"):
        assert contrast(colours["text"], colours[ground]) >= 4.5, ground
    assert contrast(colours["edge"], colours["panel"]) >= 3


def test_dark_mode_follows_the_system_outside_the_book(visit, addresses):
    grounds = [
        visit(f"{addresses['file']}/decomposition.html", dark=dark).page.evaluate(
            "getComputedStyle(document.querySelector('.fl-explorer')).backgroundColor"
        )
        for dark in (False, True)
    ]
    assert grounds[0] == "rgb(255, 255, 255)"
    assert grounds[1] != grounds[0]
