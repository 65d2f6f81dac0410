/* PNG files, read and written without a canvas: pure functions, no DOM.
 *
 * A canvas has 8 bits only, and some browsers disturb what is read back from one.
 * Reads every PNG but interlaced ones; writes grey and RGB of 8 or 16 bits.
 */
globalThis.__fusionlibPng = globalThis.__fusionlibPng || (function make() {
  "use strict";

  const A = globalThis.__fusionlibArithmetic;
  const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
  const LANES = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
  const DEPTHS = { 0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16] };

  /* Compressed bytes that are inflated at once: at most a thousand times as many come out. */
  const PIECE = 4096;

  const damaged = () => new Error("damaged");

  const isPng = (bytes) => SIGNATURE.every((v, i) => bytes[i] === v);

  /* Size from the header, or null. */
  function size(bytes) {
    if (!isPng(bytes) || bytes.length < 33) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    return { width: view.getUint32(16), height: view.getUint32(20) };
  }

  /* The first `count` bytes of a zlib stream in parts. The header of the file says how many
   * its pixels need: what comes after them, however much, is not inflated. */
  async function inflate(parts, count) {
    let part = 0, at = 0;
    const source = new ReadableStream({
      pull(controller) {
        while (part < parts.length && at >= parts[part].length) [part, at] = [part + 1, 0];
        if (part === parts.length) return controller.close();
        controller.enqueue(parts[part].slice(at, at + PIECE));
        at += PIECE;
      },
    }, { highWaterMark: 0 });
    const reader = source.pipeThrough(new DecompressionStream("deflate")).getReader();
    const out = new Uint8Array(count);
    let filled = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const room = count - filled;
      out.set(next.value.subarray(0, room), filled);
      filled += Math.min(next.value.length, room);
      if (next.value.length > room) {
        await reader.cancel();
        break;
      }
    }
    if (filled < count) throw damaged();
    return out;
  }

  /* The tag Orientation of Exif data, 1 if there is none or it cannot be read. */
  function orientationOf(exif) {
    if (!exif || exif.length < 8) return 1;
    const view = new DataView(exif.buffer, exif.byteOffset, exif.length);
    const order = view.getUint16(0), little = order === 0x4949;
    if ((!little && order !== 0x4d4d) || view.getUint16(2, little) !== 42) return 1;
    let at = view.getUint32(4, little);
    if (at + 2 > exif.length) return 1;
    const count = view.getUint16(at, little);
    at += 2;
    for (let k = 0; k < count && at + 12 <= exif.length; k++, at += 12) {
      if (view.getUint16(at, little) === 0x112) {
        const value = view.getUint16(at + 8, little);
        return value >= 1 && value <= 8 ? value : 1;
      }
    }
    return 1;
  }

  /* Turned as the orientation says, like read_image in fusionlib/images/io.py. */
  function upright(image, orientation) {
    if (orientation === 1) return image;
    const { height, width, lanes, data } = image, swap = orientation >= 5;
    const [rows, columns] = swap ? [width, height] : [height, width];
    const down = [3, 4, 7, 8].includes(orientation), across = [2, 3, 6, 7].includes(orientation);
    const turned = new Uint16Array(data.length);
    for (let y = 0, o = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const v = down ? rows - 1 - y : y, u = across ? columns - 1 - x : x;
        const from = lanes * (swap ? u * width + v : v * width + u);
        for (let k = 0; k < lanes; k++) turned[o++] = data[from + k];
      }
    }
    return { ...image, height: rows, width: columns, data: turned };
  }

  /* Pixels as { height, width, lanes, top, data }, lanes 1 (grey) or 3 (RGB), top the
   * largest value, transparent whether any pixel is; null for other files. Upright. */
  async function decode(bytes) {
    const whole = size(bytes);
    if (!whole || bytes[28] !== 0) return null;
    const { width, height } = whole, depth = bytes[24], kind = bytes[25];
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const parts = [];
    const lanes = LANES[kind];
    if (!width || !height || !lanes || !DEPTHS[kind].includes(depth)) throw damaged();
    let palette = null, clear = null, exif = null, ended = false;
    for (let at = 8; at + 12 <= bytes.length;) {
      const length = view.getUint32(at), name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
      const body = bytes.subarray(at + 8, at + 8 + length);
      if (name === "IDAT") parts.push(body);
      else if (name === "PLTE") palette = body;
      else if (name === "tRNS") clear = body;
      else if (name === "eXIf") exif = body;
      else if (name === "IEND") ended = true;
      at += 12 + length;
    }
    if (!ended || (kind === 3 && !palette)) throw damaged();
    const line = Math.ceil((width * lanes * depth) / 8), step = Math.max((lanes * depth) >> 3, 1);
    const raw = await inflate(parts, height * (line + 1));
    const samples = unfilter(raw, height, line, step);
    const values = widen(samples, height, width * lanes, line, depth);
    const image = finish(values, { height, width, lanes, depth, kind, palette, clear });
    return upright(image, orientationOf(exif));
  }

  function unfilter(raw, height, line, step) {
    const out = new Uint8Array(height * line);
    for (let y = 0; y < height; y++) {
      const filter = raw[y * (line + 1)], from = y * (line + 1) + 1, to = y * line;
      if (filter > 4) throw damaged();
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

  /* A file with the pixels of (height, width) or (height, width, 3), of as many bits as
   * their numbers have. */
  async function encode(pixels, height, width) {
    const lanes = pixels.length / (height * width), bytes = pixels.BYTES_PER_ELEMENT;
    const line = lanes * width * bytes, raw = new Uint8Array(height * (line + 1));
    const header = new Uint8Array(13), view = new DataView(header.buffer);
    view.setUint32(0, width);
    view.setUint32(4, height);
    header.set([8 * bytes, lanes === 3 ? 2 : 0, 0, 0, 0], 8);
    for (let y = 0, i = 0; y < height; y++) {
      for (let o = y * (line + 1) + 1; o < (y + 1) * (line + 1); o++, i++) {
        if (bytes === 2) raw[o++] = pixels[i] >> 8;
        raw[o] = pixels[i] & 255;
      }
    }
    const packed = await A.through(raw, new CompressionStream("deflate"));
    const file = [Uint8Array.from(SIGNATURE), chunk("IHDR", header), chunk("IDAT", packed),
      chunk("IEND", new Uint8Array(0))];
    return new Blob(file, { type: "image/png" });
  }

  return { decode, encode, make, size };
})();
