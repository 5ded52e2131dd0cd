"""VOT's ways of running: what is kept of a tracker that fails when the test says so, and scored."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from spectrack.datasets.base import Dataset, VideoSequence
from spectrack.datasets.vot import Vot
from spectrack.errors import InputError
from spectrack.evaluation.region_overlap import region_overlap, truth_region
from spectrack.evaluation.runner import run_dataset
from spectrack.evaluation.vot_runs import VotRun
from spectrack.evaluation.vot_scores import score_vot, vot_dict, vot_rows
from spectrack.structures import Box, Prediction, Target
from spectrack.tracking.base import Tracker
from spectrack.tracking.table import make_tracker
from spectrack.video.frames import ArrayFrames
from spectrack.video.vot_regions import VotMask, parse_region

SIZE_WH = (60, 40)


def truth_at(index: int) -> Box:
    return Box(5 + index % 20, 8, 20, 10)


def sequence_of(total: int, name: str = "walk", hidden: frozenset[int] = frozenset()):
    """Frames whose first pixel is their number, and boxes that move on by a pixel each."""
    frames = np.zeros((total, SIZE_WH[1], SIZE_WH[0], 3), np.uint8)
    frames[:, 0, 0, 0] = np.arange(total)
    stems = tuple(f"{i:08d}" for i in range(total))

    def box(index: int) -> Box | None:
        return None if index in hidden else truth_at(index)

    return VideoSequence(name, stems, lambda: ArrayFrames(frames), read_box=box)


class Scripted(Tracker):
    """Answers with the truth, five pixels to the right, but not in certain frames."""

    def __init__(self, lost=(), away=()):
        super().__init__()
        self.lost, self.away, self.asked = lost, away, []

    def _init(self, frame_hwc, target):
        self.asked.append(("init", int(frame_hwc[0, 0, 0]), target.box))
        return Prediction(target.box)

    def _update(self, frame_hwc):
        index = int(frame_hwc[0, 0, 0])
        self.asked.append(("update", index))
        if index in self.lost:
            return Prediction(None, found=False)
        box = truth_at(index)
        # 5 of 20 columns off: overlap 15 / 25
        return Prediction(Box(0, 30, 9, 9) if index in self.away else Box(box.x + 5, *[*box][1:]))


def lines_of(answer, name):
    return answer.files[name].decode().splitlines()


def test_restarts_five_frames_behind_a_failure():
    tracker = Scripted(lost={12}, away={3, 29})
    seen = []
    run = VotRun(tracker, sequence_of(30), progress=lambda *step: seen.append(step))
    answer = run.supervised()
    lines = lines_of(answer, "walk_001.txt")
    # 0 start, 3 fails, 4 to 7 are skipped, 8 starts, 12 fails, 17 starts, 29 fails
    codes = {0: 1, 3: 2, 8: 1, 12: 2, 17: 1, 29: 2} | dict.fromkeys([4, 5, 6, 7, 13, 14, 15, 16], 0)
    for index, line in enumerate(lines):
        wanted = (
            str(codes[index]) if index in codes else f"{10 + index % 20:.4f},8.0000,20.0000,10.0000"
        )
        assert line == wanted, index
    assert [step[1] for step in tracker.asked if step[0] == "init"] == [0, 8, 17]
    assert [step[2] for step in tracker.asked if step[0] == "init"] == [
        truth_at(i) for i in (0, 8, 17)
    ]
    assert not {4, 5, 6, 7} & {step[1] for step in tracker.asked}
    assert seen == [(i, 30) for i in range(1, 31)]
    told = json.loads(answer.files["answers.json"])
    assert (told["mode"], told["frames"], answer.frames) == ("supervised", 30, 30)


def test_starts_wait_for_the_target_and_absence_is_no_failure():
    hidden = frozenset({0, 1, 4, 12, 13})
    tracker = Scripted(away={7})
    lines = lines_of(VotRun(tracker, sequence_of(20, hidden=hidden)).supervised(), "walk_001.txt")
    assert lines[:3] == ["0", "0", "1"]
    assert lines[7:15] == ["2", *"000000", "1"]  # 12 and 13 show nothing
    assert parse_region(lines[4]) == Box(14, 8, 20, 10)


def test_anchors_forward_and_backward():
    tracker = Scripted(lost={60})
    answer = VotRun(tracker, sequence_of(120)).multi_start()
    told = json.loads(answer.files["answers.json"])
    assert told["anchors"] == [
        {"frame": 0, "backward": False},
        {"frame": 50, "backward": False},
        {"frame": 100, "backward": True},
        {"frame": 119, "backward": True},
    ]
    orders = {0: range(120), 50: range(50, 120), 100: range(100, -1, -1), 119: range(119, -1, -1)}
    assert set(answer.files) == {f"walk_{i:08d}.txt" for i in orders} | {"answers.json"}
    asked = iter(tracker.asked)
    for anchor, order in orders.items():
        lines = lines_of(answer, f"walk_{anchor:08d}.txt")
        assert len(lines) == len(order)
        assert lines[0] == "1"
        assert [next(asked)[1] for _ in order] == list(order)
        for index, line in zip(order[1:], lines[1:], strict=True):
            box = Box(truth_at(index).x + 5, 8, 20, 10)
            assert parse_region(line) == (None if index == 60 else box)


def test_anchors_that_the_challenge_names():
    """Some of them were moved by hand; one whose target is out of sight cannot be a start."""
    ways = np.zeros(120)
    ways[[0, 57, 100, 119]] = 1, 1, -1, -1
    moved = replace(sequence_of(120, hidden=frozenset({119})), frame_values={"anchor": ways})
    told = json.loads(VotRun(Scripted(), moved).multi_start().files["answers.json"])
    assert [(a["frame"], a["backward"]) for a in told["anchors"]] == [
        (0, False),
        (57, False),
        (100, True),
    ]


@pytest.fixture
def walks():
    return Dataset("walks", [sequence_of(30, "a"), sequence_of(60, "b")])


def test_figures_of_restarts(tmp_path, walks):
    def method(sequence):
        return VotRun(Scripted(away={3, 29}), sequence).supervised()

    runs = run_dataset(method, walks, tmp_path, {"mode": "supervised"})
    assert [run.frames for run in runs] == [30, 60]
    again = run_dataset(method, walks, tmp_path, {"mode": "supervised"})
    assert all(run.resumed for run in again)
    scores = score_vot(tmp_path, walks, "supervised")
    # ten frames from every start on are left out; all others overlap by 15 / 25
    assert scores.sequences["a"]["accuracy"] == pytest.approx(0.6)
    assert scores.sequences["a"]["failures"] == 2
    assert scores.sequences["b"]["failures"] == 2
    assert scores.total["failures"] == 4
    assert scores.total["reliability"] == pytest.approx(math.exp(-30 * 4 / 90))
    assert scores.total["accuracy"] == pytest.approx(0.6)
    assert scores.total["eao"] == pytest.approx(eao_by_hand(scores.interval))
    rows = vot_rows(scores)
    assert rows[0][0] == ""
    assert [row[0] for row in rows[1:]] == ["all", "a", "b"]
    assert vot_dict(scores)["sequences"]["a"]["failures"] == 2
    json.dumps(vot_dict(scores), allow_nan=False)


def eao_by_hand(interval):
    """Segments: frames answered behind each start, and whether it ended in a failure."""
    segments = [(2, True), (20, True)]  # a: 0 to 3, 8 to 29
    segments += [(2, True), (20, True), (25, False)]  # b: the last one from 34 to the end
    means = []
    for n in range(interval[0], interval[1] + 1):
        means += [
            [0.6 * min(n, length) / n for length, failed in segments if failed or n <= length]
        ]
    return np.mean([np.mean(one) for one in means if one])


def test_figures_of_anchors(tmp_path, walks):
    def method(sequence):
        return VotRun(Scripted(away=set(range(40, 60))), sequence).multi_start()

    run_dataset(method, walks, tmp_path, {"mode": "multi-start"})
    scores = score_vot(tmp_path, walks, "multi-start")
    # a: whole from 0 and from 29; b: from 0 as far as 39 (40 of 60), from 50 and 59 no frame
    assert scores.sequences["a"] == {"accuracy": pytest.approx(0.6), "robustness": 1.0}
    followed, asked = 40 + 1 + 1, 60 + 51 + 60
    assert scores.sequences["b"]["robustness"] == pytest.approx(followed / asked)
    assert scores.sequences["b"]["accuracy"] == pytest.approx(0.6)
    assert scores.total["robustness"] == pytest.approx((30 + 60 * followed / asked) / 90)


def test_a_run_of_polygons_is_scored_by_them(tmp_path):
    """Truth and answers are squares on their corners; their boxes would overlap by 1/3."""

    def corners(index, shift=0.0):
        x = 10.0 + index % 20
        return np.array([(x, 5), (x + 5, 10), (x, 15), (x - 5, 10)]) + np.array([shift, 0])

    plain = sequence_of(30, "kite")
    walks = Dataset("kites", [dataclasses.replace(plain, read_box=None, read_polygon=corners)])
    lines = [",".join(f"{v:g}" for v in corners(i, 5).ravel()) for i in range(30)]
    (tmp_path / "kite").mkdir()
    (tmp_path / "kite" / "kite_001.txt").write_text("\n".join(["1", *lines[1:]]) + "\n")
    scores = score_vot(tmp_path, walks, "supervised")
    assert scores.total["failures"] == 0
    assert scores.total["accuracy"] == pytest.approx(1 / 7)


def test_raw_answers_that_do_not_fit_are_told(tmp_path, walks):
    def method(sequence):
        return VotRun(Scripted(), sequence).supervised()

    run_dataset(method, walks, tmp_path, {})
    (tmp_path / "a" / "answers.json").write_text('{"anchors": []}')
    with pytest.raises(InputError, match=r"answers\.json does not tell the anchors"):
        score_vot(tmp_path, walks, "multi-start")
    file = tmp_path / "a" / "a_001.txt"
    whole = file.read_text().splitlines()
    for content, told in (
        (whole[:-1], "has 29 lines; expected 30"),
        ([*whole[:-1], "1,2,x"], r"line 30 of .*a_001\.txt: '1,2,x' is no region"),
        (["0", *whole[1:]], "is no run with restarts"),
        ([whole[0], "1,2,3,4,5", *whole[2:]], r"line 2 of .*'1,2,3,4,5' is no region"),
    ):
        file.write_text("\n".join(content))
        with pytest.raises(InputError, match=told):
            score_vot(tmp_path, walks, "supervised")
    file.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        score_vot(tmp_path, walks, "supervised")


def test_what_cannot_be_run_so_is_told():
    everything = frozenset(range(9))
    for way in (VotRun.supervised, VotRun.multi_start):
        with pytest.raises(InputError, match="no frame with truth"):
            way(VotRun(Scripted(), sequence_of(9, hidden=everything)))
        two = VideoSequence("two", ("0",), lambda: None, starts={1: 0, 2: 0})
        with pytest.raises(InputError, match="has 2 objects"):
            way(VotRun(Scripted(), two))
        counting = Scripted()
        counting.counts_frames = True
        with pytest.raises(InputError, match="by the number of the frame"):
            way(VotRun(counting, sequence_of(9)))


def test_masks_are_kept_where_truth_is_masks():
    masks = np.zeros((4, 8, 9), bool)
    masks[:, 2:5, 3:7] = True
    frames = np.zeros((4, 8, 9, 3), np.uint8)
    stems = tuple("0123")
    sequence = VideoSequence("m", stems, lambda: ArrayFrames(frames), read_mask=masks.__getitem__)
    answers = iter(
        [
            Prediction(None, masks[0]),
            Prediction(None, masks[0], found=False),
            Prediction(Box(0, 0, 9, 8)),
        ]
    )
    tracker = Scripted()
    tracker._update = lambda frame_hwc: next(answers)
    lines = lines_of(VotRun(tracker, sequence).supervised(), "m_001.txt")
    assert lines == ["1", "m3,2,4,3,0,12", "2", "0"]  # what was not found has failed
    tracker = Scripted()
    tracker._update = lambda frame_hwc: Prediction(Box(0, 0, 9, 8))
    lines = lines_of(VotRun(tracker, sequence, from_mask=True).supervised(), "m_001.txt")
    assert lines[1] == "0.0000,0.0000,9.0000,8.0000"
    assert region_overlap(parse_region(lines[1]), truth_region(sequence, 1), (9, 8)) == 12 / 72


def drawn(corners, size_wh, fine=40):
    """A polygon drawn on a fine grid over the frame, by the sign of cross products (convex)."""
    xs = (np.arange(size_wh[0] * fine) + 0.5) / fine
    ys = (np.arange(size_wh[1] * fine) + 0.5) / fine
    x, y = np.meshgrid(xs, ys)
    sides = []
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        sides.append((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1))
    return np.all(np.array(sides) >= 0, axis=0) | np.all(np.array(sides) <= 0, axis=0)


@pytest.mark.parametrize("shift", [(0, 0), (-5, 2), (6, -3), (30, 30)])
def test_overlap_with_a_rotated_truth_is_that_of_drawn_regions(shift):
    corners = np.array([(4.0, 1.0), (11.0, 5.0), (8.0, 10.0), (1.0, 6.0)]) + shift
    box = Box(3, 2, 9, 7)
    around = np.array([(3, 2), (12, 2), (12, 9), (3, 9)])
    one, other = drawn(corners, (14, 12)), drawn(around, (14, 12))
    union = (one | other).sum()
    wanted = (one & other).sum() / union if union else 0.0
    assert region_overlap(box, corners, (14, 12)) == pytest.approx(wanted, abs=4e-3)


@pytest.mark.parametrize("shift", [(0, 0), (2, 1), (-5, 2), (6, -3), (30, 30)])
def test_polygons_answered_are_compared_as_they_stand(shift):
    corners = np.array([(4.0, 1.0), (11.0, 5.0), (8.0, 10.0), (1.0, 6.0)])
    answer = np.array([(6.0, 0.0), (12.0, 3.0), (7.0, 11.0)]) + shift
    around = np.array([(3, 2), (12, 2), (12, 9), (3, 9)])
    ours, size_wh = drawn(answer, (14, 12)), (14, 12)

    def wanted(other):
        return (ours & other).sum() / (ours | other).sum()

    rotated, box = drawn(corners, size_wh), drawn(around, size_wh)
    assert region_overlap(answer, corners, size_wh) == pytest.approx(wanted(rotated), abs=4e-3)
    assert region_overlap(answer, Box(3, 2, 9, 7), size_wh) == pytest.approx(wanted(box), abs=4e-3)
    # Where truth is a mask both are pixels: those whose centres the polygon holds.
    mask = np.zeros((12, 14), bool)
    mask[2:9, 3:12] = True
    pixels = ours[20::40, 20::40]
    assert ours.shape == (12 * 40, 14 * 40)
    union = (pixels | mask).sum()
    assert region_overlap(answer, mask, size_wh) == (pixels & mask).sum() / union


def test_overlap_of_other_kinds():
    size_wh = (10, 10)
    assert math.isnan(region_overlap(Box(1, 1, 2, 2), None, size_wh))
    assert region_overlap(None, Box(1, 1, 2, 2), size_wh) == 0
    assert region_overlap(Box(1, 1, 2, 2), Box(2, 1, 2, 2), size_wh) == pytest.approx(1 / 3)
    # what leaves the frame does not count: 2 of 4 columns of both are inside
    assert region_overlap(Box(8, 0, 4, 4), Box(8, 0, 9, 4), size_wh) == 1
    assert region_overlap(Box(12, 0, 4, 4), Box(12, 0, 4, 4), size_wh) == 0
    truth = np.zeros((10, 10), bool)
    truth[2:6, 2:6] = True
    mask = VotMask(2, 2, np.ones((2, 4), bool))
    assert region_overlap(mask, truth, size_wh) == 0.5
    assert region_overlap(Box(2, 2, 4, 2), truth, size_wh) == 0.5
    assert region_overlap(mask, Box(2, 2, 4, 4), size_wh) == 0.5
    assert region_overlap(VotMask(0, 0, np.zeros((1, 1), bool)), truth, size_wh) == 0
    with pytest.raises(InputError, match="the code 2 was given"):
        region_overlap(2, truth, size_wh)


# --- a second implementation, on a real sequence -----------------------------------------------


def overlap_by_opencv(box, corners, size_wh):
    """Both inside the frame, intersected by OpenCV."""
    frame = np.float32([(0, 0), (size_wh[0], 0), size_wh, (0, size_wh[1])])
    x1, y1, x2, y2 = box.xyxy
    around = np.float32([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])

    def inside(one, other):
        return cv2.intersectConvexConvex(np.float32(one), np.float32(other))

    area_box, box_in = inside(around, frame)
    area_truth, truth_in = inside(corners, frame)
    if area_box <= 0 or area_truth <= 0:
        return 0.0
    both = inside(box_in, truth_in)[0]
    return both / (area_box + area_truth - both)


def by_hand(name, sequences, longest):
    """Accuracy, failures and expected overlap (20 to ``longest`` frames) by loops of their own."""
    segments = []
    for sequence in sequences:
        tracker, start = make_tracker(name), 0
        with sequence.frames() as frames:
            for index, frame in enumerate(frames):
                if index < start:
                    continue
                if index == start:
                    tracker.init(frame, Target(box=sequence.truth_box(index)))
                    segments.append([[], False])
                    continue
                found = tracker.update(frame)
                shown = found.found and found.box is not None
                corners = sequence.read_polygon(index)
                overlap = overlap_by_opencv(found.box, corners, frames.size_wh) if shown else 0.0
                if overlap == 0:
                    segments[-1][1] = True
                    start = index + 5
                else:
                    segments[-1][0].append(overlap)
    valid = [v for values, _ in segments for v in values[9:]]  # ten frames with the start
    curve = []
    for n in range(20, longest + 1):
        means = [sum(values[:n]) / n for values, failed in segments if failed or len(values) >= n]
        curve.append(np.mean(means))
    return np.mean(valid), sum(failed for _, failed in segments), np.mean(curve)


@pytest.mark.data
def test_real_sequences_equal_a_second_implementation(data_root, tmp_path):
    root = data_root / "vot2014"
    if not root.is_dir():
        pytest.skip(f"VOT2014 not found at {root}")
    compare_by_hand("kcf", Vot(root), tmp_path)


def compare_by_hand(name, dataset, folder):
    """Both ways for one tracker; csrt, which takes minutes, is compared by a call of this."""
    run_dataset(lambda s: VotRun(make_tracker(name), s).supervised(), dataset, folder, {})
    found = score_vot(folder, dataset, "supervised", interval=(20, 60)).total
    accuracy, failures, eao = by_hand(name, dataset.values(), 60)
    assert found["failures"] == failures
    assert found["accuracy"] == pytest.approx(accuracy, abs=1e-4)
    assert found["eao"] == pytest.approx(eao, abs=1e-4)
    return accuracy, failures, eao
