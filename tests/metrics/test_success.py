"""Box measures against plain loops over the definitions of each benchmark."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pycocotools import mask as coco

from spectrack.errors import InputError
from spectrack.metrics.protocols import PROTOCOLS, Protocol
from spectrack.metrics.success import bounded, centre_distance_t, overlap_t, score_boxes

NONE = [np.nan] * 4
SIZE = (120, 90)


@pytest.fixture
def pair(rng):
    """Predictions and truth of 60 frames, some of either missing, some outside of the frame."""
    truth = np.column_stack([rng.uniform(0, 90, (60, 2)), rng.uniform(5, 30, (60, 2))])
    boxes = truth + rng.normal(0, 1, (60, 4)) * rng.choice([0.2, 3, 12], (60, 1))
    boxes[:, 2:] = np.maximum(boxes[:, 2:], 1)
    boxes, truth = np.round(boxes * 4) / 4, np.round(truth * 4) / 4  # sums of them are exact
    boxes[[4, 17, 30]] = np.nan
    truth[[9, 17, 44]] = np.nan
    return boxes, truth


def otb_loops(boxes, truth):
    """The toolkit's definition: 1-based boxes of whole pixels, +1 in extents, all frames count."""
    success, precision, overlaps = [0] * 21, [0] * 51, []
    first = np.array([1, 1, 0, 0])
    for t, (box, true) in enumerate(zip(boxes + first, truth + first, strict=True)):
        (x, y, w, h), (u, v, k, m) = (true if t == 0 else box), true
        overlap, error = -1.0, math.inf
        if not (math.isnan(u) or math.isnan(x)):
            right, bottom = x + w - 1, y + h - 1
            true_right, true_bottom = u + k - 1, v + m - 1
            across = max(0, min(right, true_right) - max(x, u) + 1)
            down = max(0, min(bottom, true_bottom) - max(y, v) + 1)
            overlap = across * down / (w * h + k * m - across * down)
            error = math.hypot(x + (w - 1) / 2 - u - (k - 1) / 2, y + (h - 1) / 2 - v - (m - 1) / 2)
        overlaps.append(max(overlap, 0))
        for i in range(21):
            success[i] += overlap > i / 20
        for i in range(51):
            precision[i] += error <= i
    return [s / len(boxes) for s in success], [p / len(boxes) for p in precision], overlaps


def test_otb(pair):
    success, precision, overlaps = otb_loops(*pair)
    score = score_boxes(*pair, PROTOCOLS["otb"])
    np.testing.assert_allclose(score.success, success, atol=1e-12)
    np.testing.assert_allclose(score.precision, precision, atol=1e-12)
    assert len(score.overlaps) == 60
    figures = score.figures
    assert figures["auc"] == pytest.approx(sum(success) / 21)
    assert figures["precision_20"] == pytest.approx(precision[20])
    assert figures["ao"] == pytest.approx(sum(overlaps) / 60)


def test_lasot(pair):
    """Absent frames are taken out; then as OTB, and centres in units of the true box."""
    boxes, truth = pair
    boxes = boxes + math.pi / 1000  # no share lies on a threshold, where rounding would decide
    there = [t for t in range(60) if not math.isnan(truth[t, 0])]
    success, precision, _ = otb_loops(boxes[there], truth[there])
    score = score_boxes(boxes, truth, PROTOCOLS["lasot"])
    np.testing.assert_allclose(score.success, success, atol=1e-12)
    np.testing.assert_allclose(score.precision, precision, atol=1e-12)
    shares = []
    for i in range(51):
        good = 0
        for t in there:
            (x, y, w, h), (u, v, k, m) = (truth[t] if t == 0 else boxes[t]), truth[t]
            dx, dy = (x + w / 2) / k - (u + k / 2) / k, (y + h / 2) / m - (v + m / 2) / m
            good += math.sqrt(dx * dx + dy * dy) <= i / 100
        shares.append(good / len(there))
    np.testing.assert_allclose(score.normalised_precision, shares, atol=1e-12)
    assert score.figures["normalised_precision"] == pytest.approx(sum(shares) / 51)
    assert score.figures["normalised_precision_20"] == pytest.approx(shares[20])
    other = score_boxes(boxes, truth, PROTOCOLS["trackingnet"])
    assert other.figures == score.figures


