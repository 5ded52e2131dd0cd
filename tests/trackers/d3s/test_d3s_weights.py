"""D3S's weights: two backbones, the published container, and how both are had."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pytracking_like import checkpoint_of
from random_mask_in_box import write_random_mask_in_box
from random_sftrack import write_random_weights
from small_d3s import LITTLE, small_d3s, write_small_d3s
from spectrack.api.tracking import track
from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import MobileNetLayers
from spectrack.networks.resnet import ResNet
from spectrack.structures import Box, Target
from spectrack.trackers.d3s.backbones import filter_backbone, without_classes
from spectrack.trackers.d3s.network import D3S, d3s
from spectrack.trackers.d3s.settings import D3SSettings
from spectrack.trackers.d3s.tracker import D3STracker
from spectrack.tracking.table import make_tracker
from spectrack.weights.convert import convert
from spectrack.weights.matching import shapes_of
from spectrack.weights.table import WEIGHTS, fits
from thin import randomise

pytestmark = pytest.mark.usefixtures("small_crops")
TARGET = Target(Box(30, 25, 30, 26))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def frames(rng):
    return rng.integers(0, 256, (4, 90, 120, 3), np.uint8)


def followed(tracker, frames):
    tracker.init(frames[0], TARGET)
    return [tracker.update(frame) for frame in frames[1:]]


@pytest.mark.parametrize("legacy", [False, True])
def test_the_published_container_is_converted_and_followed_with(
    tmp_path, frames, monkeypatch, legacy
):
    """A training state with objects of its package around ``net``, as SegmNet.pth.tar is."""
    monkeypatch.setitem(
        WEIGHTS, "d3s", replace(WEIGHTS["d3s"], networks={"": "small_d3s:fresh_d3s"})
    )
    path = checkpoint_of(small_d3s().state_dict(), tmp_path / "SegmNet.pth.tar", legacy)
    converted = convert(path, tmp_path / "d3s.safetensors")
    assert converted.networks == ("d3s",)
    runs = [
        followed(make_tracker("d3s", weights=str(file), **LITTLE), frames)
        for file in (path, converted.path)
    ]
    for a, b in zip(*runs, strict=True):
        assert (a.box, a.score, a.found) == (b.box, b.score, b.found)
        np.testing.assert_array_equal(a.mask, b.mask)


def test_the_published_networks_are_known_by_names_and_shapes():
    with torch.device("meta"):
        network = d3s()
        shapes = shapes_of(network.state_dict())
    assert [name for name, differences in fits(shapes) if not len(differences)] == ["d3s"]
    backbone = shapes_of(network.feature_extractor.state_dict())
    assert [name for name, differences in fits(backbone) if not len(differences)] == ["resnet50"]


def test_without_weights_it_says_how_to_get_both(monkeypatch, tmp_path):
    monkeypatch.setenv("SPECTRACK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=r"weights pull d3s$"):
        make_tracker("d3s")
    with torch.device("meta"):
        network = d3s()
    told = "^for the filter of D3S: .* weights pull resnet50$"
    with pytest.raises(InputError, match=told):
        filter_backbone("", network)
    with pytest.raises(InputError, match=r"for the filter of D3S: .* give weights of ResNet"):
        filter_backbone("fear", network)


def test_the_filter_reads_a_backbone_of_its_own(frames):
    """The published case in small: two ResNets, of which neither replaces the other."""
    body = ("basic", (1, 1, 1, 1), (4, 4, 8, 8), 4)
    network = randomise(D3S(ResNet(*body, classes=10), side=64))
    own = randomise(ResNet(*body, classes=10), seed=1)
    tracker = D3STracker(D3SSettings(**LITTLE), network, own)
    answers = followed(tracker, frames)
    assert all(np.isfinite([*one.box]).all() for one in answers)
    assert tracker._backbone is not tracker._network.feature_extractor
    for part in (tracker._backbone, tracker._network.feature_extractor):
        assert not hasattr(part, "fc")
        assert not hasattr(part, "layer4")
    # what was given stays whole
    assert hasattr(own, "fc")
    assert hasattr(network.feature_extractor, "layer4")
    other = D3STracker(D3SSettings(**LITTLE), network, randomise(ResNet(*body), seed=2))
    assert [a.score for a in followed(other, frames)] != [a.score for a in answers]


def test_the_small_form_reads_its_own(tmp_path):
    tracker = make_tracker("d3s", weights=str(write_small_d3s(tmp_path / "d3s.st")), **LITTLE)
    assert tracker._backbone is tracker._network.feature_extractor
    assert without_classes(small_d3s()).side == 64


def test_a_side_that_cannot_be_is_told():
    with pytest.raises(InputError, match="side is 40; give a multiple of 16"):
        D3S(MobileNetLayers(0.25), side=40)


def test_its_masks_go_through_the_filter_and_into_sftrack(tmp_path, rng):
    frames = rng.integers(0, 256, (4, 48, 64, 3), np.uint8)
    file = write_small_d3s(tmp_path / "d3s.safetensors")
    box = Box(20, 14, 18, 14)
    alone = track(list(frames), box, tracker="d3s", weights=str(file), **LITTLE)
    assert len(alone) == 4
    given = ";".join(f"{name}={value}" for name, value in LITTLE.items())
    fused = make_tracker(
        "sftrack",
        inputs=f"flow-fast,d3s:weights={file};{given}",
        weights=str(write_random_weights(tmp_path / "sftrack.safetensors")),
        mask_weights=str(write_random_mask_in_box(tmp_path / "masks.safetensors")),
    )
    fused.init(frames[0], Target(box))
    answers = [fused.update(frame) for frame in frames[1:]]
    assert all(one.mask.shape == (48, 64) for one in answers)
