"""How MDNet learns over many videos: mini-batches, starts, and a run that goes on to the bit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from small_mdnet import DESCRIBED
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.trackers.mdnet.network import MDNet
from spectrack.trackers.mdnet.patches import Picture
from spectrack.trackers.mdnet.samplers import overlaps
from spectrack.trackers.mdnet.train import (
    TRAINING,
    MDNetPlan,
    domain_loss,
    fresh_network,
    learn_domains,
    start_from,
)
from spectrack.trackers.mdnet.train_samples import BatchSettings, DomainBatches, drawn
from spectrack.training.data.clips import ArrayClip
from spectrack.weights.files import write_weights
from tiny_training import little_work  # noqa: F401

PLAN = MDNetPlan(
    train=replace(TRAINING, epochs=3, learning_rate=1e-3, device="cpu", checkpoint_every=None),
    batches=BatchSettings(frames=2, positives=3, negatives=5),
    widths=(8, 8, 16),
    hidden=16,
)


@pytest.fixture(scope="module")
def clips() -> list[ArrayClip]:
    """Two domains."""
    made = [make_clip(3, size_wh=(96, 72), seed=seed) for seed in (3, 4)]
    return [ArrayClip(c.frames_thwc, c.masks_thw.astype(np.uint8)) for c in made]


def test_a_batch_is_of_one_domain_and_as_many_as_told(clips):
    batches = DomainBatches(clips, BatchSettings(frames=2, positives=5, negatives=7))
    assert len(batches) == 2
    for index in range(2):
        torch.manual_seed(index)
        batch = batches[index]
        assert batch["patches"].shape == (12, 3, 107, 107)
        assert batch["patches"].dtype == torch.int8
        assert int(batch["positives"]) == 5
        assert int(batch["domain"]) == index
        torch.manual_seed(index)
        assert torch.equal(batches[index]["patches"], batch["patches"])
        assert not torch.equal(batches[index]["patches"], batch["patches"])


def test_patches_on_the_target_come_first_and_are_the_trackers():
    """A frame that is white on the target: what a patch shows says how much of it is in it."""
    mask = np.zeros((1, 72, 96), np.uint8)
    mask[:, 20:50, 30:70] = 1
    frame = np.repeat(255 * mask[..., None], 3, -1)
    batch = DomainBatches([ArrayClip(frame, mask)], BatchSettings(frames=3))[0]
    white = (batch["patches"] > 0).float().mean((1, 2, 3))
    count = int(batch["positives"])
    assert count == 32
    # a box with its context is 1.69 times its area
    assert white[:count].min() > 0.7 / 1.7
    assert white[:count].min() > white[count:].median()


def test_boxes_overlap_as_published():
    box, rng = Box(40, 30, 40, 30), np.random.default_rng(0)
    on, off = drawn(box, (160, 120), 12, 30, rng)
    assert len(on) == 12
    assert len(off) == 30
    assert overlaps(on, box).min() >= 0.7
    assert overlaps(off, box).max() <= 0.5
    alone, _ = drawn(Box(40, 30, 2, 2), (160, 120), 4, 4, rng)
    np.testing.assert_array_equal(alone, [[40, 30, 2, 2]])


def test_patches_keep_their_numbers_in_bytes(rng):
    frame = rng.integers(0, 256, (40, 50, 3), np.uint8)
    cut = Picture(frame, torch.device("cpu")).cut(np.array([[5, 5, 20, 20]], np.float32))
    assert torch.equal(cut.to(torch.int8).float(), cut)


def test_the_loss_is_that_of_the_batches_own_branch(clips):
    network = fresh_network(PLAN, 2, 0).eval()
    torch.manual_seed(0)
    batch = DomainBatches(clips, PLAN.batches)[1]
    scores = network(batch["patches"].float(), 1).double().tolist()
    truth = [n < int(batch["positives"]) for n in range(len(scores))]
    wanted = [
        math.log(1 + math.exp(a - b if on else b - a))
        for (a, b), on in zip(scores, truth, strict=True)
    ]
    assert domain_loss(network, batch).item() == pytest.approx(np.mean(wanted), rel=1e-5)
    network.train()
    domain_loss(network, batch).backward()
    assert network.branches[1][1].weight.grad is not None
    assert network.branches[0][1].weight.grad is None


def test_a_stopped_run_goes_on_to_the_same_bits(clips, tmp_path):
    whole, stopped = fresh_network(PLAN, 2, 0), fresh_network(PLAN, 2, 0)
    learn_domains(whole, clips, tmp_path / "whole", PLAN)

    def stop(done: int, of: int | None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn_domains(stopped, clips, tmp_path / "stopped", PLAN, progress=stop)
    again = fresh_network(PLAN, 2, 7)
    learn_domains(again, clips, tmp_path / "stopped", PLAN)
    start = fresh_network(PLAN, 2, 0).state_dict()
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
        assert not torch.equal(value, start[name]), name


def test_it_learns(clips, tmp_path):
    training = replace(PLAN.train, epochs=20, learning_rate=3e-3)
    plan = replace(PLAN, train=training, batches=BatchSettings(frames=3, positives=8, negatives=16))
    result = learn_domains(fresh_network(plan, 2, 0), clips, tmp_path / "run", plan)
    losses = [epoch["loss"] for epoch in result.history]
    assert np.mean(losses[-3:]) < 0.75 * np.mean(losses[:2])


def test_rates_are_the_published_ones():
    rates = dict(TRAINING.rates)
    for name, _ in MDNet(1, (2, 2, 2), 2).named_parameters():
        factor = next((f for start, f in rates.items() if name.startswith(start)), 1.0)
        assert factor == (1.0 if ".conv" in name else 10.0), name
    assert TRAINING.learning_rate == 1e-4


@pytest.mark.parametrize("prefix", ["layers.", ""])
@pytest.mark.parametrize("heads", [True, False])
def test_a_start_from_all_layers_or_from_convolutions(tmp_path, prefix, heads):
    other, own = fresh_network(PLAN, 2, 1), fresh_network(PLAN, 2, 0)
    before = {name: value.clone() for name, value in own.state_dict().items()}
    given = {
        prefix + name.removeprefix("layers."): value
        for name, value in other.state_dict().items()
        if name.startswith("layers.conv") or (heads and name.startswith("layers."))
    }
    write_weights(tmp_path / "start.safetensors", given, {})
    start_from(own, str(tmp_path / "start.safetensors"))
    for name, value in own.state_dict().items():
        taken = name.startswith("layers." if heads else "layers.conv")
        assert torch.equal(value, (other.state_dict() if taken else before)[name]), name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.pop("layers.conv3.0.bias"), "1 missing"),
        (lambda t: t.pop("layers.fc4.0.bias"), "1 missing"),
        (lambda t: t.update({"layers.conv1.0.weight": torch.zeros(8, 3, 5, 5)}), "another shape"),
    ],
)
def test_a_start_that_does_not_fit_is_told(tmp_path, change, told):
    network = fresh_network(PLAN, 0, 0)
    tensors = dict(network.state_dict())
    change(tensors)
    write_weights(tmp_path / "start.safetensors", tensors, {})
    with pytest.raises(InputError, match=told):
        start_from(network, str(tmp_path / "start.safetensors"))


def test_mistakes_are_told(clips):
    with pytest.raises(InputError, match="shows no target"):
        DomainBatches([])
    with pytest.raises(InputError, match="frames is 0"):
        BatchSettings(frames=0)
    with pytest.raises(InputError, match="give three widths"):
        MDNet(1, (8, 0, 8))
    assert PLAN.network == DESCRIBED
