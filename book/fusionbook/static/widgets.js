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

  /* Move a slider to a place between 0 and 1. */
  function slide(input, fraction) {
    const last = Number(input.max);
    input.value = A.clip(Math.floor(fraction * (last + 1)), 0, last);
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

  /* A ring around one pixel, which the pointer moves. Returns how to place it. */
  function cursor(canvas, moved) {
    const ring = over(canvas, "fl-cursor");
    const follow = (event) => moved(...where(event, canvas));
    canvas.addEventListener("pointerdown", follow);
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" || event.buttons) follow(event);
    });
    return (x, y) => {
      ring.style.left = `${(100 * (x + 0.5)) / canvas.width}%`;
      ring.style.top = `${(100 * (y + 0.5)) / canvas.height}%`;
    };
  }

  return { cursor, digits, fixed, handle, label, make, paint, sharpen, signed, slide, table };
})();
