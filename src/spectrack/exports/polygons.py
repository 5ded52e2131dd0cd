"""Masks as polygons along the edges of their pixels, and polygons as masks: both exact.

A polygon's corners are the corners of pixels, (0, 0) that of the top-left one, so a mask of one
pixel is the square (0,0) (1,0) (1,1) (0,1). A pixel is inside where its centre is, by the even-odd
rule. A hole, or a further part, is joined to the polygon by a line that is walked there and back:
under the even-odd rule such a line is nothing, so one ring of corners can hold any mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import HardHW

RingN2 = NDArray[np.float64]
MOST_CORNERS = 1_000_000
"""A polygon of a file may have no more than this."""
FARTHEST = 1e6
"""Nor corners farther out than this, in pixels."""


def parts_of(mask_hw: HardHW, tolerance: float = 0.0) -> list[RingN2]:
    """The connected parts of a mask, largest first, each as one ring of corners.

    Args:
        mask_hw: Bool, (H, W).
        tolerance: Pixels that a corner left out may lie off the ring; 0 keeps the mask exactly.

    Returns:
        Corners (x, y) in pixels, float64 of shape (N, 2), a part; holes are joined to it.
    """
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        mask_hw.astype(np.uint8), connectivity=4
    )
    rings = []
    for label in 1 + np.argsort(-boxes[1:count, cv2.CC_STAT_AREA], kind="stable"):
        x, y, w, h = (int(v) for v in boxes[label, :4])
        part = labels[y : y + h, x : x + w] == label
        pieces = [simplified(ring, tolerance) for ring in _outlines(part)]
        rings.append(joined(pieces) + np.array([x, y]))
    return rings


def joined(rings: Sequence[RingN2]) -> RingN2:
    """Several rings as one: from the first corner of the first to that of each other, and back."""
    start = rings[0][:1]
    pieces = [rings[0]]
    for ring in rings[1:]:
        pieces += [start, ring, ring[:1]]
    return np.concatenate(pieces)


def simplified(ring: RingN2, tolerance: float) -> RingN2:
    """A ring without the corners that lie within a tolerance of what is left, in pixels.

    A ring that would vanish stays as it is.
    """
    if tolerance <= 0:
        return ring
    short = cv2.approxPolyDP(ring.astype(np.float32)[:, None], tolerance, closed=True)[:, 0]
    return short.astype(np.float64) if len(short) >= 3 else ring


def fill(rings: Sequence[NDArray[np.float64]], size_wh: tuple[int, int]) -> HardHW:
    """The pixels whose centres lie in any of several rings.

    Args:
        rings: Corners (x, y) in pixels, (N, 2) each, N >= 3; each filled by the even-odd rule.
        size_wh: Width and height of the frame.

    Returns:
        Bool, (H, W).

    Raises:
        InputError: If a ring has too few or too many corners, or some that are far out.
    """
    width, height = size_wh
    out = np.zeros((height, width), dtype=bool)
    for given in rings:
        ring = np.asarray(given, dtype=np.float64)
        if ring.ndim != 2 or ring.shape[1] != 2 or not 3 <= len(ring) <= MOST_CORNERS:
            raise InputError(
                f"a polygon of shape {ring.shape} was given; expected 3 corners x, y or more"
            )
        if not (np.abs(ring) <= FARTHEST).all():
            raise InputError(
                "a polygon has corners that are not finite or far out of the frame; "
                "expected pixels of the frame"
            )
        out |= _fill_ring(ring, width, height)
    return out


def _fill_ring(ring: RingN2, width: int, height: int) -> HardHW:
    """One ring: each edge flips the pixels right of where it crosses the row's middle."""
    flips = np.zeros((height, width + 1), dtype=np.int64)
    following = np.roll(ring, -1, axis=0)
    # Edges run downwards, so that one walked there and back crosses rows at the same places.
    down = ring[:, 1] < following[:, 1]
    upper, lower = (
        np.where(down[:, None], ring, following),
        np.where(down[:, None], following, ring),
    )
    first = np.clip(np.ceil(upper[:, 1] - 0.5), 0, height).astype(int)
    last = np.clip(np.ceil(lower[:, 1] - 0.5), 0, height).astype(int)  # one past
    counts = np.maximum(last - first, 0)
    if not counts.any():
        return np.zeros((height, width), dtype=bool)
    edge = np.repeat(np.arange(len(ring)), counts)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    rows = first[edge] + np.arange(counts.sum()) - starts
    a, b = upper[edge], lower[edge]
    x = a[:, 0] + (rows + 0.5 - a[:, 1]) / (b[:, 1] - a[:, 1]) * (b[:, 0] - a[:, 0])
    cols = np.clip(np.ceil(x - 0.5), 0, width).astype(int)
    np.add.at(flips, (rows, cols), 1)
    inside: HardHW = np.cumsum(flips, axis=1)[:, :width] % 2 == 1
    return inside


def _outlines(part_hw: HardHW) -> list[RingN2]:
    """The closed outlines of a connected mask, the outer one first, corner by corner.

    In every row of pixel corners those where the outline turns are the ends of its horizontal
    pieces, in order; likewise in every column. So pairs of neighbours are joined, and walking the
    pairs in turn gives the outlines.
    """
    padded = np.pad(part_hw, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    turns = (a ^ b ^ c ^ d).astype(np.int64) + 2 * ((a == d) & (b == c) & (a != b))
    ys, xs = np.nonzero(turns)
    times = turns[ys, xs]  # where two pixels touch at a corner the outline turns there twice
    ys, xs = np.repeat(ys, times), np.repeat(xs, times)
    across = _mates(np.arange(len(xs)))  # already row by row
    down = _mates(np.lexsort((ys, xs)))
    rings, seen = [], np.zeros(len(xs), dtype=bool)
    for start in range(len(xs)):  # the first is on the outer outline: nothing is above it
        if seen[start]:
            continue
        walk, at = [], start
        while not seen[at]:
            other = across[at]
            seen[at] = seen[other] = True
            walk += [at, other]
            at = down[other]
        rings.append(np.stack([xs[walk], ys[walk]], axis=1).astype(np.float64))
    return rings


def _mates(order: NDArray[np.int64]) -> list[int]:
    """Partner of each corner: the 1st and 2nd in order belong together, the 3rd and 4th, ..."""
    mates = np.empty(len(order), dtype=np.int64)
    mates[order[0::2]], mates[order[1::2]] = order[1::2], order[0::2]
    return [int(mate) for mate in mates]
