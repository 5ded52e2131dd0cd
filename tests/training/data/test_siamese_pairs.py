"""Pairs for Siamese trackers: which frames, how often two targets, and changes of pictures."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.training.data.augmentation import COLOUR_AXES, colour_cast, cross_blur
from spectrack.training.data.clips import ArrayClip
from spectrack.training.data.samples import Source
from spectrack.training.data.siamese_pairs import Pair, SiamesePairs, draw_partner


def numbered(first: int, frames: int = 30) -> ArrayClip:
    """A clip whose frames have their own grey, from ``first`` on."""
    grey = np.arange(first, first + frames, dtype=np.uint8)[:, None, None, None]
    masks = np.zeros((frames, 8, 8), np.uint8)
    masks[:, 2:6, 2:6] = 1
    return ArrayClip(np.broadcast_to(grey, (frames, 8, 8, 3)).copy(), masks)


def shown(pair: Pair, _: np.random.Generator) -> dict[str, torch.Tensor]:
    """Greys of both frames, and whether they are of one clip."""
    first, second = (int(v.frame_hwc[0, 0, 0]) for v in (pair.template, pair.search))
    return {"frames": torch.tensor([first, second, int(pair.same)])}


def drawn(sources: list[Source], count: int = 1500, **rules: Any) -> np.ndarray:
    pairs = SiamesePairs(sources, count, shown, seed=3, **rules)
    return np.array([pairs[i]["frames"].tolist() for i in range(count)])


def test_partners_are_frames_in_sight_within_reach():
    visible = np.ones(60, bool)
    visible[20:40] = False
    rng = np.random.default_rng(0)
    drawn_ = np.array([draw_partner(visible, rng, 5) for _ in range(4000)])
    assert visible[drawn_].all()
    place = np.cumsum(visible) - 1
    gaps = place[drawn_[:, 1]] - place[drawn_[:, 0]]
    assert set(gaps) == set(range(-5, 6))
    assert set(drawn_[:, 0]) == set(np.flatnonzero(visible))
    assert draw_partner(np.array([False, True]), rng, 5) == [1, 1]


def test_so_many_pairs_are_of_two_targets():
    clips = [numbered(0), numbered(100), numbered(200)]
    found = drawn([Source(clips[:1], 0.5), Source(clips[1:], 0.5)], reach=4)
    one_clip = found[:, 0] // 100 == found[:, 1] // 100
    np.testing.assert_array_equal(one_clip, found[:, 2] == 1)
    assert 1 - one_clip.mean() == pytest.approx(0.2, abs=0.04)
    assert np.abs(found[one_clip, 0] - found[one_clip, 1]).max() == 4
    assert (found[:, 0] < 100).mean() == pytest.approx(0.5, abs=0.05)
    assert drawn([Source(clips)], 200, negative=0.0)[:, 2].all()
    assert drawn([Source(clips[:1])], 200, negative=1.0)[:, 2].all()  # there is no other clip


def test_a_seed_gives_the_same_pairs_and_none_gives_new_ones():
    sources = [Source([numbered(0), numbered(100)])]
    np.testing.assert_array_equal(drawn(sources, 20), drawn(sources, 20))
    pairs = SiamesePairs(sources, 8, shown)
    torch.manual_seed(1)
    first = [pairs[i]["frames"].tolist() for i in range(8)]
    again = [pairs[i]["frames"].tolist() for i in range(8)]
    torch.manual_seed(1)
    assert first == [pairs[i]["frames"].tolist() for i in range(8)]
    assert first != again


def test_clips_that_show_nothing_are_left_out_or_told():
    empty = ArrayClip(np.zeros((3, 8, 8, 3), np.uint8), np.zeros((3, 8, 8), np.uint8))
    found = drawn([Source([empty]), Source([empty, numbered(100), numbered(200)])], 100)
    assert found[:, :2].min() >= 100
    with pytest.raises(InputError, match="no clip shows its object"):
        SiamesePairs([Source([empty])], 4, shown)


@pytest.mark.parametrize(("size", "upright"), [(5, 0.3), (11, 1.0), (45, 0.0)])
def test_a_blur_is_that_of_a_cross(rng, size, upright):
    picture = rng.uniform(0, 255, (60, 50, 3)).astype(np.float32)
    kernel = np.zeros((size, size))
    kernel[:, size // 2] += upright / size
    kernel[size // 2] += (1 - upright) / size
    expected = cv2.filter2D(picture, -1, kernel)
    np.testing.assert_allclose(cross_blur(picture, size, upright), expected, atol=1e-2)


def test_casts_vary_as_the_published_ones(rng):
    picture = rng.uniform(0, 255, (4, 5, 3)).astype(np.float32)
    casts = [picture - colour_cast(picture, rng) for _ in range(20_000)]
    assert all(np.ptp(cast, axis=(0, 1)).max() < 1e-3 for cast in casts[:50])  # of all pixels alike
    colours = np.array([cast[0, 0] for cast in casts])
    np.testing.assert_allclose(colours.mean(0), 0, atol=0.2)
    np.testing.assert_allclose(np.cov(colours.T), COLOUR_AXES @ COLOUR_AXES.T, rtol=0.1, atol=0.6)
