"""A thin LWL, from masks and from boxes; the numbers are with the golden files."""

from __future__ import annotations

import pytest
import torch

from spectrack.errors import InputError
from spectrack.trackers.lwl.network import LWL
from thin import SIZE, randomise, thin_resnet

H, W = 64, 96


def test_training_forward_equals_the_verbs_of_a_tracker():
    network = randomise(LWL(thin_resnet(), **SIZE))
    train, test, masks = (
        torch.randn(2, 2, 3, H, W),
        torch.randn(1, 2, 3, H, W),
        torch.rand(2, 2, H, W),
    )
    with torch.no_grad():
        out = network(train, test, masks, iterations=4)
        for s in range(2):
            features = network.target_features(network.extract(train[:, s])["layer3"])
            tau = network.learn_target(features, *network.encode_masks(masks[:, s, None]), None, 4)
            layers = network.extract(test[:, s])
            seen = network.target_features(layers["layer3"])
            alone = network.segment(tau, layers, seen, None, (H, W))
            torch.testing.assert_close(out[:, s], alone[:, 0], atol=1e-4, rtol=1e-4)


def test_mask_of_a_box_depends_on_the_box_and_has_the_size_of_the_image():
    network = randomise(LWL(thin_resnet(), **SIZE, box_start=True))
    image = torch.randn(1, 3, 70, 90).expand(2, 3, 70, 90)
    with torch.no_grad():
        logits = network.mask_of_box(image, torch.tensor([[5.0, 5, 30, 30], [40.0, 20, 40, 40]]))
    assert logits.shape == (2, 1, 70, 90)
    assert (logits[0] - logits[1]).abs().max() > 1e-3


def test_what_it_has_not_got_is_refused():
    network = LWL(thin_resnet(), **SIZE)
    with pytest.raises(InputError, match="box_start=True"):
        network.mask_of_box(torch.randn(1, 3, H, W), torch.ones(1, 4))
    with pytest.raises(InputError, match="without instance branch"):
        network.condition(torch.zeros(1, 4, 4, 6), torch.zeros(1, 3, 4))
