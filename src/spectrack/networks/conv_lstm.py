"""ConvLSTM (Shi et al., NeurIPS 2015), with Hadamard peepholes or without.

As Eq. 1 of Song, Li and Wang, Pixel-wise Object Tracking, writes it: input and hidden state go
through convolutions, the memory cell reaches the gates by an element-wise product alone. Those
weights are one number a channel and place, so that they fix the size of the maps and break the
equivariance to shifts; without them the layer takes maps of any size and keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from spectrack.errors import InputError

FORGET_BIAS = 1.0
"""Fresh bias of the forget gate: a memory that keeps, before it has learned when to let go."""


class State(NamedTuple):
    """What a layer remembers: hidden state and memory cell, both (N, hidden, H, W)."""

    hidden: Tensor
    cell: Tensor

    def detached(self) -> State:
        """The same without the way it came about."""
        return State(self.hidden.detach(), self.cell.detach())


class ConvLSTM(nn.Module):
    """One layer.

    Args:
        inputs: Maps that come in.
        hidden: Maps of the hidden state and of the memory cell.
        kernel: Side of both convolutions, odd; zeros lie around the maps.
        size_hw: Size of the maps, for peepholes W_ci, W_cf and W_co of that size; None for a layer
            without peepholes.

    Raises:
        InputError: If the kernel is even.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        kernel: int = 3,
        size_hw: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        if kernel < 1 or kernel % 2 == 0:
            raise InputError(f"a ConvLSTM has a kernel of {kernel}; give an odd one")
        self.hidden = hidden
        # gates in the order input, forget, candidate, output
        self.of_input = nn.Conv2d(inputs, 4 * hidden, kernel, padding=kernel // 2)
        self.of_hidden = nn.Conv2d(hidden, 4 * hidden, kernel, padding=kernel // 2, bias=False)
        assert self.of_input.bias is not None
        nn.init.zeros_(self.of_input.bias)
        nn.init.constant_(self.of_input.bias[hidden : 2 * hidden], FORGET_BIAS)
        peepholes = None if size_hw is None else nn.Parameter(torch.zeros(3, hidden, *size_hw))
        self.peepholes: nn.Parameter | None
        self.register_parameter("peepholes", peepholes)

    def start(self, like_nchw: Tensor) -> State:
        """A state of zeros for inputs of this size, kind and device."""
        n, _, height, width = like_nchw.shape
        kind = torch.promote_types(like_nchw.dtype, torch.float32)
        zeros = like_nchw.new_zeros((n, self.hidden, height, width), dtype=kind)
        return State(zeros, zeros)

    def forward(self, x_nchw: Tensor, state: State | None = None) -> State:
        """One step of Eq. 1.

        Args:
            x_nchw: (N, inputs, H, W).
            state: Of the step before; zeros where left out.

        Returns:
            The new state; its ``hidden`` is the layer's output.
        """
        return self._step(self.of_input(x_nchw), state or self.start(x_nchw))

    def unroll(
        self, x_tnchw: Tensor | Sequence[Tensor], state: State | None = None
    ) -> tuple[Tensor, State]:
        """Many steps; the convolution of the inputs is done for all of them at once.

        Args:
            x_tnchw: (T, N, inputs, H, W), T at least 1.
            state: Before the first step; zeros where left out.

        Returns:
            Outputs (T, N, hidden, H, W), and the last state.
        """
        x = x_tnchw if isinstance(x_tnchw, Tensor) else torch.stack(tuple(x_tnchw))
        state = state or self.start(x[0])
        outputs = []
        for gates in self.of_input(x.flatten(0, 1)).unflatten(0, x.shape[:2]):
            state = self._step(gates, state)
            outputs.append(state.hidden)
        return torch.stack(outputs), state

    def _step(self, gates_nchw: Tensor, state: State) -> State:
        """What Eq. 1 makes of the convolved inputs."""
        gates = gates_nchw + self.of_hidden(state.hidden)
        # under mixed precision convolutions alone are done in less: a memory adds up small changes
        gates = gates.to(state.cell.dtype)
        i, f, candidate, o = gates.chunk(4, 1)
        if self.peepholes is not None:
            of_i, of_f, of_o = self.peepholes.unbind()
            i, f = i + of_i * state.cell, f + of_f * state.cell
        cell = f.sigmoid() * state.cell + i.sigmoid() * candidate.tanh()
        if self.peepholes is not None:
            o = o + of_o * cell
        return State(o.sigmoid() * cell.tanh(), cell)
