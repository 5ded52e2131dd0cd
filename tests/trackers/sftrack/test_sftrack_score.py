"""The score of SFTrack++: its signals against counting, its curve, and what it warns of."""

from __future__ import annotations

import math

import numpy as np
import pytest

from random_mask_in_box import write_random_mask_in_box
from random_sftrack import write_random_weights
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.spectral.mixing.mixing import Mixed
from spectrack.structures import Target
from spectrack.trackers.sftrack.confidence import (
    BIAS,
    FIRST,
    LATER,
    NUMBERS,
    first_signals,
    later_signals,
    score_of,
    sharpness,
)
from spectrack.trackers.sftrack.first import FirstMask
from spectrack.tracking.explanation import Channels
from spectrack.tracking.table import make_tracker


def mixed(agreement: list[float], weights: list[float]) -> Mixed:
    empty = np.zeros((1, 1), np.float32)
    return Mixed(empty, empty, np.array(weights, np.float32), np.array(agreement, np.float32), 0.0)


def test_sharpness_is_the_overlap_expected_pixel_by_pixel() -> None:
    soft = np.random.default_rng(0).random((7, 9), dtype=np.float32)
    both = sum(float(v) for v in soft.flat if v >= 0.5)
    either = sum(1.0 if v >= 0.5 else float(v) for v in soft.flat)
    assert sharpness(soft) == pytest.approx(both / either, rel=1e-6)
    assert sharpness((soft >= 0.5).astype(np.float32)) == 1
    assert sharpness(np.full((4, 4), 0.4, np.float32)) == 0


def test_support_and_agreement_count_pixels_and_inputs() -> None:
    soft = np.zeros((20, 30), np.float32)
    soft[5:15, 10:20] = 1
    channels = np.zeros((3, 12, 14), np.uint8)  # rows 4 to 16, columns 8 to 22
    channels[0, 1:11, 2:12] = 255  # the same
    channels[1, 1:11, 2:7] = 255  # its left half
    told = Channels(channels, np.array([True, True, False]), slice(4, 16), slice(8, 22))
    found = later_signals(soft, 0.7, told, mixed([0.8, 0.6, 0.0], [3.0, 1.0, 0.0]), 0.9)
    assert found["support"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert found["agreement"] == pytest.approx(0.7)
    assert (found["likeness"], found["first"], found["sharpness"]) == (0.7, 0.9, 1.0)
    alone = later_signals(soft, 0.7, None, None, 1.0)
    assert (alone["support"], alone["agreement"]) == (0, 0)


def test_consent_is_the_soft_overlap_of_looks_and_cut() -> None:
    looks = np.array([[0.8, 0.2], [0.0, 1.0]], np.float32)
    cut = np.array([[True, True], [False, False]])
    found = first_signals(FirstMask(looks, looks, cut))
    assert found["consent"] == pytest.approx((0.8 + 0.2) / (1 + 1 + 0 + 1))
    assert found["sharpness"] == pytest.approx(1.8 / 2.2)


@pytest.mark.parametrize("numbers", [FIRST, LATER])
def test_the_curve_is_logistic_rises_with_each_signal_and_has_few_numbers(numbers) -> None:
    assert len(numbers) <= 8
    names = [name for name in numbers if name != BIAS]
    rng = np.random.default_rng(1)
    for _ in range(50):
        signals = dict(zip(names, rng.random(len(names)).tolist(), strict=True))
        z = numbers[BIAS] + sum(numbers[n] * signals[n] for n in names)
        score = score_of(signals, numbers)
        assert score == pytest.approx(math.exp(z) / (1 + math.exp(z)))
        assert 0 < score < 1
        for name in names:
            assert score_of({**signals, name: 1.0}, numbers) >= score
    assert score_of(dict.fromkeys(names, 0.0), numbers) < 0.2
    assert score_of(dict.fromkeys(names, 1.0), numbers) > 0.8


def test_a_first_mask_that_nothing_is_sure_of_lowers_the_score() -> None:
    """Grey looks that contradict the graph cut, against clear ones that confirm it."""
    cut = np.zeros((40, 40), bool)
    cut[10:30, 10:30] = True
    clear = cut.astype(np.float32) * 0.98 + 0.005
    grey = np.full((40, 40), 0.3, np.float32)
    grey[5:25, 5:25] = 0.55
    sure = score_of(first_signals(FirstMask(clear, clear, cut)), FIRST)
    unsure = score_of(first_signals(FirstMask(grey, grey, cut)), FIRST)
    assert sure > 0.85
    assert unsure < 0.6


@pytest.mark.parametrize("masks", ["mask-in-box", "feat2seg"])
def test_the_first_frame_has_a_score_and_a_given_mask_is_sure(tmp_path, masks) -> None:
    clip = make_clip(2, (128, 80), seed=4)
    files = {
        "weights": str(write_random_weights(tmp_path / "w.safetensors")),
        "mask_weights": str(write_random_mask_in_box(tmp_path / "m.safetensors")),
    }
    tracker = make_tracker("sftrack", **files, masks=masks, inputs="kcf", iterations=1)
    first = tracker.init(clip.frames_thwc[0], Target(clip.target.box))
    assert 0 < first.score < 1
    assert first.score == score_of(tracker.explanation.signals, NUMBERS[masks][0])
    again = tracker.init(clip.frames_thwc[0], Target(clip.target.box))
    assert again.score == first.score
    assert tracker.init(clip.frames_thwc[0], Target(mask=clip.masks_thw[0])).score == 1
    later = tracker.update(clip.frames_thwc[1])
    if later.found:
        assert later.score == score_of(tracker.explanation.signals, NUMBERS[masks][1])
    else:
        assert (later.score, tracker.explanation.signals) == (0, {})
