"""Frozen batch normalisation folded into the convolutions before it: an equal, faster network."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from spectrack.allocation import keep_activations
from spectrack.networks.atrous_resnet import AtrousResNet50
from spectrack.networks.frozen_norm import FrozenBatchNorm2d
from spectrack.networks.iou_net import LinearBlock
from spectrack.networks.mobilenet_v2 import InvertedResidual
from spectrack.networks.resnet import BasicBlock, Bottleneck, ResNet
from spectrack.networks.strips import StripResidual

M = TypeVar("M", bound=nn.Module)
ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardswish)


def for_inference(network: M) -> M:
    """A copy that answers the same, up to rounding, in less time.

    It is :func:`folded`, and the widest maps of a MobileNetV2 are made a strip at a time, and
    memory is laid out channels last. Memory for maps is kept from picture to picture from now on,
    see :func:`~spectrack.allocation.keep_activations`.

    Args:
        network: Any network of this room.

    Returns:
        The copy, in evaluation mode; ``network`` stays as it is.
    """
    keep_activations()
    fast = folded(network)
    _in_strips(fast)
    return fast.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def folded(network: M) -> M:
    """A copy that answers the same, up to rounding, in fewer steps.

    Normalisations that follow a convolution or a linear map are folded into it, activations behind
    one work in its place (a new array of a megabyte costs as much as a convolution), and no
    parameter asks for gradients. The copy has other parameter names; keep the original to load or
    to store weights.

    Args:
        network: Any network of this room.

    Returns:
        The copy, in evaluation mode; ``network`` stays as it is.
    """
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(copied.modules()):
        if isinstance(module, ResNet | AtrousResNet50 | BasicBlock | Bottleneck):
            for number in (1, 2, 3):
                _fold(module, f"conv{number}", f"bn{number}")
        elif isinstance(module, LinearBlock) and isinstance(module.bn, nn.BatchNorm1d):
            module.linear = fuse_linear_bn_eval(module.linear, module.bn)
            module.bn = nn.Identity()
        elif isinstance(module, nn.Sequential):
            for before, after in pairwise(list(module._modules)):
                _fold(module, before, after)
            _shorten(module)
    return copied


def _fold(parent: nn.Module, conv_name: str, norm_name: str) -> None:
    conv, norm = getattr(parent, conv_name, None), getattr(parent, norm_name, None)
    if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d | FrozenBatchNorm2d):
        # the function reads the numbers of a norm, which both kinds have
        setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))  # type: ignore[arg-type]
        setattr(parent, norm_name, nn.Identity())


def _in_strips(network: nn.Module) -> None:
    """Let the blocks of MobileNetV2 make their widest maps a strip of rows at a time."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, InvertedResidual):
                setattr(parent, name, StripResidual(child))


def _shorten(layers: nn.Sequential) -> None:
    """Leave out layers that do nothing; let activations write over what a convolution made."""
    for name in [n for n, layer in layers.named_children() if isinstance(layer, nn.Identity)]:
        del layers._modules[name]
    for before, after in pairwise(layers.children()):
        if isinstance(before, nn.Conv2d) and isinstance(after, ACTIVATIONS):
            after.inplace = True
