"""The classifier of DiMP, PrDiMP, SuperDiMP and KYS: a filter that is learned on the spot.

Features of the backbone's layer3, a first filter pooled from the target's box (section 3.3 of DiMP)
and a learner that improves it in a few steps (section 3.1-3.4). Names are those of the published
checkpoints.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from spectrack.errors import InputError
from spectrack.networks.dcf import Descent, apply_filters, feature_head
from spectrack.networks.dimp_learners import STRIDE, DiMPLearner, FilterLearner, PrDiMPLearner
from spectrack.networks.filter_initializer import FilterInitializer
from spectrack.networks.label_encoder import start
from spectrack.networks.resnet import BasicBlock

Learner = Literal["dimp", "prdimp"]


class DiMPClassifier(nn.Module):
    """Features, first filter and learner.

    Args:
        inputs: Maps of the backbone's layer3.
        features: Maps that the filter reads.
        blocks: Residual blocks before them, as ResNet-18's networks have one.
        learner: ``dimp`` or ``prdimp``.
        sigma: Standard deviation of the target's label in cells: what DiMP's training starts with,
            what PrDiMP keeps.
        filter_size: Height and width of the filter.
    """

    def __init__(
        self,
        inputs: int = 1024,
        features: int = 512,
        blocks: int = 0,
        learner: Learner = "dimp",
        sigma: float = 0.9,
        filter_size: int = 4,
    ) -> None:
        super().__init__()
        if learner not in ("dimp", "prdimp"):
            raise InputError(f"learner is {learner!r}; give dimp or prdimp")
        self.filter_size = filter_size
        self.filter_initializer = FilterInitializer(features, filter_size, 1 / STRIDE)
        self.filter_optimizer: FilterLearner = (
            DiMPLearner(sigma) if learner == "dimp" else PrDiMPLearner(sigma)
        )
        before = [BasicBlock(inputs, inputs, 1, False) for _ in range(blocks)]
        head = feature_head(inputs, features, kernel=filter_size)
        self.feature_extractor = nn.Sequential(*before, *head)
        start(self)
        conv = self.filter_initializer.filter_conv
        nn.init.zeros_(conv.get_parameter("bias"))
        if learner == "prdimp":
            nn.init.zeros_(conv.weight)

    def features(self, layer3_nchw: Tensor) -> Tensor:
        """What the filter reads, (N, features, H / 16, W / 16)."""
        return self.feature_extractor(layer3_nchw)

    def learn(
        self,
        features_nschw: Tensor,
        boxes_nsxywh: Tensor,
        weights: Tensor | None = None,
        filters: Tensor | None = None,
        iterations: int = 10,
        keep: bool = False,
    ) -> Descent:
        """Learn filters from samples with boxes.

        Args:
            features_nschw: (N, S, C, h, w) by :meth:`features`.
            boxes_nsxywh: (N, S, 4), the target's box in each, in pixels of the network's input.
            weights: (N,) or (N, S) of the samples, not negative; 1 / N where left out.
            filters: (S, 1, C, K, K), start; pooled from the boxes where left out.
            iterations: Steps.
            keep: Return every iterate, with the start.
        """
        if filters is None:
            filters = self.filter_initializer(features_nschw, boxes_nsxywh)
        return self.filter_optimizer(
            filters, features_nschw, boxes_nsxywh, weights, iterations, keep
        )

    def scores(self, filters: Tensor, features_nschw: Tensor) -> Tensor:
        """Scores of filters (S, 1, C, K, K): (N, S, h', w') with h' = h + 1 for an even K."""
        return apply_filters(features_nschw, filters)[:, :, 0]
