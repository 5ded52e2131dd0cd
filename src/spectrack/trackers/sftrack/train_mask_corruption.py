"""True masks spoilt as trackers and networks spoil them, and boxes as trackers give them.

All lengths are shares of the target's size, the square root of its box's area, so that large and
small targets are spoilt alike. Every function draws from the generator it is given, and from
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spectrack.structures import Box, HardHW, SoftHW
from spectrack.trackers.sftrack.boxes import area_crop

SIZE = 64.0
"""Size that a target is shrunk to, pixels: twice the detail that the network sees."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A true mask with its surroundings, shrunk.

    Attributes:
        soft_hw: float32 (H, W), share of the target in every pixel.
        box: The tight box of the mask before it was shrunk, in pixels of ``soft_hw``.
    """

    soft_hw: SoftHW
    box: Box


def make_source(mask_hw: HardHW) -> Source | None:
    """Cut a mask out with room for what may be added beside it; None where it is empty."""
    tight = Box.from_mask(mask_hw)
    if tight is None:
        return None
    room = 0.75 * (tight.w + tight.h) / 2
    around = Box(tight.x - room, tight.y - room, tight.w + 2 * room, tight.h + 2 * room)
    # Whole pixels, so that what is not shrunk stays as it is.
    rows, cols = around.slices(mask_hw.shape[::-1])
    cut = Box.from_xyxy(cols.start, rows.start, cols.stop, rows.stop)
    scale = min(1.0, SIZE / float(np.sqrt(tight.area)))
    size_wh = (max(1, round(cut.w * scale)), max(1, round(cut.h * scale)))
    fx, fy = size_wh[0] / cut.w, size_wh[1] / cut.h
    box = Box((tight.x - cut.x) * fx, (tight.y - cut.y) * fy, tight.w * fx, tight.h * fy)
    return Source(area_crop(mask_hw.astype(np.float32), cut, size_wh), box)


def corrupt(source: Source, rng: np.random.Generator) -> SoftHW:
    """A soft mask as a tracker might give it for the source.

    In turn: the outline wobbles, parts are missing or doubtful, it leaks beside the outline,
    stray blobs and other things appear, and the whole is blurred, grown or shrunk, hardened and
    clouded. How badly is drawn first: most masks are good.

    Args:
        source: What is true.
        rng: Decides everything.

    Returns:
        float32 of the source's shape, in [0, 1].
    """
    size, bad = float(np.sqrt(source.box.area)), rng.random()
    out = _wobble(source.soft_hw, 0.08 * bad * size * rng.random(), rng)
    if rng.random() < 0.8 * bad:
        out *= 1 - rng.uniform(0.3, 1.0) * _missing(source, rng)
    for _ in range(rng.binomial(3, 0.5 * bad)):
        blob = _blob_at(out.shape, _on_outline(source, rng), size, (0.03, 0.2), rng)
        out = np.maximum(out, rng.uniform(0.3, 1.0) * blob)
    for _ in range(rng.binomial(4, 0.3 * bad)):
        blob = _blob_at(out.shape, _anywhere(out.shape, rng), size, (0.01, 0.12), rng)
        out = np.maximum(out, rng.uniform(0.3, 1.0) * blob)
    if rng.random() < 0.3 * bad:
        blob = _blob_at(out.shape, _anywhere(out.shape, rng), size, (0.1, 0.4), rng)
        out = np.maximum(out, rng.uniform(0.4, 1.0) * blob)
    if rng.random() < 0.5 * bad:
        cloud = _field(out.shape, int(rng.integers(3, 8)), rng)
        out = np.maximum(out, rng.uniform(0.1, 0.45) * cloud)
    if rng.random() < 0.7 * bad:
        cloud = _field(out.shape, int(rng.integers(3, 8)), rng)
        out *= 1 - rng.uniform(0.1, 0.6) * cloud
    blur = 0.06 * bad * size * rng.random()
    if blur > 0.3:
        out = np.asarray(cv2.GaussianBlur(out, (0, 0), blur), dtype=np.float32)
    return _hardened(out, rng)


def tracker_boxes(box: Box, rng: np.random.Generator) -> list[Box]:
    """None to four boxes as trackers give them for a true one, some of them way off.

    Args:
        box: The true one.
        rng: Decides everything.
    """
    boxes = []
    for _ in range(rng.integers(0, 5)):
        off = rng.random() < 0.2
        shift = rng.normal(0, 0.6 if off else 0.07, size=2)
        grow = np.exp(rng.normal(0, 0.4 if off else 0.12, size=2))
        cx, cy = box.center
        w, h = box.w * float(grow[0]), box.h * float(grow[1])
        cx, cy = cx + box.w * float(shift[0]), cy + box.h * float(shift[1])
        boxes.append(Box(cx - w / 2, cy - h / 2, w, h))
    return boxes


def _field(shape_hw: tuple[int, ...], cells: int, rng: np.random.Generator) -> SoftHW:
    """A smooth random map in [0, 1] with about ``cells`` hills along an axis."""
    coarse = rng.random((cells, cells), dtype=np.float32)
    field = cv2.resize(coarse, (shape_hw[1], shape_hw[0]), interpolation=cv2.INTER_CUBIC)
    return np.clip(field, 0, 1, dtype=np.float32)


def _wobble(soft_hw: SoftHW, reach: float, rng: np.random.Generator) -> SoftHW:
    height, width = soft_hw.shape
    cells = int(rng.integers(4, 12))
    moved_x, moved_y = (2 * reach * (_field(soft_hw.shape, cells, rng) - 0.5) for _ in range(2))
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    moved = cv2.remap(
        soft_hw,
        (x + moved_x).astype(np.float32),
        (y + moved_y).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, dtype=np.float32)


def _missing(source: Source, rng: np.random.Generator) -> SoftHW:
    """1 where something is lost: a strip along one side, or blobs on the outline."""
    height, width = source.soft_hw.shape
    box, lost = source.box, np.zeros((height, width), dtype=np.float32)
    if rng.random() < 0.4:
        share = rng.uniform(0.02, 0.3)
        x1, y1, x2, y2 = (round(edge) for edge in box.xyxy)
        deep_x, deep_y = round(share * box.w), round(share * box.h)
        strips = (
            (slice(None), slice(0, x1 + deep_x)),
            (slice(None), slice(x2 - deep_x, None)),
            (slice(0, y1 + deep_y), slice(None)),
            (slice(y2 - deep_y, None), slice(None)),
        )
        lost[strips[rng.integers(4)]] = 1
        return lost
    size = float(np.sqrt(box.area))
    for _ in range(rng.integers(1, 4)):
        place = _on_outline(source, rng)
        lost = np.maximum(lost, _blob_at(lost.shape, place, size, (0.05, 0.25), rng))
    return lost


def _on_outline(source: Source, rng: np.random.Generator) -> tuple[float, float]:
    """A place on the true outline, x and y."""
    inside = (source.soft_hw >= 0.5).astype(np.uint8)
    outline = np.argwhere(inside != cv2.erode(inside, np.ones((3, 3), np.uint8)))
    if not len(outline):
        return source.box.center
    y, x = outline[rng.integers(len(outline))]
    return float(x), float(y)


def _anywhere(shape_hw: tuple[int, ...], rng: np.random.Generator) -> tuple[float, float]:
    return rng.uniform(0, shape_hw[1]), rng.uniform(0, shape_hw[0])


def _blob_at(
    shape_hw: tuple[int, ...],
    place_xy: tuple[float, float],
    size: float,
    radii: tuple[float, float],
    rng: np.random.Generator,
) -> SoftHW:
    """A filled ellipse of any angle; the radii are drawn from a range, in target sizes."""
    blob = np.zeros((shape_hw[0], shape_hw[1]), dtype=np.float32)
    axes = [max(1, round(size * r)) for r in rng.uniform(*radii, size=2)]
    centre = (round(place_xy[0]), round(place_xy[1]))
    cv2.ellipse(blob, centre, axes, rng.uniform(0, 180), 0, 360, (1.0,), thickness=-1)
    return blob


def _hardened(soft_hw: SoftHW, rng: np.random.Generator) -> SoftHW:
    """A sigmoid over the values, 0 and 1 kept: how sharp, and at which value it cuts."""
    steep, middle = rng.uniform(2, 24), rng.uniform(0.3, 0.7)
    low, high = (1 / (1 + np.exp(-steep * (end - middle))) for end in (0.0, 1.0))
    curve = 1 / (1 + np.exp(-steep * (soft_hw - middle)))
    scaled: NDArray[np.float32] = ((curve - low) / (high - low)).astype(np.float32)
    return scaled.clip(0, 1)
