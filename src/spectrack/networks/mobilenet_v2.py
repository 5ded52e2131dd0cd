"""MobileNetV2 with its batch norms folded, as published TensorFlow Lite files hold it.

Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks (CVPR 2018), Table 2. The
files pad as TensorFlow does: what is missing is split with the smaller half in front, so a step of
two on an even size pads behind alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.errors import InputError

STEM = 32
OUTPUTS = (16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320)
"""Maps that leave each block, at full width."""

STEPS = {1, 3, 6, 13}
"""Blocks whose depthwise convolution takes every second pixel."""

LAYERS = {"conv1": 0, "layer1": 2, "layer2": 5, "layer3": 12}
"""Names that a ResNet has for maps of the same strides, 2 to 16, and the blocks that give them."""

OutputStride = Literal[8, 16, 32]


@dataclass(frozen=True, slots=True)
class Features:
    """Features of an image at every stride, (N, C, H / stride, W / stride), rounded up.

    Attributes:
        at2: After block 0.
        at4: After block 2.
        at8: After block 5.
        at16: After block 12.
        last: After block 16, at the network's output stride.
    """

    at2: Tensor
    at4: Tensor
    at8: Tensor
    at16: Tensor
    last: Tensor


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's padding, in real zeros after normalisation.

    Args:
        inputs: Maps that come in.
        outputs: Maps that go out.
        kernel: Its side, odd.
        stride: Its step.
        dilation: Pixels between its taps.
        groups: Maps are convolved in so many groups.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        half = (kernel - 1) * dilation // 2 if stride == 1 else 0
        super().__init__(inputs, outputs, kernel, stride, half, dilation, groups)

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, D, ceil(H / stride), ceil(W / stride))."""
        return super().forward(same_padded(self, x_nchw))


def same_padded(conv: nn.Conv2d, x_nchw: Tensor) -> Tensor:
    """What a convolution with TensorFlow's padding reads: at a step of one it pads by itself."""
    pads = (*_pads(conv, 1, x_nchw.shape[3]), *_pads(conv, 0, x_nchw.shape[2]))
    return F.pad(x_nchw, pads) if any(pads) else x_nchw


def _pads(conv: nn.Conv2d, axis: int, size: int) -> tuple[int, int]:
    """Zeros before and behind so many pixels."""
    step, reach = conv.stride[axis], (conv.kernel_size[axis] - 1) * conv.dilation[axis] + 1
    if step == 1:
        return 0, 0
    missing = max(reach - (size % step or step), 0)
    return missing // 2, missing - missing // 2


class InvertedResidual(nn.Module):
    """Widen, look around, narrow, and add what came in where it fits (paper, section 3.3).

    Args:
        inputs: Maps that come in.
        outputs: Maps that go out.
        widening: How many times more maps lie between; 1 leaves the first convolution out.
        stride: Step of the depthwise convolution.
        dilation: Of the depthwise convolution.
    """

    def __init__(
        self, inputs: int, outputs: int, widening: int, stride: int, dilation: int
    ) -> None:
        super().__init__()
        middle = inputs * widening
        self.expand = SameConv(inputs, middle, 1) if widening > 1 else None
        self.dw = SameConv(middle, middle, 3, stride, dilation=dilation, groups=middle)
        self.project = SameConv(middle, outputs, 1)
        self.active: nn.Module = nn.ReLU6(inplace=True)  # nobody else holds what it writes over
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
        x = x_nchw if self.expand is None else self.active(self.expand(x_nchw))
        x = self.project(self.active(self.dw(x)))
        return x + x_nchw if self.adds else x


