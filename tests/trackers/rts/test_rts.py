"""A thin RTS: its verbs agree with its training forward; the numbers are with the golden files."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from spectrack.errors import InputError
from spectrack.networks.pooling import prroi_pool
from spectrack.trackers.rts.network import RTS
from thin import SIZE, randomise, thin_resnet

H, W = 64, 96
CELLS = (H // 32 + 1, W // 32 + 1)


@pytest.fixture(scope="module")
def network() -> RTS:
    return randomise(RTS(thin_resnet(), **SIZE))


@pytest.fixture(scope="module")
def sample() -> dict[str, Tensor]:
    chance = torch.Generator().manual_seed(5)
    masks = torch.zeros(1, 2, H, W)
    masks[:, 0, 10:40, 20:60], masks[:, 1, 30:50, 10:80] = 1, 1
    return {
        "train_images": torch.randn(1, 2, 3, H, W, generator=chance),
        "test_images": torch.randn(3, 2, 3, H, W, generator=chance),
        "train_masks_nshw": masks,
        "train_boxes_nsxywh": torch.tensor([[[20.0, 10, 40, 30], [10, 30, 70, 20]]]),
        "train_labels_nshw": torch.rand(1, 2, *CELLS, generator=chance),
    }


def step_by_step(
    network: RTS, sample: dict[str, Tensor], s: int, refinements: int
) -> tuple[Tensor, Tensor]:
    """One sequence through the verbs that a tracker uses."""
    first = network.extract(sample["train_images"][:, s])
    features = network.target_features(first["layer3"])
    labels, weights = network.encode_masks(sample["train_masks_nshw"][:, s, None])
    tau = network.learn_target(features, labels, weights, iterations=5)
    maps = network.instance_features(first["layer3"])
    kappa = network.first_instance_filter(maps, sample["train_boxes_nsxywh"][:, s])
    kappa = network.learn_instance(kappa, maps, sample["train_labels_nshw"][:, s], iterations=5)
    logits, scores = [], []
    for image in sample["test_images"][:, s]:
        layers = network.extract(image[None])
        seen = network.target_features(layers["layer3"])
        scores.append(network.instance_scores(kappa, network.instance_features(layers["layer3"])))
        logits.append(network.segment(tau, layers, seen, scores[-1], (H, W)))
        if refinements:
            found = network.encode_masks(logits[-1].sigmoid())
            features = torch.cat((features, seen))
            labels, weights = torch.cat((labels, found[0])), torch.cat((weights, found[1]))
            tau = network.learn_target(features, labels, weights, tau, refinements)
    return torch.cat(logits)[:, 0], torch.cat(scores)


@pytest.mark.parametrize("refinements", [0, 2])
def test_training_forward_equals_the_verbs_of_a_tracker(
    network: RTS, sample: dict[str, Tensor], refinements: int
):
    with torch.no_grad():
        out = network(**sample, refinements=refinements)
        assert out.scores_itshw.shape == (6, 3, 2, *CELLS)
        for s in range(2):
            logits, scores = step_by_step(network, sample, s, refinements)
            torch.testing.assert_close(out.logits_tshw[:, s], logits, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(out.scores_itshw[-1, :, s], scores, atol=1e-5, rtol=1e-4)


def test_refined_filters_change_what_is_seen_later(network: RTS, sample: dict[str, Tensor]):
    with torch.no_grad():
        plain, refined = (network(**sample, refinements=n).logits_tshw for n in (0, 2))
    torch.testing.assert_close(plain[0], refined[0], atol=1e-4, rtol=1e-4)
    assert (plain[1:] - refined[1:]).abs().max() > 1e-3


def test_every_parameter_learns_but_the_unused_head(network: RTS, sample: dict[str, Tensor]):
    out = network(**sample)
    network.zero_grad()
    (out.logits_tshw.square().mean() + out.scores_itshw.square().mean()).backward()
    silent = {n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    assert silent == {"clf_encoder.samp_w_pred.weight", "clf_encoder.samp_w_pred.bias"}
    network.zero_grad()


def test_segment_without_scores_leaves_the_instance_branch_out(network: RTS):
    layers = network.extract(torch.randn(1, 3, H, W))
    features = network.target_features(layers["layer3"])
    tau = torch.randn(4, 12, 3, 3)
    plain = network.segment(tau, layers, features, None, (H, W))
    expected = network.decoder(network.encode_target(tau, features), layers, (H, W))
    torch.testing.assert_close(plain, expected)
    scored = network.segment(tau, layers, features, torch.ones(1, *CELLS), (H, W))
    assert (scored - plain).abs().max() > 1e-3


@pytest.mark.parametrize("scale", [1 / 16, 1 / 32])
def test_first_filter_is_the_mean_of_what_the_boxes_pool(scale: float):
    network = randomise(RTS(thin_resnet(), **SIZE, filter_size=6, pool_scale=scale))
    features = torch.randn(2, 12, 4, 6)
    boxes = torch.tensor([[20.0, 10, 40, 30], [30, 20, 50, 20]])
    corners = torch.tensor([[20.0, 10, 60, 40], [30, 20, 80, 40]])
    maps = network.classifier.filter_initializer.filter_conv(features)
    expected = prroi_pool(maps, corners, (6, 6), scale).mean(0)
    torch.testing.assert_close(network.first_instance_filter(features, boxes), expected)


def test_a_lower_resolution_that_strides_do_not_divide(network: RTS):
    layers = network.extract(torch.randn(2, 3, 56, 104))
    features = network.target_features(layers["layer3"])
    maps = network.instance_features(layers["layer3"])
    scores = network.instance_scores(torch.randn(12, 4, 4), maps)
    assert scores.shape == (2, maps.shape[2] + 1, maps.shape[3] + 1)
    tau = network.learn_target(features, *network.encode_masks(torch.rand(2, 1, 56, 104)))
    assert network.segment(tau, layers, features, scores, (56, 104)).shape == (2, 1, 56, 104)


def test_boxes_that_do_not_fit_the_samples_are_refused(network: RTS):
    with pytest.raises(InputError, match="each of the 2 samples"):
        network.first_instance_filter(torch.zeros(2, 12, *CELLS), torch.zeros(1, 4))
