/* SSIM of two images: repeats fusionlib/metrics/_structural.py::ssim_map. No DOM. */
globalThis.__fusionlibSimilarity = globalThis.__fusionlibSimilarity || (function make() {
  "use strict";

  const REACH = 5, SIGMA = 1.5;

  const WINDOW = (() => {
    const raw = Array.from({ length: 2 * REACH + 1 }, (_, k) =>
      Math.exp(-0.5 * ((k - REACH) / SIGMA) ** 2));
    const sum = raw.reduce((a, b) => a + b);
    return Float64Array.from(raw, (v) => v / sum);
  })();

  /* Gaussian mean under 11 x 11, border replicated. */
  function smooth(plane, height, width) {
    const rows = new Float64Array(plane.length), out = new Float64Array(plane.length);
    const line = new Float64Array(width + 2 * REACH);
    for (let y = 0; y < height; y++) {
      const start = y * width;
      line.fill(plane[start], 0, REACH);
      line.set(plane.subarray(start, start + width), REACH);
      line.fill(plane[start + width - 1], REACH + width);
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < WINDOW.length; k++) sum += WINDOW[k] * line[x + k];
        rows[start + x] = sum;
      }
    }
    for (let y = 0; y < height; y++) {
      for (let k = 0; k < WINDOW.length; k++) {
        const from = Math.min(Math.max(y + k - REACH, 0), height - 1) * width, w = WINDOW[k];
        for (let x = 0; x < width; x++) out[y * width + x] += w * rows[from + x];
      }
    }
    return out;
  }

  const product = (a, b) => a.map((v, i) => v * b[i]);

  /* Mean of the SSIM map of two images in [0, 1], as Float64Arrays. */
  function ssim(first, second, height, width) {
    const mean = (plane) => smooth(plane, height, width);
    const ux = mean(first), uy = mean(second);
    const uxx = mean(product(first, first)), uyy = mean(product(second, second));
    const uxy = mean(product(first, second)), c1 = 0.01 ** 2, c2 = 0.03 ** 2;
    let sum = 0;
    for (let i = 0; i < ux.length; i++) {
      const vx = uxx[i] - ux[i] * ux[i], vy = uyy[i] - uy[i] * uy[i];
      const vxy = uxy[i] - ux[i] * uy[i];
      sum += ((2 * ux[i] * uy[i] + c1) * (2 * vxy + c2)) /
        ((ux[i] * ux[i] + uy[i] * uy[i] + c1) * (vx + vy + c2));
    }
    return sum / ux.length;
  }

  return { make, ssim };
})();
