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
  const W = globalThis.__fusionlibWidgets, M = globalThis.__fusionlibMethod;
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
    stop(name, fraction) {
      return this.control(name).values[W.step(this.inputs(name)[0], fraction)];
    }

    /* Move a control to a value that it offers. */
    set(name, value) {
      const { kind, values } = this.control(name), inputs = this.inputs(name);
      if (kind === "switches") inputs.forEach((box) => { box.checked = value.includes(box.value); });
      else if (values.includes(value)) inputs[0].value = kind === "slider" ? values.indexOf(value) : value;
    }

    reset() {
      for (const { name, start } of this.data.controls) this.set(name, start);
      this.root.querySelectorAll(".fl-answer").forEach((box) => { box.textContent = ""; });
      this.changed();
    }

    /* The state as the part of an address behind #, without the pixel under the mouse. */
    get link() {
      const parts = new URLSearchParams(), state = { ...this.state, ...this.marked };
      for (const { name, kind } of this.data.controls) {
        parts.set(name, kind === "switches" ? state[name].join(".") : state[name]);
      }
      return `#${this.root.id}?${parts}`;
    }

    /* Take the state from the address if it is one of this explorer. */
    restore() {
      const [id, text] = decodeURI(location.hash.slice(1)).split("?");
      if (id !== this.root.id || !text) return;
      const parts = new URLSearchParams(text);
      for (const { name, kind, values } of this.data.controls) {
        if (!parts.has(name)) continue;
        const value = parts.get(name);
        this.set(name, kind === "switches" ? value.split(".")
          : values.find((v) => String(v) === value));
      }
      this.root.scrollIntoView();
      this.changed();
    }

    /* Whether the state answers the question. */
    check() {
      const { accept, hint } = this.data.question, state = { ...this.state, ...this.marked };
      const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
      const right = accept.some((answer) =>
        Object.entries(answer).every(([name, value]) => same(state[name], value)));
      this.root.querySelector(".fl-answer").textContent = right ? "Right." : `Not yet. ${hint}`;
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
        /* The upright axis and its numbers take the first 40 of 440, as in _charts.py. */
        line.style.left = `${(100 * (40 + 400 * marker)) / 440}%`;
        plot.append(line);
      }
    }

    /* A line over a picture, which a slider moves as well. */
    handle(name, control) {
      return W.handle(this.canvases[name], (x) => {
        this.set(control, this.stop(control, x));
        this.changed();
      });
    }

    /* A ring over a picture, which the sliders of both positions move as well. A mouse
     * over the picture previews the pixel under it. */
    cursor(name) {
      const [x, y] = ["x", "y"].map((axis) => this.data.controls.find((c) => c.follows === axis).name);
      const pixel = (left, top) => ({ [x]: this.stop(x, left), [y]: this.stop(y, top) });
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
        const { [x]: left, [y]: top } = this.marked;
        place({ x: left, y: top }, this.under && { x: this.under[x], y: this.under[y] });
      };
    }

    /* The positions that the sliders hold, whatever is under the mouse. */
    get marked() {
      return Object.fromEntries(this.data.controls.filter((c) => c.follows).map(({ name, values }) =>
        [name, values[Number(this.inputs(name)[0].value)]]));
    }

    changed() {
      for (const { name, limits } of this.data.controls) {
        if (limits) this.inputs(name)[0].max = limits[1][this.inputs(limits[0])[0].value] - 1;
      }
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
        if (turn !== this.turn) return;
        this.root.dataset.drawn = JSON.stringify(this.state);
        this.root.querySelector(".fl-link").href = this.link;
      });
    }

    async start() {
      this.draw = await kinds[this.data.kind in kinds ? this.data.kind : "frames"](this);
      this.root.addEventListener("input", () => this.changed());
      this.root.querySelector(".fl-reset").addEventListener("click", () => this.reset());
      const button = this.root.querySelector(".fl-check");
      if (button) button.addEventListener("click", () => this.check());
      window.addEventListener("hashchange", () => this.restore());
      new ResizeObserver(() => Object.values(this.canvases).forEach(W.sharpen)).observe(this.root);
      this.restore();
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
  function outline(context, [top, left, high, wide = high], mark) {
    for (const [rim, line, ink] of [[3, 1, "#000000"], [2, 2, mark]]) {
      const [across, down] = [wide + 2 * rim, high + 2 * rim];
      context.fillStyle = ink;
      context.fillRect(left - rim, top - rim, across, line);
      context.fillRect(left - rim, top + high + rim - line, across, line);
      context.fillRect(left - rim, top - rim, line, down);
      context.fillRect(left + wide + rim - line, top - rim, line, down);
    }
  }

  /* All maps of a layer, of which one is shown large. */
  kinds.features = async (ex) => {
    const mark = getComputedStyle(ex.root).getPropertyValue("--fl-ring").trim();
    const sheet = ex.canvases.sheet, context = (name) => ex.canvases[name].getContext("2d");
    const current = (state) => ex.data.layers[`${state.source} ${state.layer}`];
    sheet.addEventListener("click", (event) => {
      const { columns, tile: [h, w], order } = current(ex.state), [x, y] = W.where(event, sheet);
      const channel = Math.floor((y * sheet.height) / h) * columns + Math.floor((x * sheet.width) / w);
      if (channel >= order.length) return;
      ex.set("channel", 1 + (ex.state.order === "activity" ? order.indexOf(channel) : channel));
      ex.changed();
    });
    return async (state, still) => {
      const get = stored(ex), layer = current(state), { order, columns, stride } = layer;
      const [maps, detail] = await Promise.all(["sheet", "detail"].map((name) => image(get(name)[0])));
      if (!still()) return;
      const channel = state.order === "activity" ? order[state.channel - 1] : state.channel - 1;
      const rank = order.indexOf(channel), [h, w] = layer.tile, [mapBox, seen] = layer.boxes[channel];
      const left = (channel % columns) * w, top = Math.floor(channel / columns) * h;
      Object.assign(sheet, { width: maps.width, height: maps.height });
      context("sheet").drawImage(maps, 0, 0);
      outline(context("sheet"), [top, left, h, w], mark);
      const [rows, across] = layer.size, step = Math.ceil(across / w);
      context("map").imageSmoothingEnabled = false;
      context("map").drawImage(maps, left, top, across / step, rows / step, 0, 0, across * stride, rows * stride);
      outline(context("map"), mapBox, mark);
      context("detail").drawImage(detail, 0, 0);
      outline(context("detail"), seen, mark);
      ex.say(layer.summary.replace(/channel \d+/, `channel ${channel + 1}`).replace(/rank \d+/, `rank ${rank + 1}`));
      ex.table([["Number", `${channel + 1} of ${order.length}`], ["Rank by activity", String(rank + 1)],
        ...layer.facts[channel], ...layer.sizes], []);
      const place = state.order === "activity" ? rank : channel;
      ex.chart(layer.charts[state.order], (place + 0.5) / order.length);
    };
  };

  /* Everything precomputed: decomposition, activity. */
  kinds.frames = async (ex) => {
    const { frames } = ex.data, needed = frames.flatMap((f) => (f.part ? [f.part] : [f.left, f.right]));
    const lines = frames.map((f) => f.wipe && ex.handle(f.name, f.wipe));
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

  /* Equations (1) to (11) with the numbers of one pixel, as `equations` in selection.py. */
  function equations(ex, planes, at, enabled, first) {
    const { layers, full } = ex.data, rows = [];
    const levels = (v) => W.fixed(v, 2), signed = (v) => W.signed(v, 2);
    const inside = (v) => (v < 0 ? `(${levels(v)})` : levels(v));
    const fusedBase = planes.fusedBase[at], [base, detail] = [planes.bases, planes.details].map(
      (both) => both.map((plane) => plane[at]));
    ["Infrared", "Visible"].forEach((name, k) =>
      rows.push([`${name}: base, detail`, `${levels(base[k])}, ${signed(detail[k])}`, "(1), (2)"]));
    rows.push(["Fused base part", `(${levels(base[0])} + ${levels(base[1])}) / 2 = ${levels(fusedBase)}`, "(3)"]);
    layers.forEach((name, k) => {
      const { stride, across, activity, averaged, weights, candidate } = planes.layers[k];
      const row = Math.floor(Math.floor(at / ex.width) / stride);
      const i = row * across + Math.floor((at % ex.width) / stride), off = enabled.includes(k) ? "" : "off";
      const three = (maps) => maps.map((map) => map[i].toFixed(2)).join(", ");
      const [u, v] = weights.map((map) => map[i].toFixed(4)), sum = signed(candidate[at]);
      if (full) {
        rows.push([`${name} activity`, `${three(activity)}; in blocks ${three(averaged)}`, off || "(5), (6)"]);
        rows.push([`${name} candidate`, `${u} · ${inside(detail[0])} + ${v} · ${inside(detail[1])} = ${sum}`,
          off || "(7) to (9)"]);
      } else rows.push([`${name} candidate`, sum, off || "(9)"]);
    });
    const chosen = first < 0 ? 0 : planes.layers[first].candidate[at];
    if (first >= 0) rows.push(["Selected", `${signed(chosen)}, ${layers[first]}`, "(10)"]);
    const fused = fusedBase + chosen;
    rows.push(["Fused image", `${levels(fusedBase)} + ${inside(chosen)} = ${levels(fused)}`, "(11)"]);
    rows.push(["Mean of the sources", levels(planes.exact[at]), `F − mean ${signed(fused - planes.exact[at])}`]);
    return rows;
  }

  /* Equations (6) to (11) on stored activities and bases, in grey levels. */
  kinds.selection = async (ex) => {
    const { layers, strides, scales, radius, summaries, here, gain } = ex.data;
    const p = await planes(ex.data.planes), colours = Uint8Array.from(ex.data.colours.flat());
    const line = ex.handle("picture", "wipe"), ring = ex.cursor("picture");
    const blocks = W.squares(ex.canvases.picture, ex.data.colours.map((rgb) => `rgb(${rgb})`));
    const level = (plane) => Float64Array.from(plane, (v) => v / 100);
    const grey = (plane) => Uint8Array.from(plane, (v) => A.toUint8(v / 255));
    p.fusedBase = level(p.base);
    p.bases = [1, -1].map((sign) => p.fusedBase.map((v, i) => v + (sign * p.half[i]) / 100));
    p.details = [p.infrared, p.visible].map((plane, k) => p.bases[k].map((v, i) => plane[i] - v));
    p.exact = M.average(Float64Array.from(p.infrared), Float64Array.from(p.visible));
    p.mean = A.mean(p.infrared, p.visible);
    p.layers = layers.map((name, k) => {
      const stride = strides[k], [low, step] = scales[k];
      const h = M.mapSize(ex.height, stride), across = M.mapSize(ex.width, stride);
      const activity = [0, 1].map((n) => Float64Array.from(p[`${name} ${n}`], (v) => low + step * v));
      const averaged = activity.map((map) => M.blockAverage(map, h, across, radius));
      const weights = M.shares(...averaged);
      const candidate = M.candidate(weights, p.details, ex.height, ex.width, stride);
      return { stride, across, activity, averaged, weights, candidate };
    });
    let chosen = "", winner = null;

    return async (state) => {
      const enabled = state.layers.map((name) => layers.indexOf(name));
      const rule = state.rule || "max", key = [rule, ...state.layers].join(" ");
      if (chosen !== key) {
        chosen = key;
        const found = enabled.length ? M.select(enabled.map((k) => p.layers[k].candidate), rule) : null;
        winner = found && found.winner.map((k) => enabled[k]);
        const fused = found ? M.reconstruct(p.fusedBase, found.detail) : p.fusedBase;
        p.fused = grey(fused);
        p.winner = winner ? A.colourise(winner, colours) : new Uint8Array(fused.length).fill(128);
        p.difference = Uint8Array.from(fused, (v, i) => A.round(A.clip(128 + gain * (v - p.exact[i]), 0, 255)));
      }
      ex.paint("picture", A.wipe(p[state.left], p[state.right], ex.height, ex.width, state.wipe));
      const named = (name) => ex.control(name).texts[ex.place(name)];
      line(state.wipe, named("left"), named("right"));
      ring();
      /* The pixels that the block average, equation (6), joins at each layer. */
      blocks(strides.map((stride, k) => enabled.includes(k) && [
        ...[state.y, state.x].map((v) => (Math.floor(v / stride) - radius) * stride), (2 * radius + 1) * stride]));

      const at = state.y * ex.width + state.x, first = winner ? winner[at] : -1;
      const rows = equations(ex, p, at, enabled, first);
      ex.table(rows, rows.flatMap(([name], k) => (first >= 0 && name.startsWith(layers[first]) ? [k] : [])));
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
      const { change, strength } = state, amount = ex.data.changes[change][strength];
      const only = (...names) => (names.includes(change) ? amount : 0);
      const image = A.spoil(p.fused, p[change === "infrared" ? "infrared" : "visible"], p.halo, grain,
        only("halos"), only("noise"), only("visible", "infrared") / 100);
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
    for (const root of document.querySelectorAll(".fl-explorer:not([data-ready]):has(script.fl-data)")) {
      root.dataset.ready = "";
      new Explorer(root).start();
    }
  }
  globalThis.__fusionlib = { start, kinds };
  start();
})();
