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
  const A = globalThis.__fusionlibArithmetic;
  const kinds = {};

  /* ---- data ------------------------------------------------------------ */

  async function planes(specs) {
    const out = {};
    for (const [name, spec] of Object.entries(specs)) {
      out[name] = A.unpack(await A.inflate(spec.data), spec, spec.minus && out[spec.minus]);
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
    }

    inputs(name) {
      return [...this.root.querySelectorAll(`[data-control="${name}"]`)];
    }

    get state() {
      const state = {};
      for (const control of this.data.controls) {
        const inputs = this.inputs(control.name);
        if (control.type === "switches") {
          state[control.name] = inputs.filter((i) => i.checked).map((i) => i.value);
        } else if (control.type === "slider") {
          state[control.name] = control.values[Number(inputs[0].value)];
        } else state[control.name] = inputs[0].value;
      }
      return state;
    }

    control(name) {
      return this.data.controls.find((c) => c.name === name);
    }

    /* Place of the current value of a choice or slider among its values. */
    place(name) {
      const value = this.state[name];
      return this.control(name).values.indexOf(value);
    }

    setSlider(name, fraction) {
      const last = this.control(name).values.length - 1;
      this.inputs(name)[0].value = A.clip(Math.floor(fraction * (last + 1)), 0, last);
      this.changed();
    }

    paint(name, pixels) {
      const canvas = this.canvases[name], count = this.width * this.height;
      const rgba = new ImageData(this.width, this.height);
      const colour = pixels.length === 3 * count;
      for (let i = 0; i < count; i++) {
        for (let k = 0; k < 3; k++) rgba.data[4 * i + k] = pixels[colour ? 3 * i + k : i];
        rgba.data[4 * i + 3] = 255;
      }
      canvas.getContext("2d").putImageData(rgba, 0, 0);
    }

    say(text) {
      this.root.querySelector(".fl-summary").textContent = text;
    }

    table(rows, marked) {
      const body = this.root.querySelector(".fl-table tbody");
      if (!body) return;
      body.replaceChildren(...rows.map((cells, k) => {
        const row = document.createElement("tr");
        if (marked.includes(k)) row.className = "fl-marked";
        row.append(...cells.map((text, column) => {
          const cell = document.createElement(column ? "td" : "th");
          if (!column) cell.scope = "row";
          cell.textContent = text;
          return cell;
        }));
        return row;
      }));
    }

    chart(svg, marker) {
      const plot = this.root.querySelector(".fl-plot");
      if (!plot) return;
      if (plot.dataset.shown !== svg) {
        plot.innerHTML = svg;
        plot.dataset.shown = "";
      }
      if (marker !== null && marker !== undefined) {
        const line = document.createElement("div");
        line.className = "fl-marker";
        line.style.left = `${100 * marker}%`;
        plot.append(line);
      }
    }

    /* A line over a picture where its two halves meet; it can be dragged. */
    handle(name, control, left, right) {
      const frame = this.canvases[name].parentElement;
      let line = frame.querySelector(".fl-handle");
      if (!line) {
        line = document.createElement("div");
        line.className = "fl-handle";
        line.setAttribute("aria-hidden", "true");
        line.innerHTML = '<span class="fl-left"></span><span class="fl-right"></span>';
        line.addEventListener("pointerdown", (event) => {
          line.setPointerCapture(event.pointerId);
          event.preventDefault();
        });
        line.addEventListener("pointermove", (event) => {
          if (!line.hasPointerCapture(event.pointerId)) return;
          const box = frame.getBoundingClientRect();
          this.setSlider(control, (event.clientX - box.left) / box.width);
        });
        frame.append(line);
      }
      const percent = this.state[control];
      line.style.left = `${percent}%`;
      line.querySelector(".fl-left").textContent = percent > 12 ? left : "";
      line.querySelector(".fl-right").textContent = percent < 88 ? right : "";
    }

    /* A ring around one pixel, which pointer and sliders move. */
    cursor(name) {
      const along = (axis) => this.data.controls.find((c) => c.follows === axis);
      const x = along("x"), y = along("y");
      const frame = this.canvases[name].parentElement;
      let ring = frame.querySelector(".fl-cursor");
      if (!ring) {
        ring = document.createElement("div");
        ring.className = "fl-cursor";
        ring.setAttribute("aria-hidden", "true");
        frame.append(ring);
        const follow = (event) => {
          const box = frame.getBoundingClientRect();
          this.setSlider(x.name, (event.clientX - box.left) / box.width);
          this.setSlider(y.name, (event.clientY - box.top) / box.height);
        };
        this.canvases[name].addEventListener("pointerdown", follow);
        this.canvases[name].addEventListener("pointermove", (event) => {
          if (event.pointerType === "mouse" || event.buttons) follow(event);
        });
      }
      ring.style.left = `${(100 * (this.place(x.name) + 0.5)) / x.values.length}%`;
      ring.style.top = `${(100 * (this.place(y.name) + 0.5)) / y.values.length}%`;
    }

    changed() {
      for (const control of this.data.controls) {
        if (control.type !== "slider") continue;
        const input = this.inputs(control.name)[0];
        const text = control.texts[Number(input.value)];
        input.setAttribute("aria-valuetext", text);
        input.closest("label").querySelector("output").textContent = text;
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
      /* Enlarged pixels stay square; slightly enlarged ones look better smooth. */
      const sharpen = () => {
        for (const canvas of Object.values(this.canvases)) {
          const zoom = (canvas.clientWidth * devicePixelRatio) / canvas.width;
          canvas.classList.toggle("fl-zoomed", zoom >= 1.9);
        }
      };
      new ResizeObserver(sharpen).observe(this.root);
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

  /* A line around a square of pixels, as _core.outlined draws it. */
  function outline(context, [top, left, side]) {
    for (const [rim, wide, ink] of [[3, 1, "#000000"], [2, 2, "#ffd166"]]) {
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
    return async (state, current) => {
      const get = stored(ex);
      const needed = ex.data.frames.flatMap((f) => (f.part ? [f.part] : [f.left, f.right]));
      const images = {};
      for (const part of needed) images[part] = await image(get(part)[0]);
      if (!current()) return;
      for (const frame of ex.data.frames) {
        const context = ex.canvases[frame.name].getContext("2d");
        context.imageSmoothingEnabled = false;
        const put = (part) => {
          const stride = get(part)[1], picture = images[part];
          context.drawImage(picture, 0, 0, picture.width * stride, picture.height * stride);
        };
        if (frame.part) {
          put(frame.part);
          if (frame.box) outline(context, get(frame.box));
          continue;
        }
        put(frame.right);
        context.save();
        context.beginPath();
        context.rect(0, 0, A.round((ex.width * state[frame.wipe]) / 100), ex.height);
        context.clip();
        put(frame.left);
        context.restore();
        ex.handle(frame.name, frame.wipe, ...frame.labels);
      }
      ex.say(get("summary"));
      ex.table(get("table") || [], get("marked") || []);
      ex.chart(get("chart") || "", get("marker"));
    };
  };

  /* Maximum over the enabled layers, by the stored order of the candidates. */
  kinds.selection = async (ex) => {
    const { layers, colours, full, gain } = ex.data;
    const p = await planes(ex.data.planes);
    const fused = layers.map((_, k) => p[`fused${k}`]);
    const average = A.mean(p.infrared, p.visible);
    const lut = Uint8Array.from(colours.flat());
    const signed = (v) => (v < 0 ? "−" : "+") + (Math.abs(v) / 100).toFixed(2);
    const values = !full ? [] : layers.map((_, k) => (i) => (100 * fused[0][i] - p.baseValue[i] +
      p.residual[i] + (k ? p[`delta${k}`][i] : 0)) << 16 >> 16);  // differences are of 16 bits
    let last = "", winner = null, result = null;

    return async (state) => {
      const enabled = state.layers.map((name) => layers.indexOf(name));
      const codes = state.rule === "absmax" ? p.absmax : p.max;
      if (last !== state.layers.join() + state.rule) {
        last = state.layers.join() + state.rule;
        winner = enabled.length ? A.chosen(codes, layers.length, enabled) : null;
        result = winner ? A.take(fused, winner) : p.base;
      }
      const views = {
        fused: () => result,
        mean: () => average,
        infrared: () => p.infrared,
        visible: () => p.visible,
        winner: () => (winner ? A.colourise(winner, lut) : new Uint8Array(result.length).fill(128)),
        difference: () => A.difference(result, average, gain),
      };
      const left = views[state.left](), right = views[state.right]();
      ex.paint("picture", A.wipe(left, right, ex.height, ex.width, state.wipe));
      const named = (name) => ex.control(name).texts[ex.place(name)];
      ex.handle("picture", "wipe", named("left"), named("right"));
      ex.cursor("picture");

      const i = state.y * ex.width + state.x;
      const rows = [
        ["Infrared", String(p.infrared[i]), ""],
        ["Visible", String(p.visible[i]), ""],
        ["Mean of the sources", String(average[i]), ""],
      ];
      const marked = [];
      if (full) rows.push(["Fused base part", (p.baseValue[i] / 100).toFixed(2), ""]);
      layers.forEach((name, k) => {
        const wins = winner && winner[i] === k;
        if (wins) marked.push(rows.length);
        rows.push([
          `${name} candidate`,
          full ? signed(values[k](i)) : String(fused[k][i]),
          wins ? "wins" : enabled.includes(k) ? "" : "off",
        ]);
      });
      rows.push(["Fused image", String(result[i]), ""]);
      ex.table(rows, marked);

      const shares = layers.map((name, k) => {
        if (!enabled.includes(k)) return "";
        let count = 0;
        for (const w of winner) if (w === k) count++;
        return `${name} ${A.round((1000 * count) / winner.length) / 10}\u00a0%`;
      }).filter(Boolean);
      let away = 0;
      for (let k = 0; k < result.length; k++) away += Math.abs(result[k] - average[k]);
      ex.say(enabled.length
        ? `Wins: ${shares.join(", ")}. The fused image is on average ` +
          `${(A.round((100 * away) / result.length) / 100).toFixed(2)} grey levels from the mean of the sources. ` +
          `Here ${layers[winner[i]]} wins.`
        : "No layer is on, so no detail is added: the fused image is the fused base part.");
    };
  };

  /* Weight maps over a picture. */
  kinds.weights = async (ex) => {
    const p = await planes(ex.data.planes), { strides, reach, texts } = ex.data;
    const plain = Uint8Array.from(ex.data.table);
    const wide = (k) => {
      const steps = Uint8Array.from({ length: 256 }, (_, i) =>
        A.toUint8(0.5 + (i / 255 - 0.5) * (2 * reach[k])));
      return A.colourise(steps, plain);
    };
    const grown = new Map();
    return async (state) => {
      const k = ex.place("layer"), name = `${state.layer} ${state.method}`;
      if (!grown.has(name)) {
        grown.set(name, state.method === "bilinear" ? p[name] : A.enlarge(
          p[name], ex.data.planes[name].shape[1], strides[k], ex.height, ex.width));
      }
      const colour = A.colourise(grown.get(name), state.scale === "full" ? wide(k) : plain);
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
