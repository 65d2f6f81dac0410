/* What explorers and lab page put on a page: pictures, a line between two halves, a ring
 * around a pixel, tables, values beside sliders, numbers as text. */
globalThis.__fusionlibWidgets = globalThis.__fusionlibWidgets || (() => {
  "use strict";
  const A = globalThis.__fusionlibArithmetic;

  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };

  /* Numbers, with a real minus sign. */
  const minus = (text) => text.replace("-", "−");
  const fixed = (v, n) => minus(v.toFixed(n));
  const signed = (v, n) => (v < 0 ? "" : "+") + fixed(v, n);
  const digits = (v) => minus(Number(v.toPrecision(3)).toString());

  /* Pixels, grey, RGB or RGBA, in a canvas of their size. */
  function paint(canvas, pixels, height, width) {
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { height, width });
    const rgba = A.rgba(pixels, height * width);
    canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
  }

  /* Enlarged pixels stay square; slightly enlarged ones look better smooth. */
  function sharpen(canvas) {
    const zoom = (canvas.clientWidth * devicePixelRatio) / canvas.width;
    canvas.classList.toggle("fl-zoomed", zoom >= 1.9);
  }

  /* Fill a table with rows of texts, of which some are marked. */
  function table(body, rows, marked) {
    body.replaceChildren(...rows.map((cells, k) => make("tr",
      { className: marked.includes(k) ? "fl-marked" : "" },
      ...cells.map((text, column) => (column ? make("td", { textContent: text })
        : make("th", { scope: "row", textContent: text }))))));
  }

  /* Say the value of a slider, beside it and to a screen reader. */
  function label(input, text) {
    input.setAttribute("aria-valuetext", text);
    input.closest("label").querySelector("output").textContent = text;
  }

  /* Step of a slider at a place between 0 and 1. */
  function step(input, fraction) {
    const last = Number(input.max);
    return A.clip(Math.floor(fraction * (last + 1)), 0, last);
  }

  /* Where in a box an event happened, from 0 to 1. */
  function where(event, element) {
    const box = element.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function over(canvas, className, ...children) {
    const element = make("div", { className }, ...children);
    element.setAttribute("aria-hidden", "true");
    canvas.parentElement.append(element);
    return element;
  }

  /* A line over a picture where its two halves meet; it can be dragged. Returns how to
   * place it and name the halves. */
  function handle(canvas, moved) {
    const left = make("span", { className: "fl-left" }), right = make("span", { className: "fl-right" });
    const line = over(canvas, "fl-handle", left, right);
    line.addEventListener("pointerdown", (event) => {
      line.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    line.addEventListener("pointermove", (event) => {
      if (line.hasPointerCapture(event.pointerId)) moved(where(event, canvas)[0]);
    });
    return (percent, first, second) => {
      line.style.left = `${percent}%`;
      left.textContent = percent > 12 ? first : "";
      right.textContent = percent < 88 ? second : "";
    };
  }

  /* Side of the square of pixels that the loupe shows. */
  const LOUPE = 15;

  /* How far a finger may slip, in pixels of the screen, and still tap. */
  const SLIP = 8;

  /* A ring around a pixel. Returns how to place it; without a place it is hidden. */
  function ring(canvas, className) {
    const element = over(canvas, className);
    return (at) => {
      element.hidden = !at;
      if (!at) return;
      element.style.left = `${(100 * (at.x + 0.5)) / canvas.width}%`;
      element.style.top = `${(100 * (at.y + 0.5)) / canvas.height}%`;
    };
  }

  /* A ring around one pixel, which a click or a tap moves: `pin(x, y)`, from 0 to 1. A mouse
   * that only moves previews: `preview(x, y)`, and `preview()` when it leaves. Scrolling
   * with a finger does nothing. Returns how to place the ring and what is under the mouse. */
  function cursor(canvas, pin, preview) {
    const putRing = ring(canvas, "fl-cursor"), putGhost = ring(canvas, "fl-cursor fl-ghost");
    const glass = make("canvas", { width: LOUPE, height: LOUPE, className: "fl-loupe fl-zoomed" });
    over(canvas, "fl-glass", glass);
    let from = null;
    canvas.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; });
    canvas.addEventListener("pointercancel", () => { from = null; });
    canvas.addEventListener("pointerup", (event) => {
      const still = from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) < SLIP;
      from = null;
      if (still) pin(...where(event, canvas));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse") preview(...where(event, canvas));
    });
    canvas.addEventListener("pointerleave", () => preview());
    return (pinned, under) => {
      putRing(pinned);
      putGhost(under);
      const { x, y } = under || pinned, context = glass.getContext("2d"), reach = (LOUPE - 1) / 2;
      context.fillRect(0, 0, LOUPE, LOUPE);
      context.drawImage(canvas, x - reach, y - reach, LOUPE, LOUPE, 0, 0, LOUPE, LOUPE);
      /* In the corner that is farther from the pixel. */
      glass.parentElement.classList.toggle("fl-far", x < canvas.width / 2);
    };
  }

  /* Squares of pixels over a picture, one in each colour. Returns how to place them:
   * `[top, left, side]`, or null for a hidden one. */
  function squares(canvas, colours) {
    const boxes = colours.map((colour) => {
      const box = over(canvas, "fl-square");
      box.style.borderColor = colour;
      return box;
    });
    return (places) => places.forEach((place, k) => {
      boxes[k].hidden = !place;
      if (!place) return;
      const [top, left, side] = place, share = (v, of) => `${(100 * v) / of}%`;
      Object.assign(boxes[k].style, {
        top: share(top, canvas.height), left: share(left, canvas.width),
        height: share(side, canvas.height), width: share(side, canvas.width) });
    });
  }

  return { cursor, digits, fixed, handle, label, make, paint, ring, sharpen, signed, squares, step, table, where };
})();
