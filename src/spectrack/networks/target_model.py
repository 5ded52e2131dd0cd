"""The target model T: a 3x3 filter on features F, and the few-shot learner A that learns it.

LWL section 3, RTS section 3.2 and STA have the same one.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from spectrack.networks.dcf import Descent, descend, feature_head, weighted_residual

FILTER_SIZE = 3


class _Regularisation(nn.Module):
    """The strength of the filter's regularisation, learned; its square counts."""

    def __init__(self) -> None:
        super().__init__()
        self.filter_reg = nn.Parameter(torch.full((1,), 0.01))


class FilterLearner(nn.Module):
    """Steepest descent on the few-shot objective (LWL Eq. 3-5).

    Args:
        maps: O, maps that the filter gives.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.maps = maps
        self.residual_module = _Regularisation()

    def forward(
        self,
        features_nschw: Tensor,
        labels_nsohw: Tensor,
        weights_nsohw: Tensor | None,
        iterations: int,
        start: Tensor | None = None,
        keep: bool = False,
    ) -> Descent:
        """Learn filters (S, O, C, 3, 3), from zero or from ``start``; see :func:`descend`."""
        if start is None:
            sequences, channels = features_nschw.shape[1:3]
            shape = (sequences, self.maps, channels, FILTER_SIZE, FILTER_SIZE)
            start = features_nschw.new_zeros(shape)
        return descend(
            start,
            features_nschw,
            weighted_residual(labels_nsohw, weights_nsohw),
            self.residual_module.filter_reg,
            iterations,
            keep,
        )


class TargetModel(nn.Module):
    """Features F and the learner of the filter on them.

    Args:
        inputs: Maps of the backbone's layer 3.
        features: Maps of F.
        maps: Maps that the filter gives.
    """

    def __init__(self, inputs: int, features: int, maps: int) -> None:
        super().__init__()
        self.feature_extractor = feature_head(inputs, features)
        self.filter_optimizer = FilterLearner(maps)
