"""Soft masks in few bytes: 16 levels, and the same hard mask."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spectrack.structures import Box, Prediction
from spectrack.tracking.journal import Journal, read_journal
from spectrack.tracking.soft_masks import KeptSoftMasks, pack, unpack
from spectrack.tracks import Track


@pytest.mark.parametrize("size_wh", [(1, 1), (5, 3), (64, 48), (37, 21)])
def test_to_the_nearest_level(rng, size_wh):
    soft = rng.random(size_wh[::-1], dtype=np.float32)
    soft[0, 0] = 0.5
    back = unpack(json.loads(json.dumps(pack(soft))), size_wh)
    assert back.dtype == np.float32
    assert np.abs(back - soft).max() <= 1 / 30 + 1e-6
    np.testing.assert_array_equal(back >= 0.5, soft >= 0.5)


@pytest.mark.parametrize("value", [0.5, np.nextafter(np.float32(0.5), np.float32(0)), 0, 1])
def test_the_hard_mask_stays(value):
    soft = np.full((3, 5), value, np.float32)
    np.testing.assert_array_equal(unpack(pack(soft), (5, 3)) >= 0.5, soft >= 0.5)


def test_only_the_part_with_something_costs(rng):
    small = rng.random((20, 30), dtype=np.float32)
    large = np.zeros((2160, 3840), np.float32)
    large[700:720, 1000:1030] = small
    assert pack(large)[-1] == pack(small)[-1]
    np.testing.assert_array_equal(
        unpack(pack(large), (3840, 2160))[700:720, 1000:1030], unpack(pack(small), (30, 20))
    )


def test_a_journal_gives_them_back(tmp_path, rng):
    softs = rng.random((6, 2, 24, 32), dtype=np.float32)
    path = tmp_path / "journal"
    tracks = {3: Track((32, 24)), 8: Track((32, 24))}

    def add(journal, t):
        masks = {3: softs[t, 0], 8: softs[t, 1] if t % 2 else softs[t, 1] >= 0.5}
        answers = {key: Prediction(Box(1, 2, 3, 4), mask) for key, mask in masks.items()}
        for key, answer in answers.items():
            tracks[key].append(answer)
        journal.add(tracks, answers)

    with Journal(path, {}, soft=True) as journal:
        for t in range(4):
            add(journal, t)
    with Journal(path, {}, read_journal(path), soft=True) as journal:
        for t in range(4, 6):
            add(journal, t)
    assert read_journal(path).tracks[8].entries == tracks[8].entries
    with KeptSoftMasks(path) as kept:
        for t in (5, 0, 3, 4):
            np.testing.assert_array_equal(kept(3, t), unpack(pack(softs[t, 0]), (32, 24)))
            assert (kept(8, t) is None) == (t % 2 == 0)
