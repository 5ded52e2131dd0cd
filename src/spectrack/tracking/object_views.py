"""One view of an object as the network sees it: turned, cropped about a box that is off, worn.

Crops come from frames of any size; the target may be shown smaller than it is, blurred and with the
marks of JPEG, with other objects before or behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box
from spectrack.tracking.square_crop import OUTSIDE, crop_sides, filled_box

Bytes = NDArray[np.uint8]

SHRUNK = 0.35
"""Share of views that were taken from further off than they are shown."""

GREY = 0.07
"""Share of clips without colours."""

SMALLEST = 4.0
"""How many times smaller at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A crop with its truth.

    Attributes:
        image_ssc: uint8 RGB (S, S, 3).
        truth_ss: uint8 (S, S), 255 on the target.
        box_ss: The filled box that was shown, uint8 (S, S).
        sure_ss: uint8 (S, S), 255 where the truth can be believed; None where it can everywhere.
    """

    image_ssc: Bytes
    truth_ss: Bytes
    box_ss: Bytes
    sure_ss: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Choices that the views of a clip have in common.

    Attributes:
        motion: 2x2 matrix from the frame to what is seen.
        gain_c: Of each colour.
        offset: Of all colours.
        gamma: Exponent of brightness.
        grey: Without colours.
    """

    motion: NDArray[np.float64]
    gain_c: NDArray[np.float64]
    offset: float
    gamma: float
    grey: bool

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Conditions:
        """Any conditions."""
        return cls(
            turned(rng, 10.0, 0.08, flip=bool(rng.random() < 0.5)),
            float(np.exp(rng.normal(0, 0.2))) * np.exp(rng.normal(0, 0.08, 3)),
            float(rng.normal(0, 15)),
            float(np.exp(rng.normal(0, 0.2))),
            bool(rng.random() < GREY),
        )

    def near(self, rng: np.random.Generator, turn: float, stretch: float) -> Conditions:
        """Another moment of the same clip: light and view have changed a little.

        Args:
            rng: Where chance comes from.
            turn: Standard deviation of the rotation, degrees.
            stretch: Standard deviation of the logarithm of the aspect's change.
        """
        return Conditions(
            turned(rng, turn, stretch) @ self.motion,
            self.gain_c * float(np.exp(rng.normal(0, 0.05))),
            self.offset + float(rng.normal(0, 4)),
            self.gamma * float(np.exp(rng.normal(0, 0.04))),
            self.grey,
        )

    def colours(self, image_hwc: Bytes) -> Bytes:
        """The picture in this light."""
        tables = np.arange(256) / 255
        curves = 255 * tables[None] ** self.gamma * self.gain_c[:, None] + self.offset
        lut = np.rint(np.clip(curves, 0, 255)).astype(np.uint8)
        out = np.asarray(cv2.LUT(image_hwc, lut.T[None]), np.uint8)
        if self.grey:
            out = np.dstack([cv2.cvtColor(out, cv2.COLOR_RGB2GRAY)] * 3)
        return out


def shot(
    frame_hwc: Bytes,
    mask_hw: NDArray[np.bool_],
    rng: np.random.Generator,
    *,
    side: int,
    conditions: Conditions,
    spread: float,
    context: tuple[float, float] = (1.3, 1.9),
    sure_hw: NDArray[np.bool_] | None = None,
) -> Shot | None:
    """A view of the object; None where nothing of it is left.

    Args:
        frame_hwc: uint8 RGB.
        mask_hw: True mask, bool (H, W).
        rng: Where chance comes from.
        side: Of the crop, pixels.
        conditions: Colours and motion.
        spread: How far the shown box is off, in its sides.
        context: Sides of the crop in sides of the shown box, least and most.
        sure_hw: Where the mask can be believed; everywhere where left out.
    """
    rows, cols = np.flatnonzero(mask_hw.any(1)), np.flatnonzero(mask_hw.any(0))
    if not rows.size:
        return None
    part = mask_hw[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].astype(np.uint8)
    points = cv2.findNonZero(part - cv2.erode(part, np.ones((3, 3), np.uint8)))
    if points is None or len(points) < 4:
        return None
    xy = points.reshape(-1, 2) + np.array([cols[0], rows[0]]) + 0.5
    moved = xy @ conditions.motion.T
    low, high = moved.min(0) - 0.5, moved.max(0) + 0.5
    true = Box(float(low[0]), float(low[1]), *(float(v) for v in high - low))
    box = off(true, spread, rng)
    ratio = float(np.exp(rng.uniform(*np.log(context))))
    w, h = crop_sides(box.w, box.h, ratio)
    cx, cy = box.center
    x, y = cx - w / 2 + 0.04 * w * rng.normal(), cy - h / 2 + 0.04 * h * rng.normal()
    zoom = np.diag([side / w, side / h])
    matrix = np.zeros((2, 3))
    matrix[:, :2] = zoom @ conditions.motion
    # pixels count from their centres there
    matrix[:, 2] = matrix[:, :2] @ [0.5, 0.5] - zoom @ [x, y] - 0.5
    size = (side, side)
    image = cv2.warpAffine(
        frame_hwc, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(OUTSIDE,) * 3
    )
    truth = _moved(mask_hw, matrix, side)
    sure = None if sure_hw is None else ~_moved(~sure_hw, matrix, side)
    shown = filled_box(
        (box.x - x) * side / w, (box.y - y) * side / h, box.w * side / w, box.h * side / h, side
    )
    seen = conditions.colours(np.asarray(image, np.uint8))
    return Shot(seen, truth, np.rint(255 * shown).astype(np.uint8), sure)


