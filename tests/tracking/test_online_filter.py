"""The filter that follows its target: when it learns, from what, and with which weights."""

import numpy as np
import pytest
import torch

from spectrack.networks.dimp_classifier import DiMPClassifier
from spectrack.structures import Box
from spectrack.tracking.localisation import Flag, Sighting, Thresholds, find_peak
from spectrack.tracking.online_filter import FilterSettings, OnlineFilter, prepared_scores
from spectrack.tracking.online_parts import View
from spectrack.tracking.patches import pair
from spectrack.tracking.target_state import TargetState
from spectrack.tracking.variations import FirstSamples, Variations
from thin import randomise

PATCH, CELLS = (96, 96), 6
SHIFTS = ((0, 0), (8, -8), (0, 0))
TWO_DROPPED = Variations(mirrored=True, shifts=((0.1, 0.1),), dropouts=2)
EASY = FilterSettings(thresholds=Thresholds(absent=-1e9, distractor=1e9), memory=7)


@pytest.fixture(params=["dimp", "prdimp"])
def network(request):
    return randomise(DiMPClassifier(6, 8, 1, request.param))


def layers(seed, count=1):
    chance = torch.Generator().manual_seed(seed)
    return {"layer3": torch.randn(count, 6, CELLS, CELLS, generator=chance)}


@pytest.fixture
def state():
    return TargetState.about(Box(40, 30, 30, 24), 4.0, PATCH, (120, 160))


def view_of(state):
    return View.of(np.round(state.pos_yx), state.scale, PATCH, state)


def started(network, state, settings=EASY, variations=TWO_DROPPED):
    online = OnlineFilter(network, settings, variations)
    samples = FirstSamples(torch.zeros(3, 3, 1, 1), SHIFTS)
    with torch.no_grad():
        online.start(layers(0, 3), samples, view_of(state), np.random.default_rng(0))
    return online


def step(online, state, number, flag):
    with torch.no_grad():
        online.locate(layers(number), [view_of(state)])
        online.learn(number, Sighting(flag, 1.0, pair((0, 0))), view_of(state), state)


def test_the_first_filter_is_learned_from_all_samples(network, state):
    online = started(network, state)
    box = torch.tensor(view_of(state).last_box)
    moves = torch.tensor([[0, 0], [-8, 8], [0, 0], [0, 0], [0, 0]])
    boxes = box + torch.cat((moves, torch.zeros(5, 2)), 1)
    torch.testing.assert_close(online.memory["boxes"], boxes)
    features = online.memory["features"]
    with torch.no_grad():
        torch.testing.assert_close(features[:3], network.features(layers(0, 3)["layer3"]))
        expected = network.learn(features[:, None], boxes[:, None], iterations=10).filters
    torch.testing.assert_close(online.filters, expected)
    assert ((features[3:] == 0).all((2, 3)) | (features[3:].abs().amax((2, 3)) > 0)).all()


@pytest.mark.parametrize(
    ("flag", "number", "stored", "steps"),
    [
        (Flag.NORMAL, 2, 6, 0),
        (Flag.NORMAL, 21, 6, 2),
        (Flag.HARD_NEGATIVE, 2, 6, 1),
        (Flag.HARD_NEGATIVE, 21, 6, 1),
        (Flag.UNCERTAIN, 21, 5, 0),
        (Flag.NOT_FOUND, 21, 5, 0),
    ],
)
def test_it_learns_when_it_should(network, state, flag, number, stored, steps, monkeypatch):
    online = started(network, state)
    taken = []
    learn = network.learn

    def noted(*given, **named):
        taken.append(given[4])
        return learn(*given, **named)

    monkeypatch.setattr(network, "learn", noted)
    step(online, state, number, flag)
    assert online.memory.stored == stored
    assert taken == ([steps] if steps else [])
    weights = online.memory.weights.values_n
    assert weights.sum() == pytest.approx(1)
    if stored == 6:
        rate = 0.02 if flag is Flag.HARD_NEGATIVE else 0.01
        assert weights[-1] == pytest.approx(rate / (1 / (1 - rate) + rate))


def test_what_it_learns_is_one_update_on_the_memory(network, state):
    online = started(network, state)
    before = online.filters
    state.fit(pair((50, 60)), pair((20, 30)))
    step(online, state, 2, Flag.HARD_NEGATIVE)
    memory = online.memory
    assert memory["boxes"][5].tolist() == pytest.approx(
        view_of(state).box(state.pos_yx, state.size_hw)
    )
    with torch.no_grad():
        expected = network.learn(
            memory["features"][:, None],
            memory["boxes"][:, None],
            memory.weights_n("boxes"),
            before,
            1,
        )
    torch.testing.assert_close(online.filters, expected.filters)


def test_a_full_memory_keeps_the_first_frame(network, state):
    online = started(network, state)
    first = online.memory["features"][:5].clone()
    for number in range(2, 9):
        step(online, state, number, Flag.NORMAL)
    assert online.memory.stored == 7
    assert torch.equal(online.memory["features"][:5], first)
    assert online.memory.weights.values_n[:5].sum() >= 0.2


def test_of_several_patches_the_one_with_the_highest_score_counts(network, state):
    positive = FilterSettings("exp", Thresholds(absent=0, distractor=1e9))
    online = started(network, state, positive)
    maps = layers(5, 3)
    views = [view_of(state)] * 3
    with torch.no_grad():
        sighting = online.locate(maps, views)
        scores = online.score_maps(maps)
    assert sighting.which == int(scores.flatten(1).amax(1).argmax())
    peak = find_peak(scores[sighting.which].numpy())
    moved = (peak.row - CELLS / 2) * 16, (peak.col - CELLS / 2) * 16
    assert tuple(sighting.moved_yx) == moved


def test_scores_are_made_ready_as_said():
    maps = torch.randn(2, 3, 4)
    assert prepared_scores(maps, "raw") is maps
    torch.testing.assert_close(prepared_scores(maps, "softmax").sum((1, 2)), torch.ones(2))
    torch.testing.assert_close(prepared_scores(maps, "exp"), maps.exp())
