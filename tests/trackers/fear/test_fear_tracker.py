"""FEAR whole: published runs frame by frame, and what it does with whatever weights."""

import cv2
import numpy as np
import pytest
import torch

from fear_golden import published, random_fear
from siamese_golden import met, siamese_golden
from spectrack.structures import Box, Target
from spectrack.trackers.fear.crop import clamped
from spectrack.trackers.fear.network import fear_xs
from spectrack.trackers.fear.settings import FEARSettings
from spectrack.trackers.fear.tracker import FEARTracker

VARIANTS = {"tracker": "tracker", "smooth": "tracker", "noembs": "noembs"}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def frames_of(davis_root):
    kept = {}

    def read(sequence):
        if sequence not in kept:
            paths = sorted((davis_root / "JPEGImages" / "480p" / sequence).glob("*.jpg"))
            if not paths:
                pytest.skip(f"sequence {sequence} not found below {davis_root}")
            kept.clear()
            kept[sequence] = [cv2.imread(str(p))[..., ::-1].copy() for p in paths]
        return kept[sequence]

    return read


@pytest.mark.data
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("sequence", ["dog", "scooter-black"])
def test_every_frame_is_golden(frames_of, sequence, variant):
    """Every frame from the golden box before it, so that no rounding is carried on."""
    stored, frames = siamese_golden("fear_runs"), frames_of(sequence)
    settings = FEARSettings(smooth=variant == "smooth", device="cpu")
    tracker = FEARTracker(settings, published(VARIANTS[variant]))
    key = f"{sequence}_{variant}"
    states = [tuple(map(int, b)) for b in (stored[f"{sequence}_start"], *stored[f"{key}_box"])]
    tracker.init(frames[0], Target(Box(*states[0])))
    size_wh = frames[0].shape[1::-1]
    found = [tracker.look(frame, last) for frame, last in zip(frames[1:], states, strict=False)]
    met("fear_runs", f"{key}_cell", [one.cell for one in found])
    met("fear_runs", f"{key}_raw", [one.box for one in found], rtol=1e-7, atol=0.01)
    met("fear_runs", f"{key}_score", [one.score for one in found], atol=1e-5)
    met("fear_runs", f"{key}_box", [clamped(one.rounded(), size_wh) for one in found])


@pytest.mark.data
def test_a_free_run_is_golden(frames_of):
    stored, frames = siamese_golden("fear_runs"), frames_of("scooter-black")
    tracker = FEARTracker(FEARSettings(device="cpu"), published("tracker"))
    tracker.init(frames[0], Target(Box(*map(float, stored["scooter-black_start"]))))
    wanted = stored["scooter-black_tracker_box"]
    found = [
        tracker.update(frame).box.iou(Box(*map(float, b)))
        for frame, b in zip(frames[1:], wanted, strict=True)
    ]
    assert np.mean(found) > 0.93


def test_a_box_of_fractions_starts_it_whole(rng):
    frame = rng.integers(0, 255, (60, 80, 3), np.uint8)
    network = random_fear()
    one, other = (FEARTracker(FEARSettings(device="cpu"), network) for _ in range(2))
    assert one.init(frame, Target((10.7, 5.2, 20.9, 14.5))).box == Box(10.7, 5.2, 20.9, 14.5)
    other.init(frame, Target((10, 5, 20, 14)))
    assert one.update(frame).box == other.update(frame).box


def test_the_network_given_stays_as_it_is():
    network = fear_xs().train()
    FEARTracker(FEARSettings(device="cpu"), network)
    assert network.training
    assert all(p.requires_grad for p in network.parameters())


def test_it_looks_about_a_corrected_mask_with_the_same_template() -> None:
    frame = np.random.default_rng(3).integers(0, 255, (120, 160, 3), dtype=np.uint8)
    network = random_fear()
    led, there = FEARTracker(network=network), FEARTracker(network=network)
    led.init(frame, Target(Box(20, 20, 30, 24)))
    template = led._template.clone()
    soft = np.zeros((120, 160), np.float32)
    soft[60:90, 80:120] = 0.8
    led.correct(frame, soft)
    assert torch.equal(led._template, template)
    there.init(frame, Target(Box(20, 20, 30, 24)))
    there._box = (80, 60, 40, 30)  # the mask's tight box
    one, other = led.update(frame), there.update(frame)
    assert tuple(one.box) == tuple(other.box)
    assert one.score == pytest.approx(other.score)
    before = led._box
    led.correct(frame, np.zeros_like(soft))  # an empty mask says nothing
    assert led._box == before
