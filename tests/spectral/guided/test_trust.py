"""A guide is believed by how steady it is along the flow, beside the mask."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.spectral.guided.trust import BAND, LASTING, GuideTrust, overlap

FLOW = np.full((20, 40, 2), (-2.0, 0.0), np.float32)
"""From each frame back to the one before: all moves two pixels to the right."""


def moving(t, left=4, right=14):
    soft = np.zeros((20, 40), np.float32)
    soft[5:15, left + 2 * t : right + 2 * t] = 1
    return soft


def shares(masks, guides, flow=FLOW, most=0.4):
    trust = GuideTrust(most)
    return [trust(m, g, flow) for m, g in zip(masks, guides, strict=True)]


def test_overlap_is_jaccard_at_one_half():
    assert overlap(moving(0), moving(1)) == pytest.approx(8 / 12)
    assert overlap(0 * FLOW[..., 0], 0 * FLOW[..., 0]) == 1
    assert overlap(moving(0) * np.float32(0.4), moving(0)) == 0


def test_as_steady_as_the_mask_it_has_half_its_share():
    steady = [moving(t) for t in range(6)]
    assert shares(steady, [moving(t, 6, 20) for t in range(6)]) == pytest.approx([0.2] * 6)


def test_steadier_it_has_all_and_less_steady_none():
    steady = [moving(t) for t in range(6)]
    wavering = [moving(t, 4, 14 + t % 2) for t in range(6)]
    assert shares(wavering, steady)[1:] == pytest.approx([0.4] * 5)
    assert shares(steady, wavering)[1:] == pytest.approx([0.0] * 5)


def test_between_it_is_the_mean_difference_of_overlaps():
    steady = [moving(t) for t in range(3)]
    masks = [moving(t) for t in range(3)]
    masks[1][5, 6] = 0  # one of a hundred pixels, gone for a frame
    first = (1 - 99 / 100) / 1
    assert shares(masks, steady)[1] == pytest.approx(0.4 * (0.5 + first / (2 * BAND)))
    assert 0.2 < shares(masks, steady)[1] < 0.4


def test_it_forgets_slowly_and_wholly_when_told():
    trust = GuideTrust(0.4)
    for _ in range(3 * LASTING):
        trust(moving(0), moving(0), 0 * FLOW)
    trust(moving(0), moving(0, 4, 13), 0 * FLOW)  # a tenth of the guide goes
    once = trust(moving(0), moving(0, 4, 13), None)  # a cut tells nothing
    assert once == pytest.approx(0.4 * (0.5 - 0.1 / LASTING / (2 * BAND)))
    trust.reset()
    assert trust(moving(0), moving(0), FLOW) == pytest.approx(0.2)


def test_buffers_that_the_caller_writes_over_change_nothing():
    masks = [moving(t, 4, 14 + t % 2) for t in range(6)]
    guides = [moving(t) for t in range(6)]
    trust, mask, guide, found = GuideTrust(0.4), moving(0), moving(0), []
    for given in zip(masks, guides, strict=True):
        mask[:], guide[:] = given
        found.append(trust(mask, guide, FLOW))
        mask[:] = guide[:] = 0
    assert found == shares(masks, guides)
