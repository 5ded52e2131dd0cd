"""Names of published checkpoints become ours, and names that are none of these stay."""

from __future__ import annotations

import pytest
import torch

from spectrack.weights.published_names import our_names

ONE = torch.zeros(1)
OURS = [
    "backbone.conv1.weight",
    "backbone.layer2.0.downsample.0.weight",
    "neck.downsample.downsample.0.weight",
    "rpn_head.cls.head.3.bias",
    "mask_head.conv_kernel.0.weight",
    "refine_head.deconv.weight",
]
THEIRS = [
    "features.features.conv1.weight",
    "features.features.layer2.0.downsample.0.weight",
    "features.downsample.downsample.0.weight",
    "rpn_model.cls.head.3.bias",
    "mask_model.mask.conv_kernel.0.weight",
    "refine_model.deconv.weight",
]


@pytest.mark.parametrize("prefix", ["", "module."])
def test_siammask_s_authors_names_become_pysot_s(prefix):
    given = {prefix + name: torch.full((1,), float(i)) for i, name in enumerate(THEIRS)}
    found = our_names(given)
    assert list(found) == OURS
    assert [float(t) for t in found.values()] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "names",
    [OURS, ["module.conv1.weight", "conv2.weight"], [*THEIRS, "features.0.0.weight"], []],
    ids=["ours", "not all", "another network", "none"],
)
def test_other_names_stay(names):
    assert list(our_names(dict.fromkeys(names, ONE))) == names
