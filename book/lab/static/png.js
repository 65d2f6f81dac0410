/* PNG files, read and written without a canvas: pure functions, no DOM.
 *
 * A canvas has 8 bits only, and some browsers disturb what is read back from one.
 * Reads every PNG but interlaced ones; writes 8-bit grey and RGB.
 */
globalThis.__fusionlibPng = globalThis.__fusionlibPng || (function make() {
  "use strict";

  const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
  const LANES = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

  const isPng = (bytes) => SIGNATURE.every((v, i) => bytes[i] === v);

  /* Size from the header, or null. */
  function size(bytes) {
    if (!isPng(bytes) || bytes.length < 33) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return { width: view.getUint32(16), height: view.getUint32(20) };
  }

  async function through(bytes, stream) {
    const out = new Blob([bytes]).stream().pipeThrough(stream);
    return new Uint8Array(await new Response(out).arrayBuffer());
  }

  /* Pixels as { height, width, lanes, top, data }, lanes 1 (grey) or 3 (RGB), top the
   * largest value, transparent whether any pixel is; null for other files. */
  async function decode(bytes) {
    const whole = size(bytes);
    if (!whole || bytes[28] !== 0) return null;
    const { width, height } = whole, depth = bytes[24], kind = bytes[25];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const parts = [];
    let palette = null, clear = null, ended = false;
    for (let at = 8; at + 12 <= bytes.length;) {
      const length = view.getUint32(at), name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      const body = bytes.subarray(at + 8, at + 8 + length);
      if (name === "IDAT") parts.push(body);
      else if (name === "PLTE") palette = body;
      else if (name === "tRNS") clear = body;
      else if (name === "IEND") ended = true;
      at += 12 + length;
    }
    const lanes = LANES[kind];
    if (!ended || !lanes || (kind === 3 && !palette)) throw new Error("damaged");
    const raw = await through(await new Blob(parts).arrayBuffer(), new DecompressionStream("deflate"));
    const line = Math.ceil((width * lanes * depth) / 8), step = Math.max((lanes * depth) >> 3, 1);
    if (raw.length < height * (line + 1)) throw new Error("damaged");
    const samples = unfilter(raw, height, line, step);
    const values = widen(samples, height, width * lanes, line, depth);
    return finish(values, { height, width, lanes, depth, kind, palette, clear });
  }

  function unfilter(raw, height, line, step) {
    const out = new Uint8Array(height * line);
    for (let y = 0; y < height; y++) {
      const filter = raw[y * (line + 1)], from = y * (line + 1) + 1, to = y * line;
      for (let i = 0; i < line; i++) {
        const a = i >= step ? out[to + i - step] : 0, b = y ? out[to + i - line] : 0;
        let guess = 0;
        if (filter === 1) guess = a;
        else if (filter === 2) guess = b;
        else if (filter === 3) guess = (a + b) >> 1;
        else if (filter === 4) {
          const c = i >= step && y ? out[to + i - line - step] : 0;
          const p = a + b - c, da = Math.abs(p - a), db = Math.abs(p - b), dc = Math.abs(p - c);
          guess = da <= db && da <= dc ? a : db <= dc ? b : c;
        }
        out[to + i] = raw[from + i] + guess;
      }
    }
    return out;
  }

  /* One number a sample. */
  function widen(bytes, height, count, line, depth) {
    const out = new Uint16Array(height * count);
    for (let y = 0, i = 0; y < height; y++) {
      const start = y * line;
      for (let x = 0; x < count; x++, i++) {
        if (depth === 8) out[i] = bytes[start + x];
        else if (depth === 16) out[i] = 256 * bytes[start + 2 * x] + bytes[start + 2 * x + 1];
        else {
          const bit = x * depth;
          out[i] = (bytes[start + (bit >> 3)] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
        }
      }
    }
    return out;
  }

  function finish(values, { height, width, lanes, depth, kind, palette, clear }) {
    const count = height * width, top = kind === 3 ? 255 : 2 ** depth - 1;
    const seen = kind === 3 || kind === 2 || kind === 6 ? 3 : 1;
    const data = new Uint16Array(count * seen);
    let transparent = kind !== 3 && clear !== null;
    for (let i = 0; i < count; i++) {
      if (kind === 3) {
        const entry = values[i];
        for (let k = 0; k < 3; k++) data[3 * i + k] = palette[3 * entry + k];
        if (clear && entry < clear.length && clear[entry] < 255) transparent = true;
        continue;
      }
      for (let k = 0; k < seen; k++) data[seen * i + k] = values[lanes * i + k];
      if (lanes > seen && values[lanes * i + seen] < top) transparent = true;
    }
    return { height, width, lanes: seen, top, data, transparent };
  }

  const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    return c >>> 0;
  });

  function chunk(name, body) {
    const out = new Uint8Array(12 + body.length), view = new DataView(out.buffer);
    view.setUint32(0, body.length);
    for (let i = 0; i < 4; i++) out[4 + i] = name.charCodeAt(i);
    out.set(body, 8);
    let c = 0xffffffff;
    for (let i = 4; i < 8 + body.length; i++) c = CRC[(c ^ out[i]) & 255] ^ (c >>> 8);
    view.setUint32(8 + body.length, (c ^ 0xffffffff) >>> 0);
    return out;
  }

  /* A file with the pixels of (height, width) or (height, width, 3) bytes. */
  async function encode(pixels, height, width) {
    const lanes = pixels.length / (height * width), line = lanes * width;
    const header = new Uint8Array(13), view = new DataView(header.buffer);
    view.setUint32(0, width);
    view.setUint32(4, height);
    header.set([8, lanes === 3 ? 2 : 0, 0, 0, 0], 8);
    const raw = new Uint8Array(height * (line + 1));
    for (let y = 0; y < height; y++) {
      raw.set(pixels.subarray(y * line, (y + 1) * line), y * (line + 1) + 1);
    }
    const packed = await through(raw, new CompressionStream("deflate"));
    const file = [Uint8Array.from(SIGNATURE), chunk("IHDR", header), chunk("IDAT", packed),
      chunk("IEND", new Uint8Array(0))];
    return new Blob(file, { type: "image/png" });
  }

  return { decode, encode, make, size };
})();
