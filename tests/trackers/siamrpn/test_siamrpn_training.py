"""Training of SiamRPN: anchors, labels, losses against golden arrays, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from siamese_scheme import UNIT, chance, near, unit
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.structures import Box
from spectrack.trackers.siamrpn.train import ALEXNET, DEEP, pair_loss, samples
from spectrack.training.anchor_grid import (
    SEARCH,
    AnchorAnswers,
    anchor_labels,
    delta_loss,
    delta_weights,
    overlaps,
    training_anchors,
)
from spectrack.training.box_grid import IGNORED, class_loss, sampled
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.data.siamese_crops import Seen
from spectrack.training.data.siamese_pairs import SiamesePairs
from spectrack.training.siamese import begun, learn
from tiny_training import little_work  # noqa: F401

FILE = "siamrpn_misc"
TARGET = Box.from_xyxy(97.5, 90.25, 163.75, 158.5)


def test_anchors_and_targets_are_golden(rng):
    anchors = training_anchors(25)
    near(FILE, "train_anchor_centers", anchors[:, :, ::6, ::6], UNIT)
    near(FILE, "target_overlap", overlaps(TARGET, anchors), UNIT)
    classes, deltas = anchor_labels(TARGET, anchors)
    near(FILE, "target_delta", deltas[:, :, ::4, ::4], UNIT)
    kept = sampled(classes, rng)
    counts = [(kept == 1).sum(), (kept == 0).sum(), (classes == 1).sum(), (classes == 0).sum()]
    near(FILE, "target_counts", counts, 0.0)
    near(FILE, "target_weight_max", delta_weights(kept).max(), UNIT)


def test_losses_are_golden():
    classes = chance("input/siamrpn/loss_label").integers(-1, 2, (2, 5, 25, 25))
    classes[chance("input/siamrpn/loss_keep").random((2, 5, 25, 25)) > 0.02] = IGNORED
    near(FILE, "loss_label_counts", [(classes == kind).sum() for kind in (1, 0)], 0.0)
    logits = unit("input/siamrpn/loss_cls", 2, 10, 25, 25)
    found = class_loss(logits.unflatten(1, (2, -1)), torch.from_numpy(classes))
    near(FILE, "loss_cls", found, UNIT)
    deltas = unit("input/siamrpn/loss_loc", 2, 20, 25, 25)
    weights = torch.from_numpy((classes == 1) / np.float32((classes == 1).sum()))
    found = delta_loss(deltas, unit("input/siamrpn/loss_target", 2, 4, 5, 25, 25), weights)
    near(FILE, "loss_loc", found, UNIT)


def test_another_thing_is_no_target_in_the_cells_about_it(rng):
    anchors = training_anchors(25)
    classes, deltas = anchor_labels(Box(100, 120, 54, 30), anchors, same=False)
    assert not deltas.any()
    assert (classes == 1).sum() == 0
    rows, columns = np.nonzero((classes == 0).all(0))
    # its middle (127, 135) lies in cell (13, 12), and the published rule goes one further
    assert (rows.min(), rows.max()) == (12 + 2 - 3, 12 + 2 + 3)
    assert (columns.min(), columns.max()) == (12 + 1 - 3, 12 + 1 + 3)
    assert (sampled(classes, rng, same=False) == 0).sum() == 16
    far, _ = anchor_labels(Box(-500, -500, 20, 20), anchors, same=False)
    assert (far == IGNORED).all()


def test_answers_are_what_counts(rng):
    seen = Seen(TARGET, np.zeros((255, 255), bool), True)
    sample = AnchorAnswers(17)(seen, rng)
    kinds = {name: (tuple(v.shape), v.dtype) for name, v in sample.items()}
    assert kinds == {
        "classes": ((5, 17, 17), torch.int8),
        "deltas": ((4, 5, 17, 17), torch.float32),
        "weights": ((5, 17, 17), torch.float32),
    }
    assert torch.equal(sample["weights"] > 0, sample["classes"] == 1)


@pytest.mark.parametrize("learner", [ALEXNET, DEEP], ids=["siamrpn", "siamrpn++"])
def test_it_learns(tmp_path: Path, learner):
    made = make_clip(6, size_wh=(120, 90), seed=3)
    sources = [Source([ArrayClip(made.frames_thwc, made.masks_thw.astype(np.uint8))])]
    torch.manual_seed(0)
    network = begun(learner, "", "", small=True)
    plan = replace(learner.small.from_nothing(), samples=4)
    plan = replace(plan, train=replace(plan.train, epochs=2, batch_size=2, device="cpu"))
    fixed = SiamesePairs(sources, 2, samples(network, plan), negative=0.0, seed=1)
    chosen = [fixed[i] for i in range(2)]
    batch = {name: torch.stack([one[name] for one in chosen]) for name in chosen[0]}
    assert batch["search"].shape == (2, 3, SEARCH, SEARCH)
    with torch.no_grad():
        network.train()
        first = pair_loss(network, batch).item()
    result = learn(learner, network, sources, tmp_path / "run", plan)
    assert result.steps == 4
    with torch.no_grad():
        network.train()
        assert pair_loss(network, batch).item() < first
