"""Mixing whose weights can be learned (SFSeg++ paper, section 3.4): Eq. 9 as a torch module.

The same map as :mod:`spectrack.spectral.mixing.mixing`, with gradients to its weights, biases and
exponent and to the channels, so that networks that make the channels can be trained through it.
"""

from __future__ import annotations

from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from spectrack.spectral.mixing.mixing import FLOOR
from spectrack.spectral.mixing.settings import ROBUST_TOTAL, MixingSettings

Pairwise = Literal["shared", "apart"]


class LearnedMixing(nn.Module):
    """The numbers of :class:`spectrack.spectral.mixing.settings.MixingSettings` as parameters.

    Args:
        start: Where learning starts, and the names of the channels.
        pairwise: Whether F_m of Eq. 9 has weights and a bias of its own; "shared" is the paper's.
        learn_agreement: Whether the exponent of the agreement is learned; otherwise it stays.
        learn_sizes: Whether weights are learned that follow the target's size.
    """

    def __init__(
        self,
        start: MixingSettings,
        pairwise: Pairwise = "shared",
        learn_agreement: bool = True,
        learn_sizes: bool = False,
    ) -> None:
        super().__init__()
        self.start = start
        # Settings may hold whole numbers, which have no gradient.
        tensor = partial(torch.tensor, dtype=torch.float32)
        self.weights_c = nn.Parameter(tensor(start.weights))
        self.bias = nn.Parameter(tensor(start.bias))
        self.agreement = nn.Parameter(tensor(start.agreement), learn_agreement)
        self.sizes_c: nn.Parameter | None = None
        if learn_sizes or start.sizes is not None:
            exponents = start.sizes or (0.0,) * len(start.names)
            self.sizes_c = nn.Parameter(tensor(exponents), learn_sizes)
        self.pairwise_c: nn.Parameter | None = None
        if pairwise == "apart":
            self.pairwise_c = nn.Parameter(tensor(start.pairwise_weights or start.weights))
            bias = start.bias if start.pairwise_bias is None else start.pairwise_bias
            self.pairwise_bias = nn.Parameter(tensor(bias))

    @classmethod
    def even(
        cls, names: tuple[str, ...], agreement: float = 3.0, pairwise: Pairwise = "shared"
    ) -> LearnedMixing:
        """The usual start: equal weights, the bias half way, agreement counting.

        Args:
            names: Of the channels.
            agreement: Exponent to start from; 0 keeps it 0, and the paper's Eq. 9.
            pairwise: As for the class.
        """
        start = MixingSettings(
            names=names,
            weights=(ROBUST_TOTAL / len(names),) * len(names),
            bias=-ROBUST_TOTAL / 2,
            agreement=agreement,
        )
        return cls(start, pairwise, learn_agreement=agreement > 0)

    def frame_weights(
        self,
        weights_c: Tensor,
        agreement_tc: Tensor,
        present_tc: Tensor,
        scale_t: Tensor | None = None,
    ) -> Tensor:
        """W_it, (T, C); see :func:`spectrack.spectral.mixing.mixing.frame_weights`.

        Args:
            weights_c: w, (C,).
            agreement_tc: a_it in [0, 1], (T, C).
            present_tc: bool (T, C).
            scale_t: Size of the target, (T,), as
                :func:`spectrack.spectral.mixing.settings.size_scale` gives it; usual
                sizes where left out.
        """
        exponent = self.agreement.clamp_min(0)
        raw_tc = weights_c * agreement_tc.clamp_min(FLOOR) ** exponent * present_tc
        if self.sizes_c is not None and scale_t is not None:
            raw_tc = raw_tc * scale_t[:, None] ** self.sizes_c
        total, rest_t1 = weights_c.sum(), raw_tc.sum(dim=1, keepdim=True)
        sizes_t1 = raw_tc.abs().sum(dim=1, keepdim=True)
        sum_fits = (rest_t1.abs() >= 1e-3 * sizes_t1) & (total * rest_t1 > 0)
        upper = torch.where(sum_fits, total, weights_c.abs().sum())
        lower = torch.where(sum_fits, rest_t1, sizes_t1)
        some = lower != 0
        return raw_tc * torch.where(some, upper / torch.where(some, lower, 1), 1)

    def forward(
        self,
        channels_tchw: Tensor,
        agreement_tc: Tensor,
        present_tc: Tensor,
        scale_t: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """S_m and F_m of Eq. 9.

        Args:
            channels_tchw: (T, C, H, W) in [0, 1].
            agreement_tc: Smoothed agreement, (T, C).
            present_tc: bool (T, C).
            scale_t: As in :meth:`frame_weights`.

        Returns:
            Two maps (T, H, W) in [0, 1]; the same one where weights are shared.
        """

        def mixed(weights_c: Tensor, bias: Tensor) -> Tensor:
            weights_tc = self.frame_weights(weights_c, agreement_tc, present_tc, scale_t)
            logits = torch.einsum("tchw,tc->thw", channels_tchw, weights_tc) + bias
            return torch.sigmoid(logits)

        soft_thw = mixed(self.weights_c, self.bias)
        if self.pairwise_c is None:
            return soft_thw, soft_thw
        return soft_thw, mixed(self.pairwise_c, self.pairwise_bias)

    def of_columns(
        self,
        columns_nc: Tensor,
        frame_n: Tensor,
        agreement_tc: Tensor,
        present_tc: Tensor,
        scale_t: Tensor | None = None,
    ) -> Tensor:
        """S_m at single pixels, (N,).

        Args:
            columns_nc: What the channels say at each pixel, (N, C) in [0, 1].
            frame_n: Which of the T frames each pixel is of, (N,).
            agreement_tc: As in :meth:`forward`.
            present_tc: As in :meth:`forward`.
            scale_t: As in :meth:`frame_weights`.
        """
        weights_tc = self.frame_weights(self.weights_c, agreement_tc, present_tc, scale_t)
        # Not weights_tc[frame_n]: in its gradient threads add up in the order they come in.
        weights_nc = weights_tc.index_select(0, frame_n)
        return torch.sigmoid((columns_nc * weights_nc).sum(dim=1) + self.bias)

    def settings(self) -> MixingSettings:
        """What was learned."""
        apart = self.pairwise_c is not None

        def numbers(values: Tensor) -> tuple[float, ...]:
            return tuple(float(v) for v in values.detach().reshape(-1))

        return MixingSettings(
            names=self.start.names,
            weights=numbers(self.weights_c),
            bias=numbers(self.bias)[0],
            agreement=max(0.0, numbers(self.agreement)[0]),
            reach=self.start.reach,
            pairwise_weights=numbers(self.pairwise_c) if self.pairwise_c is not None else None,
            pairwise_bias=numbers(self.pairwise_bias)[0] if apart else None,
            sizes=numbers(self.sizes_c) if self.sizes_c is not None else None,
        )
