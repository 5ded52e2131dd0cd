"""The networks of DiMP's line: parameters of published checkpoints, and sizes of one's own."""

import pytest
import torch

from spectrack.errors import InputError
from spectrack.trackers.dimp.network import DiMP, published_dimp
from spectrack.weights.described import make_network

PUBLISHED = {
    "dimp18": (18, "dimp"),
    "dimp50": (50, "dimp"),
    "prdimp18": (18, "prdimp"),
    "prdimp50": (50, "prdimp"),
    "super_dimp": (50, "dimp", 22 / 24),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_match_by_name_and_shape(golden, name):
    with torch.device("meta"):
        state = published_dimp(*PUBLISHED[name]).state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == golden.parameters(name)


@pytest.mark.parametrize(
    "backbone",
    [
        {"block": "basic", "depths": (1, 1, 1, 1), "widths": (4, 4, 8, 8), "stem": 4},
        {"kind": "mobilenet_v2", "width": 0.5},
    ],
)
def test_a_description_makes_a_network_of_any_size(backbone):
    described = {"kind": "dimp", "backbone": backbone, "features": 8, "iou_maps": 8, "blocks": 1}
    network = make_network(described).eval()
    assert isinstance(network, DiMP)
    with torch.no_grad():
        maps = network.extract(network.normalise(torch.zeros(1, 3, 64, 64)))
    assert {name: tuple(m.shape[2:]) for name, m in maps.items()} == {
        "layer2": (8, 8),
        "layer3": (4, 4),
    }


def test_descriptions_and_depths_that_cannot_be_are_told():
    with pytest.raises(InputError, match="give resnet or mobilenet_v2"):
        make_network({"kind": "dimp", "backbone": {"kind": "vgg"}})
    with pytest.raises(InputError, match="give 18 or 50"):
        published_dimp(34)
