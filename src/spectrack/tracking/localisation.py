"""Where the target is in a score map, and how far that is to be believed (DiMP and its family).

The highest score is the target unless it is too low. A second high score is a distractor: which of
the two lies near the place of the last frame decides, and where neither or both do, nothing is
learned from the frame. A distractor that was told apart is a hard negative, worth learning at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from spectrack.tracking.patches import PairYX, pair


class Flag(Enum):
    """What a frame's scores say of the target."""

    NORMAL = "normal"
    HARD_NEGATIVE = "hard_negative"
    UNCERTAIN = "uncertain"
    NOT_FOUND = "not_found"

    @property
    def teaches(self) -> bool:
        """Whether the frame is one to learn from."""
        return self in (Flag.NORMAL, Flag.HARD_NEGATIVE)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What decides about peaks of a score map.

    Args:
        absent: A highest score below this is no target.
        distractor: Share of the highest score above which a second one is a distractor.
        hard_negative: Share above which a second score that is no distractor, and not below
            ``absent``, is a hard negative.
        neighbourhood: Side of the area about the highest score that belongs to it, in sides of the
            target.
        displacement: How far from the last place a peak may be to be near it, in half sides of the
            map.
    """

    absent: float = 0.25
    distractor: float = 0.8
    hard_negative: float = 0.5
    neighbourhood: float = 2.2
    displacement: float = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class ScoreMap:
    """Scores of places in a patch.

    Attributes:
        scores_hw: float32 (h, w).
        cell_yx: Pixels of the patch from one cell to the next.
        centre_yx: The cell, not rounded, of a target in the middle of the patch.
    """

    scores_hw: NDArray[np.float32]
    cell_yx: PairYX
    centre_yx: PairYX

    @classmethod
    def of_filter(
        cls, scores_hw: Tensor, patch_hw: tuple[int, int], feature_hw: tuple[int, int]
    ) -> ScoreMap:
        """The map that a filter gives on features, one larger than they are for an even filter."""
        scores = scores_hw.float().cpu().numpy()
        centre = pair((pair(scores.shape) - 1) / 2)
        return cls(scores, pair(patch_hw) / pair(feature_hw), centre)


@dataclass(frozen=True, slots=True)
class Peak:
    """The highest score of a map.

    Attributes:
        score: Its value.
        row: Its place in the score map.
        col: Its place across.
    """

    score: float
    row: int
    col: int


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """What a frame's scores say.

    Attributes:
        flag: How far it is to be believed.
        score: Of the peak that was chosen.
        moved_yx: From the middle of the patch to it, in pixels of the patch.
        which: Of the patches that were looked at, the one it is in.
    """

    flag: Flag
    score: float
    moved_yx: PairYX
    which: int = 0


def find_peak(scores_hw: NDArray[Any]) -> Peak:
    """The highest score of a map (h, w); of equal ones the one in the first column."""
    col, row = divmod(int(scores_hw.T.argmax()), scores_hw.shape[0])
    return Peak(float(scores_hw[row, col]), row, col)


def localise(
    scores: ScoreMap, target_hw: PairYX, last_yx: PairYX, limits: Thresholds, which: int = 0
) -> Sighting:
    """Choose among the peaks of a score map.

    Args:
        scores: Of the patch.
        target_hw: Size of the target in pixels of the patch.
        last_yx: Where it was, from the middle of the patch, in pixels of the patch.
        limits: See :class:`Thresholds`.
        which: Of the patches that were looked at, this one.

    Returns:
        The peak and its flag; also where the flag is ``NOT_FOUND``, the peak that was too low.
    """
    values = scores.scores_hw
    first = find_peak(values)

    def sighting(flag: Flag, peak: Peak) -> Sighting:
        return Sighting(flag, peak.score, _moved(scores, peak), which)

    if first.score < limits.absent:
        return sighting(Flag.NOT_FOUND, first)
    area = np.float32(limits.neighbourhood) * (target_hw / scores.cell_yx)
    second = find_peak(_without(values, first, area))
    if second.score > limits.distractor * first.score:
        reach = limits.displacement * math.sqrt(values.shape[0] * values.shape[1]) / 2
        near = [_distance(scores, peak, last_yx) for peak in (first, second)]
        if near[1] > reach > near[0]:
            return sighting(Flag.HARD_NEGATIVE, first)
        if near[0] > reach > near[1]:
            return sighting(Flag.HARD_NEGATIVE, second)
        return sighting(Flag.UNCERTAIN, first)
    if second.score > limits.hard_negative * first.score and second.score > limits.absent:
        return sighting(Flag.HARD_NEGATIVE, first)
    return sighting(Flag.NORMAL, first)


def _moved(scores: ScoreMap, peak: Peak) -> PairYX:
    moved: PairYX = (pair((peak.row, peak.col)) - scores.centre_yx) * scores.cell_yx
    return moved


def _distance(scores: ScoreMap, peak: Peak, last_yx: PairYX) -> float:
    """From the last place, in cells."""
    return float(np.linalg.norm((_moved(scores, peak) - last_yx) / scores.cell_yx))


def _without(values_hw: NDArray[np.float32], peak: Peak, area_hw: PairYX) -> NDArray[np.float32]:
    """A copy that is zero about a peak."""
    rest = values_hw.copy()
    cells = []
    for at, side, size in zip((peak.row, peak.col), area_hw, rest.shape, strict=True):
        low, high = round(float(at - side / 2)), round(float(at + side / 2 + 1))
        cells.append(slice(max(low, 0), max(min(high, size), 0)))
    rest[cells[0], cells[1]] = 0
    return rest
