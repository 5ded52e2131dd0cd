"""Rotated boxes beside upright ones: overlap by clipping and the shoelace, and stand-ins.

A polygon is an array (N, 2) of corners (x, y) in pixels in their order around it, either way.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.structures import Box

PolygonN2 = NDArray[np.float64]
Upright = Literal["bounds", "mean_area"]


def polygon_area(polygon_n2: NDArray[Any]) -> float:
    """Area of a simple polygon, square pixels; 0 for fewer than three corners.

    Raises:
        InputError: If it is not an array (N, 2) of finite numbers.
    """
    polygon = _polygon(polygon_n2)
    if len(polygon) < 3:
        return 0.0
    # About the first corner: far from the origin the terms would cancel.
    x, y = (polygon - polygon[0]).T
    return float(abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


def clip_to_box(polygon_n2: NDArray[Any], box_xywh: NDArray[Any]) -> PolygonN2:
    """The part of a polygon inside a box: cut by the half-plane of one side after the other.

    The polygon may be concave; parts are then joined along the border of the box, which adds no
    area.

    Args:
        polygon_n2: Corners, (N, 2).
        box_xywh: Four numbers.

    Returns:
        Corners of the part, (M, 2); M = 0 where nothing is left.

    Raises:
        InputError: As :func:`polygon_area`.
    """
    polygon = _polygon(polygon_n2)
    x, y, w, h = (float(v) for v in box_xywh)
    # Each side: axis, its place, and the sign that makes the inside positive.
    for axis, place, sign in ((0, x, 1.0), (0, x + w, -1.0), (1, y, 1.0), (1, y + h, -1.0)):
        polygon = _half_plane(polygon, sign * (polygon[:, axis] - place))
    return polygon


def shared_area(one_n2: NDArray[Any], other_n2: NDArray[Any]) -> float:
    """Area that two simple polygons share, square pixels, exactly; both may be concave.

    The second is a sum of triangles from its first corner, those that turn the other way taken
    off; the first is cut by each of them.

    Args:
        one_n2: Corners, (N, 2).
        other_n2: Corners, (M, 2); the fewer, the faster.

    Raises:
        InputError: As :func:`polygon_area`.
    """
    one, other = _polygon(one_n2), _polygon(other_n2)
    if len(one) < 3 or len(other) < 3:
        return 0.0
    total = 0.0
    for second, third in pairwise(other[1:]):
        triangle = np.stack([other[0], second, third])
        turn = _side(triangle[:2], third[None])[0]
        part = one if turn else one[:0]
        for edge in (triangle[:2], triangle[1:], triangle[[2, 0]]):
            if len(part):
                part = _half_plane(part, _side(edge, part) * turn)
        total += math.copysign(polygon_area(part), turn)
    return abs(total)


def polygon_overlap(one_n2: NDArray[Any], other_n2: NDArray[Any]) -> float:
    """Intersection over union of two simple polygons, in [0, 1]; 0 where both are empty.

    Args:
        one_n2: Corners, (N, 2).
        other_n2: Corners, (M, 2).

    Raises:
        InputError: As :func:`polygon_area`.
    """
    both = shared_area(one_n2, other_n2)
    union = polygon_area(one_n2) + polygon_area(other_n2) - both
    return min(both / union, 1.0) if union > 0 else 0.0


def polygon_box_overlap(polygon_n2: NDArray[Any], box_xywh: NDArray[Any]) -> float:
    """Intersection over union of a polygon and a box, in [0, 1]; 0 where both are empty.

    Args:
        polygon_n2: Corners, (N, 2).
        box_xywh: Four numbers, w, h >= 0.

    Raises:
        InputError: As :func:`polygon_area`.
    """
    both = polygon_area(clip_to_box(polygon_n2, box_xywh))
    union = polygon_area(polygon_n2) + float(box_xywh[2]) * float(box_xywh[3]) - both
    return min(both / union, 1.0) if union > 0 else 0.0


def upright_box(corners_n2: NDArray[np.float64], how: Upright = "bounds") -> Box:
    """An axis-aligned box in the place of a rotated rectangle.

    ``bounds`` is the tightest box around its corners. ``mean_area`` keeps the centre (the mean of
    the corners) and the proportions of that box but shrinks it to the area of the rectangle, the
    product of two neighbouring sides; so the box holds as much background as it cuts off target
    (the conversion many trackers use on VOT; the pixel that some code adds to both sides is left
    out, as our boxes are edges).

    Args:
        corners_n2: Corners in their order, (4, 2), pixels.
        how: ``bounds`` or ``mean_area``.
    """
    low, high = corners_n2.min(axis=0), corners_n2.max(axis=0)
    sides = high - low
    if how == "bounds":
        return Box(*low.tolist(), *sides.tolist())
    a, b, c = corners_n2[:3]
    area = float(np.linalg.norm(b - a) * np.linalg.norm(c - b))
    around = float(np.prod(sides))
    w, h = sides * (math.sqrt(area / around) if around > 0 else 0.0)
    x, y = corners_n2.mean(axis=0)
    return Box(float(x - w / 2), float(y - h / 2), float(w), float(h))


def _side(edge_22: NDArray[np.float64], points_n2: PolygonN2) -> NDArray[np.float64]:
    """On which side of the line through two points others lie: (N,), 0 on the line."""
    (x, y), (dx, dy) = edge_22[0], edge_22[1] - edge_22[0]
    found: NDArray[np.float64] = dx * (points_n2[:, 1] - y) - dy * (points_n2[:, 0] - x)
    return found


def _half_plane(polygon: PolygonN2, inside: NDArray[np.float64]) -> PolygonN2:
    """The part of a polygon where a linear function of its corners, ``inside``, is >= 0."""
    corners: list[NDArray[np.float64]] = []
    for here, depth, after, next_depth in zip(
        polygon, inside, np.roll(polygon, -1, axis=0), np.roll(inside, -1), strict=True
    ):
        if depth >= 0:
            corners.append(here)
        if (depth >= 0) != (next_depth >= 0):
            corners.append(here + (after - here) * (depth / (depth - next_depth)))
    return np.array(corners, dtype=np.float64).reshape(-1, 2)


def _polygon(polygon_n2: NDArray[Any]) -> PolygonN2:
    polygon = np.asarray(polygon_n2, dtype=np.float64)
    if polygon.ndim != 2 or polygon.shape[1] != 2 or not np.isfinite(polygon).all():
        raise InputError(
            f"a polygon of shape {polygon.shape} was given; expected corners (n, 2) of finite "
            "numbers x, y"
        )
    return polygon
