"""Masks from clicks: points that are on a thing, and points that are not.

The network of masks in boxes takes clicks as hints, but it wants a box. Where none is given, boxes
of several sizes about the clicks are tried, and one is looked for that is the box of its own mask:
it is laid about the mask it led to, again and again, until it stays. Where the answer does not obey
a click after all, the pixels around it that have its colour are given to its side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.networks.mask_in_box import MaskInBox
from spectrack.structures import Box, FrameHWC, HardHW, SoftHW
from spectrack.tracking.colour import robust_box, stretched_lab
from spectrack.tracking.looks import Hint, Points
from spectrack.tracking.mask_in_box import BoxSegmenter, shared_mask_in_box
from spectrack.tracking.sharpness import sharpness

SIZES = (0.15, 0.27, 0.45, 0.75)
"""Sides of the boxes that are tried, in sides of the frame."""
SHAPES = (0.5, 1.0, 2.0)
"""Their widths over their heights."""
ROUNDS, BEST = 2, 3
"""How often the best boxes are laid about their masks, and how many of them."""
ALIKE = 12.0
"""How far colours may differ from that under a click, in Lab, to go to its side."""
REACH = 0.15
"""How far from a click, in sides of the box."""


@dataclass(frozen=True, slots=True)
class Point:
    """A click.

    Attributes:
        x: Pixels from the left edge.
        y: Pixels from the top edge.
        wanted: Whether the thing is there; else it is background.
    """

    x: float
    y: float
    wanted: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class _Try:
    """A box, the mask that it led to, and how much speaks for it."""

    box: Box
    soft_hw: SoftHW
    worth: float


class PointSegmenter:
    """Makes masks from clicks, or corrects them.

    Args:
        network: Trained; the shipped one where left out.

    Raises:
        InputError: If the shipped weights cannot be read.
    """

    def __init__(self, network: MaskInBox | None = None) -> None:
        self._segment = BoxSegmenter(network or shared_mask_in_box())

    def __call__(
        self,
        frame_hwc: FrameHWC,
        points: Sequence[Point],
        box: Box | None = None,
        mask_hw: HardHW | None = None,
    ) -> SoftHW:
        """The mask of what is clicked on.

        Args:
            frame_hwc: uint8 RGB (H, W, 3).
            points: Clicks, all inside the frame; one on the thing at least, unless there is a box
                or a mask.
            box: Around the thing, if it is known.
            mask_hw: A mask to be corrected, bool (H, W).

        Returns:
            float32 (H, W) in [0, 1], foreground from one half; it obeys every click.

        Raises:
            InputError: If clicks lie outside, contradict each other or are too few.
        """
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        wanted, unwanted = checked(points, size_wh, box is None and mask_hw is None)
        known = None if mask_hw is None or not mask_hw.any() else mask_hw
        if box is None and known is not None:
            box = _holding(robust_box(known), wanted, size_wh)
        if known is not None and box is not None:
            found = self._corrected(frame_hwc, box, wanted, unwanted, known)
        elif box is not None:
            found = self._look(frame_hwc, box, wanted, unwanted)
        else:
            found = self._searched(frame_hwc, wanted, unwanted)
        return obeying(frame_hwc, found.soft_hw, points, found.box)

    def _look(
        self,
        frame_hwc: FrameHWC,
        box: Box,
        wanted: Points,
        unwanted: Points,
        mask_hw: HardHW | None = None,
    ) -> _Try:
        carried = None if mask_hw is None else mask_hw.astype(np.uint8) * np.uint8(255)
        hint = Hint(box, carried, wanted, unwanted)
        looks = self._segment.looks(frame_hwc, box, hint)
        soft_hw: SoftHW = np.mean(looks, axis=0).astype(np.float32)
        return _Try(box, soft_hw, worth(soft_hw, box, wanted, unwanted))

    def _corrected(
        self, frame_hwc: FrameHWC, box: Box, wanted: Points, unwanted: Points, known: HardHW
    ) -> _Try:
        """The better of two: from the mask that is wrong, and without it, in two boxes."""
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        tried = [
            self._look(frame_hwc, box, wanted, unwanted, known),
            self._look(frame_hwc, box, wanted, unwanted),
        ]
        best = max(tried, key=lambda one: one.worth)
        laid = _holding(robust_box(best.soft_hw >= 0.5), wanted, size_wh)
        if laid is not None and laid.iou(box) < 0.9:
            tried.append(self._look(frame_hwc, laid, wanted, unwanted))
        return max(tried, key=lambda one: one.worth)

    def _searched(self, frame_hwc: FrameHWC, wanted: Points, unwanted: Points) -> _Try:
        """The best of several boxes."""
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        tried = self._quick(frame_hwc, boxes_about(wanted, size_wh), wanted, unwanted)
        for _ in range(ROUNDS):
            best = sorted(tried, key=lambda one: -one.worth)[:BEST]
            laid = [_holding(robust_box(one.soft_hw >= 0.5), wanted, size_wh) for one in best]
            boxes = [box for box in laid if box is not None]
            tried = best + (self._quick(frame_hwc, boxes, wanted, unwanted) if boxes else [])
        last = max(tried, key=lambda one: one.worth)
        return self._look(frame_hwc, last.box, wanted, unwanted)

    def _quick(
        self, frame_hwc: FrameHWC, boxes: Sequence[Box], wanted: Points, unwanted: Points
    ) -> list[_Try]:
        """One look only at each box."""
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        hints = [Hint(box, None, wanted, unwanted) for box in boxes]
        found = []
        for box, seen in zip(boxes, self._segment.segment(frame_hwc, hints), strict=True):
            soft_hw = seen.in_frame(size_wh)
            found.append(_Try(box, soft_hw, worth(soft_hw, box, wanted, unwanted)))
        return found


def checked(
    points: Sequence[Point], size_wh: tuple[int, int], needs_one: bool
) -> tuple[Points, Points]:
    """Clicks on the thing and on the background.

    Raises:
        InputError: If one lies outside the frame, two at one place contradict each other, or none
            is on the thing although ``needs_one``.
    """
    width, height = size_wh
    for p in points:
        if not (0 <= p.x < width and 0 <= p.y < height):
            raise InputError(
                f"point {p.x:g},{p.y:g} lies outside the {width}x{height} frame; give one inside"
            )
    wanted = tuple((p.x, p.y) for p in points if p.wanted)
    unwanted = tuple((p.x, p.y) for p in points if not p.wanted)
    both = {(int(x), int(y)) for x, y in wanted} & {(int(x), int(y)) for x, y in unwanted}
    if both:
        x, y = min(both)
        raise InputError(f"point {x},{y} was given as thing and as background; give one of them")
    if needs_one and not wanted:
        raise InputError("no point on the thing was given; give at least one, or its box or mask")
    return wanted, unwanted


def boxes_about(wanted: Points, size_wh: tuple[int, int]) -> list[Box]:
    """Boxes of several sizes and shapes about clicks, cut to the frame, each holding all."""
    xs, ys = zip(*wanted, strict=True)
    cx, cy, side = float(np.mean(xs)), float(np.mean(ys)), float(np.sqrt(size_wh[0] * size_wh[1]))
    found: list[Box] = []
    for size in SIZES:
        for shape in SHAPES:
            w, h = size * side * np.sqrt(shape), size * side / np.sqrt(shape)
            box = _holding(Box(cx - w / 2, cy - h / 2, float(w), float(h)), wanted, size_wh)
            if box is not None and all(box.iou(other) < 0.95 for other in found):
                found.append(box)
    return found


def worth(soft_hw: SoftHW, box: Box, wanted: Points, unwanted: Points) -> float:
    """How much speaks for a mask: it is sure of itself, fills its box and obeys the clicks.

    Returns:
        In [0, 1]: the J that it promises, times the IoU of its box and the box it was looked for
        in, times the least of what it says for any click.
    """
    tight = robust_box(soft_hw >= 0.5)
    if tight is None:
        return 0.0
    right = [float(soft_hw[int(y), int(x)]) for x, y in wanted]
    right += [1 - float(soft_hw[int(y), int(x)]) for x, y in unwanted]
    return sharpness(soft_hw) * tight.iou(box) * min(right, default=1.0)


def obeying(frame_hwc: FrameHWC, soft_hw: SoftHW, points: Sequence[Point], box: Box) -> SoftHW:
    """The mask with every click obeyed.

    Where it does not, the pixels about the click that have its colour and hang together with it go
    to its side.

    Args:
        frame_hwc: uint8 RGB (H, W, 3).
        soft_hw: float32 (H, W) in [0, 1].
        points: Clicks, inside the frame.
        box: Of the thing; how far a click reaches goes by its sides.
    """
    wrong = [p for p in points if (soft_hw[int(p.y), int(p.x)] >= 0.5) != p.wanted]
    if not wrong:
        return soft_hw
    out = soft_hw.copy()
    lab_hwc = stretched_lab(frame_hwc, 2.0).astype(np.float32)
    radius = max(3.0, REACH * float(np.sqrt(max(box.area, 1.0))))
    for p in wrong:
        others = [(q.x, q.y) for q in points if q.wanted != p.wanted]
        region = _alike(lab_hwc, int(p.x), int(p.y), radius) & _nearest(out.shape, p, others)
        value = out[region]
        out[region] = np.maximum(value, 0.75) if p.wanted else np.minimum(value, 0.25)
    return out


def _alike(lab_hwc: NDArray[np.float32], x: int, y: int, radius: float) -> HardHW:
    """Pixels within a radius of a click that have its colour and hang together with it."""
    height, width = lab_hwc.shape[:2]
    around = lab_hwc[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(-1, 3)
    like = (np.abs(lab_hwc - np.median(around, axis=0)).max(axis=2) <= ALIKE).astype(np.uint8)
    disc = np.zeros((height, width), np.uint8)
    cv2.circle(disc, (x, y), round(radius), 1, -1)
    like &= disc
    cv2.circle(like, (x, y), 1, 1, -1)
    _, labels = cv2.connectedComponents(like)
    region: HardHW = np.asarray(labels == labels[y, x])
    return region


def _nearest(
    shape_hw: tuple[int, ...], point: Point, others: Sequence[tuple[float, float]]
) -> HardHW:
    """Pixels nearer to a click than to any of the other kind."""
    rows, cols = np.ogrid[: shape_hw[0], : shape_hw[1]]
    own = (rows - int(point.y)) ** 2 + (cols - int(point.x)) ** 2
    near = np.ones(shape_hw, dtype=bool)
    for x, y in others:
        near &= own < (rows - int(y)) ** 2 + (cols - int(x)) ** 2
    return near


def _holding(box: Box | None, wanted: Points, size_wh: tuple[int, int]) -> Box | None:
    """A box grown to hold clicks with a pixel around them, cut to the frame."""
    if box is None:
        return None
    xs, ys = [x for x, _ in wanted], [y for _, y in wanted]
    x1, y1, x2, y2 = box.xyxy
    grown = Box.from_xyxy(
        min([x1, *(x - 1 for x in xs)]),
        min([y1, *(y - 1 for y in ys)]),
        max([x2, *(x + 2 for x in xs)]),
        max([y2, *(y + 2 for y in ys)]),
    )
    return grown.clip(size_wh)
