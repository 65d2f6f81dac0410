/* Filters on planes of doubles, row by row: pure functions, no DOM.
 *
 * Repeats fusionlib/images/filters.py, the bilinear growth of fusionlib/weight_maps.py
 * and fusionlib/baselines/_laplacian.py in double precision.
 */
globalThis.__fusionlibFilters = globalThis.__fusionlibFilters || (function make() {
  "use strict";

  /* Variance of the guide below which the guided filter averages. */
  const GUIDED_VARIANCE = 0.0025;

  /* Burt and Adelson's generating kernel. */
  const GENERATING = Float64Array.of(1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16);

  /* Where a place beside a line of pixels is read. */
  const BORDERS = {
    /* the outermost pixel again */
    nearest: (place, length) => Math.min(Math.max(place, 0), length - 1),
    /* mirrored, the outermost pixel twice */
    symmetric: (place, length) => {
      const inside = ((place % (2 * length)) + 2 * length) % (2 * length);
      return inside < length ? inside : 2 * length - 1 - inside;
    },
    /* mirrored, the outermost pixel once */
    mirror: (place, length) => {
      if (length === 1) return 0;
      const period = 2 * length - 2, inside = ((place % period) + period) % period;
      return inside < length ? inside : period - inside;
    },
  };

  /* Pixel at each place of an axis with `padding` more on both sides. */
  const padded = (length, padding, border) => Int32Array.from(
    { length: length + 2 * padding }, (_, k) => BORDERS[border](k - padding, length));

  /* A plane with a symmetric border of `padding` pixels. */
  function pad(plane, height, width, padding) {
    const rows = padded(height, padding, "symmetric"), columns = padded(width, padding, "symmetric");
    const out = new Float64Array(rows.length * columns.length);
    let i = 0;
    for (const y of rows) for (const x of columns) out[i++] = plane[y * width + x];
    return out;
  }

  /* Weights of a Gaussian that reaches over so many samples, with sum 1. */
  function gaussian(sigma, reach) {
    const raw = Float64Array.from({ length: 2 * reach + 1 }, (_, k) =>
      Math.exp(-0.5 * ((k - reach) / sigma) ** 2));
    const sum = raw.reduce((a, b) => a + b);
    return raw.map((v) => v / sum);
  }

  /* Weighted sums along both axes. */
  function smooth(plane, height, width, window, border) {
    const reach = (window.length - 1) / 2;
    const columns = padded(width, reach, border), lines = padded(height, reach, border);
    const rows = new Float64Array(plane.length), out = new Float64Array(plane.length);
    const line = new Float64Array(width + 2 * reach);
    for (let y = 0; y < height; y++) {
      const start = y * width;
      for (let x = 0; x < line.length; x++) line[x] = plane[start + columns[x]];
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < window.length; k++) sum += window[k] * line[x + k];
        rows[start + x] = sum;
      }
    }
    for (let y = 0; y < height; y++) {
      for (let k = 0; k < window.length; k++) {
        const from = lines[y + k] * width, w = window[k];
        for (let x = 0; x < width; x++) out[y * width + x] += w * rows[from + x];
      }
    }
    return out;
  }

  /* Mean over (2r+1) x (2r+1) pixels, mirrored at the border, by running sums. */
  function boxMean(plane, height, width, radius) {
    const size = 2 * radius + 1, out = new Float64Array(plane.length);
    const columns = padded(width, radius, "symmetric"), lines = padded(height, radius, "symmetric");
    const rows = new Float64Array(plane.length), sums = new Float64Array(width);
    for (let y = 0; y < height; y++) {
      const start = y * width;
      let sum = 0;
      for (let k = 0; k < size - 1; k++) sum += plane[start + columns[k]];
      for (let x = 0; x < width; x++) {
        sum += plane[start + columns[x + size - 1]];
        rows[start + x] = sum / size;
        sum -= plane[start + columns[x]];
      }
    }
    for (let k = 0; k < size - 1; k++) {
      for (let x = 0; x < width; x++) sums[x] += rows[lines[k] * width + x];
    }
    for (let y = 0; y < height; y++) {
      const next = lines[y + size - 1] * width, last = lines[y] * width;
      for (let x = 0; x < width; x++) {
        sums[x] += rows[next + x];
        out[y * width + x] = sums[x] / size;
        sums[x] -= rows[last + x];
      }
    }
    return out;
  }

  const product = (a, b) => a.map((v, i) => v * b[i]);

  /* Smooth a plane, except where the guide has an edge (He, Sun, Tang 2013). */
  function guided(plane, guide, height, width, radius) {
    const mean = (values) => boxMean(values, height, width, radius);
    const meanI = mean(guide), meanP = mean(plane);
    const meanII = mean(product(guide, guide)), meanIP = mean(product(guide, plane));
    const slope = meanIP.map((v, i) => (v - meanI[i] * meanP[i]) /
      (meanII[i] - meanI[i] * meanI[i] + GUIDED_VARIANCE));
    const meanA = mean(slope), meanB = mean(meanP.map((v, i) => v - slope[i] * meanI[i]));
    return meanA.map((v, i) => v * guide[i] + meanB[i]);
  }

  /* How far each value is from all others of the image, on average over its histogram. */
  function histogramContrast(plane) {
    const levels = Uint8Array.from(plane, (v) => Math.min(Math.max(v * 255 + 0.5, 0), 255));
    const counts = new Float64Array(256);
    for (const level of levels) counts[level]++;
    const contrast = counts.map((_, v) =>
      counts.reduce((sum, n, j) => sum + (n / levels.length) * Math.abs(v - j), 0) / 255);
    return Float64Array.from(levels, (level) => contrast[level]);
  }

  /* A map of one sample for `stride` pixels, interpolated between its samples. */
  function grow(plane, h, w, stride, height, width) {
    const places = (length, count) => Array.from({ length }, (_, k) => {
      const place = Math.min(Math.max((k + 0.5) / stride - 0.5, 0), count - 1);
      const first = Math.min(Math.floor(place), Math.max(count - 2, 0));
      return [first, Math.min(first + 1, count - 1), place - first];
    });
    const across = places(width, w), out = new Float64Array(height * width);
    places(height, h).forEach(([top, bottom, v], y) => {
      across.forEach(([left, right, u], x) => {
        const a = plane[top * w + left], b = plane[top * w + right];
        const c = plane[bottom * w + left], d = plane[bottom * w + right];
        out[y * width + x] = (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d);
      });
    });
    return out;
  }

  /* Every other sample of a smoothed plane. */
  function reduce({ plane, height, width }) {
    const soft = smooth(plane, height, width, GENERATING, "mirror");
    const h = Math.ceil(height / 2), w = Math.ceil(width / 2), out = new Float64Array(h * w);
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) out[y * w + x] = soft[2 * y * width + 2 * x];
    return { plane: out, height: h, width: w };
  }

  /* A plane on the grid from which `small` was reduced. */
  function expand(small, height, width) {
    const stuffed = new Float64Array(height * width);
    /* Every other sample is zero, so the gain is two on each axis that was halved. */
    const gain = Math.min(height, 2) * Math.min(width, 2);
    for (let y = 0; y < small.height; y++) {
      for (let x = 0; x < small.width; x++) {
        stuffed[2 * y * width + 2 * x] = gain * small.plane[y * small.width + x];
      }
    }
    return smooth(stuffed, height, width, GENERATING, "mirror");
  }

  /* Two images fused by Laplacian pyramids: the base averaged, of details the largest. */
  function laplacian(first, second, height, width, levels = 4) {
    let coarse = [first, second].map((plane) => ({ plane, height, width }));
    const details = [];
    for (let n = 0; n < levels && Math.max(coarse[0].height, coarse[0].width) >= 2; n++) {
      const coarser = coarse.map(reduce);
      const [a, b] = coarse.map((image, k) => {
        const back = expand(coarser[k], image.height, image.width);
        return image.plane.map((v, i) => v - back[i]);
      });
      details.push({ ...coarse[0], plane: a.map((v, i) => (Math.abs(b[i]) > Math.abs(v) ? b[i] : v)) });
      coarse = coarser;
    }
    let fused = { ...coarse[0], plane: coarse[0].plane.map((v, i) => (v + coarse[1].plane[i]) / 2) };
    for (const detail of details.reverse()) {
      const back = expand(fused, detail.height, detail.width);
      fused = { ...detail, plane: detail.plane.map((v, i) => v + back[i]) };
    }
    return fused.plane;
  }

  return { boxMean, gaussian, grow, guided, histogramContrast, laplacian, make, pad, padded, product, smooth };
})();
