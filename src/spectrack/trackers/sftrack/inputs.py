"""The input trackers, side by side in threads; one that fails is dropped, the rest goes on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial

import cv2
import numpy as np

from spectrack.flow.estimators import FlowPair
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW, Target
from spectrack.threads import side_by_side
from spectrack.tracking.base import Tracker
from spectrack.tracking.explanation import Hypothesis
from spectrack.tracking.runtime_settings import with_runtime
from spectrack.tracking.table import make_tracker, named, tracker_table


class Input:
    """One input tracker.

    Args:
        name: Of a tracker, with settings after a colon where they are not the usual ones
            (``rts:weights=rts.safetensors;presence=0.2``), or a file of boxes or folder of masks.
        longest: A box tracker sees frames whose longer side has at most this many pixels.
        runtime: What runs its networks, where it knows more than one; its own setting goes before.
    """

    def __init__(self, name: str, longest: int, runtime: str = "torch") -> None:
        self.name, self._longest = name, longest
        kind, settings = named(name)
        self.restarts = kind in tracker_table()
        """Whether it can be started again in any frame: not where its answers come from files."""
        if self.restarts:
            settings = with_runtime(kind, settings, runtime)
        self._make: Callable[[], Tracker] = (
            (lambda: make_tracker(kind, **settings))
            if self.restarts
            else (lambda: make_tracker("external", path=name))
        )
        entry = tracker_table()[kind] if self.restarts else None
        self._shrinks = entry is not None and entry.gives == "boxes" and not entry.looks_at_crops
        self._masks = entry is not None and entry.gives == "masks"
        self._scale = 1.0
        self._tracker = self._make()
        self.failed = False
        self.counts_frames: bool = self._tracker.counts_frames
        self.side_by_side: bool = self._tracker.side_by_side

    @property
    def gives_masks(self) -> bool:
        """Whether its answers are masks, not boxes alone."""
        return self._masks

    @property
    def carries_masks(self) -> bool:
        """Whether it goes on from a mask it is given, without starting again."""
        return self._tracker.carries_masks

    def init(self, frame_hwc: FrameHWC, target: Target) -> Hypothesis | None:
        """Start, or start again."""
        if self._shrinks:
            self._scale = min(1.0, self._longest / max(frame_hwc.shape[:2]))
            target = Target(_scaled(target.box, self._scale))
        self._tracker = self._make()
        return self._ask(lambda: self._tracker.init(self._seen(frame_hwc), target))

    def prepare(self, frame_hwc: FrameHWC) -> None:
        """Do ahead what can be done on all processors; see :meth:`Tracker.prepare`."""
        if self._scale == 1:  # else it sees another array each time
            self._ask(lambda: self._tracker.prepare(frame_hwc))

    def update(self, frame_hwc: FrameHWC) -> Hypothesis | None:
        """Its answer for the next frame; None where it sees nothing."""
        return self._ask(lambda: self._tracker.update(self._seen(frame_hwc)))

    def correct(self, frame_hwc: FrameHWC, soft_hw: SoftHW) -> None:
        """Go on from the fused mask of the frame just seen, if it carries one."""
        if self.carries_masks:
            seen = self._seen(frame_hwc)
            size_wh = (seen.shape[1], seen.shape[0])
            soft = soft_hw if self._scale == 1 else cv2.resize(soft_hw, size_wh)
            self._ask(lambda: self._tracker.correct(seen, np.asarray(soft, np.float32)))

    def flow_pair(self) -> FlowPair | None:
        """Optical flow it found between the last two frames, if it is of the kind that does."""
        return None if self.failed else self._tracker.flow_pair()

    def _seen(self, frame_hwc: FrameHWC) -> FrameHWC:
        if self._scale == 1:
            return frame_hwc
        size = tuple(max(1, round(n * self._scale)) for n in frame_hwc.shape[1::-1])
        return np.asarray(cv2.resize(frame_hwc, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _ask(self, verb: Callable[[], Prediction | None]) -> Hypothesis | None:
        if self.failed:
            return None
        try:
            answer = verb()
        except Exception as error:
            # Whatever goes wrong inside another tracker must not end the run.
            self.failed = True
            warnings.warn(
                f"input {self.name} failed ({error}) and is left out from here on",
                RuntimeWarning,
                stacklevel=2,
            )
            return None
        if answer is None or not answer.found or answer.box is None or answer.box.area <= 0:
            return None
        soft = answer.mask
        if soft is None:
            return Hypothesis(_scaled(answer.box, 1 / self._scale))
        bytes_hw = np.multiply(soft, np.float32(255), dtype=np.float32)
        return Hypothesis(answer.box, np.rint(bytes_hw, out=bytes_hw).astype(np.uint8))


def seen_side(box: Box, size_wh: tuple[int, int], longest: int) -> float:
    """Square root of a box's area in the frames that box trackers see, pixels.

    Args:
        box: In the frame.
        size_wh: Of the frame.
        longest: See :class:`Input`.
    """
    return min(1.0, longest / max(size_wh)) * float(np.sqrt(box.area))


class InputPool:
    """All inputs, asked at the same time.

    Args:
        names: See :class:`Input`.
        longest: See :class:`Input`.
        runtime: See :class:`Input`.
    """

    def __init__(self, names: Sequence[str], longest: int, runtime: str = "torch") -> None:
        self.inputs = [Input(name, longest, runtime) for name in names]

    def init(self, frame_hwc: FrameHWC, target: Target) -> list[Hypothesis | None]:
        """Start all on a frame."""
        return side_by_side([partial(one.init, frame_hwc, target) for one in self.inputs])

    def flow_pair(self) -> FlowPair | None:
        """Optical flow between the last two frames that one of them found anyway, if any."""
        return next((pair for one in self.inputs if (pair := one.flow_pair()) is not None), None)

    def update(
        self, frame_hwc: FrameHWC, then: Callable[[int, Hypothesis], None] | None = None
    ) -> list[Hypothesis | None]:
        """The answers of all for the next frame, in their order.

        Args:
            frame_hwc: uint8 RGB.
            then: Called with an input's place and its answer as soon as that is there, on the
                input's thread.
        """
        for one in self.inputs:
            one.prepare(frame_hwc)

        def ask(place: int, one: Input) -> Hypothesis | None:
            answer = one.update(frame_hwc)
            if then is not None and answer is not None:
                then(place, answer)
            return answer

        return side_by_side([partial(ask, *one) for one in enumerate(self.inputs)])


def _scaled(box: Box, factor: float) -> Box:
    return Box(box.x * factor, box.y * factor, box.w * factor, box.h * factor)
