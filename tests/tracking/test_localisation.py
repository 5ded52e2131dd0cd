"""Peaks of score maps and their flags, against the reference's cases and plain rules."""

import math

import numpy as np
import pytest
import torch

from spectrack.tracking.localisation import Flag, ScoreMap, Thresholds, find_peak, localise
from spectrack.tracking.patches import pair

CASES = (
    {(9, 10): 0.9},
    {(9, 10): 0.2},
    {(9, 10): 0.9, (2, 2): 0.85},
    {(9, 10): 0.9, (2, 2): 0.5},
    {(1, 1): 0.9, (9, 9): 0.85},
    {(0, 0): 0.9, (18, 18): 0.85},
    {(9, 10): 0.9, (13, 13): 0.8},
    {(9, 10): 0.9, (10, 11): 0.8},
)
SCALE = 1.5


def score_map(peaks, size=19):
    values = torch.full((size, size), 0.01)
    for (row, col), value in peaks.items():
        values[row, col] = value
    return ScoreMap.of_filter(values, (288, 288), (18, 18))


PUBLISHED = Thresholds()


def look(peaks, limits=PUBLISHED):
    last = (pair((105, 203)) - pair((100, 200))) / SCALE
    return localise(score_map(peaks), pair((40, 60)) / SCALE, last, limits)


def test_cases_are_the_reference(golden):
    found = [look(peaks) for peaks in CASES]
    moved = np.stack([sighting.moved_yx * SCALE for sighting in found])
    golden.compare("dimp", "localize.translation", moved, 1e-6)
    flags = golden.manifest["dimp"]["localize.flags"]
    assert [sighting.flag.value for sighting in found] == flags


def test_the_score_is_that_of_the_peak_chosen():
    assert look(CASES[0]).score == pytest.approx(0.9)
    far = look(CASES[4])  # the second peak is near where the target was
    assert far.flag is Flag.HARD_NEGATIVE
    assert far.score == pytest.approx(0.85)
    assert far.moved_yx == pytest.approx((0, 0))


def test_of_equal_scores_the_first_column_wins():
    values = np.zeros((4, 5), np.float32)
    values[3, 1] = values[0, 2] = 1
    peak = find_peak(values)
    assert (peak.row, peak.col, peak.score) == (3, 1, 1)


def test_a_map_whose_cells_are_pixels_counts_from_its_own_centre():
    values = np.zeros((32, 32), np.float32)
    values[20, 7] = 1
    scores = ScoreMap(values, pair((1, 1)), pair((16, 16)))
    assert tuple(localise(scores, pair((4, 4)), pair((0, 0)), Thresholds()).moved_yx) == (4, -9)


@pytest.mark.parametrize(("displacement", "flag"), [(0.8, "uncertain"), (0.4, "hard_negative")])
def test_how_near_is_near_can_be_said(displacement, flag):
    peaks = {(9, 9): 0.9, (15, 9): 0.85}  # six cells apart
    assert look(peaks, Thresholds(displacement=displacement)).flag.value == flag


def test_a_peak_near_the_rim_takes_its_neighbourhood_with_it():
    side = 2.2 * 40 / SCALE / 16
    outside = math.ceil(side / 2) + 1
    assert look({(0, 0): 0.9, (1, 1): 0.88}).flag is Flag.NORMAL
    assert look({(0, 0): 0.9, (outside + 1, 0): 0.88}).flag is Flag.UNCERTAIN


def test_only_some_flags_teach():
    assert {flag for flag in Flag if flag.teaches} == {Flag.NORMAL, Flag.HARD_NEGATIVE}
