"""Samples: what each holds, that chance follows the seed, and which moments are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.nanomask.train_flags import MaskInBoxArguments
from spectrack.trackers.nanomask.train_samples import (
    MaskSamples,
    Moments,
    SampleSettings,
    _moments,
)

SIDE = 64


@pytest.fixture(scope="module")
def sources() -> list[list[Moments]]:
    clips = [make_clip(6, size_wh=(120, 90), seed=seed) for seed in range(3)]
    videos = [Moments(list(c.frames_thwc), list(c.masks_thw)) for c in clips]
    return [[Moments(one.frames_thwc[:1], one.masks_thw[:1]) for one in videos], videos]


def samples(sources, **fields) -> MaskSamples:
    return MaskSamples(sources, [1, 1], 10, SampleSettings(side=SIDE, **fields))


def drawn(data: MaskSamples, seed: int, count: int = 12) -> list[dict[str, torch.Tensor]]:
    torch.manual_seed(seed)
    return [data[0] for _ in range(count)]


@pytest.mark.parametrize("alone", [0.0, 1.0])
def test_the_same_seed_gives_the_same_samples(sources, alone) -> None:
    data = samples(sources, alone=alone)
    for first, second in zip(drawn(data, 5, 4), drawn(data, 5, 4), strict=True):
        for name, part in first.items():
            assert torch.equal(part, second[name]), name
    assert not torch.equal(drawn(data, 5, 1)[0]["images"], drawn(data, 6, 1)[0]["images"])


def test_a_sample_alone_shows_the_third_view_only(sources) -> None:
    for one in drawn(samples(sources, alone=1.0), 0):
        assert one["alone"]
        assert one["images"].shape == (3, 3, SIDE, SIDE)
        for name in ("images", "boxes", "truths", "colours"):
            assert one[name].dtype == torch.uint8
            assert not one[name][:2].any()
        assert not one["colours"].any()
        assert (one["truths"][2] > 0).sum() >= 64 * 0.3
        assert set(one["truths"].unique().tolist()) == {0, 255}
        box, truth = one["boxes"][2] > 127, one["truths"][2] > 127
        assert (box & truth).sum() > 0.5 * truth.sum()


def test_a_sample_with_a_memory_shows_three(sources) -> None:
    found = drawn(samples(sources, alone=0.0, absent=0.0), 0)
    for one in found:
        assert not one["alone"]
        for place in range(3):
            assert one["images"][place].any()
            assert one["truths"][place].any()
            assert one["boxes"][place].any()
    assert sum(bool(one["colours"].any()) for one in found) >= 8
    likely = [one for one in found if one["colours"].any()]
    on = np.mean([one["colours"][0][one["truths"][0] > 0].float().mean() for one in likely])
    off = np.mean([one["colours"][0][one["truths"][0] == 0].float().mean() for one in likely])
    assert on > off + 50  # of 255


def test_where_something_else_is_shown_nothing_is_true(sources) -> None:
    for one in drawn(samples(sources, alone=0.0, absent=1.0), 0, 4):
        assert one["truths"][:2].flatten(1).any(1).all()
        assert not one["truths"][2].any()


def test_moments_are_frames_of_the_clip_near_each_other() -> None:
    rng = np.random.default_rng(0)
    found = np.array([_moments(20, 4, rng) for _ in range(2000)])
    assert found.min() == 0
    assert found.max() == 19
    apart = np.abs(found[:, 2] - found[:, 1])
    assert apart.min() == 1
    assert apart.max() == 4
    assert {tuple(_moments(1, 4, rng)) for _ in range(9)} == {(0, 0, 0)}


def test_every_sixth_video_is_held_out_and_of_few_the_last(tmp_path: Path) -> None:
    recipe = MaskInBoxArguments(data=tmp_path, out=tmp_path)
    seen, apart = recipe.split(range(14))
    assert apart == [5, 11]
    assert seen == [t for t in range(14) if t not in apart]
    assert recipe.split(range(3)) == ([0, 1], [2])
