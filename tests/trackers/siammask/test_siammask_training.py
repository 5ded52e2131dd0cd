"""Training of SiamMask: squares of masks against torch's own unfolding, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.trackers.siammask.train import LEARNER, pair_loss
from spectrack.trackers.siammask.train_labels import mask_loss, mask_squares, positive_cells
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.data.siamese_pairs import SiamesePairs
from spectrack.training.siamese import begun, learn
from tiny_training import little_work  # noqa: F401


def test_squares_are_those_of_unfolding():
    masks = torch.randint(0, 2, (2, 255, 255)).float() * 2 - 1
    classes = torch.full((2, 5, 25, 25), -1, dtype=torch.int8)
    chosen = [(0, 0, 24), (0, 12, 10), (1, 24, 3)]
    for sample, row, column in chosen:
        classes[sample, 3, row, column] = 1
    classes[1, 2, 5, 5] = 0
    cells = positive_cells(classes)
    assert cells.tolist() == [list(cell) for cell in chosen]
    every = F.unfold(masks[:, None], 127, padding=32, stride=8).unflatten(1, (127, 127))
    for square, (sample, row, column) in zip(mask_squares(masks, cells), chosen, strict=True):
        torch.testing.assert_close(square, every[sample, ..., row * 25 + column])


def test_the_loss_by_its_formula():
    logits = torch.randn(2, 127, 127)
    squares = torch.randint(-1, 2, (2, 127, 127)).float()
    expected = np.log1p(np.exp(-squares.numpy() * logits.numpy())).mean()
    np.testing.assert_allclose(mask_loss(logits, squares), expected, rtol=1e-5)
    assert mask_loss(logits[:0], squares[:0]).item() == 0


def test_it_learns(tmp_path: Path):
    made = make_clip(6, size_wh=(120, 90), seed=3)
    sources = [Source([ArrayClip(made.frames_thwc, made.masks_thw.astype(np.uint8))])]
    torch.manual_seed(0)
    network = begun(LEARNER, "", "", small=True)
    plan = replace(LEARNER.small.from_nothing(), samples=4)
    plan = replace(plan, train=replace(plan.train, epochs=2, batch_size=2, device="cpu"))
    samples = LEARNER.samples(network, plan)
    fixed = SiamesePairs(sources, 2, samples, negative=0.0, seed=1)
    chosen = [fixed[i] for i in range(2)]
    batch = {name: torch.stack([one[name] for one in chosen]) for name in chosen[0]}
    assert set(batch["mask"].unique().tolist()) == {-1, 1}
    assert len(positive_cells(batch["classes"]))
    with torch.no_grad():
        network.train()
        first = pair_loss(network, batch).item()
    learn(LEARNER, network, sources, tmp_path / "run", plan)
    with torch.no_grad():
        network.train()
        assert pair_loss(network, batch).item() < first
    assert all(
        p.requires_grad != n.startswith("refine_head.") for n, p in network.named_parameters()
    )
