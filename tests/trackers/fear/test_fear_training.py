"""What FEAR learns: labels and losses cell by cell, crops that match them, and that it learns."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from fear_golden import random_fear
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.trackers.fear.choice import choose
from spectrack.trackers.fear.settings import FEARSettings
from spectrack.trackers.fear.train import LEARNER, TRAINING, FEARPlan, pair_loss
from spectrack.trackers.fear.train_labels import (
    box_loss,
    cells_about,
    cells_on,
    class_loss,
    distances_to,
)
from spectrack.trackers.fear.train_pairs import PairSamples, PairSettings, search_crop
from spectrack.training.data.clips import ArrayClip, View
from spectrack.training.data.samples import Source
from spectrack.training.data.siamese_pairs import Pair
from spectrack.training.siamese import learn
from tiny_training import little_work  # noqa: F401

STILL = PairSettings(grey=0, bright=0, blur=0)
BOX = Box(100.0, 71.5, 60.0, 33.0)


def test_labels_cell_by_cell():
    sides, on, about = distances_to(BOX), cells_on(distances_to(BOX)), cells_about(BOX)
    middle_col = math.floor((100 + 60 // 2) / 16)
    middle_row = math.floor((71.5 + 33 // 2) / 16)
    for row in range(16):
        for col in range(16):
            x, y = 16 * col, 16 * row
            wanted = [x - 100, y - 71.5, 160 - x, 104.5 - y]
            assert sides[:, row, col].tolist() == wanted
            assert on[row, col] == (100 < x < 160 and 71.5 < y < 104.5)
            assert about[row, col] == (abs(col - middle_col) + abs(row - middle_row) <= 2)
    assert on.sum() == 3 * 2  # columns 7 to 9, rows 5 and 6
    assert about.sum() == 13
    assert cells_about(Box(0, 0, 6, 6)).sum() == 6  # the middle cell in the corner


def test_a_network_that_answers_the_labels_leads_the_tracker_to_the_box():
    sides = distances_to(BOX)
    scores = cells_on(sides).astype(np.float32)
    found = choose(scores, np.maximum(sides, 1), (60, 33), (0, 0, 256, 256), FEARSettings())
    assert found.crop_box == tuple(BOX)
    assert found.signals["agreement"] == pytest.approx(1)


def test_class_loss_is_the_mean_of_two_means(rng):
    logits = rng.normal(size=(2, 1, 3, 4))
    on = rng.random((2, 3, 4)) < 0.4
    p = 1 / (1 + np.exp(-logits[:, 0]))
    wanted = -np.log(p[on]).mean() / 2 - np.log(1 - p[~on]).mean() / 2
    given = torch.from_numpy(logits)
    assert class_loss(given, torch.from_numpy(on)).item() == pytest.approx(wanted)
    none = torch.zeros(2, 3, 4, dtype=torch.bool)
    assert class_loss(given, none).item() == pytest.approx(-np.log(1 - p).mean() / 2)


def test_box_loss_is_one_minus_overlap(rng):
    true, about = distances_to(BOX)[None], cells_about(BOX)[None]
    found = (40 * rng.random((1, 4, 16, 16))).astype(np.float32)
    losses = []
    for row, col in np.argwhere(about[0]):
        x, y = 16.0 * col, 16.0 * row
        left, top, right, bottom = found[0, :, row, col].tolist()
        # by the published formula, which takes boxes that share no point as if they did
        w = min(left, x - 100) + min(right, 160 - x)
        h = min(top, y - 71.5) + min(bottom, 104.5 - y)
        both, own = w * h, (left + right) * (top + bottom)
        losses.append(1 - (both + 1) / (own + BOX.area - both + 1))
        if about[0, row, col] and w > 0 and h > 0:
            box = Box.from_xyxy(x - left, y - top, x + right, y + bottom)
            overlap = box.iou(BOX)
            assert both / (own + BOX.area - both) == pytest.approx(overlap, rel=1e-5)
    given = [torch.from_numpy(v) for v in (found, true, about)]
    assert box_loss(*given).item() == pytest.approx(np.mean(losses), rel=1e-5)
    perfect = torch.from_numpy(np.maximum(true, 0))
    inside = torch.from_numpy(cells_on(true[0])[None])
    assert box_loss(perfect, given[1], inside).item() == pytest.approx(0, abs=1e-6)
    assert box_loss(given[0], given[1], torch.zeros_like(given[2])).item() == 0


def white_target(box, size_wh=(200, 150)):
    """A black frame with the box in white."""
    mask = box.fill(size_wh)
    return View(np.dstack([np.where(mask, 255, 0).astype(np.uint8)] * 3), mask, box)


@pytest.mark.parametrize("box", [Box(80, 60, 24, 40), Box(2, 3, 60, 30), Box(150, 120, 45, 28)])
def test_the_box_of_a_search_crop_is_where_the_target_is(box, rng):
    for _ in range(12):
        picture, found = search_crop(white_target(box), PairSettings(), (0.0, 0.0, 0.0), rng)
        assert picture.shape == (256, 256, 3)
        seen = Box.from_mask(picture[..., 0] > 127)
        inside = found.clip((256, 256))
        if seen is None or inside is None:
            assert inside is None or inside.area < 2
            continue
        assert np.abs(np.subtract(seen.xyxy, inside.xyxy)).max() < 1.01
        assert 256 / (12 / 2 * 1.36) < found.w < 256 / (6 / 2 * 0.62)


def test_a_pair_as_the_tracker_would_cut_it(rng):
    view = white_target(Box(80, 60, 40, 40))
    plain = replace(STILL, least=4.5, most=4.5, scale=0, shift=0)
    sample = PairSamples(plain)(Pair(view, view, True), rng)
    assert sample["template"].shape == (3, 128, 128)
    # the target fills 1 / 1.4 of the template, and 1 / 5 of a window of half of 1 + 2 * 4.5 sides
    assert sample["template"].mean().item() == pytest.approx(255 / 1.4**2, rel=0.02)
    # a quarter of it lies outside of the frame and shows its mean colour
    outside = 255 * 40 * 40 / (200 * 150) / 4
    assert sample["search"].mean().item() == pytest.approx(255 / 5**2 + outside, rel=0.02)
    assert sample["sides"][:, 8, 8].tolist() == pytest.approx([25.6] * 4)
    assert sample["on"].sum() == 9
    other = PairSamples(plain)(Pair(view, view, False), rng)
    assert not other["on"].any()
    assert not other["about"].any()


def test_settings_that_cannot_be_are_told():
    with pytest.raises(InputError, match="least and most"):
        PairSettings(least=3, most=2)


@pytest.fixture(scope="module")
def sources():
    made = make_clip(6, size_wh=(120, 90), seed=3)
    return [Source([ArrayClip(made.frames_thwc, made.masks_thw.astype(np.uint8))])]


@pytest.mark.parametrize(
    ("learned", "asked"),
    [
        (("reg_",), {}),
        (("neck.", "cls_", "reg_"), {"cells": True}),
        (("stem", "block", "neck.", "cls_", "reg_"), {"backbone": True}),
    ],
)
def test_it_learns_only_what_it_may(sources, tmp_path, learned, asked):
    network = random_fear()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    training = replace(TRAINING, epochs=1, batch_size=2, learning_rate=1e-6, device="cpu")
    plan = FEARPlan(train=training, samples=4, **asked)
    learn(LEARNER, network, sources, tmp_path / "run", plan)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]) != name.startswith(learned), name


def test_the_loss_of_a_batch_is_that_of_the_maps():
    network = random_fear()
    chance = torch.Generator().manual_seed(2)
    batch = {
        "template": 255 * torch.rand(1, 3, 128, 128, generator=chance),
        "search": 255 * torch.rand(1, 3, 256, 256, generator=chance),
        "on": torch.from_numpy(cells_on(distances_to(BOX)))[None],
        "about": torch.from_numpy(cells_about(BOX))[None],
        "sides": torch.from_numpy(distances_to(BOX))[None],
    }
    with torch.no_grad():
        logits, sides = network(batch["template"], batch["search"])
        wanted = class_loss(logits, batch["on"]) + box_loss(sides, batch["sides"], batch["about"])
        assert pair_loss(network, batch).item() == pytest.approx(wanted.item())

    # a small step against the gradient makes it less by as much as the gradient says
    loss = pair_loss(network, batch)
    loss.backward()
    steepness = sum((p.grad**2).sum() for p in network.parameters())
    step = 1e-3 / steepness
    with torch.no_grad():
        for parameter in network.parameters():
            parameter -= step * parameter.grad
        assert (loss - pair_loss(network, batch)).item() == pytest.approx(1e-3, rel=0.2)
