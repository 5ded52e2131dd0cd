"""ResNet-50 of stride 8 as Siamese trackers use it (SiamRPN++, section 3.2).

What tells it from torchvision's, whose weights do not fit: no padding in the first convolution, so
that borders do not give away where a cell lies; the last two layers keep their resolution and look
at points further apart instead; shortcuts that change the maps are 3x3 convolutions from the second
layer on. Images are blue, green, red, raw pixels 0 to 255. Names of parameters are those of the
published checkpoints of SiamRPN++, SiamBAN and SiamMask.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.resnet import LAYERS, Bottleneck

DEPTHS = (3, 4, 6, 3)
STRIDES = (1, 2, 1, 1)
DILATIONS = (1, 1, 2, 4)
STAGES = ("conv1", *LAYERS)
"""Where maps can be had: after the first convolution, before the max pool; and after each layer."""


class AtrousBottleneck(Bottleneck):
    """A bottleneck whose middle convolution may be dilated or cut off the border.

    Args:
        inputs: Maps that come in.
        planes: Maps in the middle; four times as many go out.
        stride: Step of the block, 1 or 2; with 2 there is no padding.
        dilation: Distance of the points that the middle convolution looks at.
        shortcut: Side of the shortcut's convolution; 0 where the input itself is added.
    """

    def __init__(self, inputs: int, planes: int, stride: int, dilation: int, shortcut: int) -> None:
        super().__init__(inputs, planes, 1, caffe=False)
        padding = dilation if stride == 1 else 0
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, padding, dilation, bias=False)
        self.downsample = None
        if shortcut:
            # a shortcut of 3x3 sees the same points as the middle convolution
            around, apart = (padding, dilation) if shortcut > 1 else (0, 1)
            outputs = planes * self.expansion
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, shortcut, stride, around, apart, bias=False),
                nn.BatchNorm2d(outputs),
            )


class AtrousResNet50(nn.Module):
    """The backbone up to a layer.

    Sides of maps for images of 127 and 255 pixels: ``conv1`` 61 and 125, ``layer1`` 31 and 63, the
    others 15 and 31.

    Args:
        last: The last layer there is, ``layer1`` to ``layer4``.
        widths: Planes of each of the four layers; fewer make a smaller network of the same form.
        stem: Maps after the first convolution.

    Attributes:
        channels: Maps that each stage gives, by its name.

    Raises:
        InputError: If there is no such layer, or there are not four widths.
    """

    def __init__(
        self,
        last: str = "layer4",
        widths: Sequence[int] = (64, 128, 256, 512),
        stem: int = 64,
    ) -> None:
        super().__init__()
        if last not in LAYERS:
            raise InputError(f"layer {last!r} was asked for; give of {', '.join(LAYERS)}")
        if len(widths) != len(LAYERS):
            raise InputError(f"{len(widths)} widths were given; a ResNet has four layers")
        self.conv1 = nn.Conv2d(3, stem, 7, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.channels: dict[str, int] = {"conv1": stem}
        inputs = stem
        for name, depth, planes, stride, dilation in zip(
            LAYERS, DEPTHS, widths, STRIDES, DILATIONS, strict=True
        ):
            # the first block of a dilated layer looks only half as far
            first = max(dilation // 2, 1)
            side = 1 if name == "layer1" else 3
            blocks: list[nn.Module] = [AtrousBottleneck(inputs, planes, stride, first, side)]
            inputs = planes * AtrousBottleneck.expansion
            blocks += [AtrousBottleneck(inputs, planes, 1, dilation, 0) for _ in range(depth - 1)]
            self.add_module(name, nn.Sequential(*blocks))
            self.channels[name] = inputs
            if name == last:
                break

    def forward(self, images_nchw: Tensor, stages: Iterable[str]) -> dict[str, Tensor]:
        """Maps at the stages asked for; later ones are not computed.

        Args:
            images_nchw: (N, 3, H, W), blue, green, red, 0 to 255.
            stages: Of ``conv1`` and ``layer1`` to ``last``.

        Returns:
            By name, (N, channels[name], h, w), not negative.

        Raises:
            InputError: For a stage that there is not.
        """
        wanted = set(stages)
        if unknown := wanted - self.channels.keys():
            raise InputError(
                f"stage {min(unknown)!r} was asked for; give of {', '.join(self.channels)}"
            )
        found: dict[str, Tensor] = {}
        x = images_nchw
        for name in self.channels:
            if wanted <= found.keys():
                break
            if name == "conv1":
                x = self.relu(self.bn1(self.conv1(x)))
            else:
                x = self.get_submodule(name)(self.maxpool(x) if name == "layer1" else x)
            if name in wanted:
                found[name] = x
        return found
