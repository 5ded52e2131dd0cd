"""The response predictor of KYS: what is known of every cell goes along with what is seen there.

Bhat et al., ECCV 2020, section 3. Every cell of a frame has a state of a few numbers. By the cost
volume of two frames the states of the last one are carried to the cells where their content is now
(3.3); from them and from the appearance model's score comes a better score (3.2); and a gated unit
makes of it what the next frame is told (3.4). Names of parameters are those of the published
checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from spectrack.networks.conv_gru import ConvGRU

STATE = 8
"""Numbers that a cell's state has."""

HIDDEN = 16
"""Maps between what is known and the score."""

LEAST_SCORE = 0.05
"""Cells whose appearance scores no more than this are never the target."""

ENTROPY_FLOOR = 1e-4
"""Added in the logarithm of shares that may be zero."""


@dataclass(frozen=True)
class Response:
    """What the predictor says of one frame; maps of the current cells.

    Attributes:
        score: (N, 1, H, W), 0 to 1; zero where the appearance scores too little.
        ungated: The same before those cells were set to zero.
        state: (N, STATE, H, W), what the next frame is told.
        propagated: (N, STATE, H, W), the last frame's states where their content is now.
        doubt: (N, 1, H, W), entropy of where a cell's content came from.
    """

    score: Tensor
    ungated: Tensor
    state: Tensor
    propagated: Tensor
    doubt: Tensor


class ResponsePredictor(nn.Module):
    """Scores from appearance scores, the cost volume and the states of the last frame.

    Args:
        state: Numbers of a cell's state.
        hidden: Maps between what is known and the score.
    """

    def __init__(self, state: int = STATE, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.cost_volume_proc1 = _cost_filter(state)
        self.cost_volume_proc2 = _cost_filter(state)
        # 1 + 1: the appearance score and the entropy
        self.representation_predictor = nn.Sequential(_conv(state + 2, hidden))
        self.response_predictor = nn.Sequential(_conv(hidden, 1))
        self.state_predictor = ConvGRU(4, state)
        self.init_hidden_state_predictor = nn.Sequential(_conv(1, state, bias=False))
        self.is_target_predictor = nn.Sequential(_conv(state, state // 2), _conv(state // 2, 1))

    def first_state(self, label_n1hw: Tensor) -> Tensor:
        """States (N, STATE, H, W) of the first frame, of a label that is 1 at the target."""
        return self.init_hidden_state_predictor(label_n1hw).tanh()

    def judge(self, state_nchw: Tensor) -> Tensor:
        """Logits (N, 1, H, W) of whether cells of such states are the target's.

        Training alone asks for it, so that states tell target from background.
        """
        first, last = self.is_target_predictor
        return last(first(state_nchw).relu())

    def correspond(self, volume: Tensor) -> Tensor:
        """Where the content of every cell came from.

        Args:
            volume: (N, H', W', H, W) by :func:`~spectrack.networks.cost_volume.cost_volume`.

        Returns:
            Shares (N, H' W', H, W) that sum to 1 over the cells of the last frame.
        """
        frames, rows, columns, height, width = volume.shape
        # every cell of the last frame by itself: where did its content go?
        maps = self.cost_volume_proc1(volume.reshape(-1, 1, height, width))
        maps = maps.flatten(1).softmax(1).view(-1, 1, height, width)
        maps = self.cost_volume_proc2(maps).view(frames, rows * columns, height, width)
        return maps.softmax(1)

    def forward(
        self,
        volume: Tensor,
        score_n1hw: Tensor,
        state_nchw: Tensor,
        least_score: float = LEAST_SCORE,
    ) -> Response:
        """One frame.

        Args:
            volume: (N, H, W, H, W), see :meth:`correspond`.
            score_n1hw: (N, 1, H, W) of the appearance model.
            state_nchw: (N, STATE, H, W) of the last frame.
            least_score: See :data:`LEAST_SCORE`.
        """
        shares = self.correspond(volume)
        frames, cells, height, width = shares.shape
        carried = state_nchw.flatten(2) @ shares.view(frames, cells, -1)
        propagated = carried.view(frames, -1, height, width)
        doubt = -(shares * (shares + ENTROPY_FLOOR).log()).sum(1, keepdim=True)
        known = torch.cat((propagated, score_n1hw, doubt), 1)
        hidden = self.representation_predictor(known).relu()
        ungated = self.response_predictor(hidden).sigmoid()
        score = ungated * (score_n1hw > least_score)
        seen = torch.cat((score_n1hw, score), 1)
        greatest = seen.amax((2, 3), keepdim=True).expand_as(seen)
        state = self.state_predictor(torch.cat((seen, greatest), 1), propagated)
        return Response(score, ungated, state, propagated, doubt)


def _conv(inputs: int, outputs: int, bias: bool = True) -> nn.Sequential:
    """A 3x3 convolution, one level deep in the names as published; what follows has no weights."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias))


def _cost_filter(maps: int) -> nn.Sequential:
    """From one map of costs to one, by two convolutions."""
    first = nn.Sequential(nn.Conv2d(1, maps, 3, padding=1), nn.BatchNorm2d(maps), nn.ReLU())
    last = nn.Sequential(nn.Conv2d(maps, 1, 3, padding=1), nn.BatchNorm2d(1))
    return nn.Sequential(first, last)
