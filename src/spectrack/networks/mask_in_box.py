"""Mask of the thing in a box: MobileNetV2, hints as maps, a memory of the target, a decoder.

The hints (box, mask so far, colours, clicks) enter at the stem and again at every level of the
decoder. What is known of the target from other frames is read by attention at stride 16, as STM
does (Oh et al., ICCV 2019): keys of features against keys, values that know the masks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.mobilenet_v2 import STEM, Features, MobileNetV2

HINTS = ("box", "mask", "colours", "wanted", "unwanted")
"""Maps of hints in their order, each in [0, 1] and all zero where nothing is known: the filled box,
the mask of a frame before moved here, how like the target's the colours are, and clicks."""

CLICK = 0.02
"""Radius of a click's spot, in sides of the crop."""

KEYS, VALUES = 64, 96
COARSE, AT16, AT8, AT4, AT2 = 160, 128, 96, 64, 32
SHARPNESS = 8.0
"""What the angle between keys is multiplied by, at the start."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What frames with known masks left behind, tokens of all of them in a row.

    Attributes:
        keys_nkt: (N, KEYS, T), of unit length.
        values_nvt: (N, VALUES + 1, T); the last one is the share of the token in the mask.
    """

    keys_nkt: Tensor
    values_nvt: Tensor

    @classmethod
    def of(cls, *memories: Memory) -> Memory:
        """Several, one after the other."""
        return cls(
            torch.cat([one.keys_nkt for one in memories], 2),
            torch.cat([one.values_nvt for one in memories], 2),
        )

    def in_a_row(self) -> Memory:
        """Those of a batch as the memory of one target."""
        keys, values = (
            x.transpose(0, 1).flatten(1)[None] for x in (self.keys_nkt, self.values_nvt)
        )
        return Memory(keys, values)


class Entering(nn.Conv2d):
    """A convolution of one pixel over fine maps and enlarged coarse ones.

    As it sees one pixel, it may as well come before enlarging.

    Args:
        inputs: Maps that come in.
        outputs: Maps that go out.
        coarse: How many of those that come in are coarse; they are the first.
    """

    def __init__(self, inputs: int, outputs: int, coarse: int) -> None:
        super().__init__(inputs, outputs, 1)
        self.coarse = coarse

    def forward(self, fine_nchw: Tensor, coarse_nchw: Tensor | None = None) -> Tensor:
        """(N, inputs - coarse, H, W) and (N, coarse, H / 2, W / 2) -> (N, outputs, H, W)."""
        if coarse_nchw is None:
            return super().forward(fine_nchw)
        fine = F.conv2d(fine_nchw, self.weight[:, self.coarse :], self.bias)
        return fine + _twice(F.conv2d(coarse_nchw, self.weight[:, : self.coarse]))

    def parted(self) -> nn.Module:
        """The same as two layers, which may be packed, where there are coarse maps."""
        return PartedEntering(self) if self.coarse else self


class PartedEntering(nn.Module):
    """What :class:`Entering` computes, a layer for the fine maps and one for the coarse ones.

    Args:
        whole: Its weights are copied.
    """

    def __init__(self, whole: Entering) -> None:
        super().__init__()
        few, weight, bias = whole.coarse, whole.weight.detach(), whole.bias
        assert bias is not None
        self.fine = nn.Conv2d(whole.in_channels - few, whole.out_channels, 1)
        self.coarse = nn.Conv2d(few, whole.out_channels, 1, bias=False)
        self.fine.weight = nn.Parameter(weight[:, few:].clone(), requires_grad=False)
        self.fine.bias = nn.Parameter(bias.detach().clone(), requires_grad=False)
        self.coarse.weight = nn.Parameter(weight[:, :few].clone(), requires_grad=False)

    def forward(self, fine_nchw: Tensor, coarse_nchw: Tensor) -> Tensor:
        """As :meth:`Entering.forward`."""
        fine: Tensor = self.fine(fine_nchw)
        return fine + _twice(self.coarse(coarse_nchw))


class Mixing(nn.Module):
    """Two depthwise separable convolutions with a skip: looks 5x5 around at little cost.

    Args:
        inputs: Maps that come in.
        outputs: Maps that go out.
        coarse: How many of those that come in are of half the size; they are the first.
    """

    def __init__(self, inputs: int, outputs: int, coarse: int = 0) -> None:
        super().__init__()
        self.enter: nn.Module = Entering(inputs, outputs, coarse)
        self.around = nn.ModuleList(
            nn.Conv2d(outputs, outputs, 3, padding=1, groups=outputs) for _ in range(2)
        )
        self.across = nn.ModuleList(nn.Conv2d(outputs, outputs, 1) for _ in range(2))
        self.norms = nn.ModuleList(nn.GroupNorm(8, outputs) for _ in range(2))

    def forward(self, x_nchw: Tensor, coarse_nchw: Tensor | None = None) -> Tensor:
        """Maps of one size, and what was made of them at half of it.

        Args:
            x_nchw: (N, C, H, W).
            coarse_nchw: (N, coarse, H / 2, W / 2), enlarged to stand before those.

        Returns:
            (N, outputs, H, W).
        """
        x = self.enter(x_nchw) if coarse_nchw is None else self.enter(x_nchw, coarse_nchw)
        x = F.relu(x, inplace=True)
        for around, across, norm in zip(self.around, self.across, self.norms, strict=True):
            x = x + F.relu(norm(across(around(x))), inplace=True)
        return x


