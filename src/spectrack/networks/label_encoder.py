"""Encoders of maps with one channel: masks to few-shot labels and weights, scores to encodings.

E and W of RTS (section 3.2) are two heads of one encoder, at 1/16 of the mask's resolution; H
(section 3.4) is the same with all steps one. The encoders have no normalisation layers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PlainBlock(nn.Module):
    """Two 3x3 convolutions and a 3x3 convolution as skip, without normalisation.

    Args:
        inputs: Maps that come in.
        outputs: Maps that go out.
        stride: Step.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.downsample = nn.Conv2d(inputs, outputs, 3, stride, 1)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H/stride, W/stride)."""
        inner = self.conv2(F.relu(self.conv1(x_nchw)))
        return F.relu(inner + self.downsample(x_nchw))


class LabelEncoder(nn.Module):
    """Convolution, max pool and two blocks, then a head for labels and one for weights.

    Args:
        outputs: Maps of each head.
        widths: Maps after the first convolution and after the blocks.
        stride: Step of each of the four stages; 2 for masks, 1 for scores.
    """

    def __init__(
        self, outputs: int = 16, widths: tuple[int, int, int] = (16, 32, 64), stride: int = 2
    ) -> None:
        super().__init__()
        self.stride = stride
        self.conv_block = nn.Sequential(nn.Conv2d(1, widths[0], 3, stride, 1), nn.ReLU())
        self.res1 = PlainBlock(widths[0], widths[1], stride)
        self.res2 = PlainBlock(widths[1], widths[2], stride)
        self.label_pred = nn.Sequential(nn.Conv2d(widths[2], outputs, 3, 1, 1), nn.ReLU())
        self.samp_w_pred = nn.Conv2d(widths[2], outputs, 3, 1, 1)
        start(self)
        nn.init.zeros_(self.samp_w_pred.weight)
        nn.init.constant_(self.samp_w_pred.get_parameter("bias"), 1)

    def trunk(self, maps_n1hw: Tensor) -> Tensor:
        """What both heads read: (N, widths[2], H', W')."""
        x = F.max_pool2d(self.conv_block(maps_n1hw), 3, self.stride, 1)
        return self.res2(self.res1(x))

    def labels(self, maps_n1hw: Tensor) -> Tensor:
        """The first head alone: (N, outputs, H', W'), not negative."""
        return self.label_pred(self.trunk(maps_n1hw))

    def forward(self, maps_n1hw: Tensor) -> tuple[Tensor, Tensor]:
        """Labels and weights of maps.

        Args:
            maps_n1hw: (N, 1, H, W), masks in [0, 1] or scores.

        Returns:
            Labels (N, outputs, H', W'), not negative, and weights of that shape, of either sign;
            H' = H / 16 with ``stride`` 2 and H with 1.
        """
        shared = self.trunk(maps_n1hw)
        return self.label_pred(shared), self.samp_w_pred(shared)


def start(network: nn.Module) -> None:
    """Weights of all convolutions from N(0, 2 / (K K outputs)), as training starts."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def fill_boxes(boxes_xywh: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Masks (N, 1, H, W) that are one in a box (N, 4), cut to whole numbers, and zero outside."""
    boxes = boxes_xywh.trunc()
    left, top, width, height = (v[:, None] for v in boxes.unbind(1))
    y, x = (torch.arange(n, device=boxes.device) for n in size_hw)
    rows, columns = (top <= y) & (y < top + height), (left <= x) & (x < left + width)
    return (rows[:, None, :, None] & columns[:, None, None, :]).float()
