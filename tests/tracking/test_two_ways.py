"""Fusing two answers: weights written out, what contradicts, and what is about the same."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.structures import Box, Mask, Prediction
from spectrack.tracking.two_ways import APART, SURE, TwoWays, Weigher, fuse, overlap
from spectrack.tracks import Entry

SIZE = (20, 16)


def entry(box, score=0.8, found=True, mask=True):
    made = Box(*box)
    return Entry(made, Mask.encode(made.fill(SIZE)) if mask else None, score, found)


def nothing():
    return Entry(None, Mask.empty(SIZE), 0.0, False)


def test_weights_written_out():
    forward = [entry((2, 2, 8, 8), 1.0), entry((2, 2, 8, 6), 0.9), entry((2, 2, 8, 4), 0.6)]
    backward = [entry((2, 2, 8, 6), 0.7), entry((2, 2, 8, 8), 0.8), entry((2, 2, 8, 8), 1.0)]
    settings = TwoWays(calm=0.2, nearness=2.0, arrival=3.0, confidence=0.5)
    weigher = Weigher(forward, backward, settings)
    agree = np.array([48 / 64, 48 / 64, 32 / 64])
    np.testing.assert_allclose(weigher.agreement, agree)
    steps = [0.2 + 1 - (agree[0] + agree[1]) / 2, 0.2 + 1 - (agree[1] + agree[2]) / 2]
    place = steps[0] / sum(steps)
    one = (1 - place) ** 2 * (1 - place * (1 - agree[2])) ** 3 * 0.9**0.5
    other = place**2 * (1 - (1 - place) * (1 - agree[0])) ** 3 * 0.8**0.5
    assert weigher.shares(1) == pytest.approx(
        (one / (one + other), other / (one + other)), rel=1e-4
    )
    assert weigher.shares(0)[0] == pytest.approx(1, abs=1e-3)
    assert weigher.shares(2)[1] == pytest.approx(1, abs=1e-3)


def test_where_they_contradict_the_unsure_do_not_count():
    here, there = (1, 1, 5, 5), (12, 8, 5, 5)
    forward = [entry(here), entry(here, 0.3), entry(here, 0.3), entry(here, 0.7), nothing()]
    backward = [entry(here), entry(there, 0.4), entry(there, 0.9), nothing(), entry(here)]
    shares = [Weigher(forward, backward).shares(t) for t in range(5)]
    assert overlap(forward[1], backward[1]) < APART
    assert SURE * 0.8 > 0.4
    assert shares[1] == (0, 0)
    assert shares[2] == (0, 1)
    assert shares[3] == (1, 0)
    assert shares[4] == (0, 1)


def test_overlap_of_answers():
    assert overlap(entry((0, 0, 4, 4)), entry((2, 0, 4, 4))) == pytest.approx(8 / 24)
    pair = [entry((x, 0, 4, 4), mask=False) for x in (0, 1)]
    assert overlap(*pair) == pytest.approx(12 / 20)
    assert overlap(nothing(), nothing()) == 1
    assert overlap(nothing(), entry((0, 0, 4, 4))) == 0
    empty = Entry(Box(0, 0, 1, 1), Mask.empty(SIZE), 0.5, True)
    assert overlap(empty, empty) == 1


def prediction(box, score, mask=True):
    made = Box(*box)
    return Prediction(made, made.fill(SIZE).astype(np.float32) if mask else None, score)


def test_one_answer_of_two():
    a, b = prediction((2, 2, 8, 8), 0.9), prediction((3, 2, 8, 8), 0.5)
    found = fuse(a, b, (0.75, 0.25))
    np.testing.assert_allclose(found.mask, 0.75 * a.mask + 0.25 * b.mask)
    assert found.score == pytest.approx(0.75 * 0.9 + 0.25 * 0.5)
    assert tuple(found.box) == pytest.approx((2.25, 2, 8, 8))
    far = prediction((12, 8, 6, 6), 0.5)
    assert fuse(a, far, (0.3, 0.7)).box == far.box
    lost = Prediction(None, np.zeros(SIZE[::-1], np.float32), 0.1, found=False)
    assert fuse(a, lost, (0.2, 0.8)) is lost
    np.testing.assert_array_equal(fuse(a, lost, (1.0, 0.0)).mask, a.mask)
    none = fuse(a, b, (0.0, 0.0))
    assert (none.box, none.found, none.score) == (None, False, 0)
    assert not none.mask.any()
    c, d = prediction((2, 2, 8, 8), 0.9, mask=False), prediction((3, 2, 8, 8), 0.5, mask=False)
    assert tuple(fuse(c, d, (0.5, 0.5)).box) == pytest.approx((2.5, 2, 8, 8))
    assert fuse(c, d, (0.5, 0.5)).mask is None
    assert fuse(c, d, (0.0, 0.0)).mask is None