def inside(box):
    """A box moved into the frame and cut, number by number."""
    x, y = min(max(box[0], 0), SIZE[0]), min(max(box[1], 0), SIZE[1])
    return x, y, min(max(box[2], 0), SIZE[0] - x), min(max(box[3], 0), SIZE[1] - y)


def test_got10k(pair):
    boxes, truth = pair
    overlaps = []
    for t in range(1, 60):
        if math.isnan(truth[t, 0]):
            continue
        if math.isnan(boxes[t, 0]):
            overlaps.append(0.0)
            continue
        both = np.array([[inside(boxes[t])], [inside(truth[t])]])
        overlaps.append(coco.iou(both[0], both[1], [0])[0, 0])
    score = score_boxes(boxes, truth, PROTOCOLS["got10k"], SIZE)
    np.testing.assert_allclose(score.overlaps, overlaps, atol=1e-12)
    curve = [sum(o > i / 100 for o in overlaps) / len(overlaps) for i in range(101)]
    np.testing.assert_allclose(score.success, curve, atol=1e-12)
    assert score.figures["ao"] == pytest.approx(sum(overlaps) / len(overlaps))
    assert score.figures["sr50"] == pytest.approx(curve[50])
    assert score.figures["sr75"] == pytest.approx(curve[75])
    free = score_boxes(boxes, truth, Protocol(first="left out"))
    assert free.figures["ao"] != pytest.approx(score.figures["ao"])  # some were outside


def test_bounded_moves_what_begins_outside():
    boxes = np.array([[-5, 10, 20, 20], [110, 80, 20, 20], [200, 10, 5, 5], NONE])
    expected = [[0, 10, 20, 20], [110, 80, 10, 10], [120, 10, 0, 5], NONE]
    np.testing.assert_array_equal(bounded(boxes, SIZE), expected)


def test_overlap_equals_coco(rng):
    boxes, truth = rng.uniform(1, 20, (2, 50, 4))
    expected = np.diag(coco.iou(boxes, truth, [0] * 50))
    np.testing.assert_allclose(overlap_t(boxes, truth), expected, atol=1e-12)


def test_overlap_with_itself_is_never_above_one(rng):
    """Rounding would make it a success at the threshold 1."""
    boxes = rng.uniform(0.1, 20, (1000, 4))
    assert overlap_t(boxes, boxes).max() == 1


def test_worked_by_hand():
    """Truth 10 x 20; frames: given, exact, half, 3-4-5 off, lost, absent."""
    truth = np.array([[10, 10, 10, 20]] * 5 + [NONE], float)
    boxes = np.array(
        [[0, 0, 1, 1], [10, 10, 10, 20], [10, 10, 10, 10], [13, 14, 10, 20], NONE, [0, 0, 5, 5]]
    )
    assert overlap_t(boxes, truth)[1:5].tolist() == [1, 0.5, 7 * 16 / (400 - 112), 0]
    assert math.isnan(overlap_t(boxes, truth)[5])
    assert centre_distance_t(boxes, truth)[1:5].tolist() == [0, 5, 5, math.inf]
    shares = centre_distance_t(boxes, truth, normalised=True)[1:4]
    assert shares == pytest.approx([0, 5 / 20, math.hypot(0.3, 0.2)])
    otb = score_boxes(boxes, truth, PROTOCOLS["otb"])
    # Two perfect frames (20 of 21 thresholds), 0.5 is above 10 thresholds, 0.389 above 8.
    assert otb.figures["auc"] == pytest.approx((20 + 20 + 10 + 8) / 21 / 6)
    assert otb.figures["precision_20"] == pytest.approx(4 / 6)
    assert otb.precision[:6].tolist() == [2 / 6] * 5 + [4 / 6]
    assert otb.figures["sr50"] == pytest.approx(2 / 6)  # exactly one half is not above it
    lasot = score_boxes(boxes, truth, PROTOCOLS["lasot"])
    assert lasot.figures["auc"] == pytest.approx((20 + 20 + 10 + 8) / 21 / 5)
    got = score_boxes(boxes, truth, PROTOCOLS["got10k"], (100, 100))
    assert got.overlaps.tolist() == [1, 0.5, 7 * 16 / (400 - 112), 0]
    assert got.figures["auc"] == pytest.approx((100 + 50 + 39) / 101 / 4)
    assert score_boxes(boxes, truth, PROTOCOLS["davis"]).overlaps.tolist() == got.overlaps.tolist()
    whole = score_boxes(boxes[:5], truth[:5], PROTOCOLS["davis"])
    assert whole.overlaps.tolist() == got.overlaps[:3].tolist()


