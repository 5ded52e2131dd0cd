"""The encoders of masks and scores against their formula written out, and filled boxes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from spectrack.networks.label_encoder import LabelEncoder, fill_boxes
from thin import randomise


def slow_encoder(p: dict[str, Tensor], x: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Layer by layer, from the named parameters alone."""
    x = F.conv2d(x, p["conv_block.0.weight"], p["conv_block.0.bias"], stride, 1).relu()
    x = F.max_pool2d(x, 3, stride, 1)
    for block in ("res1", "res2"):
        inner = F.conv2d(x, p[f"{block}.conv1.weight"], None, stride, 1).relu()
        inner = F.conv2d(inner, p[f"{block}.conv2.weight"], None, 1, 1)
        bias = p[f"{block}.downsample.bias"]
        x = (inner + F.conv2d(x, p[f"{block}.downsample.weight"], bias, stride, 1)).relu()
    labels = F.conv2d(x, p["label_pred.0.weight"], p["label_pred.0.bias"], 1, 1).relu()
    return labels, F.conv2d(x, p["samp_w_pred.weight"], p["samp_w_pred.bias"], 1, 1)


@pytest.mark.parametrize("stride", [1, 2])
def test_encoder_is_the_plain_formula(stride: int):
    encoder = randomise(LabelEncoder(5, (2, 3, 4), stride))
    maps = torch.rand(2, 1, 48, 80)
    labels, weights = encoder(maps)
    expected = slow_encoder(dict(encoder.state_dict()), maps, stride)
    torch.testing.assert_close((labels, weights), expected)
    torch.testing.assert_close(encoder.labels(maps), labels)
    assert labels.shape == (2, 5, 48 // stride**4, 80 // stride**4)


def test_all_samples_weigh_one_before_training():
    _, weights = LabelEncoder()(torch.rand(1, 1, 64, 64))
    assert (weights == 1).all()


@pytest.mark.parametrize(
    "box",
    [(3.9, 2.2, 5.9, 4.1), (-2.5, -1.2, 6.0, 5.0), (7.0, 4.0, 100.0, 100.0), (2.0, 2.0, 0.5, 3)],
)
def test_boxes_are_cut_to_whole_numbers_and_filled(box: tuple[float, float, float, float]):
    expected = np.zeros((9, 12), np.float32)
    x, y, w, h = (int(v) for v in box)
    expected[max(0, y) : max(0, y + h), max(0, x) : max(0, x + w)] = 1
    filled = fill_boxes(torch.tensor([box, (0.0, 0.0, 1.0, 1.0)]), (9, 12))
    np.testing.assert_array_equal(filled[0, 0].numpy(), expected)
    assert filled[1].sum() == 1
