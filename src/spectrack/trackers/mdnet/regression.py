"""From features of a box to a better one: a ridge regression learned on the first frame.

Nam and Han, CVPR 2016, section 3.5, as R-CNN has it (Girshick et al., CVPR 2014).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrack.structures import Box
from spectrack.trackers.mdnet.patches import BoxesN4
from spectrack.trackers.mdnet.samplers import REGRESSED, overlaps

STRENGTH = 1000.0
"""Of the ridge."""
AREAS = (1.0, 2.0)
"""Boxes it learns from are as large as the target, up to twice as large."""


class BoxRegressor:
    """Learned from boxes about the first frame's target.

    Args:
        features_nc: Of the boxes, (N, C) with N >= 1; see :func:`usable`.
        boxes_n4: Drawn about the target.
        truth: The target.
    """

    def __init__(self, features_nc: Tensor, boxes_n4: BoxesN4, truth: Box) -> None:
        wanted = torch.from_numpy(_steps(boxes_n4, truth)).to(features_nc)
        self._mean_c, mean_4 = features_nc.mean(0), wanted.mean(0)
        centred = features_nc - self._mean_c
        # N equations in place of one for each of the thousands of features
        inner = (centred @ centred.T).double()
        inner.diagonal().add_(STRENGTH)
        dual = torch.linalg.solve(inner, (wanted - mean_4).double())
        self.weights_c4 = centred.T @ dual.to(features_nc)
        self.intercept_4 = mean_4 - self._mean_c @ self.weights_c4

    def __call__(
        self, features_nc: Tensor, boxes_n4: BoxesN4, size_wh: tuple[int, int]
    ) -> NDArray[np.float64]:
        """Better boxes, float64 (N, 4).

        Args:
            features_nc: Of the boxes.
            boxes_n4: Candidates.
            size_wh: Of the frame; boxes are cut off left and above, and to what was left of the
                frame right of and below the candidates.
        """
        steps = ((features_nc - self._mean_c) @ self.weights_c4).double()
        steps = (steps + self._mean_c @ self.weights_c4 + self.intercept_4).cpu().numpy()
        found = boxes_n4.astype(np.float64)
        centre = found[:, :2] + found[:, 2:] / 2 + steps[:, :2] * found[:, 2:]
        with np.errstate(over="ignore"):  # what overflows is cut to the frame
            size = found[:, 2:] * np.exp(steps[:, 2:])
        corner = np.maximum(centre - size / 2, 0)
        size = np.minimum(size, np.array(size_wh) - boxes_n4[:, :2])
        return np.concatenate([corner, size], 1)


def usable(boxes_n4: BoxesN4, truth: Box) -> NDArray[np.bool_]:
    """Which boxes a regressor should learn from: those that overlap well and are large enough."""
    share = overlaps(boxes_n4, truth)
    area = boxes_n4[:, 2] * boxes_n4[:, 3] / truth.area
    well: NDArray[np.bool_] = (share >= REGRESSED[0]) & (share <= REGRESSED[1])
    return well & (area >= AREAS[0]) & (area <= AREAS[1])


def _steps(boxes_n4: BoxesN4, truth: Box) -> NDArray[Any]:
    """From boxes to the true one: of centres in sides, of sides as logarithms, (N, 4)."""
    target = np.array([*truth.center, truth.w, truth.h])
    centre, size = boxes_n4[:, :2] + boxes_n4[:, 2:] / 2, boxes_n4[:, 2:]
    return np.concatenate([(target[:2] - centre) / size, np.log(target[2:] / size)], 1)
