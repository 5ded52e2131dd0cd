"""What KYS's predictor is trained on, against sums written out."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.trackers.kys.predictor import ResponsePredictor
from spectrack.trackers.kys.train_losses import (
    Jitter,
    LossWeights,
    counted_frames,
    kys_loss,
    raise_distractors,
)

FRAMES, SEQUENCES, CELLS = 3, 2, 4


@pytest.fixture
def run():
    """A predictor that follows two sequences for three frames, and all that a loss needs."""
    torch.manual_seed(0)
    predictor = ResponsePredictor().eval()
    labels = torch.rand(FRAMES + 1, SEQUENCES, CELLS, CELLS)
    states, responses = [predictor.first_state(labels[0][:, None])], []
    for _ in range(FRAMES):
        volume = torch.rand(SEQUENCES, CELLS, CELLS, CELLS, CELLS)
        score = torch.rand(SEQUENCES, 1, CELLS, CELLS)
        responses.append(predictor(volume, score, states[-1]))
        states.append(responses[-1].state)
    visible = torch.ones(FRAMES + 1, SEQUENCES)
    visible[1, 0], visible[3, 1] = 0.5, 0.0
    return predictor, states[:-1], responses, labels, visible


def hinge(value: float, label: float) -> float:
    return (value - label) ** 2 if label >= 0.05 else max(value, 0.0) ** 2


def entropy(logit: float, label: float) -> float:
    share = 1 / (1 + math.exp(-logit))
    return -math.log(share if label > 0.25 else 1 - share)


def mean(maps: Tensor, labels: Tensor, visible: Tensor, cell) -> float:
    """Over cells of frames that count, one at a time."""
    found = []
    for t, n in ((t, n) for t in range(len(maps)) for n in range(SEQUENCES)):
        if 0.25 < float(visible[t, n]) < 0.75:
            continue
        found += [
            cell(float(value), float(label))
            for value, label in zip(maps[t, n].flatten(), labels[t, n].flatten(), strict=True)
        ]
    return sum(found) / len(found)


@torch.no_grad()
@pytest.mark.parametrize("part", ["score", "ungated", "state", "propagated"])
def test_each_part_is_its_sum(run, part: str):
    predictor, states, responses, labels, visible = run
    nothing = dict.fromkeys(("score", "ungated", "state", "propagated"), 0.0)
    weights = LossWeights(**(nothing | {part: 2.0}))
    found = kys_loss(predictor, states, responses, labels, visible, weights)
    now = slice(1, None)
    if part in ("score", "ungated"):
        maps = torch.stack([getattr(r, part)[:, 0] for r in responses])
        expected = mean(maps, labels[now], visible[now], hinge)
    else:
        before = part == "state"
        kept = states if before else [r.propagated for r in responses]
        maps = torch.stack([predictor.judge(state)[:, 0] for state in kept])
        when = slice(0, -1) if before else now
        expected = mean(maps, labels[when], visible[when], entropy)
    assert float(found) == pytest.approx(2 * expected, rel=1e-5)


def test_every_parameter_but_the_last_state_learns(run):
    predictor, *rest = run
    kys_loss(predictor, *rest).backward()
    idle = [name for name, p in predictor.named_parameters() if not p.grad.count_nonzero()]
    assert idle == []


def test_half_hidden_targets_do_not_count():
    shares = torch.tensor([0.0, 0.25, 0.26, 0.74, 0.75, 1.0])
    assert counted_frames(shares).tolist() == [True, True, False, False, True, True]


def test_a_label_too_few_is_told(run):
    predictor, states, responses, labels, visible = run
    with pytest.raises(InputError, match="one label"):
        kys_loss(predictor, states, responses, labels[1:], visible)


def scene() -> tuple[Tensor, Tensor]:
    """A target of score 0.9 and a distractor of 0.4."""
    row, column = torch.meshgrid(torch.arange(9.0), torch.arange(9.0), indexing="ij")

    def peak(y: int, x: int) -> Tensor:
        return torch.exp(-((row - y) ** 2 + (column - x) ** 2) / 2)

    return 0.9 * peak(2, 2) + 0.4 * peak(6, 6), peak(2, 2)


def test_distractors_are_raised_to_what_is_drawn():
    score, label = scene()
    many = score.expand(200, -1, -1)
    chance = torch.Generator().manual_seed(0)
    found = raise_distractors(many, label.expand_as(many), chance)
    changed = (found != many).flatten(1).any(1)
    assert 0.2 < changed.float().mean() < 0.4
    near = label >= 0.05
    torch.testing.assert_close(found[:, near], many[:, near])
    heights = found[changed][:, 6, 6] / score[2, 2]
    assert heights.min() >= 0.8 - 1e-6
    assert heights.max() <= 1.3 + 1e-6
    assert heights.std() > 0.05
    # it stays a hill about its peak
    assert (found[changed].where(~near, 0).flatten(1).argmax(1) == 6 * 9 + 6).all()


def test_without_a_second_peak_nothing_is_raised():
    _, label = scene()
    alone = (0.9 * label).clamp_min(0)
    sure = Jitter(chance=1.0)
    found = raise_distractors(alone[None], label[None], torch.Generator(), sure)
    torch.testing.assert_close(found[0], alone)
    empty = torch.zeros_like(alone)[None]
    assert not raise_distractors(empty, label[None], torch.Generator(), sure).any()
