"""Compiled loops of channel mixing: one pass over the bytes of all channels of a frame."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray


@njit(nogil=True, parallel=True, fastmath=True, cache=True)
def consensus_overlap(
    channels_cn: NDArray[np.uint8],
    which: NDArray[np.int64],
    inter: NDArray[np.float64],
    area: NDArray[np.float64],
) -> float:
    """Overlap of each channel with the majority of them.

    A pixel is in the majority where the mean of the channels is at least one half.

    Args:
        channels_cn: Bytes (C, pixels), 255 for 1.
        which: The channels to count, (k,).
        inter: To fill: sum of each counted channel inside the majority, (C,), in pixels.
        area: To fill: sum of each counted channel, (C,).

    Returns:
        Pixels of the majority.
    """
    channels, pixels = channels_cn.shape
    count = which.shape[0]
    bands = 64
    part = np.zeros((bands, 2, channels), dtype=np.int64)
    size = np.zeros(bands, dtype=np.int64)
    for band in prange(bands):
        first, last = band * pixels // bands, (band + 1) * pixels // bands
        for p in range(first, last):
            total = np.int32(0)
            for k in range(count):
                total += np.int32(channels_cn[which[k], p])
            if total == 0:
                continue
            inside = 2 * total >= 255 * count
            if inside:
                size[band] += 1
            for k in range(count):
                value = np.int64(channels_cn[which[k], p])
                part[band, 1, which[k]] += value
                if inside:
                    part[band, 0, which[k]] += value
    for c in range(channels):
        inter[c] = part[:, 0, c].sum() / 255.0
        area[c] = part[:, 1, c].sum() / 255.0
    return float(size.sum())


@njit(nogil=True, parallel=True, fastmath=True, cache=True)
def mix(
    channels_cn: NDArray[np.uint8],
    which: NDArray[np.int64],
    weights: NDArray[np.float32],
    shares: NDArray[np.float32],
    bias: float,
    out: NDArray[np.float32],
) -> tuple[float, float]:
    """sigmoid(sum of weights times channels + bias) of every pixel, and how much they disagree.

    Args:
        channels_cn: Bytes (C, pixels), 255 for 1.
        which: The channels to mix, (k,).
        weights: Weight of each of them, (k,).
        shares: Their shares in the disagreement, (k,), >= 0, of sum 1 or 0.
        bias: Added to the sum.
        out: Result to fill, (pixels,).

    Returns:
        Sum over pixels of the variance of the channels, and of their mean, under ``shares``.
    """
    pixels, count = channels_cn.shape[1], which.shape[0]
    scale = np.float32(1.0 / 255.0)
    offset = np.float32(bias)
    empty = np.float32(1.0) / (np.float32(1.0) + np.exp(-offset))
    bands = 64
    spread, mass = np.zeros(bands), np.zeros(bands)
    for band in prange(bands):
        first, last = band * pixels // bands, (band + 1) * pixels // bands
        for p in range(first, last):
            total, mean, square = np.float32(0.0), np.float32(0.0), np.float32(0.0)
            seen = False
            for k in range(count):
                byte = channels_cn[which[k], p]
                if byte != 0:
                    value = scale * np.float32(byte)
                    total += weights[k] * value
                    mean += shares[k] * value
                    square += shares[k] * value * value
                    seen = True
            if seen:
                out[p] = np.float32(1.0) / (np.float32(1.0) + np.exp(-(total + offset)))
                spread[band] += square - mean * mean
                mass[band] += mean
            else:
                out[p] = empty
    return spread.sum(), mass.sum()
