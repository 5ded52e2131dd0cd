"""Dense optical flow: estimators, backward warp, forward-backward check, a bounded cache.

A flow field ``flow_hw2`` of float32 holds (dx, dy) in pixels of the first frame: the point seen at
x in the first frame is seen at x + flow(x) in the second, ``second(x + flow(x)) ~ first(x)``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import FrameHWC, SoftHW

FlowHW2 = NDArray[np.float32]
Preset = Literal["medium", "fast", "ultrafast"]

# DIS builds a pyramid over 8x8 patches; on smaller or thinner pictures it fails or even crashes.
_SMALLEST_SIDE = 64


class FlowEstimator(Protocol):
    """Anything that turns two frames into a flow field."""

    def __call__(self, first_hwc: FrameHWC, second_hwc: FrameHWC) -> FlowHW2:
        """Flow from the first to the second frame, float32 of shape (H, W, 2), pixels."""
        ...


class DISFlow:
    """Dense inverse search (Kroeger et al. 2016) as OpenCV implements it; needs no weights.

    Args:
        preset: ``"medium"`` (exact), ``"fast"`` or ``"ultrafast"``.
        scale: Flow is found on frames shrunk by this factor (0 < scale <= 1) and brought back to
            the frames' own size and pixels; smaller is faster and coarser.
        finest_scale: Pyramid level at which DIS stops (0 = every pixel); the preset's where None.
        smoothing: Iterations of variational refinement, a third of the time; the preset's where
            None.
        stride: Pixels between patches, 1 to 8; the preset's where None.

    Raises:
        InputError: If a setting is out of range.
    """

    def __init__(
        self,
        preset: Preset = "medium",
        scale: float = 1.0,
        finest_scale: int | None = None,
        smoothing: int | None = None,
        stride: int | None = None,
    ) -> None:
        presets = {
            "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
            "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
            "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
        }
        if preset not in presets:
            raise InputError(f"flow preset {preset!r} is unknown; use one of {', '.join(presets)}")
        if not 0 < scale <= 1:
            raise InputError(f"flow scale {scale} is out of range; use 0 < scale <= 1")
        if finest_scale is not None and finest_scale < 0:
            raise InputError(f"finest scale {finest_scale} is negative; use 0 or more")
        self.scale = scale
        self._dis: Any = cv2.DISOpticalFlow.create(presets[preset])
        if finest_scale is not None:
            self._dis.setFinestScale(finest_scale)
        if smoothing is not None:
            if smoothing < 0:
                raise InputError(f"smoothing of {smoothing} iterations was given; use 0 or more")
            self._dis.setVariationalRefinementIterations(smoothing)
        if stride is not None:
            if not 1 <= stride <= 8:
                raise InputError(f"a stride of {stride} pixels was given; use 1 to 8")
            self._dis.setPatchStride(stride)

    def __call__(self, first_hwc: FrameHWC, second_hwc: FrameHWC) -> FlowHW2:
        """Flow from the first to the second frame.

        Args:
            first_hwc: uint8, (H, W, 3) RGB or (H, W) grey.
            second_hwc: The same shape.

        Returns:
            float32 of shape (H, W, 2), finite.

        Raises:
            InputError: If the frames differ in shape or are not uint8.
        """
        _check_pair(first_hwc, second_hwc)
        height, width = first_hwc.shape[:2]
        first, second = self._prepare(first_hwc), self._prepare(second_hwc)
        rows, cols = first.shape
        pad = (max(0, _SMALLEST_SIDE - rows), max(0, _SMALLEST_SIDE - cols))
        if any(pad):
            edge = ((0, pad[0]), (0, pad[1]))
            first, second = (np.pad(a, edge, mode="edge") for a in (first, second))
        flow: NDArray[Any] = self._dis.calc(first, second, None)[:rows, :cols]
        if not np.isfinite(flow).all():
            flow = np.nan_to_num(flow, nan=0.0, posinf=0.0, neginf=0.0)
        if (rows, cols) != (height, width):
            flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
            flow *= np.array([width / cols, height / rows], dtype=np.float32)
        return np.ascontiguousarray(flow, dtype=np.float32)

    def _prepare(self, frame: FrameHWC) -> NDArray[np.uint8]:
        grey: NDArray[Any] = frame
        if frame.ndim == 3:
            grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        if self.scale < 1:
            height, width = grey.shape
            size = (max(1, round(width * self.scale)), max(1, round(height * self.scale)))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(grey)


def warp(
    image: NDArray[Any],
    flow_hw2: FlowHW2,
    *,
    border: float | None = 0.0,
    nearest: bool = False,
) -> NDArray[Any]:
    """Backward warp: sample an image at x + flow(x).

    With the flow from frame a to frame b, ``warp(b, flow)`` lines b up with a.

    Args:
        image: (H, W) or (H, W, C) uint8 or float32 (bool is taken as float32).
        flow_hw2: float32 (H, W, 2), pixels.
        border: Value outside the image; None repeats its edge.
        nearest: Nearest pixel instead of bilinear interpolation.

    Returns:
        The warped image, with the shape and type of the image (float32 for bool).

    Raises:
        InputError: If image and flow differ in size.
    """
    image = np.asarray(image)
    if image.dtype == np.bool_ or image.dtype == np.float64:
        image = image.astype(np.float32)
    if flow_hw2.ndim != 3 or flow_hw2.shape[2] != 2 or image.shape[:2] != flow_hw2.shape[:2]:
        raise InputError(
            f"an image of shape {image.shape} and a flow of shape {flow_hw2.shape} do not fit; "
            "give (H, W[, C]) and (H, W, 2)"
        )
    height, width = image.shape[:2]
    # Far-off positions would overflow OpenCV's 16-bit coordinates.
    map_x = np.clip(flow_hw2[..., 0] + np.arange(width, dtype=np.float32), -9, width + 8)
    map_y = np.clip(flow_hw2[..., 1] + np.arange(height, dtype=np.float32)[:, None], -9, height + 8)
    out: NDArray[Any] = cv2.remap(
        image,
        map_x,
        map_y,
        cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT,
        borderValue=0.0 if border is None else (border,) * 4,
    )
    return out.reshape(image.shape)


def consistency_hw(forward_hw2: FlowHW2, backward_hw2: FlowHW2, sigma: float = 1.0) -> SoftHW:
    """How well the way there and back agree, exp(-|f(x) + b(x + f(x))|^2 / (2 sigma^2)).

    Near 1 where both flows agree, near 0 where the point is occluded, 0 where x + f(x) leaves the
    frame.

    Args:
        forward_hw2: Flow from the first to the second frame, (H, W, 2), pixels.
        backward_hw2: Flow from the second to the first frame, (H, W, 2), pixels.
        sigma: Tolerance in pixels, > 0.

    Returns:
        float32 of shape (H, W) in [0, 1], on the grid of the first frame.

    Raises:
        InputError: If sigma is not positive or the flows differ in shape.
    """
    if not sigma > 0:
        raise InputError(f"a tolerance of {sigma} pixels was given; use sigma > 0")
    if forward_hw2.shape != backward_hw2.shape:
        raise InputError(
            f"flows of shape {forward_hw2.shape} and {backward_hw2.shape} do not fit; "
            "give both of one size"
        )
    height, width = forward_hw2.shape[:2]
    gap = forward_hw2 + warp(backward_hw2, forward_hw2, border=None)
    gap *= gap  # and a sum by hand: NumPy's along an axis of two takes ten times as long
    agree = np.exp((gap[..., 0] + gap[..., 1]) * np.float32(-0.5 / sigma**2))
    to_x = forward_hw2[..., 0] + np.arange(width, dtype=np.float32)
    to_y = forward_hw2[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    inside = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
    out: SoftHW = np.where(inside, agree, np.float32(0))
    return out


@dataclass(frozen=True, slots=True, eq=False)
class FlowPair:
    """Both flows between two frames, each float32 (H, W, 2) on the grid of its start."""

    forward_hw2: FlowHW2
    backward_hw2: FlowHW2


class FlowPairs:
    """Forward and backward flow of pairs of frames, the latest ones kept.

    Args:
        estimator: How to find flow; :class:`DISFlow` where left out.
        capacity: Number of pairs kept, >= 1; the one unused for longest goes first.

    Raises:
        InputError: If the capacity is below 1.
    """

    def __init__(self, estimator: FlowEstimator | None = None, capacity: int = 4) -> None:
        if capacity < 1:
            raise InputError(f"a cache of {capacity} pairs was asked for; use 1 or more")
        self.estimator: FlowEstimator = estimator or DISFlow()
        self.capacity = capacity
        self._kept: OrderedDict[Hashable, FlowPair] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __call__(self, key: Hashable, first_hwc: FrameHWC, second_hwc: FrameHWC) -> FlowPair:
        """Flows between two frames, found once for each key (such as the first frame's index)."""
        pair = self._kept.get(key)
        if pair is None:
            forward = self.estimator(first_hwc, second_hwc)
            pair = FlowPair(forward, self.estimator(second_hwc, first_hwc))
            self._kept[key] = pair
            if len(self._kept) > self.capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return pair


def _check_pair(first: FrameHWC, second: FrameHWC) -> None:
    if first.shape != second.shape:
        raise InputError(
            f"frames of shape {first.shape} and {second.shape} were given; "
            "flow needs two frames of one size"
        )
    good = first.ndim == 2 or (first.ndim == 3 and first.shape[2] == 3)
    if not good or first.dtype != np.uint8 or second.dtype != np.uint8 or first.size == 0:
        raise InputError(
            f"a {first.dtype} frame of shape {first.shape} was given; "
            "flow needs uint8 frames of shape (H, W, 3) or (H, W)"
        )
