"""SiamMask against golden arrays: network, heads, refinement, and three frames online."""

from __future__ import annotations

import cv2
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
from spectrack.trackers.siammask.network import Features, SiamMask
from spectrack.trackers.siammask.paste import rotated_rectangle
from spectrack.trackers.siammask.settings import SiamMaskSettings
from spectrack.trackers.siammask.tracker import SiamMaskTracker
from thin import randomise

MODEL = "siammask_r50_l3"
CELLS = ((10, 12), (0, 24), (24, 3))


@pytest.fixture(scope="module")
def network() -> SiamMask:
    siamese_golden(f"{MODEL}_net")  # or skip
    return fill(SiamMask()).requires_grad_(False)


def test_parameters_match_by_name_and_shape():
    with torch.device("meta"):
        state = SiamMask().state_dict()
    assert {k: tuple(v.shape) for k, v in state.items()} == listed_parameters(MODEL)


def check_masks(network, template: Features, search: Features, file: str, share: float) -> None:
    """The third tower at all cells and at one, and the refinement at three."""
    head, prefix = network.mask_head, "" if file.endswith("net") else "head_"
    correlation = head.correlate(template.compared, search.compared)
    if prefix:
        near(file, "head_corr_sub", correlation[:, ::8, ::4, ::4], share)
    else:
        near(file, "mask_corr_feature_10_12", correlation[0, :, 10, 12], share)
    near(file, f"{prefix}mask_sub", head.head(correlation)[:, ::127, ::3, ::3], share)
    coarse = network.coarse_mask(network.correlate(template, search, (10, 12)))
    near(file, f"{prefix}mask_col_10_12", coarse[0], share)
    for row, column in CELLS:
        refined = network.mask(template, search, (row, column))
        near(file, f"{prefix}refine_{row}_{column}", refined[0, ::2, ::2], share)


def test_the_network_is_golden(network):
    template = network.extract(image("input/siamrpn/exemplar", 1, 3, 127, 127))
    search = network.extract(image("input/siamrpn/search_255", 1, 3, 255, 255))
    near(f"{MODEL}_net", "zf0", template.compared[:, ::8], FULL)
    cls, loc = network.answer(template, search)
    near(f"{MODEL}_net", "cls", cls, FULL)
    near(f"{MODEL}_net", "loc", loc, FULL)
    check_masks(network, template, search, f"{MODEL}_net", FULL)


def test_heads_and_refinement_are_golden_at_unit_scale(network):
    shapes = {"p0": (64, 125), "p1": (256, 63), "p2": (512, 31)}
    finer = [unit(f"input/siammask/{k}", 1, c, n, n) for k, (c, n) in shapes.items()]
    template = Features(unit("input/siamrpn/head_zf3", 1, 256, 7, 7), [])
    search = Features(unit("input/siamrpn/head_xf3", 1, 256, 31, 31), finer)
    cls, loc = network.answer(template, search)
    near(f"{MODEL}_head", "head_cls", cls, UNIT)
    near(f"{MODEL}_head", "head_loc", loc, UNIT)
    check_masks(network, template, search, f"{MODEL}_head", UNIT)


class Stub:
    """In place of the network: golden answers in turn, and one oblique ellipse as the mask."""

    step = 0
    cell = (0, 0)

    def extract(self, images_nchw: Tensor) -> Features:
        return Features(images_nchw, [])

    def answer(self, template, search) -> tuple[Tensor, Tensor]:
        del template, search
        self.step += 1
        cls = 2 * unit(f"input/siamrpn/step{self.step}_cls_25", 1, 10, 25, 25)
        return cls, 0.2 * unit(f"input/siamrpn/step{self.step}_loc_25", 1, 20, 25, 25)

    def mask(self, template, search, cell, refined) -> Tensor:
        del template, search
        assert refined
        self.cell = cell
        angle = np.deg2rad(25)
        y, x = np.mgrid[:127, :127].astype(float)
        along = (x - 66) * np.cos(angle) + (y - 58) * np.sin(angle)
        across = -(x - 66) * np.sin(angle) + (y - 58) * np.cos(angle)
        return torch.from_numpy(8 * (1 - (along / 40) ** 2 - (across / 22) ** 2))[None].float()


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two convex polygons."""
    both = cv2.intersectConvexConvex(first.astype(np.float32), second.astype(np.float32))[0]
    union = sum(cv2.contourArea(p.astype(np.float32)) for p in (first, second)) - both
    return both / union


def in_the_order_of(corners: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where they begin, and which way they go round, is OpenCV's choice."""
    turned = [np.roll(c, k, axis=0) for c in (corners, corners[::-1]) for k in range(4)]
    return min(turned, key=lambda c: np.abs(c - expected).sum())


def test_three_frames_are_golden():
    thin = randomise(SiamMask((4, 4, 4, 4), 4, 4))
    settings = SiamMaskSettings(preset="vot_ld", box="rotated", device="cpu")
    tracker = SiamMaskTracker(settings, thin)
    tracker._network = stub = Stub()
    first, second = first_picture(), second_picture()
    # with a mask given, the first frame asks nothing of the network
    tracker.init(first, Target(Box(101, 81, 50, 70), np.ones(first.shape[:2], bool)))
    file = f"{MODEL}_step"
    anchors = tracker._proposals.anchors.reshape(4, -1)
    near(file, "anchors", anchors.T[::25], 0)
    mean = siamese_golden(file)["channel_average"]
    assert tracker.following._colour == tuple(int(v) for v in mean)
    for k, frame in enumerate((second, first, second), 1):
        before = tracker.following.place
        box, score, soft = tracker.look(frame)
        place = tracker.following.place
        near(file, f"bbox{k}", list(box), UNIT)
        near(file, f"score{k}", score, UNIT)
        near(file, f"center{k}", [place.cx, place.cy], UNIT)
        near(file, f"size{k}", [place.w, place.h], UNIT)
        near(file, f"pos{k}", list(stub.cell), 0)
        near(file, f"mask{k}_sub", soft[::4, ::4], UNIT)
        corners = rotated_rectangle(soft > settings.level)
        expected = siamese_golden(file)[f"polygon{k}"]
        assert overlap(corners, expected) > 0.999
        near(file, f"polygon{k}", in_the_order_of(corners, expected), 0.01)
        # the same through the verb: mask, box and corners are those of that threshold
        tracker.following.place, stub.step = before, k - 1
        answer = tracker.update(frame)
        np.testing.assert_array_equal(answer.hard_mask(), soft > settings.level)
        np.testing.assert_array_equal(tracker.corners, corners)
        assert answer.score == pytest.approx(score)
        assert answer.box.area == pytest.approx(cv2.contourArea(corners), rel=0.1)
