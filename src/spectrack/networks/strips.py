"""Inverted residuals a strip of rows at a time: the same answers with maps that stay in the cache.

The widened maps of the first blocks are the largest thing a MobileNetV2 makes, six times what comes
in at half the picture's size. Written to memory and read again they cost more than computing them.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.mobilenet_v2 import InvertedResidual

LARGEST = 1_600_000
"""Bytes of widened maps that are made at once; more are made in strips of about so many."""


class StripResidual(nn.Module):
    """An inverted residual for inference, its widened maps never whole where they are large.

    Args:
        block: What it computes; its convolutions are used as they are.
    """

    def __init__(self, block: InvertedResidual) -> None:
        super().__init__()
        self.block = block

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride), as the block."""
        block, (n, _, height, width) = self.block, x_nchw.shape
        row = block.dw.in_channels * width * x_nchw.element_size()
        if row * height <= LARGEST:
            return self._whole(x_nchw)
        step = block.dw.stride[0]
        shape = (n, block.project.out_channels, -(-height // step), -(-width // step))
        out = torch.empty(
            shape, dtype=x_nchw.dtype, device=x_nchw.device, memory_format=torch.channels_last
        )
        rows = max(LARGEST // (row * step), 1)
        for image, result in zip(x_nchw.split(1), out.split(1), strict=True):
            for strip, made in self._strips(image, rows):
                result[:, :, strip] = made
        return out

    def _whole(self, x_nchw: Tensor) -> Tensor:
        out: Tensor = self.block(x_nchw)
        return out

    def _strips(self, x_nchw: Tensor, rows: int) -> Iterator[tuple[slice, Tensor]]:
        """Rows of the answer and what stands there, ``rows`` of them at a time."""
        block, dw = self.block, self.block.dw
        height, step = x_nchw.shape[2], dw.stride[0]
        reach = (dw.kernel_size[0] - 1) * dw.dilation[0] + 1
        (left, right), (front, _) = dw.pads(x_nchw.shape[3]), dw.pads(height)
        for begin in range(0, -(-height // step), rows):
            end = min(begin + rows, -(-height // step))
            first, last = begin * step - front, (end - 1) * step - front + reach
            low, high = max(first, 0), min(last, height)
            wide = x_nchw[:, :, low:high]
            if block.expand is not None:
                wide = F.relu6(block.expand(wide), inplace=True)
            wide = F.pad(wide, (left, right, low - first, last - high))
            wide = F.conv2d(wide, dw.weight, dw.bias, step, 0, dw.dilation, dw.groups)
            made: Tensor = block.project(F.relu6(wide, inplace=True))
            yield slice(begin, end), made + x_nchw[:, :, begin:end] if block.adds else made
