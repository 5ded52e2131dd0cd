"""A grid of bounded size that follows a target: what a stream sees of a frame of any size.

All frames of a stream must lie on grids of one size, but not on the same part of the picture: flow
between two grids holds their offset, too. So each frame is seen through a :class:`View` that holds
its masks with a margin, at full resolution where they fit and shrunk where they do not, and memory
depends on the grid alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError

_STEP = 2**0.25
"""Views grow in such steps, so that a target that breathes does not change them all the time."""

FAINT = 0.05
"""What is fainter than this everywhere beyond a box does not count as the target."""

_CHANGED = 0.02
"""Where a shrunk mask was changed by less, the full mask stays as it is."""

_FAR = 1e9
"""Flow to nowhere: where a grid has no place in another. Links do not trust it."""


@dataclass(frozen=True, slots=True)
class View:
    """Part of a frame, seen on a grid.

    Args:
        x: First column of the part.
        y: First row.
        width: Columns of the part.
        height: Rows.
        size_wh: Width and height of the grid, at most those of the part.
    """

    x: int
    y: int
    width: int
    height: int
    size_wh: tuple[int, int]

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Grid pixels a frame pixel, along x and y, at most 1."""
        return self.size_wh[0] / self.width, self.size_wh[1] / self.height

    @property
    def shrinks(self) -> bool:
        """Whether the grid is coarser than the frame."""
        return self.size_wh != (self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the part."""
        return slice(self.y, self.y + self.height), slice(self.x, self.x + self.width)

    def cut(self, image: NDArray[Any]) -> NDArray[Any]:
        """The part of an image (H, W) or (H, W, C) of the frame's size, on the grid; a copy."""
        part = image[self.slices]
        if not self.shrinks:
            return part.copy()
        out: NDArray[Any] = cv2.resize(part, self.size_wh, interpolation=cv2.INTER_AREA)
        return out

    def holds(self, box_xyxy: tuple[int, int, int, int]) -> bool:
        """Whether a box (first and one past the last column and row) lies inside the part."""
        x1, y1, x2, y2 = box_xyxy
        right, bottom = self.x + self.width, self.y + self.height
        return self.x <= x1 and self.y <= y1 and x2 <= right and y2 <= bottom

    def to(self, other: View) -> NDArray[np.float64]:
        """Where pixels of this grid lie on that of another view of the same frame: a (2, 3) matrix.

        Pixel centres count, as where pictures are resized.
        """
        rows = []
        for mine, its, start, its_start in zip(
            self.scale_xy, other.scale_xy, (self.x, self.y), (other.x, other.y), strict=True
        ):
            ratio = its / mine
            rows.append((ratio, 0.5 * ratio - 0.5 + (start - its_start) * its))
        (ax, bx), (ay, by) = rows
        return np.array([[ax, 0, bx], [0, ay, by]])


class Canvas:
    """Chooses the view of each frame of a video.

    Args:
        frame_wh: Width and height of the frames.
        pixels: Most pixels of the grid; None for whole frames whatever their size.
        margin: Grid pixels kept around the target, where the frame goes on.

    Raises:
        InputError: If there is not room for a pixel.
    """

    def __init__(self, frame_wh: tuple[int, int], pixels: int | None, margin: int) -> None:
        if pixels is not None and pixels < 1:
            raise InputError(f"a grid of {pixels} pixels was asked for; give 1 or more")
        self.frame_wh, self._margin = frame_wh, margin
        width, height = frame_wh
        shrink = 1.0 if pixels is None else min(1.0, math.sqrt(pixels / (width * height)))
        self.size_wh = (max(1, int(width * shrink)), max(1, int(height * shrink)))
        self._parts = [self.size_wh]
        while self._parts[-1] != frame_wh:
            factor = _STEP ** len(self._parts)
            w, h = (round(n * factor) for n in self.size_wh)
            self._parts.append((w, h) if w < width and h < height else frame_wh)

    @property
    def whole(self) -> bool:
        """Whether every frame is seen whole and at full resolution."""
        return self.size_wh == self.frame_wh

    def view(self, box_xyxy: tuple[int, int, int, int] | None, last: View | None = None) -> View:
        """The view of the next frame.

        Args:
            box_xyxy: Box of the target in it: first and one past the last column and row; None
                where it is not seen.
            last: The view of the frame before; it stays as long as it does.
        """
        if box_xyxy is None:
            return last or self._at(len(self._parts) - 1, (0.0, 0.0))
        level = next(k for k in range(len(self._parts)) if self._fits(k, box_xyxy))
        x1, y1, x2, y2 = box_xyxy
        centre = ((x1 + x2) / 2, (y1 + y2) / 2)
        if last is None:
            return self._at(level, centre)
        held = self._parts.index((last.width, last.height))
        # Two steps coarser than it must be, and a view is worth a change.
        kept = held if level <= held <= level + 1 else level
        if kept == held and last.holds(self._grown(held, box_xyxy)):
            return last
        return self._at(kept, centre)

    def _grown(self, level: int, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """The box with its margin, in the frame."""
        width, height = self.frame_wh
        margin = math.ceil(self._margin * self._parts[level][0] / self.size_wh[0])
        x1, y1, x2, y2 = box
        return (
            max(x1 - margin, 0),
            max(y1 - margin, 0),
            min(x2 + margin, width),
            min(y2 + margin, height),
        )

    def _fits(self, level: int, box: tuple[int, int, int, int]) -> bool:
        x1, y1, x2, y2 = self._grown(level, box)
        width, height = self._parts[level]
        return x2 - x1 <= width and y2 - y1 <= height

    def _at(self, level: int, centre: tuple[float, float]) -> View:
        part = self._parts[level]
        x, y = (
            min(max(round(c - side / 2), 0), whole - side)
            for c, side, whole in zip(centre, part, self.frame_wh, strict=True)
        )
        return View(x, y, *part, self.size_wh)


def flow_between(
    flow_hw2: NDArray[np.float32], seen: View, start: View, end: View
) -> NDArray[np.float32]:
    """Flow between the grids of two views.

    Args:
        flow_hw2: Flow from one frame to another, both through ``seen``, in its grid's pixels.
        seen: Where flow was found.
        start: The view of the first frame.
        end: The view of the second.

    Returns:
        float32 (h, w, 2): what is at x on the grid of ``start`` is at x + flow(x) on that of
        ``end``, in pixels of those grids. Beyond ``seen`` it is too far for any frame.
    """
    if start == seen == end:
        return flow_hw2
    width, height = start.size_wh
    to_seen, to_end = start.to(seen), seen.to(end)
    at_x = to_seen[0, 0] * np.arange(width) + to_seen[0, 2]
    at_y = to_seen[1, 1] * np.arange(height) + to_seen[1, 2]
    known = flow_hw2
    if start != seen:
        map_x = np.broadcast_to(at_x.astype(np.float32), (height, width))
        map_y = np.broadcast_to(at_y.astype(np.float32)[:, None], (height, width))
        maps = np.ascontiguousarray(map_x), np.ascontiguousarray(map_y)
        known = np.asarray(cv2.remap(flow_hw2, *maps, cv2.INTER_LINEAR), np.float32)
    out = np.empty((height, width, 2), dtype=np.float32)
    out[..., 0] = to_end[0, 0] * (at_x + known[..., 0]) + to_end[0, 2] - np.arange(width)
    rows = np.arange(height)[:, None]
    out[..., 1] = to_end[1, 1] * (at_y[:, None] + known[..., 1]) + to_end[1, 2] - rows
    out[:, (at_x < 0) | (at_x > seen.size_wh[0] - 1)] = _FAR
    out[(at_y < 0) | (at_y > seen.size_wh[1] - 1)] = _FAR
    return out


def merge(
    out_hw: NDArray[np.float32],
    view: View,
    after_hw: NDArray[np.float32],
    before_hw: NDArray[np.float32],
) -> None:
    """Write what a filter made of a mask on a grid into the mask at full resolution.

    Where the grid is the frame's own, its result counts. Where it is coarser, the full mask keeps
    its detail except near what changed.

    Args:
        out_hw: Mask of the frame, float32 (H, W); changed in place.
        view: What the filter saw.
        after_hw: The filtered mask on the grid, float32 (h, w).
        before_hw: What it would be had the filter changed nothing.
    """
    if not view.shrinks:
        out_hw[view.slices] = after_hw
        return
    change = (np.abs(after_hw - before_hw) > _CHANGED).astype(np.float32)
    x, y, w, h = cv2.boundingRect(change.astype(np.uint8))
    if not w:
        return
    scale_x, scale_y = view.scale_xy
    x1, x2 = max(int((x - 2) / scale_x), 0), min(math.ceil((x + w + 2) / scale_x), view.width)
    y1, y2 = max(int((y - 2) / scale_y), 0), min(math.ceil((y + h + 2) / scale_y), view.height)
    part = View(view.x + x1, view.y + y1, x2 - x1, y2 - y1, (x2 - x1, y2 - y1))
    share = np.asarray(cv2.dilate(change, np.ones((3, 3), np.uint8)), np.float32)
    target = out_hw[part.slices]
    target += _enlarged(share, view, part) * (_enlarged(after_hw, view, part) - target)


def _enlarged(soft_hw: NDArray[np.float32], view: View, part: View) -> NDArray[np.float32]:
    """What the grid of a view shows of a part of the frame, at full resolution."""
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    large = cv2.warpAffine(
        soft_hw, part.to(view), part.size_wh, flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(large, np.float32)
