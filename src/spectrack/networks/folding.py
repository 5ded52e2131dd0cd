"""Frozen batch normalisation folded into the convolutions before it: an equal, faster network."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeGuard, TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from spectrack.allocation import keep_activations
from spectrack.networks import fbnet, mobilenet_v2
from spectrack.networks.atrous_resnet import AtrousResNet50
from spectrack.networks.frozen_norm import FrozenBatchNorm2d
from spectrack.networks.iou_net import LinearBlock
from spectrack.networks.mask_in_box import Entering, Mixing
from spectrack.networks.packed import Activation, PackedConv2d
from spectrack.networks.resnet import BasicBlock, Bottleneck, ResNet

M = TypeVar("M", bound=nn.Module)
ACTIVATIONS: dict[type[nn.Module], Activation] = {
    nn.ReLU: "relu",
    nn.ReLU6: "relu6",
    nn.Hardswish: "hardswish",
}
PLAIN = (nn.Conv2d, mobilenet_v2.SameConv, Entering)
"""Convolutions that do nothing besides."""


def for_inference(network: M) -> M:
    """A copy that answers the same, up to rounding, in less time.

    It is :func:`folded`, its convolutions of one pixel or of one map are
    :class:`~spectrack.networks.packed.PackedConv2d`, and memory is laid out channels last. Memory
    for maps is kept from picture to picture from now on, see
    :func:`~spectrack.allocation.keep_activations`.

    Args:
        network: Any network of this room.

    Returns:
        The copy, in evaluation mode; ``network`` stays as it is.
    """
    keep_activations()
    fast = folded(network)
    _pack(fast)
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


def _pack(network: nn.Module) -> None:
    """Lay out weights once where that pays: of convolutions that read one pixel or one map.

    Larger ones take their time for sums, not for weights, and may have many.
    """
    for parent in list(network.modules()):
        if isinstance(parent, Mixing) and isinstance(parent.enter, Entering):
            parent.enter = parent.enter.parted()
    for parent in list(network.modules()):
        if isinstance(parent, nn.Sequential):
            for (name, conv), (behind, active) in pairwise(list(parent._modules.items())):
                if conv is not None and active is not None and _fuse(parent, name, conv, active):
                    parent._modules[behind] = nn.Identity()
        elif isinstance(parent, fbnet.InvertedResidual | mobilenet_v2.InvertedResidual):
            wide = [n for n in ("expand", "dw") if getattr(parent, n) is not None]
            if all(_pays(getattr(parent, name)) for name in wide):
                for name in wide:
                    _fuse(parent, name, getattr(parent, name), parent.active)
                parent.active = nn.Identity()
        for name, child in list(parent.named_children()):
            if _pays(child):
                setattr(parent, name, PackedConv2d(child))


def _fuse(parent: nn.Module, name: str, conv: nn.Module, active: nn.Module) -> bool:
    """Put a convolution with its activation where it was, if that pays; whether it did."""
    kind = next((word for each, word in ACTIVATIONS.items() if isinstance(active, each)), None)
    if kind is None or not _pays(conv):
        return False
    parent._modules[name] = PackedConv2d(conv, kind)
    return True


def _pays(layer: nn.Module) -> TypeGuard[nn.Conv2d]:
    return (
        type(layer) in PLAIN
        and isinstance(layer, nn.Conv2d)
        and not isinstance(layer.padding, str)
        and layer.padding_mode == "zeros"
        and (layer.kernel_size == (1, 1) or layer.groups == layer.in_channels)
    )


def _shorten(layers: nn.Sequential) -> None:
    """Leave out layers that do nothing; let activations write over what a convolution made."""
    for name in [n for n, layer in layers.named_children() if isinstance(layer, nn.Identity)]:
        del layers._modules[name]
    for before, after in pairwise(layers.children()):
        if isinstance(before, nn.Conv2d) and isinstance(after, tuple(ACTIVATIONS)):
            after.inplace = True  # type: ignore[assignment]  # all three have it
