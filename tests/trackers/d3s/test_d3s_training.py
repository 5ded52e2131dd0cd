"""How D3S's segmentation learns: pairs, the loss, starts, and a run that goes on to the bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from small_d3s import DESCRIBED
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import MobileNetLayers
from spectrack.structures import Box
from spectrack.trackers.d3s.network import distance_maps
from spectrack.trackers.d3s.train import (
    TRAINING,
    fresh_network,
    judge,
    learn_pairs,
    logits_of,
    pair_loss,
    published_plan,
    small_plan,
)
from spectrack.trackers.d3s.train_samples import (
    PairSettings,
    SegmentationPairs,
    _mirrored,
    draw_pair,
)
from spectrack.training.data.clips import ArrayClip, View
from spectrack.training.data.samples import Source
from spectrack.training.loop.schedule import advance, make_optimizer, make_schedule
from spectrack.weights.files import write_weights
from tiny_training import little_work  # noqa: F401

LOOK = PairSettings(side=64, shown=1, frames=2)


@pytest.fixture(scope="module")
def clips() -> list[ArrayClip]:
    made = [make_clip(6, size_wh=(96, 72), seed=seed) for seed in (3, 4)]
    return [ArrayClip(c.frames_thwc, c.masks_thw.astype(np.uint8)) for c in made]


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """A thin network, with a file of a backbone to start from."""
    file = tmp_path_factory.mktemp("backbone") / "backbone.safetensors"
    torch.manual_seed(5)
    backbone = MobileNetLayers(0.25)
    write_weights(file, {f"backbone.{n}": t for n, t in backbone.state_dict().items()}, {})
    training = replace(
        TRAINING, epochs=3, batch_size=2, device="cpu", checkpoint_every=None, log_every=1
    )
    return replace(
        small_plan(), train=training, pairs=LOOK, network=dict(DESCRIBED), backbone=str(file)
    )


def stacked(pairs):
    chosen = [pairs[i] for i in range(len(pairs))]
    return {name: torch.stack([one[name] for one in chosen]) for name in chosen[0]}


def test_pairs_are_crops_with_their_masks(clips):
    pairs = SegmentationPairs([Source(clips)], 8, LOOK, seed=1)
    batch = stacked(pairs)
    assert batch["train"].shape == batch["test"].shape == (8, 3, 64, 64)
    assert batch["train"].dtype == torch.uint8
    for n in range(8):
        box = Box.from_mask(batch["train_mask"][n].numpy())
        # cut about its own box, four sides of it large
        np.testing.assert_allclose(box.center, (32, 32), atol=2)
        assert math.sqrt(box.area) == pytest.approx(16, abs=2)
    assert batch["test_mask"].amax() == 1
    again = stacked(SegmentationPairs([Source(clips)], 8, LOOK, seed=1))
    assert all(torch.equal(batch[name], again[name]) for name in batch)


def test_the_place_told_is_near_the_target(clips):
    look = replace(LOOK, shift=0.0, scale=0.0)
    offs = []
    for n in range(40):
        one = SegmentationPairs([Source(clips)], 40, look, seed=2)[n]
        box = Box.from_mask(one["test_mask"].numpy())
        off = (one["place"].numpy() - box.center) / (box.w, box.h)
        offs.append(off)
    assert np.abs(offs).max() < 0.125 + 0.1  # half a pixel of sixteen, and rounding
    assert np.abs(offs).max() > 0.08
    exact = SegmentationPairs([Source(clips)], 1, replace(look, place=0.0), seed=2)[0]
    np.testing.assert_allclose(
        exact["place"], Box.from_mask(exact["test_mask"].numpy()).center, atol=1
    )


def test_boxes_stand_for_masks_as_often_as_told(clips):
    always = SegmentationPairs([Source(clips)], 1, replace(LOOK, box=1.0, shift=0, scale=0), seed=3)
    one = always[0]
    mask = one["train_mask"].numpy()
    box = Box.from_mask(mask)
    assert mask[box.slices((64, 64))].all()  # filled
    assert torch.equal(one["train"], one["test"])
    truth = one["test_mask"].numpy()
    assert truth[mask == 0].sum() <= 0.05 * truth.sum()
    assert truth.sum() < mask.sum()


def test_frames_of_a_pair_are_in_sight_and_near():
    seen = np.zeros(60, bool)
    seen[[2, 10, 14, 50]] = True
    rng = np.random.default_rng(0)
    drawn = [draw_pair(seen, rng, 5) for _ in range(200)]
    assert {a for a, _ in drawn} == {2, 10, 14, 50}
    assert all(seen[b] and a != b for a, b in drawn)
    assert {b for a, b in drawn if a == 10} == {14}
    assert {b for a, b in drawn if a == 2} == {10}  # further than 5: the window grows
    assert {b for a, b in drawn if a == 50} == {10, 14}
    alone = np.arange(60) == 7
    assert draw_pair(alone, rng, 5) == (7, 7)


def test_short_clips_are_told(clips):
    with pytest.raises(InputError, match="no clip has 20 frames"):
        SegmentationPairs([Source(clips)], 1, PairSettings(side=64))
    with pytest.raises(InputError, match="box is 2; give a number from 0 to 1"):
        PairSettings(box=2)


def test_distances_are_in_pixels_from_the_place():
    maps = distance_maps(torch.tensor([[3.0, 1.0], [0.5, 0.0]]), 6)
    assert maps.shape == (2, 1, 6, 6)
    assert maps[0, 0, 1, 3] == 0
    assert maps[0, 0, 4, 3] == 3
    assert maps[0, 0, 1, 0] == 3
    assert maps[1, 0, 0, 4] == 3.5


def test_the_loss_is_the_cross_entropy_of_both_channels(clips, plan):
    network = fresh_network(plan, 0).eval()
    batch = stacked(SegmentationPairs([Source(clips)], 2, LOOK, seed=1))
    with torch.no_grad():
        logits = logits_of(network, batch).double().numpy()
        loss = float(pair_loss(network, batch))
    target = batch["test_mask"].numpy()
    soft = 1 / (1 + np.exp(-logits))
    wanted = [
        -np.where(truth == 1, np.log(p), np.log(1 - p))
        for p, truth in ((soft[:, 0], target), (soft[:, 1], 1 - target))
    ]
    assert loss == pytest.approx(np.mean(wanted), rel=1e-5)


def test_only_what_is_learned_changes_and_a_stopped_run_goes_on_to_the_same_bits(
    clips, plan, tmp_path
):
    data = SegmentationPairs([Source(clips)], 4, replace(LOOK, flip=0.5))
    held = SegmentationPairs([Source(clips[:1])], 2, LOOK, seed=0)
    whole, stopped = fresh_network(plan, 0), fresh_network(plan, 0)
    learn_pairs(whole, data, held, tmp_path / "whole", plan)

    def stop(done: int, of: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn_pairs(stopped, data, held, tmp_path / "stopped", plan, progress=stop)
    again = fresh_network(plan, 7)
    learn_pairs(again, data, held, tmp_path / "stopped", plan)
    start = fresh_network(plan, 0).state_dict()
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
        kept = name.startswith("feature_extractor.")
        assert torch.equal(value, start[name]) == kept, name


def test_it_learns(clips, plan, tmp_path):
    fixed = SegmentationPairs([Source(clips)], 4, LOOK, seed=1)
    training = replace(
        plan.train,
        epochs=25,
        batch_size=4,
        learning_rate=1e-2,
        rates=(("segm_predictor.post0.1.", 5.0),),
        schedule="none",
    )
    plan = replace(plan, train=training)
    network = fresh_network(plan, 0)
    start = judge(network.eval(), fixed)["J"]
    result = learn_pairs(network.train(), fixed, None, tmp_path / "run", plan)
    losses = [epoch["loss"] for epoch in result.history]
    assert losses[-1] < 0.5 * losses[0]
    assert judge(network.eval(), fixed)["J"] > start + 0.1


def test_the_published_schedule():
    plan = published_plan()
    assert plan.samples == 64 * 1000
    assert (plan.pairs.reach, plan.pairs.box, plan.pairs.side) == (50, 0.005, 384)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = make_optimizer([("segm_predictor.s3.0.bias", parameter)], plan.train)
    assert type(optimizer) is torch.optim.Adam
    schedule = make_schedule(optimizer, plan.train, "max")
    rates = []
    for _ in range(plan.train.epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        advance(schedule, 0.0)
    wanted = [1e-3] * 15 + [2e-4] * 15 + [4e-5] * 10
    np.testing.assert_allclose(rates, wanted)


@pytest.mark.parametrize("prefix", ["", "feature_extractor.", "backbone."])
def test_a_backbone_may_be_part_of_another_network(plan, tmp_path, prefix):
    given = MobileNetLayers(0.25).state_dict()
    file = tmp_path / "given.safetensors"
    beside = {"head.weight": torch.zeros(3)}
    write_weights(file, {prefix + n: t for n, t in given.items()} | beside, {})
    network = fresh_network(replace(plan, backbone=str(file)), 0)
    for name, value in network.feature_extractor.state_dict().items():
        assert torch.equal(value, given[name])


def test_a_backbone_that_does_not_fit_is_told(plan, tmp_path):
    file = tmp_path / "other.safetensors"
    write_weights(file, MobileNetLayers(0.5).state_dict(), {})
    with pytest.raises(InputError, match="do not fit the backbone, a MobileNetLayers: "):
        fresh_network(replace(plan, backbone=str(file)), 0)


def test_the_small_form_starts_from_a_backbone_that_comes_with_the_package():
    network = fresh_network(small_plan(), 0)
    assert network.side == 256
    assert network.feature_extractor.blocks[12].project.out_channels == 96


def test_a_mirrored_frame_has_the_box_of_its_mask():
    mask = np.zeros((100, 120), bool)
    mask[40:60, 30:50] = True
    frame = np.repeat(mask[..., None], 3, 2).astype(np.uint8)
    other = _mirrored(View(frame, mask, Box.from_mask(mask)))
    assert tuple(other.box) == tuple(Box.from_mask(other.mask_hw)) == (70, 40, 20, 20)
    assert np.array_equal(other.frame_hwc[..., 0], other.mask_hw)
    again = _mirrored(other)
    assert tuple(again.box) == (30, 40, 20, 20)
