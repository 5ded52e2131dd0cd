"""Masks in boxes are averaged, not joined."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.spectral.mixing.online import OnlineMixer
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.trackers.sftrack.weighted_mean import (
    ALONE,
    CARRIED,
    DRAWN,
    ELSEWHERE,
    SLOPE,
    SMALL,
    USUAL,
    mean_of_masks,
    weights_in_frame,
)
from spectrack.trackers.sftrack.weights import load_sftrack


def mixed(names: list[str], carries: list[bool], values: list[list[float]]) -> np.ndarray:
    """The mix of masks of a row of pixels each."""
    channels = np.array(values, dtype=np.float32)[:, None, :]
    return OnlineMixer(mean_of_masks(names, carries)).push(channels).soft_hw[0]


def test_it_is_the_weighted_mean_cut_at_one_half() -> None:
    drawn = [1.0, 0.0, 1.0, 0.9, 0.5, 0.6, 0.2]
    carried = [1.0, 1.0, 0.0, 0.2, 0.5, 0.3, 0.6]
    mean = DRAWN * np.array(drawn) + CARRIED * np.array(carried)
    soft = mixed(["fear", "flow"], [False, True], [drawn, carried])
    np.testing.assert_allclose(soft, 1 / (1 + np.exp(-SLOPE * (mean - 0.5))), atol=0.02)
    sure = np.abs(mean - 0.5) > 0.01
    np.testing.assert_array_equal((soft >= 0.5)[sure], (mean >= 0.5)[sure])


def weights(channels: np.ndarray, last: np.ndarray, usual: float, lost: bool = False) -> np.ndarray:
    """Those of FEAR-XS and flow in a frame, as shares."""
    made = mean_of_masks(["fear", "flow"], [False, True])
    area = 0.0 if lost else float(last.sum())
    found = np.array(weights_in_frame(made, channels, last, area, usual))
    assert found.sum() == pytest.approx(SLOPE)
    return found / SLOPE


def filled(*columns: tuple[int, int]) -> np.ndarray:
    """Masks of ten rows, each filled between two columns."""
    masks = np.zeros((len(columns), 10, 100), dtype=np.uint8)
    for mask, (first, end) in zip(masks, columns, strict=True):
        mask[:, first:end] = 255
    return masks


def test_of_masks_of_two_sizes_the_usual_one_weighs_more() -> None:
    last = filled((0, 30))[0] > 0
    spread = weights(filled((0, 20), (0, 40)), last, usual=200.0)
    shrunk = weights(filled((0, 20), (0, 40)), last, usual=400.0)
    both_raw = np.array([DRAWN * (20 / 30 + ELSEWHERE), CARRIED * (30 / 40 + ELSEWHERE)])
    gap = np.exp(-USUAL * np.log(401 / 201))
    np.testing.assert_allclose(spread, (raw := both_raw * [1, gap]) / raw.sum(), rtol=1e-6)
    np.testing.assert_allclose(shrunk, (raw := both_raw * [gap, 1]) / raw.sum(), rtol=1e-6)
    assert spread[0] > 0.5 > shrunk[0]


def test_a_mask_that_jumped_loses_unless_the_target_was_lost() -> None:
    last = filled((0, 20))[0] > 0
    jumped, stayed = weights(filled((60, 80), (0, 20)), last, usual=200.0)
    assert stayed > 0.9
    assert jumped == pytest.approx(DRAWN * ELSEWHERE / (DRAWN * ELSEWHERE + CARRIED * 1.05))
    again = weights(filled((60, 80), (0, 20)), last, usual=200.0, lost=True)
    np.testing.assert_allclose(again, [DRAWN, CARRIED])


def test_an_empty_mask_and_one_of_the_usual_size() -> None:
    last = filled((0, 20))[0] > 0
    empty, there = weights(filled((0, 0), (0, 20)), last, usual=200.0)
    assert there > 0.99
    assert np.isfinite(empty)
    both_empty = weights(filled((0, 0), (0, 0)), last, usual=200.0)
    np.testing.assert_allclose(both_empty, [DRAWN, CARRIED])


def test_one_mask_alone_is_cut_lower() -> None:
    soft = mixed(["fear"], [False], [[0.0, ALONE - 0.03, ALONE + 0.03, 1.0]])
    np.testing.assert_array_equal(soft >= 0.5, [False, False, True, True])


def test_shares_of_any_inputs_sum_to_the_slope_and_agreement_does_not_count() -> None:
    made = mean_of_masks(["fear", "nanotrack", "flow"], [False, False, True])
    np.testing.assert_allclose(
        made.weights, SLOPE * np.array([DRAWN, DRAWN, CARRIED]) / (2 * DRAWN + CARRIED)
    )
    assert sum(made.weights) == pytest.approx(SLOPE)
    assert (made.bias, made.agreement, made.sizes) == (-SLOPE / 2, 0.0, None)


def test_trackers_mix_masks_in_boxes_so_and_other_masks_as_learned() -> None:
    kinds = (False, True)
    assert SFTracker()._mixing_at(90.0) == mean_of_masks(("fear", "flow"), kinds)
    paper = SFTracker(SFTrackSettings.of_paper())
    learned = load_sftrack().mixing_of(("flow", "csrt", "kcf"))
    assert paper._mixing_at(90.0) == learned.at_size(90.0)


def test_a_carried_mask_of_a_small_target_weighs_less() -> None:
    made = mean_of_masks(["fear", "flow"], [False, True], side=30.0)
    share = CARRIED * 0.5**SMALL / (CARRIED * 0.5**SMALL + DRAWN)
    np.testing.assert_allclose(made.weights, SLOPE * np.array([1 - share, share]))
    least = mean_of_masks(["fear", "flow"], [False, True], side=16.0)
    assert mean_of_masks(["fear", "flow"], [False, True], side=0.0) == least
    larger = mean_of_masks(["fear", "flow"], [False, True], side=600.0)
    assert larger == mean_of_masks(["fear", "flow"], [False, True], side=60.0)
