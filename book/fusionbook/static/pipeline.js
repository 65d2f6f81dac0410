/* The method step by step on one pair, and what the page shows of it. No DOM: it runs
 * in a worker, and its functions are what the page may ask for.
 */
globalThis.__fusionlibPipeline = globalThis.__fusionlibPipeline || (function make() {
  "use strict";

  /* Contrast of detail contents, which are shown around mid-grey. */
  const GAIN = 2;

  /* Readings of the network, see `missing`, whose activities are kept. */
  const KEPT = 5;

  /* Side of the empty image whose response is the floor of activities. */
  const EMPTY = 128;

  /* Samples of a map from which the range of its colours is taken. */
  const SAMPLES = 20_000;

  const THUMBNAIL = 320;

  /* An error whose message is for the reader. */
  const problem = (text) => Object.assign(new Error(text), { known: true });

  function create({ sequential, diverging, colours, fields }) {
    const A = globalThis.__fusionlibArithmetic, D = globalThis.__fusionlibDecomposition;
    const F = globalThis.__fusionlibFilters;
    const M = globalThis.__fusionlibMethod, P = globalThis.__fusionlibPng;
    const S = globalThis.__fusionlibSimilarity, T = globalThis.__fusionlibTiling;
    const tables = { sequential: Uint8Array.from(sequential), diverging: Uint8Array.from(diverging) };
    const known = new Map();
    let pair = null, parts = null, layers = null, bases = null, result = null, floor = null;

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

    /* Luminance as in fusionlib/images/colour.py, and for a colour file red, green and blue
     * minus it; a colour file that holds grey stays exact. */
    function grey({ height, width, lanes, top, data }) {
      const count = height * width, plane = new Float64Array(count);
      let chroma = null;
      for (let i = 0; i < count; i++) {
        if (lanes === 1) {
          plane[i] = data[i] / top;
          continue;
        }
        const [r, g, b] = [0, 1, 2].map((k) => data[3 * i + k] / top);
        plane[i] = g + 0.299 * (r - g) + 0.114 * (b - g); // exact for grey
        if (r === g && g === b) continue;
        chroma = chroma || new Float32Array(3 * count);
        [r, g, b].forEach((v, k) => { chroma[3 * i + k] = v - plane[i]; });
      }
      return { height, width, plane, chroma, deep: top > 255 };
    }

    /* Red, green and blue of a luminance and a chroma, as `compose` there: where the
     * colour cannot be shown, it moves towards grey. */
    function compose(plane, chroma) {
      const out = new Float64Array(chroma.length);
      for (let i = 0; i < plane.length; i++) {
        const y = A.clip(plane[i], 0, 1);
        let share = 1;
        for (let k = 3 * i; k < 3 * i + 3; k++) {
          if (chroma[k]) share = Math.min(share, (chroma[k] > 0 ? 1 - y : y) / Math.abs(chroma[k]));
        }
        for (let k = 3 * i; k < 3 * i + 3; k++) out[k] = y + share * chroma[k];
      }
      return out;
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

    /* `chroma` is that of the one source in colour, or null. */
    function setPair(planes, chroma, height, width) {
      const levels = planes.map((plane) => bytes(plane));
      const mean = M.average(planes[0], planes[1]);
      pair = { planes, levels, chroma, mean, height, width, spectrum: null, scored: null };
      parts = layers = bases = result = null;
      known.clear();
    }

    /* Equations (1) and (2). */
    function decompose(lam) {
      const { planes, height, width } = pair;
      pair.spectrum = pair.spectrum || D.analyse(planes[0], planes[1], height, width);
      const base = D.smooth(pair.spectrum, lam);
      const detail = base.map((plane, k) => D.remainder(planes[k], plane));
      parts = { lam, base, detail, fused: M.average(base[0], base[1]) };
      layers = bases = result = null;
    }

    const keyOf = ({ what, lam, scale, mirror }) => JSON.stringify([what, what === "source" || lam, scale, mirror]);

    /* Tiles that the network has to see for a reading; none if it is kept. A reading says
     * what the network gets (`what`: the detail content for one `lam`, or the source minus
     * the mean grey), times which `scale`, with how many mirrored pixels around it. */
    function missing(reading) {
      const key = keyOf(reading);
      if (known.has(key)) {
        const kept = known.get(key);
        known.delete(key);
        known.set(key, kept); // the most recent is last
        return [];
      }
      return T.tiles(pair.height + 2 * reading.mirror, pair.width + 2 * reading.mirror);
    }

    /* What the network gets of one tile of one source. */
    function input({ what, scale, mirror }, source, tile) {
      const { height, width, planes } = pair;
      const plane = what === "detail" ? parts.detail[source]
        : planes[source].map((v) => v - M.MEAN_GREY);
      const whole = mirror ? F.pad(plane, height, width, mirror) : plane;
      return T.cut(whole, width + 2 * mirror, tile, scale);
    }

    const names = M.LAYERS.flatMap((_, k) => [`conv${k + 1}_1`, `relu${k + 1}_1`]);
    const strideOf = (name) => M.STRIDES[Number(name[4]) - 1];

    /* Put the network's maps of all tiles of both sources together. */
    function keep(reading, tiles, outputs) {
      const { mirror, what } = reading, { height, width } = pair;
      const wanted = what === "source" ? ["relu3_1"] : names;
      const maps = outputs.map((found) => Object.fromEntries(wanted.map((name) => {
        const stride = strideOf(name), first = mirror / stride;
        const h = M.mapSize(height + 2 * mirror, stride), w = M.mapSize(width + 2 * mirror, stride);
        const whole = new Float32Array(h * w);
        tiles.forEach((tile, n) => T.paste(whole, width + 2 * mirror, found[n][name], tile, stride));
        return [name, crop(whole, w, first, M.mapSize(height, stride), M.mapSize(width, stride))];
      })));
      known.set(keyOf(reading), maps);
      if (known.size > KEPT) known.delete(known.keys().next().value);
    }

    function crop(map, across, first, h, w) {
      const out = new Float32Array(h * w);
      for (let y = 0; y < h; y++) {
        const start = (first + y) * across + first;
        out.set(map.subarray(start, start + w), y * w);
      }
      return out;
    }

    /* Side of the empty image that the network has to see once, 0 if it has. */
    const emptySide = () => (floor ? 0 : EMPTY);

    /* The response in the middle of the empty image is the floor of activities. */
    function keepFloor(maps) {
      floor = Object.fromEntries(names.map((name) => {
        const side = EMPTY / strideOf(name), centre = side >> 1;
        return [name, maps[name][centre * side + centre]];
      }));
    }

    /* Fused base part, equation (3). */
    function fuseBases({ base, basePower, guided, mirror }) {
      const how = JSON.stringify([base, basePower, guided, mirror]);
      if (bases && bases.how === how) return;
      const { planes, height, width } = pair;
      /* What speaks for each source, and pixels per sample. */
      const strengths = {
        activity: () => [known.get(keyOf({ what: "source", scale: 255, mirror })).map((maps) =>
          M.soften(M.aboveFloor(maps.relu3_1, floor.relu3_1), height, width)), M.BASE_STRIDE],
        contrast: () => [planes.map(F.histogramContrast), 1],
      };
      const weights = base === "average" ? null
        : M.weighBases(...strengths[base](), planes, height, width, { power: basePower, radius: guided });
      bases = { how, weights };
      parts.fused = weights ? M.blend(weights, parts.base) : M.average(...parts.base);
    }

    /* Activities, weights and candidate of one layer, equations (6) to (9). */
    function readLayer(maps, k, { radius, beforeRelu, floored, power, upsampling }) {
      const { height, width } = pair, stride = M.STRIDES[k];
      const name = `${beforeRelu ? "conv" : "relu"}${k + 1}_1`;
      const h = M.mapSize(height, stride), w = M.mapSize(width, stride);
      const activity = maps.map((m) => M.blockAverage(
        floored ? M.aboveFloor(m[name], floor[name]) : m[name], h, w, radius));
      const weights = M.shares(activity[0], activity[1], power);
      const candidate = M.candidate(weights, parts.detail, height, width, stride, upsampling);
      const rim = Math.ceil(fields[k] / 2 / stride) + radius;
      return { stride, h, w, activity, weights, candidate, ...limits(activity, weights[0], h, w, rim) };
    }

    /* Equations (3) and (6) to (11). `how.enabled` holds indices of layers, at least one. */
    function fuse(reading, how) {
      const { radius, beforeRelu, floored, power, upsampling, enabled, selection, gain } = how;
      const key = JSON.stringify([keyOf(reading), radius, beforeRelu, floored, power, upsampling]);
      if (!layers || layers.key !== key) {
        const maps = known.get(keyOf(reading));
        layers = { key, all: M.LAYERS.map((_, k) => readLayer(maps, k, how)) };
      }
      fuseBases(how);
      const { detail, winner } = M.select(enabled.map((k) => layers.all[k].candidate), selection);
      const wins = winner.map((k) => enabled[k]);
      const fused = M.reconstruct(parts.fused, detail, gain);
      result = { enabled, detail, wins, fused, image: bytes(fused) };
      const counts = M.LAYERS.map(() => 0);
      let squares = 0;
      for (let i = 0; i < fused.length; i++) {
        counts[wins[i]]++;
        squares += (fused[i] - pair.mean[i]) ** 2;
      }
      return {
        shares: counts.map((n) => n / fused.length),
        departure: 255 * Math.sqrt(squares / fused.length),
        ranges: layers.all.map(({ low, high, reach }) => ({ low, high, reach })),
      };
    }

    /* Ranges that colours span: all but the outermost hundredth of the samples that no
     * zeros beside the image reach. */
    function limits(activity, weights, h, w, rim) {
      const edge = Math.min(rim, Math.floor((Math.min(h, w) - 1) / 2));
      const step = Math.max(Math.floor(Math.sqrt((h * w) / SAMPLES)), 1), amounts = [], away = [];
      for (let y = edge; y < h - edge; y += step) {
        for (let x = edge; x < w - edge; x += step) {
          const i = y * w + x;
          amounts.push(activity[0][i], activity[1][i]);
          away.push(Math.abs(weights[i] - 0.5));
        }
      }
      const at = (list, q) => Float64Array.from(list).sort()[Math.round(q * (list.length - 1))];
      return { low: at(amounts, 0.01), high: at(amounts, 0.99), reach: Math.max(at(away, 0.99), 1e-12) };
    }

    /* N_abf and SSIM of an 8-bit image against the sources in 8 bits. */
    function score(image) {
      const { levels, height, width } = pair, unit = (plane) => Float64Array.from(plane, (v) => v / 255);
      pair.gradients = pair.gradients || levels.map((plane) => A.gradient(plane, height, width));
      const map = A.artifacts(image, pair.gradients, height, width), measured = unit(image);
      const ssim = levels.map((plane) => S.ssim(measured, unit(plane), height, width));
      return { nabf: map.reduce((a, b) => a + b, 0) / map.length, ssim };
    }

    /* Scores of the fused image, of the mean and of a Laplacian pyramid. */
    function metrics() {
      const { planes, mean, height, width } = pair;
      pair.scored = pair.scored || {
        mean: score(bytes(mean)),
        laplacian: score(bytes(F.laplacian(planes[0], planes[1], height, width))),
      };
      return { fused: score(result.image), ...pair.scored };
    }

    /* ---- pictures ------------------------------------------------------ */

    /* A stage that is an image: doubles in [0, 1], grey or RGB. */
    function plane(stage) {
      const [what, first] = stage.split("-"), k = Number(first);
      const grey = (detail) => detail.map((v) => 0.5 + GAIN * v);
      if (what === "I") return pair.planes[k];
      if (what === "Ib") return parts.base[k];
      if (what === "Id") return grey(parts.detail[k]);
      if (what === "Fb") return parts.fused;
      if (what === "Fi") return grey(layers.all[k].candidate);
      if (what === "Fd") return grey(result.detail);
      if (what === "mean") return pair.mean;
      if (what === "F") return pair.chroma ? compose(result.fused, pair.chroma) : result.fused;
      return null;
    }

    /* 8-bit pixels of a stage, grey or RGB, in the size of the image. */
    function picture(stage) {
      const values = plane(stage);
      if (values) return bytes(values);
      const [what, first, second] = stage.split("-"), k = Number(first);
      if (what === "winner") return A.colourise(result.wins, Uint8Array.from(colours.flat()));
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

    /* A stage as a file, of 16 bits if asked for and if the stage is an image. */
    function png(stage, deep) {
      const values = deep && plane(stage);
      const pixels = values ? Uint16Array.from(values, (v) => Math.floor(A.clip(v, 0, 1) * 65535 + 0.5))
        : picture(stage);
      return P.encode(pixels, pair.height, pair.width);
    }

    /* Every number at a pixel. */
    function values(x, y) {
      const i = y * pair.width + x;
      const both = (planes, at = i) => planes.map((plane) => plane[at]);
      return {
        I: [...both(pair.planes), result.fused[i]],
        base: [...both(parts.base), parts.fused[i]],
        shares: bases.weights ? both(bases.weights) : [0.5, 0.5],
        detail: [...both(parts.detail), result.detail[i]],
        mean: pair.mean[i],
        image: result.image[i],
        winner: result.wins[i],
        layers: layers.all.map(({ stride, w, activity, weights, candidate }) => {
          const at = Math.floor(y / stride) * w + Math.floor(x / stride);
          return { activity: both(activity, at), weights: both(weights, at), candidate: candidate[i] };
        }),
      };
    }

    return {
      decompose, emptySide, fuse, input, keep, keepFloor, metrics, missing, png, read, rgba, setPair, thumbnailOf,
      thumbnails, values,
    };
  }

  return { create, make, problem };
})();
