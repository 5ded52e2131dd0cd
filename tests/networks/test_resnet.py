"""ResNet: layers, strides, input; the numbers are checked with the golden files."""

from __future__ import annotations

import pytest
import torch
from thin import randomise, thin_resnet

from spectrack.errors import InputError
from spectrack.networks.resnet import STRIDES, ResNet, caffe_resnet50, resnet50


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
