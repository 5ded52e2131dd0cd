"""SiamRPN's step online, short and long term, against golden arrays with a network that is none."""

from __future__ import annotations

import numpy as np
import pytest

from siamese_scheme import UNIT, first_picture, near, near_pixels, second_picture, unit
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.tracking.long_term import LongTermFollowing, LostRules
from spectrack.tracking.region_proposals import TEMPLATE, AnchorProposals
from spectrack.tracking.siamese import Following, Place, Rules, crop, crop_start

BOX = Box(101, 81, 50, 70)
STEPS = {
    "siamrpn_r50_l234_dwxcorr": (255, 8, Rules(0.05, 0.42, 0.38)),
    "siamrpn_alex_dwxcorr": (287, 0, Rules(0.16, 0.40, 0.30)),
    "siammask_r50_l3": (255, 8, Rules(0.10, 0.41, 0.32)),
}


def nchw(crop_hwc, step):
    return crop_hwc.transpose(2, 0, 1)[None, :, ::step, ::step]


def answer(proposals, step):
    n = proposals.cells
    cls = 2 * unit(f"input/siamrpn/step{step}_cls_{n}", 1, 10, n, n)
    return proposals.candidates(cls, 0.2 * unit(f"input/siamrpn/step{step}_loc_{n}", 1, 20, n, n))


@pytest.mark.parametrize("model", STEPS)
def test_three_frames_are_golden(model):
    search, base, rules = STEPS[model]
    file = f"{model}_step"
    proposals = AnchorProposals(search, base)
    first = first_picture()
    following = Following(first, BOX, rules, proposals.window_n, TEMPLATE, search)
    average = first.reshape(-1, 3).mean(0)
    near(file, "channel_average", average, UNIT)
    assert following._colour == tuple(int(v) for v in average)
    n = proposals.cells
    near(file, "window_sub", proposals.window_n[: n * n].reshape(n, n)[::4, ::4], UNIT)
    near_pixels(file, "z_crop_sub", nchw(following.cut_template(first), 4))
    for k, frame in enumerate((second_picture(), first, second_picture()), 1):
        before = following.place
        near_pixels(file, f"x_crop{k}_sub", nchw(following.cut_search(frame), 8))
        assert following.side == round(search / following.scale)
        found = answer(proposals, k)
        box, score = following.follow(found)
        place = following.place
        near(file, f"bbox{k}", list(box), UNIT)
        near(file, f"score{k}", score, UNIT)
        near(file, f"center{k}", [place.cx, place.cy], UNIT)
        near(file, f"size{k}", [place.w, place.h], UNIT)
        anchor, row, column = proposals.position(following.best)
        cx = proposals.anchors[0, anchor, row, column]
        assert found.cx[following.best] / following.scale == pytest.approx(place.cx - before.cx)
        assert abs(found.cx[following.best] - cx) < 110
        if model.startswith("siammask"):
            near(file, f"pos{k}", [row, column], 0)


def long_term(frame=None, size=255, low=0.97, high=0.99):
    seen, lost = AnchorProposals(size, 8), AnchorProposals(831, 8)
    rules = LostRules(low, high, 831, lost.window_n)
    frame = first_picture() if frame is None else frame
    box = BOX if frame.shape[0] > 200 else Box(20, 20, 10, 8)
    args = frame, box, Rules(0.05, 0.28, 0.22), seen.window_n, TEMPLATE, size
    return LongTermFollowing(*args, rules), seen, lost


def test_losing_and_finding_is_golden():
    file = "siamrpn_lt_step"
    following, seen, lost = long_term()
    for k in (1, 2, 3):
        proposals = lost if following.lost else seen
        crop_hwc = following.cut_search(second_picture())
        near(file, f"crop_size{k}", crop_hwc.shape[0], 0)
        near_pixels(file, f"x_crop{k}_sub", nchw(crop_hwc, 32))
        box, score = following.follow(answer(proposals, k))
        near(file, f"bbox{k}", list(box), UNIT)
        near(file, f"score{k}", score, UNIT)
        near(file, f"state{k}", following.lost, 0)


def test_a_place_out_of_the_frame_is_kept_and_one_far_off_is_not():
    following, _, _ = long_term(np.zeros((60, 80, 3), np.uint8))
    for place, kept in (
        (Place(-20.0, 30.0, 12.0, 9.0), True),
        (Place(40.0, 30.0, 0.5, 9.0), False),
        (Place(1e9, 30.0, 12.0, 9.0), False),
        (Place(float("nan"), 30.0, 12.0, 9.0), False),
    ):
        bounded = following._bounded(place)
        assert (bounded == place) == kept
        assert 0 <= place.limited((80, 60)).cx <= 80
        assert bounded.w >= 1


def test_scores_that_cannot_be_are_told():
    with pytest.raises(InputError, match="low and high are"):
        long_term(low=0.9, high=0.8)


@pytest.mark.parametrize(
    ("number", "place", "out", "side"),
    [
        (0, (5.2, 230.7), 127, 151),
        (1, (160, 120), 255, 255),
        (2, (300.5, 10.5), 255, 403),
        (3, (100.49, 99.51), 127, 64),
    ],
)
def test_crops_are_golden(number, place, out, side):
    frame = first_picture()
    colour = tuple(int(v) for v in frame.mean((0, 1)))
    found = crop(frame, crop_start(place, side), side, out, colour)
    near_pixels("siamrpn_misc", f"subwindow{number}", nchw(found, 4))


def test_a_large_crop_is_read_without_a_copy_and_is_the_same(rng, monkeypatch):
    frame = np.kron(rng.integers(0, 256, (12, 16, 3), np.uint8), np.ones((10, 10, 1), np.uint8))
    whole = crop(frame, (-200, -310), 700, 127, (40, 50, 60))
    monkeypatch.setattr("spectrack.tracking.windows.LARGEST_COPY", 0)
    assert np.abs(whole.astype(int) - crop(frame, (-200, -310), 700, 127, (40, 50, 60))).max() <= 1
