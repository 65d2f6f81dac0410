/* The method step by step on one pair, and what the page shows of it. No DOM: it runs
 * in a worker, and its functions are what the page may ask for.
 */
globalThis.__fusionlibPipeline = globalThis.__fusionlibPipeline || (function make() {
  "use strict";

  /* Contrast of detail contents, which are shown around mid-grey. */
  const GAIN = 2;

  /* Pairs of lambda and input scale whose activities are kept. */
  const KEPT = 4;

  const THUMBNAIL = 320;

  /* An error whose message is for the reader. */
  const problem = (text) => Object.assign(new Error(text), { known: true });

  function create({ sequential, diverging, colours }) {
    const A = globalThis.__fusionlibArithmetic, D = globalThis.__fusionlibDecomposition;
    const M = globalThis.__fusionlibMethod, P = globalThis.__fusionlibPng;
    const S = globalThis.__fusionlibSimilarity, T = globalThis.__fusionlibTiling;
    const tables = { sequential: Uint8Array.from(sequential), diverging: Uint8Array.from(diverging) };
    const known = new Map();
    let pair = null, parts = null, layers = null, result = null;

    /* Eight bits of zero + gain * v; a loop, because `from` calls a function a pixel. */
    function bytes(plane, gain = 1, zero = 0) {
      const out = new Uint8Array(plane.length);
      for (let i = 0; i < out.length; i++) out[i] = A.toUint8(zero + gain * plane[i]);
      return out;
    }

    /* ---- images -------------------------------------------------------- */

    /* Read a file as luminance in [0, 1]; `limit` in pixels. */
    async function read(file, limit) {
      const name = `“${file.name}”`;
      const content = new Uint8Array(await file.arrayBuffer());
      const fits = (height, width) => {
        if (height * width > limit) {
          throw problem(`${name} has ${width} × ${height} pixels, more than the ` +
            "1024 × 1024 that fit into this page: use the library for larger images.");
        }
      };
      const head = P.size(content);
      if (head) fits(head.height, head.width);
      let image = null;
      try {
        image = (await P.decode(content)) || (await byBrowser(file));
      } catch {
        throw problem(`${name} is not an image that this page can read, or it is damaged.`);
      }
      fits(image.height, image.width);
      if (image.transparent) {
        throw problem(`${name} has transparent pixels: save it without transparency.`);
      }
      return grey(image);
    }

    async function byBrowser(file) {
      const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
      const { width, height } = bitmap;
      if (width * height > 2 ** 26) return { height, width };
      const data = new Uint16Array(3 * width * height);
      const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
      context.drawImage(bitmap, 0, 0);
      bitmap.close();
      const rgba = context.getImageData(0, 0, width, height).data;
      let transparent = false;
      for (let i = 0; i < width * height; i++) {
        for (let k = 0; k < 3; k++) data[3 * i + k] = rgba[4 * i + k];
        if (rgba[4 * i + 3] < 255) transparent = true;
      }
      return { height, width, lanes: 3, top: 255, data, transparent };
    }

    /* Luminance as in fusionlib/images/colour.py; a colour file that holds grey stays exact. */
    function grey({ height, width, lanes, top, data }) {
      const plane = new Float64Array(height * width);
      let colour = false;
      for (let i = 0; i < plane.length; i++) {
        if (lanes === 1) {
          plane[i] = data[i] / top;
          continue;
        }
        const [r, g, b] = [data[3 * i], data[3 * i + 1], data[3 * i + 2]];
        if (r === g && g === b) plane[i] = r / top;
        else {
          colour = true;
          plane[i] = 0.299 * (r / top) + 0.587 * (g / top) + 0.114 * (b / top);
        }
      }
      return { height, width, plane, colour, deep: top > 255 };
    }

    function thumbnailOf(plane, height, width) {
      return reduce(bytes(plane), height, width);
    }

    /* Mean over squares, as RGBA of at most THUMBNAIL pixels a side. */
    function reduce(pixels, height, width) {
      const step = Math.max(Math.ceil(Math.max(height, width) / THUMBNAIL), 1);
      const lanes = pixels.length / (height * width);
      const h = Math.ceil(height / step), w = Math.ceil(width / step);
      if (step === 1) return { height, width, rgba: A.rgba(pixels, height * width) };
      const rgba = new Uint8ClampedArray(4 * h * w).fill(255);
      for (let y = 0, o = 0; y < h; y++) {
        const bottom = Math.min((y + 1) * step, height);
        for (let x = 0; x < w; x++, o += 4) {
          const right = Math.min((x + 1) * step, width);
          const count = (bottom - y * step) * (right - x * step);
          for (let k = 0; k < 3; k++) {
            const lane = lanes === 3 ? k : 0;
            let sum = 0;
            for (let r = y * step; r < bottom; r++) {
              for (let c = x * step; c < right; c++) sum += pixels[(r * width + c) * lanes + lane];
            }
            rgba[o + k] = sum / count;
          }
        }
      }
      return { height: h, width: w, rgba };
    }

    /* ---- steps --------------------------------------------------------- */

    function setPair(planes, height, width) {
      const levels = planes.map((plane) => bytes(plane));
      pair = { planes, levels, height, width, spectrum: null, gradients: null };
      parts = layers = result = null;
      known.clear();
    }

    /* Equations (1) to (3). */
    function decompose(lam) {
      const { planes, height, width } = pair;
      pair.spectrum = pair.spectrum || D.analyse(planes[0], planes[1], height, width);
      const base = D.smooth(pair.spectrum, lam);
      const detail = base.map((plane, k) => D.remainder(planes[k], plane));
      parts = { lam, base, detail, fused: M.average(base[0], base[1]) };
      layers = result = null;
    }

    /* Tiles that the network has to see for these activities; none if they are kept. */
    function missing(key) {
      if (known.has(key)) {
        const kept = known.get(key);
        known.delete(key);
        known.set(key, kept); // the most recent is last
        return [];
      }
      return T.tiles(pair.height, pair.width);
    }

    const input = (source, tile, scale) => T.cut(parts.detail[source], pair.width, tile, scale);

    /* Put the network's maps of all tiles of both sources together. */
    function keep(key, tiles, outputs) {
      const size = (stride) => M.mapSize(pair.height, stride) * M.mapSize(pair.width, stride);
      const maps = outputs.map((found) => {
        const whole = {};
        M.STRIDES.forEach((stride, k) => {
          for (const kind of ["conv", "relu"]) {
            const name = `${kind}${k + 1}_1`;
            whole[name] = new Float32Array(size(stride));
            tiles.forEach((tile, n) => T.paste(whole[name], pair.width, found[n][name], tile, stride));
          }
        });
        return whole;
      });
      known.set(key, maps);
      if (known.size > KEPT) known.delete(known.keys().next().value);
    }

    /* Equations (6) to (11). `enabled` holds indices of layers, at least one. */
    function fuse(key, { radius, beforeRelu, enabled }) {
      const { height, width } = pair, maps = known.get(key);
      const how = JSON.stringify([key, radius, beforeRelu]);
      if (!layers || layers.how !== how) {
        layers = { how, all: M.STRIDES.map((stride, k) => {
          const name = `${beforeRelu ? "conv" : "relu"}${k + 1}_1`;
          const h = M.mapSize(height, stride), w = M.mapSize(width, stride);
          const activity = maps.map((m) => M.blockAverage(m[name], h, w, radius));
          const weights = M.shares(activity[0], activity[1]);
          const candidate = M.candidate(weights, parts.detail, height, width, stride);
          const range = limits(activity, weights[0], h, w, radius);
          return { stride, h, w, activity, weights, candidate, ...range };
        }) };
      }
      const { detail, winner } = M.select(enabled.map((k) => layers.all[k].candidate));
      const wins = winner.map((k) => enabled[k]);
      const fused = M.reconstruct(parts.fused, detail);
      const image = bytes(fused), mean = A.mean(pair.levels[0], pair.levels[1]);
      result = { enabled, detail, wins, fused, image, mean };
      const counts = M.LAYERS.map(() => 0);
      let away = 0;
      for (let i = 0; i < image.length; i++) {
        counts[wins[i]]++;
        away += Math.abs(image[i] - mean[i]);
      }
      const ranges = layers.all.map(({ low, high, reach }) => ({ low, high, reach }));
      return { shares: counts.map((n) => n / image.length), away: away / image.length, ranges };
    }

    /* Ranges that colours span, away from the border, where zeros outside the image
     * lower the activity. */
    function limits(activity, weights, h, w, radius) {
      const rim = Math.min(radius, Math.floor((Math.min(h, w) - 1) / 2));
      let low = Infinity, high = 0, reach = 1e-12;
      for (let y = rim; y < h - rim; y++) {
        for (let x = rim; x < w - rim; x++) {
          const i = y * w + x;
          low = Math.min(low, activity[0][i], activity[1][i]);
          high = Math.max(high, activity[0][i], activity[1][i]);
          reach = Math.max(reach, Math.abs(weights[i] - 0.5));
        }
      }
      return { low, high, reach };
    }

    /* N_abf and SSIM of the 8-bit image against the sources in 8 bits. */
    function metrics() {
      const { levels, height, width } = pair, unit = (image) => Float64Array.from(image, (v) => v / 255);
      pair.gradients = pair.gradients || levels.map((image) => A.gradient(image, height, width));
      const map = A.artifacts(result.image, pair.gradients, height, width);
      const fused = unit(result.image);
      const ssim = levels.map((image) => S.ssim(fused, unit(image), height, width));
      return { nabf: map.reduce((a, b) => a + b, 0) / map.length, ssim };
    }

    /* ---- pictures ------------------------------------------------------ */

    /* 8-bit pixels of a stage, grey or RGB, in the size of the image. */
    function picture(stage) {
      const [what, first, second] = stage.split("-"), k = Number(first);
      if (what === "I") return pair.levels[k];
      if (what === "Ib") return bytes(parts.base[k]);
      if (what === "Id") return bytes(parts.detail[k], GAIN, 0.5);
      if (what === "Fb") return bytes(parts.fused);
      if (what === "Fi") return bytes(layers.all[k].candidate, GAIN, 0.5);
      if (what === "Fd") return bytes(result.detail, GAIN, 0.5);
      if (what === "winner") return A.colourise(result.wins, Uint8Array.from(colours.flat()));
      if (what === "F") return result.image;
      if (what === "mean") return result.mean;
      const layer = layers.all[k], { low, high, reach, w, stride } = layer;
      const span = Math.max(high - low, 1e-12);
      const index = what === "C"
        ? bytes(layer.activity[Number(second)], 1 / span, -low / span)
        : bytes(layer.weights[0], 1 / (2 * reach), 0.5 - 0.5 / (2 * reach));
      return A.colourise(A.enlarge(index, w, stride, pair.height, pair.width),
        what === "C" ? tables.sequential : tables.diverging);
    }

    const rgba = (stage) => A.rgba(picture(stage), pair.height * pair.width);

    const thumbnails = (stages) =>
      stages.map((stage) => reduce(picture(stage), pair.height, pair.width));

    const png = (stage) => P.encode(picture(stage), pair.height, pair.width);

    /* Every number at a pixel. */
    function values(x, y) {
      const i = y * pair.width + x;
      const both = (planes, at = i) => planes.map((plane) => plane[at]);
      return {
        I: [...both(pair.planes), result.fused[i]],
        base: [...both(parts.base), parts.fused[i]],
        detail: [...both(parts.detail), result.detail[i]],
        mean: result.mean[i],
        image: result.image[i],
        winner: result.wins[i],
        layers: layers.all.map(({ stride, w, activity, weights, candidate }) => {
          const at = Math.floor(y / stride) * w + Math.floor(x / stride);
          return { activity: both(activity, at), weights: both(weights, at), candidate: candidate[i] };
        }),
      };
    }

    return {
      decompose, fuse, input, keep, metrics, missing, png, read, rgba, setPair, thumbnailOf,
      thumbnails, values,
    };
  }

  return { create, make, problem };
})();
