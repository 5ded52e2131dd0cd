"""The first filter of a target, pooled from its box (DiMP section 3.3; P of RTS, section 3.3)."""

from __future__ import annotations

from torch import Tensor, nn

from spectrack.networks.pooling import prroi_pool


class FilterInitializer(nn.Module):
    """A first filter, which learning then improves: a convolution and the means over a box's parts.

    Args:
        maps: Maps of the features.
        size: Height and width of the filter.
        pool_scale: What boxes are multiplied by to be pooled.
    """

    def __init__(self, maps: int, size: int, pool_scale: float) -> None:
        super().__init__()
        self.size, self.pool_scale = size, pool_scale
        self.filter_conv = nn.Conv2d(maps, maps, 3, padding=1)

    def forward(self, features_nschw: Tensor, boxes_nsxywh: Tensor) -> Tensor:
        """Features (N, S, C, H, W) and boxes (N, S, 4) in pixels -> filters (S, 1, C, K, K)."""
        frames, sequences = features_nschw.shape[:2]
        maps = self.filter_conv(features_nschw.flatten(0, 1))
        boxes = boxes_nsxywh.flatten(0, 1).to(maps.dtype)
        corners = boxes.new_tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]])
        pooled = prroi_pool(maps, boxes @ corners.mT, (self.size, self.size), self.pool_scale)
        return pooled.view(frames, sequences, 1, *pooled.shape[1:]).mean(0)
