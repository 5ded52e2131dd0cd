"""What Siamese trackers share online: crops with context, penalties, window, smoothed sizes.

The line of SiamRPN (Li et al., CVPR 2018, section 4.3) and what follows it. A square of the frame
about the target, with context of half its sides, is the template; a larger one about the last
centre is the search region. Every candidate there has a box and a score; changes of size and shape
are punished, a cosine window holds the target back, and its size is smoothed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box, FrameHWC
from spectrack.tracking.windows import cut

Floats = NDArray[np.float32]
Number = float | np.floating[Any]
SMALLEST = 10.0
"""Pixels of a target's side at least."""
LARGEST = 2.0
"""A box that is given may have so many sides of the frame; it is cut to the frame otherwise."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a candidate is chosen and followed.

    Args:
        penalty: Strength of the penalty on changes of size and shape, 0 or more.
        window: Weight of the cosine window, in [0, 1].
        rate: How fast the size follows, in [0, 1].
    """

    penalty: float
    window: float
    rate: float

    def __post_init__(self) -> None:
        if not self.penalty >= 0:
            raise InputError(f"penalty is {self.penalty:g}; give 0 or more")
        for name in ("window", "rate"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputError(f"{name} is {value:g}; give a number from 0 to 1")

    def given(self, penalty: float | None, window: float | None, rate: float | None) -> Rules:
        """With the numbers that are not None in place of these.

        Raises:
            InputError: If one is out of range.
        """
        told = {"penalty": penalty, "window": window, "rate": rate}
        return replace(self, **{name: value for name, value in told.items() if value is not None})


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Boxes and scores in a search region, each float32 (N,).

    Args:
        score: That this is the target, in [0, 1].
        cx: Centres, in pixels of the search region from its centre,
        cy: downwards.
        w: Sizes in pixels of the search region.
        h: Heights.
    """

    score: Floats
    cx: Floats
    cy: Floats
    w: Floats
    h: Floats

    @classmethod
    def of_sides(cls, score_nn: Floats, sides_4nn: Floats, stride: int) -> Candidates:
        """Candidates of a grid whose cells tell how far the four sides are.

        Args:
            score_nn: (n, n).
            sides_4nn: (4, n, n): distances of a cell's point to the left, top, right and bottom
                side of its box.
            stride: Pixels between points; the one of cell n // 2 is the centre.
        """
        n = len(score_nn)
        points = ((np.arange(n) - n // 2) * stride).astype(np.float32)
        left, top, right, bottom = sides_4nn
        x1, x2 = points - left, points + right
        y1, y2 = points[:, None] - top, points[:, None] + bottom
        parts = (score_nn, (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
        return cls(*(part.ravel() for part in parts))


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """The best candidate.

    Args:
        best: Its number.
        penalty: Of all, (N,) in (0, 1].
        blended: What the best one is best in: penalised scores with the window, (N,).
        change: Of size and shape, as factors of at least 1, (N,).
    """

    best: int
    penalty: Floats
    blended: Floats
    change: Floats


@dataclass(frozen=True, slots=True)
class Place:
    """Where the target is: centre and size in pixels of the frame."""

    cx: Number
    cy: Number
    w: Number
    h: Number

    @property
    def box(self) -> Box:
        """The box about the centre."""
        return Box(
            float(self.cx - self.w / 2), float(self.cy - self.h / 2), float(self.w), float(self.h)
        )

    def follow(
        self,
        found: Candidates,
        choice: Choice,
        scale: Number,
        rules: Rules,
        size_wh: tuple[int, int],
    ) -> Place:
        """Go to the best candidate and stay in the frame; see :meth:`moved` and :meth:`limited`."""
        return self.moved(found, choice, scale, rules).limited(size_wh)

    def moved(self, found: Candidates, choice: Choice, scale: Number, rules: Rules) -> Place:
        """Go to the best candidate; the centre goes at once, the size by and by.

        Args:
            found: All candidates.
            choice: The best of them.
            scale: Pixels of the search region for one of the frame.
            rules: How fast.
        """
        k = choice.best
        rate = float(choice.penalty[k]) * float(found.score[k]) * rules.rate
        dx, dy, w, h = (float(v[k]) / scale for v in (found.cx, found.cy, found.w, found.h))
        w, h = self.w * (1 - rate) + w * rate, self.h * (1 - rate) + h * rate
        return Place(self.cx + dx, self.cy + dy, w, h)

    def limited(self, size_wh: tuple[int, int]) -> Place:
        """The centre within the frame, the size within 10 and the frame's."""
        width, height = size_wh
        return Place(
            max(0.0, min(self.cx, width)),
            max(0.0, min(self.cy, height)),
            max(SMALLEST, min(self.w, width)),
            max(SMALLEST, min(self.h, height)),
        )


def context_side(w: Any, h: Any) -> Any:
    """Side of the square about a target and its context; also how sizes are compared.

    Args:
        w: Width or widths.
        h: Height or heights.

    Returns:
        sqrt((w + p) (h + p)) with p half of w + h.
    """
    context = (w + h) / 2
    return np.sqrt((w + context) * (h + context))


def crop_start(centre_xy: tuple[Number, Number], side: int) -> tuple[int, int]:
    """First pixel of a square about a centre, x and y, as the published programs round it."""
    cx, cy = centre_xy
    half = (side + 1) / 2
    return math.floor(cx - half + 0.5), math.floor(cy - half + 0.5)


def crop(
    frame_hwc: FrameHWC,
    start_xy: tuple[int, int],
    side: int,
    out: int,
    colour: tuple[int, int, int],
) -> FrameHWC:
    """A square of the frame, resized.

    Args:
        frame_hwc: uint8 (H, W, 3).
        start_xy: Its first pixel; may lie outside.
        side: Of the square, 1 or more.
        out: Of the result.
        colour: What fills pixels outside the frame.

    Returns:
        uint8 (out, out, 3), bilinear; the square itself where its side is ``out``.
    """
    return cut(frame_hwc, (*start_xy, side, side), out, colour)


def cosine_window(cells: int) -> Floats:
    """Outer product of a Hann window with itself, float32 (cells, cells), 1 in the middle."""
    hann = np.hanning(cells)
    return np.outer(hann, hann).astype(np.float32)


def size_change(w_n: Floats, h_n: Floats, size_wh: tuple[Number, Number]) -> Floats:
    """How often a candidate's size, with context, is that of the target, or the other way round."""
    return _change(context_side(w_n, h_n) / context_side(*size_wh))


def ratio_change(w_n: Floats, h_n: Floats, size_wh: tuple[Number, Number]) -> Floats:
    """The same of width over height."""
    return _change(size_wh[0] / size_wh[1] / (w_n / h_n))


def _change(ratio: Any) -> Floats:
    greater: Floats = np.maximum(ratio, 1 / ratio)
    return greater


def choose(
    found: Candidates,
    size_wh: tuple[Number, Number],
    rules: Rules,
    window_n: Floats,
    compared_wh: tuple[Number, Number] | None = None,
) -> Choice:
    """The best candidate.

    Args:
        found: All candidates.
        size_wh: Last size of the target in pixels of the search region.
        rules: Penalty and weight of the window.
        window_n: The cosine window for every candidate.
        compared_wh: Compared with the candidates' sizes in place of ``size_wh``; their shapes are
            compared with ``size_wh`` in any case.
    """
    size = size_change(found.w, found.h, compared_wh or size_wh)
    ratio = ratio_change(found.w, found.h, size_wh)
    change = size * ratio
    penalty: Floats = np.exp(-(change - 1) * rules.penalty)
    blended = penalty * found.score * (1 - rules.window) + window_n * rules.window
    return Choice(int(blended.argmax()), penalty, blended, change)


class Following:
    """Where a target is, the crops about it, and where it goes.

    Args:
        frame_hwc: First frame, uint8 RGB.
        box: Of the target in it.
        rules: How candidates are chosen and followed.
        window_n: See :func:`choose`.
        template: Side of the template as the network sees it,
        search: and of the search region.

    Attributes:
        place: Where the target is; may be set.
        scale: Pixels of the search region for one of the frame, once there was one.
        side: Of the last search region in pixels of the frame, about the place then.
        choice: The last one, once there was one.
    """

    choice: Choice

    def __init__(
        self,
        frame_hwc: FrameHWC,
        box: Box,
        rules: Rules,
        window_n: Floats,
        template: int,
        search: int,
    ) -> None:
        self._size_wh = frame_hwc.shape[1], frame_hwc.shape[0]
        self.place = self._first_place(self._limited(box))
        self.scale: Number = 1.0
        self.side = 0
        self._rules, self._window_n = rules, window_n
        self._template, self._search = template, search
        # the published programs write the mean into whole numbers, which cuts it off
        red, green, blue = (int(v) for v in cv2.mean(frame_hwc)[:3])
        self._colour = red, green, blue

    def move(self, box: Box) -> None:
        """Go on from another box of the frame just seen."""
        self.place = self._first_place(self._limited(box))

    def cut_template(self, frame_hwc: FrameHWC) -> FrameHWC:
        """The template of this frame, uint8 (template, template, 3)."""
        side = max(round(float(context_side(self.place.w, self.place.h))), 1)
        return self._cut(frame_hwc, side, self._template)

    def cut_search(self, frame_hwc: FrameHWC) -> FrameHWC:
        """The search region of this frame, uint8 (search, search, 3)."""
        side = float(context_side(self.place.w, self.place.h))
        self.scale = self._template / side
        self.side = max(round(side * (self._search / self._template)), 1)
        return self._cut(frame_hwc, self.side, self._search)

    def follow(self, found: Candidates) -> tuple[Box, float]:
        """Go to the best candidate of the last search region.

        Returns:
            The target's box, and the score of the candidate as it is, without penalty and window.
        """
        size_wh = self.place.w * self.scale, self.place.h * self.scale
        self.choice = choice = choose(found, size_wh, self._rules, self._window_n)
        self.place = self.place.follow(found, choice, self.scale, self._rules, self._size_wh)
        return self.place.box, float(found.score[choice.best])

    @property
    def best(self) -> int:
        """Number of the candidate that was followed last."""
        return self.choice.best

    def _first_place(self, box: Box) -> Place:
        # the middle between first and last pixel
        return Place(box.x + (box.w - 1) / 2, box.y + (box.h - 1) / 2, box.w, box.h)

    def _cut(self, frame_hwc: FrameHWC, side: int, out: int) -> FrameHWC:
        start = crop_start((self.place.cx, self.place.cy), side)
        return crop(frame_hwc, start, side, out, self._colour)

    def _limited(self, box: Box) -> Box:
        """The box, cut to the frame where it is so large that its crop would take all memory."""
        width, height = self._size_wh
        small = box.w <= LARGEST * width and box.h <= LARGEST * height
        return box if small else box.clip(self._size_wh) or box
