"""FBNet-C (Wu et al., CVPR 2019) up to stride 16, batch normalisation folded: FEAR's backbone."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

STEM = 16
OUT_CHANNELS = 112
STRIDE = 16


@dataclass(frozen=True, slots=True)
class BlockShape:
    """One inverted residual block.

    Args:
        inside: Channels in.
        expanded: Channels of the depthwise convolution; equal to ``inside`` where there is no
            convolution that expands.
        out: Channels out.
        kernel: Side of the depthwise kernel.
        stride: Of the depthwise convolution.
    """

    inside: int
    expanded: int
    out: int
    kernel: int
    stride: int = 1

    @property
    def expands(self) -> bool:
        """Whether it begins with a convolution that makes more channels."""
        return self.expanded != self.inside

    @property
    def residual(self) -> bool:
        """Whether the input is added to the output: where both have one shape."""
        return self.inside == self.out and self.stride == 1


BLOCKS = (
    BlockShape(16, 16, 16, 3),
    BlockShape(16, 96, 24, 3, 2),
    BlockShape(24, 24, 24, 3),
    BlockShape(24, 24, 24, 3),
    BlockShape(24, 144, 32, 5, 2),
    BlockShape(32, 96, 32, 5),
    BlockShape(32, 192, 32, 5),
    BlockShape(32, 192, 32, 3),
    BlockShape(32, 192, 64, 5, 2),
    BlockShape(64, 192, 64, 5),
    BlockShape(64, 384, 64, 5),
    BlockShape(64, 384, 64, 5),
    BlockShape(64, 384, 112, 5),
    BlockShape(112, 672, 112, 5),
    BlockShape(112, 672, 112, 5),
    BlockShape(112, 336, 112, 5),
)
"""The blocks of FBNet-C before its last stage; its "skip" blocks do nothing and are left out."""


def depthwise(channels: int, kernel: int, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    """A convolution of every channel by itself that keeps the size at stride 1."""
    return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=bias)


class InvertedResidual(nn.Module):
    """Expand, filter channel by channel, project; only the last is linear.

    Args:
        shape: Its channels, kernel and stride.
    """

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        self.residual = shape.residual
        self.expand = nn.Conv2d(shape.inside, shape.expanded, 1) if shape.expands else None
        self.dw = depthwise(shape.expanded, shape.kernel, shape.stride)
        self.project = nn.Conv2d(shape.expanded, shape.out, 1)
        # in place: at batch one, fresh memory for every activation costs a third of the time
        self.active: nn.Module = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Features (N, inside, H, W) to (N, out, H / stride, W / stride)."""
        wide = x if self.expand is None else self.active(self.expand(x))
        out: Tensor = self.project(self.active(self.dw(wide)))
        return out.add_(x) if self.residual else out


class FBNetC(nn.Module):
    """The stem and the first sixteen blocks, as ``stem``, ``block1`` to ``block16``."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, STEM, 3, 2, 1)
        for number, shape in enumerate(BLOCKS, 1):
            self.add_module(f"block{number}", InvertedResidual(shape))

    def features(self, image: Tensor) -> Tensor:
        """What the backbone sees.

        Args:
            image: Normalised RGB (N, 3, H, W).

        Returns:
            Features (N, 112, H / 16, W / 16).
        """
        x = F.relu(self.stem(image), inplace=True)
        for number in range(1, len(BLOCKS) + 1):
            x = self.get_submodule(f"block{number}")(x)
        return x
