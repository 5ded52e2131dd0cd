"""Samples of a tracking network: which frames, what they show, and where clips come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spectrack.datasets.base import Dataset, Sequence
from spectrack.datasets.synthetic.motion import MotionSettings
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.datasets.synthetic.stills import Still
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.training.data.clips import ArrayClip, VideoClip, split_clips, still_clips
from spectrack.training.data.samples import (
    SampleSettings,
    Source,
    TrackingSamples,
    draw_frames,
)
from spectrack.video.frames import ArrayFrames

SMALL = SampleSettings(size_wh=(96, 64), search=4.0)


@pytest.fixture(scope="module")
def clip() -> ArrayClip:
    made = make_clip(20, size_wh=(120, 90), seed=3)
    return ArrayClip(made.frames_thwc, made.masks_thw.astype(np.uint8))


def test_frames_are_drawn_as_the_paper_says() -> None:
    visible = np.ones(150, bool)
    visible[40:60] = False
    rng = np.random.default_rng(0)
    firsts, gaps, repeated = [], [], 0
    for _ in range(3000):
        first, later = draw_frames(visible, rng, 3, 100)
        assert visible[first]
        assert visible[later].all()
        assert first < later[0] <= later[1] <= later[2]
        firsts.append(first)
        gaps += [t - first for t in later]
        repeated += len(set(later)) < 3
    # Firsts are even over the visible frames but for the last three; gaps stay below 100.
    assert set(firsts) == set(np.flatnonzero(visible[:147]))
    counts = np.bincount(firsts, minlength=147)[visible[:147]]
    np.testing.assert_allclose(counts.std(), np.sqrt(counts.mean()), rtol=0.25)
    assert max(gaps) == 99
    assert repeated > 0


def test_the_window_grows_where_nothing_is_in_sight() -> None:
    visible = np.zeros(60, bool)
    visible[[0, 33, 58]] = True
    rng = np.random.default_rng(1)
    drawn: dict[int, set[int]] = {0: set(), 33: set()}
    for _ in range(50):
        first, later = draw_frames(visible, rng, 2, 10)
        drawn[first] |= set(later)
    assert drawn == {0: {33}, 33: {58}}
    with pytest.raises(InputError, match="less than two"):
        draw_frames(np.array([False, True, False]), rng, 1, 10)


def test_a_sample_shows_its_target(clip: ArrayClip) -> None:
    samples = TrackingSamples([Source([clip])], 12, SMALL, seed=5)
    for index in range(len(samples)):
        sample = samples[index]
        assert sample["images"].shape == (4, 3, 64, 96)
        assert sample["images"].dtype == torch.uint8
        assert sample["masks"].shape == (4, 64, 96)
        assert sample["labels"].shape == (4, 3, 4)
        tight = Box.from_mask(sample["masks"][0].numpy())
        assert tight is not None
        np.testing.assert_allclose(sample["box"], tuple(tight), atol=2.5)
        # The label's middle lies half a cell after the box's, as even filters have it.
        at = divmod(int(sample["labels"][0].argmax()), 4)
        x, y = tight.center
        assert abs(at[0] - y / 32) <= 0.6
        assert abs(at[1] - x / 32) <= 0.6


def test_seeded_samples_are_fixed_and_others_are_not(clip: ArrayClip) -> None:
    fixed = TrackingSamples([Source([clip])], 2, SMALL, seed=5)
    assert torch.equal(fixed[1]["images"], fixed[1]["images"])
    assert not torch.equal(fixed[0]["images"], fixed[1]["images"])
    free = TrackingSamples([Source([clip])], 2, SMALL)
    torch.manual_seed(0)
    one = free[0]["images"]
    assert not torch.equal(one, free[0]["images"])
    torch.manual_seed(0)
    assert torch.equal(one, free[0]["images"])


def test_changes_keep_picture_mask_and_box_together() -> None:
    frame = np.full((90, 120, 3), 20, np.uint8)
    mask = np.zeros((90, 120), np.uint8)
    frame[30:50, 40:75], mask[30:50, 40:75] = 250, 1
    clip = ArrayClip(np.stack([frame] * 12), np.stack([mask] * 12))
    settings = SampleSettings(size_wh=(96, 64), train_shift=(1, 1), test_shift=(1, 1), grey=1.0)
    samples = TrackingSamples([Source([clip])], 10, settings)
    torch.manual_seed(2)
    for index in range(len(samples)):
        sample = samples[index]
        bright = sample["images"][:, 0] > 120
        agree = (bright == (sample["masks"] > 0)).float().mean((1, 2))
        assert agree.min() > 0.97
        assert torch.equal(sample["images"][:, 0], sample["images"][:, 2])
        tight = Box.from_mask(sample["masks"][0].numpy())
        assert tight is not None
        assert Box(*sample["box"].tolist()).iou(tight) > 0.75


def test_the_last_frames_can_share_the_first_ones_roll() -> None:
    left = np.zeros((64, 96, 3), np.uint8)
    left[:, :48, 0] = 250
    mask = np.zeros((64, 96), np.uint8)
    mask[24:40, 40:56] = 1
    clip = ArrayClip(np.stack([left] * 12), np.stack([mask] * 12))
    still: dict[str, Any] = {
        "turn": 0.0,
        "zoom": 0.0,
        "bright": 0.0,
        "train_shift": (0, 0),
        "test_shift": (0, 0),
    }

    def red_sides(together: bool) -> set[tuple[bool, bool]]:
        settings = SampleSettings(size_wh=(96, 64), together=together, **still)
        samples = TrackingSamples([Source([clip])], 40, settings)
        torch.manual_seed(0)
        found = [samples[i]["images"][:, 0].float() for i in range(40)]
        sides = [(x[..., :30].mean((1, 2)) > x[..., 66:].mean((1, 2))) for x in found]
        assert all(len(set(one[1:].tolist())) == 1 for one in sides)
        return {(bool(one[0]), bool(one[1])) for one in sides}

    assert red_sides(True) == {(True, True), (False, False)}
    assert len(red_sides(False)) == 4


def test_sources_are_drawn_by_their_shares(clip: ArrayClip) -> None:
    dark = ArrayClip(np.zeros((12, 40, 60, 3), np.uint8), np.ones((12, 40, 60), np.uint8))
    sources = [Source([clip], 3.0), Source([dark], 1.0), Source([], 5.0)]
    samples = TrackingSamples(sources, 400, SMALL, seed=0)
    share = np.mean([int(samples[i]["images"].max()) == 0 for i in range(400)])
    assert share == pytest.approx(0.25, abs=0.07)
    short = ArrayClip(np.zeros((8, 9, 9, 3), np.uint8), np.ones((8, 9, 9), np.uint8))
    with pytest.raises(InputError, match="more than 8 frames"):
        TrackingSamples([Source([short])], 1, SMALL)


def _video(frames: int = 9) -> Sequence:
    made = make_clip(frames, size_wh=(80, 60), seed=1)
    return Sequence(
        "one",
        tuple(f"{t:05d}" for t in range(frames)),
        lambda: ArrayFrames(made.frames_thwc),
        lambda t: made.masks_thw[t],
    )


def test_clips_of_videos() -> None:
    video = _video()
    clip = VideoClip(video)
    assert clip.visible_t.all()
    look = clip.view(4)
    with video.frames() as frames:
        np.testing.assert_array_equal(look.frame_hwc, frames[4])
    assert look.box == Box.from_mask(look.mask_hw)
    seen, held = split_clips(Dataset("two", [video, _named(video, "b")]), 1)
    assert (len(seen), len(held)) == (1, 1)
    with pytest.raises(InputError, match="held out"):
        split_clips(Dataset("one", [video]), 1)


def _named(video: Sequence, name: str) -> Sequence:
    return Sequence(name, video.stems, video.open_frames, video.read_mask)


def test_clips_of_stills_are_made_once(tmp_path: Path) -> None:
    made = make_clip(2, size_wh=(80, 60), seed=7)
    stills = [Still(f, m) for f, m in zip(made.frames_thwc, made.masks_thw, strict=True)]
    settings = MotionSettings(size_wh=(64, 48))
    told: list[int] = []
    clips = still_clips(
        stills, 5, 0, tmp_path / "kept", settings=settings, progress=lambda n, of: told.append(n)
    )
    assert told == [1, 2, 3, 4, 5]
    again = still_clips(stills, 5, 0, tmp_path / "kept", settings=settings, progress=_refuse)
    other = still_clips(stills, 5, 1, tmp_path / "other", settings=settings)
    for a, b, c in zip(clips, again, other, strict=True):
        assert a.view(0).frame_hwc.shape == (48, 64, 3)
        np.testing.assert_array_equal(a.view(0).frame_hwc, b.view(0).frame_hwc)
        assert not np.array_equal(a.view(0).frame_hwc, c.view(0).frame_hwc)
    with pytest.raises(InputError, match="no stills"):
        still_clips([], 5, 0, tmp_path / "none")


def _refuse(done: int, total: int | None) -> None:
    raise AssertionError(f"clip {done} was made again")
