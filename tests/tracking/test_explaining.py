"""Which moments of a run are kept for the sheet, and what is read off the tracker."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.spectral.mixing.mixing import Mixed
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking import explaining as room
from spectrack.tracking.base import Tracker
from spectrack.tracking.explaining import Explainer, disagreement
from spectrack.tracking.explanation import Channels, Explanation, Hypothesis
from spectrack.tracking.loop import run_many
from spectrack.video.reader import open_video

SIZE = (24, 16)
HERE, THERE = Box(4, 4, 8, 6), Box(14, 4, 8, 6)


class Scripted(Tracker):
    """Inputs apart in some frames, the target away in others."""

    explains = True

    def __init__(self, apart: tuple[int, ...] = (), away: tuple[int, ...] = ()) -> None:
        super().__init__()
        self._apart, self._away = apart, away

    def _init(self, frame_hwc, target):
        self._frame = -1
        return self._update(frame_hwc)

    def _update(self, frame_hwc):
        self._frame += 1
        other = THERE if self._frame in self._apart else HERE
        said = (Hypothesis(HERE), Hypothesis(other), None)
        if self._frame == 0:
            self.explanation = Explanation(("a", "dir/b.csv", "c"), said, None, None)
            return Prediction(HERE, HERE.fill(SIZE))
        soft = np.full((3, 6, 10), 255, np.uint8)
        mixed = Mixed(
            soft_hw=np.full((6, 10), 0.75, np.float32),
            pairwise_hw=np.full((6, 10), 0.75, np.float32),
            weights_c=np.array([3, 1, 0], np.float32),
            agreement_c=np.array([0.9, 0.4, 0], np.float32),
            disagreement=0.0,
        )
        present = np.array([True, True, False])
        rows, cols = slice(4, 10), slice(2, 12)
        channels = Channels(soft, present, rows, cols)
        self.explanation = Explanation(("a", "dir/b.csv", "c"), said, channels, mixed, ("a",))
        if self._frame in self._away:
            return Prediction(None, np.zeros(SIZE[::-1], np.float32), 0.0, found=False)
        return Prediction(HERE, HERE.fill(SIZE), 0.8)


@pytest.fixture
def shown(monkeypatch):
    """Follow with these trackers, and give back the numbers and notes of the rows on the sheet."""
    laid = []
    monkeypatch.setattr(room, "explain_sheet", lambda sections, *words: laid.append(sections))

    def follow(frames, trackers, asked=None):
        video = open_video(np.zeros((frames, *SIZE[::-1], 3), np.uint8))
        explainer = Explainer(asked)
        targets = {key: Target(HERE) for key in trackers}
        run_many(trackers, video, targets, on_frame=explainer.watch(trackers))
        explainer.sheet("clip")
        return [[(row.index, row.note) for row in rows] for rows in laid[-1].values()]

    return follow


def test_six_frames_spread_evenly(shown):
    (rows,) = shown(101, {1: Scripted()})
    assert rows[0] == (0, "start")
    gaps = np.diff([index for index, _ in rows])
    assert 6 <= len(rows) <= 8
    (few,) = shown(5, {1: Scripted()})
    assert [index for index, _ in few] == [0, 1, 2, 3, 4]
    assert gaps.max() <= 30


@pytest.mark.parametrize("frames", [9, 10, 37, 100, 999])
def test_the_spread_is_even_whatever_the_length(shown, monkeypatch, frames):
    monkeypatch.setattr(room._Album, "_tells", lambda self, index, weight: False)
    (rows,) = shown(frames, {1: Scripted()})
    numbers = [index for index, _ in rows]
    ideal = np.linspace(0, frames - 1, 6)
    assert len(numbers) == 6
    # Every ninth of the video is held at the least, so none is off by more than half of that.
    assert np.abs(numbers - ideal).max() <= max(frames / 18 + 1, 1)


def test_the_frames_that_tell_most_are_among_them(shown):
    (rows,) = shown(200, {1: Scripted(apart=(71, 72), away=(113, *range(130, 150)))})
    assert len(rows) == 8
    found = dict(rows)
    assert found[113] == "lost"
    assert {130, 150, 114, 71} & set(found)  # the other one: whichever tells as much
    (rows,) = shown(200, {1: Scripted(apart=(71, 72))})
    assert 71 in dict(rows)


def test_lost_and_found_again_are_noted(shown):
    (rows,) = shown(40, {1: Scripted(away=range(10, 20))}, [0, 9, 10, 15, 19, 20, 21])
    notes = {0: "start", 10: "lost", 15: "lost", 19: "lost", 20: "found again"}
    assert rows == [(i, notes.get(i, "")) for i in (0, 9, 10, 15, 19, 20, 21)]


def test_every_object_has_its_own_rows(shown):
    first, second = shown(200, {1: Scripted(away=range(51, 61)), 7: Scripted(apart=(133,))})
    assert {51, 61} <= set(dict(first))
    assert 133 in dict(second)
    assert not {51, 61} & set(dict(second))


def test_what_is_held_does_not_grow(monkeypatch):
    monkeypatch.setattr(room, "draw_moment", lambda moment: moment)
    explainer = Explainer()
    tracker = Scripted(apart=range(0, 4000, 9), away=range(0, 4000, 7))
    look = explainer.watch({1: tracker})
    frame = np.zeros((*SIZE[::-1], 3), np.uint8)
    answer = tracker.init(frame, Target(HERE))
    for index in range(4000):
        look(index, frame, {1: answer})
        answer = tracker.update(frame)
    (album,) = explainer._albums.values()
    assert len(album._even) <= room.MOST_EVEN
    assert len(album._telling) <= room.MOST_TELLING
    numbers = sorted(row.index for _, row in album._telling)
    assert min(np.diff(numbers)) >= 8  # not one episode again and again
    assert len(album.rows()) == room.MOST_ROWS


def test_a_moment_is_what_the_tracker_says(monkeypatch):
    moments = []
    monkeypatch.setattr(room, "draw_moment", moments.append)
    tracker = Scripted(away=(2,))
    look = Explainer([1, 2]).watch({1: tracker})
    frame = np.zeros((*SIZE[::-1], 3), np.uint8)
    answers = [tracker.init(frame, Target(HERE))]
    for index in range(3):
        look(index, frame, {1: answers[-1]})
        answers.append(tracker.update(frame))
    seen, lost = moments
    assert [one.name for one in seen.inputs] == ["a", "b.csv", "c"]
    assert [one.share for one in seen.inputs] == [0.75, 0.25, 0]
    assert [one.box for one in seen.inputs] == [HERE, HERE, None]
    assert [one.restarted for one in seen.inputs] == [True, False, False]
    expected = np.zeros(SIZE[::-1], np.float32)
    expected[4:10, 2:12] = 1
    np.testing.assert_array_equal(seen.inputs[0].soft_hw, expected)
    np.testing.assert_array_equal(seen.mixed_hw, 0.75 * expected)
    assert seen.inputs[2].soft_hw is None
    assert (seen.box, seen.score) == (HERE, 0.8)
    assert (lost.box, lost.result_hw, lost.note) == (None, None, "lost")


def test_what_was_seen_of_a_shrunk_frame_is_laid_in_the_whole_one(monkeypatch):
    moments = []
    monkeypatch.setattr(room, "draw_moment", moments.append)
    tracker = Scripted()
    look = Explainer([1]).watch({1: tracker})
    tracker.init(np.zeros((*SIZE[::-1], 3), np.uint8), Target(HERE))
    answer = tracker.update(np.zeros((*SIZE[::-1], 3), np.uint8))
    tracker.explanation = replace(tracker.explanation, size_wh=SIZE)
    whole = np.zeros((3 * SIZE[1], 2 * SIZE[0], 3), np.uint8)  # twice as wide, three times as high
    look(1, whole, {1: answer})
    (seen,) = moments
    assert [one.box for one in seen.inputs] == [Box(8, 12, 16, 18), Box(8, 12, 16, 18), None]
    for found, value in ((seen.inputs[0].soft_hw, 1), (seen.mixed_hw, 0.75)):
        assert found.shape == whole.shape[:2]
        np.testing.assert_allclose(found[14:28, 6:22], value)  # well inside, and well outside
        assert not found[:10].any()
        assert not found[:, 26:].any()


def test_a_sheet_of_nothing_says_what_is_so(still):
    explainer = Explainer()
    look = explainer.watch({1: Scripted()})
    look(0, np.zeros((*SIZE[::-1], 3), np.uint8), {1: Prediction(HERE)})
    with pytest.raises(InputError, match="nothing is known of how answers came about in 1 frames"):
        explainer.sheet("clip")


def test_disagreement_is_one_less_the_mean_overlap():
    def of(*boxes: Box | None) -> float:
        said = tuple(None if box is None else Hypothesis(box) for box in boxes)
        return disagreement(Explanation(("x",) * len(said), said, None, None))

    half = Box(4, 4, 4, 6)
    assert of(HERE, HERE, HERE) == 0
    assert of(HERE, THERE) == 1
    assert of(HERE, half) == pytest.approx(0.5)
    assert of(HERE, half, None) == pytest.approx(1 - 0.5 / 3)
    assert of(None, None) == 0
    assert of(HERE) == 0


def test_bad_requests_are_told(still):
    from still_tracker import StillTracker

    with pytest.raises(InputError, match="0 frames to explain were given; give 1 to 40"):
        Explainer([])
    with pytest.raises(InputError, match="41 frames"):
        Explainer(range(41))
    with pytest.raises(InputError, match="frame -3 to explain was given; frames count from 0"):
        Explainer([4, -3])
    assert not StillTracker().explains
    with pytest.raises(InputError, match="StillTracker does not fuse others"):
        Explainer().watch({1: StillTracker()})
    explainer = Explainer([7])
    explainer.watch({1: Scripted()})
    with pytest.raises(InputError, match="the video has 0 frames, none of those"):
        explainer.sheet("clip")
