"""How DiMP and PrDiMP learn the filter of a target: a few steps on what their training found best.

DiMP (Bhat et al., ICCV 2019, section 3.1-3.4) minimises a squared hinge-like residual whose label,
target mask and spatial weight are learned functions of the distance to the target. PrDiMP
(Danelljan et al., CVPR 2020, section 4) minimises the Kullback-Leibler divergence of a label
density to the softmax of the scores, by Newton steps. Both take steps in closed form, without
automatic differentiation, and are themselves differentiable: training unrolls them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from spectrack.networks.dcf import Descent, Objective, Slope, least_squares, minimise
from spectrack.networks.distance_map import OfDistance, bin_distances, distances, offsets

STRIDE = 16
"""Pixels of the network's input for a cell of its features."""


class FilterLearner(nn.Module, ABC):
    """Improves filters on samples with boxes.

    Args:
        step: Part of the best step that is taken, to start training with.
        regularisation: Strength of the filter's regularisation, the same; its square counts.
        least: Its absolute value counts as this at least.
        damping: See :func:`~spectrack.networks.dcf.minimise`.
    """

    def __init__(self, step: float, regularisation: float, least: float, damping: float) -> None:
        super().__init__()
        self.least, self.damping = least, damping
        self.log_step_length = nn.Parameter(torch.full((1,), math.log(step)))
        self.filter_reg = nn.Parameter(torch.full((1,), regularisation))

    def forward(
        self,
        filters_sockk: Tensor,
        features_nschw: Tensor,
        boxes_nsxywh: Tensor,
        weights: Tensor | None,
        iterations: int,
        keep: bool = False,
    ) -> Descent:
        """Improve filters.

        Args:
            filters_sockk: (S, 1, C, K, K), start.
            features_nschw: (N, S, C, h, w).
            boxes_nsxywh: (N, S, 4), the target's in each, in pixels of the network's input.
            weights: (N,) or (N, S) of the samples, not negative; 1 / N where left out.
            iterations: Steps.
            keep: Return every iterate, with the start.

        Returns:
            The filters; losses are means over sequences.
        """
        kernel = filters_sockk.shape[-1]
        frames, sequences, _, height, width = features_nschw.shape
        even = 1 - kernel % 2
        if weights is None:
            weights = features_nschw.new_full((frames,), 1 / frames)
        found = minimise(
            filters_sockk,
            features_nschw,
            self.objective(
                boxes_nsxywh.to(features_nschw.dtype),
                weights.reshape(frames, -1, 1, 1, 1),
                (height + even, width + even),
                kernel,
            ),
            self.filter_reg.square().clamp(min=self.least**2),
            iterations,
            self.log_step_length.exp(),
            self.damping,
            keep,
        )
        return Descent(found.filters, found.iterates, found.losses / sequences)

    @abstractmethod
    def objective(
        self, boxes_nsxywh: Tensor, weights_ns111: Tensor, map_hw: tuple[int, int], kernel: int
    ) -> Objective:
        """What is minimised, of scores (N, S, 1, h, w), but for the filter's regularisation.

        Args:
            boxes_nsxywh: (N, S, 4).
            weights_ns111: (N, S, 1, 1, 1) or (N, 1, 1, 1, 1).
            map_hw: Size of score maps.
            kernel: Side of the filter.
        """


class DiMPLearner(FilterLearner):
    """DiMP's: q^2 (act(s) - y)^2 with act(s) = s for s > 0 and m s below, q = sqrt(w) v.

    Args:
        sigma: Standard deviation in cells of the Gaussian that the label starts as.
    """

    def __init__(self, sigma: float = 0.9) -> None:
        super().__init__(step=0.9, regularisation=0.1, least=1e-3, damping=0.0)
        at = bin_distances()
        gauss = torch.exp(-at.square() / (2 * sigma**2))
        self.label_map_predictor = OfDistance(gauss - gauss.min())
        self.target_mask_predictor = nn.Sequential(OfDistance(3 * torch.tanh(2 - at)), nn.Sigmoid())
        self.spatial_weight_predictor = OfDistance(torch.ones_like(at))

    def objective(
        self, boxes_nsxywh: Tensor, weights_ns111: Tensor, map_hw: tuple[int, int], kernel: int
    ) -> Objective:
        """See :class:`FilterLearner`."""
        distance = distances(boxes_nsxywh, map_hw, kernel, STRIDE)[:, :, None]
        label = self.label_map_predictor(distance)
        mask = self.target_mask_predictor(distance)
        factor = weights_ns111.sqrt() * self.spatial_weight_predictor(distance)

        def residual(scores: Tensor) -> tuple[Tensor, Tensor]:
            slopes = (1 - mask) / 2 * scores.sign() + (1 + mask) / 2
            return factor * (slopes * scores - label), factor * slopes

        return least_squares(residual)


class PrDiMPLearner(FilterLearner):
    """PrDiMP's: w KL(p || softmax(s)) with a Gaussian p about the target.

    Args:
        sigma: Standard deviation of p in cells.
    """

    def __init__(self, sigma: float = 0.9) -> None:
        super().__init__(step=1.0, regularisation=0.05, least=0.05, damping=0.05)
        self.sigma = sigma

    def density(self, boxes: Tensor, map_hw: tuple[int, int], kernel: int) -> Tensor:
        """The label density of boxes (..., 4): (..., h, w), of sum one but for those far off."""
        rows, columns = offsets(boxes, map_hw, kernel, STRIDE)
        spread = 2 * self.sigma**2
        values = torch.exp(-(rows.square() + columns.square()) / spread) / (spread * math.pi)
        return values / (values.sum((-2, -1), keepdim=True) + 1e-8)

    def objective(
        self, boxes_nsxywh: Tensor, weights_ns111: Tensor, map_hw: tuple[int, int], kernel: int
    ) -> Objective:
        """See :class:`FilterLearner`."""
        label = self.density(boxes_nsxywh, map_hw, kernel)[:, :, None]

        def objective(scores: Tensor) -> Slope:
            log_sum = scores.flatten(3).logsumexp(3)[..., None, None]
            found = (scores - log_sum).exp()
            own = log_sum[..., 0, 0] - (scores * label).sum((3, 4))
            loss = (weights_ns111[..., 0, 0] * own.detach()).sum()

            def curvature(change: Tensor) -> Tensor:
                mean = (found * change).sum((3, 4), keepdim=True)
                spread = (found * change * (change - mean)).sum((3, 4), keepdim=True)
                return (weights_ns111 * spread.clamp(min=0)).sum((0, 2, 3, 4))

            return Slope(loss, weights_ns111 * (found - label), curvature)

        return objective
