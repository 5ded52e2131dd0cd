"""Convolutions at work on a CPU: weights laid out once, activations done while values are at hand.

oneDNN, which convolves for torch on x86 processors, has an order of its own for the weights of
every kind of processor. Given plain weights it brings them into that order in each call or, for
convolutions of one pixel, does without and takes up to twice as long. ``torch.compile`` lays
weights out once by two operators, which work without a compiler, too. They give what the plain
convolution gives, up to rounding; but an activation in the same pass makes 0 of what is not a
number.
"""

from __future__ import annotations

import platform
from functools import lru_cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from spectrack.networks.mobilenet_v2 import SameConv, same_padded

Activation = Literal["none", "relu", "relu6", "hardswish"]

FUSED: dict[Activation, tuple[str, list[float]]] = {
    "none": ("none", []),
    "relu": ("relu", []),
    "relu6": ("hardtanh", [0.0, 6.0]),
    "hardswish": ("hardswish", []),
}
"""What oneDNN's operator calls an activation, and its numbers."""

MACHINES = ("x86_64", "AMD64", "x86-64")

_Packed = tuple[Tensor, int, Tensor]
"""Weights, how often they had been changed, and the same laid out. The weights themselves are held:
where they lay in memory, others may lie later."""


@lru_cache(maxsize=1)
def can_pack() -> bool:
    """Whether this installation of torch has the two operators, oneDNN behind them, and they work.

    They are no part of torch's public interface, so they are tried once.
    """
    if platform.machine() not in MACHINES or not torch.backends.mkldnn.is_available():
        return False
    x, weight = (torch.arange(n, dtype=torch.float32, device="cpu") - 1 for n in (8, 2))
    x, weight = x.reshape(1, 2, 2, 2), weight.reshape(1, 2, 1, 1)
    shape = (0, 0), (1, 1), (1, 1), 1
    try:
        packed = torch.ops.mkldnn._reorder_convolution_weight(weight, *shape, x.shape)
        found = torch.ops.mkldnn._convolution_pointwise(
            x, packed, None, *shape, *FUSED["relu6"], ""
        )
    except (AttributeError, RuntimeError, TypeError):
        return False
    return bool(torch.equal(found, F.relu6(F.conv2d(x, weight))))


class PackedConv2d(nn.Conv2d):
    """A convolution for inference, and the activation behind it.

    Weights are laid out when they are first used, and anew when they were changed (not by way of
    ``.data``, which torch does not count as a change). On a GPU, in other than single precision,
    for gradients, with weights made in inference mode, whose changes torch does not count either,
    and where :func:`can_pack` says no, it is the plain convolution. It holds its weights twice.

    Args:
        conv: What it computes; its parameters are shared. It pads with zeros.
        activation: What follows.
    """

    def __init__(self, conv: nn.Conv2d, activation: Activation = "none") -> None:
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            conv.kernel_size,  # type: ignore[arg-type]  # torch's stubs do not know tuples of any length
            conv.stride,  # type: ignore[arg-type]
            conv.padding,  # type: ignore[arg-type]
            conv.dilation,  # type: ignore[arg-type]
            conv.groups,
            bias=False,
            device="meta",
        )
        self.weight, self.bias = conv.weight, conv.bias
        self.activation: Activation = activation
        self._same = isinstance(conv, SameConv)
        assert not isinstance(conv.padding, str)
        self._shape = conv.padding, conv.stride, conv.dilation, conv.groups
        self._active = FUSED[activation]
        self._packed: _Packed | None = None

    def forward(self, x_nchw: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, D, H', W')."""
        if self._same:
            x_nchw = same_padded(self, x_nchw)
        weight, bias = self.weight, self.bias  # modules look them up slowly
        if not _suits(x_nchw, weight, bias):
            return self._plain(x_nchw)
        x = x_nchw.contiguous(memory_format=torch.channels_last)
        packed = self._weights(weight, x)
        found: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, packed, bias, *self._shape, *self._active, ""
        )
        return found

    def _weights(self, weight: Tensor, x_nchw: Tensor) -> Tensor:
        """The weights in the order that suits maps like these; others may use it as well."""
        packed = self._packed
        if packed is None or packed[0] is not weight or packed[1] != weight._version:
            laid_out = torch.ops.mkldnn._reorder_convolution_weight(
                weight.detach(), *self._shape, x_nchw.shape
            )
            self._packed = packed = weight, weight._version, laid_out
        return packed[2]

    def _plain(self, x_nchw: Tensor) -> Tensor:
        x = self._conv_forward(x_nchw, self.weight, self.bias)
        if self.activation == "none":
            return x
        verb = {"relu": F.relu, "relu6": F.relu6, "hardswish": F.hardswish}[self.activation]
        return verb(x, inplace=not x.requires_grad)

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        self._packed = None  # it cannot be moved or converted
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_packed": None}  # no more can it be copied


def _suits(x_nchw: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether the operators take such maps and parameters."""
    return (
        x_nchw.dtype == weight.dtype == torch.float32
        and x_nchw.is_cpu
        and weight.is_cpu
        and not weight.is_inference()
        and x_nchw.dim() == 4
        and x_nchw.numel() > 0
        and not (torch.is_grad_enabled() and _learns(x_nchw, weight, bias))
        and not torch.compiler.is_compiling()
        and can_pack()
    )


def _learns(*tensors: Tensor | None) -> bool:
    return any(tensor is not None and tensor.requires_grad for tensor in tensors)
