"""Frames that cannot be decoded: held over where asked, refused elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.journal import Journal, read_journal
from spectrack.tracking.loop import run_many
from spectrack.video.frames import BrokenFrame
from spectrack.video.reader import open_video


class Walker(Tracker):
    """Its box moves a pixel with every frame that it sees."""

    def _init(self, frame_hwc, target):
        self.seen, self._box = [frame_hwc], target.box
        return Prediction(target.box, target.box.fill(self.size_wh), 0.5)

    def _update(self, frame_hwc):
        self.seen.append(frame_hwc)
        self._box = Box(self._box.x + 1, self._box.y, self._box.w, self._box.h)
        return Prediction(self._box, self._box.fill(self.size_wh), 0.5)


TARGETS = {1: Target(box=(10, 20, 30, 30))}


@pytest.fixture
def broken_folder(tmp_path, frames_folder):
    def make(*numbers):
        folder = Path(shutil.copytree(frames_folder, tmp_path / "frames"))
        for number in numbers:
            file = folder / f"{number:05d}.png"
            file.write_bytes(file.read_bytes()[:200])
        return folder

    return make


def test_the_answer_before_is_held_over(broken_folder, clip):
    tracker, told = Walker(), []
    with (
        open_video(broken_folder(4, 5, 9)) as frames,
        pytest.warns(RuntimeWarning, match=r"3 frames \(00004, 00005, 00009\)"),
    ):
        track = run_many(
            {1: tracker},
            frames,
            TARGETS,
            on_frame=lambda index, frame, _: told.append(index),
            skip_broken=True,
        )[1]
    assert [entry.box.x for entry in track] == [10, 11, 12, 13, 13, 13, 14, 15, 16, 16]
    assert [entry.score for entry in track] == [0.5] * 4 + [0, 0] + [0.5] * 3 + [0]
    assert all(entry.found for entry in track)
    assert track[4].mask == track[5].mask == track[3].mask
    assert track.stems == list(clip.stems)
    assert track.info["broken_frames"] == ["00004", "00005", "00009"]
    assert told == [0, 1, 2, 3, 6, 7, 8]
    seen = [0, 1, 2, 3, 6, 7, 8]
    np.testing.assert_array_equal(tracker.seen, clip.frames_thwc[seen])


def test_cleaned_ones_too(broken_folder):
    with open_video(broken_folder(4)) as frames, pytest.warns(RuntimeWarning, match="1 frame "):
        track = run_many({1: Walker()}, frames, TARGETS, clean=True, skip_broken=True)[1]
    assert len(track) == 10
    assert track[4].score == 0
    both = track.mask(3) & track.mask(4)
    assert both.sum() > 0.8 * (track.mask(3) | track.mask(4)).sum()


def test_one_that_counts_frames_does_not_fall_behind(broken_folder):
    tracker = Walker()
    tracker.counts_frames = True
    with open_video(broken_folder(4)) as frames, pytest.warns(RuntimeWarning):
        track = run_many({1: tracker}, frames, TARGETS, skip_broken=True)[1]
    assert [entry.box.x for entry in track] == [10, 11, 12, 13, 13, 15, 16, 17, 18, 19]


def test_refused_where_not_asked(broken_folder):
    with open_video(broken_folder(4)) as frames, pytest.raises(BrokenFrame, match=r"00004\.png"):
        run_many({1: Walker()}, frames, TARGETS)


def test_more_than_a_third_is_refused(broken_folder):
    with (
        open_video(broken_folder(2, 4, 6, 8)) as frames,
        pytest.raises(InputError, match=r"4 of 10 frames cannot be decoded.*00002"),
    ):
        run_many({1: Walker()}, frames, TARGETS, skip_broken=True)


def test_a_first_frame_that_breaks_is_refused(broken_folder):
    folder = broken_folder()
    with open_video(folder) as frames:
        (folder / "00000.png").write_bytes(b"")
        with pytest.raises(BrokenFrame, match=r"00000\.png is empty"):
            run_many({1: Walker()}, frames, TARGETS, skip_broken=True)


class Mortal(Walker):
    def _update(self, frame_hwc):
        if len(self.seen) == 6:
            raise MemoryError("killed")
        return super()._update(frame_hwc)


def test_a_run_that_goes_on_knows_them_still(broken_folder, tmp_path):
    path = tmp_path / "journal"
    with open_video(broken_folder(3, 4, 9)) as frames:
        with Journal(path, {}) as journal, pytest.raises(MemoryError):
            run_many({1: Mortal()}, frames, TARGETS, skip_broken=True, journal=journal)
        kept = read_journal(path)
        assert kept.frames == 8
        assert sorted(kept.broken) == [3, 4]
        walker = Walker()
        with Journal(path, {}, kept) as journal, pytest.warns(RuntimeWarning, match="3 frames"):
            track = run_many({1: walker}, frames, TARGETS, skip_broken=True, journal=journal)[1]
    assert track.info["broken_frames"] == ["00003", "00004", "00009"]
    assert [entry.box.x for entry in track] == [10, 11, 12, 12, 12, 13, 14, 15, 16, 16]
    assert [entry.score for entry in track] == [0.5] * 3 + [0, 0] + [0.5] * 4 + [0]


def test_one_killed_behind_a_broken_frame_starts_on_a_whole_one(broken_folder, tmp_path):
    path = tmp_path / "journal"
    with open_video(broken_folder(7)) as frames:
        with Journal(path, {}) as journal, pytest.warns(RuntimeWarning):
            run_many({1: Walker()}, frames, TARGETS, skip_broken=True, journal=journal)
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:9]))  # the head and frames 0 to 7
        kept, walker = read_journal(path), Walker()
        assert kept.frames == 8
        with Journal(path, {}, kept) as journal, pytest.warns(RuntimeWarning):
            track = run_many({1: walker}, frames, TARGETS, skip_broken=True, journal=journal)[1]
    assert [entry.box.x for entry in track] == [10, 11, 12, 13, 14, 15, 16, 16, 17, 18]
    assert len(walker.seen) == 3


@pytest.mark.parametrize("done", [4, 5, 6, 7])
def test_one_killed_there_before_its_object_begins_goes_on(broken_folder, tmp_path, done):
    path, begins = tmp_path / "journal", {1: 8}
    more = {"skip_broken": True, "starts": begins}
    with open_video(broken_folder(4, 5)) as frames:
        with Journal(path, {}) as journal, pytest.warns(RuntimeWarning):
            whole = run_many({1: Walker()}, frames, TARGETS, journal=journal, **more)[1]
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[: 1 + done]))  # the head and the frames
        with Journal(path, {}, read_journal(path)) as journal, pytest.warns(RuntimeWarning):
            track = run_many({1: Walker()}, frames, TARGETS, journal=journal, **more)[1]
    assert track.info["resumed_at"] == [done]
    assert track.info["broken_frames"] == ["00004", "00005"]
    assert track.entries == whole.entries
