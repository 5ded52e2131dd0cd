"""U-Net: the folded convolution against torch's own, sizes, gradients, neighbouring frames."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spectrack.errors import InputError
from spectrack.networks.unet import Block, UNet, beside


def test_folded_frames_are_the_convolution_over_time_and_space():
    torch.manual_seed(0)
    block = Block(3, 4, over_time=True)
    folded = block.convolutions[0]
    plain = nn.Conv3d(3, 4, 3, padding=1, bias=False)
    with torch.no_grad():
        # (out, tap, in, 3, 3) to (out, in, tap, 3, 3)
        plain.weight.copy_(folded.weight.unflatten(1, (3, 3)).transpose(1, 2))
    x_ncthw = torch.randn(2, 3, 5, 6, 7)
    got = folded(beside(x_ncthw.transpose(1, 2).flatten(0, 1), 5))
    got = got.unflatten(0, (2, 5)).transpose(1, 2)
    torch.testing.assert_close(got, plain(x_ncthw), atol=1e-5, rtol=1e-5)


def test_a_block_is_what_torch_makes_of_the_same_layers():
    torch.manual_seed(0)
    block = Block(3, 8, over_time=False)
    layers = []
    for convolution, norm in zip(block.convolutions, block.norms, strict=True):
        layers += [convolution, norm, nn.ReLU()]
    x = torch.randn(2, 3, 9, 5)
    torch.testing.assert_close(block(x), nn.Sequential(*layers)(x))


@pytest.mark.parametrize("size_hw", [(1, 1), (7, 9), (16, 8), (33, 50)])
@pytest.mark.parametrize("over_time", [False, True])
def test_any_size_comes_back(size_hw, over_time):
    net = UNet(3, (4, 8, 16), outputs=2, over_time=over_time)
    frames = (3,) if over_time else ()
    out = net(torch.rand(2, 3, *frames, *size_hw))
    assert out.shape == (2, 2, *frames, *size_hw)
    assert out.isfinite().all()


def test_padding_repeats_the_border():
    torch.manual_seed(0)
    net = UNet(1, (4, 8))
    x = torch.rand(1, 1, 5, 7)
    by_hand = torch.cat([x, x[..., -1:]], dim=-1)
    by_hand = torch.cat([by_hand, by_hand[..., -1:, :]], dim=-2)
    torch.testing.assert_close(net(x), net(by_hand)[..., :5, :7])


@pytest.mark.parametrize("over_time", [False, True])
def test_gradients_reach_every_parameter(over_time):
    torch.manual_seed(0)
    net = UNet(3, (4, 8, 16), over_time=over_time)
    x = torch.rand(2, 3, *((5,) if over_time else ()), 16, 16)
    net(x).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_a_window_shorter_than_the_kernel():
    net = UNet(2, (4, 8), over_time=True)
    assert net(torch.rand(1, 2, 1, 8, 8)).shape == (1, 1, 1, 8, 8)


def test_samples_do_not_see_each_other():
    torch.manual_seed(0)
    net = UNet(2, (4, 8), over_time=True)
    x = torch.rand(3, 2, 4, 8, 8)
    torch.testing.assert_close(net(x)[1], net(x[1:2])[0], atol=1e-5, rtol=1e-5)


def test_one_level_and_a_step_of_training_lowers_the_loss():
    torch.manual_seed(0)
    net = UNet(1, (8,))
    x = torch.rand(1, 1, 16, 16)
    truth = (x > 0.5).float()
    loss = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    first = loss(net(x), truth).item()
    for _ in range(30):
        optimizer.zero_grad()
        loss(net(x), truth).backward()
        optimizer.step()
    assert loss(net(x), truth).item() < 0.5 * first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inputs": 0, "widths": (4,)}, "at least one"),
        ({"inputs": 1, "widths": ()}, "multiples of 4"),
        ({"inputs": 1, "widths": (4, 6)}, "multiples of 4"),
    ],
)
def test_impossible_networks_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        UNet(**arguments)


@pytest.mark.parametrize("shape", [(1, 2, 8, 8), (3, 8, 8), (1, 3, 0, 8), (1, 3, 5, 8, 8)])
def test_maps_that_do_not_fit_are_refused(shape):
    with pytest.raises(InputError, match=r"expected \(N, C, H, W\) with C = 3"):
        UNet(3, (4,))(torch.zeros(shape))
