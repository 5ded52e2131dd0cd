"""The graph of the SFSeg++ paper built for real: the truth that the filters are compared with.

Every pixel of the video is a node; an edge joins two pixels within the kernel's window. The sparse
adjacency matrix takes about 1.7 kB a pixel for 5x5x5, so this is for videos of a few thousand
pixels: tests and the figures 2 to 4 of the paper.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse.linalg import eigsh

from spectrack.errors import InputError
from spectrack.spectral.sfseg.gaussian import kernel_taps

Array = NDArray[np.float64]
_LARGEST = 2_000_000_000  # entries of the matrix; 12 bytes each


def exponential(squared: Array, alpha: float) -> Array:
    """Eq. 1: ``exp(-alpha d^2)``, from squared feature distances."""
    return np.exp(-alpha * squared)


def taylor(squared: Array, alpha: float) -> Array:
    """Eq. 2: ``1 - alpha d^2``, the first-order expansion; below 0 where ``alpha d^2 > 1``."""
    return 1.0 - alpha * squared


def adjacency(
    soft_thw: ArrayLike,
    feature: ArrayLike | None = None,
    *,
    p: float = 0.5,
    alpha: float = 1.0,
    kernel: Sequence[int] = (5, 5, 5),
    affinity: Callable[[Array, float], Array] = exponential,
) -> sparse.csr_matrix:
    """The adjacency matrix ``M_ij = s_i^p s_j^p k(f_i - f_j) G_ij`` (Eq. 1 or Eq. 2).

    Args:
        soft_thw: Unary map S of shape (T, H, W), values in [0, 1].
        feature: Pairwise features, (T, H, W) or (C, T, H, W); none gives ``k = 1``.
        p: Exponent of the unary map.
        alpha: Sharpness of the pairwise term.
        kernel: Odd window sizes along time, height and width.
        affinity: ``exponential`` (Eq. 1), ``taylor`` (Eq. 2), or any function of the squared
            feature distance and alpha.

    Returns:
        Symmetric float64 CSR matrix of shape (T*H*W, T*H*W), self-links included; nodes in C order.

    Raises:
        InputError: The matrix would not fit in memory, or a shape does not match.
    """
    soft = np.asarray(soft_thw, dtype=np.float64)
    if soft.ndim != 3:
        raise InputError(f"The unary map has shape {soft.shape}; give (time, height, width).")
    features = np.zeros((1, *soft.shape)) if feature is None else np.asarray(feature, np.float64)
    features = features.reshape(-1, *features.shape[-3:])
    if features.shape[1:] != soft.shape:
        raise InputError(
            f"The features have shape {features.shape}, the unary map {soft.shape}; "
            "give features of the same time, height and width."
        )
    if soft.size * np.prod(kernel) > _LARGEST:
        raise InputError(
            f"A graph of {soft.size} pixels is too large to be written out; "
            "give a smaller video, or use the filter."
        )
    unary = soft**p
    node = np.arange(soft.size, dtype=np.int64).reshape(soft.shape)
    taps = kernel_taps(kernel)
    rows, columns, values = [], [], []
    for offset in itertools.product(*(range(-(n // 2), n // 2 + 1) for n in kernel)):
        pairs = list(zip(offset, soft.shape, strict=True))
        here = tuple(slice(max(0, -o), max(0, n - max(0, o))) for o, n in pairs)
        there = tuple(slice(max(0, o), max(0, n + min(0, o))) for o, n in pairs)
        gauss = np.prod([t[len(t) // 2 + o] for t, o in zip(taps, offset, strict=True)])
        squared = ((features[:, *here] - features[:, *there]) ** 2).sum(axis=0)
        rows.append(node[here].ravel())
        columns.append(node[there].ravel())
        values.append((unary[here] * unary[there] * affinity(squared, alpha) * gauss).ravel())
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(soft.size, soft.size))


def leading_eigenvector(matrix: Any) -> tuple[float, Array]:
    """The largest eigenvalue and its unit eigenvector, by Lanczos (Eq. 3).

    Args:
        matrix: Symmetric sparse or dense matrix of N x N, N at least 3.

    Returns:
        The eigenvalue and a float64 vector of length N, its sum made positive.
    """
    values, vectors = eigsh(matrix, k=2, which="LA", v0=np.ones(matrix.shape[0]))
    vector = vectors[:, int(np.argmax(values))]
    return float(values.max()), vector * (np.sign(vector.sum()) or 1.0)


def power_iteration(matrix: Any, start: ArrayLike, iterations: int) -> Array:
    """Plain power iteration with the explicit matrix (Eq. 4), unit norm after each product.

    Args:
        matrix: Matrix of N x N.
        start: Start vector, N values of any shape.
        iterations: Number of products.

    Returns:
        float64 unit vector of length N; zeros where the start vanishes under the matrix.
    """
    vector = np.asarray(start, dtype=np.float64).ravel()
    for _ in range(iterations):
        vector = matrix @ vector
        vector = vector / (np.linalg.norm(vector) or 1.0)
    return vector


def angle_degrees(first: ArrayLike, second: ArrayLike) -> float:
    """Angle between two vectors (any shape, flattened) in degrees, 0 to 180.

    Computed from the chord, which keeps its digits for tiny angles where an arc cosine loses them.

    Raises:
        InputError: One of the vectors is zero.
    """
    a = np.asarray(first, dtype=np.float64).ravel()
    b = np.asarray(second, dtype=np.float64).ravel()
    lengths = np.linalg.norm(a), np.linalg.norm(b)
    if not all(lengths):
        raise InputError("A zero vector has no direction; give two vectors that are not zero.")
    a, b = a / lengths[0], b / lengths[1]
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))))
