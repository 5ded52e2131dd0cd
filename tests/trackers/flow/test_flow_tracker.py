"""The tracker ``flow`` on made-up clips: exact enough, and hard to kill."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.structures import Box, Target
from spectrack.trackers.flow.tracker import FlowTracker, FlowTrackerSettings
from spectrack.tracking.loop import run
from spectrack.tracking.table import make_tracker
from spectrack.video.reader import open_video


def iou(a, b):
    union = (a | b).sum()
    return (a & b).sum() / union if union else 1.0


class Scene:
    """A textured disc that moves over a textured ground; exact masks."""

    def __init__(self, size=(96, 144), radius=16, seed=3):
        rng = np.random.default_rng(seed)
        smooth = [gaussian_filter(rng.standard_normal((*size, 3)), (2, 2, 0)) for _ in range(2)]
        self.ground = np.clip(90 + 200 * smooth[0] + (0, 25, 0), 0, 255)
        self.skin = np.clip(140 + 200 * smooth[1] + (60, -60, -30), 0, 255)
        self.size, self.radius = size, radius

    def __call__(self, x, y=48.0):
        rows, cols = np.mgrid[: self.size[0], : self.size[1]] + 0.5
        mask = np.hypot(cols - x, rows - y) <= self.radius
        skin = np.roll(self.skin, (round(y), round(x)), axis=(0, 1))
        return np.where(mask[..., None], skin, self.ground).astype(np.uint8), mask


def follow(frames, truths, settings=None):
    tracker = FlowTracker(settings)
    box = Box.from_mask(truths[0])
    predictions = [tracker.init(frames[0], Target(box=box))]
    predictions += [tracker.update(frame) for frame in frames[1:]]
    return predictions


def test_the_synthetic_clip_from_its_box():
    clip = make_clip(frames=30)
    track = run(make_tracker("flow"), open_video(clip.frames_thwc), Target(box=clip.target.box))
    scores = [iou(track.mask(t), clip.masks_thw[t]) for t in range(1, 29)]
    assert np.mean(scores) > 0.85


def test_a_moving_disc_is_followed():
    scene = Scene()
    frames, truths = zip(*[scene(30 + 3 * t, 48 - t) for t in range(16)], strict=True)
    predictions = follow(frames, truths)
    assert np.mean([iou(p.hard_mask(), m) for p, m in zip(predictions, truths, strict=True)]) > 0.85
    assert all(p.found for p in predictions)
    last = predictions[-1]
    assert last.box.iou(Box.from_mask(truths[-1])) > 0.8
    assert 0.5 < last.score <= 1
    assert last.mask.dtype == np.float32


@pytest.mark.parametrize("bad", ["black", "white", "noise"])
def test_one_bad_frame_does_not_end_it(rng, bad):
    scene = Scene()
    frames, truths = map(list, zip(*[scene(40 + 2 * t) for t in range(12)], strict=True))
    shape = frames[5].shape
    frames[5] = {
        "black": np.zeros(shape, np.uint8),
        "white": np.full(shape, 255, np.uint8),
        "noise": rng.integers(0, 256, shape, dtype=np.uint8),
    }[bad]
    predictions = follow(frames, truths)
    for p, m in zip(predictions[7:], truths[7:], strict=True):
        assert p.found
        assert iou(p.hard_mask(), m) > 0.75


def test_lost_while_away_and_found_again_elsewhere():
    scene = Scene()
    seen = [scene(40 + 2 * t) for t in range(8)]
    away = [(scene.ground.astype(np.uint8), np.zeros(scene.size, bool))] * 15
    back = [scene(90 + 2 * t, 60) for t in range(6)]
    frames, truths = zip(*(seen + away + back), strict=True)
    predictions = follow(frames, truths)
    gone = predictions[9:23]
    assert not any(p.found for p in gone)
    assert all(p.box is None and p.score == 0 and not p.mask.any() for p in gone)
    assert predictions[-1].found
    assert iou(predictions[-1].hard_mask(), truths[-1]) > 0.75


def test_leaving_the_view_for_good():
    scene = Scene()
    frames, truths = zip(*[scene(100 + 8 * t) for t in range(14)], strict=True)
    predictions = follow(frames, truths)
    assert not predictions[-1].found
    assert not predictions[-1].hard_mask().any()


def test_a_given_mask_is_kept_and_carried():
    scene = Scene()
    frame, truth = scene(50)
    tracker = make_tracker("flow")
    first = tracker.init(frame, Target(mask=truth))
    assert np.array_equal(first.hard_mask(), truth)
    following, moved = scene(53)
    assert iou(tracker.update(following).hard_mask(), moved) > 0.9


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 61), (20, 300)])
@pytest.mark.parametrize("content", ["noise", "constant"])
def test_odd_frames_and_boxes_give_an_answer(rng, size, content):
    for box in ((0, 0, size[1], size[0]), (size[1] / 2, size[0] / 2, 1, 1)):
        tracker = FlowTracker()
        for t in range(3):
            frame = np.full((*size, 3), 90, np.uint8)
            if content == "noise":
                frame = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
            p = tracker.init(frame, Target(box=box)) if t == 0 else tracker.update(frame)
            assert p.mask.shape == size
            assert np.isfinite(p.mask).all()
            assert p.mask.min() >= 0
            assert p.mask.max() <= 1
            assert p.found or p.box is None
            if content == "constant" and t == 0:
                assert p.hard_mask().any()


def test_a_still_picture_without_contrast_stays():
    frame = np.full((60, 80, 3), 90, np.uint8)
    predictions = follow([frame] * 4, [Box(20, 10, 40, 30).fill((80, 60))] * 4)
    assert all(p.found for p in predictions)
    assert predictions[-1].box.iou(Box(20, 10, 40, 30)) > 0.6


def test_memory_is_bounded():
    def size_of(tracker):
        state = tracker._state
        return sum(a.nbytes for a in (state.frame, state.soft)) + sum(
            t.shape_hw.nbytes + t.grey_hw.nbytes
            for t in (tracker._finder.first, tracker._finder.last)
        )

    scene = Scene()
    tracker = FlowTracker()
    frame, truth = scene(50)
    tracker.init(frame, Target(mask=truth))
    sizes = []
    for t in range(12):
        tracker.update(scene(50 + t % 3)[0])
        sizes.append(size_of(tracker))
    assert max(sizes) < 1.5 * min(sizes)
    arrays = [v for v in vars(tracker).values() if isinstance(v, list | dict)]
    assert not arrays


def test_bad_use_is_told():
    scene = Scene()
    frame, truth = scene(50)
    with pytest.raises(InputError, match="before init"):
        FlowTracker().update(frame)
    tracker = FlowTracker(FlowTrackerSettings(preset="fast"))
    with pytest.raises(InputError, match="outside"):
        tracker.init(frame, Target(box=(500, 5, 10, 10)))
    tracker.init(frame, Target(mask=truth))
    with pytest.raises(InputError, match="follows frames"):
        tracker.update(frame[:-2])
    with pytest.raises(InputError, match="uint8"):
        tracker.update(frame.astype(np.float32))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"pixels": 0}, "pixels is 0; give a number of 1 or more"),
        ({"pixels": -5}, "pixels is -5"),
        ({"early": -1}, "early is -1; give a number of 0 or more"),
        ({"patience": -1}, "patience is -1"),
        ({"reach": -1.0}, "reach is -1"),
        ({"grow": -1.0}, "grow is -1.0; give a number of 1 or more"),
        ({"epsilon": 0.0}, "epsilon is 0.0; give a number over 0"),
        ({"contrast": 0.0}, "contrast is 0"),
        ({"doubt": 0.0}, "doubt is 0"),
        ({"flow_sigma": -1.0}, "flow_sigma is -1.0; give a number over 0"),
        ({"rate": 1.5}, "rate is 1.5; give a number from 0 to 1"),
        ({"burst": float("nan")}, "burst is nan"),
    ],
)
def test_settings_out_of_range_are_told(wrong, told):
    with pytest.raises(InputError, match=told):
        FlowTrackerSettings(**wrong)


def test_no_early_frames_is_no_early_phase():
    """A first mask that was found in a box then counts as one that was given."""
    scene = Scene()
    frames, truths = zip(*[scene(30 + 3 * t) for t in range(6)], strict=True)
    box = Box.from_mask(truths[0])
    alike = {"first_share": 0.5, "first_share_box": 0.5}  # else they differ in that alone
    none, given = (FlowTracker(FlowTrackerSettings(early=n, **alike)) for n in (0, 8))
    mask = none.init(frames[0], Target(box=box)).mask >= 0.5
    given.init(frames[0], Target(box=box, mask=mask))
    for frame in frames[1:]:
        np.testing.assert_array_equal(none.update(frame).mask, given.update(frame).mask)


@pytest.mark.data
def test_a_real_dog(davis_root):
    import cv2

    folder = davis_root / "JPEGImages" / "480p" / "dog"
    truth = davis_root / "Annotations" / "480p" / "dog"
    tracker = FlowTracker()
    scores = []
    for t in range(12):
        frame = cv2.cvtColor(cv2.imread(str(folder / f"{t:05d}.jpg")), cv2.COLOR_BGR2RGB)
        mask = cv2.imread(str(truth / f"{t:05d}.png"), cv2.IMREAD_GRAYSCALE) > 127
        box = Box.from_mask(mask)
        p = tracker.init(frame, Target(box=box)) if t == 0 else tracker.update(frame)
        scores.append(iou(p.hard_mask(), mask))
    assert np.mean(scores[1:]) > 0.7


def test_what_is_prepared_ahead_changes_no_answer():
    scene = Scene()
    frames = [scene(30 + 3 * t, 48 - t)[0] for t in range(8)]
    target = Target(Box.from_mask(scene(30)[1]))
    plain, ahead = FlowTracker(), FlowTracker()
    for tracker in (plain, ahead):
        tracker.init(frames[0], target)
    for number, frame in enumerate(frames[1:]):
        ahead.prepare(frame if number % 3 else frame[::-1].copy())  # at times of another frame
        one, other = plain.update(frame), ahead.update(frame)
        np.testing.assert_array_equal(one.mask, other.mask)
        np.testing.assert_array_equal(plain.flow_pair().forward_hw2, ahead.flow_pair().forward_hw2)


def test_flow_that_is_prepared_is_not_found_again(monkeypatch):
    scene = Scene()
    (first, mask), (second, _) = scene(30), scene(33)
    tracker = FlowTracker()
    tracker.init(first, Target(Box.from_mask(mask)))
    tracker.prepare(second)
    monkeypatch.setattr(tracker, "_flow_to", lambda frame: pytest.fail("it was found again"))
    assert tracker.update(second).found
    with pytest.raises(pytest.fail.Exception):
        tracker.update(second)


def test_only_a_frame_of_the_right_size_is_prepared():
    frame, mask = Scene()(30)
    tracker = FlowTracker()
    with pytest.raises(InputError, match="call init first"):
        tracker.prepare(frame)
    tracker.init(frame, Target(Box.from_mask(mask)))
    with pytest.raises(InputError, match="frames of one size"):
        tracker.prepare(frame[:-2])
