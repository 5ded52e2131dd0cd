"""SiamRPN and SiamRPN++: networks against golden arrays, settings, and the tracker."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from siamese_golden import siamese_golden
from siamese_scheme import FULL, UNIT, fill, image, listed_parameters, near, unit
from spectrack.errors import InputError
from spectrack.networks.folding import for_inference
from spectrack.networks.region_proposal_heads import level_mean
from spectrack.structures import Box, Target
from spectrack.trackers.siamrpn.network import LONG_TERM_MAPS, SiamRPNAlexNet, SiamRPNPlusPlus
from spectrack.trackers.siamrpn.settings import SiamRPNSettings, rules_of
from spectrack.trackers.siamrpn.tracker import SiamRPNTracker
from spectrack.tracking.long_term import LongTermFollowing
from spectrack.tracking.region_proposals import AnchorProposals
from thin import randomise

ALEX, R50 = "siamrpn_alex_dwxcorr", "siamrpn_r50_l234_dwxcorr"
KEPT = ("rpn_head.cls_weight", "rpn_head.loc_weight")
SMALL = (8, 8, 12, 12, 8)
TINY = {"maps": 8, "planes": (4, 4, 8, 8), "stem": 4}


@pytest.mark.parametrize(("name", "kind"), [(ALEX, SiamRPNAlexNet), (R50, SiamRPNPlusPlus)])
def test_parameters_match_by_name_and_shape(name, kind):
    with torch.device("meta"):
        state = kind().state_dict()
    assert {k: tuple(v.shape) for k, v in state.items()} == listed_parameters(name)


def images(search):
    z = image("input/siamrpn/exemplar", 1, 3, 127, 127)
    return z, image(f"input/siamrpn/search_{search}", 1, 3, search, search)


@torch.inference_mode()
def test_alexnet_is_golden():
    siamese_golden(f"{ALEX}_net")
    network = for_inference(fill(SiamRPNAlexNet()))
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    unscaled = network.extract(unit("input/siamrpn/backbone_unit", 1, 3, 127, 127))
    near(f"{ALEX}_head", "backbone_unit", unscaled[0], UNIT)
    z, x = map(network.extract, images(287))
    near(f"{ALEX}_net", "zf0", z[0][:, ::8], FULL)
    near(f"{ALEX}_net", "backbone_x_sub", x[0][:, ::16, ::4, ::4], FULL)
    cls, loc = network.answer(z, x)
    near(f"{ALEX}_net", "cls", cls, FULL)
    near(f"{ALEX}_net", "loc", loc, FULL)


@torch.inference_mode()
def test_resnet_is_golden():
    siamese_golden(f"{R50}_net")
    network = fill(SiamRPNPlusPlus(), kept=KEPT)
    network = for_inference(network)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())
    seen, each = [], []
    network.backbone.register_forward_hook(lambda _, __, out: seen.append(list(out.values())))
    for name in network.rpn_head.heads:
        head = network.rpn_head.get_submodule(name)
        head.register_forward_hook(lambda _, __, out: each.append(out))
    z, x = map(network.extract, images(255))
    cls, loc = network.answer(z, x)
    file = f"{R50}_net"
    for i, (maps, (level_cls, level_loc)) in enumerate(zip(z, each, strict=True)):
        near(file, f"zf{i}", maps[:, ::8], FULL)
        near(file, f"backbone_x{i}_sub", seen[1][i][:, ::16, ::8, ::8], FULL)
        near(file, f"cls_level{i + 2}", level_cls[..., ::2, ::2], FULL)
        near(file, f"loc_level{i + 2}", level_loc[..., ::2, ::2], FULL)
    near(file, "cls", cls, FULL)
    near(file, "loc", loc, FULL)
    level_cls, level_loc = zip(*each, strict=True)
    uneven = level_mean(level_cls, torch.tensor([0.5, 1.0, -0.3]))
    near(file, "cls_weighted_nonuniform", uneven[..., ::2, ::2], FULL)
    uneven = level_mean(level_loc, torch.tensor([-0.7, 0.2, 0.9]))
    near(file, "loc_weighted_nonuniform", uneven[..., ::2, ::2], FULL)


@torch.inference_mode()
@pytest.mark.parametrize(
    ("make", "side", "cells"),
    [
        (lambda: SiamRPNAlexNet(SMALL), 287, 21),
        (lambda: SiamRPNAlexNet(SMALL, head="up"), 287, 21),
        (lambda: SiamRPNPlusPlus(**TINY), 255, 25),
        (lambda: SiamRPNPlusPlus(**TINY | {"maps": (4, 8, 12)}, weighted=False), 255, 25),
    ],
    ids=["alexnet", "up", "resnet50", "unweighted"],
)
def test_the_grid_is_the_trackers_and_folding_changes_nothing(make, side, cells):
    network = randomise(make())
    assert AnchorProposals(network.search, network.base).cells == cells
    z, x = torch.rand(2, 3, 127, 127) * 4, torch.rand(2, 3, side, side) * 4
    cls, loc = network(z, x)
    assert (cls.shape, loc.shape) == ((2, 10, cells, cells), (2, 20, cells, cells))
    for a, b in zip(for_inference(network)(z, x), (cls, loc), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3 * float(b.abs().max()), rtol=1e-3)


def test_the_form_of_the_weights_tells_the_preset():
    with torch.device("meta"):
        usual = [SiamRPNPlusPlus().usual, SiamRPNPlusPlus(weighted=False).usual]
        long_term = SiamRPNPlusPlus(LONG_TERM_MAPS)
    assert [*usual, long_term.usual] == ["vot", "otb", "lt"]
    assert long_term.state_dict()["rpn_head.rpn4.cls.head.3.weight"].shape == (10, 512, 1, 1)


def test_settings_are_the_published_ones_unless_told():
    resnet = SiamRPNSettings(backbone="resnet50")
    rules = rules_of(resnet, "vot")
    assert (rules.penalty, rules.window, rules.rate) == (0.05, 0.42, 0.38)
    otb = SiamRPNSettings(backbone="resnet50", preset="otb", window=0.3)
    rules = rules_of(otb, "vot")
    assert (rules.penalty, rules.window, rules.rate) == (0.24, 0.3, 0.25)
    names = {
        (s.backbone, s.preset): s.named_weights
        for s in (SiamRPNSettings(), SiamRPNSettings(preset="otb"), resnet, otb)
    }
    assert list(names.values()) == [ALEX, f"{ALEX}_otb", R50, f"{R50}_otb"]
    lt = SiamRPNSettings(backbone="resnet50", preset="lt")
    assert (lt.named_weights, lt.low, lt.high) == (f"{R50}_lt", 0.8, 0.998)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"preset": "lt"}, "which alexnet does not have"),
        ({"window": 2.0}, "window is 2"),
        ({"low": 0.9, "high": 0.5}, "low and high are"),
    ],
)
def test_settings_that_cannot_be_are_told(wrong, told):
    with pytest.raises(InputError, match=told):
        SiamRPNSettings(**wrong)


def test_weights_of_the_other_backbone_are_told():
    with pytest.raises(InputError, match=r"use tracker siamrpn\+\+"):
        SiamRPNTracker(SiamRPNSettings(device="cpu"), SiamRPNPlusPlus(**TINY))


def test_pictures_reach_the_network_as_blue_green_red(rng):
    frame = rng.integers(0, 256, (127, 127, 3), np.uint8)
    tracker = SiamRPNTracker(SiamRPNSettings(device="cpu"), randomise(SiamRPNAlexNet(SMALL)))
    seen = []
    tracker._network.extract = lambda x: seen.append(x) or []
    tracker._maps(frame)
    assert seen[0].shape == (1, 3, 127, 127)
    np.testing.assert_array_equal(seen[0][0].permute(1, 2, 0).numpy(), frame[..., ::-1])


class Answers(SiamRPNPlusPlus):
    """A network that sees the target where it is told, with a score that it is told."""

    def __init__(self) -> None:
        super().__init__(**TINY)
        self.told: list[tuple[float, int, int]] = []
        self.sides: list[int] = []

    def extract(self, images):
        self.sides.append(images.shape[-1])
        return [images]

    def answer(self, templates, searches):
        n = (searches[0].shape[-1] - 127) // 8 + 9
        score, right, down = self.told.pop(0)
        cls, loc = torch.zeros(1, 10, n, n), torch.zeros(1, 20, n, n)
        cls[0, 5:] = -12
        cls[0, 7, n // 2 + down, n // 2 + right] = float(np.log(score / (1 - score)))
        return cls, loc


def test_long_term_loses_looks_around_and_finds():
    frame = np.zeros((300, 400, 3), np.uint8)
    settings = SiamRPNSettings(backbone="resnet50", preset="lt", device="cpu")
    tracker = SiamRPNTracker(settings, Answers())
    tracker.init(frame, Target(Box(180, 130, 64, 64)))
    following = tracker.following
    assert isinstance(following, LongTermFollowing)
    side = 128 / 127  # pixels of the frame for one of the search region: 64 + 64 is the template's
    tracker._network.told = [(0.9, 1, 0), (0.5, 0, 0), (0.9, 0, 9), (0.9999, 2, -9), (0.9, 0, 0)]
    x, y = following.place.cx, following.place.cy
    seen = tracker.update(frame)
    assert seen.found
    assert following.place.cx == pytest.approx(x + 8 * side)
    lost = tracker.update(frame)
    assert (lost.found, lost.box, following.lost) == (False, None, True)
    assert lost.score == pytest.approx(0.5, abs=1e-6)
    unsure = tracker.update(frame)  # above low, below high: it moves and stays lost
    assert not unsure.found
    assert following.place.cy > y + 60
    again = tracker.update(frame)
    assert again.found
    assert not following.lost
    assert following.place.cx > x + 20
    assert tracker.update(frame).found
    assert tracker._network.sides == [127, 255, 255, 831, 831, 255]
    soft = np.zeros((300, 400), np.float32)
    soft[10:50, 20:80] = 1
    following.lost = True
    tracker.correct(frame, soft)
    assert not following.lost
    assert (following.place.cx, following.place.w) == (49.5, 60)
