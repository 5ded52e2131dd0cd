"""Following targets in what a live source sends: the newest frame each time, and what that costs.

Nothing is cleaned here: the spectral filter looks frames ahead, which is delay.
"""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from spectrack.errors import InputError
from spectrack.structures import FrameHWC, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.video.live import Arrival

WINDOW_S = 3.0
"""What is told while it runs is of so many seconds."""


class Newest(Protocol):
    """Where frames are taken."""

    def take(self) -> Arrival | None:
        """The newest frame that was not taken yet; None where there are no more."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LiveAnswer:
    """The answers for one frame.

    Attributes:
        number: Of the frame in the stream, from 0, dropped ones counted.
        time_s: Of the frame, seconds since the first one of the stream.
        frame_hwc: uint8 RGB.
        predictions: Object id to answer.
        delay_s: From when the frame was due, see :class:`~spectrack.video.live.Arrival`, to now.
        waited_s: How much of it had passed when the frame was taken.
        dropped: Frames between the one answered before and this one.
    """

    number: int
    time_s: float
    frame_hwc: FrameHWC
    predictions: dict[int, Prediction]
    delay_s: float
    waited_s: float
    dropped: int


def follow_live(
    source: Newest,
    trackers: Mapping[int, Tracker],
    targets: Mapping[int, Target],
    start: Arrival | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[LiveAnswer]:
    """Answers for the newest frames, until there are no more; no pixel is of two objects.

    Args:
        source: Where they are taken.
        trackers: Object id to a fresh tracker.
        targets: Object id to target, the same ids.
        start: The frame that the targets lie in; the next one that is taken where left out.
        clock: Seconds, that of the source.

    Raises:
        InputError: If a tracker cannot leave out frames, a target does not fit the frame, or frames
            change their size.
    """
    for tracker in trackers.values():
        if tracker.counts_frames:
            raise InputError(
                f"{type(tracker).__name__} answers by the number of the frame and cannot leave out "
                "any; give another tracker"
            )
    first = start or source.take()
    if first is None:
        return
    waited, frame, last = clock() - first.due_s, first.rgb(), first.number
    for target in targets.values():  # before any of them takes its time
        target.check((frame.shape[1], frame.shape[0]))
    found = _shared({key: tracker.init(frame, targets[key]) for key, tracker in trackers.items()})
    delay = clock() - first.due_s
    yield LiveAnswer(first.number, first.time_s, frame, found, delay, waited, 0)
    while (arrival := source.take()) is not None:
        waited, frame = clock() - arrival.due_s, arrival.rgb()
        found = _shared({key: tracker.update(frame) for key, tracker in trackers.items()})
        dropped, last = arrival.number - last - 1, arrival.number
        delay = clock() - arrival.due_s
        yield LiveAnswer(arrival.number, arrival.time_s, frame, found, delay, waited, dropped)


def _shared(answers: dict[int, Prediction]) -> dict[int, Prediction]:
    """Each pixel left to one object, as :mod:`spectrack.tracking.joint` does."""
    if len(answers) < 2:
        return answers
    from spectrack.tracking.joint import share_pixels  # needs torch; not every tracker does

    return share_pixels(answers)


class Pace:
    """How fast answers come, and how late.

    The first answer is left out of the delays: it waits for the target to be learned.

    Args:
        clock: Seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._recent: deque[tuple[float, float]] = deque()
        self._delays = array("f")
        self._begun: float | None = None
        self._ended = 0.0
        self.answered = self.dropped = 0

    def add(self, answer: LiveAnswer) -> None:
        """Count an answer that has just come."""
        now = self._clock()
        self._begun = now if self._begun is None else self._begun
        self._ended = now
        if self.answered:
            self._delays.append(answer.delay_s)
        self.answered += 1
        self.dropped += answer.dropped
        if self.answered == 2:
            self._recent.clear()
        self._recent.append((now, answer.delay_s))
        while now - self._recent[0][0] > WINDOW_S:
            self._recent.popleft()

    @property
    def rate(self) -> float:
        """Answers a second, of late."""
        span = self._recent[-1][0] - self._recent[0][0] if self._recent else 0.0
        return (len(self._recent) - 1) / span if span > 0 else 0.0

    @property
    def delay_s(self) -> float:
        """Mean delay, of late."""
        return sum(d for _, d in self._recent) / max(len(self._recent), 1)

    def line(self) -> str:
        """What is told while it runs."""
        return f"{self.rate:.1f}/s, delay {1e3 * self.delay_s:.0f} ms, {self.dropped} dropped"

    def summary(self) -> dict[str, Any]:
        """What is told in the end; delays in milliseconds, in the first and last tenth, too."""
        delays = 1e3 * np.array(self._delays, dtype=np.float64)
        told: dict[str, Any] = {}
        if len(delays):
            tenth = max(len(delays) // 10, 1)
            told = {
                "mean": float(delays.mean()),
                "p95": float(np.percentile(delays, 95)),
                "most": float(delays.max()),
                "first_tenth": float(delays[:tenth].mean()),
                "last_tenth": float(delays[-tenth:].mean()),
            }
        seconds = 0.0 if self._begun is None else self._ended - self._begun
        return {
            "answered": self.answered,
            "dropped": self.dropped,
            "seconds": round(seconds, 3),
            "frames_per_second": round((self.answered - 1) / seconds, 2) if seconds > 0 else None,
            "delay_ms": {name: round(value, 1) for name, value in told.items()},
        }
