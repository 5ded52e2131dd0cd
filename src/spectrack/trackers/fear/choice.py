"""From the maps of FEAR's heads to one box: the best cell, with or without smoothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.networks.fbnet import STRIDE
from spectrack.trackers.fear.crop import IntBox
from spectrack.trackers.fear.network import CELLS, SEARCH_SIDE
from spectrack.trackers.fear.settings import FEARSettings

FARTHEST = 64.0 * SEARCH_SIDE
"""Distances are cut there: networks of random numbers answer with ones beyond any number."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The cell that was chosen, and its box.

    Args:
        cell: Row and column.
        score: The network's, in [0, 1], before penalties.
        crop_box: x, y, w, h in pixels of the crop.
        box: The same in the frame, before rounding.
    """

    cell: tuple[int, int]
    score: float
    crop_box: tuple[float, float, float, float]
    box: tuple[float, float, float, float]

    def rounded(self) -> IntBox:
        """Whole pixels, halves to even, sides of at least 3."""
        x, y, w, h = (round(v) for v in self.box)
        return x, y, max(3, w), max(3, h)


def choose(
    scores_hw: NDArray[np.float32],
    distances_4hw: NDArray[np.float32],
    last_wh: tuple[int, int],
    context: IntBox,
    settings: FEARSettings,
) -> Choice:
    """The box of the best cell.

    Args:
        scores_hw: Of a cell lying in the target, (16, 16) in [0, 1]. In single precision: many a
            frame has several cells of score 1, of which the published program takes the first.
        distances_4hw: From its point to the left, top, right and bottom of its box; pixels of the
            crop, positive, (4, 16, 16).
        last_wh: Size of the last box, in the frame.
        context: The window that was cut.
        settings: Whether to smooth, and how.
    """
    left, top, right, bottom = np.minimum(distances_4hw.astype(np.float64), FARTHEST)
    w_hw, h_hw = left + right, top + bottom
    wanted_hw: NDArray[Any] = scores_hw
    if settings.smooth:
        last = (last_wh[0] * SEARCH_SIDE / context[2], last_wh[1] * SEARCH_SIDE / context[3])
        penalty_hw = size_penalty(w_hw, h_hw, last, settings.penalty)
        share = settings.window
        wanted_hw = penalty_hw * scores_hw * (1 - share) + window() * share
    row, col = divmod(int(np.argmax(wanted_hw)), CELLS)
    score, w, h = float(scores_hw[row, col]), float(w_hw[row, col]), float(h_hw[row, col])
    if settings.smooth:
        rate = float(penalty_hw[row, col]) * score * settings.rate
        # the rate enters twice, as in the published program
        w = last[0] * (1 - rate) + rate * (w * rate + last[0] * (1 - rate))
        h = last[1] * (1 - rate) + rate * (h * rate + last[1] * (1 - rate))
    crop_box = (STRIDE * col - float(left[row, col]), STRIDE * row - float(top[row, col]), w, h)
    a, b = context[2] / SEARCH_SIDE, context[3] / SEARCH_SIDE
    x, y = crop_box[0] * a + context[0], crop_box[1] * b + context[1]
    return Choice((row, col), score, crop_box, (x, y, w * a, h * b))


def size_penalty(
    w_hw: NDArray[np.float64], h_hw: NDArray[np.float64], last: tuple[float, float], weight: float
) -> NDArray[np.float64]:
    """What is left of a score where size and shape differ from the last, in (0, 1].

    Args:
        w_hw: Widths.
        h_hw: Heights.
        last: Width and height before, in the same pixels.
        weight: 0 for no penalty.
    """
    size_hw = _more(_size(w_hw, h_hw) / _size(*last))
    shape_hw = _more((last[0] / last[1]) / (w_hw / h_hw))
    penalty: NDArray[np.float64] = np.exp(-(shape_hw * size_hw - 1) * weight)
    return penalty


@cache
def window() -> NDArray[np.float64]:
    """Cosine window over the cells; its middle lies between cells 7 and 8."""
    side = np.hanning(CELLS)
    return np.outer(side, side)


def _size(w: Any, h: Any) -> Any:
    pad = (w + h) / 2
    return ((w + pad) * (h + pad)) ** 0.5


def _more(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(ratio, 1 / ratio)