class MobileNetV2(nn.Module):
    """The feature extractor, without its classifier.

    Args:
        width: Share of the maps of the paper's network; 1 or 0.5 are published.
        output_stride: Of the last blocks; below 32 they look around with dilation instead. The
            published networks for segmentation were trained at 16 (width 1) and 8 (width 0.5);
            restored to a larger stride they give the same features, subsampled.

    Raises:
        InputError: If the stride is not 8, 16 or 32.
    """

    def __init__(self, width: float = 1.0, output_stride: OutputStride = 32) -> None:
        super().__init__()
        if output_stride not in (8, 16, 32):
            raise InputError(f"the output stride is {output_stride}; give 8, 16 or 32")
        inputs = round(STEM * width)
        self.stem = SameConv(3, inputs, 3, 2)
        blocks, stride, dilation = [], 2, 1
        for number, full in enumerate(OUTPUTS):
            outputs, step, around = round(full * width), 1, dilation
            if number in STEPS:
                if stride < output_stride:
                    stride, step = stride * 2, 2
                else:  # the pixel a step would skip is looked past by all blocks behind
                    dilation *= 2
            widening = 1 if number == 0 else 6
            blocks.append(InvertedResidual(inputs, outputs, widening, step, around))
            inputs = outputs
        self.blocks = nn.ModuleList(blocks)

    def stem_maps(self, images_nchw: Tensor) -> Tensor:
        """What the stem makes of images, before its ReLU6: (N, 32 width, H / 2, W / 2).

        Args:
            images_nchw: RGB, p / 127.5 - 1 of bytes p.
        """
        maps: Tensor = self.stem(images_nchw)
        return maps

    def from_stem(self, maps_nchw: Tensor) -> Features:
        """Features from the stem's maps before its ReLU6, so that others can be added to them."""
        x, kept = F.relu6(maps_nchw), []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in (0, 2, 5, 12, 16):
                kept.append(x)
        return Features(*kept)

    def forward(self, images_nchw: Tensor) -> Features:
        """Features of images (N, 3, H, W), RGB, p / 127.5 - 1 of bytes p."""
        return self.from_stem(self.stem_maps(images_nchw))


def normalised(images_nchw: Tensor) -> Tensor:
    """uint8 RGB to the network's numbers, float32 in [-1, 1]."""
    return images_nchw.to(torch.float32) / 127.5 - 1


class MobileNetLayers(nn.Module):
    """The network up to stride 16, read by layers as :class:`~spectrack.networks.resnet.ResNet` is.

    Args:
        width: See :class:`MobileNetV2`.

    Attributes:
        channels: Maps that each layer gives, by its name.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        whole = MobileNetV2(width, 16)
        self.stem, self.blocks = whole.stem, whole.blocks[: LAYERS["layer3"] + 1]
        self.channels = {name: round(OUTPUTS[n] * width) for name, n in LAYERS.items()}

    def normalise(self, rgb_nchw: Tensor) -> Tensor:
        """What the network reads, from pictures (N, 3, H, W) with values 0 to 255."""
        return normalised(rgb_nchw)

    def start_from(self, published: MobileNetV2) -> None:
        """Take over the weights of a network of the same width.

        Raises:
            InputError: If it has another width.
        """
        own = self.state_dict()
        given = {name: t for name, t in published.state_dict().items() if name in own}
        if any(own[name].shape != given[name].shape for name in own):
            raise InputError(
                f"a MobileNetV2 of {published.stem.out_channels} maps after its stem was given to "
                f"one of {self.stem.out_channels}; give weights of the same width"
            )
        self.load_state_dict(given)

    def forward(
        self, images_nchw: Tensor, layers: Iterable[str] = tuple(LAYERS)
    ) -> dict[str, Tensor]:
        """Maps at the layers asked for; deeper ones are not computed.

        Args:
            images_nchw: (N, 3, H, W), see :meth:`normalise`.
            layers: Of :data:`LAYERS`.

        Returns:
            By name, (N, channels[name], H / stride, W / stride), rounded up.

        Raises:
            InputError: For a layer that there is not.
        """
        wanted = {}
        for name in layers:
            if name not in LAYERS:
                raise InputError(f"layer {name!r} was asked for; give of {', '.join(LAYERS)}")
            wanted[LAYERS[name]] = name
        found, x = {}, F.relu6(self.stem(images_nchw), inplace=True)
        for number, block in enumerate(self.blocks[: max(wanted, default=-1) + 1]):
            x = block(x)
            if number in wanted:
                found[wanted[number]] = x
        return found
