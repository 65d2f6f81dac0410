/* Arithmetic on 8-bit planes: pure functions, no DOM, no network.
 *
 * Most of them repeat book/fusionbook/explorers/_arithmetic.py, `gradient` and
 * `artifacts` fusionlib/metrics/_gradient.py, operation by operation in double
 * precision, so that the pixels are those of the library. A worker is given the text of
 * `make`, because a page opened from a file cannot read scripts.
 */
globalThis.__fusionlibArithmetic = globalThis.__fusionlibArithmetic || (function make() {
  "use strict";

  const clip = (v, low, high) => Math.min(Math.max(v, low), high);
  const round = (v) => Math.floor(v + 0.5);
  const toUint8 = (v) => Math.floor(clip(v, 0, 1) * 255 + 0.5);

  /* What a stream makes of bytes: compressed or uncompressed. */
  async function through(bytes, stream) {
    const out = new Blob([bytes]).stream().pipeThrough(stream);
    return new Uint8Array(await new Response(out).arrayBuffer());
  }

  const fromBase64 = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

  /* Grey or RGB pixels as RGBA. */
  function rgba(pixels, count) {
    const lanes = pixels.length / count, out = new Uint8ClampedArray(4 * count).fill(255);
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < 3; k++) out[4 * i + k] = pixels[lanes === 1 ? i : lanes * i + k];
    }
    return out;
  }

  const mean = (a, b) => a.map((v, i) => toUint8((v / 255 + b[i] / 255) / 2));

  /* Colours are arrays of three bytes a pixel. */
  function colourise(index, table) {
    const out = new Uint8Array(3 * index.length);
    for (let i = 0; i < index.length; i++) {
      for (let k = 0; k < 3; k++) out[3 * i + k] = table[3 * index[i] + k];
    }
    return out;
  }

  function overlay(grey, colour, opacity) {
    const out = new Uint8Array(colour.length);
    for (let i = 0; i < out.length; i++) {
      out[i] = round((1 - opacity) * grey[Math.floor(i / 3)] + opacity * colour[i]);
    }
    return out;
  }

  function grow(grey) {
    const out = new Uint8Array(3 * grey.length);
    for (let i = 0; i < out.length; i++) out[i] = grey[Math.floor(i / 3)];
    return out;
  }

  function wipe(left, right, height, width, percent) {
    const edge = round((width * percent) / 100), count = height * width;
    if (left.length !== right.length) {
      if (left.length === count) left = grow(left);
      else right = grow(right);
    }
    const lanes = left.length / count, out = new Uint8Array(right);
    for (let y = 0; y < height; y++) {
      const start = lanes * y * width;
      out.set(left.subarray(start, start + lanes * edge), start);
    }
    return out;
  }

  function enlarge(plane, width, stride, outHeight, outWidth) {
    const out = new Uint8Array(outHeight * outWidth);
    for (let y = 0; y < outHeight; y++) {
      const row = Math.floor(y / stride) * width;
      for (let x = 0; x < outWidth; x++) out[y * outWidth + x] = plane[row + Math.floor(x / stride)];
    }
    return out;
  }

  function noise(count) {
    const out = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      let h = (i + 0x9e3779b9) >>> 0;
      for (const [shift, factor] of [[16, 0x85ebca6b], [13, 0xc2b2ae35], [16, 1]]) {
        h = Math.imul(h ^ (h >>> shift), factor) >>> 0;
      }
      out[i] = ((h & 255) + ((h >>> 8) & 255) + ((h >>> 16) & 255) + (h >>> 24) - 510) / 147.8;
    }
    return out;
  }

  function spoil(image, end, halo, grain, artifact, strength, blend) {
    return image.map((v, i) => {
      let level = (1 - blend) * v + blend * end[i];
      level = level + artifact * halo[i] + strength * grain[i];
      return Math.floor(clip(level, 0, 255) + 0.5);
    });
  }

  /* Sobel strength and orientation of an 8-bit image, in the published order. */
  function gradient(image, height, width) {
    const strength = new Float64Array(height * width), angle = new Float64Array(height * width);
    const mirror = (v, size) => (v < 0 ? -v : v >= size ? 2 * size - 2 - v : v);
    const at = (y, x) => image[mirror(y, height) * width + mirror(x, width)] / 255;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const column = (c) => at(y - 1, c) + 2 * at(y, c) + at(y + 1, c);
        const step = (c) => at(y + 1, c) - at(y - 1, c);
        const across = (column(x + 1) - column(x - 1)) / 8;
        const down = (step(x - 1) + 2 * step(x) + step(x + 1)) / 8;
        const i = y * width + x;
        strength[i] = Math.sqrt(down * down + across * across);
        angle[i] = across === 0 && down === 0 ? 0 : Math.atan(across / down);
      }
    }
    return { strength, angle };
  }

  /* What each pixel adds to N_abf, times the number of pixels; no gradient of a
   * [0, 1] image reaches 2, so all pixels weigh the same. */
  function artifacts(fused, sources, height, width) {
    const f = gradient(fused, height, width);
    const gs = sources.map((s) => s.strength ? s : gradient(s, height, width));
    const out = new Float64Array(height * width);
    for (let i = 0; i < out.length; i++) {
      if (!gs.every((g) => f.strength[i] > g.strength[i])) continue;
      for (const g of gs) {
        const large = Math.max(g.strength[i], f.strength[i]);
        const small = Math.min(g.strength[i], f.strength[i]);
        const ratio = small > 0 ? small / large : 0;
        const alike = (Math.abs(Math.abs(g.angle[i] - f.angle[i]) - Math.PI / 2) * 2) / Math.PI;
        const byStrength = 0.9999 / (1 + Math.exp(-19 * (ratio - 0.5)));
        const byAngle = 0.9995 / (1 + Math.exp(-22 * (alike - 0.5)));
        out[i] += (1 - Math.sqrt(byStrength * byAngle)) / gs.length;
      }
    }
    return out;
  }

  return {
    artifacts, clip, colourise, enlarge, fromBase64, gradient, make, mean, noise,
    overlay, rgba, round, spoil, through, toUint8, wipe,
  };
})();
