"""Samples for filters that are learned online: which frames, and what they show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.discriminative import (
    LearningSamples,
    LearningSettings,
    draw_before_and_after,
)
from spectrack.training.data.proposals import overlaps_with
from spectrack.training.data.samples import Source

SMALL = LearningSettings(size=96, search=4.0, train_frames=2, test_frames=3, proposals=5)


@pytest.fixture(scope="module")
def clip() -> ArrayClip:
    """Frames that are white where the target is: what a crop shows says where it lies."""
    masks = make_clip(20, size_wh=(120, 90), seed=3).masks_thw.astype(np.uint8)
    return ArrayClip(np.repeat(255 * masks[..., None], 3, -1), masks)


def test_frames_to_learn_from_come_first() -> None:
    visible = np.ones(150, bool)
    visible[40:60] = False
    rng = np.random.default_rng(0)
    newest, gaps, ages = [], [], []
    for _ in range(3000):
        before, after = draw_before_and_after(visible, rng, 3, 2, 30)
        assert visible[before + after].all()
        assert before == sorted(before)
        assert after == sorted(after)
        assert before[-1] < after[0]
        newest.append(before[-1])
        ages += [before[-1] - t for t in before[:-1]]
        gaps += [t - before[-1] for t in after]
    assert set(newest) == set(np.flatnonzero(visible[:148])) - {0, 1}
    assert max(gaps) == 30
    assert max(ages) == 30
    assert min(ages) == 0


def test_the_reach_grows_where_nothing_is_in_sight() -> None:
    visible = np.zeros(60, bool)
    visible[[0, 33, 58]] = True
    rng = np.random.default_rng(1)
    for _ in range(20):
        before, after = draw_before_and_after(visible, rng, 2, 2, 10)
        assert set(after) == {{0: 33, 33: 58}[before[-1]]}
    short = draw_before_and_after(np.array([True, True]), rng, 3, 3, 10)
    assert short == ([0, 0, 0], [1, 1, 1])
    with pytest.raises(InputError, match="less than two"):
        draw_before_and_after(np.array([False, True]), rng, 1, 1, 10)


@pytest.mark.parametrize("mode", ["replicate", "inside_major"])
@pytest.mark.parametrize("flip", [0.0, 0.5])
def test_boxes_lie_where_the_target_is_shown(clip: ArrayClip, mode, flip) -> None:
    settings = replace(SMALL, mode=mode, shrink=1.5, flip=flip, bright=0.0, test_shift=2.0)
    torch.manual_seed(4)
    sample = LearningSamples([Source([clip])], 4, settings)[0]
    assert sample["train"].shape == (2, 3, 96, 96)
    assert sample["test"].shape == (3, 3, 96, 96)
    assert sample["test"].dtype == torch.uint8
    found = 0
    for kind in ("train", "test"):
        for picture, box in zip(sample[kind], sample[f"{kind}_boxes"].tolist(), strict=True):
            seen = Box.from_mask(picture[0].numpy() > 127)
            x, y, w, h = box
            if x < 2 or y < 2 or x + w > 94 or y + h > 94:
                continue  # cut off by the crop, or by the frame
            assert seen is not None
            np.testing.assert_allclose((x, y, w, h), tuple(seen), atol=3)
            found += 1
    assert found >= 2


def pictures(samples: LearningSamples, count: int) -> torch.Tensor:
    """All of several samples, float32 (N, 3, S, S)."""
    torch.manual_seed(5)
    drawn = [samples[0] for _ in range(count)]
    return torch.cat([s[kind] for s in drawn for kind in ("train", "test")]).float()


@pytest.fixture(scope="module")
def slope(clip: ArrayClip) -> ArrayClip:
    """Frames that are brighter to the right, and orange: light, grey and mirrors are seen."""
    ramp = np.linspace(60, 120, 120)[:, None] * (1.5, 1.0, 0.5)
    frame = np.broadcast_to(np.rint(ramp).astype(np.uint8), (90, 120, 3))
    masks = np.stack([clip.view(t).mask_hw for t in range(20)])
    return ArrayClip(np.stack([frame] * 20), masks)


@pytest.mark.parametrize(("flip", "wanted"), [(0.0, 0.0), (0.5, 0.5), (1.0, 0.0)])
def test_pictures_are_mirrored_together_and_apart(slope: ArrayClip, flip, wanted) -> None:
    """Mirrored by both is mirrored by none."""
    seen = pictures(LearningSamples([Source([slope])], 1, replace(SMALL, flip=flip)), 40)
    left, right = seen[..., :40].mean((1, 2, 3)), seen[..., -40:].mean((1, 2, 3))
    assert (left != right).all()
    assert float((left > right).float().mean()) == pytest.approx(wanted, abs=0.12 * (wanted > 0))


@pytest.mark.parametrize("flip", [0.0, 0.5])
def test_boxes_are_mirrored_with_their_pictures(clip: ArrayClip, flip) -> None:
    settings = replace(SMALL, flip=flip, bright=0.0, test_shift=2.5, test_scale=0.0)
    samples, checked = LearningSamples([Source([clip])], 1, settings), 0
    torch.manual_seed(6)
    for _ in range(12):
        sample = samples[0]
        for picture, (x, y, w, h) in zip(
            sample["test"], sample["test_boxes"].tolist(), strict=True
        ):
            if min(x, y) < 2 or max(x + w, y + h) > 94:
                continue
            seen = Box.from_mask(picture[0].numpy() > 127)
            assert seen is not None
            assert seen.center[0] == pytest.approx(x + w / 2, abs=2.5)
            checked += abs(x + w / 2 - 48) > 6  # where a mirror makes a difference
    assert checked > 5


def test_light_changes_and_colours_go(slope: ArrayClip) -> None:
    still = replace(SMALL, grey=0.0, bright=0.0)
    plain, lit = (
        pictures(LearningSamples([Source([slope])], 1, replace(still, bright=bright)), 8)
        for bright in (0.0, 0.2)
    )
    gains = lit[:, 1].mean((1, 2)) / plain[:, 1].mean((1, 2))
    assert gains.min() > 0.79
    assert gains.max() < 1.21
    assert gains.max() - gains.min() > 0.2
    grey = pictures(LearningSamples([Source([slope])], 1, replace(still, grey=1.0)), 8)
    assert torch.equal(grey[:, 0], grey[:, 2])
    red, green, blue = plain.unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    assert (grey[:, 1] - luma).abs().max() < 1


@pytest.mark.parametrize("drawn", ["near", "mixture"])
def test_proposals_are_of_their_frame(clip: ArrayClip, drawn) -> None:
    settings = replace(SMALL, drawn=drawn, proposals=20)
    sample = LearningSamples([Source([clip])], 4, settings, seed=1)[2]
    assert sample["proposals"].shape == (3, 20, 4)
    for box, boxes, told in zip(
        sample["test_boxes"].tolist(), sample["proposals"], sample["overlaps"], strict=True
    ):
        overlaps = overlaps_with(Box(*box), boxes.double().numpy())
        np.testing.assert_allclose(told, overlaps, atol=1e-5)
        assert overlaps.max() > 0.6
    if drawn == "near":
        assert torch.equal(sample["sampled"], torch.ones(3, 20))
    else:
        assert sample["sampled"].min() > 0


def test_pairs_in_either_order(clip: ArrayClip) -> None:
    settings = replace(SMALL, order="either", train_frames=1, test_frames=1, train_shift=0.0)
    pairs = LearningSamples([Source([clip])], 60, replace(settings, train_scale=0.0), seed=0)
    boxes = torch.stack([pairs[i]["train_boxes"][0] for i in range(20)])
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    assert (middles - 48).abs().max() < 1.5
    sides = boxes[:, 2:].prod(1).sqrt()
    np.testing.assert_allclose(sides, 96 / 4, rtol=0.05)
    assert pairs[0]["test"].shape == (1, 3, 96, 96)
    # what is to be found has a jitter of its own
    tests = torch.stack([pairs[i]["test_boxes"][0] for i in range(20)])
    off = (tests[:, :2] + tests[:, 2:] / 2 - 48).abs() / (96 / 4)
    assert off.max() > 1
    assert tests[:, 2:].prod(1).sqrt().log().std() > 0.2


def test_boxes_may_be_told_from_the_middle(clip: ArrayClip) -> None:
    """The middle pixel is the middle of the box that the crop was made about, to the bit."""
    settings = replace(SMALL, whole=False, train_shift=0.0, train_scale=0.0, bright=0.0)
    samples, checked = LearningSamples([Source([clip])], 9, replace(settings, test_shift=2.5)), 0
    torch.manual_seed(8)
    for index in range(9):
        sample = samples[index]
        boxes = sample["train_boxes"]
        np.testing.assert_allclose(boxes[:, :2] + boxes[:, 2:] / 2, 47.5, atol=1e-5)
        for picture, box in zip(sample["test"], sample["test_boxes"].tolist(), strict=True):
            if min(box[:2]) < 3 or box[0] + box[2] > 93 or box[1] + box[3] > 93:
                continue
            seen = Box.from_mask(picture[0].numpy() > 127)
            assert seen is not None
            np.testing.assert_allclose(box, tuple(seen), atol=4)
            checked += 1
    assert checked > 5


def test_a_seed_gives_the_same_samples_and_none_gives_new_ones(clip: ArrayClip) -> None:
    fixed = LearningSamples([Source([clip])], 4, SMALL, seed=3)
    assert all(torch.equal(value, fixed[1][name]) for name, value in fixed[1].items())
    free = LearningSamples([Source([clip])], 4, SMALL)
    torch.manual_seed(0)
    first, second = free[0], free[0]
    torch.manual_seed(0)
    again = free[3]
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not torch.equal(first["test_boxes"], second["test_boxes"])


def test_what_is_far_off_is_still_shown() -> None:
    """A tiny target at the border, looked for far beyond it."""
    masks = np.zeros((4, 60, 80), np.uint8)
    masks[:, 0:4, 0:4] = 1
    clip = ArrayClip(np.zeros((4, 60, 80, 3), np.uint8), masks)
    settings = replace(SMALL, test_shift=40.0, train_shift=40.0)
    samples = LearningSamples([Source([clip])], 20, settings, seed=0)
    for index in range(20):
        assert samples[index]["test"].shape == (3, 3, 96, 96)


def test_sigma_is_the_published_one() -> None:
    assert LearningSettings().sigma == pytest.approx(0.9)
    assert LearningSettings(size=352, search=6.0).sigma == pytest.approx(0.9167, abs=1e-4)


def test_mistakes_are_told(clip: ArrayClip) -> None:
    with pytest.raises(InputError, match="size is 100"):
        LearningSettings(size=100)
    with pytest.raises(InputError, match="proposals is 0"):
        LearningSettings(proposals=0)
    with pytest.raises(InputError, match="either order"):
        LearningSettings(order="either")
    with pytest.raises(InputError, match="more than 25 frames"):
        LearningSamples([Source([clip])], 4, SMALL, fewest=25)
