"""The networks of Table 5: sizes, shapes, what they see, and plain sums beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import correlate

from spectrack.errors import InputError
from spectrack.networks.ensembles import ENSEMBLES, Shallow, build, fuse_video

PAPER = {
    "unet3d_large": 1_400_000,
    "unet3d_small": 330_000,
    "unet2d": 140_000,
    "shallow2": 35_000,
    "shallow3": 5_000,
    "shallow4": 380,
}
SHALLOW = [name for name in ENSEMBLES if name.startswith("shallow")]
OVER_TIME = ["unet3d_large", "unet3d_small"]


@pytest.mark.parametrize("name", ENSEMBLES)
def test_as_many_parameters_as_in_the_paper(name):
    count = sum(parameter.numel() for parameter in build(name, 13).parameters())
    assert count == pytest.approx(PAPER[name], rel=0.1)
    assert PAPER.keys() == ENSEMBLES.keys()


@pytest.mark.parametrize("name", ENSEMBLES)
@pytest.mark.parametrize("size_hw", [(21, 30), (5, 3)])
def test_any_size_comes_back(name, size_hw):
    net = build(name, 4)
    out = net(torch.rand(2, 4, 5, *size_hw))
    assert out.shape == (2, 5 if name in OVER_TIME else 1, *size_hw)
    truth = torch.rand(2, 5, *size_hw)
    assert truth[:, net.answered].shape == out.shape
    assert net.answered.start == (0 if name in OVER_TIME else 2)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_gradients_reach_every_parameter(name):
    torch.manual_seed(1)
    net = build(name, 13)
    net(torch.rand(1, 13, 5, 32, 32)).square().sum().backward()
    for label, parameter in net.named_parameters():
        assert parameter.grad is not None, label
        assert parameter.grad.abs().max() > 0, label


@pytest.mark.parametrize("name", SHALLOW)
def test_shallow_nets_follow_a_shift(name):
    torch.manual_seed(2)
    net = build(name, 3)
    x = torch.rand(1, 3, 5, 24, 28)
    moved = torch.roll(x, (3, 5), dims=(-2, -1))
    border = 3  # of the widest reach, two kernels: 2 + 1
    got = net(moved)[..., 3 + border : -border, 5 + border : -border]
    expected = net(x)[..., border : -3 - border, border : -5 - border]
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("unet3d_small", True),
        ("unet2d", True),
        ("shallow2", True),
        ("shallow3", True),
        ("shallow4", False),
    ],
)
def test_whether_the_middle_frame_is_answered_from_its_neighbours(name, seen):
    torch.manual_seed(3)
    net = build(name, 3)
    x = torch.rand(1, 3, 5, 16, 16)
    for frame in (0, 1, 3, 4):
        other = x.clone()
        other[:, :, frame] = 1 - other[:, :, frame]
        change = (net(x) - net(other))[:, net.answers // 2].abs().max().item()
        assert (change > 1e-4) == seen


@pytest.mark.parametrize("name", SHALLOW)
def test_shallow_nets_are_correlations_with_relu_between(name):
    torch.manual_seed(4)
    net = build(name, 2, 3)
    x = torch.rand(1, 2, 3, 9, 11)
    read = x[0].flatten(0, 1) if net.whole_window else x[0, :, 1]
    maps = [plane.double().numpy() for plane in read]
    layers = [layer for layer in net.net if isinstance(layer, torch.nn.Conv2d)]
    for layer in layers:
        weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().numpy()
        maps = [
            sum(correlate(m, w, mode="constant") for m, w in zip(maps, row, strict=True)) + b
            for row, b in zip(weight, bias, strict=True)
        ]
        if layer is not layers[-1]:
            maps = [np.maximum(m, 0) for m in maps]
    np.testing.assert_allclose(net(x)[0, 0].detach().numpy(), maps[0], atol=1e-4)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_training_starts_near_the_mean_of_the_same_frame(name):
    torch.manual_seed(5)
    x = (torch.rand(1, 13, 5, 40, 40) > 0.5).float()
    net = build(name, 13)
    said = net(x)[0] > 0
    for frame, answer in zip(range(5)[net.answered], said, strict=True):
        shares = [(answer == (x[0, :, t].mean(0) > 0.5)).float().mean() for t in range(5)]
        assert shares[frame] > 0.8
        assert shares[frame] == max(shares)


def test_unknown_names_and_sizes_are_refused():
    with pytest.raises(InputError, match="'unet9' is unknown; choose one of unet3d_large"):
        build("unet9", 13)
    for channels, frames in ((0, 5), (13, 4), (13, -1)):
        with pytest.raises(InputError, match="odd number of frames"):
            build("shallow4", channels, frames)


@pytest.mark.parametrize("shape", [(1, 3, 5, 8, 8), (1, 4, 3, 8, 8), (4, 5, 8, 8), (1, 4, 5, 0, 8)])
def test_windows_that_do_not_fit_are_refused(shape):
    with pytest.raises(InputError, match=r"4 channels, 5 frames, H, W"):
        build("shallow4", 4)(torch.zeros(shape))


@pytest.mark.parametrize("name", ["unet3d_small", "shallow3"])
@pytest.mark.parametrize("length", [1, 3, 7])
def test_a_video_is_fused_window_by_window(name, length):
    torch.manual_seed(6)
    net = build(name, 3).train()
    x = torch.rand(3, length, 9, 12)
    got = fuse_video(net, x, batch=3)
    assert got.shape == (length, 9, 12)
    assert net.training
    assert not got.requires_grad
    for t in range(length):
        window = torch.stack([x[:, min(max(t + d, 0), length - 1)] for d in range(-2, 3)], dim=1)
        expected = torch.sigmoid(net(window[None])[0, net.answers // 2])
        torch.testing.assert_close(got[t], expected, atol=1e-5, rtol=1e-5)


def test_a_video_of_other_channels_is_refused():
    with pytest.raises(InputError, match=r"\(3 channels, T, H, W\)"):
        fuse_video(build("shallow4", 3), torch.zeros(4, 6, 8, 8))


def test_layers_must_match_their_kernels():
    with pytest.raises(ValueError, match="zip"):
        Shallow(3, 5, (4,), (3, 3, 3))
