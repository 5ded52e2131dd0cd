"""SiamFC against golden arrays: network, crops, the step online; and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamese_golden import siamese_golden
from siamese_scheme import (
    FULL,
    UNIT,
    fill,
    first_picture,
    image,
    listed_parameters,
    near,
    near_pixels,
    second_picture,
    unit,
)
from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.structures import Box, Target
from spectrack.trackers.siamfc.following import ScaleFollowing
from spectrack.trackers.siamfc.network import SiamFC
from spectrack.trackers.siamfc.settings import SiamFCSettings
from spectrack.trackers.siamfc.tracker import SiamFCTracker
from spectrack.tracking.siamese import Place, context_side
from thin import randomise

SMALL = (8, 8, 12, 12, 8)


def test_parameters_match_by_name_and_shape():
    with torch.device("meta"):
        state = SiamFC().state_dict()
    assert {k: tuple(v.shape) for k, v in state.items()} == listed_parameters("siamfc_alexnet")


@torch.inference_mode()
def test_the_network_is_golden():
    siamese_golden("siamfc_net")
    network = for_inference(fill(SiamFC()))
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    z = network.extract(image("input/siamfc/exemplar", 1, 3, 127, 127))
    x = network.extract(image("input/siamfc/search", 3, 3, 255, 255))
    near("siamfc_net", "zf", z, FULL)
    near("siamfc_net", "xf_sub", x[:, ::8, ::2, ::2], FULL)
    near("siamfc_net", "response", network.answer(z, x), FULL)


@torch.inference_mode()
def test_a_pair_each_is_answered_as_one_template_for_all_is():
    network = randomise(SiamFC(SMALL))
    templates, searches = torch.rand(2, 3, 127, 127) * 9, torch.rand(2, 3, 255, 255) * 9
    z, x = network.extract(templates), network.extract(searches)
    both = network(templates, searches)
    assert both.shape == (2, 1, 17, 17)
    for i in range(2):
        torch.testing.assert_close(both[i : i + 1], network.answer(z[i : i + 1], x[i : i + 1]))
        expected = (x[i, :, 3:9, 5:11] * z[i]).sum() * 0.001
        torch.testing.assert_close(both[i, 0, 3, 5], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("number", "centre_yx", "side", "out"),
    [(0, (120.3, 160.7), 60.4, 127), (1, (20.2, 300.1), 151.3, 127), (2, (118.5, 158.5), 500, 255)],
)
def test_crops_are_golden(number, centre_yx, side, out):
    frame = first_picture()
    following = ScaleFollowing(frame, Box(9, 9, 9, 9), SiamFCSettings())
    following.place = Place(*np.float32(centre_yx[::-1]), 9, 9)
    near_pixels("siamfc_crop", f"crop{number}", following._cut(frame, side, out)[::3, ::3])


def test_two_frames_are_golden():
    file, box = "siamfc_step", Box(100, 80, 50, 70)
    following = ScaleFollowing(first_picture(), box, SiamFCSettings())
    place = following.place
    near(file, "init_center", [place.cy, place.cx], UNIT)
    near(file, "init_size", [place.h, place.w], UNIT)
    near(file, "scale_factors", following.factors, UNIT)
    near(file, "hann_sub", following._cosine(272)[::16, ::16], UNIT)
    near(file, "hann_sum", following._cosine(272).sum(), UNIT)
    near(file, "z_sz", following.side, UNIT)
    near(file, "x_sz", following.side * 255 / 127, UNIT)
    responses = 0.3 * unit("input/siamfc/step_response", 3, 1, 17, 17).numpy()[:, 0]
    responses[2] *= 1.5
    for k in (1, 2):
        assert following.cut_searches(second_picture()).shape == (3, 255, 255, 3)
        found, response = following.follow(responses)
        place = following.place
        near(file, f"box{k}", [found.x + 1, found.y + 1, found.w, found.h], UNIT)
        near(file, f"center{k}", [place.cy, place.cx], UNIT)
        near(file, f"size{k}", [place.h, place.w], UNIT)
        near(file, f"z_sz{k}", following.side, UNIT)
        near(file, f"x_sz{k}", following.side * 255 / 127, UNIT)
        assert response <= responses[2].max() * 1.2
    assert following.box == found


def test_sizes_and_places_stay_within_bounds(rng):
    frame = np.zeros((60, 80, 3), np.uint8)
    following = ScaleFollowing(frame, Box(-1e6, -1e6, 2e6, 2e6), SiamFCSettings(rate=1.0, step=2.0))
    assert (following.place.w, following.place.h) == (80, 60)
    peak = np.zeros((3, 17, 17), np.float32)
    for largest in (2, 0):
        responses = peak.copy()
        responses[largest, 16, 16] = 9
        for _ in range(40):
            box, _ = following.follow(responses)
            assert min(box.w, box.h) >= 2
            assert max(box.w / 80, box.h / 60) <= 2
            assert max(abs(following.place.cx), abs(following.place.cy)) <= 160
            assert following.cut_searches(frame).shape == (3, 255, 255, 3)


def test_it_follows_what_it_was_shown(rng):
    """Random filters keep what is alike alike: the template's own patch gives the peak."""
    frame = rng.integers(0, 60, (160, 200, 3), dtype=np.uint8)
    patch = rng.integers(100, 256, (6, 7, 3), np.uint8).repeat(5, 0).repeat(5, 1)
    tracker = SiamFCTracker(SiamFCSettings(device="cpu"), randomise(SiamFC(SMALL), seed=3))
    for t in range(4):
        shown = frame.copy()
        shown[60 + 3 * t : 90 + 3 * t, 70 + 4 * t : 105 + 4 * t] = patch
        true = Box(70 + 4 * t, 60 + 3 * t, 35, 30)
        answer = tracker.init(shown, Target(true)) if t == 0 else tracker.update(shown)
        assert answer.box.iou(true) > 0.6, t
        assert 0 <= answer.score <= 1


def test_a_corrected_mask_moves_it(rng):
    frame = rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)
    tracker = SiamFCTracker(SiamFCSettings(device="cpu"), randomise(SiamFC(SMALL)))
    tracker.init(frame, Target(Box(20, 20, 30, 24)))
    soft = np.zeros((90, 120), np.float32)
    soft[40:70, 60:100] = 0.7
    tracker.correct(frame, soft)
    place = tracker.following.place
    assert (place.cx, place.cy, place.w, place.h) == (79.5, 54.5, 40, 30)
    assert tracker.following.side == pytest.approx(context_side(40, 30))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"scales": 4}, "scales is 4"),
        ({"step": 1.0}, "step is 1"),
        ({"penalty": 0.0}, "penalty is 0"),
        ({"rate": 1.5}, "rate is 1.5"),
        ({"window": -0.1}, "window is -0.1"),
        ({"finer": 0}, "finer is 0"),
    ],
)
def test_settings_that_cannot_be_are_told(wrong, told):
    with pytest.raises(InputError, match=told):
        SiamFCSettings(**wrong)
