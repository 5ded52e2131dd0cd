"""Crops, clamps and the choice of a box in FEAR against golden arrays."""

import cv2
import numpy as np
import pytest
import torch

from siamese_golden import golden_frame, met, siamese_golden
from spectrack.errors import InputError
from spectrack.trackers.fear.choice import choose
from spectrack.trackers.fear.crop import clamped, context_of, mean_colour
from spectrack.trackers.fear.settings import FEARSettings
from spectrack.tracking.siamese import cosine_window
from spectrack.tracking.windows import cut

OFFSETS = {"z": 0.2, "x": 2.0}
SIDES = {"z": 128, "x": 256}
BOX_A = (130, 90, 64, 44)


@pytest.fixture(scope="module")
def stored():
    return siamese_golden("fear_step")


def boxes(array):
    return [tuple(int(v) for v in row) for row in np.atleast_2d(array)]


def test_boxes_are_clamped_as_published(stored):
    found = [clamped(box, (160, 120)) for box in boxes(stored["clamp_in"])]
    met("fear_step", "clamp_out", found)


@pytest.mark.parametrize("row", [0, 1, 2, 3, 4, 8])
@pytest.mark.parametrize("kind", "zx")
def test_crops_are_golden(stored, row, kind):
    frame = golden_frame(160, 120, 0, 0, None)
    met("fear_step", "crop_mean", frame.mean((0, 1)), rtol=1e-7)
    met("fear_step", "crop_mean", mean_colour(frame), rtol=1e-7)
    context = context_of(boxes(stored["clamp_out"])[row], OFFSETS[kind])
    key = f"crop{row}_{kind}"
    met("fear_step", f"{key}_context", context)
    crop = cut(frame, context, SIDES[kind], mean_colour(frame))
    # other releases of OpenCV round a grey level otherwise
    met("fear_step", f"{key}_sub", crop[::7, ::7], atol=1)
    met("fear_step", f"{key}_sum", crop.sum((0, 1)), rtol=1e-4)


def test_the_first_pair_is_cut_as_published():
    stored = siamese_golden("fear_net")
    a = golden_frame(320, 240, 0, 0, BOX_A)
    b = golden_frame(320, 240, 5, -3, (141, 84, 70, 46))
    met("fear_net", "A_sum", a.sum((0, 1)))
    met("fear_net", "B_sum", b.sum((0, 1)))
    for frame, kind in ((a, "z"), (b, "x")):
        context = context_of(BOX_A, OFFSETS[kind])
        met("fear_net", f"AB_{kind}_context", context)
        crop = cut(frame, context, SIDES[kind], tuple(stored["A_mean"]))
        met("fear_net", f"AB_{kind}_crop", crop, atol=1)


@pytest.mark.parametrize("context", [(-300, -235, 750, 590), (10, 20, 90, 64), (-40, 3, 131, 260)])
def test_a_window_read_without_a_copy_is_the_same(rng, monkeypatch, context):
    frame = cv2.resize(rng.integers(0, 255, (30, 40, 3), np.uint8), (160, 120))
    whole = cut(frame, context, 128, (100.4, 3.5, 254.6))
    monkeypatch.setattr("spectrack.tracking.windows.LARGEST_COPY", 0)
    found = cut(frame, context, 128, (100.4, 3.5, 254.6))
    assert np.abs(whole.astype(int) - found).max() <= 1
    assert (whole == found).mean() > 0.85  # OpenCV rounds its weights


def test_a_window_grows_by_doubles_not_by_fractions():
    assert context_of((0, 0, 45, 85), 0.2)[2:] == (62, 118)
    assert context_of((-3, -1, 5, 5), 0.2)[:2] == (-4, -2)


@pytest.mark.parametrize("smooth", [False, True])
def test_the_choice_is_golden_on_a_real_answer(smooth):
    net = siamese_golden("fear_net")
    found = choose(
        sigmoid(net["tracker_AB_cls"]),
        net["tracker_AB_bbox"],
        BOX_A[2:],
        context_of(BOX_A, 2.0),
        FEARSettings(smooth=smooth),
    )
    check(found, f"AB_{'smooth' if smooth else 'plain'}", (320, 240))


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("case", "abcde")
def test_the_choice_is_golden_by_formula(stored, case, smooth):
    i, j = np.mgrid[:16, :16]
    logits = ((11 * i + 7 * j + (i * j % 5)) % 23) / 4 - 2.5
    c = np.arange(4)[:, None, None]
    distances = 8.0 + (13 * c + 5 * i + 3 * j + i * j) % 41
    start = clamped(boxes(stored[f"f{case}_start"])[0], (320, 240))
    met("fear_step", f"f{case}_clamped", start)
    context = context_of(start, 2.0)
    met("fear_step", f"f{case}_context", context)
    found = choose(sigmoid(logits), distances, start[2:], context, FEARSettings(smooth=smooth))
    check(found, f"f{case}_{'smooth' if smooth else 'plain'}", (320, 240))


def sigmoid(logits):
    return torch.from_numpy(logits).float().sigmoid().numpy()


def check(found, key, size_wh):
    met("fear_step", f"{key}_cell", found.cell)
    met("fear_step", f"{key}_best_score", found.score, rtol=1e-6)
    met("fear_step", f"{key}_crop_box", found.crop_box, rtol=1e-7, atol=1e-4)
    met("fear_step", f"{key}_raw", found.box, rtol=1e-7, atol=1e-3)
    met("fear_step", f"{key}_rounded", found.rounded())
    met("fear_step", f"{key}_box", clamped(found.rounded(), size_wh))


def test_the_window_is_golden():
    met("fear_step", "window", cosine_window(16), rtol=1e-7, atol=1e-7)


def test_numbers_beyond_any_frame_are_cut():
    scores = np.zeros((16, 16), np.float32)
    endless = np.full((4, 16, 16), np.inf, np.float32)
    box = choose(scores, endless, (10, 10), (0, 0, 50, 50), FEARSettings()).rounded()
    assert clamped(box, (64, 48)) == (0, 0, 64, 48)


@pytest.mark.parametrize(("name", "value"), [("penalty", -1.0), ("window", 1.1), ("rate", -0.1)])
def test_settings_out_of_range_are_told(name, value):
    with pytest.raises(InputError, match=f"{name} is"):
        FEARSettings(**{name: value})
