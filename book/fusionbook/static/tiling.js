/* Tiles for the network, as fusionlib/tiling.py cuts them: pure functions, no DOM.
 *
 * Tiles begin on the pooling grid, with a halo wider than half the receptive field of
 * the deepest layer, so that the network gives the same activities as on the whole
 * image. Block averages come later, on whole maps, and need no wider halo.
 */
globalThis.__fusionlibTiling = globalThis.__fusionlibTiling || (function make() {
  "use strict";

  const GRID = 8;

  /* Half of the 68 pixels that relu4_1 sees, on the grid. */
  const HALO = 40;

  /* Pixels of a tile with its halo: 64 float32 channels of it take 82 MB. */
  const BUDGET = 330_000;

  function pieces(length, count) {
    const side = GRID * Math.ceil(length / count / GRID), out = [];
    for (let start = 0; start < length; start += side) {
      const stop = Math.min(start + side, length);
      out.push({
        start, stop,
        outerStart: Math.max(start - HALO, 0), outerStop: Math.min(stop + HALO, length),
      });
    }
    return out;
  }

  const outer = (piece) => piece.outerStop - piece.outerStart;

  /* The cut with the least work whose tiles all fit into the budget. */
  function tiles(height, width, budget = BUDGET) {
    let best = null;
    const most = (length) => Math.min(Math.ceil(length / GRID), 64);
    for (let m = 1; m <= most(height); m++) {
      for (let n = 1; n <= most(width); n++) {
        const rows = pieces(height, m), columns = pieces(width, n);
        const largest = Math.max(...rows.map(outer)) * Math.max(...columns.map(outer));
        if (largest > budget) continue;
        const sum = (list) => list.reduce((total, piece) => total + outer(piece), 0);
        const work = sum(rows) * sum(columns);
        if (!best || work < best.work) best = { work, rows, columns };
      }
    }
    return best.rows.flatMap((rows) => best.columns.map((columns) => ({
      rows, columns, height: outer(rows), width: outer(columns),
    })));
  }

  /* What the network gets for one tile: the detail content times the input scale. */
  function cut(detail, width, tile, scale) {
    const out = new Float32Array(tile.height * tile.width);
    for (let y = 0, i = 0; y < tile.height; y++) {
      const start = (tile.rows.outerStart + y) * width + tile.columns.outerStart;
      for (let x = 0; x < tile.width; x++, i++) out[i] = detail[start + x] * scale;
    }
    return out;
  }

  /* Copy a tile's map, without its halo, into the map of the whole image. */
  function paste(map, width, part, tile, stride) {
    const across = Math.ceil(width / stride), wide = Math.ceil(tile.width / stride);
    const left = tile.columns.start / stride, right = Math.ceil(tile.columns.stop / stride);
    const from = left - tile.columns.outerStart / stride;
    const last = Math.ceil(tile.rows.stop / stride);
    for (let y = tile.rows.start / stride; y < last; y++) {
      const start = (y - tile.rows.outerStart / stride) * wide + from;
      map.set(part.subarray(start, start + right - left), y * across + left);
    }
  }

  return { BUDGET, GRID, HALO, cut, make, paste, tiles };
})();
