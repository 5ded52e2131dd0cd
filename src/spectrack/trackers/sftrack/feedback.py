"""What goes back from the fused mask to the inputs: who goes on from it, and who starts again."""

from __future__ import annotations

import math
from collections.abc import Sequence

from spectrack.structures import Box, FrameHWC, SoftHW, Target
from spectrack.trackers.sftrack.boxes import BoxReader
from spectrack.trackers.sftrack.inputs import Input
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.tracking.colour import robust_box
from spectrack.tracking.explanation import Hypothesis

RESIZED = 0.25
"""Logarithm of a box's area against the usual one from which on it may hold but a half."""

RESIZES = 0.02
"""How fast the usual area of boxes follows, a frame."""


class Feedback:
    """Leads the inputs of one target.

    Args:
        settings: ``steady``, ``contradicted`` and ``overlap`` count.
        inputs: The inputs.
        read_box: Knows how the first frame's box was drawn.
        box: Of the mask of the first frame.
        size_wh: Of the frames.
    """

    def __init__(
        self,
        settings: SFTrackSettings,
        inputs: Sequence[Input],
        read_box: BoxReader,
        box: Box,
        size_wh: tuple[int, int],
    ) -> None:
        self._settings, self._inputs = settings, inputs
        self._read_box, self._size_wh = read_box, size_wh
        self.usual = box.area
        """Area that the box of the mask usually has,"""
        self.usual_drawn = read_box.draw(box).area
        """and one that is drawn as the first frame's was."""
        self._doubted = [0] * len(inputs)

    def __call__(
        self,
        frame_hwc: FrameHWC,
        soft_hw: SoftHW,
        hypotheses: Sequence[Hypothesis | None],
        lost: bool,
    ) -> tuple[str, ...]:
        """Let the inputs go on from what was found.

        An input that carries a mask goes on from it in every frame where the settings want them
        steady; another one where it was contradicted so many frames in a row, or the target is
        found again.

        Args:
            frame_hwc: uint8 RGB.
            soft_hw: The fused mask, float32 (H, W) in [0, 1].
            hypotheses: The answer of each input.
            lost: Whether the target was lost until this frame.

        Returns:
            The names of those that had to.
        """
        s, hard = self._settings, soft_hw >= 0.5
        tight = robust_box(hard)
        if tight is None:
            return ()
        change = (max(tight.area, 1.0) / max(self.usual, 1.0)) ** RESIZES
        self.usual, self.usual_drawn = self.usual * change, self.usual_drawn * change
        restarted = []
        for k, (one, hypothesis) in enumerate(zip(self._inputs, hypotheses, strict=True)):
            if one.failed or not one.restarts:
                continue
            goes_on = one.carries_masks and (one.gives_masks or self.fits_better(tight, hypothesis))
            if s.steady and goes_on:
                self.lead(one, frame_hwc, soft_hw, tight)
                self._doubted[k] = 0
                continue
            off = hypothesis is None or hypothesis.box.iou(tight) < s.overlap
            self._doubted[k] = self._doubted[k] + 1 if off else 0
            if lost or self._doubted[k] >= s.contradicted:
                self._doubted[k] = 0
                restarted.append(one.name)
                if one.carries_masks:
                    self.lead(one, frame_hwc, soft_hw, tight)
                else:
                    one.init(frame_hwc, Target(tight, hard))
        return tuple(restarted)

    def begin_again(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Let all go on from a mask of a frame not seen; box trackers keep what they know.

        Args:
            frame_hwc: uint8 RGB.
            soft_hw: The mask, float32 (H, W) in [0, 1].
        """
        hard = soft_hw >= 0.5
        tight = robust_box(hard)
        self._doubted = [0] * len(self._inputs)
        if tight is None:
            return
        for one in self._inputs:
            if one.failed or not one.restarts:
                continue
            if one.gives_masks or not one.carries_masks:
                one.init(frame_hwc, Target(tight, hard))
            else:
                self.lead(one, frame_hwc, soft_hw, tight)

    def fits_better(self, tight: Box, hypothesis: Hypothesis | None) -> bool:
        """Whether the mask's box is nearer to the target's usual size than an input's own.

        A box tracker keeps one half of a target that is half hidden, and a mask may spread onto
        what the target is a part of: the one that keeps the size is right.

        Args:
            tight: Box of the fused mask.
            hypothesis: The input's answer.
        """
        if hypothesis is None:
            return True
        own = _off(hypothesis.box.area, self.usual_drawn)
        return own > RESIZED and _off(tight.area, self.usual) < own

    def lead(self, one: Input, frame_hwc: FrameHWC, soft_hw: SoftHW, tight: Box) -> None:
        """Let an input go on from the mask; a box tracker from its box, drawn as the first was.

        Args:
            one: The input.
            frame_hwc: uint8 RGB.
            soft_hw: The mask.
            tight: Its box.
        """
        if not one.gives_masks:
            soft_hw = self._read_box.draw(tight).fill(self._size_wh).astype("float32")
        one.correct(frame_hwc, soft_hw)


def _off(area: float, usual: float) -> float:
    """How far an area is from the usual one, either way."""
    return abs(math.log(max(area, 1.0) / max(usual, 1.0)))
