"""Boxes that climb, against steps in variables written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.tracking.box_refinement import (
    RELATIVE,
    Judge,
    RefinementSettings,
    choose,
    climb,
    propose,
    refine,
)

DEFAULT = RefinementSettings()


def hill(boxes: Tensor) -> Tensor:
    """A smooth score (1, P) with its peak at one box."""
    x, y, w, h = boxes.unbind(-1)
    return -((x - 30) ** 2 + (y + w / 4 - 50) ** 2) / 900 - (w / h - 1.5) ** 2 - (h / 40 - 1) ** 2


def by_autograd(score: Callable[[Tensor], Tensor]) -> Judge:
    def judge(boxes: Tensor) -> tuple[Tensor, Tensor]:
        asked = boxes.clone().requires_grad_()
        scores = score(asked)
        return scores.detach(), torch.autograd.grad(scores.sum(), asked)[0]

    return judge


def test_relative_steps_are_those_of_the_variables_written_out():
    settings = replace(RELATIVE, step=0.02, iterations=4)
    start = torch.tensor([[20.0, 30, 50, 30], [25, 61, 33, 44]], dtype=torch.float64)
    unit = start[0, 2:]
    z = torch.cat(((start[:, :2] + start[:, 2:] / 2) / unit, start[:, 2:].log()), 1)
    for _ in range(4):
        z = z.detach().requires_grad_()
        size = z[:, 2:].exp()
        score = hill(torch.cat((z[:, :2] * unit - size / 2, size), 1)[None])
        (gradient,) = torch.autograd.grad(score.sum(), z)
        last, z = score.detach()[0], (z + 0.02 * gradient).detach()
    expected = torch.cat((z[:, :2] * unit - z[:, 2:].exp() / 2, z[:, 2:].exp()), 1)
    boxes, scores = climb(start, by_autograd(hill), settings)
    torch.testing.assert_close(boxes, expected)
    torch.testing.assert_close(scores, last)


def test_default_steps_are_in_units_of_the_box():
    start = torch.tensor([[20.0, 30, 50, 30], [25, 61, 33, 44]], dtype=torch.float64)
    boxes, _ = climb(start, by_autograd(hill), replace(DEFAULT, step=0.5, iterations=1))
    _, gradients = by_autograd(hill)(start[None])
    for box, first, gradient in zip(boxes, start, gradients[0], strict=True):
        w, h = float(first[2]), float(first[3])
        moved = [float(first[i] + 0.5 * gradient[i] * (w, h, w, h)[i]) for i in range(4)]
        assert box.tolist() == pytest.approx(moved)


def test_scores_are_those_before_the_last_step():
    start = torch.tensor([[20.0, 30, 50, 30]], dtype=torch.float64)
    before, _ = climb(start, by_autograd(hill), replace(DEFAULT, iterations=2))
    _, scores = climb(start, by_autograd(hill), replace(DEFAULT, iterations=3))
    torch.testing.assert_close(scores, hill(before[None])[0])
    same, now = climb(start, by_autograd(hill), replace(DEFAULT, iterations=0))
    assert torch.equal(same, start)
    torch.testing.assert_close(now, hill(start[None])[0])


def test_proposals_keep_the_first_box_and_their_limits():
    first = torch.tensor([40.0, 60, 90, 20])
    settings = replace(DEFAULT, proposals=500)
    boxes = propose(first, settings, torch.Generator().manual_seed(1))
    assert boxes.shape == (501, 4)
    assert torch.equal(boxes[0], first)
    unit = (90 * 20) ** 0.5
    away = boxes[1:, :2] + boxes[1:, 2:] / 2 - torch.tensor([85.0, 70])
    assert away.abs().max() <= 0.05 * unit + 1e-4
    assert away.abs().max() > 0.045 * unit
    grown = boxes[1:, 2:] - first[2:]
    assert grown.abs().max() <= 0.25 * unit + 1e-4
    assert boxes[:, 3].min() >= 20 / 3 - 1e-5
    small = propose(torch.tensor([0.0, 0, 300, 3]), settings, torch.Generator().manual_seed(1))
    assert small[:, 3].min() == 1.0
    again = propose(first, settings, torch.Generator().manual_seed(1))
    assert torch.equal(again, boxes)


def test_the_best_boxes_of_usual_shape_are_averaged():
    boxes = torch.tensor(
        [[0.0, 0, 10, 10], [2, 2, 12, 14], [4, 4, 70, 10], [6, 6, 20, 10], [8, 8, 5, 0.2]]
    )
    scores = torch.tensor([0.1, 0.4, 0.9, 0.3, 0.2])
    chosen = choose(boxes, scores, replace(DEFAULT, best=2))
    assert chosen is not None
    assert chosen.tolist() == pytest.approx([4, 4, 16, 12])
    # a side below a pixel counts as one
    least = choose(boxes[4:], scores[4:], DEFAULT)
    assert least is not None
    assert least.tolist() == [8, 8, 5, 1]
    assert choose(boxes[2:3], scores[2:3], DEFAULT) is None
    assert choose(boxes[:1], torch.tensor([float("nan")]), DEFAULT) is None


def test_refining_finds_the_peak():
    settings = RefinementSettings("relative", iterations=200, step=0.05)
    first = torch.tensor([24.0, 40, 50, 50], dtype=torch.float64)
    found = refine(first, by_autograd(hill), settings, torch.Generator().manual_seed(0))
    assert found is not None
    assert found.tolist() == pytest.approx([30, 35, 60, 40], abs=0.5)


def test_settings_out_of_range_are_refused():
    for wrong in ({"space": "log"}, {"best": 0}, {"aspect": 0.5}, {"step": float("nan")}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            replace(DEFAULT, **wrong)
