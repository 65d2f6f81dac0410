"""Sparse coding with what has been combined with it: one function, four methods.

From each 8x8 patch its mean is taken away, the rest is coded. Of the patches at one
place the one with the most active code is kept with its mean, and the patches that
overlap at a pixel are averaged. The methods differ in the code, in what counts as
active, and in whether they split the images first. They are written after papers
without a program, so details are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp
from typing import Any

import numpy as np
import scipy.fft
import scipy.linalg
from numpy.typing import NDArray

from .._compute import parallel_map
from ..images.validation import Image, check_positive, check_positive_int
from ._directional import directional_transform, meyer
from ._multiscale import fuse_bands
from ._patches import choose, classify, join, learn, learn_classes, patches, spread
from .registry import method
from .sparse_coding import MAX_SEED, decode, sparse_codes

__all__ = [
    "analysis_operator",
    "cosparse",
    "firings",
    "sr_hog",
    "sr_pcnn",
    "sr_shearlet",
]

Array = NDArray[Any]

#: From the patches of all sources without their means, to their activity, shape
#: (K, P), and to what their codes stand for, K arrays of shape (P, 64).
Coder = Callable[[list[Array]], tuple[Array, list[Array]]]

#: Side of a patch in pixels.
SIDE = 8


def firings(stimuli: Array, iterations: int = 200) -> Array:
    """Return how often the neurons of pulse coupled neural networks fire.

    Parameters
    ----------
    stimuli : numpy.ndarray, shape (K, R, C)
        One network for each source; not negative.
    iterations : int, optional
        Number of steps in time.

    Returns
    -------
    numpy.ndarray, shape (K, R, C)
        Firings, plus a fraction below one half that grows with the stimulus: among
        neurons that fire equally often the larger stimulus wins.

    Notes
    -----
    With stimulus S and pulses Y of the step before, weights w of 1 beside and 0.707
    across, links L and thresholds T:

    .. math::

        L \\leftarrow e^{-0.06931} L + w * Y, \\quad
        Y = [S (1 + 0.2 L) > T], \\quad
        T \\leftarrow e^{-0.2} T + 20 Y.

    References
    ----------
    * X.-B. Qu, J.-W. Yan, H.-Z. Xiao, Z.-Q. Zhu, "Image fusion algorithm based on
      spatial frequency-motivated pulse coupled neural networks in nonsubsampled
      contourlet transform domain", Acta Automatica Sinica 34(12), 2008.
      https://doi.org/10.3724/SP.J.1004.2008.01508
    """
    from ._omp import fire

    # Without rounding, errors in the last digits would decide some of the firings.
    scaled = np.round(stimuli / max(stimuli.max(), 1e-12), 6)
    constants = (0.2, exp(-0.06931), exp(-0.2), 20.0, iterations)
    counts = parallel_map(lambda plane: fire(plane, *constants), scaled)
    return np.stack(counts) + 0.499 * scaled


def fuse_patches(sources: Sequence[Image], code: Coder, pulses: bool = False) -> Image:
    """Fuse patch by patch.

    Parameters
    ----------
    sources : sequence of K arrays, shape (H, W)
        The images, at least 8x8 pixels.
    code : callable
        See :data:`Coder`.
    pulses : bool, optional
        Let neurons, driven by the activity, decide, see :func:`firings`.
    """
    signals = [patches(image, SIDE) for image in sources]
    means = [part.mean(axis=1, keepdims=True) for part in signals]
    activity, rebuilt = code([s - m for s, m in zip(signals, means, strict=True)])
    shape = sources[0].shape
    if pulses:
        grid = (-1, shape[0] - SIDE + 1, shape[1] - SIDE + 1)
        activity = firings(activity.reshape(grid)).reshape(len(sources), -1)
    return join(
        choose(activity, [r + m for r, m in zip(rebuilt, means, strict=True)]), shape
    )


def _pursuit(signals: Array, dictionary: Array, sparsity: int) -> tuple[Array, Array]:
    """Return the l1-norms of sparse codes, and what the codes stand for."""
    if dictionary.shape[1] == 0:
        return np.zeros(len(signals)), np.zeros_like(signals)
    index, value = sparse_codes(signals, dictionary, sparsity)
    return np.abs(value).sum(axis=1), decode(index, value, dictionary)


def _learned(sparsity: int, seed: int) -> Coder:
    """Return a coder with one dictionary of 128 atoms, learned from the sources."""

    def code(signals: list[Array]) -> tuple[Array, list[Array]]:
        every = np.concatenate(signals)
        dictionary = learn(every, atoms=128, sparsity=sparsity, seed=seed)
        coded = [_pursuit(part, dictionary, sparsity) for part in signals]
        return np.stack([norms for norms, _ in coded]), [part for _, part in coded]

    return code


def _check(sparsity: Any, seed: Any) -> tuple[int, int]:
    return (
        check_positive_int(sparsity, "sparsity", maximum=SIDE**2),
        check_positive_int(seed, "seed", minimum=0, maximum=MAX_SEED),
    )


@method(
    "SR, HOG",
    "Zong, Qiu",
    2017,
    seconds=7.0,
    status="after the paper",
    smallest=SIDE,
    tolerance=0.03,
)
def sr_hog(sources: list[Image], *, sparsity: int = 16, seed: int = 0) -> Image:
    """Fuse by sparse coding with a dictionary for each class of patches.

    Patches fall into seven classes by their histogram of oriented gradients. Each is
    coded with the dictionary of its class, and the code with the largest l1-norm wins.

    Parameters
    ----------
    sparsity : int, optional
        Atoms per patch, 1 to 64.
    seed : int, optional
        Seed of the learning, 0 to 2^32 - 1.

    Notes
    -----
    The paper learns online and codes by least angle regression; here it is K-SVD and
    orthogonal matching pursuit, as in the other methods.

    References
    ----------
    * J. Zong, T. Qiu, "Medical image fusion based on sparse representation of
      classified image patches", Biomedical Signal Processing and Control 34, 2017.
      https://doi.org/10.1016/j.bspc.2017.02.005
    """
    sparsity, seed = _check(sparsity, seed)
    classes = [classify(image, SIDE) for image in sources]

    def code(signals: list[Array]) -> tuple[Array, list[Array]]:
        dictionaries = learn_classes(classes, signals, sparsity=sparsity, seed=seed)
        activity = np.zeros((len(signals), len(signals[0])))
        rebuilt = [np.empty_like(part) for part in signals]
        for source, part in enumerate(signals):
            for k, dictionary in enumerate(dictionaries):
                rows = classes[source] == k
                activity[source, rows], rebuilt[source][rows] = _pursuit(
                    part[rows], dictionary, sparsity
                )
        return activity, rebuilt

    return fuse_patches(sources, code)


@method(
    "SR, PCNN",
    "Lu, Zhang, Zhao, Liu, Pei",
    2014,
    seconds=3.0,
    status="after the paper",
    smallest=SIDE,
    tolerance=0.03,
)
def sr_pcnn(sources: list[Image], *, sparsity: int = 16, seed: int = 0) -> Image:
    """Fuse by sparse coding, with a pulse coupled neural network as rule.

    The l1-norms of the codes of a source drive a network with a neuron for each
    patch. The patch whose neuron fires most often wins.

    Parameters
    ----------
    sparsity : int, optional
        Atoms per patch, 1 to 64.
    seed : int, optional
        Seed of the learning, 0 to 2^32 - 1.

    References
    ----------
    * X. Lu, B. Zhang, Y. Zhao, H. Liu, H. Pei, "The infrared and visible image fusion
      algorithm based on target separation and sparse representation", Infrared
      Physics & Technology 67, 2014.
    """
    return fuse_patches(sources, _learned(*_check(sparsity, seed)), pulses=True)


@method(
    "Shearlet, SR, PCNN",
    "Yin, Duan, Liu, Liang",
    2017,
    seconds=6.0,
    status="after the paper",
    smallest=SIDE,
    tolerance=0.03,
)
def sr_shearlet(sources: list[Image], *, sparsity: int = 16, seed: int = 0) -> Image:
    """Fuse shearlet bands, the low one by sparse coding, the others by pulses.

    Three levels are split into 4, 8 and 8 directions. The low bands are fused as
    patches, where the code with the largest l1-norm wins.
    The magnitudes of a band of details drive a pulse coupled neural network with a
    neuron at each pixel; the coefficient whose neuron fires most often is kept.

    Parameters
    ----------
    sparsity : int, optional
        Atoms per patch, 1 to 64.
    seed : int, optional
        Seed of the learning, 0 to 2^32 - 1.

    Notes
    -----
    The paper builds a complex shearlet transform, and a network with two channels
    that is driven by the energy of edges.

    References
    ----------
    * M. Yin, P. Duan, W. Liu, X. Liang, "A novel infrared and visible image fusion
      algorithm based on shift-invariant dual-tree complex shearlet transform and
      sparse representation", Neurocomputing 226, 2017.
      https://doi.org/10.1016/j.neucom.2016.11.051
    """
    code = _learned(*_check(sparsity, seed))
    return fuse_bands(
        sources,
        directional_transform(sources[0].shape, meyer, (4, 8, 8)),
        low=lambda bands: fuse_patches(bands, code),
        detail=lambda bands: choose(firings(np.abs(bands), 50), bands),
    )


def analysis_operator(signals: Array, lam: float = 0.1, iterations: int = 10) -> Array:
    """Learn an operator that makes signals sparse.

    Parameters
    ----------
    signals : numpy.ndarray, shape (P, 64)
        Patches.
    lam : float, optional
        Weight of the l1-norm.
    iterations : int, optional
        How often codes and operator are computed in turn.

    Returns
    -------
    numpy.ndarray, shape (128, 64)
        The operator W.

    Notes
    -----
    Codes z and operator minimise in turn

    .. math::

        \\sum \\tfrac12 \\|z - W x\\|^2 + \\lambda \\|z\\|_1
        \\quad \\text{subject to} \\quad W^T W = 1,

    a soft threshold and the polar factor of a matrix. The first operator stacks the
    cosine and the Walsh-Hadamard transform.

    References
    ----------
    * M. Yaghoobi, S. Nam, R. Gribonval, M. E. Davies, "Constrained overcomplete
      analysis operator learning for cosparse signal modelling", IEEE Transactions on
      Signal Processing 61(9), 2013. https://doi.org/10.1109/TSP.2013.2250968
    """
    cosine = scipy.fft.dct(np.eye(SIDE), axis=0, norm="ortho")
    walsh = scipy.linalg.hadamard(SIDE) / SIDE**0.5
    operator = np.vstack([np.kron(m, m) for m in (cosine, walsh)]) / 2**0.5
    for _ in range(iterations):
        products = signals @ operator.T
        codes = products - np.clip(products, -lam, lam)
        target = codes.T @ signals
        # Where signals are weak, the operator stays nearly as it is: it would depend on
        # rounding errors.
        target += 0.01 * max(float(np.linalg.norm(target, 2)), 1e-9) * operator
        left, _, right = np.linalg.svd(target, full_matrices=False)
        operator = left @ right
    return operator


def _restore(signals: Array, operator: Array, lam: float) -> Array:
    """Return the minimisers that ``cosparse`` describes, by 15 steps of ADMM."""
    codes = np.zeros((len(signals), len(operator)))
    multiplier = np.zeros_like(codes)
    for _ in range(15):
        restored = (signals + (codes - multiplier) @ operator) / 2
        moved = restored @ operator.T + multiplier
        multiplier = np.clip(moved, -lam, lam)
        codes = moved - multiplier
    return restored


@method(
    "Cosparse",
    "Gao, Vorobyov, Zhao",
    2017,
    seconds=5.0,
    status="after the paper",
    smallest=SIDE,
    tolerance=0.03,
)
def cosparse(sources: list[Image], *, lam: float = 0.005) -> Image:
    """Fuse with a cosparse analysis operator.

    Instead of few atoms that add up to a patch, an operator W is learned whose product
    with a patch has few entries that are not zero. A patch y becomes

    .. math::

        \\arg\\min_x \\tfrac12 \\|x - y\\|^2 + \\lambda \\|W x\\|_1,

    and at each place the one with the largest :math:`\\|W x\\|_1` is kept.

    Parameters
    ----------
    lam : float, optional
        Weight of the l1-norm, above 0.

    References
    ----------
    * R. Gao, S. A. Vorobyov, H. Zhao, "Image fusion with cosparse analysis operator",
      IEEE Signal Processing Letters 24(7), 2017. arXiv:1704.05240
    """
    lam = check_positive(lam, "lam")

    def code(signals: list[Array]) -> tuple[Array, list[Array]]:
        operator = analysis_operator(spread(np.concatenate(signals)))
        activity, rebuilt = [], []
        for signal in signals:
            parts = np.array_split(signal, max(1, len(signal) // 2048))
            restored = np.concatenate(
                parallel_map(lambda part: _restore(part, operator, lam), parts)
            )
            rebuilt.append(restored)
            activity.append(np.abs(restored @ operator.T).sum(axis=1))
        return np.stack(activity), rebuilt

    return fuse_patches(sources, code)
