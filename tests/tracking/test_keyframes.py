"""Key frames: spans, what they leave to be done again, and that nothing set or answered is lost."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.keyframes import KeyframedTrack
from spectrack.tracking.keys import Span, as_key, read_keys, spans
from spectrack.tracking.loop import run_many
from spectrack.video.reader import open_video

SIZE, COUNT = (96, 64), 24


def truth(number):
    """The object moves two pixels a frame to the right."""
    return Box(4 + 2 * number, 20, 18, 22)


@dataclass(frozen=True)
class DriftSettings:
    """How far off it is for each frame it has gone, pixels down; and where it loses the object."""

    drift: float = 0.0
    stuck: int = 99
    dies: int = -1


class Drifter(Tracker):
    """Knows the true motion from the number in the pixels; drifts, and stays where it is stuck."""

    Settings = DriftSettings
    log: ClassVar[list[tuple[str, int]]] = []

    def _init(self, frame_hwc, target):
        self.start = self.now = int(frame_hwc[0, 0, 0])
        self.log.append(("init", self.start))
        self.box, self.mask = target.box, target.mask
        return Prediction(self.box, self.box.fill(self.size_wh) if self.mask is None else self.mask)

    def _update(self, frame_hwc):
        number = int(frame_hwc[0, 0, 0])
        self.log.append(("update", number))
        if number == self.settings.dies:
            raise MemoryError("killed")
        gone = abs(number - self.start)
        if gone <= self.settings.stuck:
            self.now = number
        x, y = self.box.x + 2 * (self.now - self.start), self.box.y + self.settings.drift * gone
        box = Box(x, y, self.box.w, self.box.h)
        return Prediction(box, box.fill(self.size_wh), 0.9)


@pytest.fixture(scope="module")
def frames():
    """A bright patch that moves over texture; each frame carries its number."""
    frames_thwc = np.random.default_rng(5).integers(0, 90, (1, 64, 96, 3), np.uint8)
    frames_thwc = np.repeat(frames_thwc, COUNT, axis=0)
    for t, frame in enumerate(frames_thwc):
        frame[truth(t).fill(SIZE)] += 150
        frame[0, 0] = t
    return open_video(frames_thwc)


def true_mask(t):
    return truth(t).fill(SIZE)


def made(frames, keys=None, *, clean=False, settings=None, **more):
    Drifter.log.clear()
    return KeyframedTrack(
        frames, lambda: Drifter(settings or DriftSettings()), keys, clean=clean, **more
    )


def overlaps(track):
    found = []
    for t in range(COUNT):
        a, b = track.mask(t), true_mask(t)
        found.append((a & b).sum() / (a | b).sum())
    return np.array(found)


def test_spans_lie_between_keys():
    mask, box = Target(mask=true_mask(0)), Target(box=truth(0))
    assert spans({0: box}, 9) == [Span(0, 9, 0, None)]
    assert spans({3: mask}, 9) == [Span(0, 3, None, 3), Span(3, 9, 3, None)]
    assert spans({3: mask}, 9, both_ways=False) == [Span(0, 3, None, None), Span(3, 9, 3, None)]
    assert spans({0: mask, 4: box, 6: "gone", 8: box}, 9) == [
        Span(0, 4, 0, 4),
        Span(4, 6, 4, None),
        Span(6, 8, None, None),
        Span(8, 9, 8, None),
    ]
    assert spans({2: "gone"}, 5) == [Span(0, 2, None, None), Span(2, 5, None, None)]
    assert spans({4: box}, 5) == [Span(0, 4, None, 4), Span(4, 5, 4, None)]


def test_a_key_in_the_middle_is_followed_both_ways(frames):
    track = made(frames, {10: truth(10)})
    assert track.run()
    assert overlaps(track.track()).min() == 1
    assert [number for _, number in Drifter.log] == [10, *range(9, -1, -1), 10, *range(11, COUNT)]
    forward = made(frames, {10: true_mask(10)}, both_ways=False)
    forward.run()
    assert [e.found for e in forward.track()] == [False] * 10 + [True] * 14


def test_the_answer_at_a_key_is_the_key_with_and_without_the_filter(frames):
    odd = np.zeros(SIZE[::-1], bool)
    odd[23:37:2, 40:61:3] = True  # nothing a filter would leave alone
    for clean in (False, True):
        track = made(frames, {0: truth(0), 17: odd}, clean=clean)
        track.run()
        found = track.track()
        np.testing.assert_array_equal(found.mask(17), odd)
        assert found.info["doubt"][17] == 0
        assert found.info["keyframes"]["17"]["mask"] is True


def test_gone_ends_the_object_until_the_next_key(frames):
    track = made(frames, {2: truth(2), 8: "gone", 15: truth(15)})
    track.run()
    found = track.track()
    assert [e.found for e in found] == [True] * 8 + [False] * 7 + [True] * 9
    assert all(e.box is None and e.mask is None and e.score == 0 for e in found.entries[8:15])
    assert found.info["doubt"][8:15] == [0] * 7
    assert found.info["keyframes"]["8"] == "gone"


def test_from_both_sides_is_better_than_from_one(frames):
    drifting = DriftSettings(drift=1.5)
    one = made(frames, {0: truth(0), 23: truth(23)}, settings=drifting, both_ways=False)
    both = made(frames, {0: truth(0), 23: truth(23)}, settings=drifting)
    one.run()
    both.run()
    assert overlaps(both.track()).mean() > overlaps(one.track()).mean() + 0.15


def test_the_way_that_arrived_is_believed(frames):
    """Forward is stuck at once and ends elsewhere; backward comes home."""
    keys = {0: truth(0), 23: truth(23)}
    track = KeyframedTrack(frames, Stuck, keys, clean=False)
    track.run()
    assert (overlaps(track.track()) > 0.9).mean() > 0.55
    told = track.track().info["doubt_parts"]["directions"]
    assert told[0] < 0.2
    assert max(told) == 1


class Stuck(Drifter):
    """Forward it stays where it was; backward it follows."""

    def _update(self, frame_hwc):
        number = int(frame_hwc[0, 0, 0])
        box = truth(self.start if number > self.start else number)
        return Prediction(box, box.fill(self.size_wh), 0.9)


def test_a_key_makes_work_of_one_span_only_and_taking_it_back_makes_none(frames):
    track = made(frames, {0: truth(0), 12: truth(12)})
    assert track.work() == 13 + 13 + 12 + 12 + 12
    track.run()
    assert (track.work(), track.stale()) == (0, [])
    before = track.track().entries
    Drifter.log.clear()
    track.set(5, true_mask(5))
    assert track.stale() == [Span(0, 5, 0, 5), Span(5, 12, 5, 12)]
    assert track.entry(7) == before[7]  # the old answer is shown until the new one is there
    track.run()
    # Forward from 0 and backward from 12 were on their way already.
    assert sorted(Drifter.log) == sorted(
        [("init", 5)] * 2 + [("update", n) for n in (*range(5), *range(6, 13))]
    )
    assert overlaps(track.track()).min() == 1
    Drifter.log.clear()
    track.remove(5)
    assert track.work() == 0
    assert track.track().entries == before
    track.set(5, true_mask(5))
    assert track.run()
    assert not Drifter.log


def test_cancelled_and_killed_it_goes_on(frames, tmp_path):
    keys = {0: truth(0), 23: true_mask(23)}
    whole = made(frames, keys)
    whole.run()
    track = made(frames, keys, folder=tmp_path)
    counted = []
    assert not track.run(lambda done, total: counted.append((done, total)),
                         cancel=lambda: len(counted) == 30)  # fmt: skip
    assert counted[-1] == (30, 24 + 24 + 23 + 1 + 1)
    left = track.work()
    assert left == counted[-1][1] - 30
    del track
    again = made(frames, folder=tmp_path)
    assert again.keys.keys() == keys.keys()
    assert again.work() == left
    assert again.run()
    assert [n for kind, n in Drifter.log if kind == "update"] == list(range(17, -1, -1))
    assert again.track().entries == whole.track().entries
    dies = DriftSettings(dies=9)
    with pytest.raises(MemoryError):
        made(frames, {4: truth(4)}, settings=dies, folder=tmp_path / "dead").run()
    kept = made(frames, folder=tmp_path / "dead", settings=DriftSettings())
    assert kept.keys[4].box == truth(4)
    kept.run()
    assert overlaps(kept.track()).min() == 1


def test_what_is_kept_is_found_again(frames, tmp_path):
    track = made(frames, {0: true_mask(0), 9: "gone", 14: truth(14)}, folder=tmp_path)
    track.run()
    again = made(frames, folder=tmp_path)
    assert again.work() == 0
    assert again.track().entries == track.track().entries
    assert not Drifter.log
    np.testing.assert_array_equal(again.keys[0].mask, true_mask(0))
    again.remove(9)
    again.run()
    again.prune()
    third = made(frames, folder=tmp_path)
    assert third.work() == 0
    names = {path.name for path in (tmp_path / "spans").iterdir()}
    assert len(names) == len([s for s in third.spans() if s.before is not None])
    for path in (tmp_path / "spans").iterdir():
        path.write_text("{}")
    assert made(frames, folder=tmp_path).work() == COUNT  # only the spans are put together again
    for count in (COUNT + 1, COUNT):
        with pytest.raises(InputError, match="another video"):
            made(open_video(np.zeros((count, 64, 96, 3), np.uint8)), folder=tmp_path)


def test_files_that_are_not_ours_are_told(frames, tmp_path):
    for number, text in enumerate(
        [
            "no json",
            "[]",
            '{"format": 2, "about": {}, "keys": {}}',
            '{"format": 1, "about": {}, "keys": {"0": {"box": [1, 2, 3], "mask": null}}}',
            '{"format": 1, "about": {}, "keys": {"0": {"box": [1,2,3,4], "mask": "../out"}}}',
            '{"format": 1, "about": {}, "keys": {"0": {"box": [1,2,3,4], "mask": "0a"}}}',
            '{"format": 1, "about": {}, "keys": {"-3": "gone"}}',
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "keys.json").write_text(text)
        with pytest.raises(InputError, match="no key frames that can be read"):
            made(frames, folder=folder)
    assert read_keys(tmp_path) is None


def test_the_filter_sees_each_span_and_its_keys_only(frames):
    """Answers of a span are those of a video that is no longer than it."""
    keys = {0: true_mask(0), 8: true_mask(8), 16: true_mask(16)}
    whole = made(frames, keys, clean=True, settings=DriftSettings(drift=0.4))
    whole.run()
    part = open_video(np.stack([frames[t] for t in range(9)]))
    first = made(part, {0: keys[0], 8: keys[8]}, clean=True, settings=DriftSettings(drift=0.4))
    first.run()
    assert first.track().entries[:9] == whole.track().entries[:9]
    raw, clean = whole.track(raw=True), whole.track()
    assert raw.mask(8).tolist() == clean.mask(8).tolist()
    assert overlaps(clean).mean() > overlaps(raw).mean()


def test_one_box_is_the_run_without_key_frames(frames):
    track = made(frames, {0: truth(0)}, clean=True)
    track.run()
    plain = run_many({1: Drifter(DriftSettings())}, frames, {1: Target(box=truth(0))}, clean=True)
    assert [e.mask for e in track.track()] == [e.mask for e in plain[1]]


class BoxesOnly(Drifter):
    """Gives no masks, and has lost the object in the first three frames."""

    def _init(self, frame_hwc, target):
        return Prediction(super()._init(frame_hwc, target).box)

    def _update(self, frame_hwc):
        found = super()._update(frame_hwc)
        lost = int(frame_hwc[0, 0, 0]) < 3
        return (
            Prediction(None, None, 0.0, found=False) if lost else Prediction(found.box, None, 0.7)
        )


def test_trackers_of_boxes_alone(frames):
    track = KeyframedTrack(frames, BoxesOnly, {6: truth(6), 15: true_mask(15)}, clean=True)
    track.run()
    found = track.track()
    assert [e.found for e in found] == [False] * 3 + [True] * 21
    boxes = found.boxes_xywh()[3:]
    np.testing.assert_allclose(boxes, [tuple(truth(t)) for t in range(3, COUNT)], atol=1e-3)
    assert all(e.mask is None for e in found)


def test_keys_that_cannot_be(frames):
    track = made(frames)
    for frame, key, words in [
        (COUNT, truth(0), f"frame {COUNT}; the video has frames 0 to {COUNT - 1}"),
        (-1, "gone", "frame -1"),
        (0, (200, 1, 4, 4), "outside"),
        (0, np.ones((5, 5), bool), "5x5"),
        (0, "nowhere.png", "nowhere.png"),
    ]:
        with pytest.raises(InputError, match=words):
            track.set(frame, key)
    with pytest.raises(InputError, match="no key frame was given"):
        track.run()
    with pytest.raises(InputError, match="has no key"):
        track.remove(3)
    with pytest.raises(InputError, match="not answered"):
        track.track()
    with pytest.raises(InputError, match="no known length"):
        made(open_video(iter(np.zeros((2, 8, 8, 3), np.uint8))))
    assert as_key("gone") == "gone"
    assert as_key(np.array([[4, 20, 18, 22]])).box == as_key((4, 20, 18, 22)).box == truth(0)


def test_numbered_trackers_are_refused(frames):
    class Numbered(Drifter):
        counts_frames = True

    with pytest.raises(InputError, match="cannot start at key frames"):
        KeyframedTrack(frames, Numbered)


class Meddled:
    """A lock; whenever nobody holds it any more, somebody else does the next thing at once."""

    def __init__(self, lock, things):
        self._lock, self.things = lock, list(things)
        self._depth, self._meddling = 0, False

    def __enter__(self):
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *error):
        self._depth -= 1
        self._lock.release()
        if not (self._depth or self._meddling) and self.things:
            self._meddling = True
            self.things.pop(0)()
            self._meddling = False


@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize("verb", ["run", "work"])
def test_keys_may_change_at_any_moment_of_the_work(frames, moment, verb):
    track = made(frames, {0: truth(0), 8: truth(8), 16: truth(16)})
    wait = [lambda: None] * moment
    change = [partial(track.remove, 8), partial(track.set, 5, true_mask(5))]
    back = [partial(track.remove, 5), partial(track.set, 8, truth(8))]
    track._lock = lock = Meddled(track._lock, [*wait, *change, *back, *change])
    while lock.things:
        getattr(track, verb)()
    track.run()
    assert (track.keys.keys(), track.stale(), track.work()) == ({0, 5, 16}, [], 0)
    fresh = made(frames, {0: truth(0), 5: true_mask(5), 16: truth(16)})
    fresh.run()
    assert track.track().entries == fresh.track().entries


def test_a_key_that_was_replaced_is_not_held(frames):
    track = made(frames)
    replaced = []
    for wide in range(5, 15):
        target = Target(mask=Box(10, 20, wide, 22).fill(SIZE))
        replaced.append(weakref.ref(target.mask))
        track.set(3, target)
        track.work()
    del target
    gc.collect()
    assert [ref() is None for ref in replaced] == [True] * 9 + [False]


def test_masks_of_keys_are_read_once_however_often_one_asks(frames, monkeypatch):
    track = made(frames, {0: true_mask(0), 8: true_mask(8)})
    monkeypatch.setattr(np, "packbits", None)
    assert (track.work() > 0, len(track.stale())) == (True, 2)


def test_what_is_left_is_known_though_somebody_asked_meanwhile(frames, tmp_path):
    track, left = made(frames, {0: truth(0)}, folder=tmp_path), []
    assert not track.run(lambda *_: left.append(track.work()), cancel=lambda: len(left) == 9)
    assert track.work() == made(frames, folder=tmp_path).work()
