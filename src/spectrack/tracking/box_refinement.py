"""Boxes that climb: proposals about a target go uphill on their predicted score, all in one batch.

ATOM (Danelljan et al., CVPR 2019, section 3.1 and 4) and its successors know the target's centre
and old size from a score map; its box is then found by maximising what IoU-Net says of boxes.
Boxes are x, y, w, h in pixels of the search region.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from spectrack.errors import InputError

Space = Literal["default", "relative"]

Judge = Callable[[Tensor], tuple[Tensor, Tensor]]
"""From boxes (1, P, 4) to their scores (1, P) and gradients (1, P, 4)."""


@dataclass(frozen=True, slots=True)
class RefinementSettings:
    """How a box is refined; values are ATOM's and DiMP's, see ``RELATIVE`` for PrDiMP's.

    Args:
        space: What takes the steps. ``default``: x, y, w, h, each in units of the box's size of
            the moment. ``relative``: centre in units of the first box's size, and logarithms of
            width and height (PrDiMP, section 5).
        iterations: Steps.
        step: Length of one, in gradients.
        proposals: Boxes drawn about the first one, which climbs with them.
        jitter_centre: Width of the uniform draw of their centres, in sqrt(w h).
        jitter_size: Of their widths and heights.
        best: So many boxes of the highest scores are averaged.
        aspect: Boxes longer than so many times their other side are left out.
    """

    space: Space = "default"
    iterations: int = 5
    step: float = 1.0
    proposals: int = 9
    jitter_centre: float = 0.1
    jitter_size: float = 0.5
    best: int = 3
    aspect: float = 6.0

    def __post_init__(self) -> None:
        if self.space not in ("default", "relative"):
            raise InputError(f"space is {self.space!r}; give default or relative")
        for name, least in (("iterations", 0), ("proposals", 0), ("best", 1), ("aspect", 1)):
            if not getattr(self, name) >= least:
                raise InputError(f"{name} is {getattr(self, name)}; give {least} or more")
        for name in ("step", "jitter_centre", "jitter_size"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise InputError(f"{name} is {getattr(self, name)}; give 0 or more")


RELATIVE = RefinementSettings(space="relative", iterations=10, step=2.5e-3)
"""PrDiMP and SuperDiMP."""

LEAST_SHARE = 1 / 3
"""Proposals are at least so large, in the first box's shorter side."""


def propose(first_xywh: Tensor, settings: RefinementSettings, chance: torch.Generator) -> Tensor:
    """The first box and others about it.

    Args:
        first_xywh: (4,).
        settings: How many, and how far off.
        chance: Draws them; on the CPU, so that every device sees the same.

    Returns:
        (proposals + 1, 4), the first box first.
    """
    size = first_xywh[2:]
    drawn = torch.rand((settings.proposals, 4), generator=chance).to(first_xywh) - 0.5
    unit = size.prod().sqrt()
    sizes = size + drawn[:, 2:] * unit * settings.jitter_size
    sizes = torch.maximum(sizes, size.min() * LEAST_SHARE)
    centres = first_xywh[:2] + size / 2 + drawn[:, :2] * unit * settings.jitter_centre
    return torch.cat((first_xywh[None], torch.cat((centres - sizes / 2, sizes), 1)))


def climb(boxes_pxywh: Tensor, judge: Judge, settings: RefinementSettings) -> tuple[Tensor, Tensor]:
    """Move boxes uphill on their scores.

    Args:
        boxes_pxywh: (P, 4); in the ``relative`` space the first one gives the units.
        judge: Scores and gradients, for instance :meth:`AtomIoUNet.judge_and_gradient`.
        settings: Space, iterations, step.

    Returns:
        Boxes (P, 4) after the last step, and the scores (P,) they had before it; without steps,
        as they are.
    """
    boxes = boxes_pxywh
    move = _move_sides if settings.space == "default" else _move_relative
    if settings.iterations == 0:
        return boxes, judge(boxes[None])[0][0]
    for _ in range(settings.iterations):
        scores, gradients = judge(boxes[None])
        boxes = move(boxes, gradients[0], settings.step, boxes_pxywh[0, 2:])
    return boxes, scores[0]


def _move_sides(boxes: Tensor, gradients: Tensor, step: float, unit_wh: Tensor) -> Tensor:
    """Every number moves by its gradient times the box's size of the moment."""
    del unit_wh  # each box has its own
    return boxes + step * gradients * boxes[:, 2:].repeat(1, 2)


def _move_relative(boxes: Tensor, gradients: Tensor, step: float, unit_wh: Tensor) -> Tensor:
    """Steps in cx / w0, cy / h0, log w, log h; gradients follow from those in x, y, w, h."""
    corner, size = boxes[:, :2], boxes[:, 2:]
    # with the centre held, a box that grows by dw starts dw / 2 further left
    of_logs = size * (gradients[:, 2:] - gradients[:, :2] / 2)
    centres = corner + size / 2 + step * gradients[:, :2] * unit_wh**2
    sizes = size * (step * of_logs).exp()
    return torch.cat((centres - sizes / 2, sizes), 1)


def choose(boxes_pxywh: Tensor, scores_p: Tensor, settings: RefinementSettings) -> Tensor | None:
    """The mean of the boxes with the best scores, of those of usual shape.

    Args:
        boxes_pxywh: (P, 4).
        scores_p: (P,).
        settings: How many, and which shapes.

    Returns:
        (4,), or nothing where no box has a usual shape.
    """
    boxes = torch.cat((boxes_pxywh[:, :2], boxes_pxywh[:, 2:].clamp(min=1)), 1)
    aspect = boxes[:, 2] / boxes[:, 3]
    usual = (aspect < settings.aspect) & (aspect > 1 / settings.aspect) & scores_p.isfinite()
    boxes, scores = boxes[usual], scores_p[usual]
    if not len(boxes):
        return None
    return boxes[scores.topk(min(settings.best, len(boxes))).indices].mean(0)


def refine(
    first_xywh: Tensor, judge: Judge, settings: RefinementSettings, chance: torch.Generator
) -> Tensor | None:
    """Find a target's box near a first guess: propose, climb, choose.

    Args:
        first_xywh: (4,), the guess.
        judge: Scores and gradients of boxes.
        settings: See :class:`RefinementSettings`.
        chance: Draws the proposals.

    Returns:
        (4,), or nothing where no box kept a usual shape; the guess is the answer then.
    """
    boxes, scores = climb(propose(first_xywh, settings, chance), judge, settings)
    return choose(boxes, scores, settings)
