"""Parts of the online tracker against plain arithmetic."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from random_sftrack import write_random_weights
from spectrack import threads
from spectrack.spectral.mixing.settings import MixingSettings
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack.boxes import BoxReader
from spectrack.trackers.sftrack.far_parts import FAR, without_far_parts
from spectrack.trackers.sftrack.feedback import Feedback
from spectrack.trackers.sftrack.inputs import Input, seen_side
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.trackers.sftrack.weighted_mean import weights_in_frame
from spectrack.trackers.sftrack.weights import load_sftrack, save_sftrack
from spectrack.tracking.appearance import ColourModel
from spectrack.tracking.explanation import Hypothesis
from spectrack.tracking.given_box import DOUBT
from spectrack.tracking.table import make_tracker


def test_far_parts_go_and_near_ones_stay() -> None:
    soft = np.zeros((100, 200), dtype=np.float32)
    soft[30:70, 40:80] = 0.9  # 40 x 40: parts up to 20 pixels away belong to it
    near, far = int(80 + FAR * 40), int(81 + FAR * 40)
    soft[40:50, near : near + 6] = 0.8
    kept = without_far_parts(soft)
    np.testing.assert_array_equal(kept, soft)
    moved = np.roll(soft, 0, axis=1)
    moved[40:50, near : near + 6] = 0
    moved[40:50, far : far + 6] = 0.8
    moved[5, 150] = 0.4  # below one half: not a part, and left alone
    expected = moved.copy()
    expected[40:50, far : far + 6] = np.float32(0.3)
    np.testing.assert_array_equal(without_far_parts(moved), expected)


def test_likeness_tells_proportions_where_probability_does_not() -> None:
    """Half red, half white; a thing of red alone shares half of the mass: sqrt(1/2)."""
    index = np.zeros((20, 40), dtype=np.int32)
    red, white, ground = 1000, 5000, 3000
    index[:] = ground
    target = np.zeros((20, 40), dtype=np.float32)
    target[5:15, 10:30] = 1
    index[5:15, 10:20], index[5:15, 20:30] = red, white
    model = ColourModel(index, target, 0.5)
    assert model.likeness(index, target) == pytest.approx(1.0, abs=1e-4)
    other = np.full_like(index, ground)
    other[5:15, 10:30] = red
    assert model.probability_hw(other)[10, 15] > 0.9
    assert model.likeness(other, target) == pytest.approx(np.sqrt(0.5), abs=0.02)
    assert model.likeness(np.full_like(index, ground), target) < 0.05


@pytest.mark.parametrize("longest", [480, 64])
def test_weights_follow_the_size_that_box_trackers_see(clip, tmp_path: Path, longest: int) -> None:
    path = write_random_weights(tmp_path / "w.safetensors")
    mixing = MixingSettings(
        names=("flow", "csrt", "kcf"), weights=(4.0, 3.0, 2.0), bias=-4.0, sizes=(1.0, -1.0, 0.0)
    )
    save_sftrack(path, replace(load_sftrack(path), mixing=mixing))
    tracker = SFTracker(SFTrackSettings.of_paper(weights=str(path), longest=longest))
    tracker.init(clip.frames_thwc[0], clip.target)
    tracker.update(clip.frames_thwc[1])
    # Frames of 128 x 80 are halved where 64 pixels are allowed; sizes count from 16 pixels on.
    side = np.sqrt(clip.target.box.w * clip.target.box.h) * min(1, longest / 128)
    scale = max(side, 16) / 60
    raw = np.array([4 * scale, 3 / scale, 2])
    found = tracker.explanation
    assert all(h is not None for h in found.hypotheses)
    np.testing.assert_allclose(found.mixed.weights_c, raw * 9 / raw.sum(), rtol=1e-5)
    # A second target on the same tracker has weights of its own.
    box = Box(10, 10, 90, 60)
    tracker.init(clip.frames_thwc[0], Target(box))
    assert tracker._mixing == mixing.at_size(seen_side(box, (128, 80), longest))


def test_the_side_seen_is_that_in_smaller_frames() -> None:
    assert seen_side(Box(0, 0, 40, 90), (960, 540), 480) == pytest.approx(30)
    assert seen_side(Box(0, 0, 40, 90), (320, 240), 480) == pytest.approx(60)


def test_of_two_things_the_one_that_did_not_jump_is_kept() -> None:
    soft = np.zeros((60, 120), np.float32)
    soft[5:15, 5:15] = 0.9  # where the target was
    soft[20:50, 70:110] = 0.8  # larger, and far away
    last = np.zeros_like(soft)
    last[6:16, 6:16] = 1
    kept = without_far_parts(soft, last)
    assert kept[5:15, 5:15].min() == np.float32(0.9)
    assert kept[20:50, 70:110].max() <= np.float32(0.3)
    elsewhere = np.zeros_like(soft)
    elsewhere[55:, :4] = 1  # touches neither: the largest counts
    for seen in (None, elsewhere):
        kept = without_far_parts(soft, seen)
        assert kept[20:50, 70:110].min() == np.float32(0.8)
        assert kept[5:15, 5:15].max() <= np.float32(0.3)


def test_a_box_tracker_is_led_by_the_mask_that_keeps_the_usual_size() -> None:
    back = Feedback(SFTrackSettings(), [], BoxReader("tight", None), Box(5, 5, 20, 20), (90, 60))
    assert (back.usual, back.usual_drawn) == (400, 400)

    def led(tight: Box, own: Box | None) -> bool:
        hypothesis = None if own is None else Hypothesis(own)
        return back.fits_better(tight, hypothesis)

    whole, half, spread = Box(0, 0, 20, 20), Box(0, 0, 10, 20), Box(0, 0, 40, 40)
    assert led(whole, half)  # half hidden: the box tracker kept one half
    assert not led(spread, whole)  # the mask spread from the helmet onto the player
    assert not led(spread, half)  # both are off, the mask more
    assert not led(Box(0, 0, 19, 20), Box(0, 0, 18, 20))  # nearly right is left alone
    assert led(spread, None)  # it sees nothing
    back.usual_drawn = 576.0  # the given box had a margin: box trackers have it, too
    assert not led(whole, Box(-2, -2, 24, 24))


def test_box_trackers_begin_with_the_box_that_was_given(clip, tmp_path: Path, monkeypatch) -> None:
    """Masks of the first frame are for inputs that follow masks: people's boxes have margins."""
    corrected: list[str] = []
    monkeypatch.setattr(Input, "correct", lambda one, frame, soft: corrected.append(one.name))
    path = write_random_weights(tmp_path / "w.safetensors")
    settings = SFTrackSettings(inputs="carried,fear", masks="feat2seg", weights=str(path))
    tracker = SFTracker(settings)
    tracker.init(clip.frames_thwc[0], Target(clip.target.box))
    assert corrected == ["carried"]
    tracker.init(clip.frames_thwc[0], clip.target)  # a mask that was given needs no correction
    assert corrected == ["carried"]


