"""ATOM's settings: published sets, what weights tell, ranges; and what settings change."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.structures import Target
from spectrack.trackers.atom.settings import FIRST, PUBLISHED, ATOMSettings
from spectrack.trackers.atom.tracker import ATOMTracker
from thin_atom import BOX, SMALL, clip, thin_atom


def test_thirty_samples_of_the_first_frame():
    assert FIRST.count == 30


@pytest.mark.parametrize("preset", PUBLISHED)
def test_presets_fill_what_is_left_open(preset: str):
    whole = ATOMSettings(preset=preset).complete({})
    assert {name: getattr(whole, name) for name in PUBLISHED[preset]} == dict(PUBLISHED[preset])


def test_what_is_given_comes_before_the_weights_and_those_before_the_preset():
    shown = {"height": 224.0, "width": 224.0, "search": 6.0}
    whole = ATOMSettings(preset="vot", search=3.0, window=False).complete(shown)
    assert (whole.side, whole.search, whole.window, whole.rate) == (224, 3.0, False, 0.0075)


@pytest.mark.parametrize(
    "wrong",
    [
        {"preset": "otb"},
        {"side": 100},
        {"search": 0.0},
        {"rate": 1.0},
        {"share": 1.0},
        {"memory": 30},
        {"every": 0},
        {"steps": -1},
        {"absent": float("inf")},
        {"best": 0},
        {"proposals": -1},
        {"filter_strength": 0.0},
    ],
)
def test_settings_out_of_range_are_told(wrong: dict[str, object]):
    name = next(iter(wrong))
    with pytest.raises(InputError, match=f"{name} is"):
        ATOMSettings(**wrong)


def test_the_seed_decides_the_answers_and_nothing_else_does():
    frames, answers = clip(4), []
    for seed in (0, 0, 1):
        tracker = ATOMTracker(ATOMSettings(**SMALL, seed=seed), thin_atom())
        tracker.init(frames[0], Target(BOX))
        torch.rand(3)  # drawn elsewhere
        answers.append([list(tracker.update(frame).box) for frame in frames[1:]])
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_the_window_keeps_to_the_middle():
    """With it, a distractor at the edge counts less than without."""
    frames, scores = clip(2), []
    for window in (False, True):
        tracker = ATOMTracker(ATOMSettings(**SMALL, absent=-1.0, window=window), thin_atom())
        tracker.init(frames[0], Target(BOX))
        away = np.roll(frames[0], (20, 30), (0, 1))
        scores.append(tracker.update(away).score)
    assert scores[1] < scores[0]


def test_what_is_learned_first_peaks_at_the_target():
    tracker = ATOMTracker(ATOMSettings(**SMALL), thin_atom())
    frames = clip(1)
    tracker.init(frames[0], Target(BOX))
    answer = tracker.update(frames[0])
    assert answer.score > 0.7
    centre = (answer.box.x + answer.box.w / 2, answer.box.y + answer.box.h / 2)
    assert np.abs(np.subtract(centre, (65, 52))).max() < 6
