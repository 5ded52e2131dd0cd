"""ATOM's IoU-Net in training: what it is held against, what stays, and that it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.networks.resnet import ResNet
from spectrack.trackers.atom.network import ATOM
from spectrack.trackers.atom.train import LEARNER, PUBLISHED, judged, loss, samples, scores_of
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.siamese import learn
from tiny_training import little_work  # noqa: F401

PLAN = replace(
    PUBLISHED,
    train=replace(PUBLISHED.train, epochs=2, batch_size=4, device="cpu"),
    pairs=replace(PUBLISHED.pairs, size=64, proposals=6),
    samples=8,
)


def network_of(seed: int = 0) -> ATOM:
    torch.manual_seed(seed)
    # four maps would crash the gradients of PyTorch's convolutions on processors without AVX-512
    return ATOM(ResNet("basic", (1, 1, 1, 1), (8, 8, 8, 8), 8), 16)


@pytest.fixture(scope="module")
def clips() -> list[ArrayClip]:
    made = [make_clip(8, size_wh=(96, 72), seed=seed) for seed in (3, 4)]
    return [ArrayClip(c.frames_thwc, c.masks_thw.astype(np.uint8)) for c in made]


@pytest.fixture(scope="module")
def batch(clips: list[ArrayClip]) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    data = samples([Source(clips)], PLAN)
    many = [data[i] for i in range(4)]
    return {name: torch.stack([one[name] for one in many]) for name in many[0]}


def test_predicted_overlaps_are_held_against_true_ones(batch):
    """Pair by pair with the parts that tracking uses."""
    network, errors = network_of().eval(), []
    boxes, layers = network.bb_regressor, ("layer2", "layer3")
    with torch.no_grad():
        for n in range(4):
            seen = [
                network.feature_extractor(
                    network.feature_extractor.normalise(batch[kind][n]), layers
                )
                for kind in ("train", "test")
            ]
            target = boxes.reference(*seen[0].values(), batch["train_boxes"][n])
            maps = boxes.test_maps(*seen[1].values()).modulate(target)
            scores = boxes.judge(maps, batch["proposals"][n])
            errors.append(float((scores - 2 * batch["overlaps"][n] + 1).square().mean()))
        assert float(loss(network, batch)) == pytest.approx(np.mean(errors), rel=1e-4)
        assert scores_of(network, batch).shape == (4, 1, 6)


def test_the_backbone_stays_and_iou_net_learns(clips, tmp_path):
    network, start = network_of(), network_of().state_dict()
    result = learn(LEARNER, network, [Source(clips)], tmp_path / "run", PLAN, held_out=clips)
    assert {"error", "chosen", "drawn"} <= result.history[-1].keys()
    for name, value in network.state_dict().items():
        if name.startswith("feature_extractor."):
            assert torch.equal(value, start[name]), name
        elif name.endswith("weight"):
            assert not torch.equal(value, start[name]), name


def test_a_stopped_run_goes_on_to_the_same_bits(clips, tmp_path):
    plan = replace(PLAN, train=replace(PLAN.train, checkpoint_every=None))
    whole, stopped, again = network_of(), network_of(), network_of(7)
    learn(LEARNER, whole, [Source(clips)], tmp_path / "whole", plan)

    def stop(done: int, of: int | None) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(LEARNER, stopped, [Source(clips)], tmp_path / "stopped", plan, progress=stop)
    learn(LEARNER, again, [Source(clips)], tmp_path / "stopped", plan)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_it_learns(batch):
    network = network_of().train()
    optimizer = torch.optim.Adam(network.bb_regressor.parameters(), 3e-3)
    losses = []
    for _ in range(15):
        error = loss(network, batch)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        losses.append(float(error.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_figures_are_errors_and_overlaps(clips):
    found = judged(network_of().eval(), clips, PLAN)
    assert found["error"] > 0
    assert 0.2 < found["drawn"] < 0.9


def test_the_plan_is_the_published_one():
    plan, training = PUBLISHED, PUBLISHED.train
    assert (training.epochs, training.batch_size, plan.samples) == (50, 64, 64_000)
    assert (training.learning_rate, training.schedule_every, training.schedule_factor) == (
        *(1e-3, 15),
        0.2,
    )
    assert (plan.pairs.size, plan.pairs.search, plan.pairs.proposals) == (288, 5.0, 16)
    assert (plan.pairs.reach, plan.pairs.order, plan.pairs.least) == (50, "either", 0.1)


def test_a_batch_of_one_pair_teaches(batch):
    network = network_of().train()
    one = loss(network, {name: part[:1] for name, part in batch.items()})
    one.backward()
    assert network.bb_regressor.fc34_3r[0].weight.grad.abs().sum() > 0
