"""A tracker driven by the toolkit's side of the TraX protocol, which the test has of its own."""

from __future__ import annotations

import base64
import signal
import sys

import cv2
import numpy as np
import pytest

from spectrack.datasets.vot import Vot
from spectrack.errors import InputError
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.loop import run
from spectrack.tracking.table import make_tracker
from spectrack.video.frames import ArrayFrames
from spectrack.video.vot_regions import mask_line, parse_region
from trax_client import TraxClient

trax = pytest.importorskip("trax", reason="the package vot-trax (extra vot) is not installed")


@pytest.fixture
def toolkit():
    """Starts trackers: ``toolkit("kcf", "--region", "mask")``; they do not outlive the test."""
    started = []

    def start(*words):
        started.append(TraxClient(*words))
        return started[-1]

    yield start
    for one in started:
        one.close()


def pixels(frame):
    """A frame as the protocol sends it."""
    height, width = frame.shape[:2]
    return f"image:{width};{height};rgb;{base64.b64encode(frame.tobytes()).decode()}"


def numbers(message):
    """The region of an answer."""
    assert message.kind == "state"
    return [float(word) for word in message.words[0].split(",")]


@pytest.mark.data
def test_a_box_tracker_over_a_real_sequence(toolkit, data_root):
    root = data_root / "vot2014"
    if not root.is_dir():
        pytest.skip(f"VOT2014 not found at {root}")
    sequence = Vot(root, ["sphere"])["sphere"]
    with sequence.frames() as frames:
        images = [frames[i] for i in range(8)]
    found = run(make_tracker("kcf"), ArrayFrames(np.stack(images)), sequence.target())
    files = [f"file://{path}" for path in sorted((root / "sphere").rglob("*.jpg"))[:8]]
    session = toolkit("kcf")
    told = session.hello().told
    assert (told["trax.name"], told["trax.multiobject"]) == ("kcf", "1")
    assert told["trax.region"] == "rectangle;polygon;"
    corners = ",".join(f"{v:.6f}" for v in sequence.read_polygon(0).ravel())
    answers = [session.initialize(files[0], corners), *map(session.frame, files[1:])]
    for (answer,), entry in zip(answers, found, strict=True):
        assert numbers(answer) == pytest.approx(list(entry.box), abs=1e-3)
        assert float(answer.told["confidence"]) == pytest.approx(entry.score, abs=1e-5)
    session.quit()
    assert session.ended()[0] == 0


@pytest.mark.data
def test_a_mask_tracker_over_a_real_sequence(toolkit, davis_root):
    from spectrack.datasets.davis import Davis2016

    sequence = next(iter(Davis2016(davis_root, "val", "480p").values()))
    with sequence.frames() as frames:
        images = np.stack([cv2.resize(frames[i], (214, 120)) for i in range(4)])
    mask = cv2.resize(sequence.truth_mask(0).astype(np.uint8), (214, 120)) > 0
    target = Target(mask=mask)
    found = run(make_tracker("flow-fast"), ArrayFrames(images), target)
    session = toolkit("flow-fast")
    assert session.hello().told["trax.region"] == "rectangle;polygon;mask;"
    given = "mask:" + mask_line(mask).removeprefix("m")
    answers = [session.initialize(pixels(images[0]), given)]
    answers += [session.frame(pixels(image)) for image in images[1:]]
    for (answer,), index in zip(answers, range(4), strict=True):
        assert answer.words[0].startswith("mask:")
        shown = parse_region("m" + answer.words[0].removeprefix("mask:")).fill((214, 120))
        np.testing.assert_array_equal(shown, found.mask(index))
    session.quit()
    assert session.ended()[0] == 0


def test_objects_come_one_after_the_other_and_all_again(toolkit, clip):
    image = pixels(clip.frames_thwc[0])
    session = toolkit("StillBoxes")
    session.hello()
    first, second, third = "10,12,20,8", "40,30,16,24", "5,6,7,8"
    assert len(session.initialize(image, first, second)) == 2
    assert len(session.frame(image)) == 2
    answers = session.frame(image, third)  # one more, in a later frame
    assert list(map(numbers, answers)) == [[10, 12, 20, 8], [40, 30, 16, 24], [5, 6, 7, 8]]
    assert [answer.told for answer in answers] == [{"confidence": "0.250000"}] * 3
    assert list(map(numbers, session.initialize(image, third))) == [[5, 6, 7, 8]]
    assert len(session.frame(image)) == 1
    session.quit()
    status, said = session.ended()
    assert (status, said) == (0, "5 frames answered\n")


def test_what_is_told_when_a_tracker_fails(toolkit, clip):
    image = pixels(clip.frames_thwc[0])
    session = toolkit("Refusing")
    session.hello()
    session.initialize(image, "10,12,20,8")
    (told,) = session.frame(image)
    reason = "this frame is too dark; give a lighter one"
    assert (told.kind, told.told) == ("quit", {"trax.reason": reason})
    assert session.ended() == (2, f"spectrack: {reason}\n")
    session = toolkit("Failing")
    session.hello()
    session.initialize(image, "10,12,20,8")
    (told,) = session.frame(image)
    assert (told.kind, told.told) == ("quit", {"trax.reason": "a mistake of ours"})
    status, said = session.ended()
    assert status == 1
    assert "ZeroDivisionError" in said


def test_images_that_cannot_be_read_end_the_session(toolkit, tmp_path):
    session = toolkit("StillTracker")
    session.hello()
    (told,) = session.initialize(f"file://{tmp_path}/none.jpg", "1,1,5,5")
    assert told.kind == "quit"
    assert "none.jpg does not exist" in told.told["trax.reason"]
    assert session.ended()[0] == 2


