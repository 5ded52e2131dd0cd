"""SiamBAN as a tracker: where it goes, what its settings say, and what is told of wrong ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.structures import Box, Target
from spectrack.trackers.siamban.network import CELLS, SiamBAN
from spectrack.trackers.siamban.settings import SiamBANSettings
from spectrack.trackers.siamban.tracker import SiamBANTracker
from thin import randomise

THIN = {"planes": (4, 4, 6, 8), "stem": 4, "maps": 6}
TARGET = Target(Box(180, 130, 64, 64))


def tracker_of(network=None, **settings):
    made = network or randomise(SiamBAN(**THIN))
    return SiamBANTracker(SiamBANSettings(device="cpu", **settings), made)


@torch.inference_mode()
def test_folding_changes_nothing_and_a_batch_is_answered_as_one_by_one():
    network = randomise(SiamBAN(**THIN))
    z, x = torch.rand(2, 3, 127, 127) * 4, torch.rand(2, 3, 255, 255) * 4
    logits, sides = network(z, x)
    assert logits.shape == (2, 2, CELLS, CELLS)
    assert sides.shape == (2, 4, CELLS, CELLS)
    assert (sides > 0).all()
    folded = for_inference(network)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    for a, b in zip(folded(z, x), (logits, sides), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3 * float(b.abs().max()), rtol=1e-3)
    for i in range(2):
        one = network(z[i : i + 1], x[i : i + 1])
        for a, b in zip(one, (logits[i : i + 1], sides[i : i + 1]), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4 * float(b.abs().max()), rtol=1e-3)


class Told(SiamBAN):
    """A network that sees a box where it is told."""

    def __init__(self) -> None:
        super().__init__(**THIN)
        self.score, self.cell, self.sides = 0.9, (12, 12), (32.0, 32.0, 32.0, 32.0)
        self.seen = []

    def extract(self, images):
        self.seen.append(images)
        return [images]

    def answer(self, templates, searches):
        del templates, searches
        logits = torch.zeros(1, 2, CELLS, CELLS)
        logits[:, 1] = -12
        logits[0, 1, self.cell[0], self.cell[1]] = float(np.log(self.score / (1 - self.score)))
        return logits, torch.tensor(self.sides)[None, :, None, None].expand(1, 4, CELLS, CELLS)


def test_it_goes_where_the_best_cell_is_and_its_size_follows_by_and_by():
    tracker = tracker_of(Told(), penalty=0.0, window=0.0, rate=0.5)
    frame = np.zeros((300, 400, 3), np.uint8)
    tracker.init(frame, TARGET)
    side = 128 / 127  # pixels of the frame for one of the search region: 64 + 64 is the template's
    told = tracker._network
    told.cell, told.sides = (10, 15), (24.0, 16.0, 40.0, 32.0)
    answer = tracker.update(frame)
    assert answer.found
    assert answer.score == pytest.approx(0.9, abs=1e-6)
    # the middle of 180 and 63 more pixels; three cells right, and the box is 8 further that way
    cx, cy = 211.5 + (3 * 8 + 8) * side, 161.5 + (-2 * 8 + 8) * side
    rate = 0.9 * 0.5
    w, h = (64 * (1 - rate) + s * side * rate for s in (64, 48))
    assert list(answer.box) == pytest.approx([cx - w / 2, cy - h / 2, w, h], rel=1e-5)


def test_pictures_reach_the_network_as_blue_green_red(rng):
    frame = rng.integers(0, 256, (255, 255, 3), np.uint8)
    tracker = tracker_of(Told())
    tracker.init(frame, Target(Box(95, 95, 64, 64)))  # a template of 128 pixels about the middle
    tracker.update(frame)
    template, search = tracker._network.seen
    assert template.shape == (1, 3, 127, 127)
    assert search.shape == (1, 3, 255, 255)
    at = search[0, :, 127, 127].numpy()
    window = frame[125:129, 125:129, ::-1].reshape(-1, 3)
    assert ((window.min(0) <= at) & (at <= window.max(0))).all()
    pixels = tracker._pixels(frame)
    np.testing.assert_array_equal(pixels[0].permute(1, 2, 0).numpy(), frame[..., ::-1])
    rgb = tracker._pixels(frame, "rgb")
    np.testing.assert_array_equal(rgb[0].permute(1, 2, 0).numpy(), frame)


def test_it_looks_about_a_corrected_mask_with_the_same_template(rng):
    frame = rng.integers(0, 255, (120, 160, 3), dtype=np.uint8)
    tracker = tracker_of()
    tracker.init(frame, Target(box=(20, 20, 30, 24)))
    before = [maps.clone() for maps in tracker._templates]
    soft = np.zeros((120, 160), np.float32)
    soft[60:90, 80:120] = 0.8
    tracker.correct(frame, soft)
    assert all(map(torch.equal, tracker._templates, before))
    place = tracker.following.place
    assert (place.cx, place.cy, place.w, place.h) == (99.5, 74.5, 40, 30)
    tracker.correct(frame, np.zeros_like(soft))  # an empty mask says nothing
    assert tracker.following.place == place


def test_values_are_the_published_ones_of_the_benchmark_unless_told():
    vot, otb = SiamBANSettings().rules, SiamBANSettings(weights="siamban_r50_l234_otb").rules
    assert (vot.penalty, vot.window) == (0.08513642556896711, 0.4632532824922313)
    assert vot.rate == 0.44418184746462425
    assert (otb.penalty, otb.window) == (0.020530504470126613, 0.3850733326567302)
    assert otb.rate == 0.4730770315643308
    later = SiamBANSettings(preset="vot2019", window=0.2).rules
    assert (later.penalty, later.window) == (0.0012159181005195463, 0.2)
    assert later.rate == 0.46386814967815493


def test_what_cannot_be_is_told():
    with pytest.raises(InputError, match="window is 2"):
        SiamBANSettings(window=2.0)
    with pytest.raises(InputError, match="penalty is -1"):
        SiamBANSettings(penalty=-1.0)