def _moved(map_hw: NDArray[np.bool_], matrix: NDArray[np.float64], side: int) -> Bytes:
    """255 where the map is true, false beyond the frame: uint8 (side, side)."""
    moved = cv2.warpAffine(map_hw.astype(np.uint8) * 255, matrix, (side, side))
    return np.where(moved >= 128, 255, 0).astype(np.uint8)


def off(box: Box, spread: float, rng: np.random.Generator) -> Box:
    """A box whose centre and sides are off by normal errors of ``spread`` sides."""
    dx, dy, a, b = rng.normal(0, spread, 4)
    cx, cy = box.center
    w, h = max(box.w * float(np.exp(a)), 2.0), max(box.h * float(np.exp(b)), 2.0)
    return Box(cx + dx * box.w - w / 2, cy + dy * box.h - h / 2, w, h)


def with_other(one: Shot, other: Shot, rng: np.random.Generator) -> Shot:
    """The same with another object pasted in, before or behind the target.

    Args:
        one: The target's.
        other: Of another object; it is moved and made smaller at random.
        rng: Where chance comes from.
    """
    side = one.truth_ss.shape[0]
    scale = float(rng.uniform(0.4, 1.1))
    shift = side * (0.5 - scale / 2 + rng.uniform(-0.55, 0.55, 2))
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    moved = cv2.warpAffine(other.image_ssc, matrix, (side, side))
    mask = cv2.warpAffine(other.truth_ss, matrix, (side, side)).astype(np.float32) / 255
    target = one.truth_ss > 0
    if rng.random() < 0.5:
        mask = mask * ~target  # behind it
    truth = np.where(target & (mask < 0.5), 255, 0).astype(np.uint8)
    if np.count_nonzero(truth) < 0.3 * np.count_nonzero(target):
        return one
    soft = cv2.GaussianBlur(mask, (0, 0), 0.8)[..., None]
    mixed = np.rint(one.image_ssc * (1 - soft) + moved * soft).astype(np.uint8)
    return replace(one, image_ssc=mixed, truth_ss=truth)


def worn(image_ssc: Bytes, rng: np.random.Generator) -> Bytes:
    """The picture as if smaller, blurred by motion, or with the marks of JPEG; or as it is."""
    side = image_ssc.shape[0]
    small = side
    if rng.random() < SHRUNK:
        small = int(side / float(np.exp(rng.uniform(0, np.log(SMALLEST)))))
        image_ssc = np.asarray(
            cv2.resize(image_ssc, (small, small), interpolation=cv2.INTER_AREA), np.uint8
        )
    if rng.random() < 0.15:
        length = int(rng.integers(3, 10)) * small // side | 1
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        angle = cv2.getRotationMatrix2D(
            (length / 2 - 0.5, length / 2 - 0.5), float(rng.uniform(0, 180)), 1
        )
        kernel = cv2.warpAffine(kernel, angle, (length, length))
        image_ssc = np.asarray(
            cv2.filter2D(image_ssc, -1, kernel / max(kernel.sum(), 1e-6)), np.uint8
        )
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(15, 90))]
        coded = cv2.imencode(".jpg", image_ssc, quality)[1]
        image_ssc = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    if rng.random() < 0.15:
        noise = rng.normal(0, rng.uniform(2, 10), image_ssc.shape)
        image_ssc = np.clip(image_ssc + noise, 0, 255).astype(np.uint8)
    if small != side:
        image_ssc = np.asarray(cv2.resize(image_ssc, (side, side)), np.uint8)
    return image_ssc


def turned(
    rng: np.random.Generator, turn: float, stretch: float, *, flip: bool = False
) -> NDArray[np.float64]:
    """A 2x2 matrix: rotation, then a change of aspect, then mirroring."""
    angle = np.deg2rad(rng.normal(0, turn))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    aspect = float(np.exp(rng.normal(0, stretch)))
    return np.diag([-aspect if flip else aspect, 1 / aspect]) @ rotation
