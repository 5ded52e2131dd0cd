"""SFTrack++ on smaller frames: what the small tracker says, enlarged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack.scaled import ScaledSFTracker
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.tracking.explaining import Explainer
from spectrack.tracking.loop import run_many
from spectrack.video.reader import open_video

CHEAP = {"inputs": "kcf", "iterations": 1, "masks": "feat2seg"}


def test_answers_are_those_of_the_small_frames_enlarged() -> None:
    clip = make_clip(4, size_wh=(320, 240), seed=3)
    target = Target(mask=clip.masks_thw[0])
    fast = ScaledSFTracker(SFTrackSettings(**CHEAP, largest=160))
    small = SFTracker(SFTrackSettings(**CHEAP, largest=160))
    fast.init(clip.frames_thwc[0], target)
    shrunk = [
        np.asarray(cv2.resize(f, (160, 120), interpolation=cv2.INTER_AREA), np.uint8)
        for f in clip.frames_thwc
    ]
    mask = cv2.resize(target.mask.astype(np.uint8) * 255, (160, 120), interpolation=cv2.INTER_AREA)
    box = target.box
    half = Box(box.x / 2, box.y / 2, box.w / 2, box.h / 2)
    small.init(shrunk[0], Target(half, mask >= 128))
    for frame, little in zip(clip.frames_thwc[1:], shrunk[1:], strict=True):
        large, own = fast.update(frame), small.update(little)
        assert large.found == own.found
        assert large.mask.shape == (240, 320)
        np.testing.assert_allclose(large.mask, cv2.resize(own.mask, (320, 240)), atol=1e-6)
        if own.box is not None:
            assert tuple(large.box) == pytest.approx([2 * v for v in own.box])


def test_what_was_seen_of_shrunk_frames_is_explained_on_those_of_the_video() -> None:
    clip = make_clip(3, size_wh=(320, 240), seed=3)
    tracker = ScaledSFTracker(SFTrackSettings(**CHEAP, largest=160))
    explainer = Explainer()
    trackers, targets = {1: tracker}, {1: Target(mask=clip.masks_thw[0])}
    look = explainer.watch(trackers)
    run_many(trackers, open_video(clip.frames_thwc), targets, on_frame=look)
    assert tracker.explanation.size_wh == (160, 120)
    assert explainer.sheet("clip").ndim == 3


def test_small_frames_pass_as_they_are_and_sizes_are_checked() -> None:
    clip = make_clip(2, size_wh=(128, 80), seed=1)
    tracker = ScaledSFTracker(SFTrackSettings(**CHEAP))
    first = tracker.init(clip.frames_thwc[0], Target(mask=clip.masks_thw[0]))
    assert first.mask.shape == (80, 128)
    assert tracker.update(clip.frames_thwc[1]).mask.shape == (80, 128)
    with pytest.raises(InputError, match="give frames of one size"):
        tracker.update(np.zeros((90, 128, 3), np.uint8))
    with pytest.raises(InputError, match="call init first"):
        ScaledSFTracker(SFTrackSettings(**CHEAP)).update(clip.frames_thwc[0])
