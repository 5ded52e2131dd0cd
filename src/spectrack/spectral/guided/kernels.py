"""Compiled loops around the guided step: colours, links and affinities, once a frame.

Only *active* pixels, those near a boundary of some mask, have affinities; every other pixel keeps
its value. Images and soft planes are padded and flattened, so a tap is one addition to an index
and no border needs a branch: a padded colour is so far from any real one that its weight is zero.
Weights are kept as bytes: K bytes an active pixel instead of 4 K, and far below the noise of the
data (1/255 of the strongest tap).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from spectrack.spectral.guided.eight_taps import LANES, eight_affinities, put_eight

OUTSIDE = np.float32(100.0)
"""Colour of the padding: any tap on it gets weight 0."""


@njit(nogil=True, parallel=True, fastmath=True, cache=True)
def affinities(
    lab: NDArray[np.float32],
    other: NDArray[np.float32],
    here: NDArray[np.uint32],
    there: NDArray[np.uint32],
    trust: NDArray[np.float32],
    sharpness: NDArray[np.float32],
    eights: tuple[NDArray[np.int64], NDArray[np.float32]],
    taps: int,
    first: int,
    out: NDArray[np.uint8],
) -> None:
    """Weights of one group of taps, as bytes.

    They are trust * spatial / (1 + sharpness |d|^2 / 4 + e^2)^4, with d the difference of colours
    and e that of the guide.

    Args:
        lab: Colours of this frame, Lab / 100, and the guide: four values of each padded pixel.
        other: Colours of the frame the taps lie in, same layout.
        here: Padded index of each active pixel, shape (n,).
        there: Padded index of the tap centre of each active pixel in the other frame, shape (n,).
        trust: Factor in [0, 1] of each active pixel, shape (n,).
        sharpness: alpha of each active pixel, shape (n,).
        eights: Taps, see :func:`spectrack.spectral.guided.eight_taps.in_eights`.
        taps: How many they are.
        first: Column of the first of them.
        out: Bytes to fill, a row a pixel, shape (n, columns).
    """
    bytes_n, columns = out.reshape(-1), out.shape[1]
    offsets, spatial = eights
    for i in prange(here.shape[0]):
        at = np.int64(i) * columns + first
        scale = np.float32(255.0) * trust[i]
        if scale < np.float32(0.5):
            bytes_n[at : at + taps] = 0
            continue
        quarter = np.float32(0.25) * sharpness[i]
        p, q = np.int64(here[i]), np.int64(there[i])
        for k in range(0, taps, LANES):
            weights = eight_affinities(lab, p, other, q, offsets, k, spatial, quarter, scale)
            if k + LANES <= taps:
                put_eight(bytes_n, at + k, weights)
            else:  # further bytes belong to other taps, maybe of a pixel that another thread has
                for n in range(taps - k):
                    bytes_n[at + k + n] = np.uint8(weights >> np.uint64(8 * n))


@njit(nogil=True, parallel=True, fastmath=True, cache=True)
def invert_sums(weights: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """1 / degree of each active pixel, 0 where it has no link at all; (n, k) bytes to (n,)."""
    for i in prange(weights.shape[0]):
        total = np.int32(0)
        for k in range(weights.shape[1]):
            total += np.int32(weights[i, k])
        out[i] = np.float32(1.0) / np.float32(total) if total > 0 else np.float32(0.0)


@njit(nogil=True, parallel=True, cache=True)
def raise_level(
    plane: NDArray[np.float32], pad: int, rise: np.float32, out: NDArray[np.float32]
) -> None:
    """The curve x -> a x / (a x + 1 - x), which keeps 0 and 1.

    Args:
        plane: Soft plane, shape (padded pixels,).
        pad: Its padding, pixels.
        rise: a; (1 - level) / level moves the level to one half.
        out: Result to fill, shape (H, W).
    """
    height, width = out.shape
    one = np.float32(1.0)
    for y in prange(height):
        first = (y + pad) * (width + 2 * pad) + pad
        for x in range(width):
            value = plane[first + x]
            out[y, x] = rise * value / (one + (rise - one) * value)


@njit(nogil=True, parallel=True, fastmath=True, cache=True)
def link(
    rows: NDArray[np.int32],
    cols: NDArray[np.int32],
    flow: NDArray[np.float32],
    back: NDArray[np.float32],
    sigma: float,
    pad: int,
    there: NDArray[np.uint32],
    trust: NDArray[np.float32],
) -> None:
    """Where each active pixel goes in a neighbouring frame, and how far to believe it.

    trust = exp(-|f + b(f)|^2 / (2 sigma^2)), 0 where the flow leaves the frame or is not finite.

    Args:
        rows: Row of each active pixel, shape (n,).
        cols: Column of each active pixel, shape (n,).
        flow: Flow from this frame to the other, shape (H, W, 2), pixels.
        back: Flow from the other frame to this one.
        sigma: Tolerance of the forward-backward check, pixels.
        pad: Padding of the planes, pixels.
        there: Padded index of the tap centre to fill, shape (n,).
        trust: Factors to fill, shape (n,).
    """
    height, width = flow.shape[0], flow.shape[1]
    padded = width + 2 * pad
    scale = np.float32(-0.5 / (sigma * sigma))
    for i in prange(rows.shape[0]):
        y, x = rows[i], cols[i]
        fx, fy = flow[y, x, 0], flow[y, x, 1]
        there[i] = np.uint32((y + pad) * padded + x + pad)
        trust[i] = np.float32(0.0)
        if not (abs(fx) < width and abs(fy) < height):
            continue
        xx, yy = int(np.rint(x + fx)), int(np.rint(y + fy))
        if xx < 0 or yy < 0 or xx >= width or yy >= height:
            continue
        ex, ey = fx + back[yy, xx, 0], fy + back[yy, xx, 1]
        there[i] = np.uint32((yy + pad) * padded + xx + pad)
        trust[i] = np.exp(scale * (ex * ex + ey * ey))


@njit(nogil=True, cache=True)
def extent(
    there: NDArray[np.uint32], trust: NDArray[np.float32], padded: int, pad: int
) -> tuple[int, int, int, int]:
    """Rectangle of the trusted places of :func:`link`: rows from, to, columns from, to.

    Args:
        there: Padded index of each tap centre, shape (n,).
        trust: Their factors; those that give no weight at all do not count.
        padded: Width of the padded planes.
        pad: Their padding; the rectangle is in pixels of the frame, empty (to = from) without any.
    """
    top, bottom, left, right = padded * padded, -1, padded, -1
    for i in range(there.shape[0]):
        if np.float32(255.0) * trust[i] >= np.float32(0.5):
            place = int(there[i])
            y, x = place // padded, place % padded
            top, bottom = min(top, y), max(bottom, y)
            left, right = min(left, x), max(right, x)
    if bottom < 0:
        return 0, 0, 0, 0
    return top - pad, bottom + 1 - pad, left - pad, right + 1 - pad


def _lab_tables() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear light of an sRGB byte, and the cube-root curve of CIE Lab sampled on [0, 1]."""
    s = np.arange(256) / 255
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    t = np.linspace(0, 1, _CURVE + 2)
    root = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29)
    return linear.astype(np.float32), root.astype(np.float32)