def test_a_perfect_tracker():
    truth = np.tile([[3.0, 4, 10, 20]], (5, 1))
    assert score_boxes(truth, truth, PROTOCOLS["otb"]).figures["auc"] == pytest.approx(20 / 21)
    got = score_boxes(truth, truth, PROTOCOLS["got10k"], SIZE).figures
    assert got["auc"] == pytest.approx(100 / 101)
    assert {got[k] for k in ("ao", "sr50", "sr75", "precision_20", "normalised_precision")} == {1}


def test_truth_without_area_is_absent():
    truth = np.array([[0, 0, 9, 9], [5, 5, 0, 8], [0, 0, 9, 9]], float)
    boxes = np.array([[0, 0, 9, 9], [5, 5, 3, 8], [0, 0, 9, 9]], float)
    assert score_boxes(boxes, truth, PROTOCOLS["lasot"]).overlaps.tolist() == [1, 1]
    assert score_boxes(boxes, truth, PROTOCOLS["otb"]).overlaps.tolist() == [1, 0, 1]
    outside = np.array([[0, 0, 9, 9], [300, 5, 9, 8], [0, 0, 9, 9]], float)
    assert score_boxes(boxes, outside, PROTOCOLS["got10k"], SIZE).overlaps.tolist() == [1]


def test_polygons_are_used_by_vot_alone():
    """A square on its corner has half the area of the box around it."""
    diamond = np.array([[10, 0], [20, 10], [10, 20], [0, 10]], float)
    box = np.tile([[0.0, 0, 20, 20]], (3, 1))
    box[2] = np.nan
    polygons = [diamond, diamond, diamond]
    truth = np.tile([[0.0, 0, 20, 20]], (3, 1))
    vot = score_boxes(box, truth, PROTOCOLS["vot"], polygons=polygons)
    assert vot.overlaps == pytest.approx([0.5, 0])
    assert score_boxes(box, truth, PROTOCOLS["vot"]).overlaps.tolist() == [1, 0]
    lasot = score_boxes(box, truth, PROTOCOLS["lasot"], polygons=polygons)
    assert lasot.overlaps.tolist() == [1, 1, 0]
    with pytest.raises(InputError, match="3 boxes and 2 polygons"):
        score_boxes(box, truth, PROTOCOLS["vot"], polygons=polygons[:2])


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (np.zeros((3, 5)), r"predicted boxes of shape \(3, 5\)"),
        (np.ones((2, 4)), "2 predicted and 3 true boxes"),
        (np.array([[1, 1, 1, 1], [1, 1, -1, 1], [1, 1, 1, 1]]), "predicted box of frame 1"),
        (np.array([[1, 1, 1, 1], [1, np.nan, 1, 1], [1, 1, 1, 1]]), "or four NaN for none"),
        (np.array([[np.inf, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]]), "predicted box of frame 0"),
    ],
)
def test_bad_boxes(boxes, message):
    with pytest.raises(InputError, match=message):
        score_boxes(boxes, np.ones((3, 4)), PROTOCOLS["otb"])


def test_bad_protocols():
    boxes = np.ones((3, 4))
    with pytest.raises(InputError, match="give the frames' size"):
        score_boxes(boxes, boxes, PROTOCOLS["got10k"])
    with pytest.raises(InputError, match="none of 2 frames can be scored"):
        score_boxes(boxes[:2], boxes[:2], PROTOCOLS["davis"])
    with pytest.raises(InputError, match="none of 0 frames"):
        score_boxes(boxes[:0], boxes[:0], PROTOCOLS["lasot"])
    with pytest.raises(InputError, match="overlap_steps 0"):
        Protocol(overlap_steps=0)
