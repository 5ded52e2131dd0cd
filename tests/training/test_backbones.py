"""Backbones of other weights: what is taken over, and what does not fit."""

from __future__ import annotations

import pytest
import torch

from spectrack.errors import InputError
from spectrack.networks.mobilenet_v2 import MobileNetLayers, MobileNetV2
from spectrack.networks.resnet import ResNet
from spectrack.training.backbones import take_backbone
from spectrack.weights.files import read_weights, write_weights
from spectrack.weights.load import find_weights


def test_a_mobilenet_is_taken_over(tmp_path):
    torch.manual_seed(5)
    for width in (0.25, 0.5):
        about = {"network": {"kind": "mobilenet_v2", "width": width, "output_stride": 16}}
        published = MobileNetV2(width, 16)
        write_weights(tmp_path / f"{width}.safetensors", dict(published.state_dict()), about)
    backbone, given = MobileNetLayers(0.5), published.state_dict()
    take_backbone(backbone, str(tmp_path / "0.5.safetensors"))
    assert all(torch.equal(value, given[name]) for name, value in backbone.state_dict().items())
    with pytest.raises(InputError, match="same width"):
        take_backbone(backbone, str(tmp_path / "0.25.safetensors"))


def test_that_of_the_mask_in_a_box_comes_with_the_package():
    backbone = MobileNetLayers()
    take_backbone(backbone, "mask_in_box")
    given = read_weights(find_weights("mask_in_box")).tensors
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, given[f"backbone.{name}"].float()), name


@pytest.mark.parametrize("within", ["", "feature_extractor."])
def test_a_resnet_is_taken_over(tmp_path, within):
    torch.manual_seed(0)
    backbone = ResNet("basic", (1, 1, 1, 1), (4, 4, 8, 8), 4)
    given = {name: value + 1 for name, value in backbone.state_dict().items()}
    file = tmp_path / "resnet.safetensors"
    others = {"head.weight": torch.zeros(2)} if within else {}
    write_weights(file, {within + name: t for name, t in given.items()} | others, {})
    take_backbone(backbone, str(file))
    assert all(torch.equal(value, given[name]) for name, value in backbone.state_dict().items())
    given.pop("conv1.weight")
    write_weights(file, {within + name: t for name, t in given.items()}, {})
    with pytest.raises(InputError, match="do not fit the backbone"):
        take_backbone(backbone, str(file))
