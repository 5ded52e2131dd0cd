"""The decoder of RTS and LWL: a mask encoding and the backbone's layers to a mask.

From the deepest layer to the shallowest: the layer is reduced and joined with the encoding (TSE),
refined (RRB1), joined with what came from below, weighted by channel (CAB), and refined again
(RRB2); see Robinson et al., CVPR 2020, Fig. 3. At the end twice a bicubic enlargement.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEVELS = ("layer4", "layer3", "layer2", "layer1")
SHARES = {"layer4": 4, "layer3": 2, "layer2": 2, "layer1": 1}


class SegmentationEncoder(nn.Module):
    """TSE: a backbone layer joined with the mask encoding.

    Args:
        features: Maps of the layer.
        encoding: Maps of the mask encoding.
        outputs: Maps that go out.
    """

    def __init__(self, features: int, encoding: int, outputs: int) -> None:
        super().__init__()
        joined = outputs + encoding
        self.reduce = nn.Sequential(
            nn.Conv2d(features, outputs, 1), nn.ReLU(inplace=True), nn.Conv2d(outputs, outputs, 1)
        )
        self.transform = nn.Sequential(
            nn.Conv2d(joined, joined, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(joined, joined, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(joined, outputs, 3, padding=1),
            nn.ReLU(inplace=True),
        )

    def forward(
        self, features_nchw: Tensor, encoding_nchw: Tensor, deeper_nchw: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The joined maps, and what lies deeper: the mean of the maps where there is nothing."""
        h = self.reduce(features_nchw)
        deeper = _mean(h) if deeper_nchw is None else deeper_nchw
        return self.transform(torch.cat((h, encoding_nchw), 1)), deeper


class Refinement(nn.Module):
    """RRB: a 1x1 convolution, then a residual block.

    Args:
        maps: Maps in and out.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.conv1x1 = nn.Conv2d(maps, maps, 1)
        self.bblock = nn.Sequential(
            nn.Conv2d(maps, maps, 3, padding=1),
            nn.BatchNorm2d(maps),
            nn.ReLU(inplace=True),
            nn.Conv2d(maps, maps, 3, padding=1, bias=False),
        )

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, maps, H, W) in and out."""
        h = self.conv1x1(x_nchw)
        return F.relu(h + self.bblock(h), inplace=True)


class ChannelAttention(nn.Module):
    """CAB: maps weighted by channel, by means of both levels, plus the deeper level.

    Args:
        deeper: Maps of the deeper level.
        maps: Maps of this level.
    """

    def __init__(self, deeper: int, maps: int) -> None:
        super().__init__()
        self.convreluconv = nn.Sequential(
            nn.Conv2d(deeper + maps, maps, 1), nn.ReLU(inplace=True), nn.Conv2d(maps, maps, 1)
        )

    def forward(self, deeper_nchw: Tensor, x_nchw: Tensor) -> Tensor:
        """(N, deeper, H', W') and (N, maps, H, W) -> (N, maps, H, W)."""
        means = torch.cat((_mean(x_nchw), _mean(deeper_nchw)), 1)
        weights = torch.sigmoid(self.convreluconv(means))
        if deeper_nchw.shape[-2:] != (1, 1):
            deeper_nchw = _resize(deeper_nchw, x_nchw.shape[-2:])
        return x_nchw * weights + deeper_nchw


class Projection(nn.Module):
    """Finest maps to logits at the resolution asked for, by two bicubic enlargements.

    Args:
        maps: Maps that come in.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(maps, maps // 2, 3, padding=1)
        self.conv2 = nn.Conv2d(maps // 2, 1, 3, padding=1)

    def forward(self, x_nchw: Tensor, size_hw: tuple[int, int]) -> Tensor:
        """(N, maps, H, W) -> (N, 1, *size_hw)."""
        twice = (2 * x_nchw.shape[-2], 2 * x_nchw.shape[-1])
        x = F.relu(self.conv1(_enlarge(x_nchw, twice)), inplace=True)
        # Enlarging and convolving are both linear: to mix the maps for each tap of the last
        # convolution first leaves nine maps to enlarge, and their shifted sum, at full resolution.
        taps = self.conv2.weight.flip(2, 3).flatten(2).permute(2, 1, 0)[..., None]
        mixed = _enlarge(F.conv2d(x, taps.contiguous()), size_hw)
        logits = F.fold(mixed.flatten(2), size_hw, 3, padding=1)
        return logits + self.conv2.get_parameter("bias")


class SegmentationDecoder(nn.Module):
    """D: mask encoding and backbone layers to logits.

    Args:
        channels: Maps of the backbone's layers, by name, "layer1" to "layer4".
        encoding: Maps of the mask encoding.
        maps: Maps at the finest level; the deeper ones have 2, 2 and 4 times as many.
    """

    def __init__(self, channels: Mapping[str, int], encoding: int = 16, maps: int = 64) -> None:
        super().__init__()
        self.TSE, self.RRB1, self.CAB, self.RRB2, self.proj = (nn.ModuleDict() for _ in range(5))
        below: int | None = None
        for level in LEVELS:
            own = maps * SHARES[level]
            if below is not None:
                self.proj[level] = nn.Sequential(nn.Conv2d(below, own, 1), nn.ReLU(inplace=True))
            self.TSE[level] = SegmentationEncoder(channels[level], encoding, own)
            self.RRB1[level] = Refinement(own)
            self.CAB[level] = ChannelAttention(own, own)
            self.RRB2[level] = Refinement(own)
            below = own
        self.project = Projection(maps)

    def forward(
        self, encoding_nchw: Tensor, layers: Mapping[str, Tensor], size_hw: tuple[int, int]
    ) -> Tensor:
        """Logits of the mask.

        Args:
            encoding_nchw: (N, encoding, h, w), any resolution.
            layers: Maps of the backbone, (N, C, H / s, W / s) with s 4 to 32.
            size_hw: Height and width of the mask.

        Returns:
            (N, 1, *size_hw).
        """
        x: Tensor | None = None
        for level in LEVELS:
            features = layers[level]
            encoding = _resize(encoding_nchw, features.shape[-2:])
            if x is not None:
                x = self.proj[level](x)
            joined, deeper = self.TSE[level](features, encoding, x)
            x = self.RRB2[level](self.CAB[level](deeper, self.RRB1[level](joined)))
        return self.project(x, size_hw)


def _mean(x_nchw: Tensor) -> Tensor:
    return x_nchw.mean((2, 3), keepdim=True)


def _resize(x_nchw: Tensor, size_hw: tuple[int, int] | torch.Size) -> Tensor:
    if x_nchw.shape[-2:] == tuple(size_hw):
        return x_nchw
    return F.interpolate(x_nchw, tuple(size_hw), mode="bilinear", align_corners=False)


def _enlarge(x_nchw: Tensor, size_hw: tuple[int, int]) -> Tensor:
    return F.interpolate(x_nchw, size_hw, mode="bicubic", align_corners=False)
