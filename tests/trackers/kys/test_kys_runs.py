"""Samples that KYS learns from: which frames, and what they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.trackers.kys.train_runs import RunSamples, RunSettings, draw_run
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source

SMALL = RunSettings(size=96, search=4.0, train_frames=2, frames=4, bright=0.0)


@pytest.fixture(scope="module")
def clip() -> ArrayClip:
    """Frames that are white where the target is: what a crop shows says where it lies."""
    masks = make_clip(12, size_wh=(120, 90), seed=3).masks_thw.astype(np.uint8)
    return ArrayClip(np.repeat(255 * masks[..., None], 3, -1), masks)


def test_a_run_is_in_sight_and_what_is_learned_from_is_no_newer():
    visible = np.ones(60, bool)
    visible[[20, 33]] = False
    rng, starts = np.random.default_rng(0), set()
    for _ in range(500):
        before, run = draw_run(visible, rng, 3, 8, 10)
        assert run == list(range(run[0], run[0] + 8))
        assert visible[before + run].all()
        assert before == sorted(before)
        assert run[0] - 10 <= before[0] <= before[-1] <= run[0]
        starts.add(run[0])
    assert starts == {*range(13), *range(21, 26), *range(34, 53)}
    with pytest.raises(InputError, match="less than 30 frames"):
        draw_run(visible, rng, 3, 30, 10)


def test_boxes_lie_where_the_target_is_shown(clip: ArrayClip):
    torch.manual_seed(4)
    sample = RunSamples([Source([clip])], 4, SMALL)[0]
    assert sample["train"].shape == (2, 3, 96, 96)
    assert sample["run"].shape == (5, 3, 96, 96)
    found = 0
    for kind in ("train", "run"):
        for picture, box in zip(sample[kind], sample[f"{kind}_boxes"].tolist(), strict=True):
            seen = Box.from_mask(picture[0].numpy() > 127)
            x, y, w, h = box
            if x < 2 or y < 2 or x + w > 94 or y + h > 94:
                continue
            found += 1
            assert tuple(seen) == pytest.approx(box, abs=2.5)
    assert found > 3


def test_a_crop_of_a_run_lies_where_the_target_was(clip: ArrayClip):
    """Without chance, what the target is off the middle is how far it moved."""
    still = replace(SMALL, run_shift=0.0)
    sample = RunSamples([Source([clip])], 1, still, seed=0)[0]
    (start,) = [
        t
        for t in range(8)
        if tuple(clip.view(t).box)[2:] == pytest.approx(_size(sample, 0, clip, t), abs=1e-3)
    ][:1]
    boxes = [clip.view(start + t).box for t in range(5)]
    for t in range(1, 5):
        factor = 96 / (np.sqrt(boxes[t - 1].area) * 4)
        moved = np.array(boxes[t].center) - np.array(boxes[t - 1].center)
        x, y, w, h = sample["run_boxes"][t].tolist()
        off = np.array([x + w / 2, y + h / 2]) - 48
        # crops begin and end at whole pixels of the frame
        assert off == pytest.approx(moved * factor, abs=2 * factor)


def _size(sample, index: int, clip: ArrayClip, t: int) -> tuple[float, float]:
    """The size in the frame that a box of a crop of frame t would have."""
    side = np.ceil(np.sqrt(clip.view(t).box.area) * 4)
    w, h = (sample["run_boxes"][index][2:] * side / 96).tolist()
    return w, h


def test_with_a_seed_samples_stay(clip: ArrayClip):
    kept = RunSamples([Source([clip])], 2, SMALL, seed=7)
    again = RunSamples([Source([clip])], 2, SMALL, seed=7)
    for name, value in kept[1].items():
        torch.testing.assert_close(again[1][name], value, rtol=0, atol=0)
    assert not torch.equal(kept[0]["run"], kept[1]["run"])


def test_clips_too_short_are_told(clip: ArrayClip):
    with pytest.raises(InputError, match="give longer"):
        RunSamples([Source([clip])], 1, replace(SMALL, frames=20))
    with pytest.raises(InputError, match="multiple of 16"):
        replace(SMALL, size=100)
