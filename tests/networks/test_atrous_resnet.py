"""The atrous ResNet-50 and the neck behind it, against golden arrays; what is told of errors."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from siamese_golden import siamese_golden
from siamese_scheme import FULL, UNIT, fill, image, listed_parameters, near, unit
from spectrack.errors import InputError
from spectrack.networks.atrous_resnet import AtrousResNet50
from spectrack.networks.folding import for_inference
from spectrack.networks.siamese_neck import SiameseNeck
from thin import randomise

LEVELS = ("layer2", "layer3", "layer4")
THIN = {"widths": (8, 8, 12, 16), "stem": 8}


RPN, MASK = "siamrpn_r50_l234_dwxcorr", "siammask_r50_l3"
STAGES = ("conv1", "layer1", "layer2", "layer3")
"""Of SiamMask's golden arrays."""


@pytest.fixture(scope="module")
def backbone() -> AtrousResNet50:
    siamese_golden(f"{RPN}_net")  # or skip
    return fill(AtrousResNet50(), "backbone.").requires_grad_(False)


@pytest.fixture(scope="module")
def neck() -> SiameseNeck:
    return fill(SiameseNeck((512, 1024, 2048)), "neck.").requires_grad_(False)


def test_whole_images_give_the_golden_maps(backbone, neck):
    template = backbone(image("input/siamrpn/exemplar", 1, 3, 127, 127), LEVELS)
    for i, maps in enumerate(neck(list(template.values()))):
        near(f"{RPN}_net", f"zf{i}", maps[:, ::8], FULL)
    search = backbone(image("input/siamrpn/search_255", 1, 3, 255, 255), backbone.channels)
    for i, name in enumerate(LEVELS):
        near(f"{RPN}_net", f"backbone_x{i}_sub", search[name][:, ::16, ::8, ::8], FULL)
    for i, name in enumerate(STAGES):
        near(f"{MASK}_net", f"backbone_x{i}_sub", search[name][:, ::16, ::8, ::8], FULL)
    assert [maps.shape[-1] for maps in search.values()] == [125, 63, 31, 31, 31]


def test_at_unit_scale_where_biases_show(backbone, neck):
    maps = backbone(unit("input/siamrpn/backbone_unit", 1, 3, 127, 127), backbone.channels)
    for i, name in enumerate(LEVELS):
        near(f"{RPN}_head", f"backbone_unit{i}_sub", maps[name][:, ::8, ::3, ::3], UNIT)
    for i, name in enumerate(STAGES):
        near(f"{MASK}_head", f"backbone_unit{i}_sub", maps[name][:, ::8, ::3, ::3], UNIT)
    inputs = {2: 512, 3: 1024, 4: 2048}
    z = [unit(f"input/siamrpn/neck_z{i}", 1, c, 15, 15) for i, c in inputs.items()]
    x = [unit(f"input/siamrpn/neck_x{i}", 1, c, 31, 31) for i, c in inputs.items()]
    for i, template, search in zip(inputs, neck(z), neck(x), strict=True):
        near(f"{RPN}_head", f"neck_z{i}", template[:, ::8], UNIT)
        near(f"{RPN}_head", f"neck_x{i}_sub", search[:, ::16, ::5, ::5], UNIT)


@pytest.mark.parametrize(
    ("model", "last", "inputs"),
    [
        (RPN, "layer4", (512, 1024, 2048)),
        (MASK, "layer3", (1024,)),
    ],
)
def test_parameters_match_by_name_and_shape(model, last, inputs):
    with torch.device("meta"):
        both = nn.ModuleDict({"backbone": AtrousResNet50(last), "neck": SiameseNeck(inputs)})
    expected = {k: v for k, v in listed_parameters(model).items() if k.startswith(tuple(both))}
    assert {k: tuple(v.shape) for k, v in both.state_dict().items()} == expected


def test_a_cell_sees_the_pixels_about_it_and_no_padding_before_the_pool():
    """Stride 8, and the middle cell of 31 lies on the middle pixel of 255."""
    network = AtrousResNet50("layer2", **THIN).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1.0)
    network.maxpool = nn.AvgPool2d(3, 2, 1)  # of equal numbers the largest one is any
    images = torch.ones(1, 3, 255, 255, requires_grad=True)
    network(images, ["layer2"])["layer2"][0, 0, 15, 15].backward()
    assert images.grad is not None
    rows = images.grad[0, 0].abs().sum(1).nonzero().flatten()
    assert (rows[0] + rows[-1]) / 2 == 127


def test_folding_changes_nothing():
    network = randomise(AtrousResNet50(**THIN))
    images = torch.randn(2, 3, 95, 95)
    folded = for_inference(network)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in folded.modules())
    for name, maps in folded(images, network.channels).items():
        torch.testing.assert_close(
            maps, network(images, [name])[name], atol=1e-4, rtol=1e-4, msg=name
        )


def test_only_templates_are_cut_to_their_middle():
    neck = randomise(SiameseNeck((4,), 3))
    (z,), (x,) = neck([torch.randn(1, 4, 15, 15)]), neck([torch.randn(1, 4, 31, 31)])
    assert z.shape == (1, 3, 7, 7)
    assert x.shape == (1, 3, 31, 31)
    maps = torch.randn(1, 4, 15, 15)
    whole = neck.downsample.downsample(maps)
    torch.testing.assert_close(neck([maps])[0], whole[..., 4:11, 4:11])
    assert [m.shape[1] for m in SiameseNeck((4, 5), (2, 3))([maps, torch.randn(1, 5, 15, 15)])] == [
        2,
        3,
    ]


def test_what_there_is_not_is_told():
    with pytest.raises(InputError, match="'layer5'"):
        AtrousResNet50("layer5")
    with pytest.raises(InputError, match="four layers"):
        AtrousResNet50(widths=(8, 8, 8))
    with pytest.raises(InputError, match="'layer4' was asked"):
        AtrousResNet50("layer3", **THIN)(torch.zeros(1, 3, 63, 63), ["layer4"])
