"""Training of NanoTrack: labels and loss against golden arrays, crops, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from siamese_golden import met, siamese_golden
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.structures import Box
from spectrack.trackers.nanotrack.network import SEARCH, TEMPLATE, NanoTrack
from spectrack.trackers.nanotrack.train import LEARNER, NanoTrackPlan, made
from spectrack.trackers.nanotrack.train_labels import (
    IGNORED,
    class_loss,
    grid_labels,
    grid_points,
    sampled,
    side_loss,
)
from spectrack.tracking.siamese import (
    Candidates,
    Following,
    Place,
    Rules,
    context_side,
    cosine_window,
)
from spectrack.training.box_grid import BoxAnswers, pair_loss
from spectrack.training.data.clips import ArrayClip, View
from spectrack.training.data.samples import Source
from spectrack.training.data.siamese_crops import PairSamples, cut
from spectrack.training.data.siamese_pairs import Pair, SiamesePairs
from spectrack.training.frozen import freeze_norms
from spectrack.training.siamese import learn
from thin import randomise
from tiny_training import little_work  # noqa: F401


def golden_box(golden):
    x1, y1, x2, y2 = map(float, golden["box"])
    return Box.from_xyxy(x1, y1, x2, y2)


@pytest.mark.parametrize("cells", [16, 15])
def test_labels_are_the_golden_ones(cells):
    golden = siamese_golden("nanotrack_labels")
    classes, sides = grid_labels(golden_box(golden), cells)
    met("nanotrack_labels", f"cls{cells}", classes)
    met("nanotrack_labels", f"loc{cells}", sides)
    classes, sides = grid_labels(golden_box(golden), cells, same=False)
    met("nanotrack_labels", f"clsneg{cells}", classes)
    assert not sides.any()


def test_the_loss_is_the_golden_one():
    golden = siamese_golden("nanotrack_labels")
    classes, sides = (torch.from_numpy(v)[None] for v in grid_labels(golden_box(golden), 16))
    logits, found = (torch.from_numpy(golden[f"pred_{name}"])[None] for name in ("cls", "loc"))
    met("nanotrack_labels", "loss_cls", class_loss(logits, classes), atol=1e-5)
    met("nanotrack_labels", "loss_loc", side_loss(found, sides, classes), atol=1e-5)


def test_the_loss_of_nothing_is_nothing():
    nothing = torch.full((2, 15, 15), IGNORED)
    logits = torch.randn(2, 2, 15, 15, requires_grad=True)
    sides = torch.rand(2, 4, 15, 15, requires_grad=True)
    loss = class_loss(logits, nothing) + side_loss(sides, sides.detach(), nothing)
    assert loss.item() == 0
    loss.backward()
    assert not logits.grad.any()
    inside = torch.ones(2, 15, 15)
    assert side_loss(sides, sides.detach(), inside).item() == pytest.approx(0, abs=1e-6)


def test_few_cells_of_a_kind_count(rng):
    classes, _ = grid_labels(Box(40, 50, 170, 150), 16)
    assert (classes == 1).sum() > 16
    kept = sampled(classes, rng)
    assert [(kept == kind).sum() for kind in (1, 0)] == [16, 48]
    assert (classes[kept != IGNORED] == kept[kept != IGNORED]).all()
    assert not np.array_equal(kept, sampled(classes, rng))
    other, _ = grid_labels(Box(40, 50, 170, 150), 16, same=False)
    assert [(sampled(other, rng, False) == kind).sum() for kind in (1, 0)] == [0, 16]
    small, _ = grid_labels(Box(110, 110, 40, 40), 16)
    assert (sampled(small, rng) == 1).sum() == (small == 1).sum() < 16


@pytest.mark.parametrize("shift", [0.0, 64.0])
def test_a_network_that_answers_the_labels_leads_the_tracker_to_the_box(rng, shift):
    """Crop, labels and what the tracker reads off a grid are of one geometry, to the number."""
    frame = rng.integers(0, 256, (200, 300, 3), np.uint8)
    box = Box(120.5, 80.25, 50.0, 34.5)
    view = View(frame, box.fill((300, 200)), box)
    for _ in range(20):
        made_cut = cut(view, SEARCH, shift, 0.0, (7, 7, 7), rng)
        picture, seen = made_cut.picture_hwc, made_cut.box
        off = (seen.center[0] - 127, seen.center[1] - 127)
        assert max(map(abs, off)) <= shift + 1e-9
        ratio = TEMPLATE / float(context_side(box.w, box.h))
        place = Place(box.center[0] - off[0] / ratio, box.center[1] - off[1] / ratio, box.w, box.h)
        rules = Rules(0.1, 0.4, 0.5)
        window = cosine_window(16).ravel()
        following = Following(frame, box, rules, window, TEMPLATE, SEARCH)
        following.place = place
        following._colour = (7, 7, 7)
        np.testing.assert_array_equal(following.cut_search(frame), picture)
        classes, sides = grid_labels(seen, 16)
        score = (classes == 1).astype(np.float32)
        found, _ = following.follow(Candidates.of_sides(score, sides, 16))
        assert list(found) == pytest.approx(list(box), abs=1e-3)


def test_a_crop_is_off_by_as_much_as_told(rng):
    frame = np.zeros((200, 300, 3), np.uint8)
    frame[80:120, 100:160] = 255
    view = View(frame, frame[..., 0] > 0, Box(100, 80, 60, 40))
    sizes = []
    for _ in range(200):
        made_cut = cut(view, SEARCH, 64, 0.18, (0, 0, 0), rng)
        picture, seen = made_cut.picture_hwc, made_cut.box
        np.testing.assert_array_equal(made_cut.mask_hw, picture[..., 0] > 127)
        ys, xs = np.nonzero(picture[..., 0] > 127)
        edges = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        np.testing.assert_allclose(np.array(seen.xyxy) + 0.5, edges, atol=2.5)  # whole pixels
        sizes.append(seen.w)
    usual = 60 * TEMPLATE / float(context_side(60, 40))
    assert usual / 1.18 <= min(sizes) < usual / 1.15
    assert usual / 0.85 < max(sizes) <= usual / 0.82


def test_a_sample_is_as_told(rng):
    frames = rng.integers(0, 256, (2, 60, 80, 3), np.uint8)
    views = [View(f, Box(20, 20, 20, 16).fill((80, 60)), Box(20, 20, 20, 16)) for f in frames]
    samples = PairSamples(SEARCH, BoxAnswers(grid_points(15)))
    sample = samples(Pair(*views, same=True), rng)
    kinds = {name: (tuple(v.shape), v.dtype) for name, v in sample.items()}
    assert kinds == {
        "template": ((3, 127, 127), torch.float32),
        "search": ((3, 255, 255), torch.float32),
        "classes": ((15, 15), torch.int8),
        "sides": ((4, 15, 15), torch.float32),
    }
    assert (sample["classes"] == 1).any()
    other = samples(Pair(*views, same=False), rng)
    assert not (other["classes"] == 1).any()
    assert (other["classes"] == 0).any()


@pytest.fixture(scope="module")
def clip() -> ArrayClip:
    made = make_clip(8, size_wh=(120, 90), seed=3)
    return ArrayClip(made.frames_thwc, made.masks_thw.astype(np.uint8))


@pytest.mark.parametrize("backbone", [False, True])
def test_it_learns_and_only_what_it_should(clip: ArrayClip, tmp_path: Path, backbone: bool):
    network = randomise(NanoTrack("v3"))
    with torch.no_grad():  # answers near those of a network that has learned
        network.ban_head.bbox_pred[0].weight.mul_(0.05)
        network.ban_head.bbox_pred[0].bias.fill_(3.5)
        network.ban_head.cls_logits[0].weight.mul_(0.1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    sources = [Source([clip])]
    samples = PairSamples(SEARCH, BoxAnswers(grid_points(network.cells)))
    fixed = SiamesePairs(sources, 4, samples, negative=0.0, seed=1)
    chosen = [fixed[i] for i in range(4)]
    batch = {name: torch.stack([one[name] for one in chosen]) for name in chosen[0]}
    with torch.no_grad():
        first = pair_loss(network, batch).item()
    plan = NanoTrackPlan(backbone=backbone, samples=8)
    training = replace(plan.train, epochs=2, batch_size=4, learning_rate=0.02)
    plan = replace(plan, train=training)
    result = learn(LEARNER, network, sources, tmp_path / "run", plan)
    assert result.steps == 4
    with torch.no_grad():
        freeze_norms(network)
        assert pair_loss(network, batch).item() < first
    changed = {n for n, v in network.state_dict().items() if not torch.equal(v, before[n])}
    assert any(name.startswith("ban_head.cls_tower") for name in changed)
    assert any(name.startswith("ban_head.bbox_tower") for name in changed)
    assert any(name.startswith("backbone") for name in changed) == backbone
    assert not any(name.startswith("neck") for name in changed)
    assert not any("running" in name or "num_batches" in name for name in changed)


def test_pictures_reach_the_network_as_blue_green_red(rng):
    network = randomise(NanoTrack("v1"))
    shapes = {"template": (1, 3, 127, 127), "search": (1, 3, 255, 255)}
    seen = []
    network.extract = lambda images: seen.append(images) or torch.zeros(1, 48, 8, 8)
    network.answer = lambda *_: (torch.zeros(1, 2, 16, 16), torch.ones(1, 4, 16, 16))
    batch = {name: torch.rand(shape) for name, shape in shapes.items()}
    batch["classes"] = torch.ones(1, 16, 16, dtype=torch.int8)
    batch["sides"] = torch.ones(1, 4, 16, 16)
    pair_loss(network, batch)
    for given, taken in zip((batch["template"], batch["search"]), seen, strict=True):
        assert torch.equal(given[:, [2, 1, 0]], taken)


def test_a_network_that_has_learned_nothing_answers_with_boxes_of_a_usual_size():
    network = made(True, NanoTrack("v1")).eval()
    assert network.version == "v1"
    with torch.no_grad():
        _, sides = network(torch.zeros(1, 3, 127, 127), torch.zeros(1, 3, 255, 255))
    assert 16 < sides.median().item() < 64
