"""Masks as polygons and back, against pycocotools and OpenCV."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from spectrack.errors import InputError
from spectrack.exports.polygons import fill, joined, parts_of, simplified


def masks(rng):
    yield np.zeros((5, 7), bool)
    yield np.ones((5, 7), bool)
    ring = np.ones((9, 9), bool)
    ring[3:6, 2:7] = False
    ring[4, 4] = True  # a part within a hole
    yield ring
    touching = np.zeros((4, 4), bool)
    touching[0, 0] = touching[1, 1] = touching[2, 2] = True
    yield touching
    loop = np.ones((5, 5), bool)  # holes that touch at a corner
    loop[1, 1] = loop[2, 2] = False
    yield loop
    for share in (0.2, 0.5, 0.8):
        for _ in range(10):
            yield rng.random((rng.integers(1, 14), rng.integers(1, 14))) < share
    blob = cv2.GaussianBlur(rng.random((60, 80)), (0, 0), 4)
    yield blob > np.median(blob)


def test_polygons_hold_the_mask_exactly(rng):
    for mask in masks(rng):
        size_wh = (mask.shape[1], mask.shape[0])
        parts = parts_of(mask)
        np.testing.assert_array_equal(fill(parts, size_wh), mask)
        if not parts:
            assert not mask.any()
            continue
        np.testing.assert_array_equal(fill([joined(parts)], size_wh), mask)
        # The rasteriser of COCO's own tools sees the same mask.
        runs = coco.frPyObjects([part.ravel().tolist() for part in parts], *mask.shape)
        np.testing.assert_array_equal(coco.decode(coco.merge(runs)).astype(bool), mask)


def test_parts_are_those_of_opencv(rng):
    blob = cv2.GaussianBlur(rng.random((50, 70)), (0, 0), 3) > 0.5
    count, labels = cv2.connectedComponents(blob.astype(np.uint8), connectivity=4)
    parts = parts_of(blob)
    assert len(parts) == count - 1
    sizes = [int(fill([part], (70, 50)).sum()) for part in parts]
    assert sizes == sorted((int((labels == i).sum()) for i in range(1, count)), reverse=True)


def test_one_pixel():
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    (ring,) = parts_of(mask)
    assert {tuple(corner) for corner in ring} == {(2, 1), (3, 1), (3, 2), (2, 2)}
    assert len(ring) == 4


def test_slanted_polygons_are_filled_by_the_centres_of_pixels(rng):
    for _ in range(20):
        ring = rng.random((rng.integers(3, 8), 2)) * [16, 12] - 2
        mine = fill([ring], (12, 9))
        for y in range(9):
            for x in range(12):
                crossings = 0
                for (x1, y1), (x2, y2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                    if (y1 <= y + 0.5) != (y2 <= y + 0.5):
                        at = x1 + (y + 0.5 - y1) / (y2 - y1) * (x2 - x1)
                        crossings += at <= x + 0.5
                assert mine[y, x] == (crossings % 2 == 1)


def test_simplified_rings_stay_near():
    yy, xx = np.mgrid[:80, :80]
    disc = (xx - 40) ** 2 + (yy - 40) ** 2 < 30**2
    exact, rough = parts_of(disc)[0], parts_of(disc, tolerance=1)[0]
    assert len(rough) < len(exact) / 3
    both = fill([rough], (80, 80))
    assert (both & disc).sum() / (both | disc).sum() > 0.96
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    assert len(simplified(square, 5)) == 4  # it would vanish


@pytest.mark.parametrize(
    "ring", [[[0, 0], [1, 1]], [[0, 0], [np.nan, 1], [1, 0]], [[0, 0], [1e9, 1], [1, 0]], [1, 2, 3]]
)
def test_what_is_no_polygon_is_told(ring):
    with pytest.raises(InputError, match="a polygon"):
        fill([np.array(ring, float)], (4, 4))
