"""The journey: covered and away exactly when its plan says so, with exact masks."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import cv2
import numpy as np
import pytest

from spectrack.datasets.synthetic.journey import (
    ABSENCES,
    RAMP,
    SLACK,
    Absence,
    Journey,
    iterate_journey,
    journey_sequence,
)
from spectrack.errors import InputError

SMALL = (96, 72)
PLAN = (
    Absence("pad", 90, 105),
    Absence("exit", 380, 410, "bottom", "right"),
    Absence("bridge", 690, 720),
)


@pytest.fixture(scope="module")
def masks():
    """Masks by frame: all frames about the ends of absences, every fifth elsewhere."""
    journey = Journey(SMALL, 2, PLAN)
    ends = {end + k for a in PLAN for end in (a.start, a.end) for k in range(-16, 16)}
    return {t: journey.render(t)[1] for t in range(800) if t in ends or t % 5 == 0}


def painted(journey, times, grey):
    """Frames in which the target is of one grey."""
    plain = Journey(journey.size_wh, journey.seed, journey.absences)
    plain._target = replace(plain._target, skin=np.full_like(plain._target.skin, grey))
    return [plain.render(time)[0].astype(int).max(axis=2) for time in times]


def test_out_of_sight_exactly_while_the_plan_says_so(masks):
    journey = Journey(SMALL, 2, PLAN)
    usual = np.median([mask.sum() for mask in masks.values() if mask.any()])
    for time, mask in masks.items():
        if journey.absence(time) is not None:
            assert not mask.any(), time
            continue
        gap = min(max(a.start - time, time - a.end + 1) for a in PLAN)
        assert mask.any() or gap <= SLACK, time
        assert mask.sum() > 0.4 * usual or gap <= RAMP, time


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("absence", ABSENCES, ids=lambda a: f"{a.kind}{a.start}")
def test_the_plan_holds_for_other_seeds(seed, absence):
    journey = Journey(((160, 120), (214, 120), (120, 160))[seed], seed)
    for time in (absence.start, (absence.start + absence.end) // 2, absence.end - 1):
        assert not journey.render(time)[1].any()
    for time in (absence.start - SLACK - 1, absence.end + SLACK):
        assert journey.render(time)[1].any()
    for time in (absence.start - RAMP, absence.end + RAMP):
        assert journey.render(time)[1].sum() > 100


def test_mask_is_what_is_seen_of_the_target():
    """A white target differs from a black one just where the target is seen."""
    journey = Journey((192, 144), 1, PLAN)
    times = [0, 75, 110, 375, 415, 675, 680, 731]
    black, white = (painted(journey, times, grey) for grey in (0, 255))
    partly = 0
    for time, dark, bright in zip(times, black, white, strict=True):
        mask = journey.render(time)[1]
        differs = bright - dark
        square = np.ones((3, 3), np.uint8)
        inner = cv2.erode(mask.astype(np.uint8), square, borderValue=1) > 0
        outer = cv2.dilate(mask.astype(np.uint8), square) > 0
        # Thin tips of fins, of less than half a pixel, belong to no mask.
        assert np.count_nonzero(differs[~outer] > 8) <= 1, time
        assert np.count_nonzero(differs[inner] < 100) <= 2, time  # the eyes are dark
        # Elsewhere half of a pixel decides.
        assert np.count_nonzero(mask != (differs > 90)) <= 4 + 0.1 * mask.sum(), time
        partly += 0 < mask.sum() < 0.7 * journey.render(0)[1].sum()
    assert partly >= 3


def test_it_comes_back_over_another_edge(masks):
    exit_ = PLAN[1]
    seen = [t for t in masks if masks[t].any()]
    last = masks[max(t for t in seen if t < exit_.start)]
    first = masks[min(t for t in seen if t >= exit_.end)]
    assert last[-2:].any()
    assert not last[:, -2:].any()
    assert first[:, -2:].any()
    assert not first[-2:].any()


def test_target_moves_turns_and_deforms(masks):
    far = [m for t, m in masks.items() if t % 20 == 0 and m.any()]
    centres = np.array([np.argwhere(m).mean(axis=0) for m in far])
    assert (np.ptp(centres, axis=0) > 0.25 * np.array(SMALL[::-1])).all()
    steps = [
        (masks[t] & masks[t + 1]).sum() / (masks[t] | masks[t + 1]).sum()
        for t in masks
        if t + 1 in masks and masks[t].any()
    ]
    assert 0.4 < np.mean(steps) < 0.95


def test_others_look_different_from_the_target():
    journey = Journey((160, 120), 0)
    own = journey._target.skin.reshape(-1, 3).mean(axis=0)
    for koi, *_ in journey._others:
        assert np.abs(koi.skin.reshape(-1, 3).mean(axis=0) - own).max() > 30


def test_same_seed_same_clip_and_any_frame_at_random():
    stream = list(islice(iterate_journey(None, (33, 47), 5, PLAN), 12))
    journey = Journey((33, 47), 5, PLAN[::-1])
    for time in (11, 3):
        for given, wanted in zip(journey.render(time), stream[time], strict=True):
            np.testing.assert_array_equal(given, wanted)
    other = Journey((33, 47), 6, PLAN).render(3)[0]
    assert (other != stream[3][0]).any()
    assert stream[0][0].shape == (47, 33, 3)
    assert stream[0][0].dtype == np.uint8


def test_as_a_sequence(masks):
    sequence = journey_sequence(Journey(SMALL, 2, PLAN), 800)
    assert len(sequence) == 800
    np.testing.assert_array_equal(sequence.truth_mask(120), masks[120])
    assert sequence.truth_box(95) is None
    with sequence.frames() as frames:
        assert (frames.size_wh, len(frames)) == (SMALL, 800)
        np.testing.assert_array_equal(frames[4], Journey(SMALL, 2, PLAN).render(4)[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Absence("pad", 90, 90), "is empty"),
        (lambda: Absence("cloud", 90, 95), "use pad, bridge or exit"),
        (lambda: Absence("exit", 90, 95, "up"), "edge 'up' is unknown"),
        (lambda: Journey(SMALL, 0, (Absence("pad", RAMP - 1, 95),)), "starts less than"),
        (lambda: Journey(SMALL, 0, (PLAN[0], Absence("pad", 200, 210))), "starts less than"),
        (lambda: Journey((20, 90)), "32x32"),
        (lambda: Journey(SMALL).render(-1), "count from 0"),
        (lambda: journey_sequence(Journey(SMALL), 0), "at least 1"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(InputError, match=message):
        make()
