"""Training of SiamMask: squares of masks against torch's own unfolding, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.structures import Box, Target
from spectrack.trackers.siammask.network import SiamMask
from spectrack.trackers.siammask.settings import PUBLISHED
from spectrack.trackers.siammask.train import LEARNER, SMALL, made, pair_loss
from spectrack.trackers.siammask.train_labels import mask_loss, mask_squares, positive_cells
from spectrack.tracking.table import make_tracker
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.data.siamese_pairs import SiamesePairs
from spectrack.training.siamese import begun, learn
from spectrack.weights.files import write_weights
from spectrack.weights.networks import load_network
from thin import randomise
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
    clip = make_clip(6, size_wh=(120, 90), seed=3)
    sources = [Source([ArrayClip(clip.frames_thwc, clip.masks_thw.astype(np.uint8))])]
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
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("cells", [0, 1, 2])
def test_a_batch_may_have_one_cell_on_a_target(cells):
    torch.manual_seed(0)
    network = made(True, None).train()
    batch = {
        "template": torch.rand(1, 3, 127, 127) * 255,
        "search": torch.rand(1, 3, 255, 255) * 255,
        "classes": torch.full((1, 5, 25, 25), -1, dtype=torch.int8),
        "deltas": torch.zeros(1, 4, 5, 25, 25),
        "weights": torch.zeros(1, 5, 25, 25),
        "mask": -torch.ones(1, 255, 255),
    }
    batch["classes"][0, :, 0] = 0
    batch["classes"][0, 2, 12, 12 : 12 + cells] = 1
    loss = pair_loss(network, batch)
    loss.backward()
    assert loss.isfinite()
    last = network.mask_head.head[-1].weight.grad
    assert (last is not None and bool(last.abs().sum() > 0)) == bool(cells)


def written(network: SiamMask, file: Path) -> str:
    """A file as the recipe writes it."""
    write_weights(file, network.state_dict(), LEARNER.tell(network))
    return str(file)


def test_a_file_has_no_finer_masks_where_nothing_learned_to_draw_them(tmp_path: Path):
    """And is followed with as it was measured: with coarse masks and their settings."""
    network = randomise(made(True, None))
    file = written(network, tmp_path / "learned.safetensors")
    loaded = load_network(file, SiamMask).network
    assert not loaded.refines
    assert not [name for name in loaded.state_dict() if name.startswith("refine_head.")]
    tracker = make_tracker("siammask", weights=file, device="cpu")
    assert tracker.settings.rules == PUBLISHED["coarse"].rules
    clip = make_clip(2, size_wh=(120, 90), seed=3)
    answers = []
    for follower in (tracker, LEARNER.tracker(network)):
        follower.init(clip.frames_thwc[0], Target(Box(30, 20, 40, 30)))
        answers.append(follower.update(clip.frames_thwc[1]))
    np.testing.assert_array_equal(answers[0].mask, answers[1].mask)
    assert tuple(answers[0].box) == tuple(answers[1].box)


def test_weights_to_start_from_keep_their_finer_masks(tmp_path: Path):
    network = randomise(SiamMask(**SMALL))
    file = written(network, tmp_path / "learned.safetensors")
    assert load_network(file, SiamMask).network.refines
    assert make_tracker("siammask", weights=file, device="cpu").settings.refined
    assert not begun(LEARNER, "", file, small=False).refines
