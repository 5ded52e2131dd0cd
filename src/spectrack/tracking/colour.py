"""From a box to a mask by colour: graph cuts and geodesic distance from the box's surroundings.

Two ways to a mask that fail on different pictures are both tried, and the one whose own box fits
the given box best is kept:

* GrabCut (Rother et al. 2004) in a Lab space with stretched chroma, started from the full box and
  again from the pixels that geodesic distance finds;
* geodesic distance: background inside the box is mostly joined to the outside by a path without
  strong edges, the target is not.

Whatever the picture, the answer is never empty: where no candidate is plausible it is the ellipse
in the box.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from spectrack.structures import Box, FrameHWC, HardHW, SoftHW


@dataclass(frozen=True, slots=True)
class ColourSettings:
    """How a box becomes a mask.

    Args:
        grow: Size of the crop about the box, in box sizes.
        side: The crop is scaled so that the box has this many pixels squared (never enlarged by
            more than 1.5).
        iterations: GrabCut iterations.
        chroma: Stretch of the Lab chroma channels.
        least: Share of the box a plausible mask fills at least.
        most: Share of the box a plausible mask fills at most.
    """

    grow: float = 2.5
    side: float = 128.0
    iterations: int = 4
    chroma: float = 2.0
    least: float = 0.15
    most: float = 0.985


def mask_from_box(frame_hwc: FrameHWC, box: Box, settings: ColourSettings | None = None) -> HardHW:
    """Mask of the thing in a box.

    Args:
        frame_hwc: uint8 RGB of shape (H, W, 3).
        box: Box about the thing; the part inside the frame is used.
        settings: See :class:`ColourSettings`.

    Returns:
        bool of shape (H, W), inside the box, never empty unless the box lies outside the frame.
    """
    settings = settings or ColourSettings()
    height, width = frame_hwc.shape[:2]
    out = np.zeros((height, width), dtype=bool)
    inner = box.clip((width, height))
    if inner is None:
        return out
    fallback = ellipse_mask((width, height), inner)
    if min(inner.w, inner.h) < 4:
        return fallback
    view, (x1, y1, x2, y2) = _crop(frame_hwc, inner, settings)
    scale_x, scale_y = view.shape[1] / (x2 - x1), view.shape[0] / (y2 - y1)
    local = Box(
        (inner.x - x1) * scale_x, (inner.y - y1) * scale_y, inner.w * scale_x, inner.h * scale_y
    )
    best = best_mask(list(_candidates(view, local, settings)), local, settings)
    if best is None:
        return fallback
    size = (x2 - x1, y2 - y1)
    out[y1:y2, x1:x2] = cv2.resize(best.astype(np.float32), size) > 0.5
    out &= inner.fill((width, height))
    return out if out.any() else fallback


def ellipse_mask(size_wh: tuple[int, int], box: Box) -> HardHW:
    """The ellipse in a box as a bool mask (H, W); the filled box where that would be empty."""
    y, x = np.ogrid[: size_wh[1], : size_wh[0]]
    cx, cy = box.center
    rx, ry = max(box.w / 2, 1e-6), max(box.h / 2, 1e-6)
    mask: HardHW = ((x + 0.5 - cx) / rx) ** 2 + ((y + 0.5 - cy) / ry) ** 2 <= 1
    return mask if mask.any() else box.fill(size_wh)


def robust_box(mask_hw: HardHW, tail: float = 0.005) -> Box | None:
    """Box between the quantiles ``tail`` and ``1 - tail`` of a mask's rows and columns.

    A few stray pixels do not move it; None for an empty mask.
    """
    edges = []
    for axis in (0, 1):
        sums = np.count_nonzero(mask_hw, axis=axis).cumsum()
        total = int(sums[-1]) if sums.size else 0
        if total == 0:
            return None
        first = int(np.searchsorted(sums, tail * total, side="right"))
        last = int(np.searchsorted(sums, (1 - tail) * total, side="left"))
        edges.append((first, max(first, last) + 1))
    (x1, x2), (y1, y2) = edges
    return Box(x1, y1, x2 - x1, y2 - y1)


def covering_box(box: Box | None, mask_hw: HardHW, tail: float = 0.005) -> Box | None:
    """A box grown where it must be to hold :func:`robust_box` of a mask.

    So at most ``4 * tail`` of the mask's pixels lie outside.

    Args:
        box: In pixels; the mask's own where None.
        mask_hw: bool (H, W); an empty one leaves the box as it is.
        tail: See :func:`robust_box`.
    """
    return joined_box(box, robust_box(mask_hw, tail))


def joined_box(one: Box | None, other: Box | None) -> Box | None:
    """The smallest box that holds two; None counts as nothing."""
    if one is None or other is None:
        return other if one is None else one
    first, second = one.xyxy, other.xyxy
    x1, y1 = (min(a, b) for a, b in zip(first[:2], second[:2], strict=True))
    x2, y2 = (max(a, b) for a, b in zip(first[2:], second[2:], strict=True))
    return Box.from_xyxy(x1, y1, x2, y2)


def best_mask(masks: list[HardHW], box: Box, settings: ColourSettings) -> HardHW | None:
    """The plausible candidate that fits the box best and agrees most with the others."""
    scored = []
    for mask in masks:
        share = np.count_nonzero(mask) / max(box.area, 1.0)
        tight = robust_box(mask, 0.01)
        if tight is None or not settings.least <= share <= settings.most:
            continue
        agreement = float(np.mean([_iou(mask, other) for other in masks]))
        scored.append((box.iou(tight) + 0.5 * agreement, mask))
    return max(scored, key=lambda pair: pair[0])[1] if scored else None


def geodesic_hw(features_hwc: NDArray[np.float32], outside_hw: HardHW) -> SoftHW:
    """Length of the cheapest path from every pixel to the nearest pixel outside.

    Args:
        features_hwc: (H, W, C); a step costs the distance of its two pixels in this space.
        outside_hw: Where paths start, at least one pixel.

    Returns:
        float32 of shape (H, W), 0 outside.
    """
    height, width = outside_hw.shape
    index = np.arange(height * width).reshape(height, width)
    starts, ends, costs = [], [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
        there = (slice(dy, height), slice(max(0, dx), width - max(0, -dx)))
        step = features_hwc[here] - features_hwc[there]
        starts.append(index[here].ravel())
        ends.append(index[there].ravel())
        # The constant keeps zero-cost steps from vanishing out of the sparse graph.
        costs.append(np.sqrt((step * step).sum(axis=2)).ravel() + 0.02)
    edges = (np.concatenate(starts), np.concatenate(ends))
    graph = coo_matrix((np.concatenate(costs), edges), shape=(height * width,) * 2).tocsr()
    sources = np.flatnonzero(outside_hw)
    distance = dijkstra(graph, directed=False, indices=sources, min_only=True)
    return distance.reshape(height, width).astype(np.float32)


def stretched_lab(frame_hwc: FrameHWC, chroma: float) -> NDArray[np.uint8]:
    """8-bit Lab with its two chroma channels stretched about grey, uint8 (H, W, 3)."""
    lab = cv2.cvtColor(frame_hwc, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 1:] = (lab[..., 1:] - 128) * chroma + 128
    return np.clip(lab, 0, 255).astype(np.uint8)


def _candidates(view: FrameHWC, box: Box, settings: ColourSettings) -> Iterator[HardHW]:
    height, width = view.shape[:2]
    lab = stretched_lab(view, settings.chroma)
    inside = box.fill((width, height))
    inside[[0, -1]] = inside[:, [0, -1]] = False  # a box that covers the view has no outside
    if not inside.any() or float(lab.reshape(-1, 3).std(axis=0).max()) < 1.0:
        return  # nothing to tell apart
    smooth = cv2.GaussianBlur(lab, (0, 0), 1.0).astype(np.float32)
    distance = geodesic_hw(smooth, ~inside)
    far = distance > _otsu(distance[inside])
    yield _cut(lab, inside, inside, settings.iterations)
    yield _cut(lab, inside, inside & far, settings.iterations)
    yield inside & far


def _cut(lab: NDArray[np.uint8], inside: HardHW, likely: HardHW, iterations: int) -> HardHW:
    labels = np.where(inside, np.uint8(cv2.GC_PR_BGD), np.uint8(cv2.GC_BGD)).astype(np.uint8)
    labels[likely] = cv2.GC_PR_FGD
    if np.count_nonzero(likely) < 6 or np.count_nonzero(~likely) < 6:
        return likely
    cv2.setRNGSeed(0)  # GrabCut clusters colours at random; the same box gives the same mask
    grab_cut: Any = cv2.grabCut
    models = (np.zeros((1, 65)), np.zeros((1, 65)))
    grab_cut(lab, labels, (0, 0, 1, 1), *models, iterations, cv2.GC_INIT_WITH_MASK)
    cut: HardHW = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return cut


def _otsu(values: SoftHW) -> float:
    top = float(np.percentile(values, 99)) + 1e-6
    levels = np.clip(values / top * 255, 0, 255).astype(np.uint8).reshape(-1, 1)
    return cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)[0] / 255 * top


def _crop(
    frame: FrameHWC, box: Box, settings: ColourSettings
) -> tuple[FrameHWC, tuple[int, int, int, int]]:
    height, width = frame.shape[:2]
    least = 0.25 * float(np.sqrt(box.area))  # long thin boxes need surroundings on all sides
    margin_x = max(box.w * (settings.grow - 1) / 2, least, 6.0)
    margin_y = max(box.h * (settings.grow - 1) / 2, least, 6.0)
    x1, x2 = max(0, int(box.x - margin_x)), min(width, int(np.ceil(box.x + box.w + margin_x)))
    y1, y2 = max(0, int(box.y - margin_y)), min(height, int(np.ceil(box.y + box.h + margin_y)))
    scale = min(1.5, settings.side / float(np.sqrt(box.area)))
    # A long box must not turn into a huge view.
    scale = min(scale, 8 * settings.side / max(x2 - x1, y2 - y1))
    size = (max(3, round((x2 - x1) * scale)), max(3, round((y2 - y1) * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    view = cv2.resize(frame[y1:y2, x1:x2], size, interpolation=how)
    return np.ascontiguousarray(view, dtype=np.uint8), (x1, y1, x2, y2)


def _iou(first: HardHW, second: HardHW) -> float:
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0
