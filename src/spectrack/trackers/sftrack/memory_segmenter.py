"""Masks of hypotheses by the network of masks in boxes, which remembers the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.trackers.sftrack.first import FirstMask
from spectrack.trackers.sftrack.hidden_parts import HiddenParts
from spectrack.trackers.sftrack.segmenter import CroppedChannels
from spectrack.tracking.appearance import ColourModel
from spectrack.tracking.colour import robust_box
from spectrack.tracking.explanation import Hypothesis
from spectrack.tracking.looks import Hint
from spectrack.tracking.mask_in_box import BoxSegmenter, Seen
from spectrack.tracking.sharpness import sharpness

SURE = 0.75
"""Masks that promise a J below this are not remembered."""


class MemorySegmenter:
    """Turns hypotheses into masks, with a memory of the target; in place of NN_feat2seg.

    Args:
        segment: The network, with a memory of its own.
        hidden: Whether :meth:`completed` looks for parts of the target.
    """

    def __init__(self, segment: BoxSegmenter, hidden: bool = True) -> None:
        self._segment, self._looks_on = segment, hidden
        self._boxes: list[Box] = []
        self._begun: dict[int, list[Seen]] = {}
        self._hidden: HiddenParts | None = None

    def find(self, frame_hwc: FrameHWC, box: Box) -> FirstMask:
        """Mask of the thing in the box of a first frame."""
        looks = self._segment.looks(frame_hwc, box)
        return FirstMask(self._segment.joined(looks, box), looks[0], looks[1] >= 0.5)

    def start(self, frame_hwc: FrameHWC, soft_hw: SoftHW, box: Box) -> None:
        """Remember the first frame and nothing else."""
        if self._looks_on:
            self._hidden = HiddenParts(robust_box(soft_hw >= 0.5) or box)
        self._segment.start(frame_hwc, soft_hw, box)

    def recall(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Remember a later frame beside the first one."""
        self._segment.recall(frame_hwc, soft_hw)

    def remember(self, soft_hw: SoftHW, box: Box) -> None:
        """Keep the frame just segmented with the mask that was believed, if it is sure of itself.

        Args:
            soft_hw: float32 (H, W) in [0, 1].
            box: Of the mask.
        """
        if self._boxes and sharpness(soft_hw) >= SURE:
            place = int(np.argmax([one.iou(box) for one in self._boxes]))
            self._segment.remember(soft_hw, place)

    def completed(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> SoftHW:
        """The mask just made, with parts of the target that show beyond what hides it.

        Args:
            frame_hwc: uint8 RGB.
            soft_hw: float32 (H, W) in [0, 1], not empty.
        """
        box = robust_box(soft_hw >= 0.5)
        if box is None or self._hidden is None:
            return soft_hw
        larger = self._hidden.larger(box)
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        if larger is not None:
            seen = self._segment.look_again(frame_hwc, Hint(larger))
            self._boxes.append(larger)
            whole = self._hidden.added(soft_hw, seen.in_frame(size_wh))
            if whole is not soft_hw:
                soft_hw, box = whole, robust_box(whole >= 0.5) or box
        self._hidden.follow(box)
        return soft_hw

    def begin(self, frame_hwc: FrameHWC, place: int, hypothesis: Hypothesis) -> None:
        """Look at the hypothesis of an input while others are still at work, on its thread.

        Args:
            frame_hwc: uint8 RGB; the next call is for the same frame.
            place: Of the input.
            hypothesis: Its answer.
        """
        if _touches(hypothesis, frame_hwc):
            hint = Hint(hypothesis.box, hypothesis.soft_hw)
            self._begun[place] = self._segment.begin(frame_hwc, hint, place)

    def __call__(
        self,
        frame_hwc: FrameHWC,
        hypotheses: Sequence[Hypothesis | None],
        colours: ColourModel | None,
    ) -> CroppedChannels | None:
        """Masks of all hypotheses of a frame; None where there are none.

        Args:
            frame_hwc: uint8 RGB.
            hypotheses: One an input; None where it sees nothing.
            colours: Unused; the network's own colours are learned by :meth:`remember`.
        """
        del colours
        there = [h if h is not None and _touches(h, frame_hwc) else None for h in hypotheses]
        hints = [Hint(h.box, h.soft_hw) for h in there if h is not None]
        self._boxes = [hint.box for hint in hints]
        begun, self._begun = [one for _, one in sorted(self._begun.items())], {}
        if not hints:
            return None
        found = self._segment.segment(frame_hwc, hints, begun or None)
        rows = slice(min(f.rows.start for f in found), max(f.rows.stop for f in found))
        cols = slice(min(f.cols.start for f in found), max(f.cols.stop for f in found))
        if rows.stop <= rows.start or cols.stop <= cols.start:
            return None
        shape = (len(there), rows.stop - rows.start, cols.stop - cols.start)
        out = np.zeros(shape, dtype=np.uint8)
        places = [k for k, h in enumerate(there) if h is not None]
        for k, one in zip(places, found, strict=True):
            y, x = one.rows.start - rows.start, one.cols.start - cols.start
            height, width = one.soft_hw.shape
            out[k, y : y + height, x : x + width] = np.rint(255 * one.soft_hw)
        present = np.array([h is not None for h in there])
        return CroppedChannels(out, present, rows, cols)


def _touches(hypothesis: Hypothesis, frame_hwc: FrameHWC) -> bool:
    size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
    return hypothesis.box.area > 0 and hypothesis.box.clip(size_wh) is not None
