"""A soft mask that is zero outside a window of its frame: kept, measured and cut small.

A patch covers part of a frame only, so all that is done with its mask (probabilities, moments, the
tight box, the next crop) is done where it can differ from zero; the frame is filled at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from spectrack.structures import Box, HardHW, SoftHW
from spectrack.tracking.patches import PairYX, Patch, pair


@dataclass(frozen=True, slots=True, eq=False)
class SoftWindow:
    """Values in a window of a frame.

    Args:
        values_hw: Float (h, w) on any device: probabilities, or logits where so said.
        top: First row of the window in the frame.
        left: First column.
        frame_hw: Size of the frame.
    """

    values_hw: Tensor
    top: int
    left: int
    frame_hw: tuple[int, int]

    @classmethod
    def of_frame(cls, values_hw: SoftHW | HardHW, device: torch.device | str) -> SoftWindow:
        """The part of a whole map that is not zero."""
        frame_hw = (values_hw.shape[0], values_hw.shape[1])
        box = Box.from_mask(values_hw)
        rows, cols = (box or Box(0, 0, 0, 0)).slices(frame_hw[::-1])
        part = np.ascontiguousarray(values_hw[rows, cols], dtype=np.float32)
        return cls(torch.from_numpy(part).to(device), rows.start, cols.start, frame_hw)

    def with_values(self, values_hw: Tensor) -> SoftWindow:
        """Other values in the same window."""
        return SoftWindow(values_hw, self.top, self.left, self.frame_hw)

    def sigmoid(self) -> SoftWindow:
        """Probabilities of logits."""
        return self.with_values(torch.sigmoid(self.values_hw))

    def only_in(self, box: Box, empty: float) -> SoftWindow:
        """Values outside a box, its edges cut to whole pixels, replaced by one that says no."""
        x, y, w, h = (int(v) for v in box)
        inside = torch.zeros_like(self.values_hw, dtype=torch.bool)
        rows = slice(max(y - self.top, 0), max(y + h - self.top, 0))
        cols = slice(max(x - self.left, 0), max(x + w - self.left, 0))
        inside[rows, cols] = True
        return self.with_values(torch.where(inside, self.values_hw, empty))

    def cut(self, patch: Patch) -> Tensor:
        """The patch of the map, float32 (1, 1, *patch.output_hw), resized to nearest pixels."""
        return patch.cut_mask(self.values_hw, (self.top, self.left))

    def measure(self, threshold: float = 0.0) -> Measures:
        """Sum, moments and tight box, in one transfer from the device.

        Args:
            threshold: Pixels above it are the target's.
        """
        values = self.values_hw.float()
        if values.numel() == 0:
            return Measures(0.0, None, None, None, 0)
        weights = values.clamp(min=0)
        lines = [weights.sum(1), weights.sum(0), values.amax(1), values.amax(0)]
        scalars = torch.stack([values.sum(), (values > threshold).sum().float()])
        numbers = torch.cat([*lines, scalars]).double().cpu().numpy()
        h, w = values.shape
        rows, cols, highest_rows, highest_cols = np.split(numbers[:-2], np.cumsum([h, w, h]))
        pos, spread = _moments(rows, cols)
        if pos is not None:
            pos = pos + pair((self.top, self.left))
        y = np.flatnonzero(highest_rows > threshold) + self.top
        x = np.flatnonzero(highest_cols > threshold) + self.left
        box = _tight(x, y) if len(y) else None
        return Measures(float(numbers[-2]), pos, spread, box, int(numbers[-1]))

    def mean_above(self, threshold: float, within: Box) -> float:
        """Mean of the values above a threshold in a box that has some."""
        rows, cols = within.slices(self.frame_hw[::-1])
        part = self.values_hw[
            rows.start - self.top : rows.stop - self.top,
            cols.start - self.left : cols.stop - self.left,
        ].float()
        return float(part[part > threshold].mean())

    def fill(self, empty: float = 0.0) -> SoftHW:
        """The whole map, float32 (H, W)."""
        out = np.full(self.frame_hw, empty, dtype=np.float32)
        h, w = self.values_hw.shape
        out[self.top : self.top + h, self.left : self.left + w] = (
            self.values_hw.float().cpu().numpy()
        )
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Measures:
    """What a soft mask says of its target.

    Attributes:
        total: Sum of all values of the window.
        pos_yx: Centre of mass of the positive values; None where there are none.
        spread_hw: Standard deviations about it; None where one of them is zero.
        box: Tight box of the pixels above the threshold; None where there are none.
        pixels: How many are above the threshold.
    """

    total: float
    pos_yx: PairYX | None
    spread_hw: PairYX | None
    box: Box | None
    pixels: int

    def size_hw(self, sides: float) -> PairYX | None:
        """The target's size, so many standard deviations; None where one of them is zero."""
        return None if self.spread_hw is None else self.spread_hw * np.float32(sides)


def _tight(x: NDArray[np.int64], y: NDArray[np.int64]) -> Box:
    return Box(int(x[0]), int(y[0]), int(x[-1] - x[0] + 1), int(y[-1] - y[0] + 1))


def _moments(
    rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> tuple[PairYX | None, PairYX | None]:
    total = rows.sum()
    if not total > 0:
        return None, None
    centre, variance = [], []
    for line in (rows, cols):
        at = np.arange(len(line))
        mean = (line * at).sum() / total
        centre.append(mean)
        variance.append((line * (at - mean) ** 2).sum() / total)
    spread = pair(np.sqrt(variance)) if min(variance) > 0 else None
    return pair(centre), spread


def paste(logits_hw: Tensor, patch: Patch) -> SoftWindow:
    """Logits of a patch brought to the pixels of its frame.

    Args:
        logits_hw: Of shape ``patch.output_hw``.
        patch: Where they lie.

    Returns:
        The window they cover; nothing outside of it is the target.
    """
    scale = patch.scale
    large = F.interpolate(
        logits_hw[None, None].float(), scale_factor=scale, mode="bilinear", align_corners=False
    )[0, 0]
    span = [slice(0, 0), slice(0, 0)]
    first = [0, 0]
    for axis in range(2):
        size = large.shape[axis]
        at = int(float(patch.pos_yx[axis]) - 0.5 * size)
        low, high = max(at, 0), min(at + size, patch.frame_hw[axis])
        first[axis], span[axis] = low, slice(low - at, max(high, low) - at)
    return SoftWindow(large[span[0], span[1]], first[0], first[1], patch.frame_hw)
