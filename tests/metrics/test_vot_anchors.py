"""Measures of runs from anchors against a frame-by-frame reading, and worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.metrics.anchors import (
    Anchor,
    AnchoredRun,
    anchor_score,
    anchor_segments,
    anchor_total,
    frames_before_failure,
    place_anchors,
)


def slow_before(overlaps, below, patience):
    """Count down the patience; the failure lies where it began to."""
    left = patience
    for i, overlap in enumerate(overlaps):
        if i > 0 and not math.isnan(overlap) and overlap <= below:
            left -= 1
            if left == 0:
                return i + 1 - patience
        else:
            left = patience
    return len(overlaps)


def test_anchors_of_a_video():
    assert place_anchors(120) == [(0, False), (50, False), (100, True), (119, True)]
    assert place_anchors(101) == [(0, False), (50, False), (100, True)]
    assert place_anchors(1) == [(0, False)]
    assert list(Anchor(2, True).frames(9)) == [2, 1, 0]
    assert list(Anchor(6, False).frames(9)) == [6, 7, 8]
    # Out of sight: on to where it shows, in the direction of the run.
    hidden = {0, 1, 2, 119, 118}
    shown = place_anchors(120, visible=lambda t: t not in hidden)
    assert shown == [(3, False), (50, False), (100, True), (117, True)]
    assert place_anchors(120, visible=lambda t: t == 70) == [(70, False), (70, True)]
    assert place_anchors(120, visible=lambda t: False) == []


@pytest.mark.parametrize(("total", "gap"), [(0, 50), (5, 0)])
def test_refuses_no_frames(total, gap):
    with pytest.raises(InputError, match="gap"):
        place_anchors(total, gap)


@pytest.mark.parametrize("patience", [1, 2, 10])
def test_failures_equal_a_loop(rng, patience):
    for total in (1, 2, 9, 10, 11, 40, 150):
        for share in (0.1, 0.6, 0.95):
            overlaps = np.where(rng.random(total) < share, 0.1, 0.5)
            overlaps[rng.random(total) < 0.03] = np.nan
            expected = slow_before(overlaps.tolist(), 0.1, patience)
            assert frames_before_failure(overlaps, 0.1, patience) == expected


def test_worked_by_hand():
    """Two missed frames in a row fail; the first of them is the failure."""
    forward = AnchoredRun(Anchor(0, False), 6, np.array([1, 0.8, 0.05, 0.6, 0.1, 0.0]))
    backward = AnchoredRun(Anchor(5, True), 6, np.array([0, 0.5, 0.5, 0.5, 0.5, 0.5]))
    assert forward.followed(patience=2) == 4
    score = anchor_score([forward, backward], patience=2)
    assert score.robustness == pytest.approx((4 + 6) / 12)
    assert score.accuracy == pytest.approx((0.8 + 0.05 + 0.6 + 5 * 0.5) / (3 + 5))
    one, two = anchor_segments({"video": [forward, backward]}, patience=2)
    assert (len(one.overlaps), one.failed) == (4, True)
    assert (len(two.overlaps), two.failed) == (6, False)


def test_equals_loops_over_videos(rng):
    videos = {}
    for name, total in (("a", 130), ("b", 75), ("c", 12)):
        videos[name] = [
            AnchoredRun(
                anchor,
                total,
                np.where(rng.random(len(anchor.frames(total))) < 0.7, 0, rng.random()),
            )
            for anchor in place_anchors(total)
        ]
    a_sum = a_weight = r_sum = r_weight = 0.0
    for runs in videos.values():
        before = [slow_before(run.overlaps.tolist(), 0.1, 10) for run in runs]
        lengths = [len(run.overlaps) for run in runs]
        robustness = sum(n / t * t for n, t in zip(before, lengths, strict=True)) / sum(lengths)
        good = sum(
            run.overlaps[i] for run, n in zip(runs, before, strict=True) for i in range(1, n)
        )
        frames = sum(n - 1 for n in before)
        a_sum, a_weight = a_sum + good, a_weight + frames
        r_sum, r_weight = r_sum + robustness * runs[0].frames, r_weight + runs[0].frames
    total = anchor_total([anchor_score(runs) for runs in videos.values()])
    assert total.accuracy == pytest.approx(a_sum / a_weight)
    assert total.robustness == pytest.approx(r_sum / r_weight)
    assert total.frames == 217


def test_nothing_followed_has_no_accuracy():
    lost = AnchoredRun(Anchor(0, False), 30, np.zeros(30))
    score = anchor_score([lost])
    assert math.isnan(score.accuracy)
    assert score.robustness == pytest.approx(1 / 30)
    assert math.isnan(anchor_total([score]).accuracy)


def test_refuses_what_does_not_fit():
    with pytest.raises(InputError, match="expected 6, one a frame"):
        AnchoredRun(Anchor(5, True), 10, np.zeros(5))
    with pytest.raises(InputError, match="0 runs"):
        anchor_score([])
    with pytest.raises(InputError, match="different lengths"):
        anchor_score(
            [AnchoredRun(Anchor(0, False), n, np.zeros(n)) for n in (4, 5)],
        )
