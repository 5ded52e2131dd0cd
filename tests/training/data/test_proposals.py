"""Boxes about a true one: least overlaps, spreads, and densities that are what they say."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.structures import Box
from spectrack.training.data.proposals import mixture_boxes, near_boxes, overlaps_with

BOX = Box(40.5, 60, 50, 80)


def test_overlaps_are_those_of_boxes(rng: np.random.Generator) -> None:
    boxes = np.concatenate([rng.uniform(20, 90, (40, 2)), rng.uniform(1, 90, (40, 2))], 1)
    each = [BOX.iou(Box(*one)) for one in boxes.tolist()]
    np.testing.assert_allclose(overlaps_with(BOX, boxes), each, rtol=1e-12)
    assert overlaps_with(BOX, np.array([[1.0, 2.0, 0.0, 0.0]])) == 0


def test_near_boxes_overlap_enough_in_whole_pixels(rng: np.random.Generator) -> None:
    found = near_boxes(BOX, 2000, rng, least=0.3)
    assert found.boxes.shape == (2000, 4)
    assert found.overlaps.min() > 0.3
    np.testing.assert_array_equal(found.boxes, np.rint(found.boxes))
    np.testing.assert_allclose(found.overlaps, overlaps_with(BOX, found.boxes), rtol=1e-5)
    # from nearly right to nearly wrong, as there are five spreads
    assert found.overlaps.max() > 0.95
    assert (found.overlaps > 0.85).mean() > 0.15
    assert (found.overlaps < 0.5).mean() > 0.15


def test_near_boxes_have_the_spread_asked_for(rng: np.random.Generator) -> None:
    found = near_boxes(BOX, 6000, rng, spreads=(0.05,)).boxes
    off = found[:, :2] + found[:, 2:] / 2 - BOX.center
    wanted = 0.05 * np.sqrt(BOX.area)
    # rounding adds a variance of 1/12 to the corner and a quarter of that to half a side
    np.testing.assert_allclose(off.std(0), np.sqrt(wanted**2 + 1 / 12 + 1 / 48), rtol=0.05)
    np.testing.assert_allclose((found[:, 2:] - (BOX.w, BOX.h)).std(0), wanted, rtol=0.06)


def test_boxes_are_drawn_nearer_until_they_overlap_enough(rng: np.random.Generator) -> None:
    """With so wide a spread next to none would in all tries."""
    assert near_boxes(BOX, 100, rng, least=0.7, spreads=(5.0,)).overlaps.min() > 0.7


def test_tiny_targets_end_after_all_tries(rng: np.random.Generator) -> None:
    found = near_boxes(Box(5.4, 5.4, 0.3, 0.3), 20, rng)
    assert np.all(np.isfinite(found.boxes))
    assert found.boxes[:, 2:].min() >= 1


def test_densities_of_the_mixture_are_what_they_say(rng: np.random.Generator) -> None:
    """The mean of p / q over boxes drawn of q is the integral of p, which is 1."""
    found = mixture_boxes(BOX, 200_000, rng, ((0.08, 0.08), (0.4, 0.3)), (0.1, 0.12))
    assert float((found.true.astype(float) / found.sampled).mean()) == pytest.approx(1, abs=0.02)
    ratio = found.true.astype(float) / found.sampled
    off = found.boxes[:, :2] + found.boxes[:, 2:] / 2 - BOX.center
    spread = np.sqrt((ratio[:, None] * (off / (BOX.w, BOX.h)) ** 2).mean(0))
    np.testing.assert_allclose(spread, 0.1, rtol=0.03)
    grown = np.log(found.boxes[:, 2:] / (BOX.w, BOX.h))
    np.testing.assert_allclose(np.sqrt((ratio[:, None] * grown**2).mean(0)), 0.12, rtol=0.03)


def test_the_mixture_has_its_parts(rng: np.random.Generator) -> None:
    found = mixture_boxes(BOX, 20_000, rng)
    grown = np.log(found.boxes[:, 2:] / (BOX.w, BOX.h))
    np.testing.assert_allclose(grown.std(0), np.sqrt((0.05**2 + 0.5**2) / 2), rtol=0.03)
    np.testing.assert_allclose(
        found.overlaps, overlaps_with(BOX, found.boxes), rtol=1e-3, atol=1e-6
    )
