"""The doubt of a frame: each part against a plain count, the formula, the choice of frames."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectrack.spectral.doubt import DoubtMeter, doubt, jumps, most_doubtful, most_useful, reasons


def square(y, x, side=10, value=1.0):
    soft = np.zeros((30, 40), np.float32)
    soft[y : y + side, x : x + side] = value
    return soft


def test_the_parts_of_a_frame():
    meter = DoubtMeter()
    after = square(5, 5, value=0.75)
    after[5, 5] = 0.25  # below one half: not in the mask
    meter.add(square(5, 7) >= 0.5, after)
    parts = meter.parts()
    # 99 pixels of 100 are left, 80 of them were there before.
    assert parts["change"][0] == pytest.approx(1 - 80 / 119)
    assert parts["weakness"][0] == pytest.approx(0.25)
    assert parts["jump"][0] == 0
    assert "disagreement" not in parts


def test_the_formula_adds_the_parts():
    meter = DoubtMeter()
    meter.disagree(0.3)
    meter.add(square(5, 5) >= 0.5, square(5, 5, value=0.8))
    info = meter.info()
    assert info["doubt"] == [pytest.approx(1 - math.exp(-2 * (0.3 + 0.2)), abs=1e-4)]
    assert info["doubt_parts"]["disagreement"] == [0.3]


def test_doubt_is_between_0_and_1_and_grows_with_every_part(rng):
    parts = {name: rng.random(50) for name in ("disagreement", "change", "weakness", "jump")}
    before = doubt(parts)
    assert before.min() >= 0
    assert before.max() < 1
    for name, values in parts.items():
        assert (doubt({**parts, name: values + 0.1 * (1 - values)}) > before).all()
    assert doubt({"change": np.zeros(3), "weakness": np.zeros(3)}).tolist() == [0, 0, 0]


def test_an_object_that_is_not_there_is_no_reason_to_doubt():
    meter, nothing = DoubtMeter(), np.zeros((30, 40), np.float32)
    for _ in range(40):
        meter.add(nothing >= 0.5, nothing)
    assert meter.info()["doubt"] == [0.0] * 40


def test_a_mask_that_the_filter_removes_is_doubtful():
    meter = DoubtMeter()
    meter.add(square(5, 5) >= 0.5, square(5, 5, value=0.1))
    assert meter.parts()["change"][0] == meter.parts()["weakness"][0] == 1


def test_jumps_against_the_usual_area():
    areas = np.full(60, 100)
    areas[20], areas[40] = 0, 200
    found = jumps(areas)
    assert found[20] == 1
    assert found[40] == 0.25
    assert found.sum() == 1.25
    growing = np.round(100 * 1.01 ** np.arange(80))
    assert jumps(growing).max() < 0.02


def test_frames_are_peaks_and_apart():
    values = np.zeros(60)
    values[[10, 11, 12]] = 0.5, 0.9, 0.6
    values[[17, 40]] = 0.8, 0.7
    assert most_doubtful(values, 3, apart=8)[:2] == [11, 40]
    assert most_doubtful(values, 3, apart=6) == [11, 17, 40]
    assert most_doubtful(values, 1, apart=1) == [11]
    assert most_doubtful(np.array([0.3]), 5, apart=8) == [0]
    chosen = most_doubtful(np.random.default_rng(0).random(500), 20, apart=15)
    assert len(chosen) == 20
    assert min(np.diff(sorted(chosen))) >= 15


def test_reasons_are_what_stands_out():
    parts = {
        "disagreement": np.array([0.4, 0.4, 0.4, 0.6]),
        "change": np.array([0.1, 0.1, 0.1, 0.1]),
        "weakness": np.array([0.1, 0.1, 0.1, 0.25]),
        "jump": np.zeros(4),
    }
    assert reasons(parts, 3) == ["methods disagree", "weak response"]
    assert reasons(parts, 0) == []


def test_the_most_useful_frame_answers_most_doubt(rng):
    """Against sums written out; a broad hill is worth more than a high spike."""
    doubts = np.zeros(60)
    doubts[10], doubts[30:45] = 0.9, 0.4
    doubts += 0.01 * rng.random(60)
    doubts[[0, 37]] = 0  # known

    def answered(left, t, reach):
        return sum(left[s] * max(0, 1 - abs(s - t) / reach) for s in range(60))

    found = most_useful(doubts, 3, 4, reach=6)
    left, chosen = doubts.copy(), []
    for _ in range(3):
        free = [t for t in range(60) if doubts[t] and all(abs(t - c) >= 4 for c in chosen)]
        gains = {t: answered(left, t, 6) for t in free}
        chosen.append(max(gains, key=gains.get))
        assert found[len(chosen) - 1] == (chosen[-1], pytest.approx(gains[chosen[-1]]))
        left = [v * (1 - max(0, 1 - abs(s - chosen[-1]) / 6)) for s, v in enumerate(left)]
    assert 32 <= chosen[0] <= 42
    assert most_useful(np.zeros(5), 3, 1) == []
    assert len(most_useful(np.ones(5), 9, 2)) == 3
