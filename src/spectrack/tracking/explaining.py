"""Watches trackers that fuse others while they work, and keeps the moments that tell most.

Nothing of the video is kept but small drawn rows, a bounded number an object, so memory does not
grow with its length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC, Prediction, SoftHW
from spectrack.tracking.base import Tracker
from spectrack.tracking.explanation import Channels, Explanation
from spectrack.tracking.loop import OnFrame
from spectrack.video.explain import InputView, Moment, Row, draw_moment
from spectrack.video.explain_sheet import explain_sheet

EVEN = 6
"""Rows spread evenly over the video."""

MOST_ROWS = 8
"""Rows of an object where no frames were asked for."""

MOST_ASKED = 40
"""Frames that may be asked for."""

MOST_EVEN, MOST_TELLING = 3 * EVEN, 8
"""Rows held of an object, to choose from when the video is over."""

_APART = 8
_EVENT = 2.0


class Explainer:
    """Collects what is shown on the sheet; one of these serves one run.

    Args:
        frames: Numbers of the frames to show, from 0; where left out six spread evenly and two
            where the target was lost or found again, or the inputs disagreed most.

    Raises:
        InputError: If a number is negative, there is none or there are more than 40.
    """

    def __init__(self, frames: Sequence[int] | None = None) -> None:
        if frames is not None and not 0 < len(set(frames)) <= MOST_ASKED:
            raise InputError(
                f"{len(set(frames))} frames to explain were given; give 1 to {MOST_ASKED}"
            )
        if frames is not None and min(frames) < 0:
            raise InputError(f"frame {min(frames)} to explain was given; frames count from 0")
        self._asked = None if frames is None else frozenset(frames)
        self._albums: dict[int, _Album] = {}
        self._frames = 0

    def watch(self, trackers: Mapping[int, Tracker]) -> OnFrame:
        """What the loop calls after every frame; see :func:`spectrack.tracking.loop.run_many`.

        Args:
            trackers: Object id to tracker.

        Raises:
            InputError: If one of them cannot explain itself.
        """
        for tracker in trackers.values():
            if not tracker.explains:
                raise InputError(
                    f"{type(tracker).__name__} does not fuse others, so there is nothing to "
                    "explain; use sftrack or leave the explanation out"
                )
        self._albums = {key: _Album(self._asked) for key in trackers}

        def on_frame(index: int, frame_hwc: FrameHWC, predictions: dict[int, Prediction]) -> None:
            self._frames = index + 1
            for key, album in self._albums.items():
                explanation = trackers[key].explanation
                if explanation is not None:
                    album.add(index, frame_hwc, predictions[key], explanation)

        return on_frame

    def sheet(self, title: str) -> FrameHWC:
        """The sheet of all that was seen, uint8 RGB.

        Raises:
            InputError: If none of the frames asked for was seen.
        """
        sections = {f"object {key}": album.rows() for key, album in self._albums.items()}
        if not any(sections.values()):
            if self._asked is not None and min(self._asked) >= self._frames:
                raise InputError(
                    f"the video has {self._frames} frames, none of those to explain; "
                    f"give numbers below {self._frames}"
                )
            raise InputError(
                f"nothing is known of how answers came about in {self._frames} frames; "
                "explain some in which an object is followed"
            )
        return explain_sheet(sections, title, f"{self._frames} frames")


class _Album:
    """The rows of one object."""

    def __init__(self, asked: frozenset[int] | None) -> None:
        self._asked = asked
        self._even: dict[int, Row] = {}
        self._stride = 1
        self._telling: list[tuple[float, Row]] = []
        self._last = -1
        self._found = True

    def add(
        self, index: int, frame_hwc: FrameHWC, answer: Prediction, explanation: Explanation
    ) -> None:
        """Draw the frame where it may be shown."""
        event = answer.found != self._found
        note = "start" if index == 0 else "" if answer.found else "lost"
        if event and answer.found:
            note = "found again"
        self._found, self._last = answer.found, index
        if self._asked is not None:
            if index in self._asked:
                row = draw_moment(_moment(index, frame_hwc, answer, explanation, note))
                self._even[index] = row
            return
        weight = disagreement(explanation) + (_EVENT if event else 0.0)
        even = index % self._stride == 0
        telling = index > 0 and weight > 0 and self._tells(index, weight)
        if not (even or telling):
            return
        row = draw_moment(_moment(index, frame_hwc, answer, explanation, note))
        if even:
            self._even[index] = row
            if len(self._even) > MOST_EVEN:
                self._stride *= 2
                self._even = {i: r for i, r in self._even.items() if i % self._stride == 0}
        if telling:
            rivals = [near for near in self._telling if index - near[1].index < _APART]
            kept = [one for one in self._telling if one not in rivals]
            self._telling = sorted([*kept, (weight, row)], key=lambda one: -one[0])[:MOST_TELLING]

    def _tells(self, index: int, weight: float) -> bool:
        """Whether it tells more than its neighbours, and than the least telling of a full list."""
        near = [other for other, row in self._telling if index - row.index < _APART]
        if near:
            return weight > max(near)
        return len(self._telling) < MOST_TELLING or weight > self._telling[-1][0]

    def rows(self) -> list[Row]:
        """The rows to show, in the order of the video."""
        if self._asked is not None or self._last < MOST_ROWS:
            return [self._even[i] for i in sorted(self._even)]
        chosen: dict[int, Row] = {}
        for wanted in np.linspace(0, self._last, EVEN):
            nearest = min(self._even, key=lambda i: abs(i - wanted))
            chosen[nearest] = self._even[nearest]
        for weight, row in self._telling:
            new = min(abs(row.index - i) for i in chosen) >= _APART
            if len(chosen) < MOST_ROWS and (new or weight >= _EVENT):
                chosen[row.index] = row
        return [chosen[i] for i in sorted(chosen)]


def disagreement(explanation: Explanation) -> float:
    """How far the inputs' boxes differ: 1 less their mean overlap, pair by pair, in [0, 1].

    Two that see nothing agree; where one alone sees something they do not.
    """
    boxes = [None if h is None else h.box for h in explanation.hypotheses]
    pairs = [_overlap(a, b) for a, b in combinations(boxes, 2)]
    return 1 - float(np.mean(pairs)) if pairs else 0.0


def _overlap(a: Box | None, b: Box | None) -> float:
    if a is None or b is None:
        return float(a is b)
    return a.iou(b)


def _moment(
    index: int, frame_hwc: FrameHWC, answer: Prediction, explanation: Explanation, note: str
) -> Moment:
    place = _Place((frame_hwc.shape[1], frame_hwc.shape[0]), explanation.size_wh)
    channels, mixed = explanation.channels, explanation.mixed
    total = 0.0 if mixed is None else float(mixed.weights_c.clip(0).sum())
    views = []
    for k, (name, hypothesis) in enumerate(
        zip(explanation.names, explanation.hypotheses, strict=True)
    ):
        soft = share = agreement = None
        if channels is not None and channels.present_c[k]:
            soft = place.map(channels.soft_chw[k].astype(np.float32) / 255, channels)
        if mixed is not None:
            share = max(float(mixed.weights_c[k]), 0.0) / total if total else 0.0
            agreement = float(mixed.agreement_c[k])
        box = None if hypothesis is None else place.box(hypothesis.box)
        again = name in explanation.restarted
        views.append(InputView(Path(name).name, box, soft, share, agreement, again))
    laid = None
    if mixed is not None and channels is not None:
        laid = place.map(mixed.soft_hw, channels)
    box = answer.box if answer.found else None
    result = answer.mask if answer.found else None
    return Moment(index, frame_hwc, tuple(views), laid, result, box, answer.score, note)


class _Place:
    """From the pixels of an explanation to those of the frame.

    Args:
        frame_wh: Size of the frame.
        seen_wh: Of that which the tracker saw; None where that was the frame.
    """

    def __init__(self, frame_wh: tuple[int, int], seen_wh: tuple[int, int] | None) -> None:
        self._frame_wh, self._seen_wh = frame_wh, seen_wh or frame_wh

    def box(self, box: Box) -> Box:
        """A box in the frame."""
        across, down = (n / m for n, m in zip(self._frame_wh, self._seen_wh, strict=True))
        return Box(box.x * across, box.y * down, box.w * across, box.h * down)

    def map(self, part_hw: SoftHW, channels: Channels) -> SoftHW:
        """A map of the part that the channels are of, laid in the frame, float32 (H, W)."""
        out = np.zeros(self._seen_wh[::-1], dtype=np.float32)
        out[channels.rows, channels.cols] = part_hw
        if self._seen_wh == self._frame_wh:
            return out
        return np.asarray(cv2.resize(out, self._frame_wh), np.float32)