def test_a_box_tracker_is_led_to_a_box_drawn_as_the_first_was(clip, tmp_path: Path) -> None:
    """A margin on the left of the given box is there wherever the mask leads it; masks stay."""
    path = write_random_weights(tmp_path / "w.safetensors")
    tracker = SFTracker(SFTrackSettings(inputs="carried", masks="feat2seg", weights=str(path)))
    frame = clip.frames_thwc[0]
    tracker.init(frame, clip.target)
    first, given = Box(40, 20, 20, 20), Box(20, 20, 40, 20)
    tracker._read_box.start(given, first.fill(clip.size_wh).astype(np.float32))
    tight, led = Box(60, 30, 30, 20), []
    soft = tight.fill(clip.size_wh).astype(np.float32)
    for masks in (False, True):
        one = SimpleNamespace(gives_masks=masks, correct=lambda seen, shown: led.append(shown))
        tracker._feed_back.lead(one, frame, soft, tight)
    off = 1 - given.iou(first)
    margin = 30 * off**2 / (off**2 + DOUBT**2)  # one side of the mask's box, as far as believed
    x, y, w, h = Box.from_mask(led[0] >= 0.5)
    assert (y, h, x + w) == (30, 20, 90)
    assert x == pytest.approx(60 - margin, abs=1)
    assert led[1] is soft


