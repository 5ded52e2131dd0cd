"""Patches of a frame for a network, and the way back: integer crops, then one resize.

Discriminative trackers (RTS, LWL, DiMP) were trained and tuned on patches cut in one particular
way: the window is rounded to whole pixels, large windows are thinned by whole steps before they
are resized, and an even window is one pixel larger than asked for. All of it is kept, since the
published weights and thresholds go with it. Positions and sizes are (y, x) and (h, w) in pixels;
pixel i has its centre at i. Arithmetic on them is float32, as windows that just fill a frame are
decided by its rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from spectrack.structures import FrameHWC

PairYX = NDArray[np.float32]
Border = Literal["replicate", "inside", "inside_major"]


def pair(value: Any) -> PairYX:
    """Two numbers, (y, x) or (h, w), as float32."""
    return np.asarray(value, dtype=np.float32).reshape(2)


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Where a patch lies in its frame.

    Args:
        start: First row and column, counted on the thinned grid; may be negative.
        stop: One past the last.
        step: Every how many-th pixel of the frame is on the grid.
        offset: First row and column of the grid in the frame, 0 to step - 1.
        frame_hw: Size of the frame.
        output_hw: Size of the patch after resizing.
        coord_yxyx: Its edges in the frame as its users count them, float32 (4,): not rounded, and
            so not quite those of the pixels taken.
    """

    start: tuple[int, int]
    stop: tuple[int, int]
    step: int
    offset: tuple[int, int]
    frame_hw: tuple[int, int]
    output_hw: tuple[int, int]
    coord_yxyx: NDArray[np.float32]

    @property
    def pos_yx(self) -> PairYX:
        """Its centre in the frame."""
        half: PairYX = np.float32(0.5) * (self.coord_yxyx[:2] + self.coord_yxyx[2:] - 1)
        return half

    @property
    def scale(self) -> float:
        """Pixels of the frame for one of the patch (geometric mean of both axes)."""
        sides = (self.coord_yxyx[2:] - self.coord_yxyx[:2]) / pair(self.output_hw)
        return float(np.sqrt(sides[0] * sides[1]))

    def cut(self, frame_hwc: FrameHWC, device: torch.device | str = "cpu") -> Tensor:
        """The patch of a frame; the frame's edge pixels go on beyond it.

        Args:
            frame_hwc: uint8 RGB (H, W, 3) of the size the patch was planned for.
            device: Where it is wanted; bytes travel there, and are resized there.

        Returns:
            float32 (1, 3, *output_hw), 0 to 255; resized bilinearly.
        """
        oy, ox = self.offset
        thin = frame_hwc[oy :: self.step, ox :: self.step]
        inner: list[slice] = []
        pads: list[int] = []
        for start, stop, size in zip(self.start, self.stop, thin.shape[:2], strict=True):
            low, high = min(max(start, 0), size - 1), max(min(stop, size), 1)
            inner.append(slice(low, max(high, low + 1)))
            before = min(max(-start, 0), stop - start - 1)
            pads += [before, stop - start - before - (inner[-1].stop - low)]
        crop: NDArray[Any] = thin[inner[0], inner[1]]
        if any(pads):
            top, bottom, left, right = pads
            crop = cv2.copyMakeBorder(crop, top, bottom, left, right, cv2.BORDER_REPLICATE)
        patch = torch.from_numpy(np.ascontiguousarray(crop)).to(device)
        patch = patch.permute(2, 0, 1)[None].float()
        if tuple(patch.shape[2:]) == self.output_hw:
            return patch
        return F.interpolate(patch, self.output_hw, mode="bilinear", align_corners=False)

    def cut_mask(self, window_hw: Tensor, origin_yx: tuple[int, int] = (0, 0)) -> Tensor:
        """The patch of a map that is zero outside the frame and outside a window of it.

        Args:
            window_hw: Values in the window.
            origin_yx: First row and column of the window in the frame.

        Returns:
            float32 (1, 1, *output_hw) on the window's device; resized to the nearest pixel.
        """
        index, inside = [], []
        for axis in range(2):
            span, size = self.stop[axis] - self.start[axis], self.output_hw[axis]
            ratio = np.float32(span) / np.float32(size)
            taken = np.floor(np.arange(size, dtype=np.float32) * ratio).astype(np.int64)
            at = self.start[axis] + np.minimum(taken, span - 1)
            at = self.offset[axis] + self.step * at - origin_yx[axis]
            inside.append((at >= 0) & (at < window_hw.shape[axis]))
            index.append(np.where(inside[axis], at, 0))
        if 0 in window_hw.shape:
            return window_hw.new_zeros((1, 1, *self.output_hw), dtype=torch.float32)
        rows, cols = (torch.from_numpy(i).to(window_hw.device) for i in index)
        seen = np.logical_and.outer(inside[0], inside[1])
        patch = window_hw.float()[rows][:, cols]
        if not seen.all():
            patch = patch * torch.from_numpy(seen).to(window_hw.device)
        return patch[None, None]

    def crop(self, shift_yx: tuple[int, int], size_hw: tuple[int, int]) -> CentreCrop:
        """The middle of this patch, moved so that its content goes by a shift."""
        return CentreCrop(self.output_hw, size_hw, shift_yx)


