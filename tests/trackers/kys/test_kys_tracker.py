"""KYS as a tracker: where it sees the target, what it carries along, and what settings mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.networks.cost_volume import cost_volume
from spectrack.structures import Box, Target
from spectrack.trackers.kys.alignment import shifted, to_cells, to_corners
from spectrack.trackers.kys.online import clipped_window, sight
from spectrack.trackers.kys.settings import KYSSettings
from spectrack.trackers.kys.tracker import KYSTracker
from spectrack.tracking.localisation import Flag
from spectrack.tracking.variations import DIMP_VARIATIONS
from thin_kys import SMALL_KYS, thin_kys

BOX = Box(60, 36, 24, 20)
ALWAYS, NEVER = -1e9, 1e9
"""Thresholds with which the target is found in every frame, or in none."""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def frames():
    """Smooth noise that moves right by three pixels a frame."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (12, 24, 3), dtype=np.uint8)
    large = np.repeat(np.repeat(coarse, 8, 0), 8, 1)
    return [np.ascontiguousarray(large[:96, 30 - 3 * t : 158 - 3 * t]) for t in range(7)]


def make(**settings) -> KYSTracker:
    return KYSTracker(KYSSettings(**(SMALL_KYS | settings)), thin_kys())


def scores(*peaks: tuple[int, int, float]):
    values = np.full((18, 18), 0.01, np.float32)
    for row, column, value in peaks:
        values[row, column] = value
    return values


@pytest.mark.parametrize(
    ("fused", "alone", "moved", "flag"),
    [
        ((9, 9, 0.9), (9, 9, 0.5), (0, 0), Flag.NORMAL),
        ((4, 12, 0.9), (4, 12, 0.5), (-80, 48), Flag.NORMAL),
        ((4, 12, 0.9), (5, 11, 0.5), (-64, 32), Flag.NORMAL),  # a neighbour: the sharper peak
        ((4, 12, 0.9), (6, 12, 0.5), (-80, 48), Flag.NORMAL),
        ((9, 10, 0.05), (9, 10, 0.5), (0, 16), Flag.NORMAL),
        ((9, 10, 0.04), (9, 11, 0.5), (0, 32), Flag.NOT_FOUND),
    ],
)
def test_where_the_target_is_seen(fused, alone, moved, flag):
    found = sight(scores(fused), scores(alone), 0.05)
    assert found.flag is flag
    assert found.moved_yx.tolist() == list(moved)
    assert found.score == pytest.approx(fused[2])


def test_the_window_is_the_middle_of_a_raised_cosine():
    window = clipped_window((18, 12), 2.0, torch.zeros(1))
    rows, columns = np.hanning(38)[1:-1][9:27], np.hanning(26)[1:-1][6:18]
    np.testing.assert_allclose(window.numpy(), np.outer(rows, columns), atol=1e-6)
    # one smaller than the map: its last value goes on
    narrow = clipped_window((9, 9), 5 / 9, torch.zeros(1)).numpy()
    whole = np.hanning(7)[1:-1][[0, 0, 0, 1, 2, 3, 4, 4, 4]]
    np.testing.assert_allclose(narrow, np.outer(whole, whole), atol=1e-6)