def test_a_mask_that_spreads_beyond_the_box_trackers_box_is_cut(clip, tmp_path: Path) -> None:
    path = write_random_weights(tmp_path / "w.safetensors")
    settings = SFTrackSettings(inputs="carried,fear", masks="feat2seg", weights=str(path))
    tracker = SFTracker(settings)
    tracker.init(clip.frames_thwc[0], clip.target)
    first, spread = Box(40, 20, 20, 20), Box(40, 20, 30, 30)
    tracker._read_box.start(first, first.fill(clip.size_wh).astype(np.float32))
    soft = spread.fill(clip.size_wh).astype(np.float32)
    carried = Hypothesis(first, np.rint(255 * soft).astype(np.uint8))
    drawn = tracker._drawn_boxes([carried, Hypothesis(first)])
    assert drawn == [first]  # an input that carries a mask has no say
    np.testing.assert_array_equal(tracker._read_box.cut(soft, drawn), first.fill(clip.size_wh))
    tight = SFTracker(replace(settings, box_rule="tight"))
    assert tight._read_box.cut(soft, drawn) is soft


def test_masks_are_cut_before_they_are_judged(clip, tmp_path: Path, monkeypatch) -> None:
    path = write_random_weights(tmp_path / "w.safetensors")
    tracker = SFTracker(SFTrackSettings(inputs="carried", masks="feat2seg", weights=str(path)))
    tracker.init(clip.frames_thwc[0], clip.target)
    monkeypatch.setattr(BoxReader, "cut", lambda reader, soft, drawn: np.zeros_like(soft))
    assert not tracker.update(clip.frames_thwc[1]).found


@pytest.mark.parametrize("name", ["sftrack", "sftrack-fast"])
def test_frames_may_be_written_over_while_it_learns(clip, monkeypatch, name: str) -> None:
    """What a frame teaches is learned beside the next one; a camera has one buffer for both."""
    waiting, turn = [], threading.Lock()

    def late(job):  # as late as may be: when the outcome is read
        def outcome():
            with turn:  # whoever else reads it meanwhile waits, too
                if job in waiting:
                    waiting.remove(job)
                    job()

        waiting.append(job)
        return outcome

    plain, hurried = make_tracker(name), make_tracker(name)
    buffer = clip.frames_thwc[0].copy()
    plain.init(clip.frames_thwc[0], clip.target)
    hurried.init(buffer, clip.target)
    for frame in clip.frames_thwc[1:8]:
        buffer[:] = frame
        first = plain.update(frame)
        with monkeypatch.context() as hurry:
            hurry.setattr("spectrack.trackers.sftrack.tracker.meanwhile", late)
            second = hurried.update(buffer)
        looked = hurried.explanation.channels is not None  # not in frames between two looks
        assert len(waiting) == looked
        buffer[:] = 255 - frame
        assert first.mask is not None
        np.testing.assert_array_equal(first.mask, second.mask)
        assert (first.box, first.score) == (second.box, second.score)


def test_what_fails_while_it_learns_is_told_with_the_next_frame(clip, monkeypatch) -> None:
    monkeypatch.setattr(threads, "processors", lambda: 2)

    def fail(*args: object) -> None:
        raise ZeroDivisionError

    working = make_tracker("sftrack-fast", every=1)
    working.init(clip.frames_thwc[0], clip.target)
    with monkeypatch.context() as broken:
        broken.setattr("spectrack.trackers.sftrack.tracker.learn_colours", fail)
        working.update(clip.frames_thwc[1])
        with pytest.raises(ZeroDivisionError):
            working.update(clip.frames_thwc[2])
    working.init(clip.frames_thwc[0], clip.target)
    assert working.update(clip.frames_thwc[1]).found


def test_the_mix_knows_the_last_mask_and_the_usual_size(clip, monkeypatch) -> None:
    asked = []

    def told(settings, channels, last, last_area, usual):
        asked.append((channels, last, last_area, usual))
        return weights_in_frame(settings, channels, last, last_area, usual)

    monkeypatch.setattr("spectrack.trackers.sftrack.tracker.weights_in_frame", told)
    working = make_tracker("sftrack", largest=10_000)._tracker
    working.init(clip.frames_thwc[0], clip.target)
    for frame in clip.frames_thwc[1:4]:
        before = working._state
        working.update(frame)
        channels, last, last_area, usual = asked.pop()
        seen = working.explanation.channels
        assert last.shape == channels.shape[1:]
        whole = before.soft_hw >= 0.5
        np.testing.assert_array_equal(last, whole[seen.rows, seen.cols])
        assert (last_area, usual) == (whole.sum(), before.area)
        expected = weights_in_frame(working._mixing, channels, last, last_area, usual)
        np.testing.assert_allclose(working.explanation.mixed.weights_c, expected, rtol=1e-5)
    working._state = working._state.missed()
    working.update(clip.frames_thwc[4])
    assert asked.pop()[2] == 0  # where it was says nothing once it is lost
