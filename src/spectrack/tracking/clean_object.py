"""One object's masks through the spectral filter, in a window of bounded size about it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.flow.estimators import FlowEstimator
from spectrack.flow.local import CONTEXT, around, flow_pair
from spectrack.spectral.doubt import DoubtMeter
from spectrack.spectral.guided.canvas import FAINT, Canvas, View, flow_between, merge
from spectrack.spectral.guided.enlarged import stream_for
from spectrack.spectral.guided.settings import GuidedSettings
from spectrack.spectral.guided.stream import GuidedStream
from spectrack.structures import Box, FrameHWC, HardHW, Prediction, SoftHW
from spectrack.tracking.colour import joined_box, robust_box

BoxOfMask = Callable[[SoftHW], Box | None]
"""From a soft mask, float32 (H, W), to its box."""

SLACK = 12
"""Grid pixels beyond the filter's reach that a window is larger, so that it need not move."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A frame inside the filter: the answer without its mask, and its mask.

    Args:
        answer: The tracker's; it still holds its mask where frames are seen whole.
        view: What the filter sees of the frame.
        soft_hw: The mask as it sees it, (h, w) in [0, 1].
        area: Rows and columns of the frame outside of which the mask is 0.
        packed_hw: The mask there, 255 for 1; None where the answer still holds it, or has none.
        fixed: Whether the mask is known and stays.
    """

    answer: Prediction
    view: View
    soft_hw: SoftHW
    area: tuple[slice, slice]
    packed_hw: NDArray[np.uint8] | None
    fixed: bool = False

    @property
    def absent(self) -> bool:
        """Whether the object is not there: there was nothing to be asked."""
        return self.packed_hw is None and self.answer.absent


class ObjectCleaner:
    """Makes the masks of one object consistent; see :class:`spectrack.tracking.cleaning.Cleaner`.

    Args:
        size_wh: Width and height of the frames.
        settings: The recipe.
        flow: How to find flow.
        pixels: Most pixels of the window on its grid; None for whole frames.
        keep_first: Whether the first mask stays as it is; it comes with the first answer that
            does not say that the object is not there.
        keep_boxes: Whether boxes stay the tracker's, grown where the cleaned mask reaches further.
        box_of_mask: The tracker's rule from a soft mask to a box, where it has one; the box of the
            first frame is kept as with ``keep_boxes``.
    """

    def __init__(
        self,
        size_wh: tuple[int, int],
        settings: GuidedSettings,
        flow: FlowEstimator,
        pixels: int | None,
        *,
        keep_first: bool,
        keep_boxes: bool,
        box_of_mask: BoxOfMask | None = None,
    ) -> None:
        self.meter = DoubtMeter()
        self._size, self._flow = size_wh, flow
        self._keep_first, self._keep_boxes = keep_first, keep_boxes
        self._box_of_mask = box_of_mask
        self._margin = settings.reach + CONTEXT
        self._rise = np.float32((1 - settings.level) / settings.level)
        self._canvas = Canvas(size_wh, pixels, settings.reach + SLACK)
        self._stream = (
            stream_for(size_wh, settings)
            if self._canvas.whole
            else GuidedStream(self._canvas.size_wh, 1, settings)
        )
        self._waiting: deque[_Waiting] = deque()
        self._newest: _Waiting | None = None
        self._begun = False

    def push(
        self,
        last_hwc: FrameHWC | None,
        frame_hwc: FrameHWC,
        answer: Prediction,
        fixed: bool = False,
    ) -> list[Prediction]:
        """Take the answer for the next frame; the cleaned ones that are ready.

        Args:
            last_hwc: The frame before; None for the first one.
            frame_hwc: uint8 RGB of shape (H, W, 3).
            answer: The tracker's.
            fixed: Whether its mask is known: it stays as it is, and the filter draws the masks of
                the frames beside it to it.
        """
        last, new = self._newest, replace(self._seen(answer), fixed=fixed)
        seen_hwc = new.view.cut(frame_hwc)
        forward = backward = None
        if last is not None and last_hwc is not None:
            view, last_soft = new.view, last.soft_hw
            if last.view != view:
                moved = cv2.warpAffine(last_soft, last.view.to(view), view.size_wh)
                last_soft = np.asarray(moved, np.float32)
            area = around([last_soft, new.soft_hw], self._margin)
            pair = flow_pair(self._flow, view.cut(last_hwc), seen_hwc, area)
            forward = flow_between(pair.forward_hw2, view, last.view, view)
            backward = flow_between(pair.backward_hw2, view, view, last.view)
        self._newest = new
        self._waiting.append(new)
        ready = self._stream.push(seen_hwc, new.soft_hw[None], forward, backward, fixed)
        return [self._cleaned(soft_mhw[0]) for soft_mhw in ready]

    def flush(self) -> Iterator[Prediction]:
        """The frames still inside, one at a time: a full mask may be large."""
        for soft_mhw in self._stream.flush():
            yield self._cleaned(soft_mhw[0])

    def _seen(self, answer: Prediction) -> _Waiting:
        """The next frame's answer, its mask packed and as the filter sees it."""
        width, height = self._size
        soft = np.zeros((height, width), np.float32) if answer.mask is None else answer.mask
        if self._canvas.whole:
            whole = (slice(0, height), slice(0, width))
            view = self._canvas.view(None)
            return _Waiting(answer, view, np.clip(soft.astype(np.float32), 0, 1), whole, None)
        if answer.mask is None:
            view = self._canvas.view(None, None if self._newest is None else self._newest.view)
            nothing = np.zeros(self._canvas.size_wh[::-1], np.float32)
            return _Waiting(answer, view, nothing, (slice(0, 0), slice(0, 0)), None)
        box = Box.from_mask(soft if soft.dtype == np.bool_ else soft >= FAINT)
        area = (slice(0, 0), slice(0, 0)) if box is None else box.slices(self._size)
        packed = np.empty((0, 0), np.uint8)
        if box is not None:
            packed = np.asarray(
                cv2.convertScaleAbs(soft[area].astype(np.float32), alpha=255), np.uint8
            )
        (rows, cols), last = area, None if self._newest is None else self._newest.view
        corners = None if box is None else (cols.start, rows.start, cols.stop, rows.stop)
        view = self._canvas.view(corners, last)
        seen = np.zeros((view.height, view.width), np.uint8)
        if box is not None:
            _paste(packed, area, seen, view)
        seen_hw = View(0, 0, view.width, view.height, view.size_wh).cut(seen)
        small = seen_hw.astype(np.float32) / np.float32(255)
        return _Waiting(replace(answer, mask=None), view, small, area, packed)

    def _cleaned(self, soft_hw: SoftHW) -> Prediction:
        """The answer for the oldest frame inside, from its filtered mask."""
        waiting = self._waiting.popleft()
        answer = waiting.answer
        if waiting.absent:
            self.meter.skip()
            return answer
        first, self._begun = not self._begun, True
        given = waiting.fixed or (first and self._keep_first)
        kept = given or not answer.found or not (soft_hw >= 0.5).any()
        scale_x, scale_y = waiting.view.scale_xy
        after = waiting.soft_hw if kept else soft_hw
        self.meter.add(waiting.soft_hw >= 0.5, after, 1 / (scale_x * scale_y))
        if kept:
            return answer if waiting.packed_hw is None else replace(answer, mask=self._own(waiting))
        full, area = (
            (soft_hw, waiting.area) if waiting.packed_hw is None else self._full(waiting, soft_hw)
        )
        return Prediction(self._box(answer.box, full, area, first), full, answer.score, True)

    def _box(
        self, given: Box | None, soft_hw: SoftHW, area: tuple[slice, slice], first: bool
    ) -> Box | None:
        """The box that goes with a cleaned mask, which is 0 outside an area."""
        rule, part = self._box_of_mask, soft_hw[area]
        hard: HardHW = part >= 0.5
        if rule is not None and not (first and given is not None):
            return _shifted(rule(part), area)
        held = _shifted(robust_box(hard), area)
        keeps = given is not None and (rule is not None or self._keep_boxes)
        return joined_box(given, held) if keeps else held

    def _own(self, waiting: _Waiting) -> SoftHW:
        """The tracker's mask, unpacked: float32 (H, W)."""
        out = np.zeros(self._size[::-1], dtype=np.float32)
        if waiting.packed_hw is not None and waiting.packed_hw.size:
            np.multiply(waiting.packed_hw, np.float32(1 / 255), out=out[waiting.area])
        return out

    def _full(self, waiting: _Waiting, soft_hw: SoftHW) -> tuple[SoftHW, tuple[slice, slice]]:
        """The filtered mask at full resolution, and rows and columns outside of which it is 0.

        Where the window is shrunk, the tracker's mask keeps its detail except near what changed.
        """
        out, view = self._own(waiting), waiting.view
        out[waiting.area] = self._raised(out[waiting.area])
        rows, cols = view.slices
        if not view.shrinks:
            out[rows, cols] = soft_hw
        else:
            merge(out, view, soft_hw, self._raised(waiting.soft_hw))
        return out, _union(waiting.area, view.slices)

    def _raised(self, soft: SoftHW) -> SoftHW:
        """The curve of the filter that moves its level to one half, for masks it has not seen."""
        raised: SoftHW = self._rise * soft / (1 + (self._rise - 1) * soft)
        return raised


def _paste(
    packed: NDArray[np.uint8], area: tuple[slice, slice], out: NDArray[np.uint8], view: View
) -> None:
    """Write what lies in an area of the frame into the part of it that a view shows."""
    rows, cols = (
        slice(max(a.start, v.start), min(a.stop, v.stop))
        for a, v in zip(area, view.slices, strict=True)
    )
    if rows.start < rows.stop and cols.start < cols.stop:
        out[_moved(rows, -view.y), _moved(cols, -view.x)] = packed[
            _moved(rows, -area[0].start), _moved(cols, -area[1].start)
        ]


def _shifted(box: Box | None, area: tuple[slice, slice]) -> Box | None:
    """A box of an area, in the frame."""
    rows, cols = area
    return None if box is None else Box(box.x + cols.start, box.y + rows.start, box.w, box.h)


def _moved(span: slice, by: int) -> slice:
    return slice(span.start + by, span.stop + by)


def _union(one: tuple[slice, slice], other: tuple[slice, slice]) -> tuple[slice, slice]:
    """The smallest area that holds two; an empty first one does not count."""
    if one[0].start == one[0].stop:
        return other
    rows, cols = (
        slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, cols
