/* Decomposition of images of any size, equations (1) and (2): pure functions, no DOM.
 *
 * Repeats fusionlib/decomposition.py in double precision. Two images share a complex
 * transform, one as its real and one as its imaginary part: the filter is real and
 * even, so it keeps them apart. The transform of a pair is kept, and another lambda
 * costs the way back only.
 */
globalThis.__fusionlibDecomposition = globalThis.__fusionlibDecomposition || (function make() {
  "use strict";

  const PADDING = 16;

  /* Prime factors above this make a butterfly slower than Bluestein's detour. */
  const LARGEST_FACTOR = 13;

  const plans = new Map();

  function plan(n) {
    if (!plans.has(n)) plans.set(n, makePlan(n));
    return plans.get(n);
  }

  function makePlan(n) {
    const factors = [];
    let rest = n;
    for (const p of [4, 2, 3, 5, 7, 11, LARGEST_FACTOR]) {
      while (rest % p === 0) {
        factors.push(p);
        rest /= p;
      }
    }
    return rest === 1 ? { n, factors, ...circle(n, n) } : makeBluestein(n);
  }

  /* cos and sin of -2 pi k / n for k < count. */
  function circle(n, count) {
    const cos = new Float64Array(count), sin = new Float64Array(count);
    for (let k = 0; k < count; k++) {
      cos[k] = Math.cos((2 * Math.PI * k) / n);
      sin[k] = -Math.sin((2 * Math.PI * k) / n);
    }
    return { cos, sin };
  }

  /* A transform of any length as a convolution with a chirp. */
  function makeBluestein(n) {
    let size = 1;
    while (size < 2 * n - 1) size *= 2;
    const wave = circle(2 * n, 2 * n), inner = plan(size);
    const cos = new Float64Array(n), sin = new Float64Array(n);
    const re = new Float64Array(size), im = new Float64Array(size);
    for (let k = 0; k < n; k++) {
      const place = (k * k) % (2 * n); // the angle, before it loses digits
      cos[k] = wave.cos[place];
      sin[k] = wave.sin[place];
      re[k] = re[(size - k) % size] = cos[k];
      im[k] = im[(size - k) % size] = -sin[k];
    }
    transform(inner, re, im, 1);
    return { n, size, inner, cos, sin, re, im };
  }

  /* Transform along the first axis of (n, lanes), in place. */
  function transform(p, re, im, lanes) {
    if (p.factors) stockham(p, re, im, lanes);
    else if (lanes === 1) bluestein(p, re, im);
    else {
      const a = new Float64Array(p.n), b = new Float64Array(p.n);
      for (let lane = 0; lane < lanes; lane++) {
        for (let k = 0; k < p.n; k++) {
          a[k] = re[k * lanes + lane];
          b[k] = im[k * lanes + lane];
        }
        bluestein(p, a, b);
        for (let k = 0; k < p.n; k++) {
          re[k * lanes + lane] = a[k];
          im[k * lanes + lane] = b[k];
        }
      }
    }
  }

  function bluestein(p, re, im) {
    const { n, size, cos, sin } = p;
    const a = new Float64Array(size), b = new Float64Array(size);
    for (let k = 0; k < n; k++) {
      a[k] = re[k] * cos[k] - im[k] * sin[k];
      b[k] = re[k] * sin[k] + im[k] * cos[k];
    }
    transform(p.inner, a, b, 1);
    for (let k = 0; k < size; k++) {
      const real = a[k] * p.re[k] - b[k] * p.im[k];
      b[k] = (a[k] * p.im[k] + b[k] * p.re[k]) / size;
      a[k] = real / size;
    }
    transform(p.inner, b, a, 1); // swapped parts: the inverse
    for (let k = 0; k < n; k++) {
      re[k] = a[k] * cos[k] - b[k] * sin[k];
      im[k] = a[k] * sin[k] + b[k] * cos[k];
    }
  }

  function stockham(p, re, im, lanes) {
    let x = [re, im], y = [new Float64Array(re.length), new Float64Array(re.length)];
    let rest = p.n, stride = lanes;
    for (const factor of p.factors) {
      const pass = factor === 4 ? passOfFour : factor === 2 ? passOfTwo : passOfAny;
      pass(p, rest, stride, factor, x[0], x[1], y[0], y[1]);
      [x, y] = [y, x];
      rest /= factor;
      stride *= factor;
    }
    if (x[0] !== re) {
      re.set(x[0]);
      im.set(x[1]);
    }
  }

  function passOfTwo(p, rest, stride, _, xr, xi, yr, yi) {
    const m = rest / 2, step = p.n / rest;
    for (let q = 0; q < m; q++) {
      const c = p.cos[q * step], s = p.sin[q * step];
      let a = stride * q, b = stride * (q + m), o = 2 * stride * q;
      for (let k = 0; k < stride; k++, a++, b++, o++) {
        const dr = xr[a] - xr[b], di = xi[a] - xi[b];
        yr[o] = xr[a] + xr[b];
        yi[o] = xi[a] + xi[b];
        yr[o + stride] = dr * c - di * s;
        yi[o + stride] = dr * s + di * c;
      }
    }
  }

  function passOfFour(p, rest, stride, _, xr, xi, yr, yi) {
    const m = rest / 4, step = p.n / rest;
    for (let q = 0; q < m; q++) {
      const c1 = p.cos[q * step], s1 = p.sin[q * step];
      const c2 = p.cos[2 * q * step], s2 = p.sin[2 * q * step];
      const c3 = p.cos[3 * q * step], s3 = p.sin[3 * q * step];
      const quarter = stride * m;
      let a = stride * q, o = 4 * stride * q;
      for (let k = 0; k < stride; k++, a++, o++) {
        const b = a + quarter, c = b + quarter, d = c + quarter;
        const er = xr[a] + xr[c], ei = xi[a] + xi[c];
        const fr = xr[a] - xr[c], fi = xi[a] - xi[c];
        const gr = xr[b] + xr[d], gi = xi[b] + xi[d];
        const hr = xi[b] - xi[d], hi = xr[d] - xr[b]; // times -i
        yr[o] = er + gr;
        yi[o] = ei + gi;
        let ur = fr + hr, ui = fi + hi;
        yr[o + stride] = ur * c1 - ui * s1;
        yi[o + stride] = ur * s1 + ui * c1;
        ur = er - gr;
        ui = ei - gi;
        yr[o + 2 * stride] = ur * c2 - ui * s2;
        yi[o + 2 * stride] = ur * s2 + ui * c2;
        ur = fr - hr;
        ui = fi - hi;
        yr[o + 3 * stride] = ur * c3 - ui * s3;
        yi[o + 3 * stride] = ur * s3 + ui * c3;
      }
    }
  }

  function passOfAny(p, rest, stride, factor, xr, xi, yr, yi) {
    const m = rest / factor, step = p.n / rest, root = p.n / factor;
    for (let q = 0; q < m; q++) {
      for (let r = 0; r < factor; r++) {
        const c = p.cos[q * r * step], s = p.sin[q * r * step];
        const out = stride * (factor * q + r);
        for (let k = 0; k < stride; k++) {
          let sr = 0, si = 0;
          for (let j = 0; j < factor; j++) {
            const w = ((j * r) % factor) * root, a = k + stride * (q + m * j);
            sr += xr[a] * p.cos[w] - xi[a] * p.sin[w];
            si += xr[a] * p.sin[w] + xi[a] * p.cos[w];
          }
          yr[out + k] = sr * c - si * s;
          yi[out + k] = sr * s + si * c;
        }
      }
    }
  }

  /* Both axes of (height, width), in place. */
  function transform2(re, im, height, width) {
    const across = plan(width);
    for (let y = 0; y < height; y++) {
      const start = y * width, end = start + width;
      transform(across, re.subarray(start, end), im.subarray(start, end), 1);
    }
    transform(plan(height), re, im, width);
  }

  /* Mirror and transform two images; see `smooth`. */
  function analyse(first, second, height, width, padding = PADDING) {
    const { padded } = globalThis.__fusionlibFilters;
    const rows = padded(height, padding, "symmetric"), columns = padded(width, padding, "symmetric");
    const re = new Float64Array(rows.length * columns.length);
    const im = new Float64Array(re.length);
    let i = 0;
    for (const y of rows) {
      for (const x of columns) {
        re[i] = first[y * width + x];
        im[i++] = second[y * width + x];
      }
    }
    transform2(re, im, rows.length, columns.length);
    return { re, im, height, width, padding };
  }

  /* Base parts of the two images for one lambda, equation (1). */
  function smooth(spectrum, lam) {
    const { height, width, padding } = spectrum;
    const tall = height + 2 * padding, wide = width + 2 * padding;
    const re = Float64Array.from(spectrum.re), im = Float64Array.from(spectrum.im);
    const gradient = (n) => Float64Array.from(
      { length: n }, (_, k) => 2 - 2 * Math.cos((2 * Math.PI * k) / n));
    const gx = gradient(wide), gy = gradient(tall);
    for (let y = 0, i = 0; y < tall; y++) {
      for (let x = 0; x < wide; x++, i++) {
        const gain = 1 / (1 + lam * (gx[x] + gy[y])) / (tall * wide);
        re[i] *= gain;
        im[i] *= gain;
      }
    }
    transform2(im, re, tall, wide); // swapped parts: the inverse
    return [re, im].map((plane) => {
      const base = new Float64Array(height * width);
      for (let y = 0; y < height; y++) {
        const start = (y + padding) * wide + padding;
        base.set(plane.subarray(start, start + width), y * width);
      }
      return base;
    });
  }

  /* Detail content, equation (2). */
  const remainder = (image, base) => image.map((v, i) => v - base[i]);

  return { PADDING, analyse, make, remainder, smooth };
})();
