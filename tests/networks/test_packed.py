"""Packed convolutions give what plain ones give, and step aside where they cannot."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spectrack.networks import packed
from spectrack.networks.fbnet import FBNetC
from spectrack.networks.folding import folded, for_inference
from spectrack.networks.mask_in_box import Entering, MaskInBox
from spectrack.networks.mobilenet_v2 import MobileNetV2, SameConv
from spectrack.networks.packed import PackedConv2d, can_pack

VERBS = {
    "none": lambda x: x,
    "relu": F.relu,
    "relu6": F.relu6,
    "hardswish": F.hardswish,
}
needs_packing = pytest.mark.skipif(not can_pack(), reason="torch has no oneDNN operators here")


def shown(*shape: int, last: bool = True) -> torch.Tensor:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))) * 4
    return x.contiguous(memory_format=torch.channels_last) if last else x


def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the plain convolution is asked, from now on."""
    made: list[str] = []
    plain = PackedConv2d._plain

    def told(self: PackedConv2d, x_nchw: torch.Tensor) -> torch.Tensor:
        made.append("plain")
        return plain(self, x_nchw)

    monkeypatch.setattr(PackedConv2d, "_plain", told)
    return made


CONVOLUTIONS: list[tuple[type[nn.Conv2d], dict[str, Any]]] = [
    (nn.Conv2d, {"kernel_size": 1}),
    (nn.Conv2d, {"kernel_size": 1, "bias": False}),
    (nn.Conv2d, {"kernel_size": 1, "stride": 2}),
    (nn.Conv2d, {"kernel_size": 3, "groups": 8, "padding": 1}),
    (nn.Conv2d, {"kernel_size": 5, "groups": 8, "padding": 2, "stride": 2}),
    (nn.Conv2d, {"kernel_size": 3, "groups": 8, "padding": 2, "dilation": 2}),
    (SameConv, {"kernel": 1}),
    (SameConv, {"kernel": 3, "groups": 8}),
    (SameConv, {"kernel": 3, "groups": 8, "stride": 2}),
    (SameConv, {"kernel": 3, "groups": 8, "dilation": 2}),
]


@needs_packing
@pytest.mark.parametrize("activation", VERBS)
@pytest.mark.parametrize(("kind", "settings"), CONVOLUTIONS)
def test_packed_answers_as_plain(monkeypatch, kind, settings, activation) -> None:
    torch.manual_seed(1)
    conv = kind(8, 8, **settings).eval().requires_grad_(False)
    plainly = calls(monkeypatch)
    made = PackedConv2d(conv, activation)
    # one layer sees crops of several sizes, of which it was packed for the first
    for shape in ((1, 8, 16, 16), (2, 8, 16, 16), (1, 8, 33, 7), (3, 8, 128, 128), (1, 8, 1, 1)):
        for last in (True, False):
            x = shown(*shape, last=last)
            before = x.clone()
            torch.testing.assert_close(made(x), VERBS[activation](conv(x)), atol=1e-5, rtol=1e-5)
            assert torch.equal(x, before)
    assert not plainly


@pytest.mark.parametrize("activation", VERBS)
def test_where_it_cannot_pack_it_is_the_plain_convolution(monkeypatch, activation) -> None:
    conv = nn.Conv2d(6, 4, 1).requires_grad_(False)
    x = shown(2, 6, 5, 5)
    plainly = calls(monkeypatch)
    monkeypatch.setattr(packed, "can_pack", lambda: False)
    assert torch.equal(PackedConv2d(conv, activation)(x), VERBS[activation](conv(x)))
    assert plainly == ["plain"]


def test_other_precisions_empty_batches_and_pictures_alone_go_the_plain_way(monkeypatch) -> None:
    plainly = calls(monkeypatch)
    conv = nn.Conv2d(6, 4, 1).requires_grad_(False)
    made = PackedConv2d(conv, "relu")
    assert made(shown(0, 6, 5, 5)).shape == (0, 4, 5, 5)
    alone = shown(1, 6, 5, 5)[0]
    assert torch.equal(made(alone), F.relu(conv(alone)))
    double = copy.deepcopy(made).double()
    x = shown(1, 6, 5, 5).double()
    assert torch.equal(double(x), F.relu(copy.deepcopy(conv).double()(x)))
    assert len(plainly) == 3


def test_gradients_flow_through_it(monkeypatch) -> None:
    """Of what comes in, and of weights that were asked to learn again."""
    plainly = calls(monkeypatch)
    conv = nn.Conv2d(6, 4, 1)
    made = PackedConv2d(conv.requires_grad_(False), "relu")
    x = shown(1, 6, 5, 5).requires_grad_()
    made(x).sum().backward()
    by_layer = x.grad.clone()
    x.grad = None
    F.relu(conv(x)).sum().backward()
    torch.testing.assert_close(by_layer, x.grad)
    conv.requires_grad_(True)
    made(x.detach()).sum().backward()
    assert conv.weight.grad is not None
    assert plainly == ["plain", "plain"]


