"""SiamMask as a tracker: boxes of its masks, first masks, settings, and what is told of errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.structures import Box, Target
from spectrack.trackers.siammask.network import CELLS, Features, SiamMask
from spectrack.trackers.siammask.settings import SiamMaskSettings
from spectrack.trackers.siammask.tracker import SiamMaskTracker
from thin import randomise

THIN = {"planes": (4, 4, 6, 8), "stem": 4, "maps": 6}
FRAME = np.zeros((300, 400, 3), np.uint8)
BOX = Box(180, 130, 64, 64)


@torch.inference_mode()
def test_folding_changes_nothing_and_a_cell_is_what_all_cells_say():
    network = randomise(SiamMask(**THIN))
    z = network.extract(torch.rand(2, 3, 127, 127) * 4)
    x = network.extract(torch.rand(2, 3, 255, 255) * 4)
    assert [m.shape[-1] for m in (z.compared, x.compared, *x.finer)] == [7, 31, 125, 63, 31]
    cls, loc = network.answer(z, x)
    assert (cls.shape, loc.shape) == ((2, 10, CELLS, CELLS), (2, 20, CELLS, CELLS))
    whole = network.mask_head(z.compared, x.compared)
    coarse = network.coarse_mask(network.correlate(z, x, (20, 3)))
    torch.testing.assert_close(coarse.flatten(1), whole[..., 20, 3], atol=1e-4, rtol=1e-3)
    larger = network.mask(z, x, (20, 3), refined=False)
    assert larger.shape == (2, 127, 127)
    # corners lie on corners, and the middle on the middle
    torch.testing.assert_close(larger[:, ::63, ::63], coarse[:, ::31, ::31], atol=1e-4, rtol=1e-4)
    refined = network.mask(z, x, (20, 3))
    assert refined.shape == (2, 127, 127)
    folded = for_inference(network)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    for a, b in ((folded.answer(z, x)[0], cls), (folded.mask(z, x, (20, 3)), refined)):
        torch.testing.assert_close(a, b, atol=1e-3 * float(b.abs().max()), rtol=1e-3)


class Told(SiamMask):
    """A network that sees the middle anchor and a mask where it is told."""

    def __init__(self) -> None:
        super().__init__(**THIN)
        self.cell, self.spot = (12, 12), (slice(40, 90), slice(50, 80))
        self.refined: list[bool] = []

    def extract(self, images):
        return Features(images, [])

    def answer(self, template, search):
        del template, search
        cls, loc = torch.zeros(1, 10, CELLS, CELLS), torch.zeros(1, 20, CELLS, CELLS)
        cls[:, 5:] = -12
        cls[0, 7, self.cell[0], self.cell[1]] = 3.0
        return cls, loc

    def mask(self, template, search, cell, refined=True):
        del template, search
        assert cell == self.cell
        self.refined.append(refined)
        logits = torch.full((1, 127, 127), -9.0)
        logits[0, self.spot[0], self.spot[1]] = 9.0
        return logits


def tracker_of(**settings):
    return SiamMaskTracker(SiamMaskSettings(device="cpu", **settings), Told())


def test_each_kind_of_box():
    answers = {}
    for kind in ("tight", "rotated", "axis"):
        tracker = tracker_of(box=kind)
        tracker.init(FRAME, Target(BOX, BOX.fill((400, 300))))
        tracker._network.cell = (10, 14)
        answers[kind] = tracker.update(FRAME)
        assert answers[kind].score == pytest.approx(1 / (1 + np.exp(-3)))
        assert (tracker.corners is None) == (kind != "rotated")
        assert tracker.reads_boxes == (kind == "axis")
        # what follows is the anchor's box, whatever is reported
        assert tracker.following.place.box == answers["axis"].box if kind == "axis" else True
        cx = tracker.following.place.cx
        assert cx == pytest.approx(211.5 + 2 * 8 * 128 / 127, abs=0.01)
    masks = [answer.mask for answer in answers.values()]
    assert all(np.array_equal(masks[0], mask) for mask in masks)
    tight = Box.from_mask(masks[0] >= 0.5)
    assert answers["tight"].box == tight
    # 30 x 50 pixels of the search region, at 256 / 255 of the frame
    assert (tight.w, tight.h) == pytest.approx((30, 50), abs=1.5)
    assert list(answers["rotated"].box) == pytest.approx(list(tight), abs=0.1)
    assert answers["axis"].box.w == pytest.approx(64, abs=1)


def test_a_mask_too_small_for_a_rectangle_leaves_the_followed_box():
    tracker = tracker_of(box="rotated")
    tracker.init(FRAME, Target(BOX, BOX.fill((400, 300))))
    assert tracker.update(FRAME).box.w < 60
    tracker._network.spot = (slice(60, 66), slice(60, 66))
    answer = tracker.update(FRAME)
    assert tracker.corners is None
    assert answer.box == tracker.following.place.box
    tracker = tracker_of()
    tracker.init(FRAME, Target(BOX))
    tracker._network.spot = (slice(0, 0), slice(0, 0))
    answer = tracker.update(FRAME)  # no mask at all
    assert answer.box == tracker.following.place.box
    assert not answer.mask.round().any()


def test_the_first_mask_is_what_is_seen_in_the_box():
    tracker = tracker_of()
    first = tracker.init(FRAME, Target(BOX))
    assert first.box == BOX
    hard = first.mask >= 0.5
    assert hard.any()
    assert not (hard & ~BOX.fill((400, 300))).any()
    place = tracker.following.place
    assert (place.cx, place.cy, place.w, place.h) == (211.5, 161.5, 64, 64)
    tracker._network.spot = (slice(0, 0), slice(0, 0))
    np.testing.assert_array_equal(
        tracker.init(FRAME, Target(BOX)).mask, BOX.fill((400, 300)).astype(np.float32)
    )
    given = BOX.fill((400, 300)).copy()
    given[150:] = False
    before = len(tracker._network.refined)
    np.testing.assert_array_equal(tracker.init(FRAME, Target(BOX, given)).mask, given)
    assert len(tracker._network.refined) == before


def test_masks_that_are_not_refined():
    tracker = tracker_of(refined=False)
    tracker.init(FRAME, Target(BOX))
    tracker.update(FRAME)
    assert tracker._network.refined == [False, False]
    assert tracker.settings.level == 0.3
    assert tracker.settings.rules.penalty == 0.09


def test_values_are_those_published_with_the_weights_unless_told():
    told = {}
    for name in ("siammask_davis", "siammask_vot", "siammask_vot_ld", "siammask_r50_l3", "my.pth"):
        s = SiamMaskSettings(weights=name)
        told[name] = (s.rules.penalty, s.rules.window, s.rules.rate, s.level)
    assert told["siammask_davis"] == told["my.pth"] == (0.04, 0.40, 1.0, 0.35)
    assert told["siammask_vot"] == (0.04, 0.42, 0.25, 0.30)
    assert told["siammask_vot_ld"] == told["siammask_r50_l3"] == (0.10, 0.41, 0.32, 0.15)
    s = SiamMaskSettings(preset="vot", threshold=0.6, rate=0.5)
    assert (s.level, s.rules.rate, s.rules.window) == (0.6, 0.5, 0.42)


def test_what_cannot_be_is_told():
    with pytest.raises(InputError, match="threshold is 1;"):
        SiamMaskSettings(threshold=1.0)
    with pytest.raises(InputError, match="rate is 3"):
        SiamMaskSettings(rate=3.0)
