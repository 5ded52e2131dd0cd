"""PrRoIPool against sums over a fine grid, and its gradients against differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.networks.pooling import BoxMeans, prroi_pool


def bilinear(plane: Tensor, y: float, x: float) -> float:
    total = 0.0
    for i in range(plane.shape[0]):
        for j in range(plane.shape[1]):
            weight = max(0.0, 1 - abs(y - i)) * max(0.0, 1 - abs(x - j))
            total += weight * float(plane[i, j])
    return total


@pytest.mark.parametrize("box", [(0.7, 0.4, 4.9, 3.1), (-2.5, 1.0, 2.2, 7.5), (3.2, 2.1, 3.6, 2.3)])
def test_mean_over_bins_equals_a_fine_sum(box: tuple[float, float, float, float]):
    plane = torch.randn(5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    left, top, right, bottom = box
    steps = 24
    expected = torch.empty(2, 3, dtype=torch.float64)
    for p in range(2):
        for q in range(3):
            samples = [
                bilinear(
                    plane,
                    top + (bottom - top) * (p + (i + 0.5) / steps) / 2,
                    left + (right - left) * (q + (j + 0.5) / steps) / 3,
                )
                for i in range(steps)
                for j in range(steps)
            ]
            expected[p, q] = sum(samples) / len(samples)
    boxes = torch.tensor([box], dtype=torch.float64) * 4
    pooled = prroi_pool(plane[None, None], boxes, (2, 3), scale=0.25)
    torch.testing.assert_close(pooled[0, 0], expected, atol=2e-3, rtol=0)


def test_gradients_in_maps_and_boxes():
    maps = torch.randn(2, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor(
        [[0.3, 0.6, 3.1, 2.7], [-1.2, 0.4, 2.3, 5.5]], dtype=torch.float64, requires_grad=True
    )
    assert torch.autograd.gradcheck(lambda m, b: prroi_pool(m, b, (2, 2)), (maps, boxes))


def test_a_box_without_area_gives_zero_and_finite_gradients():
    maps = torch.ones(1, 1, 4, 4)
    boxes = torch.tensor([[1.0, 1, 1, 3]], requires_grad=True)
    pooled = prroi_pool(maps, boxes, (2, 2))
    pooled.sum().backward()
    assert not pooled.any()
    assert boxes.grad is not None
    assert boxes.grad.isfinite().all()


def test_boxes_choose_their_image():
    maps = torch.stack((torch.zeros(1, 8, 8), torch.ones(1, 8, 8)))
    boxes = torch.tensor([[1.0, 1, 5, 5]]).expand(3, 4)
    pooled = prroi_pool(maps, boxes, (1, 1), image_of_box=torch.tensor([1, 0, 1]))
    assert pooled.flatten().tolist() == pytest.approx([1, 0, 1])


def test_bad_boxes_are_refused():
    with pytest.raises(InputError, match=r"shape \(4,\)"):
        prroi_pool(torch.ones(1, 1, 4, 4), torch.ones(4), (1, 1))
    with pytest.raises(InputError, match="3 boxes for 1 images"):
        prroi_pool(torch.ones(1, 1, 4, 4), torch.ones(3, 4), (1, 1))


@pytest.mark.parametrize("size", [(2, 3), (5, 5), (1, 1)])
def test_written_out_gradient_is_that_of_automatic_differentiation(size: tuple[int, int]):
    chance = torch.Generator().manual_seed(4)
    maps = torch.randn((2, 3, 9, 11), dtype=torch.float64, generator=chance)
    boxes = torch.tensor(
        [[[3.3, 2.1, 30.7, 18], [-9, 5, 8.4, 60], [7, 7, 7, 20]], [[80, 1, 95, 9], [1, 2, 3, 4]] * 1
         + [[20.2, 9.3, 9.9, 19.1]]],
        dtype=torch.float64, requires_grad=True,
    )  # fmt: skip
    pooled = BoxMeans(maps, boxes, size, 0.25)
    weights = torch.randn(pooled.means.shape, dtype=torch.float64, generator=chance)
    (expected,) = torch.autograd.grad((pooled.means * weights).sum(), boxes)
    torch.testing.assert_close(pooled.box_gradient(weights), expected)


def test_many_boxes_in_an_image_equal_one_at_a_time():
    chance = torch.Generator().manual_seed(5)
    maps = torch.randn((2, 3, 9, 11), dtype=torch.float64, generator=chance)
    boxes = torch.rand((2, 4, 2), dtype=torch.float64, generator=chance) * 20 - 5
    boxes = torch.cat((boxes, boxes + 3 + boxes.abs()), -1)
    together = BoxMeans(maps, boxes, (3, 2), 0.5).maps
    image = torch.tensor([0] * 4 + [1] * 4)
    each = prroi_pool(maps, boxes.flatten(0, 1), (3, 2), 0.5, image)
    torch.testing.assert_close(together.flatten(0, 1), each)


def test_a_box_that_is_no_number_spoils_no_other():
    maps = torch.ones(1, 1, 8, 8)
    boxes = torch.tensor([[[1.0, 1, 5, 5], [float("nan")] * 4]])
    means = BoxMeans(maps, boxes, (2, 2)).means
    assert torch.equal(means[0, 0], torch.ones(2, 2, 1))
