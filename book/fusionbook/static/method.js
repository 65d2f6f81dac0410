/* Equations (3) and (6) to (11) on one pair: pure functions, no DOM.
 *
 * Repeats fusionlib/activity.py, weight_maps.py and fusion.py in double precision.
 * Planes are Float64Arrays, row by row.
 */
globalThis.__fusionlibMethod = globalThis.__fusionlibMethod || (function make() {
  "use strict";

  /* Names of the paper's layers and pixels per sample. */
  const LAYERS = ["relu1_1", "relu2_1", "relu3_1", "relu4_1"];
  const STRIDES = [1, 2, 4, 8];

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

  /* Share of the first source, equation (7); one half where both are silent. */
  function shares(first, second) {
    const out = [new Float64Array(first.length), new Float64Array(first.length)];
    for (let i = 0; i < first.length; i++) {
      const largest = Math.max(first[i], second[i]);
      const a = largest === 0 ? 1 : first[i] / largest;
      const b = largest === 0 ? 1 : second[i] / largest;
      out[0][i] = a / (a + b);
      out[1][i] = b / (a + b);
    }
    return out;
  }

  /* Fused detail of one layer, equations (8) and (9): each weight covers a square of
   * `stride` pixels. */
  function candidate(weights, details, height, width, stride) {
    const out = new Float64Array(height * width), across = mapSize(width, stride);
    for (let y = 0, i = 0; y < height; y++) {
      const row = Math.floor(y / stride) * across;
      for (let x = 0; x < width; x++, i++) {
        const k = row + Math.floor(x / stride);
        out[i] = weights[0][k] * details[0][i] + weights[1][k] * details[1][i];
      }
    }
    return out;
  }

  /* Largest candidate and which it was, the first of equals, equation (10). */
  function select(candidates) {
    const detail = Float64Array.from(candidates[0]), winner = new Uint8Array(detail.length);
    for (let k = 1; k < candidates.length; k++) {
      for (let i = 0; i < detail.length; i++) {
        if (candidates[k][i] > detail[i]) {
          detail[i] = candidates[k][i];
          winner[i] = k;
        }
      }
    }
    return { detail, winner };
  }

  /* Equations (3), with equal shares, and (11). */
  const average = (first, second) => first.map((v, i) => 0.5 * v + 0.5 * second[i]);
  const reconstruct = (base, detail) => base.map((v, i) => v + detail[i]);

  return {
    LAYERS, STRIDES, average, blockAverage, candidate, make, mapSize, reconstruct, select, shares,
  };
})();
