"""Samples of a first frame: which pixels, where the target is in them, and what chance does."""

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.tracking.first_frame import blur, mirror, rotate
from spectrack.tracking.patches import CentreCrop, pair, plan_patch
from spectrack.tracking.variations import Variations, first_samples, without_maps

ALL = Variations(
    shifts=((0.6, 0.6), (0.5, -0.6)),
    mirrored=True,
    blurs=((3, 1), (1, 3)),
    rotations=(10, -45),
    dropouts=2,
)


@pytest.fixture
def frame(rng):
    return rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)


def samples(frame, variations=ALL, seed=0):
    chance = np.random.default_rng(seed)
    return first_samples(frame, pair((40, 60)), 1.0, (32, 32), variations, chance)


def test_there_are_as_many_as_said(frame):
    found = samples(frame)
    assert len(found.patches_nchw) == len(found.shifts_yx) == ALL.count - ALL.dropouts == 8


def test_the_first_one_is_the_middle_of_the_wide_patch_as_it_is(frame):
    plain = plan_patch(pair((40, 60)), pair((64, 64)), (64, 64), frame.shape[:2], "replicate")
    wide = plain.cut(frame)
    assert torch.equal(samples(frame).patches_nchw[:1], wide[:, :, 16:48, 16:48])


def test_a_shift_moves_the_picture_and_the_box_alike(frame):
    found = samples(frame)
    assert found.shifts_yx[:3] == ((0, 0), (9, 9), (8, -9))
    dy, dx = found.shifts_yx[2]
    moved, plain = found.patches_nchw[2], found.patches_nchw[0]
    assert torch.equal(moved[:, dy:, :dx], plain[:, :-dy, -dx:])
    boxes = found.boxes((3.5, 4, 10, 12))
    assert boxes[2].tolist() == [3.5 + dx, 4 + dy, 10, 12]
    assert boxes.shape == (8, 4)


def test_changes_come_before_cuts_and_wander_within_their_reach(frame):
    found = samples(frame)
    wide = plan_patch(pair((40, 60)), pair((64, 64)), (64, 64), frame.shape[:2], "replicate")
    patch = wide.cut(frame)
    changed = [mirror(patch), blur(patch, (3, 1)), blur(patch, (1, 3))]
    changed += [rotate(patch, 10), rotate(patch, -45)]
    for sample, whole, shift in zip(
        found.patches_nchw[3:], changed, found.shifts_yx[3:], strict=True
    ):
        assert max(map(abs, shift)) <= 32 / 6
        assert torch.equal(sample[None], CentreCrop((64, 64), (32, 32), shift)(whole))
    assert len(set(found.shifts_yx[3:])) > 1


def test_chance_is_seeded(frame):
    assert samples(frame).shifts_yx == samples(frame).shifts_yx
    assert samples(frame, seed=1).shifts_yx != samples(frame).shifts_yx
    still = Variations(mirrored=True, rotations=(5.0,), wander=0)
    assert set(samples(frame, still).shifts_yx) == {(0, 0)}


def test_rotations_and_shifts_are_the_reference(golden):
    image = golden.scheme.img("geo.im", 150, 230)
    square = plan_patch(pair((70, 110)), pair((96, 96)), (96, 96), (150, 230), "replicate")
    wide = plan_patch(pair((70, 110)), pair((96, 160)), (96, 160), (150, 230), "replicate")
    for key, found in {
        "rotate10": CentreCrop((96, 96), (48, 48), (3, -2))(rotate(square.cut(image), 10)),
        "rotate-45": CentreCrop((96, 96), (48, 48))(rotate(square.cut(image), -45)),
        "trans": CentreCrop((96, 160), (48, 80), (11, -4))(wide.cut(image)),
    }.items():
        golden.compare("geometry", f"aug.{key}", found, 1e-6)


def test_a_quarter_turn_is_exact(rng):
    patch = torch.from_numpy(rng.random((2, 3, 9, 9), dtype=np.float32))
    torch.testing.assert_close(rotate(patch, 90), patch.rot90(1, (2, 3)), atol=1e-4, rtol=0)


def test_maps_left_out_are_zero_and_the_others_make_up_for_it(rng):
    features = torch.from_numpy(rng.random((1, 500, 2, 3), dtype=np.float32)) + 0.1
    found = without_maps(features, Variations(dropouts=3, dropout=0.4), rng)
    assert found.shape == (3, 500, 2, 3)
    kept = (found != 0).all((2, 3))
    torch.testing.assert_close(found, features / 0.6 * kept[:, :, None, None])
    assert kept.float().mean().item() == pytest.approx(0.6, abs=0.05)
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize("wrong", [{"dropout": 1.0}, {"dropout": -0.1}, {"dropouts": -1}])
def test_variations_that_cannot_be_are_told(wrong):
    with pytest.raises(InputError, match="dropout"):
        Variations(**wrong)
