"""Compiled sweeps of the guided step: once the links are there, any number of them is cheap."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from spectrack.spectral.guided.byte_rows import ROWS, STEP, TAPS, rows_dot_2, rows_dot_3
from spectrack.spectral.guided.tiles import RUN, Ranges, Rectangles, stays


@njit(nogil=True, fastmath={"contract", "nsz"}, cache=True)
def stepped(
    x: np.float32, total: np.float32, inverse: np.float32, length: np.float32, clip: bool
) -> np.float32:
    """A pixel's value after a step, given the weighted sum of its taps."""
    if inverse > np.float32(0.0):
        x += length * (total * inverse - x)
    return min(max(x, np.float32(0.0)), np.float32(1.0)) if clip else x


@njit(nogil=True, cache=True)
def keep(
    places: NDArray[np.uint32], x_own: NDArray[np.float32], clip: bool, out: NDArray[np.float32]
) -> None:
    """Values that a step leaves alone."""
    for place in places:
        x = x_own[place]
        out[place] = min(max(x, np.float32(0.0)), np.float32(1.0)) if clip else x


@njit(nogil=True, parallel=True, fastmath={"contract", "nsz"}, cache=True)
def sweep(
    own: NDArray[np.uint32],
    before: NDArray[np.uint32],
    after: NDArray[np.uint32],
    weights: NDArray[np.uint8],
    inverse: NDArray[np.float32],
    own_offsets: NDArray[np.int32],
    side_offsets: NDArray[np.int32],
    near: tuple[Rectangles, Rectangles, Rectangles],
    x_before: NDArray[np.float32],
    x_own: NDArray[np.float32],
    x_after: NDArray[np.float32],
    ranges: tuple[Ranges, Ranges, Ranges],
    ahead: bool,
    tau: float,
    clip: bool,
    flat: float,
    in_rows: bool,
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
        near: Tiles that each run of active pixels reads in the frame, before and after it.
        x_before: Soft plane of the previous frame, shape (padded pixels,).
        x_own: Soft plane of this frame.
        x_after: Soft plane of the next frame.
        ranges: Of the tiles of these planes: the frame's own, before, after.
        ahead: Whether there are links to the next frame; without them it costs nothing.
        tau: Length of the step; 1 replaces each value by the mean.
        clip: Whether to cut the result to [0, 1].
        flat: Runs whose tiles differ by no more keep their values; below 0 all are swept.
        in_rows: Whether the taps are what :func:`rows_dot_3` reads; then planes and weights need
            room behind their ends (:func:`spectrack.spectral.guided.tiles.with_slack`).
        out: Plane to write the active pixels of.
    """
    k_own, k_side = own_offsets.shape[0], side_offsets.shape[0]
    length, bytes_n = np.float32(tau), weights.reshape(-1)
    corner = np.int64(own_offsets[0]) - STEP
    line = np.int64(own_offsets[ROWS[0]]) - corner if in_rows else np.int64(0)
    for run in prange((own.shape[0] + RUN - 1) // RUN):
        first, end = run * RUN, min(run * RUN + RUN, own.shape[0])
        if stays(near, ranges, run, flat):
            keep(own[first:end], x_own, clip, out)
        elif in_rows:
            for i in range(first, end):
                here, at = np.int64(own[i]), np.int64(i) * 3 * TAPS
                centre, earlier = here + corner, np.int64(before[i]) + corner
                if ahead:
                    later = np.int64(after[i]) + corner
                    near_3 = (x_own, centre, x_before, earlier, x_after, later)
                    total = rows_dot_3(bytes_n, at, line, near_3)
                else:
                    total = rows_dot_2(bytes_n, at, line, (x_own, centre, x_before, earlier))
                out[here] = stepped(x_own[here], total, inverse[i], length, clip)
        else:
            for i in range(first, end):
                row, there, thence = weights[i], before[i], after[i]
                # Three chains of scalar loads: one would wait for itself.
                mid, past, next_ = np.float32(0.0), np.float32(0.0), np.float32(0.0)
                for k in range(k_own):
                    mid += np.float32(row[k]) * x_own[np.uint32(own[i] + own_offsets[k])]
                for k in range(k_side):
                    offset = side_offsets[k]
                    past += np.float32(row[k_own + k]) * x_before[np.uint32(there + offset)]
                if ahead:
                    for k in range(k_side):
                        place = np.uint32(thence + side_offsets[k])
                        next_ += np.float32(row[k_own + k_side + k]) * x_after[place]
                here = np.int64(own[i])
                out[here] = stepped(x_own[here], mid + past + next_, inverse[i], length, clip)


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
