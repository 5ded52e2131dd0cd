"""Seg2Box: its size, the soft-argmax against a sum by hand, border, gradients, bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.trackers.sftrack.seg2box import SIDE, Seg2Box


@pytest.fixture
def network() -> Seg2Box:
    torch.manual_seed(3)
    return Seg2Box().eval()


def test_it_has_as_many_parameters_as_the_papers_allow(network):
    assert 50_000 <= sum(p.numel() for p in network.parameters()) <= 500_000


def test_edges_and_confidence_are_those_of_the_distributions(network):
    with torch.no_grad():
        network.prior.normal_(0, 3)
        guess = network(torch.rand(3, 2, SIDE, SIDE))
    logits = guess.logits_n4b.double().numpy()
    mass = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    means = (mass * np.arange(SIDE) / (SIDE - 1)).sum(-1)
    corners = np.sort(means.reshape(3, 2, 2), axis=1).reshape(3, 4)
    np.testing.assert_allclose(guess.boxes_n4.numpy(), corners, atol=1e-5)
    gaps = abs(np.arange(SIDE) / (SIDE - 1) - means[..., None])
    lost = (mass * gaps).sum(-1).reshape(3, 2, 2).sum(1) / (corners[:, 2:] - corners[:, :2])
    promised = np.prod(np.clip(1 - lost, 0, 1), axis=1)
    np.testing.assert_allclose(guess.confidence_n.numpy(), promised, atol=1e-4)


def test_confidence_is_the_share_that_certain_edges_are_worth(network):
    """Edges at one of two places 4 apart spread by 2: of a side of 20, 2 edges cost 4 / 20."""
    with torch.no_grad():
        for reader in network.readers:
            reader[-1].weight.zero_()
            reader[-1].bias.zero_()
        network.prior[0, [8, 12]] = network.prior[2, [28, 32]] = 1e4
        network.prior[1, 10] = network.prior[3, 20] = 1e4
        assert network(torch.rand(1, 2, SIDE, SIDE)).confidence_n.item() == pytest.approx(0.8)
        network.prior[1, 20] = network.prior[3, 10] = 1e4  # no height is left
        assert network(torch.rand(1, 2, SIDE, SIDE)).confidence_n.item() == 0


def test_edges_reach_the_border_and_lie_between_places(network):
    with torch.no_grad():
        network.prior[0, 0] = network.prior[2, -1] = 1e4
        network.prior[1, 10:12] = network.prior[3, 40] = 1e4
        network.readers[1][-1].weight.zero_()
        network.readers[1][-1].bias.zero_()
        guess = network(torch.rand(1, 2, SIDE, SIDE))
    expected = [[0.0, 10.5 / 63, 1.0, 40 / 63]]
    torch.testing.assert_close(guess.boxes_n4, torch.tensor(expected))


def test_edges_never_cross(network):
    with torch.no_grad():
        network.prior[0, 50] = network.prior[2, 5] = 1e4
        x1, _, x2, _ = network(torch.rand(1, 2, SIDE, SIDE)).boxes_n4[0].tolist()
    assert (x1, x2) == (pytest.approx(5 / 63), pytest.approx(50 / 63))


def test_the_axes_are_not_mixed_up(network):
    """What changes in a row of the mask changes the places across it, and the other way round."""
    maps = torch.zeros(1, 2, SIDE, SIDE, requires_grad=True)
    # Only what the last convolution sees: the U-Net passes the mask through.
    network.unet = torch.nn.Sequential(torch.nn.Conv2d(8, 24, 1))
    logits = network(maps + 0.5).logits_n4b
    for edge, axis in enumerate((3, 2, 3, 2)):
        (slope,) = torch.autograd.grad(logits[0, edge, 20], maps, retain_graph=True)
        touched = slope.abs().sum(dim=(1, 5 - axis))[0].nonzero().flatten().tolist()
        assert 20 in touched
        assert set(touched) <= set(range(11, 31))  # two convolutions of five columns


def test_gradients_reach_every_parameter_and_the_mask(network):
    maps = torch.rand(2, 2, SIDE, SIDE, requires_grad=True)
    guess = network(maps)
    (guess.boxes_n4 * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert maps.grad is not None
    assert maps.grad[:, 0].abs().sum() > 0
    assert maps.grad[:, 1].abs().sum() > 0
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_samples_do_not_see_each_other(network):
    maps = torch.rand(3, 2, SIDE, SIDE)
    with torch.no_grad():
        together, alone = network(maps), network(maps[1:2])
    torch.testing.assert_close(together.boxes_n4[1:2], alone.boxes_n4, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 2, 32, 64), (2, 64, 64)])
def test_other_shapes_are_named(network, shape):
    with pytest.raises(InputError, match=r"expected \(N, 2, 64, 64\)"):
        network(torch.zeros(shape))
