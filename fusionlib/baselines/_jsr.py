"""Joint sparse representation fusion (JSR) and its saliency variant (JSRSD).

Every 7x7 patch of the two sources is coded together over the joint dictionary

.. math::

    \\begin{bmatrix} x_1 \\\\ x_2 \\end{bmatrix} =
    \\begin{bmatrix} D/\\sqrt2 & D & 0 \\\\ D/\\sqrt2 & 0 & D \\end{bmatrix}
    \\begin{bmatrix} s_C \\\\ s_1 \\\\ s_2 \\end{bmatrix},

which separates what the sources share from what each has alone. The fused patch is
:math:`D (s_C / \\sqrt2 + w_1 s_1 + w_2 s_2)`; the methods differ in the weights.
At each pixel the patches that overlap there are averaged.

The released programs do two things differently, and so does the convention
``published``. JSR leaves out the division by :math:`\\sqrt2`, so that what the sources
share comes out 1.41 times too bright. Both methods average each patch, in raster
order, with what is there already, zero in the beginning: the last patches count
most, and corners are too dark.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..images.validation import Image, check_positive_int
from ._patches import join, patches
from ._shared import prepare
from .dictionaries import as_dictionary
from .registry import method
from .sparse_coding import MAX_SEED, decode, ksvd, sparse_codes

__all__ = ["jsr", "jsrsd", "learn_patch_dictionary"]

Array = NDArray[Any]

#: Side of a patch in pixels.
SIDE = 7

#: Atoms of a learned dictionary.
ATOMS = 256


def learn_patch_dictionary(
    sources: Any,
    *,
    atoms: int = ATOMS,
    sparsity: int = 16,
    iterations: int = 10,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Learn a K-SVD dictionary from the patches of both sources.

    Parameters
    ----------
    sources : sequence of two array_like, each of shape (H, W)
        The images, at least 7 pixels a side.
    atoms, sparsity, iterations, seed : int, optional
        See :func:`~fusionlib.baselines.sparse_coding.ksvd`.

    Returns
    -------
    numpy.ndarray, shape (49, atoms), float64
        The atoms in the columns, each a 7x7 patch read column by column.

    Raises
    ------
    InputError
        If the sources or a parameter are not valid.
    """
    images = prepare(sources, "patches", pair_only=True, smallest=SIDE)
    signals = np.concatenate([patches(image, SIDE, step=3) for image in images])
    return ksvd(
        signals, atoms=atoms, sparsity=sparsity, iterations=iterations, seed=seed
    )


def _weights(strength: Array) -> Array:
    """Return each source's strength over the larger one, 1 where both are zero."""
    larger = strength.max(axis=0)
    flat = larger == 0
    return np.where(flat, 1.0, strength / np.where(flat, 1.0, larger))