@dataclass(frozen=True, slots=True)
class CentreCrop:
    """Cuts the middle out of patches, moved by whole pixels; edge pixels go on beyond.

    Args:
        input_hw: Size of the patches.
        output_hw: Size wanted, smaller or larger.
        shift_yx: How far the content moves, down and right.
    """

    input_hw: tuple[int, int]
    output_hw: tuple[int, int]
    shift_yx: tuple[int, int] = (0, 0)

    def __call__(self, patch_nchw: Tensor) -> Tensor:
        """The part of (N, C, *input_hw) as (N, C, *output_hw)."""
        for axis in range(2):
            room = self.output_hw[axis] - self.input_hw[axis]
            first = -(math.floor(room / 2) + self.shift_yx[axis])
            at = torch.arange(first, first + self.output_hw[axis], device=patch_nchw.device)
            patch_nchw = patch_nchw.index_select(2 + axis, at.clamp(0, self.input_hw[axis] - 1))
        return patch_nchw


def plan_patch(
    pos_yx: PairYX,
    sample_hw: PairYX,
    output_hw: tuple[int, int],
    frame_hw: tuple[int, int],
    border: Border,
    max_scale_change: float | None = None,
    exact: bool = False,
) -> Patch:
    """Decide which pixels make a patch.

    Args:
        pos_yx: Centre in the frame; cut to whole pixels.
        sample_hw: Size of the window in pixels of the frame.
        output_hw: Size of the patch.
        frame_hw: Size of the frame.
        border: What to do at the frame's edge: ``replicate`` takes the window as it is;
            ``inside`` shrinks it until it fits into the frame, ``inside_major`` until one of its
            sides does, and both move it inside as far as they can.
        max_scale_change: Shrink by no more than this factor; any factor where left out.
        exact: Halves of windows are rounded down, as in the older programs (D3S): a window has
            the pixels asked for.
    """
    pos = [int(v) for v in pair(pos_yx)]
    sample, output, frame = pair(sample_hw), pair(output_hw), pair(frame_hw)
    if border != "replicate":
        sample = np.trunc(sample / _shrink(sample / frame, border, max_scale_change))
    step = max(1, int(float((sample / output).min()) - 0.1))
    offset = (0, 0)
    if step > 1:
        # a frame of fewer pixels than the step keeps one of them
        offset = (min(pos[0] % step, frame_hw[0] - 1), min(pos[1] % step, frame_hw[1] - 1))
        pos = [(p - o) // step for p, o in zip(pos, offset, strict=True)]
    sides = [max(round(float(v)), 2) for v in sample / np.float32(step)]
    edges = []
    for at, side, whole, first in zip(pos, sides, frame_hw, offset, strict=True):
        size = len(range(first, whole, step))
        low, high = at - (side - 1) / 2, at + side / 2 + 1
        if exact:
            low, high = float(at - (side - 1) // 2), float(at + side // 2 + 1)
        if border != "replicate":
            low, high = _inside(low, high, size)
        edges.append((low, high))
    (top, bottom), (left, right) = edges
    return Patch(
        start=(int(top), int(left)),
        stop=(int(bottom), int(right)),
        step=step,
        offset=offset,
        frame_hw=frame_hw,
        output_hw=output_hw,
        coord_yxyx=np.array([top, left, bottom, right], dtype=np.float32) * np.float32(step),
    )


def _shrink(excess: PairYX, border: Border, limit: float | None) -> np.float32:
    factor = excess.max() if border == "inside" else excess.min()
    return np.float32(min(max(factor, 1), math.inf if limit is None else limit))


def _inside(low: float, high: float, size: int) -> tuple[float, float]:
    """An interval moved into [0, size); one that is too long sticks out on both sides alike."""
    shift = max(-low, 0.0) - max(high - size, 0.0)
    low, high = low + shift, high + shift
    outside = math.floor((max(-low, 0.0) + max(high - size, 0.0)) / 2)
    shift = -low - outside if outside > 0 else 0.0
    return low + shift, high + shift


def crop_centre(
    pos_yx: PairYX,
    scale: float,
    patch_hw: tuple[int, int],
    feature_hw: tuple[int, int],
    kernel: int,
) -> PairYX:
    """Where to centre a patch so that the target falls on the middle of a filter's score map.

    Args:
        pos_yx: The target's centre.
        scale: Pixels of the frame for one of the patch.
        patch_hw: Size of the patch.
        feature_hw: Size of its feature map.
        kernel: Side of the filter.
    """
    feature = pair(feature_hw)
    odd = (feature + kernel) % 2
    centre: PairYX = pos_yx + odd * np.float32(scale) * pair(patch_hw) / (2 * feature)
    return centre


def limit_scale(scale: float, current: float, low: float, high: float) -> float:
    """A scale that changes by a factor in [low, high] at most; float32 arithmetic."""
    now = np.float32(current)
    return float(min(max(np.float32(scale), now * np.float32(low)), now * np.float32(high)))
