"""Compiled inner loops of convolutional basis pursuit denoising.

Imported only when it runs, because importing the compiler takes a moment.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .._compute import compiled

Array = NDArray[Any]


@compiled
def solve(v: Array, atoms: Array, signal: Array, power: Array, rho: Any) -> None:
    """Replace ``v`` by the minimiser of the quadratic step, frequency by frequency.

    With D the row of the M atoms' spectra at one frequency, s that of the signal,
    the step ``(D^H D + rho) x = D^H s + rho v`` has the solution
    ``x = v + D^H (s - D v) / (|D|^2 + rho)``. Spectra ``v`` and ``atoms`` are of shape
    (M, H, F), ``signal`` and ``power``, which is ``|D|^2``, of shape (H, F); ``rho``
    has the precision of ``power``.
    """
    filters, rows, columns = v.shape
    for y in range(rows):
        rest = signal[y].copy()
        for m in range(filters):
            for x in range(columns):
                rest[x] -= atoms[m, y, x] * v[m, y, x]
        for x in range(columns):
            rest[x] /= power[y, x] + rho
        for m in range(filters):
            for x in range(columns):
                v[m, y, x] += atoms[m, y, x].conjugate() * rest[x]


@compiled
def threshold(
    x: Array, y: Array, u: Array, level: float, relax: float
) -> tuple[float, float, float, float, float]:
    """Over-relax, soft-threshold at ``level``, and update the multiplier, in place.

    ``x``, ``y`` and ``u`` are contiguous and of one shape: minimiser of the quadratic
    step, sparse coefficients, scaled multiplier. Returns the squared norms of ``x``,
    new ``y``, new ``u``, ``x - y`` and the change of ``y``.
    """
    fx, fy, fu = x.ravel(), y.ravel(), u.ravel()
    level = fx.dtype.type(level)
    relax = fx.dtype.type(relax)
    keep = fx.dtype.type(1) - relax
    zero = fx.dtype.type(0)
    xx = yy = uu = xy = dy = 0.0
    size = fx.size
    # Partial sums in blocks: single precision inside, double across.
    for start in range(0, size, 4096):
        bxx = byy = buu = bxy = bdy = zero
        for i in range(start, min(start + 4096, size)):
            before = fy[i]
            moved = relax * fx[i] + keep * before + fu[i]
            after = max(moved - level, zero) + min(moved + level, zero)
            rest = moved - after
            fy[i] = after
            fu[i] = rest
            bxx += fx[i] * fx[i]
            byy += after * after
            buu += rest * rest
            bxy += (fx[i] - after) * (fx[i] - after)
            bdy += (after - before) * (after - before)
        xx += bxx
        yy += byy
        uu += buu
        xy += bxy
        dy += bdy
    return xx, yy, uu, xy, dy


@compiled
def difference(v: Array, y: Array, u: Array, scale: float) -> None:
    """Scale ``u`` in place and write ``y - u`` into ``v``."""
    fv, fy, fu = v.ravel(), y.ravel(), u.ravel()
    factor = fu.dtype.type(scale)
    for i in range(fv.size):
        fu[i] *= factor
        fv[i] = fy[i] - fu[i]
