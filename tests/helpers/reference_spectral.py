"""Slow and obvious truths for the spectral filter, in float64 and straight from the formulas."""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import correlate1d


def gauss(size):
    if size == 1:
        return np.ones(1)
    sigma = (size - 1) / 4
    taps = np.exp(-0.5 * ((np.arange(size) - size // 2) / sigma) ** 2)
    return taps / taps.sum()


def smooth(volume, kernel):
    """G * volume with zeros outside."""
    for axis, size in enumerate(kernel, start=volume.ndim - 3):
        volume = correlate1d(volume, gauss(size), axis=axis, mode="constant")
    return volume


def taylor(x, soft, feature, p, alpha, kernel):
    """Eq. 7 times alpha; feature is (C, T, H, W)."""
    unary = soft**p
    v = unary * x
    square = (feature**2).sum(axis=0)
    out = (1 - alpha * square) * smooth(v, kernel) - alpha * smooth(square * v, kernel)
    for f in feature:
        out += 2 * alpha * f * smooth(f * v, kernel)
    return unary * out


def kernel_sum(x, soft, feature, p, kernel, affinity):
    """The sum over all neighbours written as a loop; affinity takes differences (C, ...)."""
    reach = [k // 2 for k in kernel]
    pad = [(r, r) for r in reach]
    v = np.pad(soft**p * x, pad)
    f = np.pad(feature, [(0, 0), *pad])
    out = np.zeros_like(x)
    g = [gauss(k) for k in kernel]
    t, h, w = x.shape
    for a in range(kernel[0]):
        for b in range(kernel[1]):
            for c in range(kernel[2]):
                place = (slice(a, a + t), slice(b, b + h), slice(c, c + w))
                weight = g[0][a] * g[1][b] * g[2][c]
                out += weight * affinity(feature - f[:, *place]) * v[place]
    return soft**p * out


def per_frame(x, eps=1e-4):
    out = np.empty_like(x)
    for t, frame in enumerate(x):
        y = frame / (np.linalg.norm(frame) + eps)
        y = y - y.min()
        out[t] = y / (y.max() + eps)
    return out


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def published_window(soft, feature, p=0.5, alpha=1.0, kernel=(5, 5, 5), iterations=10):
    """The published procedure as it is described: a window of 4m + 1 frames for each frame.

    Tensors (T, H, W); three dense 3-D convolutions without temporal padding give 2m + 1 frames of
    which the middle one is kept; the first and last 2m frames are only normalised.
    """
    m = kernel[0] // 2
    taps = [torch.as_tensor(gauss(k), dtype=soft.dtype) for k in kernel]
    dense = (taps[0][:, None, None] * taps[1][None, :, None] * taps[2][None, None, :])[None, None]
    pad = (0, kernel[1] // 2, kernel[2] // 2)

    def conv(volume):
        return torch.nn.functional.conv3d(volume[None, None], dense, padding=pad)[0, 0]

    x = soft
    for _ in range(iterations):
        new = x.clone()
        for i in range(2 * m, len(x) - 2 * m):
            window = slice(i - 2 * m, i + 2 * m + 1)
            unary, f, current = soft[window] ** p, feature[window], x[window]
            middle = slice(m, 3 * m + 1)
            t1 = (1 - alpha * f[middle] ** 2) * conv(unary * current)
            t2 = -alpha * conv(f**2 * unary * current)
            t3 = 2 * alpha * f[middle] * conv(f * unary * current)
            new[i] = (unary[middle] * (t1 + t2 + t3))[m]
        for t in range(len(new)):
            frame = new[t] / (new[t].norm() + 1e-4)
            frame = frame - frame.min()
            new[t] = frame / (frame.max() + 1e-4)
        x = torch.sigmoid(new)
    return x


def scene(seed=0, shape=(10, 20, 20)):
    """The moving disc of Fig. 4: unary map, pairwise feature, true mask."""
    rng = np.random.default_rng(seed)
    t, h, w = shape
    yy, xx = np.mgrid[:h, :w]
    mask = np.zeros(shape)
    for i in range(t):
        part = i / (t - 1)
        cy, cx = 0.35 * h + 0.2 * h * part, 0.35 * w + 0.25 * w * part
        mask[i] = (yy - cy) ** 2 + (xx - cx) ** 2 <= (0.22 * h) ** 2
    soft = np.clip(0.8 * mask + 0.1 + 0.2 * rng.standard_normal(shape), 0, 1)
    feature = np.clip(0.6 * mask + 0.2 + 0.1 * rng.standard_normal(shape), 0, 1)
    return soft, feature, mask


def start_at(angle, leading, seed=1):
    """A unit vector at ``angle`` degrees from the unit vector ``leading``."""
    other = np.random.default_rng(seed).random(leading.size)
    other -= (other @ leading) * leading
    other /= np.linalg.norm(other)
    return np.cos(np.radians(angle)) * leading + np.sin(np.radians(angle)) * other