class MaskInBox(nn.Module):
    """Segments what the hints point at, in a square crop around it.

    Sides of crops are multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = MobileNetV2(output_stride=32)
        self.hints = nn.Conv2d(len(HINTS), STEM, 3, 2, 1, bias=False)
        nn.init.zeros_(self.hints.weight)  # starts as the published network
        self.key = nn.Conv2d(96 + 32, KEYS, 1)
        self.value = Mixing(96 + 32 + 3, VALUES)
        self.sharpness = nn.Parameter(torch.tensor(math.log(SHARPNESS)))
        self.nothing = nn.Parameter(torch.zeros(VALUES + 1))
        hints = len(HINTS)
        self.coarse = Mixing(320 + hints, COARSE)
        self.at16 = Mixing(COARSE + 96 + VALUES + 1 + hints, AT16, COARSE)
        self.at8 = Mixing(AT16 + 32 + hints, AT8, AT16)
        self.at4 = Mixing(AT8 + 24 + hints, AT4, AT8)
        self.at2 = Mixing(AT4 + 16 + hints + 3, AT2, AT4)
        self.mask = nn.Conv2d(AT2, 1, 3, padding=1)

    def features(self, images_nchw: Tensor, hints_nchw: Tensor) -> Features:
        """Features that know the hints.

        Args:
            images_nchw: RGB in [-1, 1], (N, 3, S, S).
            hints_nchw: (N, len(HINTS), S, S).
        """
        return self.backbone.from_stem(
            self.backbone.stem_maps(images_nchw) + self.hints(hints_nchw)
        )

    def remember(self, features: Features, box_nchw: Tensor, mask_nchw: Tensor) -> Memory:
        """What a frame leaves behind.

        Args:
            features: Of its crop.
            box_nchw: Its filled box, (N, 1, S, S).
            mask_nchw: Its soft mask in [0, 1], (N, 1, S, S).
        """
        look = self._look(features)
        at16 = F.avg_pool2d(mask_nchw, 16)
        most, box = F.max_pool2d(mask_nchw, 16), F.avg_pool2d(box_nchw, 16)
        value = self.value(torch.cat([look, at16, most, box], 1))
        return Memory(
            F.normalize(self.key(look).flatten(2).float(), dim=1),
            torch.cat([value, at16], 1).flatten(2),
        )

    def forward(
        self, images_nchw: Tensor, hints_nchw: Tensor, memory: Memory | None = None
    ) -> Tensor:
        """Logits of the mask, float32 (N, 1, S, S)."""
        return self.decode(images_nchw, hints_nchw, self.features(images_nchw, hints_nchw), memory)

    def decode(
        self, images_nchw: Tensor, hints_nchw: Tensor, features: Features, memory: Memory | None
    ) -> Tensor:
        """The same from features, see :meth:`features`."""
        at2 = F.avg_pool2d(torch.cat([hints_nchw, images_nchw], 1), 2)
        count = hints_nchw.shape[1]
        at4 = F.avg_pool2d(at2[:, :count], 2)
        at8 = F.avg_pool2d(at4, 2)
        at16 = F.avg_pool2d(at8, 2)
        x = self.coarse(torch.cat([features.last, F.avg_pool2d(at16, 2)], 1))
        read = self.read(features, memory).to(x.dtype)
        x = self.at16(torch.cat([features.at16, read, at16], 1), x)
        x = self.at8(torch.cat([features.at8, at8], 1), x)
        x = self.at4(torch.cat([features.at4, at4], 1), x)
        x = self.at2(torch.cat([features.at2, at2], 1), x)
        return _twice(self.mask(x).float())

    def read(self, features: Features, memory: Memory | None) -> Tensor:
        """What the memory says of each token, (N, VALUES + 1, S / 16, S / 16)."""
        n, _, height, width = features.at16.shape
        if memory is None:
            return self.nothing.reshape(1, -1, 1, 1).expand(n, -1, height, width)
        query = F.normalize(self.key(self._look(features)).flatten(2).float(), dim=1)
        alike = (query * self.sharpness.exp()).transpose(1, 2) @ memory.keys_nkt
        found = memory.values_nvt.float() @ alike.softmax(2).transpose(1, 2)
        return found.reshape(n, -1, height, width)

    @staticmethod
    def _look(features: Features) -> Tensor:
        """Features at stride 16 with the finer ones: (N, 128, S / 16, S / 16)."""
        return torch.cat([features.at16, F.avg_pool2d(features.at8, 2)], 1)


def spot(row: float, col: float, side: int) -> Tensor:
    """A click as a round spot: float32 (side, side), 1 in its middle."""
    cells = torch.arange(side, dtype=torch.float32)
    radius = CLICK * side
    down = torch.exp(-(((cells - row) / radius) ** 2) / 2)
    return down[:, None] * torch.exp(-(((cells - col) / radius) ** 2) / 2)


def _twice(x_nchw: Tensor) -> Tensor:
    return F.interpolate(x_nchw, scale_factor=2, mode="bilinear", align_corners=False)
