"""What MDNet learns online: mini-batches, hard negatives, memory; each against its plain form."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from small_mdnet import small_mdnet
from spectrack.structures import Box
from spectrack.trackers.mdnet.learning import (
    BATCH_NEGATIVES,
    FeatureMemory,
    OnlineLearning,
    TargetClassifier,
    passes,
)
from spectrack.trackers.mdnet.network import binary_loss
from spectrack.trackers.mdnet.regression import BoxRegressor, usable
from spectrack.trackers.mdnet.samplers import (
    CANDIDATES,
    EVERYWHERE,
    IS_TARGET,
    NEGATIVES,
    POSITIVES,
    REGRESSION,
    overlaps,
)

SIZE, BOX = (160, 120), Box(60, 40, 30, 24)
SAMPLERS = (CANDIDATES, EVERYWHERE, NEGATIVES, POSITIVES, REGRESSION)


@pytest.fixture
def features() -> tuple[torch.Tensor, torch.Tensor]:
    """Of the target, and of background, which is elsewhere."""
    chance = torch.Generator().manual_seed(1)
    on = torch.randn(40, 144, generator=chance) + 0.5
    return on, torch.randn(200, 144, generator=chance) - 0.5


def classifier(seed: int = 0) -> TargetClassifier:
    return TargetClassifier(small_mdnet(), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("count", [1, 5, 12])
def test_numbers_come_again_only_when_all_have_come(count):
    order = passes(count, 30, np.random.default_rng(0))
    assert order.shape == (30,)
    for start in range(0, 30 - count + 1, count):
        assert sorted(order[start : start + count]) == list(range(count))


def test_none_of_none():
    assert passes(0, 30, np.random.default_rng(0)).shape == (0,)


def test_the_hardest_are_those_that_score_highest(features):
    made = classifier()
    learning = OnlineLearning(made, 1e-3, np.random.default_rng(0), None)
    hard = learning.hardest(features[1])
    scores = made(features[1])[:, 1].tolist()
    wanted = sorted(range(200), key=lambda n: -scores[n])[:BATCH_NEGATIVES]
    torch.testing.assert_close(hard, features[1][wanted])
    assert len(learning.hardest(features[1][:7])) == 7
    assert len(learning.hardest(features[1][:0])) == 0


def test_loss_is_the_mean_of_logarithms(features):
    scores = classifier()(torch.cat(features)).double()
    target, background = scores[:40].tolist(), scores[40:].tolist()
    wanted = [-math.log(math.exp(b) / (math.exp(a) + math.exp(b))) for a, b in target]
    wanted += [-math.log(math.exp(a) / (math.exp(a) + math.exp(b))) for a, b in background]
    assert binary_loss(scores[:40], scores[40:]).item() == pytest.approx(np.mean(wanted))
    alone = binary_loss(scores[:40], scores[:0]).item()
    assert alone == pytest.approx(np.mean(wanted[:40]))


def test_it_learns_to_tell_them_apart(features):
    made, dropout = classifier(), torch.Generator().manual_seed(0)
    OnlineLearning(made, 1e-2, np.random.default_rng(0), dropout).learn(*features, 80)
    on, off = (made.target_scores(f) for f in features)
    assert (on > 0).float().mean() > 0.9
    assert (off < 0).float().mean() > 0.9


def test_learning_is_decided_by_its_seeds(features):
    def learned(order: int, dropout: int) -> torch.Tensor:
        made = classifier()
        chance = torch.Generator().manual_seed(dropout)
        OnlineLearning(made, 1e-2, np.random.default_rng(order), chance).learn(*features, 2)
        return made.fc5.weight.detach()

    torch.manual_seed(0)
    one = learned(1, 1)
    torch.rand(3)
    assert torch.equal(one, learned(1, 1))
    assert not torch.equal(one, learned(2, 1))
    assert not torch.equal(one, learned(1, 2))


def test_memory_keeps_the_last_frames():
    memory = FeatureMemory(3)
    for number in range(5):
        memory.add(torch.full((2, 1), float(number)))
    assert memory.last().flatten().tolist() == [2, 2, 3, 3, 4, 4]
    assert memory.last(2).flatten().tolist() == [3, 3, 4, 4]
    assert len(memory.last(9)) == 6


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: f"{s.kind}-{s.shift}")
def test_boxes_are_as_far_off_as_told(sampler):
    made = sampler.draw(BOX, SIZE, 400, np.random.default_rng(0))
    assert made.dtype == np.float32
    centres, sides = made[:, :2] + made[:, 2:] / 2, made[:, 2:]
    assert (centres >= -1e-4).all()
    assert (centres <= np.array(SIZE) + 1e-4).all()
    most = sampler.scale * sampler.aspect
    assert (sides >= np.maximum(np.array([30, 24]) / most, 10) - 1e-3).all()
    assert (sides <= np.minimum(np.array([30, 24]) * most, np.array(SIZE) - 10) + 1e-3).all()
    ratio = sides[:, 0] / sides[:, 1] / (30 / 24)
    clipped = (sides <= 10).any(1) | (sides >= np.array(SIZE) - 10).any(1)
    assert np.abs(np.log(ratio[~clipped])).max() <= 2 * math.log(sampler.aspect) + 1e-3
    if sampler.kind != "whole":
        off = np.abs(centres - np.array(BOX.center)).max()
        assert sampler.shift * 27 * 0.8 < off <= sampler.shift * 27 + 1e-3


def test_few_boxes_or_none_where_such_are_rare():
    rng = np.random.default_rng(0)
    found = POSITIVES.draw_within(BOX, SIZE, 30, IS_TARGET, rng)
    assert len(found) == 30
    assert (overlaps(found, BOX) >= 0.7).all()
    pixel = Box(50, 50, 1, 1)  # every box that is drawn has at least ten a side
    assert POSITIVES.draw_within(pixel, SIZE, 30, IS_TARGET, rng).shape == (0, 4)
    far = replace(CANDIDATES, shift=1.5)
    assert 0 < len(far.draw_within(BOX, SIZE, 90, IS_TARGET, rng)) < 90


def test_the_regressor_is_a_ridge_regression(rng):
    """Against the normal equations, in the other form: one for every feature, not every box."""
    boxes = REGRESSION.draw_within(BOX, SIZE, 60, (0.6, 1.0), rng)
    x = 40 * rng.standard_normal((len(boxes), 12))
    made = BoxRegressor(torch.from_numpy(x).float(), boxes, BOX)
    steps = []
    for left, top, w, h in boxes.tolist():
        dx, dy = (75 - left - w / 2) / w, (52 - top - h / 2) / h
        steps.append([dx, dy, math.log(30 / w), math.log(24 / h)])
    y, ones = np.array(steps), np.ones((len(boxes), 1))
    full = np.concatenate([x, ones], 1)
    ridge = np.diag([1000.0] * 12 + [0.0])
    wanted = np.linalg.solve(full.T @ full + ridge, full.T @ y)
    np.testing.assert_allclose(made.weights_c4, wanted[:-1], atol=1e-6)
    np.testing.assert_allclose(made.intercept_4, wanted[-1], atol=1e-5)


def test_boxes_that_a_regressor_learns_from():
    boxes = np.array([[60, 40, 30, 24], [60, 40, 29, 24], [55, 36, 38, 30], [0, 0, 40, 40]])
    assert usable(boxes.astype(np.float32), BOX).tolist() == [True, False, True, False]


def test_regressed_boxes_stay_within_what_the_candidates_left():
    boxes = np.array([[130, 90, 40, 40], [0, 0, 40, 40]], np.float32)
    made = BoxRegressor(torch.zeros(2, 3), boxes, Box(0, 0, 300, 300))
    made.weights_c4 = torch.tensor([[0.0, 0, 1, 1]] * 3)
    found = made(torch.full((2, 3), 1e3), boxes, SIZE)  # as large as numbers go
    np.testing.assert_allclose(found, [[0, 0, 30, 30], [0, 0, 160, 120]])
