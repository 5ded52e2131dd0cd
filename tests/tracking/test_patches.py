"""Patches of frames: which pixels, and where the crop goes; against the reference's arrays."""

import numpy as np
import pytest
import torch

from spectrack.tracking.patches import CentreCrop, crop_centre, limit_scale, pair, plan_patch


def _cases(golden):
    return golden.manifest["geometry"]["cases"]


def test_patches_are_the_reference(golden):
    image = golden.scheme.img("geo.im", 150, 230)
    mask = torch.from_numpy(golden.scheme.uni("geo.mask", (150, 230)) > 0.5).float()
    assert len(_cases(golden)) == 13
    for case in _cases(golden):
        output = tuple(int(n) for n in case["output_sz"])
        patch = plan_patch(
            pair(case["pos"]),
            pair(case["sample_sz"]),
            output,
            (150, 230),
            case["mode"],
            case["max_scale_change"],
        )
        found = patch.cut_mask(mask) if case["is_mask"] else patch.cut(image)
        golden.compare("geometry", f"{case['name']}.patch", found, 1e-6)
        golden.compare("geometry", f"{case['name']}.coord", patch.coord_yxyx, 1e-7)


def test_centres_and_limits_are_the_reference(golden):
    for key, cells, kernel in (
        ("k3", (30, 52), 3),
        ("k4", (18, 18), 4),
        ("k4_odd", (15, 26), 4),
    ):
        centre = crop_centre(pair((50, 60)), 1.5, (480, 832), cells, kernel)
        golden.compare("geometry", f"centered_pos.{key}", centre, 1e-7)
    scales = [limit_scale(v, 1.5, 0.8, 1.2) for v in (1, 1.19, 1.21, 1.6, 1.79, 1.81, 3.0)]
    golden.compare("geometry", "clip_scale", np.array(scales), 1e-7)


def test_a_patch_of_its_own_size_is_a_plain_cut(rng):
    frame = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    patch = plan_patch(pair((20, 25)), pair((11, 15)), (12, 15), (40, 50), "replicate")
    assert patch.start == (15, 18)  # an odd window of 11 takes 15 to 26.5, cut to 15 to 26
    assert patch.stop == (26, 33)
    plain = torch.from_numpy(frame[15:26, 18:33]).permute(2, 0, 1)[None].float()
    found = plan_patch(pair((20, 25)), pair((11, 15)), (11, 15), (40, 50), "replicate").cut(frame)
    assert torch.equal(found, plain)


@pytest.mark.parametrize("border", ["replicate", "inside", "inside_major"])
@pytest.mark.parametrize("frame_hw", [(1, 1), (1, 40), (33, 2), (7, 5)])
@pytest.mark.parametrize("pos", [(0, 0), (-500, 900), (3, 2)])
def test_patches_of_any_frame_at_any_place_hold_its_pixels(rng, border, frame_hw, pos):
    frame = rng.integers(40, 200, (*frame_hw, 3), dtype=np.uint8)
    for sample in ((0.01, 0.01), (6, 9), (300, 500)):
        patch = plan_patch(pair(pos), pair(sample), (32, 64), frame_hw, border)
        image = patch.cut(frame)
        assert image.shape == (1, 3, 32, 64)
        assert frame.min() <= image.min() <= image.max() <= frame.max()
        mask = patch.cut_mask(torch.ones(frame_hw))
        assert mask.shape == (1, 1, 32, 64)
        assert set(mask.unique().tolist()) <= {0.0, 1.0}
        assert patch.scale > 0


def test_a_window_outside_the_frame_repeats_its_edge_and_holds_no_mask(rng):
    frame = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    patch = plan_patch(pair((-100, 10)), pair((8, 8)), (9, 9), (20, 30), "replicate")
    image = patch.cut(frame)
    columns = torch.from_numpy(frame[0, patch.start[1] : patch.stop[1]]).T.float()
    assert torch.equal(image[0], columns[:, None].expand(3, 9, 9))
    assert not patch.cut_mask(torch.ones(20, 30)).any()


def test_a_window_of_a_mask_is_cut_like_the_whole_mask(rng):
    mask = torch.zeros(150, 230)
    mask[40:90, 60:170] = torch.from_numpy(rng.random((50, 110), dtype=np.float32))
    for sample in ((100, 160), (400, 700)):
        patch = plan_patch(pair((30, 70)), pair(sample), (48, 80), (150, 230), "inside_major")
        whole = patch.cut_mask(mask)
        assert whole.any()
        assert torch.equal(patch.cut_mask(mask[40:90, 60:170], (40, 60)), whole)
    assert not patch.cut_mask(torch.zeros(0, 4), (5, 5)).any()


def test_inside_patches_lie_inside_and_major_ones_along_one_axis():
    inside = plan_patch(pair((2, 3)), pair((300, 500)), (48, 80), (150, 230), "inside")
    assert min(inside.start) >= 0
    assert inside.stop[0] * inside.step <= 150
    major = plan_patch(pair((2, 3)), pair((300, 400)), (48, 80), (150, 230), "inside_major")
    assert (major.start[1] + major.stop[1] - 230 / major.step) in range(-3, 4)
    limited = plan_patch(pair((2, 3)), pair((300, 500)), (48, 80), (150, 230), "inside", 1.2)
    sides = limited.coord_yxyx[2:] - limited.coord_yxyx[:2]
    assert sides == pytest.approx([250, 416], abs=4)  # 300 and 500 over 1.2


def test_the_middle_of_a_patch_moves_by_whole_pixels():
    patch = torch.arange(6 * 8.0).view(1, 1, 6, 8)
    assert torch.equal(CentreCrop((6, 8), (4, 4))(patch), patch[..., 1:5, 2:6])
    assert torch.equal(CentreCrop((6, 8), (4, 4), (1, -2))(patch), patch[..., 0:4, 4:8])
    larger = CentreCrop((6, 8), (8, 8), (0, 3))(patch)
    assert torch.equal(larger[0, 0, 0], patch[0, 0, 0, [0, 0, 0, 0, 1, 2, 3, 4]])
