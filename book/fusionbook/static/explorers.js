/* The explorers in a static page: controls, pictures, read-outs.
 *
 * Each <section class="fl-explorer"> carries its data as JSON. A kind of explorer is
 * a function that gets the explorer and returns `draw(state)`. No network, no global
 * ids, nothing outside the section is touched.
 */
(() => {
  "use strict";
  if (globalThis.__fusionlib) {
    globalThis.__fusionlib.start();
    return;
  }
  const A = globalThis.__fusionlibArithmetic, P = globalThis.__fusionlibPng;
  const W = globalThis.__fusionlibWidgets;
  const kinds = {};

  /* ---- data ------------------------------------------------------------ */

  /* Planes of integers, see book/fusionbook/packing.py. */
  async function planes(specs) {
    const out = {};
    for (const [name, { png, least, plus }] of Object.entries(specs)) {
      out[name] = Int32Array.from((await P.decode(A.fromBase64(png))).data, (v) => v + least);
      for (const [other, factor] of Object.entries(plus)) {
        out[other].forEach((v, i) => { out[name][i] += factor * v; });
      }
    }
    return out;
  }

  const decoded = new Map();
  function image(uri) {
    if (!decoded.has(uri)) {
      const picture = new Image();
      picture.src = uri;
      decoded.set(uri, picture.decode().then(() => picture));
    }
    return decoded.get(uri);
  }

  /* ---- one explorer ---------------------------------------------------- */

  class Explorer {
    constructor(root) {
      this.root = root;
      this.data = JSON.parse(root.querySelector("script.fl-data").textContent);
      [this.height, this.width] = this.data.shape;
      this.canvases = {};
      for (const canvas of root.querySelectorAll("canvas")) {
        this.canvases[canvas.dataset.picture] = canvas;
      }
      this.turn = 0;
      this.waiting = false;
      /* Pixel under the mouse, which is read while it is there. */
      this.under = null;
    }

    inputs(name) {
      return [...this.root.querySelectorAll(`[data-control="${name}"]`)];
    }

    get state() {
      const state = {};
      for (const { name, kind, values } of this.data.controls) {
        const inputs = this.inputs(name);
        if (kind === "switches") state[name] = inputs.filter((i) => i.checked).map((i) => i.value);
        else state[name] = kind === "slider" ? values[Number(inputs[0].value)] : inputs[0].value;
      }
      return { ...state, ...this.under };
    }

    control(name) {
      return this.data.controls.find((c) => c.name === name);
    }

    /* Place of the current value of a choice or slider among its values. */
    place(name) {
      const value = this.state[name];
      return this.control(name).values.indexOf(value);
    }

    /* Value of a slider at a place between 0 and 1. */
    at(name, fraction) {
      return this.control(name).values[W.step(this.inputs(name)[0], fraction)];
    }

    set(name, value) {
      this.inputs(name)[0].value = this.control(name).values.indexOf(value);
    }

    paint(name, pixels) {
      W.paint(this.canvases[name], pixels, this.height, this.width);
    }

    say(text) {
      this.root.querySelector(".fl-summary").textContent = text;
    }

    table(rows, marked) {
      const body = this.root.querySelector(".fl-table tbody");
      if (body) W.table(body, rows, marked);
    }

    chart(svg, marker) {
      const plot = this.root.querySelector(".fl-plot");
      if (!plot) return;
      if (plot.dataset.shown !== svg) {
        plot.innerHTML = svg;
        plot.dataset.shown = "";
      }
      if (marker !== null && marker !== undefined) {
        const line = W.make("div", { className: "fl-marker" });
        line.style.left = `${100 * marker}%`;
        plot.append(line);
      }
    }

    /* A line over a picture, which a slider moves as well. */
    handle(name, control) {
      return W.handle(this.canvases[name], (x) => {
        this.set(control, this.at(control, x));
        this.changed();
      });
    }

    /* A ring over a picture, which the sliders of both positions move as well. A mouse
     * over the picture previews the pixel under it. */
    cursor(name) {
      const [x, y] = ["x", "y"].map((axis) => this.data.controls.find((c) => c.follows === axis).name);
      const pixel = (left, top) => ({ [x]: this.at(x, left), [y]: this.at(y, top) });
      const place = W.cursor(this.canvases[name], (...at) => {
        this.under = null;
        for (const [axis, value] of Object.entries(pixel(...at))) this.set(axis, value);
        this.changed();
      }, (...at) => {
        const before = this.under;
        this.under = at.length ? pixel(...at) : null;
        if (before || this.under) this.changed();
      });
      return () => {
        const [left, top] = [x, y].map((axis) => Number(this.inputs(axis)[0].value));
        place({ x: left, y: top }, this.under && { x: this.under[x], y: this.under[y] });
      };
    }

    changed() {
      for (const { name, kind, texts } of this.data.controls) {
        const input = this.inputs(name)[0];
        if (kind === "slider") W.label(input, texts[Number(input.value)]);
      }
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(async () => {
        this.waiting = false;
        const turn = ++this.turn;
        await this.draw(this.state, () => turn === this.turn);
        if (turn === this.turn) this.root.dataset.drawn = JSON.stringify(this.state);
      });
    }

    async start() {
      this.draw = await kinds[this.data.kind in kinds ? this.data.kind : "frames"](this);
      this.root.addEventListener("input", () => this.changed());
      new ResizeObserver(() => Object.values(this.canvases).forEach(W.sharpen)).observe(this.root);
      this.changed();
    }
  }

  /* ---- kinds ----------------------------------------------------------- */

  /* What the store holds for the current state, by name. */
  function stored(ex) {
    const { by, items, index } = ex.data.store;
    const k = by.reduce((sum, name) => sum * ex.control(name).values.length + ex.place(name), 0);
    return (name) => items[name] && items[name][index[name][k]];
  }

  /* A line around a square of pixels, as `outlined` in features.py draws it. */
  function outline(context, [top, left, side], mark) {
    for (const [rim, wide, ink] of [[3, 1, "#000000"], [2, 2, mark]]) {
      const long = side + 2 * rim, end = side + rim - wide;
      context.fillStyle = ink;
      context.fillRect(left - rim, top - rim, long, wide);
      context.fillRect(left - rim, top + end, long, wide);
      context.fillRect(left - rim, top - rim, wide, long);
      context.fillRect(left + end, top - rim, wide, long);
    }
  }

  /* Everything precomputed: decomposition, features, activity. */
  kinds.frames = async (ex) => {
    const { frames } = ex.data, needed = frames.flatMap((f) => (f.part ? [f.part] : [f.left, f.right]));
    const lines = frames.map((f) => f.wipe && ex.handle(f.name, f.wipe));
    const mark = getComputedStyle(ex.root).getPropertyValue("--fl-ring").trim();
    return async (state, current) => {
      const get = stored(ex);
      const images = {};
      for (const part of needed) images[part] = await image(get(part)[0]);
      if (!current()) return;
      frames.forEach((frame, k) => {
        const context = ex.canvases[frame.name].getContext("2d");
        context.imageSmoothingEnabled = false;
        const put = (part) => {
          const stride = get(part)[1], picture = images[part];
          context.drawImage(picture, 0, 0, picture.width * stride, picture.height * stride);
        };
        if (frame.part) {
          put(frame.part);
          if (frame.box) outline(context, get(frame.box), mark);
          return;
        }
        put(frame.right);
        context.save();
        context.beginPath();
        context.rect(0, 0, A.round((ex.width * state[frame.wipe]) / 100), ex.height);
        context.clip();
        put(frame.left);
        context.restore();
        lines[k](state[frame.wipe], ...frame.labels);
      });
      ex.say(get("summary"));
      ex.table(get("table") || [], get("marked") || []);
      ex.chart(get("chart") || "", get("marker"));
    };
  };

  /* How a value is printed, as FORMS in selection.py. */
  const forms = { whole: String, hundredths: (v) => W.fixed(v / 100, 2), signed: (v) => W.signed(v / 100, 2) };

  /* Maximum over the enabled layers, by the stored order of the candidates. */
  kinds.selection = async (ex) => {
    const { layers, orders, rows, summaries, here, gain } = ex.data;
    const p = await planes(ex.data.planes), colours = Uint8Array.from(ex.data.colours.flat());
    const fused = layers.map((_, k) => p[`fused${k}`]);
    const line = ex.handle("picture", "wipe"), ring = ex.cursor("picture");
    p.mean = A.mean(p.infrared, p.visible);
    let chosen = "", winner = null;

    return async (state) => {
      const enabled = state.layers.map((name) => layers.indexOf(name));
      const rule = state.rule || "max", key = [rule, ...state.layers].join(" ");
      if (chosen !== key) {
        chosen = key;
        winner = enabled.length ? A.chosen(p[rule], orders, enabled) : null;
        p.fused = winner ? A.take(fused, winner) : p.base;
        p.winner = winner ? A.colourise(winner, colours) : new Uint8Array(p.base.length).fill(128);
        p.difference = A.difference(p.fused, p.mean, gain);
      }
      ex.paint("picture", A.wipe(p[state.left], p[state.right], ex.height, ex.width, state.wipe));
      const named = (name) => ex.control(name).texts[ex.place(name)];
      line(state.wipe, named("left"), named("right"));
      ring();

      const at = state.y * ex.width + state.x, first = winner ? winner[at] : -1, marked = [];
      ex.table(rows.map(([name, plane, form, k], row) => {
        if (k === first) marked.push(row);
        const note = k === null ? "" : k === first ? "wins" : enabled.includes(k) ? "" : "off";
        return [name, forms[form](p[plane][at]), note];
      }), marked);
      ex.say(summaries[key] + (winner ? here.replace("{}", layers[first]) : ""));
    };
  };

  /* Weight maps over a picture. */
  kinds.weights = async (ex) => {
    const p = await planes(ex.data.planes), { strides, steps, texts } = ex.data;
    const plain = Uint8Array.from(ex.data.table), wide = steps.map((s) => A.colourise(s, plain));
    const grown = new Map();
    return async (state) => {
      const k = ex.place("layer"), name = `${state.layer} ${state.method}`;
      if (!grown.has(name)) {
        grown.set(name, state.method === "bilinear" ? p[name] : A.enlarge(
          p[name], Math.ceil(ex.width / strides[k]), strides[k], ex.height, ex.width));
      }
      const colour = A.colourise(grown.get(name), state.scale === "full" ? wide[k] : plain);
      ex.paint("picture", A.overlay(p[state.behind], colour, state.opacity / 100));
      const [summary, table, marked, chart] = texts[k];
      ex.say(summary);
      ex.table(table, marked);
      ex.chart(chart);
    };
  };

  /* A spoilt image, its metrics from the library, its artifacts computed here. */
  kinds.metrics = async (ex) => {
    const p = await planes(ex.data.planes);
    const grain = A.noise(ex.width * ex.height), table = Uint8Array.from(ex.data.table);
    const sources = [p.infrared, p.visible].map((s) => A.gradient(s, ex.height, ex.width));
    return async (state) => {
      const image = A.spoil(
        p.fused, p[state.end], p.halo, grain, state.artifact, state.noise, state.blend / 100);
      const map = A.artifacts(image, sources, ex.height, ex.width);
      ex.paint("image", image);
      ex.paint("artifacts", A.colourise(Uint8Array.from(map, A.toUint8), table));
      const get = stored(ex);
      ex.say(get("summary"));
      ex.table(get("table"), get("marked"));
    };
  };

  /* ---- start ----------------------------------------------------------- */

  function start() {
    for (const root of document.querySelectorAll(".fl-explorer:not([data-ready])")) {
      root.dataset.ready = "";
      new Explorer(root).start();
    }
  }
  globalThis.__fusionlib = { start, kinds };
  start();
})();
