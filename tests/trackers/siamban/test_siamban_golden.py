"""SiamBAN against golden arrays: network, head, three frames online, labels and losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from siamese_golden import siamese_golden
from siamese_scheme import (
    FULL,
    UNIT,
    fill,
    first_picture,
    image,
    listed_parameters,
    near,
    second_picture,
    unit,
)
from spectrack.structures import Box, Target
from spectrack.trackers.siamban.network import LEVELS, STRIDE, BoxAdaptiveHead, SiamBAN
from spectrack.trackers.siamban.settings import SiamBANSettings
from spectrack.trackers.siamban.tracker import SiamBANTracker
from spectrack.trackers.siamban.train_labels import (
    POINTS,
    class_loss,
    grid_labels,
    sampled,
    side_loss,
)
from thin import randomise

KEPT = ("head.cls_weight", "head.loc_weight", "head.loc_scale")
BOX = Box.from_xyxy(80.5, 60.25, 170.75, 190.5)


def test_parameters_match_by_name_and_shape():
    with torch.device("meta"):
        state = SiamBAN().state_dict()
    listed = listed_parameters("siamban_r50_l234")
    assert {k: tuple(v.shape) for k, v in state.items()} == listed


@torch.inference_mode()
def test_the_network_is_golden():
    siamese_golden("siamban_net")  # or skip
    network = fill(SiamBAN(), kept=KEPT)
    templates = network.extract(image("input/siamban/exemplar", 1, 3, 127, 127))
    searches = network.extract(image("input/siamban/search", 1, 3, 255, 255))
    each = network.head.levels(templates, searches)
    for level, z, (cls, raw) in zip((2, 3, 4), templates, each, strict=True):
        near("siamban_net", f"zf{level}", z[:, ::16], FULL)
        near("siamban_net", f"cls_level{level}", cls, FULL)
        near("siamban_net", f"loc_level{level}_preexp", raw, FULL)
    logits, sides = network.head.mean(each)
    near("siamban_net", "cls", logits, FULL)
    assert sides.isfinite().all()


@torch.no_grad()
def test_the_head_is_golden_at_unit_scale():
    head = fill(BoxAdaptiveHead(), "head.", kept=KEPT)
    z, x = ([unit(f"input/siamban/head_{k}f{i}", 1, 256, n, n) for i in (2, 3, 4)]
            for k, n in (("z", 7), ("x", 31)))  # fmt: skip
    each = head.levels(z, x)
    for level, (cls, raw) in zip((2, 3, 4), each, strict=True):
        near("siamban_head", f"head_cls_level{level}", cls, UNIT)
        near("siamban_head", f"head_loc_level{level}_preexp", raw, UNIT)
    head.loc_scale.fill_(0.1)
    logits, sides = head.mean(each)
    near("siamban_head", "head_cls", logits, UNIT)
    near("siamban_head", "head_loc_scale0.1", sides, UNIT)
    head.loc_scale.copy_(torch.tensor([0.05, 0.1, 0.2]))
    head.cls_weight.copy_(torch.tensor([0.5, 1.0, -0.3]))
    head.loc_weight.copy_(torch.tensor([-0.7, 0.2, 0.9]))
    logits, sides = head.mean(each)
    near("siamban_head", "head_cls_nonuniform", logits, UNIT)
    near("siamban_head", "head_loc_nonuniform", sides, UNIT)


class Stub:
    """In place of the network: golden answers in turn."""

    step = 0

    def extract(self, images_nchw: Tensor) -> list[Tensor]:
        return [images_nchw]

    def answer(self, templates, searches) -> tuple[Tensor, Tensor]:
        del templates, searches
        self.step += 1
        sides = (0.3 * unit(f"input/siamban/step{self.step}_loc", 1, 4, 25, 25) + 3.4).exp()
        return 2 * unit(f"input/siamban/step{self.step}_cls", 1, 2, 25, 25), sides


def test_three_frames_are_golden():
    thin = randomise(SiamBAN((4, 4, 4, 4), 4, 4))
    tracker = SiamBANTracker(SiamBANSettings(preset="vot2018", device="cpu"), thin)
    tracker._network = Stub()
    tracker.init(first_picture(), Target(Box(101, 81, 50, 70)))
    for k in (1, 2, 3):
        answer, place = tracker.update(second_picture()), tracker.following.place
        near("siamban_step", f"bbox{k}", list(answer.box), UNIT)
        near("siamban_step", f"score{k}", answer.score, UNIT)
        near("siamban_step", f"center{k}", [place.cx, place.cy], UNIT)
        near("siamban_step", f"size{k}", [place.w, place.h], UNIT)
    x, y = np.meshgrid(POINTS - 127, POINTS - 127)
    near("siamban_step", "points", np.stack([x.ravel(), y.ravel()], 1), 0)
    assert len(LEVELS) == 3
    assert STRIDE == 8


def test_labels_and_losses_are_golden():
    classes, sides = grid_labels(BOX)
    near("siamban_step", "target_cls_unsampled", classes, 0)
    near("siamban_step", "target_delta", sides, 1e-6)
    near("siamban_step", "target_cls_neg_pair_unsampled", grid_labels(BOX, same=False)[0], 0)
    points = np.stack(np.meshgrid(POINTS, POINTS))
    near("siamban_step", "train_points", points[:, ::6, ::6], 0)
    both = torch.from_numpy(np.stack([classes] * 2)), torch.from_numpy(np.stack([sides] * 2))
    logits = unit("input/siamban/loss_cls", 2, 2, 25, 25)
    found = (0.3 * unit("input/siamban/loss_loc", 2, 4, 25, 25) + 3.4).exp()
    near("siamban_step", "loss_cls", class_loss(logits, both[0]), UNIT)
    near("siamban_step", "loss_iou", side_loss(found, both[1], both[0]), UNIT)


@pytest.mark.parametrize(("same", "counts"), [(True, (16, 48)), (False, (0, 16))])
def test_few_cells_of_a_kind_count(rng, same, counts):
    classes, _ = grid_labels(BOX, same)
    kept = sampled(classes, rng, same)
    assert ((kept == 1).sum(), (kept == 0).sum()) == counts
    assert (kept[kept >= 0] == classes[kept >= 0]).all()
