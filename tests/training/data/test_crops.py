"""Crops, labels and random changes of RTS's training against the reference's numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from golden import Golden
from spectrack.errors import InputError
from spectrack.structures import Box
from spectrack.training.data.augmentation import (
    brighter,
    flipped,
    grey,
    jittered_box,
    mirrored_box,
    turn,
    warped,
    warped_box,
)
from spectrack.training.data.crops import TrainingCrop
from spectrack.training.data.samples import SampleSettings, training_label
from spectrack.training.data.target_maps import target_densities, target_labels

FRAME_WH = (230, 150)


@pytest.mark.parametrize("number", range(5))
def test_crops_are_those_of_the_reference(golden: Golden, number: int) -> None:
    case = golden.manifest["geometry"]["train_crops"][number]
    frame = golden.scheme.img("geo.im", FRAME_WH[1], FRAME_WH[0])
    mask = golden.scheme.uni("geo.mask", (1, 1, FRAME_WH[1], FRAME_WH[0]))[0, 0] > 0.5
    crop = TrainingCrop.plan(
        Box(*case["box"]),
        FRAME_WH,
        tuple(case["output_sz_wh"]),
        case["search_area_factor"],
        case["mode"],
        case["max_scale_change"],
    )
    where = np.array([crop.x, crop.y, crop.w, crop.h])
    golden.compare("geometry", f"crop{number}.box", where)
    golden.compare("geometry", f"crop{number}.im", crop.image(frame).transpose(2, 0, 1))
    golden.compare("geometry", f"crop{number}.mask", crop.mask(mask))
    inside = np.array(tuple(crop.box(Box(70, 50, 30, 20))))
    golden.compare("geometry", f"crop{number}.gt_in_crop", inside)


def test_the_square_crop_is_that_of_the_reference(golden: Golden) -> None:
    frame = golden.scheme.img("geo.im", FRAME_WH[1], FRAME_WH[0])
    box = Box(60, 40, 50, 40)
    crop = TrainingCrop.plan(box, FRAME_WH, (96, 96), 5.0, "replicate")
    golden.compare("geometry", "atom_crop.im", crop.image(frame).transpose(2, 0, 1))
    golden.compare("geometry", "atom_crop.rf", 96 / crop.w)
    middle = crop.box_about(box, box)
    assert middle.center == (47.5, 47.5)
    factor = 96 / crop.w
    moved = crop.box_about(Box(70, 30, 25, 80), box)
    assert moved.center == pytest.approx((47.5 - 2.5 * factor, 47.5 + 10 * factor))
    assert (moved.w, moved.h) == pytest.approx((25 * factor, 80 * factor))


def test_rotation_and_mirror_are_those_of_the_reference(golden: Golden) -> None:
    box, size_hw = Box(30, 10, 40, 25), (60, 104)
    matrix = turn(size_hw, 7.5, 1.1)
    golden.compare("geometry", "affine.mat", matrix)
    golden.compare("geometry", "affine.box", np.array(tuple(warped_box(box, matrix, size_hw))))
    golden.compare("geometry", "hflip.box", np.array(tuple(mirrored_box(box, 104))))


def test_labels_are_those_of_the_reference(golden: Golden) -> None:
    settings = SampleSettings()
    boxes = [Box(96, 48, 96, 64), Box(10, 400, 30, 70)]
    labels = np.stack([training_label(box, settings).numpy() for box in boxes])
    golden.compare("geometry", "gauss_label_train", labels)


def test_a_crop_follows_its_box_through_a_rotation() -> None:
    frame = np.zeros((60, 104, 3), np.uint8)
    frame[20:31, 40:61] = 255
    matrix = turn((60, 104), 10, 1.2)
    seen = Box.from_mask(warped(frame, matrix)[..., 0] > 127)
    assert seen is not None
    hull = warped_box(Box(40, 20, 21, 11), matrix, (60, 104))
    np.testing.assert_allclose(tuple(hull), tuple(seen), atol=1.5)


def test_a_mirrored_crop_shows_the_mirrored_box() -> None:
    mask = np.zeros((9, 20), bool)
    mask[2:5, 3:9] = True
    moved = Box.from_mask(flipped(mask))
    assert moved is not None
    # Counted between centres of pixels the box lies one to the left of the mirrored pixels.
    assert tuple(mirrored_box(Box(3, 2, 6, 3), 20)) == (moved.x - 1, moved.y, moved.w, moved.h)


def test_jitter_has_its_range_and_spread() -> None:
    rng = np.random.default_rng(0)
    box = Box(100, 80, 40, 10)
    boxes = [jittered_box(box, rng, 0.25, (3.0, 1.0)) for _ in range(4000)]
    sides = np.log([[b.w / box.w, b.h / box.h] for b in boxes])
    np.testing.assert_allclose(sides.std(0), 0.25, rtol=0.05)
    off = [(np.array(b.center) - box.center) / np.sqrt(b.area) for b in boxes]
    assert np.all(np.abs(off).max(0) <= [1.5, 0.5])
    np.testing.assert_allclose(np.abs(off).max(0), [1.5, 0.5], rtol=0.01)
    still = jittered_box(box, rng, 0.0, (0.0, 0.0))
    assert tuple(still) == tuple(box)


def test_labels_of_many_boxes_are_those_of_the_reference(golden: Golden) -> None:
    boxes = [
        *([96, 48, 96, 64], [300, 200, 100, 90], [0, 0, 50, 50]),
        *([400, 100, 80, 120], [700, 400, 100, 60], [416, 240, 10, 10]),
    ]
    where = torch.tensor(boxes).reshape(2, 3, 4)
    sigma = 0.05 * math.sqrt(26 * 15)
    golden.compare("losses", "hinge.label", target_labels(where, (832, 480), 32, sigma))
    where = torch.tensor([100, 90, 80, 60])
    density = target_densities(where, (288, 288), 16, 0.05 * 18)
    golden.compare("losses", "klgrid.density", density[None, None])


def test_a_density_out_of_sight_is_nothing() -> None:
    density = target_densities(torch.tensor([-900.0, 0, 10, 10]), (64, 64), 16, 0.9)
    assert density.shape == (5, 5)
    assert float(density.sum()) == 0
    odd = target_labels(torch.tensor([24.0, 24, 16, 16]), (64, 64), 16, 0.9, kernel=3)
    assert odd.shape == (4, 4)
    np.testing.assert_allclose(odd, odd.flip(0), atol=1e-7)


def test_light_and_grey() -> None:
    frame = np.array([[[200, 100, 0], [10, 20, 30]]], np.uint8)
    np.testing.assert_array_equal(brighter(frame, 1.5), [[[255, 150, 0], [15, 30, 45]]])
    plain = grey(frame)
    expected = 0.114 * frame[..., 0] + 0.587 * frame[..., 1] + 0.299 * frame[..., 2]
    np.testing.assert_allclose(plain[..., 0], expected, atol=0.6)
    assert np.ptp(plain, axis=2).max() == 0
    right = 0.299 * frame[..., 0] + 0.587 * frame[..., 1] + 0.114 * frame[..., 2]
    np.testing.assert_allclose(grey(frame, exchanged=False)[..., 0], right, atol=0.6)


def test_a_box_without_area_is_told() -> None:
    with pytest.raises(InputError, match="no area"):
        TrainingCrop.plan(Box(10, 10, 0, 5), (40, 30), (104, 60))


def test_a_crop_beyond_the_frame_is_told() -> None:
    crop = TrainingCrop.plan(Box(500, 10, 5, 5), (40, 30), (64, 64), mode="replicate")
    with pytest.raises(InputError, match="beyond a frame"):
        crop.image(np.zeros((30, 40, 3), np.uint8))


def test_bad_settings_are_told() -> None:
    with pytest.raises(InputError, match="multiples of 32"):
        SampleSettings(size_wh=(100, 64))
    with pytest.raises(InputError, match="search is 0"):
        SampleSettings(search=0)
