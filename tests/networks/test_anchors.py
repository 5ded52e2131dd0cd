"""Anchors against golden arrays of SiamRPN, and against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from siamese_scheme import UNIT, near
from spectrack.networks.anchors import anchor_grid, anchor_sizes, decode, encode


def test_the_five_published_shapes():
    expected = [(104, 32), (88, 40), (64, 64), (40, 80), (32, 96)]
    assert anchor_sizes().T.tolist() == [list(map(float, pair)) for pair in expected]
    two = anchor_sizes(16, (1.0,), (2, 4)).T.tolist()
    assert two == [[32.0, 32.0], [64.0, 64.0]]


@pytest.mark.parametrize(("model", "cells"), [("r50_l234", 25), ("alex", 21)])
def test_the_grid_online_is_golden(model, cells):
    flat = anchor_grid(cells).reshape(4, -1).T
    near(f"siamrpn_{model}_dwxcorr_step", "anchors", flat, 0)


def test_the_grid_in_training_is_golden_and_so_is_what_is_learned():
    grid = anchor_grid(25, origin=255 // 2)
    near("siamrpn_misc", "train_anchor_centers", grid[:, :, ::6, ::6], 0)
    x1, y1, x2, y2 = 97.5, 90.25, 163.75, 158.5
    box = np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], np.float32)
    deltas = encode(box.reshape(4, 1, 1, 1), grid)
    near("siamrpn_misc", "target_delta", deltas[:, :, ::4, ::4], UNIT)
    back = decode(deltas, grid)
    np.testing.assert_allclose(back, np.broadcast_to(box.reshape(4, 1, 1, 1), grid.shape), 1e-4)


def test_decoding_by_hand_and_no_answer_is_beyond_numbers(rng):
    anchors = anchor_grid(5)
    deltas = rng.standard_normal(anchors.shape).astype(np.float32)
    boxes = decode(deltas, anchors)
    for at in np.ndindex(anchors.shape[1:]):
        (cx, cy, w, h), (dx, dy, dw, dh) = anchors[:, *at], deltas[:, *at]
        expected = (cx + dx * w, cy + dy * h, w * math.exp(dw), h * math.exp(dh))
        assert boxes[:, *at] == pytest.approx(expected, rel=1e-5, abs=1e-4)
    wild = decode(np.full_like(anchors, 1e9), anchors)
    assert np.isfinite(wild).all()
    assert wild[2:] == pytest.approx(1000 * anchors[2:], rel=1e-4)
