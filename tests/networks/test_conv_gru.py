"""The convolutional GRU, against PyTorch's own where it is one number a cell."""

from __future__ import annotations

import torch
from torch import nn

from spectrack.networks.conv_gru import ConvGRU


def test_with_cells_for_themselves_it_is_a_gru():
    """Kernels of one cell: every cell is a GRU whose biases count once."""
    torch.manual_seed(0)
    ours, theirs = ConvGRU(3, 2, kernel=1).double(), nn.GRUCell(3, 2).double()
    nn.init.zeros_(theirs.bias_hh)
    # PyTorch multiplies the state's part of the candidate after its weights; with weights of one
    # number, before and after are the same
    theirs.weight_hh.data[4:] = 0.7 * torch.eye(2)
    signs = {"conv_reset": (slice(0, 2), 1), "conv_update": (slice(2, 4), -1),
             "conv_state_new": (slice(4, 6), 1)}  # fmt: skip
    for name, (rows, sign) in signs.items():
        conv = ours.get_submodule(name)
        both = torch.cat((theirs.weight_ih[rows], theirs.weight_hh[rows]), 1)
        conv.weight.data = sign * both[:, :, None, None].detach()
        conv.bias.data = sign * theirs.bias_ih[rows].detach()
    x, state = torch.randn(1, 3, 4, 5).double(), torch.randn(1, 2, 4, 5).double()
    cells = theirs(x[0].flatten(1).mT, state[0].flatten(1).mT)
    torch.testing.assert_close(ours(x, state)[0].flatten(1).mT, cells)


def test_neighbours_are_seen():
    torch.manual_seed(0)
    unit, state = ConvGRU(1, 1), torch.zeros(1, 1, 5, 5)
    one = state.clone()
    one[..., 2, 2] = 1
    changed = (unit(one, state) - unit(state, state)).abs()[0, 0] > 0
    assert changed[1:4, 1:4].all()
    assert changed.sum() == 9
