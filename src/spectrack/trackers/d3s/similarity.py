"""GIM: how alike every cell is to the target and to its background (D3S, section 3.1).

Each cell of a frame is compared with all cells of the first frame. How alike it is to the target is
the mean of the best three similarities with cells of the target; no geometry is kept, so the target
may bend in any way. The same is done with the background.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

TOP = 3
"""Similarities whose mean counts."""
BLOCK = 2**22
"""Similarities that are in memory together, about; of more cells a part is done at a time."""

HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """The first frame, made ready for comparison.

    Args:
        features_nck: Features of unit length, (N, C, K cells).
        target_nk: 1 on the target and 0 beside it, (N, K).
    """

    features_nck: Tensor
    target_nk: Tensor

    @classmethod
    def of(cls, features_nchw: Tensor, masks_n1hw: Tensor) -> Template:
        """From features, and masks of any size that are brought to theirs by nearest pixels."""
        mask = F.interpolate(masks_n1hw.to(features_nchw.dtype), features_nchw.shape[-2:])
        return cls(_unit_length(features_nchw), mask.flatten(1))


def similarities(features_nchw: Tensor, template: Template) -> Tensor:
    """Similarity to the target and to the background.

    What is masked out counts as a similarity of zero, as in the published program: a target of
    less than three cells is never quite like anything.

    Args:
        features_nchw: (N, C, h, w).
        template: Of as many targets.

    Returns:
        (N, 2, h, w): mean of the best :data:`TOP` cosines, target first.
    """
    n, _, height, width = features_nchw.shape
    query_nqc = _unit_length(features_nchw).mT
    cells = template.target_nk.shape[1]
    rows = max(BLOCK // max(n * cells, 1), 1)
    # the best of many cosines are told apart by digits that half precision has not
    with torch.autocast(features_nchw.device.type, enabled=False):
        parts = [_best(part, template) for part in query_nqc.split(rows, dim=1)]
    return torch.cat(parts, 2).view(n, 2, height, width)


def _unit_length(features_nchw: Tensor) -> Tensor:
    """(N, C, K cells), single precision at least."""
    flat = features_nchw.flatten(2)
    return F.normalize(flat.float() if flat.dtype in HALVES else flat, dim=1)


def _best(query_nqc: Tensor, template: Template) -> Tensor:
    alike = query_nqc @ template.features_nck
    target = template.target_nk[:, None]
    top = min(TOP, alike.shape[2])
    means = [
        (alike * mask.to(alike.dtype)).topk(top, dim=2).values.mean(2)
        for mask in (target, 1 - target)
    ]
    return torch.stack(means, 1)
