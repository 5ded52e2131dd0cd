"""The input trackers, side by side in threads; one that fails is dropped, the rest goes on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

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
        longest: A box tracker sees frames whose longer side has at most this many pixels; one that
            reads its masks from files sees frames as large as the video's.
        runtime: What runs its networks, where it knows more than one; its own setting goes before.
    """

    def __init__(self, name: str, longest: int, runtime: str = "torch") -> None:
        self.name, self._longest = name, longest
        kind, settings = named(name)
        if kind not in tracker_table():
            kind, settings = "external", {"path": name}
        settings = with_runtime(kind, settings, runtime)
        self._make: Callable[[], Tracker] = partial(make_tracker, kind, **settings)
        self._tracker = self._make()
        self.counts_frames: bool = self._tracker.counts_frames
        self.side_by_side: bool = self._tracker.side_by_side
        self.restarts = not self.counts_frames
        """Whether it can be started again in any frame: not where its answers come from files."""
        entry = tracker_table()[kind]
        self.gives_masks = (self._tracker.gives or entry.gives) == "masks"
        """Whether its answers are masks, not boxes alone."""
        self._blind = kind == "external" and not self.gives_masks
        """Whether it reads boxes from a file, and looks at no picture."""
        self._shrinks = self.restarts and entry.gives == "boxes" and not entry.looks_at_crops
        self._frame_wh = self._seen_wh = (0, 0)
        self._scale = 1.0
        self.failed = False

    @property
    def carries_masks(self) -> bool:
        """Whether it goes on from a mask it is given, without starting again."""
        return self._tracker.carries_masks

    def begin(
        self, frame_hwc: FrameHWC, target: Target, video_wh: tuple[int, int] | None = None
    ) -> Hypothesis | None:
        """Start on the first frame of a video; what went wrong in another one is over.

        Args:
            frame_hwc: uint8 RGB.
            target: In it.
            video_wh: Size of the video's frames where this one is shrunk: files count in it.
        """
        self.failed = False
        self._frame_wh = self._seen_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        self._scale = 1.0
        if not self.restarts and video_wh is not None:
            self._seen_wh, self._scale = video_wh, max(video_wh) / max(self._frame_wh)
        elif self._shrinks:
            self._scale = min(1.0, self._longest / max(self._frame_wh))
            width, height = (max(1, round(n * self._scale)) for n in self._frame_wh)
            self._seen_wh = width, height
        return self.init(frame_hwc, target)

    def init(self, frame_hwc: FrameHWC, target: Target) -> Hypothesis | None:
        """Start, or start again in a later frame."""
        scale = 1.0 if self._blind else self._scale
        mask = None if self._shrinks else target.mask
        if mask is not None and scale != 1:
            mask = _resized(mask.astype(np.float32), self._seen_wh) >= 0.5
        asked = Target(_scaled(target.box, scale), mask)
        self._tracker = self._make()
        return self._ask(lambda: self._tracker.init(self._seen(frame_hwc), asked))

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
            soft = soft_hw if self._scale == 1 else cv2.resize(soft_hw, self._seen_wh)
            self._ask(lambda: self._tracker.correct(seen, np.asarray(soft, np.float32)))

    def flow_pair(self) -> FlowPair | None:
        """Optical flow it found between the last two frames, if it is of the kind that does."""
        if self.failed or self._scale != 1:  # else it is in other pixels
            return None
        return self._tracker.flow_pair()

    def _seen(self, frame_hwc: FrameHWC) -> FrameHWC:
        as_it_is = self._blind or self._scale == 1
        return frame_hwc if as_it_is else _resized(frame_hwc, self._seen_wh)

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
        box, soft = _scaled(answer.box, 1 / self._scale), answer.mask
        if soft is None:
            return Hypothesis(box)
        if self._scale != 1:
            soft = _resized(soft.astype(np.float32), self._frame_wh)
        bytes_hw = np.multiply(soft, np.float32(255), dtype=np.float32)
        return Hypothesis(box, np.rint(bytes_hw, out=bytes_hw).astype(np.uint8))


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

    def init(
        self, frame_hwc: FrameHWC, target: Target, video_wh: tuple[int, int] | None = None
    ) -> list[Hypothesis | None]:
        """Start all on the first frame of a video; see :meth:`Input.begin`."""
        return side_by_side(
            [partial(one.begin, frame_hwc, target, video_wh) for one in self.inputs]
        )

    def flow_pair(self) -> FlowPair | None:
        """Optical flow between the last two frames that one of them found anyway, if any."""
        return next((pair for one in self.inputs if (pair := one.flow_pair()) is not None), None)

    def ask(self, frame_hwc: FrameHWC, places: Sequence[int]) -> dict[int, Hypothesis | None]:
        """The answers of some for the next frame, by their places."""
        chosen = [self.inputs[place] for place in places]
        for one in chosen:
            one.prepare(frame_hwc)
        answers = side_by_side([partial(one.update, frame_hwc) for one in chosen])
        return dict(zip(places, answers, strict=True))

    def update(
        self,
        frame_hwc: FrameHWC,
        then: Callable[[int, Hypothesis], None] | None = None,
        known: Mapping[int, Hypothesis | None] | None = None,
    ) -> list[Hypothesis | None]:
        """The answers of all for the next frame, in their order.

        Args:
            frame_hwc: uint8 RGB.
            then: Called with an input's place and its answer as soon as that is there, on the
                input's thread.
            known: Answers of inputs that were asked already, see :meth:`ask`.
        """
        known = known or {}
        for place, one in enumerate(self.inputs):
            if place not in known:
                one.prepare(frame_hwc)

        def ask(place: int, one: Input) -> Hypothesis | None:
            answer = known[place] if place in known else one.update(frame_hwc)
            if then is not None and answer is not None:
                then(place, answer)
            return answer

        return side_by_side([partial(ask, *one) for one in enumerate(self.inputs)])


def _resized(image: NDArray[Any], size_wh: tuple[int, int]) -> NDArray[Any]:
    """A frame or a soft mask at another size, smaller or larger."""
    larger = size_wh[0] > image.shape[1]
    way = cv2.INTER_LINEAR if larger else cv2.INTER_AREA
    resized: NDArray[Any] = cv2.resize(image, size_wh, interpolation=way)
    return resized


def _scaled(box: Box, factor: float) -> Box:
    return Box(box.x * factor, box.y * factor, box.w * factor, box.h * factor)
