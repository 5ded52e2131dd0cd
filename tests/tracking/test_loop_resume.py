"""A run that goes on from its journal: what was answered stays, what follows is as it should be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.journal import Journal, read_journal
from spectrack.tracking.loop import Interrupted, run_many
from spectrack.video.frames import ArrayFrames, BrokenFrame
from spectrack.video.reader import open_video

ASKED = {"tracker": "step", "settings": {"rate": 0.1}}


@dataclass(frozen=True)
class StepSettings:
    """Where the target is out of sight, and what stops the run.

    Args:
        lost: First and last number of the frames.
        dies: At this frame the process is killed.
    """

    lost: tuple[int, int] = (-1, -1)
    dies: int = -1


class StepTracker(Tracker):
    """Reads the number of a frame from its pixels; moves its box a pixel a frame.

    It knows nothing of the frames before it was started, and writes down what it was asked.
    """

    Settings = StepSettings

    def __init__(self, settings=None):
        super().__init__(settings)
        self.asked = []

    def _init(self, frame_hwc, target):
        self.asked.append(("init", int(frame_hwc[0, 0, 0]), tuple(target.box)))
        self._box, self._masks = target.box, target.mask is not None
        return self._answer()

    def _update(self, frame_hwc):
        number = int(frame_hwc[0, 0, 0])
        self.asked.append(("update", number))
        if number == self.settings.dies:
            raise MemoryError("killed")
        self._box = Box(self._box.x + 1, self._box.y, self._box.w, self._box.h)
        first, last = self.settings.lost
        return Prediction(None, None, 0.0, False) if first <= number <= last else self._answer()

    def _answer(self):
        mask = self._box.fill(self.size_wh) if self._masks else None
        return Prediction(self._box, mask, 1 / (1 + self._box.x), True)


FRAMES = np.zeros((12, 48, 64, 3), np.uint8)
FRAMES[:, 0, 0, 0] = np.arange(12)


@pytest.fixture
def frames():
    """Twelve frames of 64x48 that carry their number."""
    return FRAMES.copy()


TARGETS = {1: Target(box=(4, 6, 10, 8)), 7: Target(mask=Box(20, 20, 9, 12).fill((64, 48)))}


def started(path, frames, dies, clean=False, **more):
    """Run until the frame at which the process dies; then give back what was kept."""
    trackers = {key: StepTracker(StepSettings(dies=dies, **more)) for key in TARGETS}
    with Journal(path, ASKED) as journal, pytest.raises(MemoryError):
        run_many(trackers, open_video(frames), TARGETS, clean=clean, journal=journal)
    return read_journal(path)


def gone_on(path, frames, kept, clean=False, **settings):
    trackers = {key: StepTracker(StepSettings(**settings)) for key in TARGETS}
    with Journal(path, ASKED, kept) as journal:
        tracks = run_many(trackers, open_video(frames), TARGETS, clean=clean, journal=journal)
    return tracks, trackers


def same(a, b, until=None):
    for key in a:
        assert a[key].entries[:until] == b[key].entries[:until]
        assert a[key].stems[:until] == b[key].stems[:until]


def test_goes_on_where_it_was(tmp_path, frames):
    path = tmp_path / "journal"
    kept = started(path, frames, dies=5)
    assert (kept.frames, kept.asked, kept.resumed_at) == (5, ASKED, [])
    whole = run_many({key: StepTracker() for key in TARGETS}, open_video(frames), TARGETS)
    tracks, trackers = gone_on(path, frames, kept)
    same(tracks, whole)
    assert trackers[1].asked[:2] == [("init", 4, (8.0, 6.0, 10.0, 8.0)), ("update", 5)]
    assert [a[1] for a in trackers[7].asked] == [4, 5, 6, 7, 8, 9, 10, 11]
    assert tracks[1].info["resumed_at"] == tracks[7].info["resumed_at"] == [5]
    assert tracks[1].info["complete"] is True
    assert "resumed_at" not in whole[1].info


def test_killed_twice(tmp_path, frames):
    path = tmp_path / "journal"
    kept = started(path, frames, dies=3)
    trackers = {key: StepTracker(StepSettings(dies=8)) for key in TARGETS}
    with Journal(path, ASKED, kept) as journal, pytest.raises(MemoryError):
        run_many(trackers, open_video(frames), TARGETS, journal=journal)
    kept = read_journal(path)
    assert (kept.frames, kept.resumed_at) == (8, [3])
    tracks, _ = gone_on(path, frames, kept)
    assert tracks[1].info["resumed_at"] == [3, 8]
    whole = run_many({key: StepTracker() for key in TARGETS}, open_video(frames), TARGETS)
    same(tracks, whole)
    assert read_journal(path).frames == 12


def test_a_lost_target_is_followed_from_where_it_was_seen_last(tmp_path, frames):
    path = tmp_path / "journal"
    kept = started(path, frames, dies=6, lost=(3, 7))
    tracks, trackers = gone_on(path, frames, kept, lost=(3, 7))
    assert [a[:2] for a in trackers[1].asked[:5]] == [
        ("init", 2),
        ("update", 3),
        ("update", 4),
        ("update", 5),
        ("update", 6),
    ]
    settings = StepSettings(lost=(3, 7))
    whole = run_many({k: StepTracker(settings) for k in TARGETS}, open_video(frames), TARGETS)
    same(tracks, whole)


def test_a_tracker_that_counts_frames_starts_at_the_first(tmp_path, frames):
    path = tmp_path / "journal"
    kept = started(path, frames, dies=6)
    trackers = {key: StepTracker() for key in TARGETS}
    trackers[1].counts_frames = True
    with Journal(path, ASKED, kept) as journal:
        tracks = run_many(trackers, open_video(frames), TARGETS, journal=journal)
    assert [a[1] for a in trackers[1].asked] == [*range(12)]
    assert [a[1] for a in trackers[7].asked] == [*range(5, 12)]
    same(tracks, run_many({k: StepTracker() for k in TARGETS}, open_video(frames), TARGETS))


def test_answers_from_files_go_on_by_their_number(tmp_path, frames):
    from spectrack.trackers.sftrack.inputs import Input
    from spectrack.tracking.table import make_tracker

    boxes = tmp_path / "boxes.txt"
    boxes.write_text("".join(f"{t + 1},{2 * t},5,6\n" for t in range(12)))
    target, path = {1: TARGETS[1]}, tmp_path / "journal"
    with Journal(path, ASKED) as journal:
        tracker = make_tracker("external", path=str(boxes))
        whole = run_many({1: tracker}, open_video(frames), target, journal=journal)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:6]))
    with Journal(path, ASKED, read_journal(path)) as journal:
        tracker = make_tracker("external", path=str(boxes))
        tracks = run_many({1: tracker}, open_video(frames), target, journal=journal)
    assert tracks[1].info["resumed_at"] == [5]
    same(tracks, whole)
    assert Input(str(boxes), 100).counts_frames
    assert not Input("kcf", 100).counts_frames


def test_cleaned_answers_are_kept_and_frames_in_flight_are_done_again(tmp_path, rng):
    still_hwc = rng.integers(0, 255, (48, 64, 3), np.uint8)
    frames = np.stack([np.roll(still_hwc, t, axis=1) for t in range(26)])  # moves with the target
    frames[:, 0, 0, 0] = np.arange(26)
    path = tmp_path / "journal"
    kept = started(path, frames, dies=18, clean=True)
    assert 1 < kept.frames < 18
    before = {key: list(track.entries) for key, track in kept.tracks.items()}
    done = kept.frames
    tracks, trackers = gone_on(path, frames, kept, clean=True)
    assert {len(track) for track in tracks.values()} == {26}
    assert trackers[7].asked[0][:2] == ("init", done - 1)
    for key, entries in before.items():
        assert tracks[key].entries[:done] == entries
    whole = run_many(
        {key: StepTracker() for key in TARGETS}, open_video(frames), TARGETS, clean=True
    )
    for t in range(26):
        a, b = tracks[7].mask(t), whole[7].mask(t)
        assert (a & b).sum() > 0.8 * (a | b).sum()


def test_a_finished_journal_gives_the_whole_again(tmp_path, frames):
    path = tmp_path / "journal"
    trackers = {key: StepTracker() for key in TARGETS}
    with Journal(path, ASKED) as journal:
        whole = run_many(trackers, open_video(frames), TARGETS, journal=journal)
    tracks, _ = gone_on(path, frames, read_journal(path))
    same(tracks, whole)


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_line_cut_off_by_the_kill_is_dropped(tmp_path, frames, cut):
    path = tmp_path / "journal"
    started(path, frames, dies=5)
    path.write_bytes(path.read_bytes()[:-cut])
    kept = read_journal(path)
    assert kept.frames == 4
    tracks, _ = gone_on(path, frames, kept)
    same(tracks, run_many({k: StepTracker() for k in TARGETS}, open_video(frames), TARGETS))
    assert read_journal(path).frames == 12


def test_a_line_that_was_changed_ends_what_counts(tmp_path, frames):
    path = tmp_path / "journal"
    started(path, frames, dies=5)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"6.0", b"9.0")
    path.write_bytes(b"".join(lines))
    assert read_journal(path).frames == 2


@pytest.mark.parametrize("content", [b"", b"nonsense\n", b"00000000 {}\n"])
def test_what_is_no_journal_counts_for_nothing(tmp_path, content):
    assert read_journal(tmp_path / "journal") is None
    (tmp_path / "journal").write_bytes(content)
    assert read_journal(tmp_path / "journal") is None


def test_a_frame_costs_the_same_early_and_late(tmp_path, frames):
    path = tmp_path / "journal"
    trackers = {key: StepTracker() for key in TARGETS}
    with Journal(path, ASKED) as journal:
        run_many(trackers, open_video(frames), TARGETS, journal=journal)
    sizes = [len(line) for line in path.read_bytes().splitlines()[1:]]
    assert len(sizes) == 12
    assert max(sizes) < 1.3 * min(sizes)


class Stopped(StepTracker):
    stop: BaseException = KeyboardInterrupt()

    def _update(self, frame_hwc):
        if frame_hwc[0, 0, 0] == 6:
            raise self.stop
        return super()._update(frame_hwc)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(143)])
def test_what_is_done_comes_with_the_interruption_when_asked(frames, stop):
    trackers = {key: Stopped() for key in TARGETS}
    for tracker in trackers.values():
        tracker.stop = stop
    with pytest.raises(Interrupted) as caught:
        run_many(trackers, open_video(frames), TARGETS, keep_partial=True)
    assert caught.value.cause is stop
    tracks = caught.value.tracks
    assert {len(track) for track in tracks.values()} == {6}
    assert tracks[7].info["complete"] is False
    whole = run_many({key: StepTracker() for key in TARGETS}, open_video(frames), TARGETS)
    same(tracks, whole, until=6)
    with pytest.raises(type(stop)):
        run_many(trackers, open_video(frames), TARGETS)


def test_a_journal_that_cannot_be_written(tmp_path, frames):
    with (
        Journal(tmp_path / "none" / "journal", ASKED) as journal,
        pytest.raises(InputError, match="cannot be written"),
    ):
        run_many({1: StepTracker()}, open_video(frames), {1: TARGETS[1]}, journal=journal)


class LearningTracker(StepTracker):
    """Keeps what it learned of the frame in which the target was given."""

    keeps_first = True

    def _restart(self, frame_hwc, target):
        answer = self._init(frame_hwc, target)
        self.asked[-1] = ("restart", *self.asked[-1][1:])
        return answer


def learning_after(path, frames, dies, starts=None):
    """What each of both objects' trackers was asked, after a kill and a new start."""
    trackers = {key: LearningTracker(StepSettings(dies=dies)) for key in TARGETS}
    with Journal(path, ASKED) as journal, pytest.raises(MemoryError):
        run_many(trackers, open_video(FRAMES), TARGETS, journal=journal, starts=starts)
    trackers = {key: LearningTracker() for key in TARGETS}
    with Journal(path, ASKED, read_journal(path)) as journal:
        tracks = run_many(trackers, frames, TARGETS, journal=journal, starts=starts)
    whole = {key: LearningTracker() for key in TARGETS}
    same(tracks, run_many(whole, open_video(FRAMES), TARGETS, starts=starts))
    return [tracker.asked for tracker in trackers.values()]


