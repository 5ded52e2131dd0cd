"""Compiled loops of the guided step: affinities once, then any number of cheap sweeps.

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
    offsets: NDArray[np.int32],
    spatial: NDArray[np.float32],
    out: NDArray[np.uint8],
) -> None:
    """Weights of one group of taps: trust * spatial / (1 + sharpness |d|^2 / 4)^4, as bytes.

    Args:
        lab: Colours of this frame, shape (padded pixels, 3), Lab / 100.
        other: Colours of the frame the taps lie in, same layout.
        here: Padded index of each active pixel, shape (n,).
        there: Padded index of the tap centre of each active pixel in the other frame, shape (n,).
        trust: Factor in [0, 1] of each active pixel, shape (n,).
        sharpness: alpha of each active pixel, shape (n,).
        offsets: Index offset of each tap, shape (k,).
        spatial: Spatial weight of each tap in [0, 1], shape (k,).
        out: Bytes to fill, shape (n, k).
    """
    taps = offsets.shape[0]
    for i in prange(here.shape[0]):
        scale = np.float32(255.0) * trust[i]
        if scale < np.float32(0.5):
            for k in range(taps):
                out[i, k] = 0
            continue
        quarter = np.float32(0.25) * sharpness[i]
        p = here[i]
        c0, c1, c2 = lab[p, 0], lab[p, 1], lab[p, 2]
        for k in range(taps):
            q = np.uint32(there[i] + offsets[k])
            d0, d1, d2 = other[q, 0] - c0, other[q, 1] - c1, other[q, 2] - c2
            z = np.float32(1.0) + quarter * (d0 * d0 + d1 * d1 + d2 * d2)
            z *= z
            out[i, k] = np.uint8(scale * spatial[k] / (z * z) + np.float32(0.5))


@njit(nogil=True, parallel=True, fastmath=True, cache=True)
def invert_sums(weights: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """1 / degree of each active pixel, 0 where it has no link at all; (n, k) bytes to (n,)."""
    for i in prange(weights.shape[0]):
        total = np.int32(0)
        for k in range(weights.shape[1]):
            total += np.int32(weights[i, k])
        out[i] = np.float32(1.0) / np.float32(total) if total > 0 else np.float32(0.0)


@njit(nogil=True, parallel=True, fastmath={"contract", "nsz"}, cache=True)
def sweep(
    own: NDArray[np.uint32],
    before: NDArray[np.uint32],
    after: NDArray[np.uint32],
    weights: NDArray[np.uint8],
    inverse: NDArray[np.float32],
    own_offsets: NDArray[np.int32],
    side_offsets: NDArray[np.int32],
    x_before: NDArray[np.float32],
    x_own: NDArray[np.float32],
    x_after: NDArray[np.float32],
    ahead: bool,
    tau: float,
    clip: bool,
    out: NDArray[np.float32],
) -> None:
    """One degree-normalised step on the active pixels of a frame: x + tau (mean of the taps - x).

    Args:
        own: Padded index of each active pixel, shape (n,).
        before: Padded index of its tap centre in the previous frame, shape (n,).
        after: The same in the next frame.
        weights: Bytes of :func:`affinities`: own taps, then previous, then next; shape (n, k).
        inverse: Inverse of the sum of each row of weights; 0 leaves the pixel alone.
        own_offsets: Index offsets of the taps in the frame itself.
        side_offsets: Index offsets of the taps in each neighbouring frame.
        x_before: Soft plane of the previous frame, shape (padded pixels,).
        x_own: Soft plane of this frame.
        x_after: Soft plane of the next frame.
        ahead: Whether there are links to the next frame; without them it costs nothing.
        tau: Length of the step; 1 replaces each value by the mean.
        clip: Whether to cut the result to [0, 1].
        out: Plane to write the active pixels of.
    """
    k_own, k_side = own_offsets.shape[0], side_offsets.shape[0]
    length = np.float32(tau)
    for i in prange(own.shape[0]):
        row, here, there, thence = weights[i], own[i], before[i], after[i]
        x = x_own[here]
        # Three chains of scalar loads: gathers are slower, and one chain would wait for itself.
        mid, past, next_ = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for k in range(k_own):
            mid += np.float32(row[k]) * x_own[np.uint32(here + own_offsets[k])]
        if ahead:
            for k in range(k_side):
                offset = side_offsets[k]
                past += np.float32(row[k_own + k]) * x_before[np.uint32(there + offset)]
                next_ += np.float32(row[k_own + k_side + k]) * x_after[np.uint32(thence + offset)]
        else:
            for k in range(k_side):
                past += np.float32(row[k_own + k]) * x_before[np.uint32(there + side_offsets[k])]
        if inverse[i] > np.float32(0.0):
            x += length * ((mid + past + next_) * inverse[i] - x)
        if clip:
            x = min(max(x, np.float32(0.0)), np.float32(1.0))
        out[here] = x


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


@njit(nogil=True, fastmath={"contract", "nsz"}, cache=True)
def sweep_adjoint(
    own: NDArray[np.uint32],
    before: NDArray[np.uint32],
    after: NDArray[np.uint32],
    weights: NDArray[np.uint8],
    inverse: NDArray[np.float32],
    own_offsets: NDArray[np.int32],
    side_offsets: NDArray[np.int32],
    gradient: NDArray[np.float32],
    tau: float,
    to_before: NDArray[np.float32],
    to_own: NDArray[np.float32],
    to_after: NDArray[np.float32],
) -> None:
    """Transpose of :func:`sweep` without clipping: gradients go back along the links.

    Serial, as several pixels write to one place; frames or windows may run side by side.

    Args:
        own: As in :func:`sweep`, and so the other indices, weights and offsets.
        before: As in :func:`sweep`.
        after: As in :func:`sweep`.
        weights: As in :func:`sweep`.
        inverse: As in :func:`sweep`.
        own_offsets: As in :func:`sweep`.
        side_offsets: As in :func:`sweep`.
        gradient: Gradient with respect to the step's result, shape (padded pixels,).
        tau: Length of the step.
        to_before: Gradient with respect to the previous frame's plane, added to.
        to_own: The same for the frame itself; pixels that are not active must hold ``gradient``
            already, active ones what other frames have added.
        to_after: The same for the next frame.
    """
    k_own, k_side = own_offsets.shape[0], side_offsets.shape[0]
    for i in range(own.shape[0]):
        row, here, there, thence = weights[i], own[i], before[i], after[i]
        g = gradient[here]
        if inverse[i] <= np.float32(0.0):
            to_own[here] += g
            continue
        to_own[here] += g * (np.float32(1.0) - np.float32(tau))
        share = g * np.float32(tau) * inverse[i]
        for k in range(k_own):
            to_own[np.uint32(here + own_offsets[k])] += share * np.float32(row[k])
        for k in range(k_side):
            offset = side_offsets[k]
            to_before[np.uint32(there + offset)] += share * np.float32(row[k_own + k])
            to_after[np.uint32(thence + offset)] += share * np.float32(row[k_own + k_side + k])


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
