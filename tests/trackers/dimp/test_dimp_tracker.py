"""The tracker at work: its parts, its settings, its weights from a checkpoint as published."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pytracking_like import checkpoint_of
from spectrack.errors import InputError
from spectrack.structures import Target
from spectrack.trackers.dimp.network import DiMP, published_dimp
from spectrack.trackers.dimp.settings import PRESETS, DiMPSettings
from spectrack.trackers.dimp.tracker import DiMPTracker
from spectrack.tracking.localisation import Flag
from spectrack.tracking.table import make_tracker
from spectrack.weights.convert import convert
from spectrack.weights.described import make_network, save_described
from spectrack.weights.networks import load_network
from thin import randomise

BOX = (40, 30, 20, 16)
SMALL = {
    "kind": "dimp",
    "backbone": {"block": "basic", "depths": (1, 1, 1, 1), "widths": (4, 4, 8, 8), "stem": 4},
    "features": 8,
    "blocks": 1,
    "iou_maps": 8,
}
SETTINGS = DiMPSettings(variant="dimp18", side=96, absent=-1e9, device="cpu")


@pytest.fixture(scope="module")
def network():
    return randomise(make_network(SMALL))


@pytest.fixture
def frames(rng):
    picture = rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)
    return [np.roll(picture, (shift, 2 * shift), (0, 1)) for shift in range(4)]


def test_a_frame_costs_one_pass_and_the_first_frame_is_taken_in_once(network, frames, monkeypatch):
    tracker = DiMPTracker(SETTINGS, network)
    passes, references = [], []
    extract, reference = tracker._backbone.forward, tracker._refiner._network.reference
    monkeypatch.setattr(
        tracker._backbone, "forward", lambda x, names: passes.append(len(x)) or extract(x, names)
    )
    monkeypatch.setattr(
        tracker._refiner._network,
        "reference",
        lambda *given: references.append(1) or reference(*given),
    )
    tracker.init(frames[0], Target(BOX))
    for frame in frames[1:]:
        tracker.update(frame)
    assert passes == [13, 1, 1, 1]
    assert len(references) == 1


def test_the_score_is_the_highest_one_held_into_0_and_1(network, frames, monkeypatch):
    tracker = DiMPTracker(SETTINGS, network)
    tracker.init(frames[0], Target(BOX))
    locate, scores = tracker._classifier.locate, []

    def raised(layers, views):
        found = locate(layers, views)
        scores.append(found.score + 5 * len(scores))
        return replace(found, score=scores[-1])

    monkeypatch.setattr(tracker._classifier, "locate", raised)
    answers = [tracker.update(frame) for frame in frames[1:]]
    assert [a.score for a in answers] == [min(max(s, 0), 1) for s in scores]


def test_a_target_that_is_not_seen_stays_where_it_was(network, frames):
    tracker = DiMPTracker(replace(SETTINGS, absent=1e9), network)
    tracker.init(frames[0], Target(BOX))
    answer = tracker.update(frames[1])
    assert not answer.found
    assert tuple(answer.box) == BOX
    assert tracker._classifier.memory.stored == 15


def test_without_refinement_the_best_scale_sets_the_size(network, frames, monkeypatch):
    tracker = DiMPTracker(replace(SETTINGS, refine=False, scales=3, scale_step=1.3), network)
    tracker.init(frames[0], Target(BOX))
    online = tracker._classifier
    score_maps = online.score_maps

    def third_is_best(layers):
        found = score_maps(layers)
        assert len(found) == 3
        return torch.stack([found[0], found[1], found[2] + found.abs().max() * 3])

    monkeypatch.setattr(online, "score_maps", third_is_best)
    answer = tracker.update(frames[1])
    assert answer.box.w == pytest.approx(20 * 1.3, rel=0.05)
    assert answer.box.w / answer.box.h == pytest.approx(20 / 16)


def test_a_file_says_what_its_training_showed(network, frames, tmp_path):
    path = tmp_path / "small.safetensors"
    about = {"samples": {"size_wh": [128, 128], "search": 4.0}}
    save_described(path, network, SMALL, about)
    tracker = make_tracker("dimp18", weights=str(path), device="cpu")
    assert (tracker._frame.side, tracker._frame.search) == (128, 4.0)
    tracker = make_tracker("dimp18", weights=str(path), device="cpu", side=64, search=5.5)
    assert (tracker._frame.side, tracker._frame.search) == (64, 5.5)


def test_a_checkpoint_as_published_converts_loads_and_tracks(frames, tmp_path):
    state = randomise(published_dimp(18), seed=3).state_dict()
    converted = convert(checkpoint_of(state, tmp_path / "dimp18.pth"), tmp_path / "d.safetensors")
    assert converted.networks == ("dimp18",)
    loaded = load_network(str(converted.path), DiMP).network
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, state[name]), name
    tracker = DiMPTracker(replace(SETTINGS, weights=str(converted.path)))
    tracker.init(frames[0], Target(BOX))
    for frame in frames[1:3]:
        answer = tracker.update(frame)
        assert np.isfinite(list(answer.box)).all()


def test_weights_that_are_not_there_are_told_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="get them by: spectrack weights pull super_dimp"):
        make_tracker("superdimp")


def test_presets_are_the_published_values():
    published = {name: preset for name, preset in PRESETS.items() if name != "small"}
    shown = {
        name: [p.side, p.search, p.border, p.scores, p.absent, p.refinement.iterations]
        for name, p in published.items()
    }
    assert json.loads(json.dumps(shown)) == {
        "dimp18": [288, 5, "replicate", "raw", 0.25, 5],
        "dimp50": [288, 5, "replicate", "raw", 0.25, 5],
        "prdimp18": [288, 5, "replicate", "softmax", 0.04, 10],
        "prdimp50": [352, 6, "inside_major", "softmax", 0.04, 10],
        "superdimp": [352, 6, "inside_major", "raw", 0.25, 10],
    }
    assert {name: p.max_scale_change for name, p in published.items()} == dict.fromkeys(
        ("dimp18", "dimp50", "prdimp18")
    ) | dict.fromkeys(("prdimp50", "superdimp"), 1.5)
    assert DiMPSettings().variations.count == 15
    assert DiMPSettings(absent=0.5).filter.thresholds.absent == 0.5


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"variant": "dimp34"}, "give one of dimp18"),
        ({"side": 100}, "give a multiple of 32"),
        ({"search": 0}, "give a number over 0"),
        ({"rate": 1.0}, "over 0, below 1"),
        ({"hard_rate": 0.0}, "over 0, below 1"),
        ({"share": 1.0}, "from 0 to below 1"),
        ({"scales": 2}, "an odd number"),
        ({"scale_step": 1.0}, "a number over 1"),
        ({"every": 0}, "give 1 or more"),
        ({"best": 0}, "give 1 or more"),
        ({"steps": -1}, "give 0 or more"),
        ({"wander": float("nan")}, "give 0 or more"),
        ({"absent": float("inf")}, "give a number"),
        ({"memory": 15}, "more than the 15 samples"),
    ],
)
def test_settings_out_of_range_are_told(given, told):
    with pytest.raises(InputError, match=told):
        DiMPSettings(**given)


def test_flags_that_teach_add_to_the_memory(network, frames):
    tracker = DiMPTracker(SETTINGS, network)
    tracker.init(frames[0], Target(BOX))
    locate, flags = tracker._classifier.locate, []
    tracker._classifier.locate = lambda *given: flags.append(locate(*given)) or flags[-1]
    for frame in frames[1:]:
        tracker.update(frame)
    taught = sum(f.flag in (Flag.NORMAL, Flag.HARD_NEGATIVE) for f in flags)
    assert tracker._classifier.memory.stored == 15 + taught
