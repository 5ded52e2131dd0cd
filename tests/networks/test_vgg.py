"""VGG-16 up to pool4: torchvision's names and shapes, and the sums it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate

from spectrack.errors import InputError
from spectrack.networks.vgg import MEAN, SPREAD, VGG, of_torchvision

# configuration D of the paper, Table 1, as torchvision numbers its layers
SHAPES = {
    0: (64, 3),
    2: (64, 64),
    5: (128, 64),
    7: (128, 128),
    10: (256, 128),
    12: (256, 256),
    14: (256, 256),
    17: (512, 256),
    19: (512, 512),
    21: (512, 512),
}


def expected() -> dict[str, tuple[int, ...]]:
    found = {}
    for number, (outputs, inputs) in SHAPES.items():
        found[f"features.{number}.weight"] = (outputs, inputs, 3, 3)
        found[f"features.{number}.bias"] = (outputs,)
    return found


def test_names_and_shapes_are_torchvisions():
    with torch.device("meta"):
        state = VGG().state_dict()
    assert {name: tuple(t.shape) for name, t in state.items()} == expected()


def test_features_are_those_of_scipy():
    torch.manual_seed(0)
    network = VGG((2, 3, 3, 4)).double().eval()
    image = torch.randn(1, 3, 32, 48, dtype=torch.float64)
    wanted, pools = image[0].numpy(), []
    first = None
    for layer in network.features:
        if isinstance(layer, torch.nn.Conv2d):
            weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
            padded = np.pad(wanted, ((0, 0), (1, 1), (1, 1)))
            sums = [correlate(padded, kernel, "valid")[0] for kernel in weight]
            wanted = np.maximum(np.array(sums) + bias[:, None, None], 0)
        elif isinstance(layer, torch.nn.MaxPool2d):
            first = wanted if first is None else first
            c, h, w = wanted.shape
            wanted = wanted.reshape(c, h // 2, 2, w // 2, 2).max((2, 4))
            pools.append(wanted)
    with torch.no_grad():
        np.testing.assert_allclose(network(image)[0], wanted, atol=1e-12)
        early = network.before_pool1(image)
        np.testing.assert_allclose(early[0], first, atol=1e-12)
        for one, other in zip(network.from_pool1(early), pools, strict=True):
            np.testing.assert_allclose(one[0], other, atol=1e-12)
    assert wanted.shape == (4, 2, 3)
    assert wanted.any()


def test_bytes_become_the_numbers_of_imagenet():
    image = torch.tensor([0, 100, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    wanted = [(p / 255 - m) / s for p, m, s in zip((0, 100, 255), MEAN, SPREAD, strict=True)]
    np.testing.assert_allclose(VGG((1, 1, 1, 1)).normalise(image).flatten(), wanted, rtol=1e-6)


def test_a_whole_checkpoint_of_torchvision_gives_what_is_needed():
    given = {name: torch.zeros(1) for name in expected()}
    more = {"features.24.weight": torch.zeros(1), "classifier.0.weight": torch.zeros(1)}
    assert list(of_torchvision({**more, **given})) == list(expected())
    del given["features.17.bias"]
    with pytest.raises(InputError, match=r"features.17.bias is missing"):
        of_torchvision(given)