_CURVE = 8192
_LINEAR, _ROOT = _lab_tables()


def fill_lab(
    frame_hwc: NDArray[np.uint8],
    pad: int,
    out: NDArray[np.float32],
    rows: tuple[int, int],
    cols: tuple[int, int],
) -> None:
    """CIE Lab (D65) / 100 of a rectangle of an sRGB frame into the middle of a padded array.

    Args:
        frame_hwc: uint8 RGB, (H, W, 3).
        pad: Padding, pixels.
        out: float32 (H + 2 pad, W + 2 pad, 3); all but the rectangle is left alone.
        rows: First row of the rectangle, and the one past its last.
        cols: The same for columns.
    """
    _fill_lab(frame_hwc, pad, _LINEAR, _ROOT, out, rows, cols)


@njit(nogil=True, parallel=True, fastmath=True, cache=True)
def _fill_lab(
    frame: NDArray[np.uint8],
    pad: int,
    linear: NDArray[np.float32],
    root: NDArray[np.float32],
    out: NDArray[np.float32],
    rows: tuple[int, int],
    cols: tuple[int, int],
) -> None:
    last = np.float32(root.shape[0] - 2)
    for y in prange(rows[0], rows[1]):
        for x in range(cols[0], cols[1]):
            r, g, b = linear[frame[y, x, 0]], linear[frame[y, x, 1]], linear[frame[y, x, 2]]
            # Rows of the sRGB to XYZ matrix divided by the D65 white point: each sums to 1.
            fx = _curve(
                np.float32(0.433953) * r + np.float32(0.376219) * g + np.float32(0.189828) * b,
                root,
                last,
            )
            fy = _curve(
                np.float32(0.212671) * r + np.float32(0.715160) * g + np.float32(0.072169) * b,
                root,
                last,
            )
            fz = _curve(
                np.float32(0.017758) * r + np.float32(0.109477) * g + np.float32(0.872766) * b,
                root,
                last,
            )
            out[y + pad, x + pad, 0] = np.float32(1.16) * fy - np.float32(0.16)
            out[y + pad, x + pad, 1] = np.float32(5.0) * (fx - fy)
            out[y + pad, x + pad, 2] = np.float32(2.0) * (fy - fz)


@njit(nogil=True, fastmath=True, cache=True)
def _curve(t: np.float32, root: NDArray[np.float32], last: np.float32) -> np.float32:
    at = min(max(t, np.float32(0.0)), np.float32(1.0)) * (last + np.float32(1.0))
    i = min(int(at), int(last))
    return root[i] + (at - np.float32(i)) * (root[i + 1] - root[i])
