"""Objects that start in a later frame: not there before it, and as in a video that begins there."""

from __future__ import annotations

import numpy as np
import pytest

import spectrack as st
from spectrack.errors import InputError
from spectrack.spectral.doubt import jumps
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.cleaning import Cleaner
from spectrack.tracking.journal import Journal, read_journal
from spectrack.tracking.loop import run_many
from spectrack.video.frames import BrokenFrame
from spectrack.video.reader import open_video

SIZE = (64, 48)
FIRST, LATER = Box(4, 6, 10, 8), Box(20, 20, 9, 12)
TARGETS = {1: Target(box=FIRST), 7: Target(mask=LATER.fill(SIZE))}


class Mover(Tracker):
    """Moves what it was given a pixel a frame to the right; dies where it is told to."""

    def __init__(self, dies=-1):
        super().__init__()
        self.dies, self.seen = dies, []

    def _init(self, frame_hwc, target):
        self.seen.append(int(frame_hwc[0, 0, 0]))
        self.box, self.masks = target.box, target.mask is not None
        return self.answer()

    def _update(self, frame_hwc):
        self.seen.append(int(frame_hwc[0, 0, 0]))
        if self.seen[-1] == self.dies:
            raise MemoryError("killed")
        self.box = Box(self.box.x + 1, *tuple(self.box)[1:])
        return self.answer()

    def answer(self):
        return Prediction(self.box, self.box.fill(self.size_wh) if self.masks else None, 0.75)


class Numbered(Mover):
    """Answers by the number of the frame, as one that reads files does."""

    counts_frames = True


@pytest.fixture
def frames():
    """Twelve frames that carry their number, with texture."""
    frames_thwc = np.random.default_rng(3).integers(0, 255, (12, 48, 64, 3), np.uint8)
    frames_thwc[:, 0, 0, 0] = np.arange(12)
    return frames_thwc


def not_there(entry):
    return (entry.box, entry.mask, entry.score, entry.found) == (None, None, 0.0, False)


@pytest.mark.parametrize("clean", [False, True])
def test_answers_from_the_start_on_are_those_of_a_video_that_begins_there(frames, clean):
    trackers = {key: Mover() for key in TARGETS}
    tracks = run_many(trackers, open_video(frames), TARGETS, clean=clean, starts={7: 5})
    whole = run_many({1: Mover()}, open_video(frames), {1: TARGETS[1]}, clean=clean)
    late = run_many({7: Mover()}, open_video(frames[5:]), {7: TARGETS[7]}, clean=clean)
    assert tracks[1].entries == whole[1].entries
    assert all(not_there(entry) for entry in tracks[7][:5])
    assert tracks[7].entries[5:] == late[7].entries
    assert trackers[7].seen == list(range(5, 12))
    assert tracks[7].info["start"] == 5
    assert "start" not in tracks[1].info
    if clean:
        assert tracks[7].info["doubt"][:5] == [0] * 5


def test_nobody_is_there_at_first(frames):
    tracks = run_many(
        {key: Mover() for key in TARGETS}, open_video(frames), TARGETS, starts={1: 3, 7: 11}
    )
    assert [not_there(e) for e in tracks[1]] == [True] * 3 + [False] * 9
    assert [not_there(e) for e in tracks[7]] == [True] * 11 + [False]


def test_a_window_that_follows_the_target_is_used_from_its_start_on(frames):
    late, plain = Cleaner([1], pixels=1500), Cleaner([1], pixels=1500)
    mover, got, expected = Mover(), [], []
    for t, frame in enumerate(frames):
        absent = Prediction(None, None, 0.0, False)
        answer = absent
        if t >= 4:
            answer = mover.init(frame, TARGETS[7]) if t == 4 else mover.update(frame)
            expected += plain.push(frame, {1: answer})
        got += late.push(frame, {1: answer})
    got, expected = got + list(late.flush()), expected + list(plain.flush())
    assert [p[1].mask is None for p in got] == [True] * 4 + [False] * 8
    for a, b in zip(got[4:], expected, strict=True):
        assert (a[1].hard_mask() != b[1].hard_mask()).mean() < 0.01


