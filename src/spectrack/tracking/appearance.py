"""Colour models of target and background: the first frame's for good, the recent ones adapting."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from spectrack.structures import FrameHWC, SoftHW

_BINS = (12, 24, 24)
_FLOOR = 1e-5
Histogram = NDArray[np.floating[Any]]
Index = NDArray[np.int32]


def colour_index(frame_hwc: FrameHWC) -> Index:
    """Number of the colour bin of every pixel, int32 of shape (H, W)."""
    lab = cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2LAB)
    index: Index = _PARTS[0][lab[..., 0]]
    for part, channel in zip(_PARTS[1:], (lab[..., 1], lab[..., 2]), strict=True):
        index += part[channel]
    return index


def _parts() -> list[NDArray[np.int32]]:
    """What each value of 8-bit L, a and b adds to a bin's number, with chroma twice as strong."""
    grey = np.arange(256)
    chroma = np.clip(2 * (grey - 128) + 128, 0, 255)
    l_bins, a_bins, b_bins = _BINS
    steps = ((grey, l_bins, a_bins * b_bins), (chroma, a_bins, b_bins), (chroma, b_bins, 1))
    return [(value * bins // 256 * step).astype(np.int32) for value, bins, step in steps]


_PARTS = _parts()


class ColourModel:
    """How likely a colour is the target's rather than the background's.

    Four histograms in Lab: target and background, each as first seen and as seen of late.

    Args:
        index_hw: Colour bins of the first view, from :func:`colour_index`.
        soft_hw: The target's soft mask there.
        first_share: Weight of the first frame's histograms against the recent ones, in [0, 1].
    """

    def __init__(self, index_hw: Index, soft_hw: SoftHW, first_share: float) -> None:
        self.first_share = first_share
        self._first = (
            _histogram(index_hw, soft_hw),
            _histogram(index_hw, 1 - soft_hw),
        )
        self._recent = self._first

    def probability_hw(self, index_hw: Index) -> SoftHW:
        """Probability that a pixel of this colour is the target's, both being equally common."""
        share = self.first_share
        target, background = (
            share * first + (1 - share) * recent
            for first, recent in zip(self._first, self._recent, strict=True)
        )
        ratio = (target + _FLOOR) / (target + background + 2 * _FLOOR)
        return ratio.astype(np.float32)[index_hw]

    def likeness(self, index_hw: Index, soft_hw: SoftHW) -> float:
        """How alike the colours of a mask and the target's are, as distributions, 0 to 1.

        The Bhattacharyya coefficient with the first or the recent histogram, whichever is nearer.
        A thing of one of the target's colours has probable colours everywhere, and still is not
        like a target of several.
        """
        here = np.sqrt(_histogram(index_hw, soft_hw))
        return max(float(here @ np.sqrt(of[0])) for of in (self._first, self._recent))

    def learn(self, index_hw: Index, soft_hw: SoftHW, rate: float) -> None:
        """Take a segmented view into the recent histograms with a weight in [0, 1].

        Undecided pixels (soft mask near 0.5) teach little.
        """
        sides = (np.clip(2 * soft_hw - 1, 0, 1), np.clip(1 - 2 * soft_hw, 0, 1))
        target, background = (_histogram(index_hw, side) for side in sides)
        if target.any() and background.any():
            old_target, old_background = self._recent
            self._recent = (
                (1 - rate) * old_target + rate * target,
                (1 - rate) * old_background + rate * background,
            )


def _histogram(index_hw: Index, weight_hw: SoftHW) -> Histogram:
    size = _BINS[0] * _BINS[1] * _BINS[2]
    counts = np.bincount(index_hw.ravel(), weights=weight_hw.ravel(), minlength=size)
    smooth = gaussian_filter(counts.reshape(_BINS), 0.7, mode="constant").ravel()
    total = smooth.sum()
    return (smooth / total if total > 0 else smooth).astype(np.float32)


class ColourGuide:
    """Guided filter with a colour guide (He et al. 2013) by box sums, at a reduced scale.

    OpenCV's own disagrees with the formula for colour guides, so this one is written out.

    Args:
        frame_hwc: The guide.
        radius: Radius of the window, pixels.
        epsilon: Regularisation, for colours in [0, 1].
        shrink: Means and covariances are found on the guide shrunk this many times.
    """

    def __init__(self, frame_hwc: FrameHWC, radius: int, epsilon: float, shrink: int = 2) -> None:
        height, width = frame_hwc.shape[:2]
        self._full = frame_hwc.astype(np.float32) / 255
        self._size = (width, height)
        self._small = (max(1, width // shrink), max(1, height // shrink))
        self._radius = max(1, radius // shrink)
        guide = cv2.resize(self._full, self._small, interpolation=cv2.INTER_AREA)
        self._guide = guide.reshape(self._small[1], self._small[0], 3)
        self._mean = self._box(self._guide)

        def covariance(i: int, j: int) -> NDArray[np.float32]:
            product = self._box(self._guide[..., i] * self._guide[..., j])
            return product - self._mean[..., i] * self._mean[..., j]

        a, d, f = (covariance(i, i) + epsilon for i in range(3))
        b, c, e = covariance(0, 1), covariance(0, 2), covariance(1, 2)
        # Inverse of the symmetric matrix [[a b c] [b d e] [c e f]] by its cofactors.
        aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
        determinant = a * aa + b * ab + c * ac
        bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
        rows = ((aa, ab, ac), (ab, bb, bc), (ac, bc, cc))
        self._inverse = tuple(tuple(x / determinant for x in row) for row in rows)

    def __call__(self, soft_hw: SoftHW) -> SoftHW:
        """The soft mask smoothed along the guide's edges, clipped to [0, 1]."""
        small = cv2.resize(soft_hw, self._small, interpolation=cv2.INTER_AREA)
        small = small.reshape(self._small[1], self._small[0])
        mean = self._box(small)
        cross = [
            self._box(self._guide[..., i] * small) - self._mean[..., i] * mean for i in range(3)
        ]
        slope = np.stack(
            [sum(m * c for m, c in zip(row, cross, strict=True)) for row in self._inverse], axis=2
        )
        offset = mean - _dot(slope, self._mean)
        slope = cv2.resize(self._box(slope.astype(np.float32)), self._size)
        offset = cv2.resize(self._box(offset.astype(np.float32)), self._size)
        out = _dot(np.reshape(slope, self._full.shape), self._full)
        filtered: SoftHW = np.clip(out + offset.reshape(out.shape), 0, 1)
        return filtered

    def _box(self, image: NDArray[Any]) -> NDArray[Any]:
        side = 2 * self._radius + 1
        out: NDArray[Any] = cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE)
        return out.reshape(image.shape)


def _dot(one_hwc: NDArray[Any], other_hwc: NDArray[Any]) -> NDArray[Any]:
    """Sum over three channels; NumPy's own along so short an axis takes several times as long."""
    out: NDArray[Any] = one_hwc[..., 0] * other_hwc[..., 0]
    for channel in (1, 2):
        out += one_hwc[..., channel] * other_hwc[..., channel]
    return out


def contrast_of(probability_hw: SoftHW, soft_hw: SoftHW) -> float:
    """How much more probable the target's colours are inside a mask than outside, -1 to 1."""
    inside = soft_hw > 0.5
    if not inside.any():
        return 0.0
    around = 0.0 if inside.all() else float(probability_hw[~inside].mean())
    return float(probability_hw[inside].mean()) - around