@needs_packing
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_changed_weights_are_packed_anew(mode) -> None:
    conv = nn.Conv2d(6, 4, 1).requires_grad_(False)
    made, x = PackedConv2d(conv), shown(1, 6, 5, 5)
    with mode():
        first = made(x)
    conv.weight.mul_(2)
    with mode():
        torch.testing.assert_close(made(x), conv(x))
        assert not torch.allclose(made(x), first)
    made.load_state_dict(nn.Conv2d(6, 4, 1).state_dict())
    with mode():
        torch.testing.assert_close(made(x), conv(x))  # they share their numbers
    for number in (1.0, 2.0):
        made.weight = nn.Parameter(torch.full((4, 6, 1, 1), number), requires_grad=False)
        with mode():
            truth = F.conv2d(x, made.weight, made.bias)
            torch.testing.assert_close(made(x), truth, atol=1e-5, rtol=1e-5)


@needs_packing
def test_it_is_copied_and_moved_after_it_was_used() -> None:
    made, x = PackedConv2d(nn.Conv2d(6, 4, 1).requires_grad_(False), "relu6"), shown(1, 6, 5, 5)
    first = made(x)
    assert torch.equal(copy.deepcopy(made)(x), first)
    back = copy.deepcopy(made).double().float()
    torch.testing.assert_close(back(x), first)


def test_the_first_convolution_of_a_decoder_is_parted() -> None:
    enter = Entering(14, 8, coarse=6).requires_grad_(False)
    fine, coarse = shown(2, 8, 12, 16), shown(2, 6, 6, 8)
    enlarged = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    truth = F.conv2d(torch.cat([enlarged, fine], 1), enter.weight, enter.bias)
    torch.testing.assert_close(enter(fine, coarse), truth, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(enter.parted()(fine, coarse), truth, atol=1e-5, rtol=1e-4)
    alone = Entering(8, 8, coarse=0)
    assert alone.parted() is alone


@pytest.mark.parametrize("side", [64, 96])
@pytest.mark.parametrize(
    ("make", "ask"),
    [
        (MobileNetV2, lambda m, x: m(x).last),
        (lambda: MobileNetV2(0.5, 8), lambda m, x: m(x).last),
        (FBNetC, lambda m, x: m.features(x)),
        (MaskInBox, lambda m, x: m(x, x[:, :1].expand(-1, 5, -1, -1).sigmoid())),
    ],
)
def test_networks_for_inference_answer_as_they_were(make, ask, side) -> None:
    torch.manual_seed(2)
    network = make().eval()
    x = shown(2, 3, side, side)
    with torch.inference_mode():
        fast, truth = ask(for_inference(network), x), ask(network, x)
    torch.testing.assert_close(fast, truth, atol=1e-4, rtol=1e-4)


def test_what_pays_is_packed_and_graphs_are_of_plain_layers() -> None:
    kinds = {type(m) for m in for_inference(MaskInBox()).backbone.blocks.modules()}
    assert PackedConv2d in kinds
    assert not kinds & {nn.Conv2d, SameConv, nn.ReLU6}
    assert PackedConv2d not in {type(m) for m in folded(MaskInBox()).modules()}


def test_operators_that_changed_are_not_used(monkeypatch) -> None:
    class Others:
        """Operators of another version of torch: one is gone, or takes something else."""

        def _reorder_convolution_weight(self, weight: torch.Tensor) -> torch.Tensor:
            return weight

    packed.can_pack.cache_clear()
    with monkeypatch.context() as other:
        other.setattr(torch.ops, "mkldnn", Others())
        assert not can_pack()
    packed.can_pack.cache_clear()
    with monkeypatch.context() as other:
        other.setattr("platform.machine", lambda: "aarch64")
        assert not can_pack()
    packed.can_pack.cache_clear()


@needs_packing
def test_weights_that_lie_where_others_lay_are_packed_anew() -> None:
    """As a tensor may that is made after another one was given back."""
    made, x = PackedConv2d(nn.Conv2d(6, 4, 1).requires_grad_(False)), shown(1, 6, 5, 5)
    place = np.empty((4, 6, 1, 1), np.float32)
    for number in (1.0, 2.0, 3.0):
        place[:] = number
        weight = torch.from_numpy(place)
        made.load_state_dict({"weight": weight, "bias": torch.zeros(4)}, assign=True)
        assert made.weight.data_ptr() == place.ctypes.data
        torch.testing.assert_close(made(x), F.conv2d(x, weight), atol=1e-4, rtol=1e-4)
    assert set(dict(made.named_parameters())) == {"weight", "bias"}


def test_weights_made_in_inference_mode_are_not_kept() -> None:
    """Torch does not count their changes."""
    with torch.inference_mode():
        made, x = PackedConv2d(nn.Conv2d(6, 4, 1)), shown(1, 6, 5, 5)
        for _ in range(2):
            torch.testing.assert_close(made(x), F.conv2d(x, made.weight, made.bias))
            made.weight.mul_(2)
