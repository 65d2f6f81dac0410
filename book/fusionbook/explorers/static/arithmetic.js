/* Arithmetic of the explorers on 8-bit planes: pure functions, no DOM, no network.
 *
 * Apart from `inflate`, each repeats a function of book/fusionbook/explorers/_arithmetic.py
 * (or, for nabf, of fusionlib/metrics/_gradient.py) operation by operation in double precision, so that
 * the pixels are those of the library. A page may load it as a plain script or
 * import it as a module; both find it as globalThis.__fusionlibArithmetic. A worker
 * is given the text of `make`, because a page opened from a file cannot read scripts.
 */
globalThis.__fusionlibArithmetic = globalThis.__fusionlibArithmetic || (function make() {
  "use strict";

  const clip = (v, low, high) => Math.min(Math.max(v, low), high);
  const round = (v) => Math.floor(v + 0.5);
  const toUint8 = (v) => Math.floor(clip(v, 0, 1) * 255 + 0.5);

  /* Bytes of text that is base64 of compressed bytes. */
  async function inflate(text, format = "deflate") {
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream(format));
    return new Uint8Array(await new Response(plain).arrayBuffer());
  }

  /* Undo book/fusionbook/explorers/_page.py::pack on the inflated bytes. */
  function unpack(bytes, spec, minus) {
    const [height, width] = spec.shape, count = height * width;
    const modulus = 2 ** spec.bits, half = modulus / 2;
    const values = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const folded = bytes[i] + (spec.bits > 8 ? 256 * bytes[count + i] : 0);
      const error = folded % 2 ? -(folded + 1) / 2 : folded / 2;
      const x = i % width, y = (i - x) / width;
      const a = x ? values[i - 1] : 0, b = y ? values[i - width] : 0;
      let guess = 0;
      if (spec.filter === "left") guess = a;
      else if (spec.filter === "up") guess = b;
      else if (spec.filter === "paeth") {
        const c = x && y ? values[i - width - 1] : 0, p = a + b - c;
        const da = Math.abs(p - a), db = Math.abs(p - b), dc = Math.abs(p - c);
        guess = da <= db && da <= dc ? a : db <= dc ? b : c;
      }
      /* Predictors see the values of the packer, which may be negative. */
      let v = guess + error;
      const low = spec.signed || minus ? -half : 0;
      v = ((v - low) % modulus + modulus) % modulus + low;
      values[i] = v;
    }
    const out = spec.signed ? new Int16Array(count) : new Uint8Array(count);
    for (let i = 0; i < count; i++) out[i] = minus ? values[i] + minus[i] : values[i];
    return out;
  }

  function permutations(count) {
    if (count === 0) return [[]];
    const all = [];
    const extend = (head, rest) => {
      if (!rest.length) all.push(head);
      rest.forEach((v) => extend([...head, v], rest.filter((w) => w !== v)));
    };
    extend([], Array.from({ length: count }, (_, k) => k));
    return all;
  }

  function chosen(codes, count, enabled) {
    const table = permutations(count).map((p) => p.find((v) => enabled.includes(v)));
    return Uint8Array.from(codes, (code) => table[code]);
  }

  const take = (planes, winner) => winner.map((k, i) => planes[k][i]);
  const mean = (a, b) => a.map((v, i) => toUint8((v / 255 + b[i] / 255) / 2));
  const difference = (a, b, gain) => a.map((v, i) => clip(128 + gain * (v - b[i]), 0, 255));

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
    artifacts, gradient, make, spoil, chosen, clip, colourise, difference, enlarge, inflate, mean, noise, overlay,
    permutations, round, take, toUint8, unpack, wipe,
  };
})();