def _fuse(
    images: list[Image],
    dictionary: Any,
    sparsity: int,
    convention: str,
    seed: int,
    local_share: float,
) -> Image:
    """Fuse by joint sparse representation; the two methods differ in one share."""
    sparsity = check_positive_int(sparsity, "sparsity", maximum=2 * SIDE**2)
    seed = check_positive_int(seed, "seed", minimum=0, maximum=MAX_SEED)
    if dictionary is None:
        if max(image.max() for image in images) == 0:
            return np.zeros_like(images[0])
        atoms = learn_patch_dictionary(images, sparsity=sparsity, seed=seed)
    else:
        atoms = as_dictionary(dictionary, (SIDE * SIDE, None))
        atoms = atoms / np.linalg.norm(atoms, axis=0)
    number = atoms.shape[1]
    zero = np.zeros_like(atoms)
    joint = np.block(
        [[atoms / np.sqrt(2), atoms, zero], [atoms / np.sqrt(2), zero, atoms]]
    )
    grid = tuple(side - SIDE + 1 for side in images[0].shape)
    signals = np.hstack([patches(image, SIDE) for image in images])
    index, value = sparse_codes(signals, joint, sparsity)

    block = np.where(index >= 0, index // number, -1)
    strength = np.stack(
        [np.where(block == k, np.abs(value), 0).sum(axis=1) for k in (1, 2)]
    )
    if local_share > 0:
        strength = _with_local(strength, index, value, number, grid, local_share)
    weights = _weights(strength)
    if convention == "exact" or local_share > 0:
        value[block == 0] /= np.sqrt(2)
    for k in (1, 2):
        value *= np.where(block == k, weights[k - 1][:, None], 1.0)
    fused = decode(np.where(index >= 0, index % number, -1), value, atoms)
    return join(fused, images[0].shape, convention)


def _with_local(
    strength: Array,
    index: Array,
    value: Array,
    number: int,
    grid: tuple[int, ...],
    share: float,
) -> Array:
    """Mix the local saliency of the unique codes into their strength.

    At the border, where neighbours are missing, the strength alone decides.
    """
    from ._omp import local_contrast

    shaped = (index.reshape(*grid, -1), value.reshape(*grid, -1))
    reach = 2
    inside = np.zeros(grid, dtype=bool)
    inside[reach : grid[0] - reach, reach : grid[1] - reach] = True
    mixed = strength.copy()
    for k in (1, 2):
        contrast = local_contrast(*shaped, k * number, number, reach).ravel()
        local = 1 - np.exp(-contrast)
        mixed[k - 1] = share * local + (1 - share) * strength[k - 1]
    return np.where(inside.ravel(), mixed, strength)


@method(
    "JSR",
    "Zhang, Fu, Li, Zou",
    2013,
    seconds=12.0,
    status="exact",
    pair_only=True,
    smallest=SIDE,
    tolerance=0.01,
    conventions={
        "published": "what is shared is not divided by sqrt 2, and patches are "
        "averaged one after the other",
        "exact": "the method, with the mean of all patches at a pixel",
    },
)
def jsr(
    sources: list[Image],
    *,
    dictionary: Any = None,
    sparsity: int = 16,
    convention: str = "published",
    seed: int = 0,
) -> Image:
    """Fuse two images by joint sparse representation.

    What only one source has is weighted by the l1-norm of its unique code over the
    larger of the two.

    Parameters
    ----------
    dictionary : array_like of shape (49, N), or path-like, optional
        Atoms in the columns, 7x7 patches read column by column, or a file with
        them, see :func:`~fusionlib.baselines.dictionaries.read_dictionary`. By
        default 256 atoms are learned from the sources.
    sparsity : int, optional
        Atoms per patch, 1 to 98: a pair of patches has 98 values.
    seed : int, optional
        Seed of the learning, 0 to 2^32 - 1.

    References
    ----------
    * Q. Zhang, Y. Fu, H. Li, J. Zou, "Dictionary learning method for joint
      sparse representation-based image fusion", Optical Engineering 52(5), 2013.
      https://doi.org/10.1117/1.OE.52.5.057006
    """
    return _fuse(sources, dictionary, sparsity, convention, seed, local_share=0.0)


@method(
    "JSRSD",
    "Liu, Qi, Ding",
    2017,
    seconds=12.0,
    status="exact",
    pair_only=True,
    smallest=SIDE,
    tolerance=0.01,
    conventions={
        "published": "patches are averaged one after the other",
        "exact": "the method, with the mean of all patches at a pixel",
    },
)
def jsrsd(
    sources: list[Image],
    *,
    dictionary: Any = None,
    sparsity: int = 16,
    convention: str = "published",
    seed: int = 0,
) -> Image:
    """Fuse two images by joint sparse representation with saliency detection.

    The weight of a unique code is 0.6 times its l1-norm plus 0.4 times a local
    saliency, how much it differs from the codes around it, over the larger of the
    two sources.

    Parameters
    ----------
    dictionary : array_like of shape (49, N), or path-like, optional
        As for :func:`jsr`.
    sparsity : int, optional
        Atoms per patch, 1 to 98: a pair of patches has 98 values.
    seed : int, optional
        Seed of the learning, 0 to 2^32 - 1.

    References
    ----------
    * C. H. Liu, Y. Qi, W. R. Ding, "Infrared and visible image fusion method
      based on saliency detection in sparse domain", Infrared Physics & Technology
      83, 2017.
    """
    return _fuse(sources, dictionary, sparsity, convention, seed, local_share=0.4)
