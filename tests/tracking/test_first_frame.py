"""Variations of the first frame, its label and its box."""

import numpy as np
import pytest
import torch

from spectrack.tracking.first_frame import blur, box_in_patch, gaussian_label, mirror
from spectrack.tracking.patches import CentreCrop, pair, plan_patch


def test_variations_are_the_reference(golden):
    image = golden.scheme.img("geo.im", 150, 230)
    plan = plan_patch(pair((70, 110)), pair((96, 160)), (96, 160), (150, 230), "replicate")
    patch = plan.cut(image)

    def small(shift=(0, 0)):
        return CentreCrop((96, 160), (48, 80), shift)

    for key, found in {
        "identity": small((5, -7))(patch),
        "flip": small()(mirror(patch)),
        "blur31": small()(blur(patch, (3, 1))),
        "blur13": blur(patch, (1, 3)),
        "blur22": CentreCrop((96, 160), (96, 160), (2, 3))(blur(patch, (2, 2))),
    }.items():
        golden.compare("geometry", f"aug.{key}", found, 1e-6)


def test_label_is_the_reference(golden):
    golden.compare("geometry", "dcf.label", gaussian_label((0.7, -1.3), 0.82, (15, 26), 4), 1e-6)


@pytest.mark.parametrize("kernel", [3, 4])
def test_label_lies_about_the_middle_of_the_map_for_a_centred_target(kernel):
    even = 1 - kernel % 2
    label = gaussian_label((even / 2, even / 2), 0.8, (5, 9), kernel)
    y, x = np.mgrid[0 : 5 + even, 0 : 9 + even]
    distance = (y - y.mean()) ** 2 + (x - x.mean()) ** 2
    assert label.numpy() == pytest.approx(np.exp(-distance / (2 * 0.8**2)), abs=1e-6)


def test_blur_is_a_convolution_with_a_gaussian(rng):
    patch = torch.from_numpy(rng.random((1, 3, 12, 14), dtype=np.float32))
    at = np.arange(-4, 5)
    taps = np.exp(-(at**2) / 8)
    taps /= taps.sum()
    rows = np.apply_along_axis(np.convolve, 2, patch.numpy(), taps, "same")
    both = np.apply_along_axis(np.convolve, 3, rows, taps, "same")
    assert blur(patch, (2, 2)).numpy() == pytest.approx(both, abs=1e-5)


def test_a_box_in_a_patch_is_where_its_pixels_are():
    x, y, w, h = box_in_patch(pair((50, 80)), pair((20, 40)), pair((50, 80)), 2.0, (30, 50))
    assert (w, h) == (20, 10)
    assert (x + (w - 1) / 2, y + (h - 1) / 2) == (24.5, 14.5)  # the middle of 50 x 30 pixels
    moved = box_in_patch(pair((52, 84)), pair((20, 40)), pair((50, 80)), 2.0, (30, 50))
    assert moved == (x + 2, y + 1, w, h)
