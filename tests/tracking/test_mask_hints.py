"""Hints of what is learned from: masks moved along, masks with errors, clicks."""

from __future__ import annotations

import pytest
import torch

from spectrack.networks.mask_in_box import CLICK, spot
from spectrack.tracking import mask_hints
from spectrack.tracking.mask_hints import carried, clicks, leaked, spoilt

SIDE = 64


def block(x1: int, y1: int, x2: int, y2: int) -> torch.Tensor:
    out = torch.zeros(1, 1, SIDE, SIDE)
    out[..., y1:y2, x1:x2] = 1
    return out


@pytest.fixture
def no_noise(monkeypatch):
    monkeypatch.setattr(mask_hints.torch, "randn_like", torch.zeros_like)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ((10, 12, 30, 40), (20, 16, 40, 44)),  # moved
        ((16, 16, 32, 32), (20, 24, 52, 44)),  # moved and enlarged by 2 and 1.25
        ((8, 8, 48, 40), (30, 4, 50, 20)),  # halved
        ((10, 12, 30, 40), (10, 12, 30, 40)),
    ],
)
def test_a_carried_mask_fills_the_bounds_of_the_other(no_noise, here, there) -> None:
    first, second = block(*here), block(*there)
    moved = carried(first, first, second)
    assert torch.equal(moved > 0.5, second > 0.5)


def test_changes_of_size_are_bounded_and_each_sample_is_its_own(no_noise) -> None:
    here = torch.cat([block(24, 24, 40, 40), block(10, 12, 30, 40)])
    there = torch.cat([block(2, 2, 62, 62), block(20, 16, 40, 44)])
    moved = carried(here, here, there) > 0.5
    assert torch.equal(moved[:1], block(16, 16, 48, 48) > 0.5)  # doubled, not by 3.75
    assert torch.equal(moved[1:], there[1:] > 0.5)


def test_an_empty_mask_stays_empty(no_noise) -> None:
    nothing = torch.zeros(1, 1, SIDE, SIDE)
    assert not carried(nothing, nothing, block(3, 3, 20, 20)).any()
    assert torch.isfinite(carried(block(3, 3, 20, 20), block(3, 3, 20, 20), nothing)).all()


def test_spoilt_masks_are_like_the_truth_but_not_it() -> None:
    torch.manual_seed(0)
    truth = block(16, 16, 48, 44).expand(40, 1, SIDE, SIDE)
    found = spoilt(truth)
    assert found.min() >= 0
    assert found.max() <= 1
    hard, true = found > 0.5, truth > 0.5
    overlap = (hard & true).flatten(1).sum(1) / (hard | true).flatten(1).sum(1)
    assert 0.55 < overlap.mean() < 0.97
    assert overlap.std() > 0.01
    torch.manual_seed(0)
    assert torch.equal(spoilt(truth), found)


def test_clicks_lie_on_the_target_and_off_it_within_the_box() -> None:
    torch.manual_seed(1)
    truth = block(20, 20, 40, 36).expand(60, 1, SIDE, SIDE)
    box = block(14, 16, 46, 40).expand(60, 1, SIDE, SIDE)
    wanted, unwanted = clicks(truth, box, 1.0)
    on, off = wanted == 1, unwanted == 1  # the middles of the spots
    assert on.any()
    assert off.any()
    assert not (on & (truth < 0.5)).any()
    assert not (off & ((truth > 0.5) | (box < 0.5))).any()
    assert max(int(on.flatten(1).sum(1).max()), int(off.flatten(1).sum(1).max())) <= 2
    for maps in clicks(truth, box, 0.0):
        assert not maps.any()


def test_a_spot_is_a_gaussian_about_its_place() -> None:
    found = spot(10, 40, SIDE)
    rows, cols = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    distance = (rows - 10) ** 2 + (cols - 40) ** 2
    torch.testing.assert_close(found, torch.exp(-distance / (2 * (CLICK * SIDE) ** 2)))


def test_hints_are_where_the_masks_are_on_any_device() -> None:
    """Torch's meta device stands for a GPU: it refuses what is on the CPU, too."""
    masks = torch.zeros(3, 1, SIDE, SIDE, device="meta")
    for made in (spoilt(masks), leaked(masks, 0.5), carried(masks, masks, masks)):
        assert made.device == masks.device
        assert made.shape == masks.shape
