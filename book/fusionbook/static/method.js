/* Equations (3) and (6) to (11) on one pair: pure functions, no DOM.
 *
 * Repeats fusionlib/activity.py, weight_maps.py and fusion.py in double precision, with
 * the rules beyond the paper that fusionlib/config.py names. Planes are Float64Arrays,
 * row by row.
 */
globalThis.__fusionlibMethod = globalThis.__fusionlibMethod || (function make() {
  "use strict";

  /* Names of the paper's layers and pixels per sample. */
  const LAYERS = ["relu1_1", "relu2_1", "relu3_1", "relu4_1"];
  const STRIDES = [1, 2, 4, 8];

  const F = globalThis.__fusionlibFilters;

  /* What the network was trained to see as no light, the layer whose activity weighs base
   * parts, and its smoothing: sigma 2, cut off at four of them. */
  const MEAN_GREY = 116 / 255, BASE_STRIDE = 4, BASE_WINDOW = F.gaussian(2, 8);

  /* Size of a layer's maps: pooling rounds up. */
  const mapSize = (length, stride) => Math.ceil(length / stride);

  /* Mean over (2r+1) x (2r+1) samples, zeros outside, equation (6). Sums are formed
   * directly: running sums leave rounding errors where the activity is zero. */
  function blockAverage(activity, height, width, radius) {
    const rows = new Float64Array(height * width), out = new Float64Array(height * width);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const end = Math.min(x + radius, width - 1);
        let sum = 0;
        for (let c = Math.max(x - radius, 0); c <= end; c++) sum += activity[y * width + c];
        rows[y * width + x] = sum;
      }
    }
    const size = (2 * radius + 1) ** 2;
    for (let y = 0; y < height; y++) {
      const start = Math.max(y - radius, 0), end = Math.min(y + radius, height - 1);
      for (let r = start; r <= end; r++) {
        for (let x = 0; x < width; x++) out[y * width + x] += rows[r * width + x];
      }
    }
    for (let i = 0; i < out.length; i++) out[i] /= size;
    return out;
  }

  /* Distance of activities from those of an empty image. */
  const aboveFloor = (activity, floor) => Float64Array.from(activity, (v) => Math.abs(v - floor));

  /* Share of each source, equation (7), by a power of the activities; one half where
   * both are silent. */
  function shares(first, second, power = 1) {
    const out = [new Float64Array(first.length), new Float64Array(first.length)];
    for (let i = 0; i < first.length; i++) {
      const largest = Math.max(first[i], second[i]);
      let a = largest === 0 ? 1 : first[i] / largest;
      let b = largest === 0 ? 1 : second[i] / largest;
      if (power !== 1) [a, b] = [a ** power, b ** power];
      out[0][i] = a / (a + b);
      out[1][i] = b / (a + b);
    }
    return out;
  }

  /* Fused detail of one layer, equations (8) and (9): each weight covers a square of
   * `stride` pixels, or is interpolated. */
  function candidate(weights, details, height, width, stride, upsampling = "nearest") {
    const out = new Float64Array(height * width), across = mapSize(width, stride);
    const grown = upsampling === "bilinear" && weights.map((map) =>
      F.grow(map, mapSize(height, stride), across, stride, height, width));
    for (let y = 0, i = 0; y < height; y++) {
      const row = Math.floor(y / stride) * across;
      for (let x = 0; x < width; x++, i++) {
        const k = grown ? i : row + Math.floor(x / stride), [first, second] = grown || weights;
        out[i] = first[k] * details[0][i] + second[k] * details[1][i];
      }
    }
    return out;
  }

  /* Selected candidate and which it was, the first of equals, equation (10): the largest
   * ("max"), or that of largest magnitude ("absmax"). */
  function select(candidates, selection = "max") {
    const rank = selection === "absmax" ? Math.abs : (v) => v;
    const detail = Float64Array.from(candidates[0]), winner = new Uint8Array(detail.length);
    for (let k = 1; k < candidates.length; k++) {
      for (let i = 0; i < detail.length; i++) {
        if (rank(candidates[k][i]) > rank(detail[i])) {
          detail[i] = candidates[k][i];
          winner[i] = k;
        }
      }
    }
    return { detail, winner };
  }

  /* Activity of a source itself at relu3_1, above the floor, smoothed. */
  const soften = (activity, height, width) =>
    F.smooth(activity, mapSize(height, BASE_STRIDE), mapSize(width, BASE_STRIDE), BASE_WINDOW, "nearest");

  /* Weights of the base parts by what speaks for each source, one sample for `stride`
   * pixels: compared by a power, grown, fitted to the edges of the sources. */
  function weighBases(strength, stride, sources, height, width, { power, radius }) {
    const h = mapSize(height, stride), w = mapSize(width, stride);
    let maps = shares(...strength, power).map((map) => F.grow(map, h, w, stride, height, width));
    if (radius) {
      const guide = average(...sources);
      maps = shares(...maps.map((map) =>
        F.guided(map, guide, height, width, radius).map((v) => Math.max(v, 0))));
    }
    return maps;
  }

  /* Equation (3), with equal shares or with weight maps, and (11). */
  const average = (first, second) => first.map((v, i) => 0.5 * v + 0.5 * second[i]);
  const blend = (weights, bases) => bases[0].map((v, i) =>
    weights[0][i] * v + weights[1][i] * bases[1][i]);
  const reconstruct = (base, detail, gain = 1) => base.map((v, i) => v + gain * detail[i]);

  return {
    BASE_STRIDE, LAYERS, MEAN_GREY, STRIDES, aboveFloor, average, blend, blockAverage, candidate, make,
    mapSize, reconstruct, select, shares, soften, weighBases,
  };
})();
