"""The score of NanoTrack: an estimate of the overlap of its box with the true one.

See :mod:`spectrack.tracking.overlap_score`. The numbers were fitted to the true overlap on DAVIS
training sequences, each counting alike: ``experiments/studies/nanotrack_score.py`` finds them
again, and shows how well they hold on sequences that were left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box
from spectrack.trackers.nanotrack.network import SEARCH, STRIDE, TEMPLATE
from spectrack.tracking.overlap_score import (
    BIAS,
    agreement,
    certainty,
    points_in,
    similarity,
    weighed_mean,
)
from spectrack.tracking.siamese import Candidates, Choice, Floats, context_side

NUMBERS: Mapping[str, float] = MappingProxyType(
    {BIAS: -3.58, "certainty": 0.72, "agreement": 3.56, "steadiness": 1.79}
)


class Appearance:
    """What the template's maps say of the target, to be compared with what is found.

    Args:
        maps_chw: Of the template, float32 (C, 8, 8).
        box: Of the target in the frame.
    """

    def __init__(self, maps_chw: Floats, box: Box) -> None:
        scale = TEMPLATE / max(float(context_side(box.w, box.h)), 1e-9)
        w, h = box.w * scale, box.h * scale
        self._target_c = mean_within(maps_chw, (-w / 2, -h / 2, w / 2, h / 2))

    def likeness(self, maps_chw: Floats, box_4: tuple[float, float, float, float]) -> float:
        """Cosine of the mean maps within a box and those of the target; in [-1, 1].

        Args:
            maps_chw: Of the search region, (C, n, n).
            box_4: Left, top, right and bottom, in its pixels from its centre.
        """
        return similarity(self._target_c, mean_within(maps_chw, box_4))


def mean_within(maps_chw: Floats, box_4: tuple[float, float, float, float]) -> Floats:
    """Mean of the maps (C, n, n) over the cells in a box, pixels from the centre; (C,)."""
    inside = points_in(np.array(box_4), points_of(maps_chw.shape[-1]))
    mean_c: Floats = maps_chw[:, inside].mean(1)
    return mean_c


def points_of(cells: int) -> NDArray[np.float32]:
    """Where the points of cells lie along either axis, in pixels from the centre, (cells,)."""
    return ((np.arange(cells) - cells // 2) * STRIDE).astype(np.float32)


def signals(
    found: Candidates, choice: Choice, appearance: Appearance, maps_chw: Floats
) -> dict[str, float]:
    """What speaks for a box.

    Args:
        found: Boxes and scores of all cells.
        choice: The chosen one.
        appearance: Of the target.
        maps_chw: Of the search region.

    Returns:
        ``certainty``: logit of the chosen cell's score over 14, at most 1. ``agreement``: mean
        overlap of all boxes with the chosen one, weighed by their scores, in [0, 1]. ``alone``:
        1 less the share of the chosen cell's score that the best cell outside of the box has.
        ``sharpness``: share of all scores within the box. ``likeness``: cosine of the network's
        maps there and those of the template's target. ``steadiness``: one over the change of size
        and shape, in (0, 1].
    """
    k = choice.best
    # boxes of numbers beyond any search region would overflow, as networks of random numbers answer
    sides = np.clip(np.stack([found.w, found.h]).astype(np.float64), 0, 64 * SEARCH) / 2
    centres = np.stack([found.cx, found.cy]).astype(np.float64)
    corners_4n = np.concatenate([centres - sides, centres + sides])
    n = int(len(found.score) ** 0.5)
    x1, y1, x2, y2 = (float(v) for v in corners_4n[:, k])
    inside_n = points_in(corners_4n[:, k], points_of(n)).ravel()
    score = float(found.score[k])
    rival = float(found.score[~inside_n].max(initial=0.0))
    return {
        "certainty": certainty(score),
        "agreement": agreement(found.score, corners_4n, k),
        "alone": 1 - min(rival / max(score, 1e-9), 1.0),
        "sharpness": weighed_mean(inside_n.astype(np.float64), found.score),
        "likeness": appearance.likeness(maps_chw, (x1, y1, x2, y2)),
        "steadiness": 1 / float(choice.change[k]),
    }
