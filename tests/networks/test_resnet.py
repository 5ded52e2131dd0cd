"""ResNet: layers, strides, input; the numbers are checked with the golden files."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.errors import InputError
from spectrack.networks.resnet import STRIDES, ResNet, caffe_resnet50, resnet50
from thin import randomise, thin_resnet


def slow_resnet(
    p: dict[str, Tensor], x: Tensor, depths: tuple[int, ...], strides: dict[str, int]
) -> Tensor:
    """Layer 4, from the named parameters; ``strides`` of the convolutions of a first block."""

    def step(x: Tensor, conv: str, norm: str, stride: int) -> Tensor:
        weight = p[f"{conv}.weight"]
        x = F.conv2d(x, weight, None, stride, weight.shape[-1] // 2)
        mean, var, scale, shift = (
            p[f"{norm}.{of}"].view(-1, 1, 1)
            for of in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    x = F.max_pool2d(step(x, "conv1", "bn1", 2).relu(), 3, 2, 1)
    for layer, depth in enumerate(depths, start=1):
        for block in range(depth):
            name = f"layer{layer}.{block}"
            first = layer > 1 and block == 0
            inner = x
            for conv, stride in strides.items():
                of = stride if first else 1
                inner = step(inner.relu(), f"{name}.{conv}", f"{name}.bn{conv[-1]}", of)
            skip = x
            if f"{name}.downsample.0.weight" in p:
                down = f"{name}.downsample"
                skip = step(x, f"{down}.0", f"{down}.1", 2 if first else 1)
            x = (inner + skip).relu()
    return x


@pytest.mark.parametrize(
    ("network", "strides"),
    [
        (ResNet("basic", (1, 2, 1, 2), (4, 5, 6, 7), 4), {"conv1": 2, "conv2": 1}),
        (ResNet("bottleneck", (1, 2, 1, 2), (2, 3, 2, 4), 4), {"conv1": 1, "conv2": 2, "conv3": 1}),
        (
            ResNet("bottleneck", (1, 2, 1, 2), (2, 3, 2, 4), 4, caffe=True),
            {"conv1": 2, "conv2": 1, "conv3": 1},
        ),
    ],
    ids=["basic", "bottleneck", "caffe"],
)
def test_network_is_the_plain_formula(network: ResNet, strides: dict[str, int]):
    image = torch.randn(2, 3, 70, 90)
    maps = randomise(network)(image, ("layer4",))["layer4"]
    expected = slow_resnet(network.state_dict(), image, (1, 2, 1, 2), strides)
    torch.testing.assert_close(maps, expected, atol=1e-4, rtol=1e-4)


def test_every_layer_has_its_channels_and_stride():
    network = randomise(thin_resnet())
    maps = network(torch.rand(2, 3, 64, 96), STRIDES)
    assert {name: tuple(m.shape) for name, m in maps.items()} == {
        name: (2, network.channels[name], 64 // s, 96 // s) for name, s in STRIDES.items()
    }


def test_later_layers_do_not_change_earlier_ones_in_place():
    network = randomise(thin_resnet())
    image = torch.rand(1, 3, 64, 64)
    together = network(image, STRIDES)
    for name in STRIDES:
        torch.testing.assert_close(network(image, (name,))[name], together[name])


def test_layers_that_nobody_asked_for_are_not_computed():
    network = randomise(thin_resnet())
    network.get_submodule("layer4").register_forward_hook(lambda *_: pytest.fail("computed"))
    assert set(network(torch.rand(1, 3, 32, 32), ("layer2", "layer3"))) == {"layer2", "layer3"}


def test_caffe_takes_the_stride_one_convolution_earlier():
    with torch.device("meta"):
        ours, theirs = (make().get_submodule("layer3.0") for make in (caffe_resnet50, resnet50))
    assert [ours.get_submodule(f"conv{i}").stride[0] for i in (1, 2)] == [2, 1]
    assert [theirs.get_submodule(f"conv{i}").stride[0] for i in (1, 2)] == [1, 2]


def test_normalise_is_the_plain_formula():
    pixel = torch.tensor([10, 20, 200], dtype=torch.uint8).view(1, 3, 1, 1)
    caffe = ResNet("basic", (1, 1, 1, 1), (1, 1, 1, 1), caffe=True).normalise(pixel)
    expected = torch.tensor([200 - 102.9801, 20 - 115.9465, 10 - 122.7717])
    torch.testing.assert_close(caffe.flatten(), expected)
    plain = thin_resnet().normalise(pixel)
    expected = torch.tensor(
        [(10 / 255 - 0.485) / 0.229, (20 / 255 - 0.456) / 0.224, (200 / 255 - 0.406) / 0.225]
    )
    torch.testing.assert_close(plain.flatten(), expected)


def test_bad_input_is_said_in_one_sentence():
    with pytest.raises(InputError, match="'layer5'"):
        thin_resnet()(torch.rand(1, 3, 32, 32), ("layer5",))
    with pytest.raises(InputError, match="'basic' or 'bottleneck'"):
        ResNet("wide")
    with pytest.raises(InputError, match="3 depths"):
        ResNet("basic", (1, 1, 1))
