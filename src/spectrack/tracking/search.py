"""Finding a target again: its shape slid over the map of its colours, backed by its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box, FrameHWC, SoftHW
from spectrack.tracking.appearance import ColourModel, colour_index

_SIZES = (0.75, 1.0, 1.33)
_PICTURE_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Found:
    """A place where the target may be.

    Args:
        box: Its box in the frame.
        score: How well it fits, about -1.5 to 1.5.
    """

    box: Box
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """What a target looked like once: its shape and its picture, both cut at its box.

    Args:
        box: Box in the frame it was taken from.
        shape_hw: Soft mask inside the box.
        grey_hw: Grey picture inside the box, float32.
    """

    box: Box
    shape_hw: SoftHW
    grey_hw: NDArray[np.float32]

    @classmethod
    def take(cls, frame_hwc: FrameHWC, soft_hw: SoftHW, box: Box) -> Template:
        """Cut a template out of a frame; the box touches the frame."""
        rows, cols = box.slices((frame_hwc.shape[1], frame_hwc.shape[0]))
        grey = cv2.cvtColor(np.ascontiguousarray(frame_hwc[rows, cols]), cv2.COLOR_RGB2GRAY)
        shape = np.array(soft_hw[rows, cols], dtype=np.float32)
        return cls(box, shape, grey.astype(np.float32))

    def place(self, box: Box, size_wh: tuple[int, int]) -> SoftHW:
        """The shape stretched into a box of a frame, float32 (H, W)."""
        out = np.zeros((size_wh[1], size_wh[0]), dtype=np.float32)
        whole = (max(1, round(box.w)), max(1, round(box.h)))
        shape = cv2.resize(self.shape_hw, whole).reshape(whole[1], whole[0])
        x, y = round(box.x), round(box.y)
        x1, y1 = max(x, 0), max(y, 0)
        x2, y2 = min(x + whole[0], size_wh[0]), min(y + whole[1], size_wh[1])
        if x2 > x1 and y2 > y1:
            out[y1:y2, x1:x2] = shape[y1 - y : y2 - y, x1 - x : x2 - x]
        return out

    def find(
        self,
        frame_hwc: FrameHWC,
        target_hw: SoftHW,
        scale: float,
        near: Box | None = None,
        sizes: tuple[float, ...] = _SIZES,
        avoid: Sequence[Box] = (),
    ) -> Found | None:
        """Best place of the target in a frame.

        Args:
            frame_hwc: The frame, shrunk by ``scale``.
            target_hw: Probability of the target's colours there.
            scale: Size of this picture over the frame's.
            near: Only places whose centre lies in this box of the frame; all where None.
            sizes: Sizes tried, over the template's.
            avoid: No places whose centre lies in one of these boxes.
        """
        best: Found | None = None
        grey = cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2GRAY).astype(np.float32)
        for size in sizes:
            width = max(3, round(self.box.w * scale * size))
            height = max(3, round(self.box.h * scale * size))
            # The frame's edge is repeated so that a target half outside is found, too.
            px, py = width // 2 + 1, height // 2 + 1
            kernel, rim = self._kernel(width, height)
            colours = cv2.copyMakeBorder(
                target_hw, py + rim, py + rim, px + rim, px + rim, cv2.BORDER_CONSTANT, value=0.0
            )
            score = cv2.matchTemplate(colours, kernel, cv2.TM_CCORR)
            picture = cv2.resize(self.grey_hw, (width, height), interpolation=cv2.INTER_AREA)
            padded = cv2.copyMakeBorder(grey, py, py, px, px, cv2.BORDER_REPLICATE)
            if float(picture.std()) > 1.0:
                likeness = cv2.matchTemplate(padded, picture, cv2.TM_CCOEFF_NORMED)
                score = score + _PICTURE_WEIGHT * np.nan_to_num(likeness)
            x = (np.arange(score.shape[1]) - px) / scale
            y = (np.arange(score.shape[0]) - py) / scale
            w, h = width / scale, height / scale
            if near is not None:
                cx, cy = x + w / 2, y + h / 2
                inside_x = (cx >= near.x) & (cx <= near.x + near.w)
                inside_y = (cy >= near.y) & (cy <= near.y + near.h)
                score = np.where(inside_y[:, None] & inside_x, score, -np.inf)
            for box in avoid:
                taken_x = (x + w / 2 >= box.x) & (x + w / 2 <= box.x + box.w)
                taken_y = (y + h / 2 >= box.y) & (y + h / 2 <= box.y + box.h)
                score = np.where(taken_y[:, None] & taken_x, -np.inf, score)
            row, col = np.unravel_index(int(np.argmax(score)), score.shape)
            value = float(score[row, col])
            if np.isfinite(value) and (best is None or value > best.score):
                best = Found(Box(float(x[col]), float(y[row]), w, h), value)
        return best

    def _kernel(self, width: int, height: int) -> tuple[SoftHW, int]:
        """Shape minus a rim around it, each of sum 1, and the width of the rim."""
        rim = max(1, min(width, height) // 4)
        shape = cv2.resize(self.shape_hw, (width, height), interpolation=cv2.INTER_AREA)
        inner = np.pad(shape.reshape(height, width), rim)
        outer = 1 - inner
        kernel = inner / max(float(inner.sum()), 1e-6) - outer / max(float(outer.sum()), 1e-6)
        return kernel.astype(np.float32), rim


class Finder:
    """Searches for a lost target by what it looked like at first and when it was last well seen.

    Args:
        frame_hwc: Frame in which the target is seen first.
        soft_hw: Its soft mask there.
        box: Its box; it touches the frame.
        colours: Its colours.
    """

    def __init__(
        self, frame_hwc: FrameHWC, soft_hw: SoftHW, box: Box, colours: ColourModel
    ) -> None:
        self.first = self.last = Template.take(frame_hwc, soft_hw, box)
        small_hwc, scale = _shrunk(frame_hwc)
        colour_hw = colours.probability_hw(colour_index(small_hwc))
        own = self.first.find(small_hwc, colour_hw, scale, box, (1.0,))
        self._own_score = own.score if own is not None else 1.0

    def remember(self, frame_hwc: FrameHWC, soft_hw: SoftHW, box: Box) -> None:
        """Keep how the target looks now that it is well seen."""
        self.last = Template.take(frame_hwc, soft_hw, box)

    def find(
        self,
        frame_hwc: FrameHWC,
        colours: ColourModel,
        box: Box,
        lost: int,
        least: float,
        avoid: Sequence[Box] = (),
    ) -> tuple[Box, SoftHW] | None:
        """The best place in a part of the frame that widens while the target is lost.

        Args:
            frame_hwc: uint8 RGB.
            colours: Of the target.
            box: Where it was seen last.
            lost: Frames since then.
            least: Share of the target's own score in its first frame that a place must reach.
            avoid: Places looked at already.

        Returns:
            Its box there, which touches the frame, and its shape placed there, float32 (H, W);
            None where nothing fits.
        """
        small_hwc, scale = _shrunk(frame_hwc)
        colour_hw = colours.probability_hw(colour_index(small_hwc))
        wide = max(box.w, box.h, 20.0) * (1 + 0.5 * lost)
        cx, cy = box.center
        near = Box(cx - wide, cy - wide, 2 * wide, 2 * wide)
        places = [
            (t, t.find(small_hwc, colour_hw, scale, near, avoid=avoid))
            for t in (self.last, self.first)
        ]
        seen = [(found.score, template, found) for template, found in places if found is not None]
        if not seen:
            return None
        score, template, found = max(seen, key=lambda item: item[0])
        size_wh = (frame_hwc.shape[1], frame_hwc.shape[0])
        if score < least * self._own_score or found.box.clip(size_wh) is None:
            return None
        return found.box, template.place(found.box, size_wh)


def _shrunk(frame: FrameHWC) -> tuple[FrameHWC, float]:
    scale = min(1.0, float(np.sqrt(60_000 / (frame.shape[0] * frame.shape[1]))))
    if scale == 1:
        return frame, 1.0
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8), scale
