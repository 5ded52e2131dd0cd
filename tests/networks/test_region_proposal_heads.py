"""Heads for anchors against golden arrays, the specification's names, and loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from siamese_scheme import UNIT, fill, listed_parameters, near, unit
from spectrack.networks.region_proposal_heads import (
    DepthwiseRPN,
    MultiLevelRPN,
    UpChannelRPN,
    level_mean,
)
from spectrack.networks.siamese_correlation import cross_correlation
from thin import randomise

WEIGHTS = ("rpn_head.cls_weight", "rpn_head.loc_weight")
R50 = "siamrpn_r50_l234_dwxcorr"


@pytest.mark.parametrize(
    ("model", "head"),
    [
        ("siamrpn_alex_dwxcorr", DepthwiseRPN),
        (R50, MultiLevelRPN),
        ("siammask_r50_l3", DepthwiseRPN),
    ],
)
def test_parameters_match_by_name_and_shape(model, head):
    prefix = "rpn_head."
    listed = listed_parameters(model)
    expected = {k[len(prefix) :]: v for k, v in listed.items() if k.startswith(prefix)}
    with torch.device("meta"):
        assert {k: tuple(v.shape) for k, v in head().state_dict().items()} == expected


@pytest.fixture(scope="module")
def levels():
    """The head of three levels, and the features that its golden arrays were made from."""
    head = fill(MultiLevelRPN(), "rpn_head.", kept=WEIGHTS)
    z, x = ([unit(f"input/siamrpn/head_{k}f{i}", 1, 256, n, n) for i in (2, 3, 4)]
            for k, n in (("z", 7), ("x", 31)))  # fmt: skip
    each = []
    for name in head.heads:
        head.get_submodule(name).register_forward_hook(lambda _, __, out: each.append(out))
    with torch.inference_mode():
        return each, head(z, x)


@torch.inference_mode()
def test_one_level_is_golden():
    head = fill(DepthwiseRPN(), "rpn_head.")
    z = unit("input/siamrpn/head_zf_alex", 1, 256, 6, 6)
    cls, loc = head(z, unit("input/siamrpn/head_xf_alex", 1, 256, 26, 26))
    near("siamrpn_alex_dwxcorr_head", "head_cls", cls, UNIT)
    near("siamrpn_alex_dwxcorr_head", "head_loc", loc, UNIT)


def test_three_levels_and_their_mean_are_golden(levels):
    each, (cls, loc) = levels
    for level, (level_cls, level_loc) in zip((2, 3, 4), each, strict=True):
        near(f"{R50}_head", f"head_cls_level{level}", level_cls[..., ::3, ::3], UNIT)
        near(f"{R50}_head", f"head_loc_level{level}", level_loc[..., ::3, ::3], UNIT)
    near(f"{R50}_head", "head_cls", cls, UNIT)
    near(f"{R50}_head", "head_loc", loc, UNIT)
    cls_maps, loc_maps = zip(*each, strict=True)
    uneven = level_mean(cls_maps, torch.tensor([0.5, 1.0, -0.3]))
    near(f"{R50}_head", "head_cls_nonuniform", uneven[..., ::3, ::3], UNIT)
    uneven = level_mean(loc_maps, torch.tensor([-0.7, 0.2, 0.9]))
    near(f"{R50}_head", "head_loc_nonuniform", uneven[..., ::3, ::3], UNIT)
    # what is learned with equal numbers is the plain mean, which has no numbers
    torch.testing.assert_close(level_mean(cls_maps, None), cls)
    assert not {"cls_weight", "loc_weight"} & set(
        MultiLevelRPN((2,), 4, weighted=False).state_dict()
    )


@torch.inference_mode()
def test_a_batch_of_targets_is_answered_as_one_by_one():
    head = randomise(MultiLevelRPN((2, 4), {2: 6, 4: 8}, 3))
    z, x = ([torch.randn(3, c, n, n) for c in (6, 8)] for n in (4, 9))
    cls, loc = head(z, x)
    assert (cls.shape, loc.shape) == ((3, 6, 6, 6), (3, 12, 6, 6))
    for i in range(3):
        one = head([m[i : i + 1] for m in z], [m[i : i + 1] for m in x])
        torch.testing.assert_close(one, (cls[i : i + 1], loc[i : i + 1]))


@torch.inference_mode()
def test_the_template_as_filters_is_what_the_paper_says():
    head = randomise(UpChannelRPN(4, 3))
    z, x = torch.randn(2, 4, 6, 6), torch.randn(2, 4, 9, 9)
    cls, loc = head(z, x)
    assert (cls.shape, loc.shape) == ((2, 6, 4, 4), (2, 12, 4, 4))
    for i in range(2):
        filters = head.template_cls_conv(z[i : i + 1]).reshape(6, 4, 4, 4)
        expected = F.conv2d(head.search_cls_conv(x[i : i + 1]), filters)
        torch.testing.assert_close(cls[i : i + 1], expected)
        filters = head.template_loc_conv(z[i : i + 1]).reshape(12, 4, 4, 4)
        expected = head.loc_adjust(F.conv2d(head.search_loc_conv(x[i : i + 1]), filters))
        torch.testing.assert_close(loc[i : i + 1], expected)
    with torch.device("meta"):
        whole = UpChannelRPN().state_dict()
    assert {k: tuple(v.shape) for k, v in whole.items() if "bias" not in k} == {
        "template_cls_conv.weight": (2560, 256, 3, 3),
        "template_loc_conv.weight": (5120, 256, 3, 3),
        "search_cls_conv.weight": (256, 256, 3, 3),
        "search_loc_conv.weight": (256, 256, 3, 3),
        "loc_adjust.weight": (20, 20, 1, 1),
    }


def test_correlation_over_all_maps_is_what_its_loops_say(rng):
    kernels = rng.standard_normal((2, 3, 4, 2, 3)).astype(np.float32)
    x = rng.standard_normal((2, 4, 5, 6)).astype(np.float32)
    found = cross_correlation(torch.from_numpy(kernels), torch.from_numpy(x)).numpy()
    assert found.shape == (2, 3, 4, 4)
    for n, k, i, j in np.ndindex(found.shape):
        expected = (x[n, :, i : i + 2, j : j + 3] * kernels[n, k]).sum()
        assert found[n, k, i, j] == pytest.approx(expected, abs=1e-4)
