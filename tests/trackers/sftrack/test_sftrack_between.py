"""The mask between two looks of the networks: where it goes by flow, and when they look earlier."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.metrics.regions import jaccard
from spectrack.structures import Box, Target
from spectrack.trackers.sftrack.between import Between
from spectrack.trackers.sftrack.settings import SFTrackSettings
from spectrack.trackers.sftrack.state import TargetState
from spectrack.tracking.appearance import ColourModel, colour_index
from spectrack.tracking.explanation import Hypothesis
from spectrack.tracking.table import make_tracker


def texture(shape, rng):
    """Blobs of all colours that flow can follow."""
    coarse = rng.integers(0, 256, (shape[0] // 4, shape[1] // 4, 3), dtype=np.uint8)
    return np.repeat(np.repeat(coarse, 4, axis=0), 4, axis=1)


@pytest.fixture
def scene(rng):
    """A textured square on other texture, and the same moved by (5, -3)."""
    ground, thing = texture((120, 160), rng), texture((60, 60), rng)
    frames, masks = [], []
    for x, y in ((50, 40), (55, 37)):
        frame, mask = ground.copy(), np.zeros((120, 160), dtype=bool)
        frame[y : y + 60, x : x + 60], mask[y : y + 60, x : x + 60] = thing, True
        frames.append(frame)
        masks.append(mask)
    return frames, masks


def state_of(frame, mask, guessed=False):
    soft = mask.astype(np.float32)
    colours = ColourModel(colour_index(frame), soft, 0.5)
    return TargetState.first(frame, soft, Box.from_mask(mask), colours, guessed)


def an_input(gives_masks=False, counts_frames=False, carries_masks=True):
    led = []
    return SimpleNamespace(
        gives_masks=gives_masks,
        counts_frames=counts_frames,
        carries_masks=carries_masks,
        correct=lambda frame, soft: led.append(Box.from_mask(soft >= 0.5)),
        led=led,
    )


def test_the_mask_and_the_boxes_go_where_the_target_goes(scene):
    frames, masks = scene
    one, blind = an_input(), an_input()
    between = Between(2, [one, blind])
    between.looked([Hypothesis(Box(58, 52, 44, 36)), None])
    state = state_of(frames[0], masks[0])
    soft = between.carry(frames[1], state, {})
    assert jaccard(soft >= 0.5, masks[1]) > 0.85
    assert jaccard(masks[0], masks[1]) < 0.8  # what staying would give
    found = between.lead(frames[1], state.soft_hw, soft, {})
    np.testing.assert_allclose(tuple(found[0].box), (63, 49, 44, 36), atol=1)
    np.testing.assert_allclose(tuple(one.led[0]), (63, 49, 44, 36), atol=1)
    assert found[1] is None
    assert blind.led == []


def test_what_flow_cannot_follow_is_left_to_the_networks(scene, rng):
    frames, masks = scene
    between = Between(2, [an_input()])
    state = state_of(frames[0], masks[0])
    assert between.carry(texture((120, 160), rng), state, {}) is None
    empty = replace(state, soft_hw=np.zeros_like(state.soft_hw))
    assert between.carry(frames[1], empty, {}) is None


def test_an_inputs_own_mask_is_taken_if_it_keeps_its_size(scene):
    frames, masks = scene
    between = Between(2, [an_input(), an_input(gives_masks=True)])
    assert between.asked() == [1]
    state = state_of(frames[0], masks[0])
    whole = Hypothesis(Box.from_mask(masks[1]), masks[1].astype(np.uint8) * 255)
    np.testing.assert_array_equal(between.carry(frames[1], state, {1: whole}), masks[1])
    half = whole.soft_hw.copy()
    half[:67] = 0
    assert between.carry(frames[1], state, {1: replace(whole, soft_hw=half)}) is None
    assert between.carry(frames[1], state, {1: None}) is None


def test_who_is_asked_in_every_frame():
    inputs = [
        an_input(),
        an_input(gives_masks=True),
        an_input(counts_frames=True),
        an_input(carries_masks=False),
    ]
    assert Between(2, inputs).asked() == [1, 2, 3]


def test_the_networks_look_at_one_frame_of_so_many(scene):
    frames, masks = scene
    state = state_of(frames[0], masks[0])
    between = Between(3, [an_input()])
    between.looked([Hypothesis(state.box)])
    wanted = []
    for _ in range(3):
        wanted.append(between.wanted(state))
        between.lead(frames[0], state.soft_hw, state.soft_hw, {})
    assert wanted == [True, True, False]
    between.looked([Hypothesis(state.box)])
    assert between.wanted(state)
    assert not between.wanted(state.missed())
    assert not between.wanted(state_of(frames[0], masks[0], guessed=True))
    assert not Between(1, [an_input()]).wanted(state)
    with pytest.raises(InputError, match="every is 0; give 1 or more"):
        SFTrackSettings(every=0)


@pytest.mark.parametrize("inputs", ["fear", "fear,flow", "csrt"])
def test_a_tracker_that_looks_seldom_follows_as_well(inputs):
    """A look at the first frames, as the target came from a box; then at one of three."""
    clip = make_clip(16, size_wh=(320, 240), seed=2)
    tracker = make_tracker("sftrack", inputs=inputs, views=1, every=3)
    tracker.init(clip.frames_thwc[0], Target(clip.target.box))
    looked, overlaps = [], []
    for frame, mask in zip(clip.frames_thwc[1:], clip.masks_thw[1:], strict=True):
        answer = tracker.update(frame)
        looked.append(tracker.explanation.channels is not None)
        overlaps.append(jaccard(answer.hard_mask(), mask))
        assert answer.found
        assert answer.box.iou(Box.from_mask(answer.hard_mask())) > 0.8
        assert 0 < answer.score <= 1
        assert tracker.explanation.signals
    assert looked == [True] * 8 + [False, False, True] * 2 + [False]
    assert min(overlaps) > 0.8
