"""NanoTrack as a tracker: the authors' runs, OpenCV's runs, and what is told of wrong settings."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from siamese_golden import BOX_A, frames_ab, meet, met, published_weights, siamese_golden
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.nanotrack.network import NanoTrack
from spectrack.trackers.nanotrack.opencv import root_window
from spectrack.trackers.nanotrack.settings import NanoTrackSettings
from spectrack.trackers.nanotrack.tracker import NanoTracker
from spectrack.tracking.siamese import Place
from thin import randomise

SEQUENCES = ["dog", "scooter_black"]


@pytest.fixture(scope="module", params=SEQUENCES)
def sequence(request, davis_root):
    """Its name, its frames as RGB, and the target of the first."""
    folder = davis_root / "JPEGImages" / "480p" / request.param.replace("_", "-")
    if not folder.is_dir():
        pytest.skip(f"frames not found at {folder}")
    frames = [cv2.imread(str(path))[..., ::-1] for path in sorted(folder.glob("*.jpg"))]
    start = siamese_golden("nanotrack_runs")[f"{request.param}_start"]
    return request.param, frames, Target(Box(*map(float, start)))


def tracker_of(version, **settings):
    path = published_weights(f"nanotrack/nanotrack{version}.pth")
    return NanoTracker(NanoTrackSettings(weights=str(path), device="cpu", **settings))


@pytest.mark.data
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_every_frame_of_the_authors_runs(sequence, version):
    """Each from the golden box before: free runs part where a side lies at a rounding edge."""
    name, frames, target = sequence
    golden = siamese_golden("nanotrack_runs")
    boxes = golden[f"{name}_{version}_box"]
    tracker = tracker_of(version, score="network")
    tracker.init(frames[0], target)
    answers = []
    for number, frame in enumerate(frames[1:]):
        if number:
            x, y, w, h = boxes[number - 1]
            tracker.following.place = Place(x + w / 2, y + h / 2, w, h)
        answers.append(tracker.update(frame))
    key = f"{name}_{version}"
    met("nanotrack_runs", f"{key}_box", [list(a.box) for a in answers], atol=0.05)
    met("nanotrack_runs", f"{key}_score", [a.score for a in answers], atol=1e-4)


@pytest.mark.data
@pytest.mark.parametrize("version", ["v2", "v3"])
def test_free_runs_stay_with_the_authors(sequence, version):
    name, frames, target = sequence
    boxes = siamese_golden("nanotrack_runs")[f"{name}_{version}_box"]
    tracker = tracker_of(version)
    tracker.init(frames[0], target)
    overlaps = [tracker.update(f).box.iou(Box(*b)) for f, b in zip(frames[1:], boxes, strict=True)]
    assert np.mean(overlaps) > (0.9 if name == "dog" else 0.999)


class OpenCVNetwork:
    """The same networks from their ONNX files, run by OpenCV."""

    def __init__(self, version):
        paths = [
            published_weights(f"nanotrack/nanotrack{version}_{part}.onnx")
            for part in ("backbone", "head")
        ]
        self.backbone, self.head = (cv2.dnn.readNet(str(path)) for path in paths)

    def extract(self, images):
        self.backbone.setInput(np.ascontiguousarray(images.numpy()))
        return torch.from_numpy(self.backbone.forward("output").copy())

    def remember(self, template):
        return template

    def compare(self, template, search):
        self.head.setInput(template.numpy(), "input1")
        self.head.setInput(search.numpy(), "input2")
        answers = self.head.forward(["output1", "output2"])
        return tuple(torch.from_numpy(answer.copy()) for answer in answers)


@pytest.mark.data
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("network", ["opencv", "ours"])
def test_opencv_s_boxes_to_the_pixel(sequence, version, network):
    name, frames, target = sequence
    golden = siamese_golden("nanotrack_runs")
    boxes = golden[f"{name}_opencv_{version}_box"]
    scores = golden[f"{name}_opencv_{version}_score"]
    tracker = tracker_of(version, opencv=True)
    if network == "opencv":
        tracker._network = OpenCVNetwork(version)
    elif (name, version) == ("dog", "v2"):
        # in frame 56 the centre is within 0.002 pixels of a whole number, where rounding decides
        boxes, scores = boxes[:56], scores[:56]
    tracker.init(frames[0], target)
    answers = [tracker.update(frame) for frame in frames[1 : len(boxes) + 1]]
    tolerance = 1e-6 if network == "opencv" else 2e-5
    key = f"{name}_opencv_{version}"
    found = [list(a.box) for a in answers]
    meet("nanotrack_runs", f"{key}_box", found, boxes, rtol=0, atol=0)
    found = [a.score for a in answers]
    meet("nanotrack_runs", f"{key}_score", found, scores, rtol=0, atol=tolerance)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_opencv_s_step_on_the_golden_pair(version):
    met("nanotrack_step", "opencv_window", root_window(16))
    first, second = (frame[..., ::-1] for frame in frames_ab())
    tracker = tracker_of(version, opencv=True)
    tracker.init(first, Target(Box(*BOX_A)))
    answer = tracker.update(second)
    place = tracker.following.place
    key = f"opencv_{version}"
    met("nanotrack_step", f"{key}_box", list(answer.box))
    met("nanotrack_step", f"{key}_score", answer.score, atol=1e-6)
    met("nanotrack_step", f"{key}_pos", (place.cx, place.cy), atol=1e-4)
    met("nanotrack_step", f"{key}_size", (place.w, place.h), atol=1e-4)


def test_channels_are_seen_in_the_order_told(rng):
    network = randomise(NanoTrack("v1"))
    frame = rng.integers(0, 256, (60, 80, 3), np.uint8)
    target = Target(Box(20, 20, 20, 18))

    def template(frame, **settings):
        tracker = NanoTracker(NanoTrackSettings(device="cpu", **settings), network)
        tracker.init(frame, target)
        return tracker._template

    usual = template(frame)
    assert torch.equal(usual, template(frame[..., ::-1].copy(), colours="rgb"))
    assert not torch.equal(usual, template(frame, colours="rgb"))
    assert NanoTrackSettings(opencv=True).order == "rgb"
    assert NanoTrackSettings(opencv=True, colours="bgr").order == "bgr"


def test_constants_are_the_published_ones_unless_told(rng):
    def rules(version, **settings):
        return NanoTracker(NanoTrackSettings(**settings), randomise(NanoTrack(version)))._rules

    assert (rules("v1").penalty, rules("v1").window, rules("v1").rate) == (0.148, 0.462, 0.390)
    assert rules("v3", window=0.2).window == 0.2
    assert rules("v3", window=0.2).rate == 0.348
    assert rules("v1", opencv=True).penalty == 0.055


def test_what_cannot_be_is_told():
    with pytest.raises(InputError, match="window is 2"):
        NanoTrackSettings(window=2.0)
    with pytest.raises(InputError, match="no version 3"):
        NanoTrackSettings(opencv=True, version="v3")
    with pytest.raises(InputError, match="no version 3"):
        NanoTracker(NanoTrackSettings(opencv=True), randomise(NanoTrack("v3")))
    with pytest.raises(InputError, match="weights are of v2"):
        NanoTracker(NanoTrackSettings(version="v1"), randomise(NanoTrack("v2")))
    with pytest.raises(InputError, match="nanotrack_v1"):
        NanoTracker(NanoTrackSettings(version="v1"))


def test_it_looks_about_a_corrected_mask_with_the_same_template(rng):
    frame = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    tracker = NanoTracker(NanoTrackSettings(), randomise(NanoTrack("v3")))
    tracker.init(frame, Target(box=(20, 20, 30, 24)))
    template = tracker._template.clone()
    soft = np.zeros((120, 160), np.float32)
    soft[60:90, 80:120] = 0.8
    tracker.correct(frame, soft)
    assert torch.equal(tracker._template, template)
    place = tracker.following.place
    assert (place.cx, place.cy, place.w, place.h) == (99.5, 74.5, 40, 30)
    tracker.correct(frame, np.zeros_like(soft))  # an empty mask says nothing
    assert tracker.following.place == place
