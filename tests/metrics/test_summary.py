"""Mean, recall, decay and their sums."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrack.errors import InputError
from spectrack.metrics.summary import Summary, Sums, decay_bins, summarise

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_by_hand():
    scores = [1.0, 0.5, 0.5, 0.75, 0.25, 0.0]
    summary = summarise(scores)
    assert summary.mean == pytest.approx(0.5)
    assert summary.recall == pytest.approx(2 / 6)  # 0.5 itself is not above 0.5
    # Borders at frames 1, 2.25, 3.5, 4.75, 6: rounded, halves up, to 1, 2, 4, 5, 6.
    assert [(b.start, b.stop) for b in decay_bins(6)] == [(0, 2), (1, 4), (3, 5), (4, 6)]
    assert summary.decay == pytest.approx((1.0 + 0.5) / 2 - (0.25 + 0.0) / 2)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 48, 102, 257, 1000])
def test_bins_cover_all_frames_and_share_borders(frames):
    bins = decay_bins(frames)
    assert len(bins) == 4
    assert bins[0].start == 0
    assert bins[-1].stop == frames
    for left, right in pairwise(bins):
        assert right.start == left.stop - 1
    lengths = [b.stop - b.start for b in bins]
    assert max(lengths) - min(lengths) <= 1


@given(SCORES)
def test_summary_equals_numpy(scores):
    summary = summarise(scores)
    assert summary.frames == len(scores)
    assert summary.mean == pytest.approx(np.mean(scores))
    assert summary.recall == sum(s > 0.5 for s in scores) / len(scores)


def test_frames_without_score_are_left_out():
    summary = summarise(np.array([np.nan, 1.0, 0.5, 0.0, 1.0, 0.25, np.nan]))
    assert summary.frames == 5
    assert summary.mean == pytest.approx(0.55)
    # First quarter: frames 1 to 3, last: 6 and 7.
    assert summary.decay == pytest.approx(0.75 - 0.25)
    assert math.isnan(summarise(np.array([np.nan, np.nan, np.nan, 1.0])).decay)


@given(st.lists(SCORES, min_size=1, max_size=12), st.data())
def test_parts_add_up_to_the_whole(sequences, data):
    summaries = [summarise(scores) for scores in sequences]
    cut = data.draw(st.integers(0, len(summaries)))
    whole = Sums.of(*summaries)
    merged = Sums.of(*summaries[:cut]) + Sums.of(*summaries[cut:])
    swapped = Sums.of(*summaries[cut:]) + Sums.of(*summaries[:cut])
    for total in (merged, swapped):
        assert total.sequences == whole.sequences == len(sequences)
        assert total.frames == whole.frames == sum(map(len, sequences))
        assert total.mean == pytest.approx(np.mean([s.mean for s in summaries]))
        assert total.recall == pytest.approx(np.mean([s.recall for s in summaries]))
        assert total.decay == pytest.approx(np.mean([s.decay for s in summaries]))
        assert total.frame_mean == pytest.approx(np.mean(np.concatenate(sequences)))


def test_sums_leave_out_missing_decays_and_empty_parts():
    total = Sums() + Sums.of(Summary(0.5, 0.5, math.nan, 3), Summary(0.7, 1.0, 0.1, 1))
    assert total.decay == pytest.approx(0.1)
    assert total.mean == pytest.approx(0.6)
    assert total.frame_mean == pytest.approx((1.5 + 0.7) / 4)
    assert math.isnan(Sums().mean)


@pytest.mark.parametrize("scores", [[], [math.nan], np.zeros((2, 2))])
def test_refuses_no_scores(scores):
    with pytest.raises(InputError, match="one score a frame"):
        summarise(scores)