@torch.inference_mode()
def test_a_frame_is_the_published_steps_one_after_another(frames):
    """Scores, volume, predictor, window and what is carried on, put together here by hand."""
    tracker = make(absent=ALWAYS)
    tracker.init(frames[0], Target(BOX))
    online, network = tracker._classifier, thin_kys()
    predictor = network.responses
    for frame in frames[1:4]:
        known, state, filters = online.known, online.state, online.filters
        ((patch, _),) = tracker.patches()
        maps = network.backbone_feature_extractor(network.normalise(patch.cut(frame)), ("layer3",))[
            "layer3"
        ]
        before = tracker.state.pos_yx
        answer = tracker.update(frame)
        features = network.dimp_classifier.features(maps)
        alone = network.dimp_classifier.scores(filters, features[:, None])
        volume = cost_volume(maps, known)
        found = predictor(volume, to_cells(alone), state)
        window = clipped_window((6, 6), 10 / 4, maps)
        fused = (to_corners(found.score) * window)[0, 0]
        assert answer.score == pytest.approx(float(fused.max()), abs=1e-4)
        # what goes on lies as the target lies in the next region
        scale, middle = np.float32(patch.scale), patch.pos_yx
        off = (tracker.state.pos_yx - middle) / scale / 16
        step = [o if abs(o) > 0.2 * 6 else o - round(float(o)) for o in off]
        move = (float(2 * step[1] / 6), float(2 * step[0] / 6))
        torch.testing.assert_close(online.known, shifted(maps, move), atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(online.state, shifted(found.state, move), atol=1e-4, rtol=1e-3)
        assert not np.array_equal(before, tracker.state.pos_yx)


@torch.inference_mode()
def test_the_mean_volume_is_a_mean_of_products(frames):
    tracker = make(absent=ALWAYS, volume="mean")
    tracker.init(frames[0], Target(BOX))
    online, known, seen = tracker._classifier, tracker._classifier.known, []
    predictor = online._predictor
    online._predictor = lambda volume, *more: seen.append(volume) or predictor(volume, *more)
    ((patch, _),) = tracker.patches()
    maps = tracker.layers(patch.cut(frames[1]))["layer3"]
    tracker.update(frames[1])
    (volume,) = seen
    now, then = (torch.nn.functional.unfold(m, 3, padding=1)[0] for m in (maps, known))
    wanted = (then[:, :, None] * now[:, None]).mean(0)  # over 9 cells and all channels
    torch.testing.assert_close(volume.reshape(wanted.shape), wanted, rtol=1e-3, atol=1e-5)


def test_what_is_known_is_kept_while_the_target_is_not_found(frames):
    tracker = make(absent=NEVER)
    tracker.init(frames[0], Target(BOX))
    online = tracker._classifier
    stored, place = online.memory.stored, tracker.state.pos_yx.copy()
    state = online.state
    for frame in frames[1:]:
        answer = tracker.update(frame)
        assert not answer.found
        assert answer.box == BOX
        assert not torch.equal(online.state, state)  # it goes on with what is seen
        state = online.state
    assert online.memory.stored == stored == DIMP_VARIATIONS.count
    np.testing.assert_array_equal(tracker.state.pos_yx, place)


@torch.inference_mode()
def test_what_is_known_goes_along_with_a_correction(frames):
    """It lies as if the tracker itself had found the target there."""
    tracker = make(absent=ALWAYS)
    tracker.init(frames[0], Target(BOX))
    online, states = tracker._classifier, []
    predictor = online._predictor

    def predict(*given):
        response = predictor(*given)
        states.append(response.state)
        return response

    online._predictor = predict
    tracker.update(frames[1])
    ((patch, _),) = tracker.patches()
    known = tracker.layers(patch.cut(frames[2]))["layer3"]
    tracker.update(frames[2])
    there = Box(tracker.state.box.x + 37, tracker.state.box.y - 20, 22, 26)
    soft = Box(*(round(v) for v in there)).fill((128, 96)).astype(np.float32)
    tracker.correct(frames[2], soft)
    off = (tracker.state.pos_yx - patch.pos_yx) / np.float32(patch.scale * 16)
    step = [o if abs(o) > 0.2 * 6 else o - round(float(o)) for o in off]
    assert max(abs(o) for o in off) > 1
    move = (float(2 * step[1] / 6), float(2 * step[0] / 6))
    torch.testing.assert_close(online.known, shifted(known, move), atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(online.state, shifted(states[-1], move), atol=1e-4, rtol=1e-3)
    before = online.known
    tracker.correct(frames[2], soft)  # the same again moves nothing on
    assert torch.equal(online.known, before)


def test_memory_does_not_grow(frames):
    tracker = make(absent=ALWAYS, memory=17)
    tracker.init(frames[0], Target(BOX))
    online = tracker._classifier
    block = online.memory["features"].data_ptr()
    for frame in frames[1:]:
        tracker.update(frame)
        tracker.correct(frame, BOX.fill((128, 96)).astype(np.float32))
        assert online.known.shape == (1, 16, 6, 6)
        assert online.state.shape == (1, 8, 6, 6)
    assert online.memory.stored == 17
    assert online.memory["features"].data_ptr() == block


def test_a_mean_of_products_in_place_of_a_sum_is_another_answer(frames):
    scores = []
    for volume in ("sum", "mean"):
        tracker = make(absent=ALWAYS, volume=volume)
        tracker.init(frames[0], Target(BOX))
        scores.append(tracker.update(frames[1]).score)
    assert scores[0] != scores[1]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"side": 100}, "multiple of 32"),
        ({"volume": "median"}, "sum or mean"),
        ({"memory": 15}, "more than 15"),
        ({"central": 0.7}, "0 to 0.5"),
        ({"rate": 1.0}, "over 0 and below 1"),
        ({"absent": float("nan")}, "give a number"),
        ({"window": -1.0}, "0 or more"),
        ({"search": 0.0}, "over 0"),
        ({"best": 0}, "best is 0"),
        ({"every": 0}, "1 or more"),
    ],
)
def test_settings_out_of_range_are_told(wrong, told):
    with pytest.raises(InputError, match=told):
        KYSSettings(**wrong)


def test_the_published_numbers_fill_what_is_left_open():
    s = KYSSettings().complete({})
    assert (s.side, s.search, s.label) == (288, 5.0, 0.25)
    small = KYSSettings().complete({"search": 4.0, "width": 96.0})
    assert (small.side, small.search) == (96, 4.0)
