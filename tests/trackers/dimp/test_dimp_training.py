"""DiMP in training: losses over iterates, rates of its parts, and runs that go on to the bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.dimp import train_losses
from spectrack.trackers.dimp.network import DiMP
from spectrack.trackers.dimp.train import fresh_network, learner_of
from spectrack.trackers.dimp.train_losses import Answers, answers, dimp_loss, judged, samples
from spectrack.trackers.dimp.train_plans import PLANS, SMALL
from spectrack.training.box_scores import proposal_loss
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.siamese import learn
from spectrack.weights.described import make_network
from tiny_training import little_work  # noqa: F401

TINY: dict[str, Any] = {
    "kind": "dimp",
    "backbone": {"kind": "mobilenet_v2", "width": 0.25},
    "features": 16,
    "blocks": 1,
    "iou_maps": 8,
}
PLAN = replace(
    SMALL,
    train=replace(
        SMALL.train, epochs=2, batch_size=2, amp="none", device="cpu", checkpoint_every=None
    ),
    pairs=replace(SMALL.pairs, size=64, proposals=6),
    samples=4,
    iterations=2,
)


def network_of(learner: str = "dimp", seed: int = 0) -> DiMP:
    torch.manual_seed(seed)
    made = make_network({**TINY, "learner": learner})
    assert isinstance(made, DiMP)
    return made


@pytest.fixture(scope="module")
def clips() -> list[ArrayClip]:
    made = [make_clip(8, size_wh=(96, 72), seed=seed) for seed in (3, 4)]
    return [ArrayClip(c.frames_thwc, c.masks_thw.astype(np.uint8)) for c in made]


@pytest.fixture(scope="module")
def batch(clips: list[ArrayClip]) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    data = samples([Source(clips)], PLAN)
    many = [data[i] for i in range(3)]
    return {name: torch.stack([one[name] for one in many]) for name in many[0]}


@pytest.mark.parametrize("name", ["dimp18", "prdimp18", "superdimp"])
def test_the_loss_is_the_published_sum(batch, name):
    published = PLANS[name]
    plan = replace(published, pairs=PLAN.pairs, iterations=3)
    network = network_of("prdimp" if name.startswith("pr") else "dimp").eval()
    with torch.no_grad():
        found = answers(network, batch, 3)
        loss = float(dimp_loss(network, batch, plan))
    boxes = batch["test_boxes"].transpose(0, 1).double()
    middle = (boxes[..., :2] + boxes[..., 2:] / 2) / 16 - 0.5
    at = torch.arange(5).double() - 0.5
    off = [(at - middle[..., axis, None]) ** 2 for axis in (1, 0)]
    label = torch.exp(-(off[0][..., :, None] + off[1][..., None, :]) / (2 * PLAN.pairs.sigma**2))
    each = []
    for scores in found.places_itshw:
        s = scores.double()
        if published.objective == "hinge":
            each.append(torch.where(label >= 0.05, s - label, s.clamp(min=0)).square().mean())
        else:
            p = label / label.sum((-2, -1), keepdim=True)
            each.append((s.flatten(2).logsumexp(2) - (p * s).sum((-2, -1))).mean())
    ends = 100 if published.objective == "hinge" else 0.25
    wanted = ends * (each[0] + each[-1]) + 4 * ends * (each[1] + each[2]) / 2
    factor = {"dimp18": 1.0, "prdimp18": 0.0025, "superdimp": 0.01}[name]
    wanted = wanted + factor * proposal_loss(found.boxes_stp, batch, published.answer)
    assert len(found.places_itshw) == 4
    assert loss == pytest.approx(float(wanted), rel=1e-4)


def test_every_sequence_has_its_own_filter(batch):
    """What is said of a sequence is what is said of it alone."""
    network = network_of().eval()
    with torch.no_grad():
        together = answers(network, batch, 2)
        for s in range(3):
            alone = answers(network, {name: t[s : s + 1] for name, t in batch.items()}, 2)
            for many, one in zip(together.places_itshw, alone.places_itshw, strict=True):
                torch.testing.assert_close(many[:, s], one[:, 0], rtol=1e-3, atol=1e-4)
            torch.testing.assert_close(
                together.boxes_stp[s], alone.boxes_stp[0], rtol=1e-3, atol=1e-4
            )


def test_boxes_are_judged_by_the_first_frame_to_learn_from(batch):
    """Sequence by sequence with the parts that tracking uses."""
    network, layers = network_of().eval(), ("layer2", "layer3")
    boxes, backbone = network.bb_regressor, network.feature_extractor
    assert not torch.equal(batch["train_boxes"][:, 0], batch["train_boxes"][:, -1])
    with torch.no_grad():
        found = answers(network, batch, 2).boxes_stp
        for s in range(3):
            first, test = (
                backbone(backbone.normalise(batch[kind][s, :1]), layers)
                for kind in ("train", "test")
            )
            target = boxes.reference(*first.values(), batch["train_boxes"][s, :1])
            maps = boxes.test_maps(*test.values()).modulate(target)
            scores = boxes.judge(maps, batch["proposals"][s, :1])
            torch.testing.assert_close(found[s, :1], scores, rtol=1e-3, atol=1e-4)


def test_amounts_are_the_published_ones():
    wanted = {
        "dimp18": (26, 26_000, 30, 8, 4.5, 0.0, 288, 5.0, 1.0),
        "dimp50": (10, 26_000, 30, 8, 4.5, 0.0, 288, 5.0, 1.0),
        "prdimp18": (26, 26_000, 200, 128, 4.5, 0.0, 288, 5.0, 0.0025),
        "prdimp50": (10, 26_000, 200, 128, 4.5, 0.0, 352, 6.0, 0.0025),
        "superdimp": (20, 40_000, 200, 128, 5.5, 0.5, 352, 6.0, 0.01),
    }
    for name, numbers in wanted.items():
        plan, look = PLANS[name], PLANS[name].pairs
        found = (
            *(plan.train.batch_size, plan.samples, look.reach, look.proposals, look.test_shift),
            *(look.flip, look.size, look.search, plan.boxes),
        )
        assert found == numbers, name
        assert (look.train_frames, look.test_frames, plan.iterations, plan.fewest) == (3, 3, 5, 12)
        assert (look.train_scale, look.test_scale, look.train_shift) == (0.25, 0.5, 3.0)
        assert (look.grey, look.bright, look.least) == (0.05, 0.2, 0.1)
        if look.drawn == "mixture":
            assert look.mixture == ((0.05, 0.05), (0.5, 0.5))
            assert plan.answer == "density"
        else:
            assert look.spreads == (0.01, 0.05, 0.1, 0.2, 0.3)
            assert plan.answer == "overlap"
        if look.size == 352:
            assert (look.mode, look.shrink) == ("inside_major", 1.5)


def test_parts_learn_at_the_published_rates():
    wanted = {
        "dimp18": (5e-5, 5e-4, 5e-5, 1e-3, 2e-4),
        "dimp50": (5e-5, 5e-4, 5e-5, 2e-4, 2e-5),
        "prdimp18": (1e-3, 1e-3, 1e-3, 1e-3, 2e-4),
        "prdimp50": (1e-3, 1e-3, 1e-3, 1e-3, 2e-5),
        "superdimp": (5e-5, 5e-4, 5e-5, 1e-3, 2e-5),
    }
    parts = (
        "classifier.filter_initializer.filter_conv.weight",
        "classifier.filter_optimizer.log_step_length",
        "classifier.feature_extractor.0.weight",
        "bb_regressor.fc3_rt.linear.weight",
        "feature_extractor.layer3.0.conv1.weight",
    )
    for name, rates in wanted.items():
        training = PLANS[name].train
        found = [
            training.learning_rate * next((f for s, f in training.rates if part.startswith(s)), 1.0)
            for part in parts
        ]
        assert found == pytest.approx(rates), name
        assert (training.epochs, training.schedule_every, training.schedule_factor) == (50, 15, 0.2)
    assert PLANS["superdimp"].pairs.sigma == pytest.approx(0.9167, abs=1e-4)
    assert PLANS["superdimp"].always_frozen == tuple(
        f"feature_extractor.{name}" for name in ("conv1", "bn1", "layer1", "layer2")
    )


def test_a_stopped_run_goes_on_to_the_same_bits(clips, tmp_path):
    learner = replace(learner_of("dimp-small"), loss=lambda network, b: dimp_loss(network, b, PLAN))
    whole, stopped = network_of(), network_of()
    sources = [Source(clips)]
    result = learn(learner, whole, sources, tmp_path / "whole", PLAN, held_out=clips)
    assert {"hits", "first", "chosen", "drawn"} <= result.history[-1].keys()

    def stop(done: int, of: int | None) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(learner, stopped, sources, tmp_path / "stopped", PLAN, progress=stop, held_out=clips)
    again = network_of(seed=7)
    learn(learner, again, sources, tmp_path / "stopped", PLAN, held_out=clips)
    start = network_of().state_dict()
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
        stays = name.startswith(PLAN.always_frozen)
        assert torch.equal(value, start[name]) == stays or value.numel() <= 16, name


def test_it_learns(batch):
    plan = replace(PLAN, iterations=2)
    network = network_of().train()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for _ in range(12):
        loss = dimp_loss(network, batch, plan)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_figures_are_shares_and_overlaps(clips):
    found = judged(network_of().eval(), clips, PLAN)
    assert 0 <= found["first"] <= 1
    assert 0 <= found["hits"] <= 1
    assert 0.2 < found["drawn"] < 0.8


def test_a_hit_lies_within_a_cell_and_the_last_filter_counts(clips, monkeypatch):
    """The initial filter is two cells off, the last one is one cell off."""

    def moved(maps, cells):
        return torch.roll(maps, (cells, -cells), (-2, -1))

    def said(network, batch, iterations):
        label = train_losses._truth(batch, PLAN)
        return Answers([moved(label, 2), label * 0, moved(label, 1)], batch["overlaps"])

    monkeypatch.setattr(train_losses, "answers", said)
    middle = replace(PLAN.pairs, test_shift=0.0, test_scale=0.0, shrink=1.0)
    found = judged(network_of(), clips, replace(PLAN, pairs=middle))
    assert found["hits"] == 1
    assert found["first"] == 0
    assert found["chosen"] > found["drawn"] + 0.05


def test_the_small_form_learns_all_but_its_first_layers():
    network = fresh_network("dimp-small")
    for name, _ in network.feature_extractor.named_parameters():
        stays = name.startswith("stem") or int(name.split(".")[1]) <= 5
        assert f"feature_extractor.{name}".startswith(SMALL.always_frozen) == stays, name
    sizes = sum(p.numel() for p in network.parameters())
    assert 1_300_000 < sizes < 1_400_000


def test_an_epoch_may_end_with_a_batch_of_one_sample(clips, tmp_path, monkeypatch):
    plan = replace(PLAN, samples=3, train=replace(PLAN.train, epochs=1))
    monkeypatch.setattr("spectrack.trackers.dimp.train.SMALL", plan)
    learner = learner_of("dimp-small")
    result = learn(learner, network_of(), [Source(clips)], tmp_path / "run", plan)
    assert result.steps == 2
    assert np.isfinite(result.history[0]["loss"])
