/* SSIM of two images: repeats fusionlib/metrics/_structural.py::ssim_map. No DOM. */
globalThis.__fusionlibSimilarity = globalThis.__fusionlibSimilarity || (function make() {
  "use strict";

  const F = globalThis.__fusionlibFilters;

  /* Gaussian of 11 x 11 samples. */
  const WINDOW = F.gaussian(1.5, 5);

  /* Mean of the SSIM map of two images in [0, 1], as Float64Arrays. */
  function ssim(first, second, height, width) {
    const mean = (plane) => F.smooth(plane, height, width, WINDOW, "nearest");
    const ux = mean(first), uy = mean(second);
    const uxx = mean(F.product(first, first)), uyy = mean(F.product(second, second));
    const uxy = mean(F.product(first, second)), c1 = 0.01 ** 2, c2 = 0.03 ** 2;
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