def test_one_that_learns_is_shown_where_its_object_was_given(tmp_path):
    one, seven = learning_after(tmp_path / "journal", open_video(FRAMES), dies=5)
    given = tuple(TARGETS[7].box)
    assert one[:3] == [("init", 0, (4, 6, 10, 8)), ("restart", 4, (8, 6, 10, 8)), ("update", 5)]
    assert seven[:2] == [("init", 0, given), ("restart", 4, (given[0] + 4, *given[1:]))]
    assert len(one) == len(seven) == 2 + 7


def test_where_an_object_starts_later_that_frame_is_shown(tmp_path):
    one, seven = learning_after(tmp_path / "journal", open_video(FRAMES), dies=6, starts={7: 3})
    assert [asked[:2] for asked in one[:2]] == [("init", 0), ("restart", 5)]
    assert [asked[:2] for asked in seven[:2]] == [("init", 3), ("restart", 5)]


def test_in_the_frame_it_was_given_in_a_tracker_only_starts(tmp_path):
    one, seven = learning_after(tmp_path / "journal", open_video(FRAMES), dies=4, starts={7: 3})
    assert [asked[:2] for asked in one[:2]] == [("init", 0), ("restart", 3)]
    assert [asked[:2] for asked in seven[:2]] == [("init", 3), ("update", 4)]


class NoWayBack(ArrayFrames):
    """Frames that are there in their order only."""

    def __getitem__(self, index):
        raise BrokenFrame(f"frame {index} cannot be decoded by itself")


class NoEnd(ArrayFrames):
    """As many as come."""

    length = None


@pytest.mark.parametrize("source", [NoWayBack, NoEnd])
def test_where_frames_cannot_be_read_again_each_starts_from_its_answer(tmp_path, source):
    for asked in learning_after(tmp_path / "journal", source(FRAMES), dies=5):
        assert [one[:2] for one in asked[:2]] == [("init", 4), ("update", 5)]
