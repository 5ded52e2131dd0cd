"""Live following by a simulated clock: no delay that grows, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.live import Pace, follow_live
from spectrack.video.live import Arrival
from still_tracker import StillTracker


@dataclass
class Simulated:
    """A source of frames at a fixed rate, and trackers that take their time, by one clock."""

    fps: float = 25.0
    frames: int = 2000
    now: float = 100.0
    last: int = -1
    size_hw: tuple[int, int] = (6, 8)
    seen: list[int] = field(default_factory=list)

    def take(self) -> Arrival | None:
        newest = min(int((self.now - 100.0) * self.fps + 1e-9), self.frames - 1)
        if self.last == self.frames - 1:
            return None
        number = max(newest, self.last + 1) if self.last >= 0 else 0
        due = 100.0 + number / self.fps
        self.now, self.last = max(self.now, due), number

        def rgb() -> np.ndarray:
            self.seen.append(number)
            return np.full((*self.size_hw, 3), number % 256, np.uint8)

        return Arrival(number, number / self.fps, due, rgb)


class Slow(Tracker):
    """Answers with what it saw, after some time of the simulated clock."""

    def __init__(self, source: Simulated, first_s: float, each_s: float) -> None:
        super().__init__()
        self._source, self._first_s, self._each_s = source, first_s, each_s

    def _init(self, frame_hwc, target):
        self._source.now += self._first_s
        return Prediction(target.box, None, 1.0)

    def _update(self, frame_hwc):
        self._source.now += self._each_s
        return Prediction(Box(1, 1, 2, 2), None, float(frame_hwc[0, 0, 0]) / 255)


TARGET = {1: Target(Box(1, 1, 3, 3))}


def follow(source, each_s, first_s=2.0, objects=1):
    pace, answers = Pace(lambda: source.now), []
    trackers = {n + 1: Slow(source, first_s, each_s) for n in range(objects)}
    targets = {n + 1: TARGET[1] for n in range(objects)}
    for answer in follow_live(source, trackers, targets, clock=lambda: source.now):
        pace.add(answer)
        answers.append(answer)
    return pace, answers


@pytest.mark.parametrize("each_s", [0.01, 0.1, 0.7])
def test_no_growing_delay_over_2000_frames(each_s):
    """A tracker that is faster than the source, and two that are slower by 2.5 and 17 times."""
    source = Simulated()
    pace, answers = follow(source, each_s)
    delays = np.array([a.delay_s for a in answers[1:]])
    # the last frame waits for the answer before it, with none newer to take its place
    assert delays[:-1].max() <= each_s + 1 / source.fps + 1e-9
    assert delays.min() >= each_s - 1e-9
    waited = np.array([a.waited_s for a in answers[1:]])
    np.testing.assert_allclose(delays - waited, each_s)
    steps = np.diff([a.number for a in answers])
    assert [a.dropped for a in answers[1:]] == (steps - 1).tolist()
    assert pace.dropped == sum(steps - 1) == answers[-1].number + 1 - len(answers)
    assert answers[-1].number == 1999
    if each_s == 0.01:  # behind once, while the target was learned; then every frame
        assert steps[0] == 50
        assert (steps[1:] == 1).all()
    else:
        assert steps[5:-1].mean() == pytest.approx(each_s * source.fps, rel=0.02)
    # frames that were dropped were never made into pictures
    assert source.seen == [a.number for a in answers]
    assert all(a.frame_hwc[0, 0, 0] == a.number % 256 for a in answers)
    assert all(a.predictions[1].score * 255 == pytest.approx(a.number % 256) for a in answers[1:])


def test_what_is_told_is_what_happened():
    source = Simulated(fps=10, frames=400)
    pace, answers = follow(source, 0.25, first_s=1.0)
    delays = 1e3 * np.array([a.delay_s for a in answers[1:]])
    told = pace.summary()
    assert told["answered"] == len(answers)
    assert told["delay_ms"]["mean"] == pytest.approx(delays.mean(), abs=0.06)
    assert told["delay_ms"]["most"] == pytest.approx(delays.max(), abs=0.06)
    assert told["delay_ms"]["p95"] == pytest.approx(np.percentile(delays, 95), abs=0.06)
    tenth = len(delays) // 10
    assert told["delay_ms"]["first_tenth"] == pytest.approx(delays[:tenth].mean(), abs=0.06)
    assert told["delay_ms"]["last_tenth"] == pytest.approx(delays[-tenth:].mean(), abs=0.06)
    assert told["frames_per_second"] == pytest.approx(4.0, rel=0.05)
    assert pace.rate == pytest.approx(4.0, rel=0.1)
    late = f"delay {1e3 * pace.delay_s:.0f} ms, {pace.dropped} dropped"
    assert pace.line() == f"{pace.rate:.1f}/s, {late}"


def test_several_objects_see_the_same_frame_and_their_times_add_up():
    _, answers = follow(Simulated(frames=200), 0.1, objects=3)
    assert all(set(a.predictions) == {1, 2, 3} for a in answers)
    assert len({p.score for p in answers[5].predictions.values()}) == 1
    assert answers[5].delay_s >= 0.3 - 1e-9


def test_no_pixel_is_of_two_objects():
    masks = {1: Box(2, 2, 8, 6).fill((32, 24)), 2: Box(6, 4, 8, 6).fill((32, 24))}
    trackers = {key: StillTracker() for key in masks}
    targets = {key: Target(mask=mask) for key, mask in masks.items()}
    answers = list(follow_live(Simulated(frames=3, size_hw=(24, 32)), trackers, targets))
    assert len(answers) == 3
    for answer in answers:
        one, other = (answer.predictions[key].hard_mask() for key in masks)
        assert np.array_equal(one | other, masks[1] | masks[2])
        assert not (one & other).any()


def test_it_begins_in_the_frame_that_is_given():
    source = Simulated(frames=60)
    start = source.take()
    source.now += 1.0  # somebody draws a box
    answers = list(follow_live(source, {1: Slow(source, 0, 0)}, TARGET, start, lambda: source.now))
    assert [a.number for a in answers[:3]] == [0, 25, 26]
    assert answers[1].dropped == 24


def test_what_cannot_be_live_is_refused():
    source = Simulated(frames=3)
    counting = Slow(source, 0, 0)
    counting.counts_frames = True
    with pytest.raises(InputError, match="by the number"):
        next(follow_live(source, {1: counting}, TARGET))
    with pytest.raises(InputError, match="outside"):
        next(follow_live(source, {1: Slow(source, 0, 0)}, {1: Target(Box(50, 50, 5, 5))}))
    source = Simulated(frames=9)
    answers = follow_live(source, {1: Slow(source, 0, 0)}, TARGET, clock=lambda: source.now)
    next(answers)
    source.size_hw = (9, 9)
    with pytest.raises(InputError, match="one size"):
        next(answers)


def test_nothing_comes_of_nothing():
    source = Simulated(frames=0)
    assert list(follow_live(source, {1: Slow(source, 0, 0)}, TARGET)) == []
    assert Pace().summary()["delay_ms"] == {}
