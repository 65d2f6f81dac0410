/* The lab page: images in, every stage out. Controls, pictures and read-outs are here;
 * the method and the network run in two workers, so the page never waits for them.
 */
(() => {
  "use strict";

  const root = document.querySelector(".fl-lab");
  if (!root || root.dataset.ready !== undefined) return;
  root.dataset.ready = "";

  const HOME = new URL(".", document.currentScript.src).href;
  const DATA = globalThis.__fusionlibLabData;
  const A = globalThis.__fusionlibArithmetic, W = globalThis.__fusionlibWidgets;
  const { digits, fixed, make } = W, { problem } = globalThis.__fusionlibPipeline;
  const MODEL = globalThis.__fusionlibLabModel ||
    { available: false, reason: "the file lab-model.js is missing" };
  const OVER_HTTP = location.protocol.startsWith("http");

  const LIMIT = 1024 * 1024;
  const FILE_LIMIT = 256e6;
  const WORDS = ["source 1 (infrared)", "source 2 (visible)"];

  /* Steps of the sliders; the settings in the address hold the values. */
  const STEPS = {
    lambda: [0.1, 0.2, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 200, 500],
    radius: [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20],
    scale: [0.5, 1, 2, 5, 10, 20, 50, 100, 150, 200, 255],
    power: [0.5, 1, 1.5, 2, 3, 4, 6, 8],
    gain: [0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.5, 2],
    mirror: [0, 8, 16, 24, 32, 48, 64],
    "base-power": [0.5, 1, 1.5, 2, 3, 4, 6],
    guided: [0, 2, 4, 8, 12, 16, 24, 32],
    wipe: Array.from({ length: 101 }, (_, k) => k),
  };

  /* Controls of the method, and the field of fusionlib/config.py that each sets. */
  const FIELDS = {
    lambda: "lam", radius: "radius", scale: "input_scale", power: "power", gain: "gain",
    mirror: "mirror", "base-power": "base_power", guided: "guided_radius", relu: "before_relu",
    floor: "above_floor", selection: "selection", base: "base", upsampling: "upsampling",
  };
  const CHOICES = ["relu", "floor", "selection", "base", "upsampling", "left", "right"];
  const METHOD = Object.keys(FIELDS);

  /* A preset as values of controls; its values are stops of the sliders. */
  const WORDS_OF = { relu: ["after", "before"], floor: ["off", "on"] };
  const valueOf = (name, value) => (WORDS_OF[name] ? WORDS_OF[name][Number(value)] : value);
  const PRESETS = Object.fromEntries(Object.entries(DATA.presets).map(([preset, config]) =>
    [preset, Object.fromEntries(METHOD.map((name) => [name, valueOf(name, config[FIELDS[name]])]))]));
  for (const preset of Object.values(PRESETS)) {
    for (const [name, steps] of Object.entries(STEPS)) {
      if (name in preset && !steps.includes(preset[name])) steps.push(preset[name]);
    }
  }
  Object.values(STEPS).forEach((steps) => steps.sort((a, b) => a - b));

  const find = (selector) => root.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];
  const control = (name) => all(`[data-control="${name}"]`);
  const shareText = (v) => `${fixed(100 * v, 1)}\u00a0%`;

  /* ---- stages ---------------------------------------------------------- */

  /* `symbol` and `short` stand under a picture, `text` says what it is. */
  const item = (key, symbol, short, text) => ({ key, symbol, short, text });
  const GREY = "Detail is shown twice as strong, around mid-grey.";
  const STAGES = [
    { group: "Sources and split", wide: 3, note: GREY, items: [0, 1].flatMap((k) => [
      item(`I-${k}`, `I${k + 1}`, "source", `source ${k + 1}`),
      item(`Ib-${k}`, `Ib${k + 1}`, "base", `base part of source ${k + 1}`),
      item(`Id-${k}`, `Id${k + 1}`, "detail", `detail content of source ${k + 1}`),
    ]) },
    ...DATA.layers.map((name, i) => ({ group: `Layer ${name}`, wide: 4, layer: i, items: [
      ...[0, 1].map((k) =>
        item(`C-${i}-${k}`, `C${k + 1}`, "activity", `activity of source ${k + 1}, ${name}`)),
      item(`W-${i}`, "W1", "weight", `weight of source 1, ${name}`),
      item(`Fi-${i}`, `Fd${i + 1}`, "candidate", `candidate of ${name}`),
    ] })),
    { group: "Selection and result", wide: 3, items: [
      item("winner", "", "winner", "layer with the largest candidate"),
      item("Fd", "Fd", "fused detail", "fused detail content"),
      item("Fb", "Fb", "fused base", "fused base part"),
      item("F", "F", "fused image", "fused image"),
      item("mean", "", "mean", "mean of the sources"),
    ] },
  ];
  const ITEMS = STAGES.flatMap((stage) => stage.items);
  const EARLY = ["I-0", "I-1", "Ib-0", "Ib-1", "Id-0", "Id-1"];
  const LATE = ITEMS.map((item) => item.key).filter((key) => !EARLY.includes(key));
  const brief = (key) => named(key).text;
  const named = (key) => ITEMS.find((item) => item.key === key);

  /* ---- workers --------------------------------------------------------- */

  /* A worker made of the texts of functions: no page opened from a file may fetch. */
  function worker(modules, body, onReport = () => {}) {
    const text = modules.map((name) => `globalThis.${name} = (${globalThis[name].make})();`);
    const url = URL.createObjectURL(new Blob(
      [text.join("\n"), `(${answer})((${body})(globalThis));`], { type: "text/javascript" }));
    const engine = new Worker(url), waiting = new Map();
    let last = 0;
    engine.onmessage = ({ data }) => {
      if (data.report) {
        onReport(data.report);
        return;
      }
      const { resolve, reject } = waiting.get(data.id);
      waiting.delete(data.id);
      if (data.error) reject(Object.assign(new Error(data.error), { known: data.known }));
      else resolve(data.value);
    };
    engine.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of waiting.values()) reject(new Error(event.message || "a worker stopped"));
      waiting.clear();
    };
    const ask = (name, args = [], transfer = []) => new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      engine.postMessage({ id: last, name, args }, transfer);
    });
    ask.end = () => engine.terminate();
    return ask;
  }

  /* Runs in the worker: one answer to each question. */
  function answer(handlers) {
    const buffers = (v) => v instanceof Float64Array || v instanceof Float32Array ||
      v instanceof Uint8ClampedArray || v instanceof Uint8Array ? [v.buffer]
      : v && v.constructor === Object ? Object.values(v).flatMap(buffers)
        : Array.isArray(v) && typeof v[0] === "object" ? v.flatMap(buffers) : [];
    self.onmessage = async ({ data: { id, name, args } }) => {
      try {
        const value = await handlers[name](...args);
        self.postMessage({ id, value }, buffers(value));
      } catch (error) {
        self.postMessage({ id, error: String(error.message || error) || "failed", known: error.known });
      }
    };
  }

  const method = worker(
    ["__fusionlibArithmetic", "__fusionlibFilters", "__fusionlibDecomposition", "__fusionlibMethod",
      "__fusionlibPng", "__fusionlibSimilarity", "__fusionlibTiling", "__fusionlibPipeline"],
    `(g) => g.__fusionlibPipeline.create(${JSON.stringify({
      sequential: DATA.sequential, diverging: DATA.diverging, colours: DATA.colours,
      fields: DATA.fields })})`);

  let network = null;
  function startNetwork() {
    if (!network) {
      network = loadNetwork().catch((error) => {
        network = null;
        throw error;
      });
    }
    return network;
  }

  /* What the network runs on: the graphics card, where the browser offers a real one, or
   * one worker for each source, each with its share of the processors where the page is
   * cross-origin isolated. `?engine=webgpu|wasm` and `?threads=2` in the address decide. */
  async function choice() {
    const asked = new URLSearchParams(location.search), cores = navigator.hardwareConcurrency || 1;
    const workers = Math.min(cores, 2);
    const most = globalThis.crossOriginIsolated ? 8 : 1;
    const wanted = Number(asked.get("threads")) || Math.floor(cores / workers);
    const processors = { gpu: false, workers, threads: Math.max(1, Math.min(most, wanted)) };
    if (!OVER_HTTP || !navigator.gpu || asked.get("engine") === "wasm") return [processors];
    const adapter = await navigator.gpu.requestAdapter().catch(() => null);
    const real = adapter && !(adapter.info && adapter.info.isFallbackAdapter);
    const gpu = adapter && (real || asked.get("engine") === "webgpu");
    return gpu ? [{ gpu, workers: 1, threads: 1 }, processors] : [processors];
  }

  /* Start the network on the first choice that works; returns how to ask its workers. */
  async function loadNetwork() {
    const choices = await choice();
    for (const [k, how] of choices.entries()) {
      try {
        const engines = await loadWith(how);
        root.dataset.engine = how.gpu ? "webgpu" : "wasm";
        root.dataset.threads = how.workers * how.threads;
        introduce(how.gpu ? " It runs on the graphics card (WebGPU)."
          : ` It runs on ${how.workers * how.threads === 1 ? "one thread" : `${how.workers * how.threads} threads`}.`);
        return engines;
      } catch (error) {
        if (k === choices.length - 1) throw error;
      }
    }
  }

  async function loadWith({ gpu, workers, threads }) {
    const body = "(g) => g.__fusionlibNetwork.create((report) => g.postMessage({ report }))";
    const engines = Array.from({ length: workers }, () => worker(
      ["__fusionlibArithmetic", "__fusionlibNetwork"], body, showLoading));
    let files = null, bundle = null;
    progress("Loading runtime and network", 0);
    if (OVER_HTTP) {
      const at = (name) => new URL(name, HOME).href;
      const core = `ort-wasm-simd-threaded${gpu ? ".asyncify" : ""}`;
      files = { ort: at(`ort.${gpu ? "webgpu" : "wasm"}.min.js`), mjs: at(`${core}.mjs`), wasm: at(`${core}.wasm`),
        model: at(globalThis.__fusionlibLabModelUrl || "network.onnx") };
    } else {
      await script("bundle.js");
      bundle = globalThis.__fusionlibLabBundle;
      globalThis.__fusionlibLabBundle = null; // 8 MB
    }
    try {
      const parts = await engines[0]("gather", [files, bundle]);
      progress("Preparing the network", 0.15);
      await Promise.all(engines.map((ask) => ask("load", [parts, { threads, gpu }])));
    } catch (error) {
      for (const ask of engines) ask.end();
      throw error;
    }
    return engines;
  }

  function script(name) {
    return new Promise((resolve, reject) => {
      const element = make("script", { src: new URL(name, HOME).href });
      element.onload = resolve;
      element.onerror = () => reject(new Error(`${name} could not be loaded`));
      document.head.append(element);
    });
  }

  function showLoading({ what, done, total }) {
    const tenths = (n) => (n / 1e6).toFixed(1), share = total ? done / total : 0;
    progress(`Loading the ${what}`, what === "network" ? 0.1 + 0.04 * share : 0.1 * share,
      total > 1e5 ? ` (${tenths(done)} of ${tenths(total)} MB)` : "");
  }

  /* ---- what the reader is told ------------------------------------------ */

  const bar = find("progress"), told = find(".lab-stage-name"), amountText = find(".lab-amount");

  /* The name is announced, the amount beside it is not. */
  function progress(text, fraction, amount = "") {
    bar.value = fraction;
    if (told.textContent !== text) told.textContent = text;
    amountText.textContent = amount;
  }

  function fail(text) {
    const box = find(".lab-error");
    box.textContent = text;
    box.hidden = !text;
  }

  const technical = (error) => (error.known ? error.message
    : `This did not work: ${error.message || error}.`.replace(/\.+$/, "."));

  /* ---- settings --------------------------------------------------------- */

  const number = (name) => STEPS[name][Number(control(name)[0].value)];

  function settings() {
    const state = {};
    for (const name of Object.keys(STEPS)) state[name] = number(name);
    for (const name of CHOICES) state[name] = control(name)[0].value;
    state.layers = control("layers").map((box, k) => (box.checked ? k : -1)).filter((k) => k >= 0);
    return { ...state, ...(under || pinned()) };
  }

  /* The marked pixel, and the one under the mouse, which is read while it is there. */
  const pinned = () => ({ x: Number(control("x")[0].value), y: Number(control("y")[0].value) });
  let under = null;

  /* Name of the preset with these settings, or "custom". */
  function presetOf(state) {
    const same = (preset) => METHOD.every((name) => String(preset[name]) === String(state[name]));
    const found = Object.keys(PRESETS).find((name) => same(PRESETS[name]));
    return state.layers.length === DATA.layers.length && found ? found : "custom";
  }

  /* Move controls to values; a slider to the step of that value, if it has it. */
  function apply(values) {
    for (const [name, value] of Object.entries(values)) {
      const box = control(name)[0];
      if (name in STEPS) {
        const place = STEPS[name].indexOf(Number(value));
        if (place >= 0) box.value = place;
      } else if ([...box.options].some((option) => option.value === String(value))) box.value = value;
    }
  }

  function usePreset(name) {
    apply(PRESETS[name]);
    control("layers").forEach((box) => { box.checked = true; });
  }

  function reset() {
    usePreset("paper");
    apply({ left: "I-0", right: "F", wipe: 50 });
    pair.placed = false;
    pair.size = "";
    if (pair.loaded) resize();
    update();
  }

  function describe() {
    for (const [name, text] of [
      ["lambda", (v) => String(v)], ["radius", (v) => `${v} (${2 * v + 1} × ${2 * v + 1})`],
      ["scale", (v) => `× ${v}`], ["power", String], ["gain", (v) => `× ${v}`],
      ["mirror", (v) => (v ? `${v} px` : "none")], ["base-power", String],
      ["guided", (v) => (v ? `${v} px` : "none")], ["wipe", (v) => `${v}\u00a0%`]]) {
      W.label(control(name)[0], text(number(name)));
    }
    for (const name of ["x", "y"]) W.label(control(name)[0], control(name)[0].value);
    const state = settings();
    control("preset")[0].value = presetOf(state);
    for (const name of ["base-power", "guided"]) control(name)[0].disabled = state.base === "average";
  }

  /* The settings as the part of an address behind #. */
  function fragment() {
    const now = { ...settings(), ...pinned() }, parts = new URLSearchParams();
    if (pair.scene) parts.set("scene", pair.scene);
    for (const name of [...METHOD, "left", "right", "wipe", "x", "y"]) parts.set(name, now[name]);
    parts.set("layers", now.layers.map((k) => k + 1).join("."));
    return `#${parts}`;
  }

  /* Take what can be used from the address; returns the scene that it names. */
  function restore() {
    const parts = new URLSearchParams(location.hash.slice(1));
    if (parts.get("preset") in PRESETS) usePreset(parts.get("preset"));
    const values = [...parts].filter(([name]) => name in STEPS || CHOICES.includes(name));
    apply(Object.fromEntries(values));
    for (const name of ["x", "y"]) {
      const box = control(name)[0], value = Number(parts.get(name));
      if (parts.has(name) && value >= 0) {
        pair.placed = true;
        box.max = Math.max(box.max, Math.min(value, LIMIT)); // until a pair says how large it is
        box.value = value;
      }
    }
    if (parts.has("layers")) {
      const on = parts.get("layers").split(".");
      control("layers").forEach((box, k) => { box.checked = on.includes(String(k + 1)); });
    }
    return parts.get("scene") in DATA.scenes ? parts.get("scene") : "";
  }

  let own = location.hash, resting = 0;
  function remember() {
    clearTimeout(resting);
    own = fragment();
    find(".lab-link").href = own;
    history.replaceState(history.state, "", own);
  }

  /* Browsers refuse many changes of the address in a row. */
  function rememberSoon() {
    clearTimeout(resting);
    resting = setTimeout(remember, 300);
  }

  /* ---- sources ---------------------------------------------------------- */

  /* `version` counts changes of the sources; `fresh`: to be given to the worker;
   * `loaded`: the worker has them; `ready`: there is a result; `placed`: a link says
   * which pixel is read. */
  const pair = { sources: [null, null], scene: "", version: 0, fresh: false, loaded: false, ready: false,
    size: "", placed: false };

  async function take(k, file) {
    fail("");
    try {
      if (file.size > FILE_LIMIT) {
        throw problem(`“${file.name}” is larger than 256 MB.`);
      }
      const image = await method("read", [file, LIMIT]);
      if (pair.scene) clear();
      await put(k, { ...image, name: file.name });
    } catch (error) {
      if (pair.scene) clear();
      await put(k, null);
      fail(technical(error));
      return false;
    }
    return true;
  }

  function clear() {
    pair.scene = "";
    for (const k of [0, 1]) put(k, null);
  }

  async function put(k, image) {
    pair.sources[k] = image;
    if (image && !pair.scene) chooser.value = "";
    pair.version++;
    pair.loaded = pair.ready = false;
    const zone = all(".lab-drop")[k], canvas = zone.querySelector("canvas");
    const notes = image ? [`${image.width} × ${image.height}`] : [];
    if (image && image.chroma) notes.push("colour");
    if (image && image.deep) notes.push("16 bit");
    zone.querySelector(".lab-file").textContent = image
      ? `${image.name} (${notes.join(", ")})` : "No image yet: drop one here, or";
    zone.classList.toggle("lab-filled", Boolean(image));
    canvas.hidden = !image;
    if (!image) return;
    const { height, width, rgba } = await method("thumbnailOf", [image.plane, image.height, image.width]);
    W.paint(canvas, rgba, height, width);
    canvas.setAttribute("aria-label", `${WORDS[k]}: ${image.name}`);
  }

  /* Files into one zone, or two at once into both. */
  async function receive(k, files) {
    const list = [...files].slice(0, 2);
    if (!list.length) return;
    let good = true;
    if (list.length === 2) for (const n of [0, 1]) good = (await take(n, list[n])) && good;
    else good = await take(k, list[0]);
    if (!good) return stale();
    if (pair.sources.every(Boolean)) return go();
    stale();
    const empty = pair.sources.findIndex((image) => !image);
    progress(`One more image is needed: ${WORDS[empty]}`, 0);
  }

  /* Scene to fuse, or "" for the reader's own files. */
  const chooser = find(".lab-scene select");

  async function useScene(name) {
    fail("");
    chooser.value = name;
    if (!globalThis[`__fusionlibScene_${name}`]) await script(`scene-${name}.js`);
    const scene = globalThis[`__fusionlibScene_${name}`];
    const files = scene.sources.map((text) => new File([A.fromBase64(text)], name));
    const images = await Promise.all(files.map((file) => method("read", [file, LIMIT])));
    pair.scene = name;
    for (const k of [0, 1]) await put(k, { ...images[k], name: `${scene.title}, ${k ? "visible" : "infrared"}` });
    await go();
  }

  /* What the button does: the chosen scene, or the two files. */
  async function press() {
    const name = chooser.value;
    if (!name && pair.scene) clear();
    const job = name && name !== pair.scene ? useScene(name) : go();
    await job.catch((error) => fail(technical(error)));
    if (pair.ready && matchMedia("(max-width: 600px)").matches) {
      find(".lab-result").scrollIntoView({ block: "start" });
    }
  }

  /* Results that no longer belong to the sources are not shown. */
  function stale() {
    pair.fresh = pair.loaded = pair.ready = false;
    root.dataset.state = "waiting";
    root.classList.remove("lab-has-result");
    rememberSoon();
  }

  function check() {
    const [first, second] = pair.sources;
    if (!first || !second) {
      const missing = !first && !second ? "Two images are needed: drop them in, choose files, or choose a scene."
        : `Only one image is there: ${WORDS[first ? 1 : 0]} is missing.`;
      throw problem(missing);
    }
    if (first.height !== second.height || first.width !== second.width) {
      throw problem(
        `The images must have the same size, but source 1 has ${first.width} × ${first.height} pixels ` +
        `and source 2 has ${second.width} × ${second.height}.`);
    }
    if (!MODEL.available) {
      throw problem("The network is not part of this build, see above.");
    }
  }

  /* ---- computing -------------------------------------------------------- */

  let running = false, again = false, moved = false;
  const done = {};

  /* Start with the present pair. */
  async function go() {
    fail("");
    try {
      check();
    } catch (error) {
      stale();
      fail(error.message);
      progress("Nothing is computed", 0);
      return;
    }
    pair.fresh = true;
    await update();
  }

  /* Compute until nothing has changed any more; a later call replaces an earlier. */
  async function update() {
    describe();
    again = true;
    root.dataset.state = "busy";
    if (running) return;
    running = true;
    try {
      while (again) {
        again = false;
        await pass(settings());
      }
    } catch (error) {
      stale();
      root.dataset.state = "error";
      fail(technical(error));
      progress("Stopped", 0);
    } finally {
      running = false;
      find(".lab-gallery").removeAttribute("aria-busy");
    }
  }

  async function pass(state) {
    const version = pair.version, late = () => again || version !== pair.version;
    if (!pair.fresh && !pair.loaded) return drawn(state);
    if (pair.fresh) {
      begin();
      pair.fresh = false;
      const { height, width } = pair.sources[0];
      Object.assign(pair, { height, width });
      /* As by the library, one source in colour gives the result its colours. */
      const coloured = pair.sources.filter((image) => image.chroma);
      const chroma = coloured.length === 1 ? coloured[0].chroma : null;
      pair.note = chroma ? " Its colours are those of the source in colour."
        : coloured.length ? " Both sources are in colour, so only their luminance is fused." : "";
      await method("setPair", [pair.sources.map((image) => image.plane), chroma, height, width]);
      if (version !== pair.version) return;
      pair.loaded = true;
      Object.assign(done, { lambda: null, fused: null, metrics: null, left: null, right: null });
      resize();
      state = settings();
    }
    if (!state.layers.length) {
      fail("Switch on at least one layer: without one there is no candidate.");
      progress("Waiting for a layer", 0);
      return drawn(state, "error");
    }
    fail("");
    if (done.lambda !== state.lambda) {
      begin();
      progress("Decomposition", 0.15);
      await method("decompose", [state.lambda]);
      Object.assign(done, { lambda: state.lambda, fused: null });
      await paintThumbnails(EARLY);
      if (late()) return;
    }
    const reading = { what: "detail", lam: state.lambda, scale: state.scale, mirror: state.mirror };
    const of = { what: "source", scale: 255, mirror: state.mirror };
    const deep = state.base === "activity", floored = state.floor === "on";
    if ((deep || floored) && !(await readFloor(late))) return;
    if (deep && !(await activities(of, late))) return;
    if (!(await activities(reading, late))) return;
    const how = {
      radius: state.radius, beforeRelu: state.relu === "before", floored, power: state.power,
      upsampling: state.upsampling, enabled: state.layers, selection: state.selection, gain: state.gain,
      base: state.base, basePower: state["base-power"], guided: state.guided, mirror: state.mirror,
    };
    const wanted = JSON.stringify([reading, how]);
    if (done.fused !== wanted) {
      begin();
      progress("Weights, candidates and selection", 0.9);
      done.summary = await method("fuse", [reading, how]);
      Object.assign(done, { fused: wanted, metrics: null, left: null, right: null });
      done.painted = false;
    }
    if (version !== pair.version) return;
    pair.ready = true;
    root.classList.add("lab-has-result");
    await show(state);
    if (late()) return;
    if (!done.painted) {
      await paintThumbnails(LATE);
      ranges(done.summary.ranges);
      done.painted = true;
      if (late()) return;
    }
    if (!done.metrics) {
      progress("N_abf and SSIM", 0.95);
      done.metrics = await method("metrics");
      if (late()) return;
    }
    report(state, done);
    if (started) {
      const seconds = (performance.now() - started) / 1000;
      root.dataset.seconds = seconds.toFixed(3);
      progress(`Done: ${pair.width} × ${pair.height} pixels in ${seconds.toFixed(1)} s`, 1);
    }
    started = 0;
    moved = false;
    drawn(state, "done");
  }

  let started = 0;
  function begin() {
    started = started || performance.now();
  }

  function drawn(state, what = "waiting") {
    rememberSoon();
    root.dataset.state = what;
    root.dataset.drawn = JSON.stringify(state);
  }

  /* Have the network's maps for a reading, see pipeline.js; false if they are no longer
   * wanted. */
  async function activities(reading, late) {
    const tiles = await method("missing", [reading]);
    if (!tiles.length) return true;
    begin();
    find(".lab-gallery").setAttribute("aria-busy", "true");
    /* Someone is still pulling a slider: wait until it rests. */
    if (moved && network) await new Promise((resolve) => setTimeout(resolve, 250));
    if (late()) return false;
    const engines = await startNetwork();
    const jobs = [0, 1].flatMap((k) => tiles.map((tile, n) => ({ k, tile, n }))), outputs = [[], []];
    const what = reading.what === "source" ? "Network, for the base parts" : "Network";
    let next = 0;
    await Promise.all(engines.map(async (ask) => {
      while (next < jobs.length && !late()) {
        const { k, tile, n } = jobs[next++];
        progress(`${what}: ${tiles.length > 1 ? `tile ${next} of ${jobs.length}` : "both sources"}`,
          0.2 + (0.7 * (next - 1)) / jobs.length);
        const input = await method("input", [reading, k, tile]);
        outputs[k][n] = await ask("run", [input, tile.height, tile.width], [input.buffer]);
      }
    }));
    if (late()) return false;
    const buffers = outputs.flat().flatMap((maps) => Object.values(maps).map((map) => map.buffer));
    await method("keep", [reading, tiles, outputs], buffers);
    find(".lab-gallery").removeAttribute("aria-busy");
    return true;
  }

  /* Have the network's response to an empty image. */
  async function readFloor(late) {
    const side = await method("emptySide");
    if (!side) return true;
    const [ask] = await startNetwork();
    const empty = new Float32Array(side * side);
    await method("keepFloor", [await ask("run", [empty, side, side], [empty.buffer])]);
    return !late();
  }

  /* ---- pictures --------------------------------------------------------- */

  const frame = (key) => root.querySelector(`.lab-thumb[data-stage="${key}"] canvas`);

  const breath = () => new Promise((resolve) => setTimeout(resolve));

  async function paintThumbnails(keys) {
    const painted = await method("thumbnails", [keys]);
    for (let k = 0; k < keys.length; k++) {
      const { height, width, rgba } = painted[k];
      W.paint(frame(keys[k]), rgba, height, width);
      if (k % 4 === 3) await breath();
    }
  }

  function ranges(list) {
    list.forEach(({ low, high, reach }, k) => {
      root.querySelector(`[data-range="${k}"]`).textContent =
        `Activity from ${digits(low)} (dark) to ${digits(high)} (bright); weight from ` +
        `${digits(0.5 - reach)} (blue) through one half (white) to ${digits(0.5 + reach)} (orange).`;
    });
  }

  const canvas = find(".fl-frame canvas");
  const line = W.handle(canvas, (x) => {
    const box = control("wipe")[0];
    box.value = W.step(box, x);
    update();
  });
  const pixel = (left, top) => ({ x: W.step(control("x")[0], left), y: W.step(control("y")[0], top) });
  const ring = W.cursor(canvas, (left, top) => {
    const { x, y } = pixel(left, top);
    control("x")[0].value = x;
    control("y")[0].value = y;
    under = null;
    update();
  }, (...at) => {
    const before = under;
    under = at.length ? pixel(...at) : null;
    if (before || under) update();
  });

  function resize() {
    const size = `${pair.width} ${pair.height}`;
    for (const [name, length] of [["x", pair.width], ["y", pair.height]]) {
      const box = control(name)[0];
      box.max = length - 1; // which also limits the value
      if (pair.size !== size && !pair.placed) box.value = Math.floor(length / 2);
    }
    pair.size = size;
    pair.placed = false;
    describe();
  }

  /* Both sides of the wipe, and the numbers at the cursor. */
  async function show(state) {
    for (const side of ["left", "right"]) {
      if (done[side] !== state[side]) {
        done[`${side}Pixels`] = await method("rgba", [state[side]]);
        done[side] = state[side];
        done.shown = null;
      }
    }
    const look = JSON.stringify([state.left, state.right, state.wipe]);
    if (done.shown !== look) {
      const { height, width } = pair;
      W.paint(canvas, A.wipe(done.leftPixels, done.rightPixels, height, width, state.wipe), height, width);
      done.shown = look;
      canvas.setAttribute("aria-label",
        `Left of the line: ${named(state.left).text}; right of it: ${named(state.right).text}`);
      W.sharpen(canvas);
    }
    line(state.wipe, brief(state.left), brief(state.right));
    ring(pinned(), under);
    find(".lab-at").textContent = `${under ? "Under the pointer" : "At the marked pixel"}: ` +
      `column ${state.x}, row ${state.y}`;
    table(await method("values", [state.x, state.y]));
    for (const button of all(".lab-thumb")) {
      button.setAttribute("aria-pressed", String(button.dataset.stage === state.left));
    }
  }

  function table(v) {
    const grey = (x) => fixed(255 * x, 2);
    const rows = [
      ["Source, fused image", grey(v.I[0]), grey(v.I[1]), grey(v.I[2])],
      ["Mean of the sources", "", "", grey(v.mean)],
      ["Base", ...v.base.map(grey)],
      ["Weight of the base", ...v.shares.map((x) => fixed(x, 4)), ""],
      ["Detail", ...v.detail.map(grey)],
    ];
    const marked = [];
    v.layers.forEach((layer, k) => {
      if (v.winner === k) marked.push(rows.length, rows.length + 1, rows.length + 2);
      const name = DATA.layers[k];
      rows.push([`${name} activity`, ...layer.activity.map(digits), ""]);
      rows.push([`${name} weight`, ...layer.weights.map((x) => fixed(x, 4)), ""]);
      rows.push([`${name} candidate`, "", "", grey(layer.candidate)]);
    });
    W.table(find(".fl-table tbody"), rows, marked);
  }

  function report(state, { summary, metrics }) {
    const wins = state.layers.map((k) => `${DATA.layers[k]} ${shareText(summary.shares[k])}`);
    find(".lab-wins").textContent = `Wins: ${wins.join(", ")}. The fused image differs from the mean ` +
      `of the sources by ${fixed(summary.departure, 2)} grey levels (root mean square).${pair.note}`;
    for (const [name, { nabf, ssim }] of Object.entries(metrics)) {
      const cells = root.querySelectorAll(`[data-scores="${name}"] td`);
      [nabf, (ssim[0] + ssim[1]) / 2, ...ssim].forEach((value, k) => {
        cells[k].textContent = fixed(value, 5);
      });
    }
  }

  async function save(key, deep = false) {
    const name = pair.scene || "fused-pair";
    const blob = await method("png", [key, deep]);
    const link = make("a", { href: URL.createObjectURL(blob), download: `${name}-${key}${deep ? "-16" : ""}.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  /* ---- the page --------------------------------------------------------- */

  /* A capital with its index set below, as the paper prints it. */
  const symbol = (text) => (text ? [make("span", { className: "lab-symbol" }, text[0],
    make("sub", { textContent: text.slice(1) })), " "] : []);

  function build() {
    const gallery = find(".lab-gallery");
    for (const stage of STAGES) {
      const group = make("div", { className: "lab-group" },
        make("p", { className: "lab-heading", textContent: stage.group }));
      const row = make("div", { className: `lab-row lab-row-${stage.wide}` });
      for (const item of stage.items) {
        const thumb = make("button", { type: "button", className: "lab-thumb" },
          make("canvas", { width: 320, height: 256 }));
        thumb.dataset.stage = item.key;
        thumb.setAttribute("aria-label", `Show large: ${item.text}`);
        const png = make("button", { type: "button", className: "lab-save", textContent: "PNG" });
        png.dataset.stage = item.key;
        png.setAttribute("aria-label", `Download as PNG: ${item.text}`);
        row.append(make("div", { className: "lab-figure" }, thumb, make("div", { className: "lab-under" },
          make("span", {}, ...symbol(item.symbol), item.short), png)));
      }
      group.append(row);
      if (stage.note || stage.layer !== undefined) {
        const note = make("p", { className: "fl-under", textContent: stage.note || "" });
        if (stage.layer !== undefined) note.dataset.range = stage.layer;
        group.append(note);
      }
      gallery.append(group);
    }
    const legend = make("p", { className: "fl-under lab-legend" });
    DATA.layers.forEach((name, k) => {
      const swatch = make("span", { className: "fl-swatch" });
      swatch.style.background = `rgb(${DATA.colours[k]})`;
      legend.append(make("span", {}, swatch, ` ${name}`));
    });
    gallery.lastElementChild.append(legend);
    for (const side of ["left", "right"]) {
      control(side)[0].append(...ITEMS.map((item) =>
        make("option", { value: item.key, textContent: item.text.replace(/^./, (c) => c.toUpperCase()) })));
      control(side)[0].value = side === "left" ? "I-0" : "F";
    }
    for (const [name, title] of Object.entries(DATA.scenes)) {
      chooser.append(make("option", { value: name, textContent: title }));
    }
    chooser.append(make("option", { value: "", textContent: "My own two files" }));
    for (const name of [...Object.keys(PRESETS), "custom"]) {
      control("preset")[0].append(make("option", { value: name, textContent: DATA.words[name] || name }));
    }
    control("layers").forEach((box, k) => {
      box.closest("label").querySelector(".fl-swatch").style.background = `rgb(${DATA.colours[k]})`;
    });
    for (const name of Object.keys(STEPS)) control(name)[0].max = STEPS[name].length - 1;
    usePreset("paper");
    apply({ wipe: 50 });
  }

  function listen() {
    all(".lab-drop").forEach((zone, k) => {
      const input = zone.querySelector("input");
      input.addEventListener("change", () => {
        receive(k, input.files);
        input.value = ""; // the same file can be chosen again
      });
      for (const kind of ["dragenter", "dragover"]) {
        zone.addEventListener(kind, () => zone.classList.add("lab-over"));
      }
      for (const kind of ["dragleave", "drop"]) {
        zone.addEventListener(kind, () => zone.classList.remove("lab-over"));
      }
      zone.addEventListener("drop", (event) => receive(k, event.dataTransfer.files));
    });
    /* A file that misses a zone must not replace the page. */
    for (const kind of ["dragover", "drop"]) {
      window.addEventListener(kind, (event) => event.preventDefault());
    }
    find(".lab-go").addEventListener("click", press);
    find(".lab-reset").addEventListener("click", reset);
    for (const button of all(".lab-keep")) {
      button.addEventListener("click", () => {
        if (pair.ready) save("F", button.dataset.bits === "16").catch((error) => fail(technical(error)));
      });
    }
    find(".lab-full").addEventListener("click", () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else find(".fl-frame").requestFullscreen().catch((error) => fail(technical(error)));
    });
    root.addEventListener("input", (event) => {
      const { control: name } = event.target.dataset;
      if (!name) return;
      if (name === "preset" && event.target.value in PRESETS) usePreset(event.target.value);
      moved = moved || event.target.type === "range";
      update();
    });
    find(".lab-gallery").addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.className === "lab-save") {
        if (pair.ready) save(button.dataset.stage).catch((error) => fail(technical(error)));
        return;
      }
      control("left")[0].value = button.dataset.stage;
      update();
    });
    find(".lab-copy").addEventListener("click", async () => {
      remember();
      try {
        await navigator.clipboard.writeText(location.href);
        find(".lab-copied").textContent = "Copied.";
      } catch {
        find(".lab-copied").textContent = "Copy it from the address bar.";
      }
    });
    window.addEventListener("hashchange", () => {
      if (location.hash === own || !location.hash.includes("=")) return;
      const scene = restore();
      if (scene && scene !== pair.scene) useScene(scene).catch((error) => fail(technical(error)));
      else update();
    });
    new ResizeObserver(() => W.sharpen(canvas)).observe(canvas);
  }

  function introduce(where = "") {
    const box = find(".lab-model");
    if (!MODEL.available) {
      box.classList.add("lab-missing");
      box.replaceChildren(
        `The network is not part of this build of the book: ${MODEL.reason}. With npm on the machine, `,
        make("code", { textContent: "make book" }),
        " builds it in; everything else in the book works without it.");
      find(".lab-go").disabled = true;
      for (const input of all(".lab-drop input")) input.disabled = true;
      return;
    }
    const { weights, quantize, bytes } = MODEL;
    const kernels = quantize === "int8" ? "kernels in 8 bits" : quantize === "fp16" ? "kernels in 16 bits" : "float32";
    const size = Math.ceil((OVER_HTTP ? ["ort.wasm.min.js", "ort-wasm-simd-threaded.mjs",
      "ort-wasm-simd-threaded.wasm", "network.onnx"] : ["bundle.js"])
      .reduce((sum, name) => sum + bytes[name], 0) / 1e6);
    box.textContent = `Network: VGG-19 up to relu4_1, ${kernels}. Weights: ${weights.label}. With its runtime it is ` +
      `${size} MB${OVER_HTTP ? " (about 7 MB where the server compresses)" : ""}, loaded when you start.${where}`;
  }

  build();
  introduce();
  const scene = restore();
  if (scene) chooser.value = scene;
  listen();
  progress(scene ? "Settings restored: press “Fuse”" : "Waiting for a pair", 0);
  describe();
  root.dataset.state = "waiting";
  root.dataset.drawn = JSON.stringify(settings());
})();
