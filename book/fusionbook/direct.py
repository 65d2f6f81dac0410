"""Equation (1) without a transform, to check the decomposition in another way."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from fusionlib.decomposition import DEFAULT_LAM
from fusionlib.images.validation import as_image, check_positive

__all__ = ["solve_sparse"]


def solve_sparse(
    image: NDArray[np.float64], lam: float = DEFAULT_LAM
) -> NDArray[np.float64]:
    """Solve equation (1) directly.

    An independent check of :func:`fusionlib.decomposition.decompose`: the normal
    equations ``(1 + lam (Dx^T Dx + Dy^T Dy)) B = I`` with differences only between
    pixels that both exist, factorised by a sparse direct solver. Slow; for small
    images.

    Parameters
    ----------
    image : array_like, shape (H, W)
        Grey image in [0, 1].
    lam : float, optional
        Weight of the gradient penalty, above 0.

    Returns
    -------
    numpy.ndarray, shape (H, W)
        The base part. Leaving out the differences across the border is the same
        as mirroring the image without end; ``decompose`` mirrors ``padding`` pixels,
        so the two agree but for what reaches across the padding.

    Raises
    ------
    InputError
        If the image or the parameter is not valid.
    """
    image = as_image(image)
    lam = check_positive(lam, "lam")
    height, width = image.shape

    def laplacian(n: int) -> scipy.sparse.csr_matrix:
        difference = scipy.sparse.diags(
            [-np.ones(n - 1), np.ones(n - 1)], offsets=[0, 1], shape=(n - 1, n)
        )
        return (difference.T @ difference).tocsr()

    penalty = scipy.sparse.kronsum(laplacian(width), laplacian(height))
    system = scipy.sparse.identity(height * width) + lam * penalty
    solution = scipy.sparse.linalg.spsolve(system.tocsc(), image.ravel())
    return solution.reshape(height, width)
