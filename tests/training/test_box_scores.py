"""IoU-Net in training: frames and proposals stay together, and what it answers is held against."""

from __future__ import annotations

import pytest
import torch

from spectrack.networks.iou_net import AtomIoUNet
from spectrack.training.box_scores import chosen_overlap, judge_proposals, proposal_loss
from spectrack.training.discriminative_losses import box_divergence, overlap_error
from tiny_training import little_work  # noqa: F401


def batch_of(sequences: int, frames: int, boxes: int) -> dict[str, torch.Tensor]:
    """Random boxes in pictures of 64 pixels."""
    corners = torch.rand(sequences, frames, boxes, 2) * 30
    sizes = 8 + torch.rand(sequences, frames, boxes, 2) * 20
    train = torch.cat((torch.rand(sequences, 2, 2) * 20, 10 + torch.rand(sequences, 2, 2) * 20), -1)
    shape = (sequences, frames, boxes)
    return {
        "train_boxes": train,
        "proposals": torch.cat((corners, sizes), -1),
        "overlaps": torch.rand(shape),
        "sampled": 0.1 + torch.rand(shape),
        "true": torch.rand(shape),
    }


def test_every_frame_is_judged_by_its_own_target():
    torch.manual_seed(0)
    network, batch = AtomIoUNet((6, 8), 16).eval(), batch_of(3, 2, 5)
    reference = {"layer2": torch.randn(3, 6, 8, 8), "layer3": torch.randn(3, 8, 4, 4)}
    tests = {"layer2": torch.randn(2, 3, 6, 8, 8), "layer3": torch.randn(2, 3, 8, 4, 4)}
    flat = {name: maps.flatten(0, 1) for name, maps in tests.items()}
    with torch.no_grad():
        scores = judge_proposals(network, reference, flat, batch)
        assert scores.shape == (3, 2, 5)
        for s in range(3):
            target = network.reference(
                reference["layer2"][s : s + 1],
                reference["layer3"][s : s + 1],
                batch["train_boxes"][s, :1],
            )
            for t in range(2):
                maps = network.test_maps(tests["layer2"][t, s][None], tests["layer3"][t, s][None])
                alone = network.judge(maps.modulate(target), batch["proposals"][s, t][None])
                torch.testing.assert_close(scores[s, t], alone[0], rtol=1e-4, atol=1e-5)


def test_a_score_is_an_overlap_or_a_density():
    batch, scores = batch_of(2, 3, 4), torch.randn(2, 3, 4)
    found = proposal_loss(scores, batch, "overlap")
    assert float(found) == float(overlap_error(scores, batch["overlaps"]))
    found = proposal_loss(scores, batch, "density")
    assert float(found) == float(box_divergence(scores, batch["sampled"], batch["true"]))


def test_what_is_chosen_are_the_highest_scores():
    scores = torch.tensor([[[0.1, 0.9, 0.5, 0.7]]])
    overlaps = torch.tensor([[[0.2, 0.6, 0.4, 0.9]]])
    assert float(chosen_overlap(scores, overlaps, 2)) == pytest.approx(0.75)
    assert float(chosen_overlap(scores, overlaps, 9)) == pytest.approx(0.525)


def test_it_learns_which_boxes_overlap():
    """Maps that are one on the target: from them alone the IoU of a box can be told."""
    torch.manual_seed(1)
    network = AtomIoUNet((4, 4), 16).train()
    box = torch.tensor([16.0, 16, 24, 24])
    fine, coarse = torch.zeros(2, 4, 8, 8), torch.zeros(2, 4, 4, 4)
    fine[:, :, 2:5, 2:5], coarse[:, :, 1:3, 1:3] = 1, 1
    layers = {"layer2": fine, "layer3": coarse}
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        moved = box + torch.randn(2, 1, 16, 4) * 6
        proposals = torch.cat((moved[..., :2], moved[..., 2:].clamp(min=4)), -1)
        low = torch.maximum(proposals[..., :2], box[:2])
        high = torch.minimum(proposals[..., :2] + proposals[..., 2:], box[:2] + box[2:])
        both = (high - low).clamp(min=0).prod(-1)
        overlaps = both / (proposals[..., 2:].prod(-1) + 24 * 24 - both)
        batch = {
            "train_boxes": box.expand(2, 1, 4),
            "proposals": proposals,
            "overlaps": overlaps,
        }
        loss = proposal_loss(judge_proposals(network, layers, layers, batch), batch, "overlap")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.4 * sum(losses[:5])
