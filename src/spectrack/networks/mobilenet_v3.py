"""MobileNetV3-Small, cut where its stride is 16, as Siamese trackers use it (NanoTrack).

Howard et al., Searching for MobileNetV3, ICCV 2019, table 2. Names of parameters are those of the
published checkpoints of NanoTrack; the last block keeps stride 1 (stride 2 in the ImageNet net).
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class Block(NamedTuple):
    """A row of the table of blocks.

    Args:
        kernel: Side of the depth-wise kernel.
        expanded: Maps between.
        out: Maps of the output.
        squeezed: Hidden width of squeeze-and-excite; 0 where there is none.
        stride: Of the depth-wise convolution.
        hard_swish: Its activation, ReLU otherwise.
    """

    kernel: int
    expanded: int
    out: int
    squeezed: int
    stride: int
    hard_swish: bool


SMALL = (
    Block(3, 16, 16, 8, 2, False),
    Block(3, 72, 24, 0, 2, False),
    Block(3, 88, 24, 0, 1, False),
    Block(5, 96, 40, 24, 2, True),
    Block(5, 240, 40, 64, 1, True),
    Block(5, 240, 40, 64, 1, True),
    Block(5, 120, 48, 32, 1, True),
    Block(5, 144, 48, 40, 1, True),
    Block(5, 288, 96, 72, 1, True),
)
STEM = 16


class SqueezeExcite(nn.Module):
    """Every map times a number in [0, 1] that the means of all maps decide."""

    def __init__(self, maps: int, squeezed: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(maps, squeezed), nn.ReLU(), nn.Linear(squeezed, maps), nn.Hardsigmoid()
        )

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        return x_nchw * self.fc(x_nchw.mean((2, 3)))[:, :, None, None]


class InvertedResidual(nn.Module):
    """Expand, filter map by map, weigh the maps, project; plus the input where shapes allow.

    Args:
        maps: Of the input; there is no expansion where it is ``block.expanded`` already.
        block: What it is made of.
    """

    def __init__(self, maps: int, block: Block) -> None:
        super().__init__()
        k, wide, out, squeezed, stride, swish = block
        depthwise = nn.Conv2d(wide, wide, k, stride, k // 2, groups=wide, bias=False)
        activation = nn.Hardswish if swish else nn.ReLU
        excite = SqueezeExcite(wide, squeezed) if squeezed else nn.Identity()
        filtered = [depthwise, nn.BatchNorm2d(wide)]
        project = [nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out)]
        if maps == wide:
            # here alone the maps are weighed after the activation
            self.conv = nn.Sequential(*filtered, activation(), excite, *project)
        else:
            expand = [nn.Conv2d(maps, wide, 1, bias=False), nn.BatchNorm2d(wide), activation()]
            self.conv = nn.Sequential(*expand, *filtered, excite, activation(), *project)
        self.residual = stride == 1 and maps == out

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, maps, H, W) -> (N, out, H / stride, W / stride), sides rounded up."""
        y = self.conv(x_nchw)
        return x_nchw + y if self.residual else y


class MobileNetV3Small(nn.Module):
    """Images to maps of stride 16.

    Args:
        blocks: 8 give 48 maps, 9 give 96.
    """

    def __init__(self, blocks: int) -> None:
        super().__init__()
        stem = nn.Conv2d(3, STEM, 3, 2, 1, bias=False)
        stages: list[nn.Module] = [nn.Sequential(stem, nn.BatchNorm2d(STEM), nn.Hardswish())]
        maps = STEM
        for block in SMALL[:blocks]:
            stages.append(InvertedResidual(maps, block))
            maps = block.out
        self.features = nn.Sequential(*stages)
        self.maps = maps

    def forward(self, images_nchw: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, maps, H / 16, W / 16), sides rounded up."""
        maps: Tensor = self.features(images_nchw)
        return maps
