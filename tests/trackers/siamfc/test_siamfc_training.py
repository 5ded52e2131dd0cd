"""Training of SiamFC: labels and loss against golden arrays, samples, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from siamese_scheme import near, unit
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.siamfc.train import LEARNER, answers, pair_loss
from spectrack.trackers.siamfc.train_labels import balanced_loss, response_labels
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.data.siamese_crops import PairSamples
from spectrack.training.data.siamese_pairs import SiamesePairs
from spectrack.training.loop.schedule import make_optimizer
from spectrack.training.siamese import begun, learn
from tiny_training import little_work  # noqa: F401


@pytest.mark.parametrize("side", [15, 17])
def test_labels_are_the_golden_ones(side):
    near("siamfc_net", f"label_{side}", response_labels(side)[None, None], 0.0)
    assert response_labels(side).sum() == 13


def test_the_loss_is_the_golden_one():
    labels = torch.from_numpy(response_labels(15)).expand(2, 15, 15)
    found = balanced_loss(unit("input/siamfc/logits", 2, 1, 15, 15), labels)
    near("siamfc_net", "balanced_loss", found, 1e-5)


def test_the_loss_of_one_kind_is_that_kind_s():
    responses = torch.randn(2, 1, 4, 4)
    nothing = torch.zeros(2, 4, 4)
    expected = F.softplus(responses).mean()
    torch.testing.assert_close(balanced_loss(responses, nothing), expected)


def test_it_learns(tmp_path: Path):
    made = make_clip(6, size_wh=(120, 90), seed=3)
    sources = [Source([ArrayClip(made.frames_thwc, made.masks_thw.astype(np.uint8))])]
    torch.manual_seed(0)
    network = begun(LEARNER, "", "", small=True)
    plan = replace(LEARNER.small.from_nothing(), samples=8)
    plan = replace(plan, train=replace(plan.train, epochs=2, batch_size=4, device="cpu"))
    samples = PairSamples(239, answers, plan.pairs)
    fixed = SiamesePairs(sources, 4, samples, negative=0.0, seed=1)
    chosen = [fixed[i] for i in range(4)]
    batch = {name: torch.stack([one[name] for one in chosen]) for name in chosen[0]}
    assert batch["search"].shape == (4, 3, 239, 239)
    with torch.no_grad():
        network.train()
        first = pair_loss(network, batch).item()
    result = learn(LEARNER, network, sources, tmp_path / "run", plan)
    assert result.steps == 4
    with torch.no_grad():
        network.train()
        assert pair_loss(network, batch).item() < first


def test_the_published_recipe():
    """As huanglianghua/siamfc-pytorch has it: all learns, from 1e-2 to 1e-5, in batches of 8."""
    plan = LEARNER.plan.from_nothing()
    [(training, _)] = plan.stages()
    assert (training.batch_size, training.weight_decay, training.clip) == (8, 5e-4, None)
    optimizer = make_optimizer(begun(LEARNER, "", "", False).named_parameters(), training)
    rates = training.schedule_rates
    for group in filter(lambda group: group["params"], optimizer.param_groups):
        assert group["lr"] * rates[0] == pytest.approx(1e-2)
        assert group["lr"] * rates[-1] == pytest.approx(1e-5)


def test_it_learns_on_from_weights(tmp_path: Path):
    """All of it is called backbone, which stays as it is elsewhere."""
    clip = make_clip(6, size_wh=(120, 90), seed=3)
    sources = [Source([ArrayClip(clip.frames_thwc, clip.masks_thw.astype(np.uint8))])]
    network = begun(LEARNER, "", "", small=True)
    before = {name: value.clone() for name, value in network.named_parameters()}
    plan = replace(LEARNER.small, samples=2)
    plan = replace(plan, train=replace(plan.train, epochs=1, batch_size=2, device="cpu"))
    learn(LEARNER, network, sources, tmp_path / "run", plan)
    assert all(not torch.equal(value, before[n]) for n, value in network.named_parameters())
