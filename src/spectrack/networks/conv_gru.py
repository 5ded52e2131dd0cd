"""A gated recurrent unit whose state is a map: gates are convolutions.

Ballas et al., ICLR 2016; KYS keeps what it knows of the cells of a frame in one (Bhat et al., ECCV
2020, section 3.4).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvGRU(nn.Module):
    """One step: what is kept of a state, and what is new.

    Args:
        inputs: Maps that come in.
        state: Maps of the state.
        kernel: Side of the convolutions, odd.
    """

    def __init__(self, inputs: int, state: int, kernel: int = 3) -> None:
        super().__init__()
        maps, padding = inputs + state, kernel // 2
        self.conv_reset = nn.Conv2d(maps, state, kernel, padding=padding)
        self.conv_update = nn.Conv2d(maps, state, kernel, padding=padding)
        self.conv_state_new = nn.Conv2d(maps, state, kernel, padding=padding)

    def forward(self, input_nchw: Tensor, state_nchw: Tensor) -> Tensor:
        """The next state, (N, state, H, W), from (N, inputs, H, W) and (N, state, H, W)."""
        both = torch.cat((input_nchw, state_nchw), 1)
        reset, update = self.conv_reset(both).sigmoid(), self.conv_update(both).sigmoid()
        candidate = self.conv_state_new(torch.cat((input_nchw, reset * state_nchw), 1)).tanh()
        return (1 - update) * state_nchw + update * candidate
