"""Soft masks in a window: pasted, measured and cut as whole masks are."""

import numpy as np
import pytest
import torch

from spectrack.structures import Box
from spectrack.tracking.patches import Patch, pair, plan_patch
from spectrack.tracking.soft_window import SoftWindow, paste


def _patch(coord, frame_hw=(150, 230), output_hw=(48, 80)):
    coord = np.array(coord, np.float32)
    return Patch((0, 0), (1, 1), 1, (0, 0), frame_hw, output_hw, coord)


def test_logits_come_back_as_in_the_reference(golden):
    manifest = golden.manifest["geometry"]
    for i in range(3):
        logits = torch.from_numpy(golden.scheme.nrm(f"geo.seg{i}", (48, 80)))
        window = paste(logits, _patch(manifest[f"c2i{i}.coord"]))
        golden.compare("geometry", f"c2i{i}.scores", window.fill(-100), 1e-6)
        top, left, rows, cols = golden.array("geometry", f"c2i{i}.meta")
        assert (window.top, window.left) == (top, left)
        assert window.values_hw.shape[0] <= rows
        assert window.values_hw.shape[1] <= cols


def test_moments_and_boxes_are_the_reference(golden):
    scheme = golden.scheme
    prob = scheme.uni("geo.prob", (90, 140)) ** 4
    prob[20:60, 40:100] += 0.8
    found = SoftWindow(torch.from_numpy(prob), 0, 0, (90, 140)).measure()
    golden.compare("geometry", "state.pos", found.pos_yx, 1e-6)
    golden.compare("geometry", "state.sz", found.size_hw(4), 1e-6)
    rect = scheme.rect(30, 20, 40, 25, 90, 140)[0, 0]
    for values in (rect, (rect - 0.5) * 200):  # the mask, and the logits it is given as
        found = SoftWindow.of_frame(values, "cpu").measure()
        golden.compare("geometry", "state.rect_pos", found.pos_yx, 1e-6)
        golden.compare("geometry", "state.rect_sz", found.size_hw(4), 1e-6)
        golden.compare("geometry", "bbox.t", np.array(list(found.box)), 1e-7)


def test_a_window_measures_what_its_whole_mask_does(rng):
    whole = np.zeros((60, 80), np.float32)
    whole[13:40, 22:71] = rng.random((27, 49), dtype=np.float32)
    window = SoftWindow(torch.from_numpy(whole[13:40, 22:71].copy()), 13, 22, (60, 80))
    assert np.array_equal(window.fill(), whole)
    found = window.measure(0.5)
    y, x = np.mgrid[0:60, 0:80]
    total = whole.sum(dtype=float)
    centre = np.array([(whole * y).sum(dtype=float), (whole * x).sum(dtype=float)]) / total
    spread = [
        np.sqrt((whole * (grid - at) ** 2).sum(dtype=float) / total)
        for grid, at in zip((y, x), centre, strict=True)
    ]
    assert found.total == pytest.approx(total, rel=1e-5)
    assert found.pos_yx == pytest.approx(centre, rel=1e-5)
    assert found.spread_hw == pytest.approx(spread, rel=1e-4)
    assert found.box == Box.from_mask(whole > 0.5)
    assert found.pixels == (whole > 0.5).sum()
    assert window.mean_above(0.5, found.box) == pytest.approx(whole[whole > 0.5].mean(), rel=1e-5)
    patch = plan_patch(pair((30, 40)), pair((50, 70)), (32, 48), (60, 80), "inside_major")
    assert torch.equal(window.cut(patch), patch.cut_mask(torch.from_numpy(whole)))


def test_nothing_has_no_place_and_a_line_has_no_size():
    nothing = SoftWindow.of_frame(np.zeros((9, 9), np.float32), "cpu").measure()
    assert (nothing.total, nothing.pos_yx, nothing.size_hw(4), nothing.box) == (0, None, None, None)
    dark = SoftWindow(torch.zeros(4, 5), 2, 2, (9, 9)).measure()
    assert (dark.pos_yx, dark.box, dark.pixels) == (None, None, 0)
    line = np.zeros((9, 9), bool)
    line[4, 2:7] = True
    found = SoftWindow.of_frame(line, "cpu").measure(0.5)
    assert found.pos_yx.tolist() == [4, 4]
    assert found.size_hw(4) is None
    assert found.box == Box(2, 4, 5, 1)


def test_logits_are_kept_in_a_box_cut_to_whole_pixels():
    window = SoftWindow(torch.ones(6, 8), 2, 1, (12, 12))
    kept = window.only_in(Box(3.9, 0.2, 3.9, 5.8), -100).fill(-100)
    expected = np.full((12, 12), -100.0)
    expected[2:5, 3:6] = 1
    assert np.array_equal(kept, expected)


@pytest.mark.parametrize("pos", [(-80, 20), (400, 900)])
def test_a_patch_that_misses_the_frame_pastes_nothing(pos):
    plan = plan_patch(pair(pos), pair((24, 40)), (48, 80), (50, 60), "replicate")
    window = paste(torch.ones(48, 80), plan)
    assert window.values_hw.numel() == 0
    assert window.measure().box is None
    assert not window.fill().any()
    assert not window.cut(plan).any()
