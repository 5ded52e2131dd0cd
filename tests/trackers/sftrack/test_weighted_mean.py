"""Masks in boxes are averaged, not joined."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.spectral.mixing.online import OnlineMixer
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.tracker import SFTracker
from spectrack.trackers.sftrack.weighted_mean import CARRIED, DRAWN, SLOPE, mean_of_masks
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
    # what only the carried mask shows is not believed, however sure that one is of it
    assert soft[1] < 0.5


def test_one_mask_alone_is_cut_at_one_half() -> None:
    soft = mixed(["fear"], [False], [[0.0, 0.45, 0.55, 1.0]])
    np.testing.assert_array_equal(soft >= 0.5, [False, False, True, True])


def test_shares_of_any_inputs_sum_to_the_slope_and_agreement_does_not_count() -> None:
    made = mean_of_masks(["fear", "nanotrack", "flow"], [False, False, True])
    np.testing.assert_allclose(made.weights, SLOPE * np.array([0.6, 0.6, 0.4]) / 1.6)
    assert sum(made.weights) == pytest.approx(SLOPE)
    assert (made.bias, made.agreement, made.sizes) == (-SLOPE / 2, 0.0, None)


def test_trackers_mix_masks_in_boxes_so_and_other_masks_as_learned() -> None:
    default = SFTracker()._any_size
    assert default == mean_of_masks(("fear", "flow"), (False, True))
    paper = SFTracker(SFTrackSettings.of_paper())
    assert paper._any_size == load_sftrack().mixing_of(("flow", "csrt", "kcf"))
