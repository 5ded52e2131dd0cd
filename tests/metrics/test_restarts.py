"""Measures of runs with restarts against loops over codes of frames, and worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.metrics.expected_overlap import eao_curve
from spectrack.metrics.restarts import (
    RestartedRun,
    restart_score,
    restart_segments,
    restart_total,
)

NAN = np.nan


def made_up(rng, total):
    """A run as a tracker with bad luck makes it: fails now and then, starts five frames later."""
    overlaps, starts, failures = np.full(total, NAN), [], []
    frame, fresh = 0, True
    while frame < total:
        if fresh:
            starts.append(frame)
            fresh = False
        elif rng.random() < 0.05:
            failures.append(frame)
            frame, fresh = frame + 5, True
            continue
        else:
            overlaps[frame] = rng.random()
        frame += 1
    return RestartedRun(overlaps, tuple(starts), tuple(failures))


def codes(run):
    """1 start, 2 failure, 0 skipped, 3 followed: how results of the challenge are written down."""
    out = []
    for frame in range(len(run.overlaps)):
        if frame in run.starts:
            out.append(1)
        elif frame in run.failures:
            out.append(2)
        else:
            followed = [1] + [c for c in out if c != 3]
            out.append(3 if followed[-1] == 1 and out else 0)
    return out


def slow_valid(run, burn_in):
    """Frame by frame: the last start, and whether it lies far enough behind."""
    valid, since = [], None
    for code in codes(run):
        if code == 1:
            since = 0
        elif code != 3:
            since = None
        valid.append(code == 3 and since is not None and since >= burn_in)
        if since is not None:
            since += 1
    return valid


def test_worked_by_hand():
    overlaps = np.array([NAN, 0.9, 0.7, NAN, NAN, NAN, NAN, 0.5, 0.3])
    run = RestartedRun(overlaps, starts=(0, 6), failures=(3,))
    score = restart_score([run], burn_in=2)
    assert score.accuracy == pytest.approx((0.7 + 0.3) / 2)
    assert (score.failures, score.frames, score.valid) == (1, 9, 2)
    assert score.failure_rate == pytest.approx(100 / 9)
    assert score.reliability() == pytest.approx(math.exp(-30 / 9))
    first, second = run.segments
    assert (first.failed, second.failed) == (True, False)
    assert eao_curve(run.segments, 3)[1:] == pytest.approx(
        [(0.9 + 0.5) / 2, (1.6 / 2 + 0.8 / 2) / 2, 1.6 / 3]
    )


def test_a_failure_in_the_last_frames_has_no_start_behind_it():
    run = RestartedRun(np.array([NAN, 0.5, NAN, NAN]), (0,), (2,))
    assert [s.failed for s in run.segments] == [True]
    assert restart_score([run], burn_in=1).accuracy == 0.5


def test_equals_loops(rng):
    for total in (12, 60, 200):
        runs = [made_up(rng, total) for _ in range(4)]
        score = restart_score(runs)
        means = []
        for frame in range(total):
            seen = [r.overlaps[frame] for r in runs if slow_valid(r, 10)[frame]]
            if seen:
                means.append(sum(seen) / len(seen))
        assert score.valid == len(means)
        assert score.failures == sum(len(r.failures) for r in runs) / 4
        if means:
            assert score.accuracy == pytest.approx(sum(means) / len(means))
        else:
            assert math.isnan(score.accuracy)


def test_total_weighs_frames(rng):
    videos = {name: [made_up(rng, n)] for name, n in (("a", 90), ("b", 40), ("c", 8))}
    scores = [restart_score(runs) for runs in videos.values()]
    pooled = np.concatenate([r.overlaps[r.valid()] for runs in videos.values() for r in runs])
    total = restart_total(scores)
    assert total.accuracy == pytest.approx(pooled.mean())
    assert total.frames == 138
    assert total.failures == sum(len(r.failures) for runs in videos.values() for r in runs)
    segments = list(restart_segments(videos))
    assert len(segments) == sum(len(r.starts) for runs in videos.values() for r in runs)


def test_frames_without_truth_do_not_count():
    overlaps = np.array([NAN, 0.5, NAN, 0.7])
    assert restart_score([RestartedRun(overlaps, (0,))], burn_in=1).accuracy == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("starts", "failures"),
    [((), ()), ((0, 3), ()), ((0,), (2, 4)), ((3, 0), (2,)), ((0, 9), (2,)), ((2, 4), (2,))],
)
def test_refuses_what_does_not_take_turns(starts, failures):
    with pytest.raises(InputError, match="take turns"):
        RestartedRun(np.zeros(6), starts, failures)


def test_refuses_runs_of_other_videos():
    with pytest.raises(InputError, match="0 runs"):
        restart_score([])
    with pytest.raises(InputError, match="2 runs of different lengths"):
        restart_score([RestartedRun(np.zeros(4), (0,)), RestartedRun(np.zeros(5), (0,))])
