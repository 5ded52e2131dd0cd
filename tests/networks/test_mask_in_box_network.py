"""The network of masks in boxes: what it starts from, and its memory against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from random_mask_in_box import random_mask_in_box
from spectrack.networks.mask_in_box import HINTS, KEYS, VALUES, MaskInBox, Memory
from spectrack.networks.mobilenet_v2 import Features


@pytest.fixture(scope="module")
def network() -> MaskInBox:
    return random_mask_in_box()


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


def drawn(n: int, side: int = 64, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    images = 2 * torch.rand(n, 3, side, side, generator=draw) - 1
    return images, torch.rand(n, len(HINTS), side, side, generator=draw)


def remembered(network: MaskInBox, n: int = 1, seed: int = 5) -> Memory:
    images, hints = drawn(n, seed=seed)
    mask = (drawn(n, seed=seed + 1)[1][:, :1] > 0.5).float()
    return network.remember(network.features(images, hints), hints[:, :1], mask)


@pytest.mark.parametrize("side", [32, 64, 96])
def test_masks_are_as_large_as_the_crops(network, side) -> None:
    images, hints = drawn(2, side)
    for memory in (None, remembered(network)):
        logits = network(images, hints, memory)
        assert logits.shape == (2, 1, side, side)
        assert logits.dtype == torch.float32
        assert torch.isfinite(logits).all()


def test_untrained_it_sees_what_the_published_backbone_sees() -> None:
    """Hints change nothing yet, so that training starts from the backbone as it is."""
    network = MaskInBox().eval()
    images, hints = drawn(1)
    with_hints, published = network.features(images, hints), network.backbone(images)
    for name in Features.__slots__:
        torch.testing.assert_close(
            getattr(with_hints, name), getattr(published, name), rtol=0, atol=0
        )


def test_hints_count_once_they_have_weights(network) -> None:
    images, hints = drawn(1)
    plain = network(images, torch.zeros_like(hints))
    for k in range(len(HINTS)):
        one = torch.zeros_like(hints)
        one[:, k] = hints[:, k]
        assert (network(images, one) - plain).abs().max() > 1e-6, HINTS[k]


def test_what_is_remembered_knows_the_share_of_the_mask(network) -> None:
    images, hints = drawn(2)
    mask = drawn(2, seed=9)[1][:, :1]
    memory = network.remember(network.features(images, hints), hints[:, :1], mask)
    assert memory.keys_nkt.shape == (2, KEYS, 16)
    assert memory.values_nvt.shape == (2, VALUES + 1, 16)
    np.testing.assert_allclose(memory.keys_nkt.square().sum(1).numpy(), 1, rtol=1e-5)
    share = mask.numpy().reshape(2, 4, 16, 4, 16).mean((2, 4)).reshape(2, 16)
    np.testing.assert_allclose(memory.values_nvt[:, -1].numpy(), share, atol=1e-6)


def test_reading_is_a_mean_of_values_by_likeness_of_keys(network) -> None:
    """Each token against every remembered one, with NumPy's exponentials, in doubles."""
    memory = Memory.of(remembered(network), remembered(network, seed=20))
    images, hints = drawn(2)
    features = network.features(images, hints)
    found = network.read(features, memory).numpy().reshape(2, VALUES + 1, 16)
    weight = network.key.weight.double().numpy()[:, :, 0, 0]
    bias = network.key.bias.double().numpy()
    at16 = features.at16.double().numpy().reshape(2, -1, 16)
    at8 = features.at8.double().numpy()
    finer = at8.reshape(2, at8.shape[1], 4, 2, 4, 2).mean((3, 5)).reshape(2, -1, 16)
    keys, values = (part[0].double().numpy() for part in (memory.keys_nkt, memory.values_nvt))
    factor = float(np.exp(network.sharpness.item()))
    for n in range(2):
        for token in range(16):
            query = weight @ np.concatenate([at16[n, :, token], finer[n, :, token]]) + bias
            alike = np.exp(factor * (query / np.linalg.norm(query)) @ keys)
            expected = values @ (alike / alike.sum())
            np.testing.assert_allclose(found[n, :, token], expected, rtol=1e-4, atol=1e-5)


def test_without_a_memory_every_token_reads_what_stands_for_nothing(network) -> None:
    found = network.read(network.features(*drawn(3)), None)
    assert found.shape == (3, VALUES + 1, 4, 4)
    expected = network.nothing.reshape(1, -1, 1, 1).expand_as(found)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("known", [False, True])
def test_several_together_are_each_by_itself(network, known) -> None:
    images, hints = drawn(3)
    memory = remembered(network) if known else None
    together = network(images, hints, memory)
    for n in range(3):
        alone = network(images[n : n + 1], hints[n : n + 1], memory)
        torch.testing.assert_close(together[n : n + 1], alone, rtol=1e-4, atol=1e-4)


def test_the_order_of_what_is_remembered_does_not_matter(network) -> None:
    one, two = remembered(network), remembered(network, seed=20)
    images, hints = drawn(1)
    first, second = (network(images, hints, Memory.of(*m)) for m in ((one, two), (two, one)))
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)
    assert (network(images, hints, one) - first).abs().max() > 1e-5


def test_a_batch_in_a_row_is_what_each_leaves_one_after_the_other(network) -> None:
    three = remembered(network, 3)
    each = [Memory(three.keys_nkt[k : k + 1], three.values_nvt[k : k + 1]) for k in range(3)]
    row, expected = three.in_a_row(), Memory.of(*each)
    assert torch.equal(row.keys_nkt, expected.keys_nkt)
    assert torch.equal(row.values_nvt, expected.values_nvt)
