"""Batch normalisation whose numbers are kept: statistics, scale and shift are no parameters."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class FrozenBatchNorm2d(nn.Module):
    """Batch normalisation that neither learns nor counts, in training mode as in evaluation.

    Detectors in DETR's line (STARK) hold their backbone so; a checkpoint has no step counters for
    it. Names are those of :class:`torch.nn.BatchNorm2d`.

    Args:
        num_features: Maps.
        eps: Added to the variance.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0)):
            self.register_buffer(name, torch.full((num_features,), value))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Maps in, maps of the same shape out."""
        return F.batch_norm(
            x_nchw, self.running_mean, self.running_var, self.weight, self.bias, False, 0, self.eps
        )