def test_a_client_that_disappears(toolkit, clip):
    session = toolkit("Losing", "--region", "polygon")
    session.hello()
    image = pixels(clip.frames_thwc[0])
    (answer,) = session.initialize(image, "10,12,20,8")
    corners = np.reshape(numbers(answer), (-1, 2)).tolist()
    assert sorted(corners) == [[10, 12], [10, 20], [30, 12], [30, 20]]
    (answer,) = session.frame(image)  # nothing is found
    assert (numbers(answer), answer.told) == ([0, 0, 0, 0], {"confidence": "0.000000"})
    session.leave()
    status, said = session.ended()
    assert status == 2
    assert "the TraX client has gone" in said


def test_a_client_that_hangs(toolkit):
    session = toolkit("StillTracker", "--timeout", "0.2")
    status, said = session.ended()
    assert status == 2
    assert said == (
        "spectrack: the TraX client has said nothing for 0.2 s; give a longer --timeout or look "
        "why it hangs\n"
    )


def test_a_kill_while_it_waits(toolkit):
    session = toolkit("StillTracker")
    session.hello()
    session.process.send_signal(signal.SIGTERM)
    assert session.ended()[0] in (-signal.SIGTERM, 128 + signal.SIGTERM)


def full_mask(region, size_wh):
    from spectrack.evaluation.clients.trax_values import placed

    return placed(region.array() != 0, region.offset(), size_wh)


def test_masks_are_placed_in_the_frame():
    from spectrack.evaluation.clients.trax_values import placed

    inside = np.array([[1, 0, 1], [1, 1, 0]], bool)
    for offset in ((0, 0), (2, 1), (-1, 0), (3, 3), (-9, 2), (1, 40)):
        drawn = np.zeros((5, 4), bool)
        for row, col in np.argwhere(inside):
            x, y = col + offset[0], row + offset[1]
            if 0 <= x < 4 and 0 <= y < 5:
                drawn[y, x] = True
        np.testing.assert_array_equal(placed(inside, offset, (4, 5)), drawn)


def test_answers_as_regions_of_each_kind():
    from spectrack.evaluation.clients.trax_values import region_of, target_of

    size_wh = (12, 9)
    mask = np.zeros((9, 12), bool)
    mask[2:5, 3:9] = True
    both = Prediction(Box(3, 2, 6, 3), mask)
    assert region_of(both, "rectangle", size_wh).bounds() == (3, 2, 6, 3)
    corners = sorted(region_of(both, "polygon", size_wh))
    assert corners == [(3, 2), (3, 5), (9, 2), (9, 5)]
    back = target_of(region_of(both, "mask", size_wh), size_wh)
    np.testing.assert_array_equal(back.mask, mask)
    box_alone = region_of(Prediction(Box(3, 2, 6, 3)), "mask", size_wh)
    np.testing.assert_array_equal(full_mask(box_alone, size_wh), mask)
    for nothing in (Prediction(None), Prediction(None, np.zeros((9, 12), bool))):
        assert not full_mask(region_of(nothing, "mask", size_wh), size_wh).any()
        assert region_of(nothing, "rectangle", size_wh).bounds() == (0, 0, 0, 0)
    lost = Prediction(Box(3, 2, 6, 3), mask, found=False)
    assert region_of(lost, "polygon", size_wh).bounds() == (0, 0, 0, 0)


def test_targets_of_each_kind():
    from spectrack.evaluation.clients.trax_values import target_of

    assert target_of(trax.Rectangle.create(1, 2, 3, 4), (9, 9)).box == Box(1, 2, 3, 4)
    turned = trax.Polygon.create([(4.0, 0.0), (8.0, 4.0), (4.0, 8.0), (0.0, 4.0)])
    assert target_of(turned, (9, 9)).box == Box(0, 0, 8, 8)
    with pytest.raises(InputError, match="kind special"):
        target_of(trax.Special.create(0), (9, 9))
    with pytest.raises(InputError, match="is empty"):
        target_of(trax.Mask.create(np.zeros((4, 4), np.uint8)), (9, 9))


def test_images_of_each_kind(tmp_path):
    from spectrack.evaluation.clients.trax_values import frame_of

    frame = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    content = cv2.imencode(".png", frame[..., ::-1])[1].tobytes()
    (tmp_path / "a.png").write_bytes(content)
    grey = np.arange(20, dtype=np.uint8).reshape(5, 4)
    for image, wanted in (
        (trax.FileImage.create(str(tmp_path / "a.png")), frame),
        (trax.BufferImage.create(content), frame),
        (trax.MemoryImage.create(frame), frame),
        (trax.MemoryImage.create(grey), np.stack([grey] * 3, 2)),
        (trax.MemoryImage.create(grey.astype(np.uint16) * 256 + 7), np.stack([grey] * 3, 2)),
    ):
        np.testing.assert_array_equal(frame_of({"color": image}), wanted)
    with pytest.raises(InputError, match="channel color"):
        frame_of({"depth": None})
    with pytest.raises(InputError, match="cannot be decoded"):
        frame_of({"color": trax.BufferImage.create(content[:40])})
    with pytest.raises(InputError, match="of kind url"):
        frame_of({"color": trax.URLImage.create("http://127.0.0.1/a.png")})


def test_a_missing_package_is_told(spectrack, monkeypatch):
    monkeypatch.setitem(sys.modules, "trax", None)
    answer = spectrack("vot", "kcf")
    assert answer.status == 2
    assert "pip install 'spectrack[vot]'" in answer.err
