"""Boxes made to fit frame by frame, against the pieces called by hand."""

import numpy as np
import pytest
import torch

from spectrack.networks.iou_net import AtomIoUNet
from spectrack.tracking import overlap_refiner
from spectrack.tracking.box_refinement import RefinementSettings, climb
from spectrack.tracking.overlap_refiner import OverlapRefiner
from thin import randomise

BOX = (20.0, 24.0, 30.0, 22.0)
ALONE = RefinementSettings(proposals=0, best=1)


@pytest.fixture
def network():
    return randomise(AtomIoUNet((8, 16), 12))


@pytest.fixture
def layers():
    chance = torch.Generator().manual_seed(3)
    maps = {"layer2": (1, 8, 10, 10), "layer3": (1, 16, 5, 5)}
    return {name: torch.randn(shape, generator=chance) for name, shape in maps.items()}


def test_one_box_climbs_as_said(network, layers):
    refiner = OverlapRefiner(network, ALONE)
    refiner.start(layers, BOX, np.random.default_rng(0))
    later = {name: maps.roll(1, 3) for name, maps in layers.items()}
    found = refiner.refine(later, BOX)
    boxes = torch.tensor([BOX])
    modulation = network.reference(layers["layer2"], layers["layer3"], boxes)
    target = network.test_maps(later["layer2"], later["layer3"]).modulate(modulation)
    expected, _ = climb(boxes, lambda b: network.judge_and_gradient(target, b), ALONE)
    assert found == pytest.approx(expected[0].tolist())
    assert found != pytest.approx(BOX, abs=1e-6)


def test_a_box_that_climbs_far_sees_the_whole_patch(network, layers, monkeypatch):
    """From a small guess, by long steps, and with little room."""
    monkeypatch.setattr(overlap_refiner, "ROOM", 0.01)
    guess, long = (40.0, 8.0, 6.0, 5.0), RefinementSettings(proposals=0, best=1, step=60)
    refiner = OverlapRefiner(network, long)
    refiner.start(layers, BOX, np.random.default_rng(0))
    found = refiner.refine(layers, guess)
    target = network.test_maps(layers["layer2"], layers["layer3"]).modulate(refiner.modulation)
    boxes = torch.tensor([guess])
    seen = []

    def judge(asked):
        seen.append(asked)
        return network.judge_and_gradient(target, asked)

    expected, _ = climb(boxes, judge, long)
    near = refiner._near(layers, guess)
    assert near.cover(seen[0])
    assert not all(map(near.cover, seen))
    assert found == pytest.approx(expected[0].tolist(), rel=1e-4)


def test_chance_begins_anew_with_every_target(network, layers):
    refiner = OverlapRefiner(network, RefinementSettings())
    found = []
    for _ in range(2):
        refiner.start(layers, BOX, np.random.default_rng(0))
        found.append([refiner.refine(layers, BOX) for _ in range(2)])
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


def test_a_sliver_is_not_trusted(network, layers):
    refiner = OverlapRefiner(network, ALONE)
    refiner.start(layers, BOX, np.random.default_rng(0))
    assert refiner.refine(layers, (0.0, 0.0, 60.0, 3.0)) is None
