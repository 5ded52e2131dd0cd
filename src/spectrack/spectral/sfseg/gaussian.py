"""Separable Gaussian weights of the space-time neighbourhood: G of the SFSeg++ paper, Eq. 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError


def gaussian_taps(size: int, sigma: float | None = None) -> NDArray[np.float64]:
    """Weights of a Gaussian along one axis.

    Args:
        size: Number of taps, odd and at least 1. One tap is the kernel ``[1]``: the axis is left
            alone.
        sigma: Standard deviation in samples; ``(size - 1) / 4`` where not given.

    Returns:
        float64 weights of shape ``(size,)``, symmetric, summing to 1.

    Raises:
        InputError: ``size`` is even or below 1, or ``sigma`` is not a positive number.
    """
    if int(size) != size or size < 1 or size % 2 == 0:
        raise InputError(
            f"A kernel of {size} taps has no centre; give an odd number of taps, 1 or more."
        )
    if size == 1:
        return np.ones(1)
    spread = (size - 1) / 4 if sigma is None else float(sigma)
    if not (np.isfinite(spread) and spread > 0):
        raise InputError(f"sigma is {sigma}; give a positive number of samples.")
    distance = (np.arange(size) - size // 2) / spread
    weights = np.exp(-0.5 * distance**2)
    return weights / weights.sum()


def kernel_taps(
    kernel: Sequence[int], sigma: Sequence[float | None] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Weights along time, height and width of a separable 3-D kernel.

    Args:
        kernel: Three odd sizes ``(time, height, width)``.
        sigma: Three standard deviations, ``None`` for the usual ``(size - 1) / 4``.

    Returns:
        Three float64 arrays, each summing to 1; their outer product is G.

    Raises:
        InputError: Not three sizes, or one of them is even or below 1.
    """
    sizes = tuple(kernel)
    if len(sizes) != 3:
        raise InputError(
            f"The kernel {sizes} has {len(sizes)} sizes; give three: time, height, width."
        )
    spreads = (None, None, None) if sigma is None else tuple(sigma)
    time, height, width = (gaussian_taps(n, s) for n, s in zip(sizes, spreads, strict=True))
    return time, height, width
