"""The filter on enlarged frames: what it is by hand, what stays, and what it is for."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.errors import InputError
from spectrack.flow.local import flow_pair, quick_flow
from spectrack.metrics.regions import jaccard
from spectrack.spectral.guided.enlarged import EnlargedStream, stream_for
from spectrack.spectral.guided.settings import GuidedSettings
from spectrack.spectral.guided.stream import GuidedStream

FEW = GuidedSettings(cycles=(2,), changes=(0.01,))


@pytest.fixture(scope="module")
def clip():
    return make_clip(6, size_wh=(284, 160), seed=4)


@pytest.fixture(scope="module")
def flows(clip):
    flow, frames = quick_flow(), clip.frames_thwc
    pairs = [flow_pair(flow, a, b) for a, b in pairwise(frames)]
    return [(None, None), *((p.forward_hw2, p.backward_hw2) for p in pairs)]


def through(stream, clip, flows, masks, fixed=(), guides=None):
    out = []
    for t, (frame, mask, pair) in enumerate(zip(clip.frames_thwc, masks, flows, strict=True)):
        guide = None if guides is None else guides[t]
        out += stream.push(frame, mask[None], *pair, t in fixed, guide)
    return [planes[0] for planes in out + stream.flush()]


def test_it_is_the_filter_between_enlarging_and_shrinking(clip, flows):
    masks = [cv2.GaussianBlur(m.astype(np.float32), (0, 0), 2) for m in clip.masks_thw]
    found = through(EnlargedStream((284, 160), FEW), clip, flows, masks)
    plain, wanted = GuidedStream((568, 320), 1, FEW), []
    for frame, mask, (forward, backward) in zip(clip.frames_thwc, masks, flows, strict=True):
        large = cv2.resize(frame, (568, 320), interpolation=cv2.INTER_CUBIC)
        pair = (f if f is None else 2 * cv2.resize(f, (568, 320)) for f in (forward, backward))
        wanted += plain.push(large, cv2.resize(mask, (568, 320))[None], *pair)
    wanted += plain.flush()
    assert len(found) == len(wanted) == 6
    for one, large in zip(found, wanted, strict=True):
        mean_of_four = large[0].reshape(160, 2, 284, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(one, mean_of_four, atol=1e-5)


def test_known_masks_come_out_as_they_went_in(clip, flows, rng):
    masks = [
        np.clip(m + 0.3 * rng.random(m.shape), 0, 1).astype(np.float32) for m in clip.masks_thw
    ]
    kept = [mask.copy() for mask in masks]
    stream = EnlargedStream((284, 160), FEW)
    found = through(stream, clip, flows, masks, fixed={0, 3})
    assert [np.array_equal(a, b) for a, b in zip(found, kept, strict=True)] == [
        t in (0, 3) for t in range(6)
    ]
    again = through(stream, clip, flows, masks, fixed={0, 3})  # it is empty, and used again
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("size_wh", [(284, 160), (398, 301), (640, 360)])
def test_maps_of_all_values_stay_in_range(size_wh, rng):
    """Weights of a mean in float32 may add up to a little more than one."""
    width, height = size_wh
    frame = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    stream = EnlargedStream(size_wh, GuidedSettings(cycles=(2,), changes=(0.01,), share=0.5))
    for soft in (np.ones((height, width)), 1 - 1e-7 * rng.random((height, width))):
        soft = soft.astype(np.float32)
        (found,) = [*stream.push(frame, soft, guide_hw=soft), *stream.flush()]
        assert found.shape == (1, height, width)
        assert found.min() > 0.99
        assert found.max() <= 1


def test_a_mask_that_is_no_number_is_refused():
    stream = EnlargedStream((284, 160), FEW)
    frame, soft = np.zeros((160, 284, 3), np.uint8), np.zeros((160, 284), np.float32)
    for wrong in (np.nan, 1.5, -0.5):
        soft[80, 100] = wrong
        with pytest.raises(InputError, match="NaN or leaves"):
            stream.push(frame, soft)


def test_a_guide_is_enlarged_with_the_frame(clip, flows):
    settings = GuidedSettings(cycles=(2,), changes=(0.01,), guidance=10.0, share=0.5)
    masks = [m.astype(np.float32) for m in clip.masks_thw]
    half = [m * (np.arange(284) < 142) for m in masks]
    own = through(EnlargedStream((284, 160), settings), clip, flows, half, guides=half)
    told = through(EnlargedStream((284, 160), settings), clip, flows, half, guides=masks)
    there = sum(float((a - b).sum()) for a, b in zip(told, own, strict=True))
    assert there > 0.05 * sum(float((a - b).sum()) for a, b in zip(masks, half, strict=True))


def test_thin_parts_of_a_small_object_are_kept(clip, flows):
    masks = [m.astype(np.float32) for m in clip.masks_thw]
    settings = GuidedSettings()
    small = through(GuidedStream((284, 160), 1, settings), clip, flows, masks)
    large = through(EnlargedStream((284, 160), settings), clip, flows, masks)
    before, after = (
        np.mean([jaccard(s >= 0.5, m) for s, m in zip(one, clip.masks_thw, strict=True)])
        for one in (small, large)
    )
    assert 1 - after < 0.95 * (1 - before)


@pytest.mark.parametrize(
    ("size_wh", "large_wh"),
    [
        ((428, 240), (856, 480)),
        ((240, 428), (480, 856)),
        ((320, 160), (640, 320)),
        ((640, 360), (853, 480)),
        ((711, 399), (855, 480)),
    ],
)
def test_small_frames_are_brought_to_the_usual_size(size_wh, large_wh):
    stream = stream_for(size_wh, FEW)
    assert isinstance(stream, EnlargedStream)
    assert stream.large_wh == large_wh


@pytest.mark.parametrize("size_wh", [(854, 480), (711, 400), (300, 159), (1, 1)])
def test_others_are_filtered_as_they_are(size_wh):
    stream = stream_for(size_wh, FEW)
    assert isinstance(stream, GuidedStream)
    assert stream.size_wh == size_wh
