"""What tests of several pages do with a page."""

import json

import numpy as np


def wait_drawn(page, state=None):
    """Wait until the first explorer shows a state (or its own current one)."""
    if state is None:
        page.wait_for_function(
            "() => [...document.querySelectorAll('.fl-explorer')].every("
            "e => e.dataset.drawn)"
        )
        return
    wanted = json.loads(json.dumps(state))
    page.wait_for_function(
        """(wanted) => {
            const drawn = document.querySelector('.fl-explorer').dataset.drawn;
            const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
            const now = drawn ? JSON.parse(drawn) : {};
            return Object.keys(wanted).every((k) => same(now[k], wanted[k]));
        }""",
        arg=wanted,
    )


def move(page, box, how, presses):
    """Move a slider, a switch or a list; a slider by so many key presses."""
    kind = box.evaluate("e => e.type")
    if how == "keyboard":
        page.keyboard.press("Tab")  # so that focus is shown
        box.focus()
        style = box.evaluate("e => getComputedStyle(e).outlineStyle")
        name = box.get_attribute("data-control")
        assert style == "solid", f"no visible focus on {name}"
        if kind == "range":
            last = box.evaluate("e => e.value === e.max")
            for _ in range(presses):
                page.keyboard.press("ArrowLeft" if last else "ArrowRight")
        elif kind == "checkbox":
            page.keyboard.press("Space")
        else:
            last = box.evaluate("e => e.selectedIndex === e.options.length - 1")
            page.keyboard.press("ArrowUp" if last else "ArrowDown")
    elif kind == "range":
        area = box.bounding_box()
        middle = area["y"] + area["height"] / 2
        low = box.evaluate("e => (e.value - e.min) / (e.max - e.min) < 0.5")
        page.mouse.click(area["x"] + area["width"] * (0.9 if low else 0.05), middle)
    elif kind == "checkbox":
        box.click()
    else:  # the list is drawn by the system, not by the page
        now = box.input_value()
        values = box.evaluate("e => [...e.options].map((o) => o.value)")
        box.select_option(next(v for v in values if v != now))


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(
            parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4
        )
        return float(linear @ [0.2126, 0.7152, 0.0722])

    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


COLOURS = """(e) => {
    const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
    let ground = [255, 255, 255], opacity = 1, found = false;
    for (let n = e; n; n = n.parentElement) {
        const style = getComputedStyle(n), c = parse(style.backgroundColor);
        opacity *= Number(style.opacity);
        if (!found && (c.length === 3 || c[3] > 0.5)) {
            ground = c.slice(0, 3); found = true;
        }
    }
    const hex = (c) => '#' + c.map((v) =>
        Math.round(v).toString(16).padStart(2, '0')).join('');
    const text = parse(getComputedStyle(e).color);
    const alpha = opacity * (text.length > 3 ? text[3] : 1);
    const mixed = text.slice(0, 3).map((v, i) => alpha * v + (1 - alpha) * ground[i]);
    return {text: hex(mixed), ground: hex(ground)};
}"""