def test_one_that_counts_frames_sees_all_and_is_not_asked_before(frames):
    trackers = {1: Numbered(), 7: Numbered()}
    tracks = run_many(trackers, open_video(frames), TARGETS, starts={1: 4})
    assert trackers[1].seen == list(range(12))
    assert not_there(tracks[1][3])
    assert tracks[1][4].box == Box(FIRST.x + 4, *tuple(FIRST)[1:])


def test_a_killed_run_goes_on_before_and_after_the_start(tmp_path, frames):
    starts = {7: 6}
    whole = run_many({key: Mover() for key in TARGETS}, open_video(frames), TARGETS, starts=starts)
    for dies in (4, 6, 7, 9):
        path = tmp_path / f"journal{dies}"
        trackers = {1: Mover(dies), 7: Mover()}
        with Journal(path, {}) as journal, pytest.raises(MemoryError):
            run_many(trackers, open_video(frames), TARGETS, journal=journal, starts=starts)
        kept = read_journal(path)
        trackers = {key: Mover() for key in TARGETS}
        with Journal(path, {}, kept) as journal:
            tracks = run_many(trackers, open_video(frames), TARGETS, journal=journal, starts=starts)
        assert trackers[7].seen[0] == max(6, dies - 1)
        for key in TARGETS:
            assert tracks[key].entries == whole[key].entries
    with Journal(tmp_path / "only", {}) as journal, pytest.raises(MemoryError):
        run_many({1: Mover(8)}, open_video(frames), {1: TARGETS[1]}, None, stop_at(5),
                 journal=journal, starts={1: 7})  # fmt: skip
    kept = read_journal(tmp_path / "only")
    with Journal(tmp_path / "only", {}, kept) as journal:
        tracks = run_many(
            {1: Mover()}, open_video(frames), {1: TARGETS[1]}, journal=journal, starts={1: 7}
        )
    assert [not_there(e) for e in tracks[1]] == [True] * 7 + [False] * 5


def stop_at(frame):
    def on_frame(index, frame_hwc, predictions):
        if index == frame:
            raise MemoryError("killed")

    return on_frame


def test_what_cannot_start_is_told(frames):
    make = {key: Mover() for key in TARGETS}
    for starts, words in [
        ({7: 12}, "object 7 starts at frame 12, but the video ends at frame 11"),
        ({3: 1}, "object 3, which has no target"),
        ({1: -1}, "start -1 was given for object 1"),
        ({1: 1.5}, "start 1.5"),
    ]:
        with pytest.raises(InputError, match=words):
            run_many(make, open_video(frames), TARGETS, starts=starts)
    with pytest.raises(InputError, match="ends at frame 11"):
        run_many(make, iter(frames), TARGETS, starts={7: 12})

    class Torn:
        """The third frame is broken."""

        def salvage(self, start):
            for t in range(start, 12):
                yield BrokenFrame("torn") if t == 3 else frames[t]

    with pytest.raises(InputError, match="object 7 starts at frame 3, which cannot be decoded"):
        run_many(make, Torn(), TARGETS, skip_broken=True, starts={7: 3})


def test_track_all_takes_starts_and_saves_them(tmp_path, frames):
    tracks = st.track_all(frames, TARGETS, tracker=Mover, clean=False, starts={7: 2})
    loaded = st.Tracks.load(tracks.save(tmp_path / "out"))
    assert loaded[7].info["start"] == 2
    assert [e.found for e in loaded[7]] == [False] * 2 + [True] * 10
    assert not loaded[7].mask(1).any()
    assert loaded[7].mask(2).any()


def test_areas_of_nothing_are_no_jump():
    areas = np.array([np.nan] * 3 + [10.0] * 9 + [20.0])
    expected = np.zeros(13)
    expected[-1] = 0.25
    assert np.allclose(jumps(areas), expected)
    assert not jumps(np.full(4, np.nan)).any()
