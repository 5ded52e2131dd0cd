"""A thin STA; the numbers are with the golden files."""

from __future__ import annotations

import torch

from spectrack.networks.sta import STA
from thin import SIZE, randomise, thin_resnet


def test_every_image_learns_for_itself():
    network = randomise(STA(thin_resnet(), **SIZE))
    images = torch.randn(2, 3, 64, 96)
    boxes = torch.tensor([[10.0, 8, 30, 20], [50.0, 30, 40, 30]])
    with torch.no_grad():
        both = network(images, boxes)
        assert both.final.shape == (2, 1, 64, 96)
        for n in range(2):
            alone = network(images[n : n + 1], boxes[n : n + 1])
            torch.testing.assert_close(both.first[n], alone.first[0], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(both.final[n], alone.final[0], atol=1e-4, rtol=1e-4)
        moved = network(images, boxes.flip(0))
    assert (moved.final - both.final).abs().max() > 1e-3
