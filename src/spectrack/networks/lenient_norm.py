"""Batch normalisation that takes a single value of each map, too."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class LenientBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation; in training a single value of each map is one for the stored statistics.

    Of one value there is no deviation: torch refuses maps of (1, C, 1, 1) in training. Such maps
    come where the last batch of an epoch has one sample, and where a batch has one cell to learn
    from. Stored statistics stay as they are then.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """Maps (N, C, H, W) in, maps of the same shape out."""
        if not self.training or input.numel() > input.shape[1]:
            return super().forward(input)
        mean, var = self.running_mean, self.running_var
        return F.batch_norm(input, mean, var, self.weight, self.bias, False, 0.0, self.eps)
