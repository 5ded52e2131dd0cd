"""ResNet with torchvision's names: plain, with frozen norms, and as Mask R-CNN of Caffe2 has it.

The two families differ in where a bottleneck takes its stride (in the first 1x1 convolution in
Caffe2, in the 3x3 convolution in torchvision) and in how a picture becomes numbers. RTS and LWL
stand on Caffe2's; STARK on torchvision's, whose normalisations it froze.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.frozen_norm import FrozenBatchNorm2d

Norm = Callable[[int], nn.Module]
"""What makes a normalisation of so many maps."""

LAYERS = ("layer1", "layer2", "layer3", "layer4")
STRIDES = {"conv1": 2, "pool": 4, "layer1": 4, "layer2": 8, "layer3": 16, "layer4": 32}
BGR_MEAN = (102.9801, 115.9465, 122.7717)
RGB_MEAN, RGB_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a skip (He et al., CVPR 2016, Fig. 5 left)."""

    expansion = 1

    def __init__(
        self, inputs: int, planes: int, stride: int, caffe: bool, norm: Norm = nn.BatchNorm2d
    ) -> None:
        super().__init__()
        del caffe  # there is one place for the stride
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = norm(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = norm(planes)
        self.downsample = _downsample(inputs, planes, stride, norm)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Maps in, maps out: (N, inputs, H, W) -> (N, planes, H/stride, W/stride)."""
        skip = x_nchw if self.downsample is None else self.downsample(x_nchw)
        x = self.relu(self.bn1(self.conv1(x_nchw)))
        x = self.bn2(self.conv2(x))
        return self.relu(x.add_(skip))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions and a skip (He et al., CVPR 2016, Fig. 5 right).

    Args:
        inputs: Maps that come in.
        planes: Maps in the middle; four times as many go out.
        stride: Step of the block.
        caffe: The first convolution takes the step, in place of the second.
        norm: Its normalisations.
    """

    expansion = 4

    def __init__(
        self, inputs: int, planes: int, stride: int, caffe: bool, norm: Norm = nn.BatchNorm2d
    ) -> None:
        super().__init__()
        first, second = (stride, 1) if caffe else (1, stride)
        outputs = planes * self.expansion
        self.conv1 = nn.Conv2d(inputs, planes, 1, first, bias=False)
        self.bn1 = norm(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, second, 1, bias=False)
        self.bn2 = norm(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = norm(outputs)
        self.downsample = _downsample(inputs, outputs, stride, norm)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """Maps in, maps out: (N, inputs, H, W) -> (N, 4 * planes, H/stride, W/stride)."""
        skip = x_nchw if self.downsample is None else self.downsample(x_nchw)
        x = self.relu(self.bn1(self.conv1(x_nchw)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        return self.relu(x.add_(skip))


class ResNet(nn.Module):
    """A ResNet without its classifier.

    Args:
        block: "basic" or "bottleneck".
        depths: Blocks of each of the four layers.
        widths: Planes of each of the four layers.
        stem: Maps after the first convolution.
        caffe: Stride in the first convolution of a bottleneck, and input as Caffe2 has it.
        frozen: Normalisations that keep their numbers, see :class:`FrozenBatchNorm2d`.
        deepest: The last of the four layers that it has.
        classes: Outputs of the layer that tells classes apart. No tracker asks it, but checkpoints
            that began with weights of ImageNet hold it (DiMP, ATOM, KYS, D3S); 0 for none.

    Attributes:
        channels: Maps that each layer gives, by its name.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        block: str = "bottleneck",
        depths: Sequence[int] = (3, 4, 6, 3),
        widths: Sequence[int] = (64, 128, 256, 512),
        stem: int = 64,
        caffe: bool = False,
        frozen: bool = False,
        deepest: str = LAYERS[-1],
        classes: int = 0,
    ) -> None:
        super().__init__()
        if block not in ("basic", "bottleneck"):
            raise InputError(f"block is {block!r}; give 'basic' or 'bottleneck'")
        if len(depths) != len(LAYERS) or len(widths) != len(LAYERS):
            raise InputError(
                f"{len(depths)} depths and {len(widths)} widths were given; a ResNet has four"
                " layers, give four of each"
            )
        if deepest not in LAYERS:
            raise InputError(f"deepest is {deepest!r}; give one of {', '.join(LAYERS)}")
        norm: Norm = FrozenBatchNorm2d if frozen else nn.BatchNorm2d
        kind = BasicBlock if block == "basic" else Bottleneck
        self.caffe = caffe
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = norm(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.channels: dict[str, int] = {"conv1": stem, "pool": stem}
        inputs = stem
        for index, (name, depth, planes) in enumerate(zip(LAYERS, depths, widths, strict=True)):
            blocks: list[nn.Module] = []
            for number in range(depth):
                stride = 2 if index > 0 and number == 0 else 1
                blocks.append(kind(inputs, planes, stride, caffe, norm))
                inputs = planes * kind.expansion
            self.add_module(name, nn.Sequential(*blocks))
            self.channels[name] = inputs
            if name == deepest:
                break
        if classes:
            self.fc = nn.Linear(inputs, classes)
        mean, std = (BGR_MEAN, (1.0, 1.0, 1.0)) if caffe else (RGB_MEAN, RGB_STD)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def normalise(self, rgb_nchw: Tensor) -> Tensor:
        """What the network reads, from a picture.

        Args:
            rgb_nchw: (N, 3, H, W), red, green, blue, values 0 to 255, any dtype.

        Returns:
            (N, 3, H, W), float: blue, green, red minus their means for Caffe2's networks; else
            red, green, blue minus mean over deviation of ImageNet.
        """
        pixels = rgb_nchw.float()
        return (pixels.flip(1) - self.mean) if self.caffe else (pixels - self.mean) / self.std

    def forward(self, images_nchw: Tensor, layers: Iterable[str] = LAYERS) -> dict[str, Tensor]:
        """Maps at the layers asked for; deeper ones are not computed.

        Args:
            images_nchw: (N, 3, H, W), see :meth:`normalise`.
            layers: Of "conv1" (before the max pool), "pool" (after it), "layer1" to "layer4".

        Returns:
            By name, (N, channels[name], H / s, W / s) with s of ``STRIDES``.

        Raises:
            InputError: For a layer that there is not.
        """
        wanted = set(layers)
        if unknown := wanted - self.channels.keys():
            has = ", ".join(self.channels)
            raise InputError(f"layer {min(unknown)!r} was asked for; give of {has}")
        found: dict[str, Tensor] = {}
        x = images_nchw
        for name in self.channels:
            if wanted <= found.keys():
                break
            if name == "conv1":
                x = self.relu(self.bn1(self.conv1(x)))
            else:
                x = self.maxpool(x) if name == "pool" else self.get_submodule(name)(x)
            if name in wanted:
                found[name] = x
        return found


def resnet18(
    widths: Sequence[int] = (64, 128, 256, 512), stem: int = 64, classes: int = 0
) -> ResNet:
    """ResNet-18, or a thinner one of its form."""
    return ResNet("basic", (2, 2, 2, 2), widths, stem, classes=classes)


def resnet50(
    widths: Sequence[int] = (64, 128, 256, 512), stem: int = 64, classes: int = 0
) -> ResNet:
    """ResNet-50 of torchvision (DiMP-50, PrDiMP-50, KYS)."""
    return ResNet("bottleneck", (3, 4, 6, 3), widths, stem, classes=classes)


def caffe_resnet50() -> ResNet:
    """ResNet-50 of Caffe2's Mask R-CNN (RTS, LWL, STA)."""
    return ResNet("bottleneck", (3, 4, 6, 3), caffe=True)


def _downsample(inputs: int, outputs: int, stride: int, norm: Norm) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(outputs))
