"""The data types every room speaks: Box, Mask, Target, Prediction.

Axis letters: H height, W width. Frames are uint8 RGB of shape (H, W, 3), soft masks float32 in
[0, 1] of shape (H, W), hard masks bool of shape (H, W). Boxes are (x, y, w, h) in pixels, floats;
(x, y) is the top-left corner of the top-left pixel, so a box around one pixel has w = h = 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from spectrack.errors import InputError

FrameHWC = NDArray[np.uint8]
SoftHW = NDArray[np.float32]
HardHW = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle in pixels.

    Args:
        x: Left edge.
        y: Top edge.
        w: Width, >= 0.
        h: Height, >= 0.

    Raises:
        InputError: If a number is not finite or a side is negative.
    """

    x: float
    y: float
    w: float
    h: float

    def __post_init__(self) -> None:
        values = (self.x, self.y, self.w, self.h)
        if not all(math.isfinite(v) for v in values):
            raise InputError(f"box {values} holds a number that is not finite; give x,y,w,h")
        if self.w < 0 or self.h < 0:
            raise InputError(f"box {values} has a negative side; give x,y,w,h with w, h >= 0")

    def __iter__(self) -> Iterator[float]:
        return iter((self.x, self.y, self.w, self.h))

    @classmethod
    def from_xyxy(cls, x1: float, y1: float, x2: float, y2: float) -> Box:
        """Box from its two corners; (x2, y2) lies one past the last pixel."""
        return cls(x1, y1, x2 - x1, y2 - y1)

    @classmethod
    def from_mask(cls, mask_hw: NDArray[Any]) -> Box | None:
        """Tightest box around the true (non-zero) pixels, or None where there are none."""
        hard = np.asarray(mask_hw) != 0
        rows = np.flatnonzero(hard.any(axis=1))
        if rows.size == 0:
            return None
        cols = np.flatnonzero(hard.any(axis=0))
        x1, y1 = int(cols[0]), int(rows[0])
        return cls(x1, y1, int(cols[-1]) + 1 - x1, int(rows[-1]) + 1 - y1)

    @classmethod
    def coerce(cls, value: Box | Sequence[float]) -> Box:
        """Accept a Box or four numbers x, y, w, h.

        Raises:
            InputError: If there are not four numbers.
        """
        if isinstance(value, Box):
            return value
        try:
            x, y, w, h = (float(v) for v in value)
        except (TypeError, ValueError):
            raise InputError(f"box {value!r} is not four numbers; give x,y,w,h in pixels") from None
        return cls(x, y, w, h)

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.w * self.h

    @property
    def center(self) -> tuple[float, float]:
        """Centre (x, y)."""
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Corners (x1, y1, x2, y2)."""
        return self.x, self.y, self.x + self.w, self.y + self.h

    def clip(self, size_wh: tuple[int, int]) -> Box | None:
        """The part inside a frame of size (width, height), or None where nothing is left."""
        x1, y1, x2, y2 = self.xyxy
        x1, y1 = max(x1, 0.0), max(y1, 0.0)
        x2, y2 = min(x2, float(size_wh[0])), min(y2, float(size_wh[1]))
        return Box.from_xyxy(x1, y1, x2, y2) if x2 > x1 and y2 > y1 else None

    def scale(self, factor: float) -> Box:
        """The box grown about its centre by a factor."""
        cx, cy = self.center
        w, h = self.w * factor, self.h * factor
        return Box(cx - w / 2, cy - h / 2, w, h)

    def iou(self, other: Box) -> float:
        """Intersection over union with another box, in [0, 1]; 0 where both are empty."""
        ax1, ay1, ax2, ay2 = self.xyxy
        bx1, by1, bx2, by2 = other.xyxy
        both = max(0.0, min(ax2, bx2) - max(ax1, bx1)) * max(0.0, min(ay2, by2) - max(ay1, by1))
        union = self.area + other.area - both
        return both / union if union > 0 else 0.0

    def slices(self, size_wh: tuple[int, int]) -> tuple[slice, slice]:
        """Row and column slices of the pixels the box touches, clipped to the frame."""
        x1, y1, x2, y2 = self.xyxy
        width, height = size_wh
        return (
            slice(min(max(math.floor(y1), 0), height), min(max(math.ceil(y2), 0), height)),
            slice(min(max(math.floor(x1), 0), width), min(max(math.ceil(x2), 0), width)),
        )

    def fill(self, size_wh: tuple[int, int]) -> HardHW:
        """The box drawn as a filled bool mask of shape (H, W)."""
        out = np.zeros((size_wh[1], size_wh[0]), dtype=bool)
        out[self.slices(size_wh)] = True
        return out


@dataclass(frozen=True, slots=True)
class Mask:
    """A hard mask, compressed as COCO run lengths; the round trip is exact.

    Args:
        height: Rows.
        width: Columns.
        counts: Compressed run lengths as pycocotools writes them (ASCII bytes).
    """

    height: int
    width: int
    counts: bytes

    def __repr__(self) -> str:
        return f"Mask({self.width}x{self.height}, area {self.area})"

    @classmethod
    def encode(cls, mask_hw: NDArray[Any]) -> Mask:
        """Compress a mask of shape (H, W); non-zero is foreground.

        Raises:
            InputError: If the array is not two-dimensional.
        """
        array = np.asarray(mask_hw)
        if array.ndim != 2:
            raise InputError(f"a mask of shape {array.shape} was given; expected (height, width)")
        rle = coco.encode(np.asfortranarray(array != 0, dtype=np.uint8))
        return cls(array.shape[0], array.shape[1], bytes(rle["counts"]))

    @classmethod
    def empty(cls, size_wh: tuple[int, int]) -> Mask:
        """A mask without foreground."""
        return cls.encode(np.zeros((size_wh[1], size_wh[0]), dtype=bool))

    def decode(self) -> HardHW:
        """The mask as a bool array of shape (H, W)."""
        return np.ascontiguousarray(coco.decode(self.as_coco())).astype(bool)

    def as_coco(self) -> dict[str, Any]:
        """The run-length dictionary that pycocotools and COCO tools read."""
        return {"size": [self.height, self.width], "counts": self.counts}

    @property
    def area(self) -> int:
        """Number of foreground pixels."""
        return int(coco.area(self.as_coco()))

    @property
    def box(self) -> Box | None:
        """Tightest box, or None for an empty mask."""
        x, y, w, h = (float(v) for v in coco.toBbox(self.as_coco()))
        return Box(x, y, w, h) if w > 0 and h > 0 else None


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What to follow: a box, a mask, or both, in the first frame.

    Args:
        box: Box around the target; taken from the mask where left out.
        mask: Hard mask of shape (H, W).

    Raises:
        InputError: If neither is given or the mask is empty.
    """

    box: Box
    mask: HardHW | None = None

    def __init__(
        self, box: Box | Sequence[float] | None = None, mask: NDArray[Any] | None = None
    ) -> None:
        hard = None if mask is None else np.asarray(mask) != 0
        if hard is not None and hard.ndim != 2:
            raise InputError(f"a mask of shape {hard.shape} was given; expected (height, width)")
        if box is None:
            if hard is None:
                raise InputError("a target needs a box or a mask; give one of them")
            tight = Box.from_mask(hard)
            if tight is None:
                raise InputError("the target's mask is empty; give one with foreground pixels")
            box = tight
        object.__setattr__(self, "box", Box.coerce(box))
        object.__setattr__(self, "mask", hard)

    def check(self, size_wh: tuple[int, int]) -> None:
        """Make sure the target lies in a frame of size (width, height).

        Raises:
            InputError: If the box has no area, lies outside, or the mask has another size.
        """
        width, height = size_wh
        x, y, w, h = self.box
        shown = f"box {x:g},{y:g},{w:g},{h:g}"
        if w <= 0 or h <= 0:
            raise InputError(f"{shown} has no area; give x,y,w,h with w, h > 0")
        if self.box.clip(size_wh) is None:
            raise InputError(f"{shown} lies outside the {width}x{height} frame; give one inside")
        if self.mask is not None and self.mask.shape != (height, width):
            given = f"{self.mask.shape[1]}x{self.mask.shape[0]}"
            raise InputError(
                f"the mask is {given} but the frame is {width}x{height}; give one of the same size"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """A tracker's answer for one frame.

    Args:
        box: Box of the target, or None where it is not found.
        mask: Soft (float32 in [0, 1]) or hard (bool) mask of shape (H, W); None for box trackers.
        score: Confidence in [0, 1].
        found: False while the target is judged to be out of sight.
    """

    box: Box | None
    mask: SoftHW | HardHW | None = None
    score: float = 1.0
    found: bool = True

    def hard_mask(self, threshold: float = 0.5) -> HardHW | None:
        """The mask at a threshold (``>=``), or None where there is none."""
        if self.mask is None:
            return None
        hard: HardHW = np.asarray(
            self.mask if self.mask.dtype == np.bool_ else self.mask >= threshold
        )
        return hard

    @property
    def absent(self) -> bool:
        """Whether nobody was asked: the object is not there yet, or no longer."""
        return self.mask is None and self.box is None and not self.found


ABSENT = Prediction(None, None, 0.0, False)
"""The answer for an object in frames before it starts or after it is gone."""
