"""The stream against the whole video, and its bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.spectral.sfseg.filter import PRESETS, sfseg
from spectrack.spectral.sfseg.stream import SFSegStream

SHORT = replace(PRESETS["published"], iterations=3)
RECIPES = {
    "published": SHORT,
    "all frames": replace(SHORT, border="zero"),
    "cosines": replace(SHORT, border="zero", affinity="cosine2", kernel=(3, 7, 7)),
    "continuous, then steep": replace(SHORT, continuous_iterations=2, steepness=5.0, midpoint=0.4),
    "no time": replace(SHORT, kernel=(1, 3, 3)),
    "nothing": replace(SHORT, iterations=0),
    "floor": replace(SHORT, floor=0.05, border="zero"),
}


def clip(frames, channels=1):
    rng = np.random.default_rng(frames)
    shape = (frames, 17, 35)
    return rng.random(shape, dtype=np.float32), rng.random((channels, *shape), dtype=np.float32)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("frames", [1, 4, 9, 14])
@pytest.mark.parametrize("kernel", ["numba", "torch"])
def test_look_ahead_equals_the_whole_video(name, frames, kernel):
    settings = RECIPES[name]
    soft, feature = clip(frames)
    stream = SFSegStream(settings, kernel=kernel)
    results, late = [], []
    for t in range(frames):
        for index, result in stream.push(soft[t], feature[:, t]):
            results.append((index, result))
            late.append(t - index)
    results += stream.finish()
    assert [index for index, _ in results] == list(range(frames))
    assert set(late) <= {stream.latency}
    expected = sfseg(soft, feature, settings, kernel=kernel)
    np.testing.assert_allclose(np.stack([r for _, r in results]), expected, atol=1e-6)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("known", [(0,), (3, 4), (8,)])
def test_known_frames_are_kept_and_felt(name, known):
    settings = RECIPES[name]
    soft, feature = clip(9)
    stream = SFSegStream(settings)
    results = [r for t in range(9) for r in stream.push(soft[t], feature[:, t], t in known)]
    found = np.stack([r for _, r in results + stream.finish()])
    expected = sfseg(soft, feature, settings, fixed=known)
    np.testing.assert_array_equal(expected[[*known]], soft[[*known]])
    np.testing.assert_array_equal(found[[*known]], soft[[*known]])
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_known_frames_are_felt_online():
    soft, _ = clip(7)
    stream = SFSegStream("paper", "online", window=5)
    found = [stream.push(frame, fixed=t == 4)[0][1] for t, frame in enumerate(soft)]
    np.testing.assert_array_equal(found[4], soft[4])
    np.testing.assert_allclose(found[6], sfseg(soft[2:], None, "paper", fixed=[2])[4], atol=1e-6)
    assert np.abs(found[6] - sfseg(soft[2:], None, "paper")[4]).max() > 1e-3


def test_several_channels():
    soft, feature = clip(7, channels=3)
    stream = SFSegStream(SHORT)
    results = list(stream.filter((soft[t], feature[:, t]) for t in range(7)))
    expected = sfseg(soft, feature, SHORT)
    np.testing.assert_allclose(np.stack([r for _, r in results]), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["published", "cosines", "nothing"])
def test_online_equals_the_video_cut_after_each_frame(name):
    settings = RECIPES[name]
    soft, feature = clip(12)
    stream = SFSegStream(settings, "online")
    assert stream.latency == 0
    recipe = replace(settings, border="zero")
    for t in range(12):
        [(index, found)] = stream.push(soft[t], feature[:, t])
        assert index == t
        expected = sfseg(soft[: t + 1], feature[:, : t + 1], recipe)[t]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert stream.finish() == []


def test_a_shorter_window_sees_less():
    soft, _ = clip(9)
    stream = SFSegStream("paper", "online", window=3)
    found = [stream.push(frame)[0][1] for frame in soft]
    np.testing.assert_allclose(found[8], sfseg(soft[6:], None, "paper")[2], atol=1e-6)


def test_arrays_may_be_reused_and_the_stream_too():
    soft, feature = clip(9)
    stream = SFSegStream(SHORT)
    expected = sfseg(soft, feature, SHORT)
    buffers = np.empty((17, 35), np.float32), np.empty((1, 17, 35), np.float32)
    for _ in range(2):
        results = []
        for t in range(9):
            buffers[0][:], buffers[1][:] = soft[t], feature[:, t]
            results += stream.push(*buffers)
        results += stream.finish()
        np.testing.assert_allclose(np.stack([r for _, r in results]), expected, atol=1e-6)


def test_no_more_frames_are_held_than_needed():
    stream = SFSegStream(SHORT)
    frame = np.random.default_rng(0).random((8, 9), dtype=np.float32)
    for _ in range(200):
        stream.push(frame)
    held = sum(len(level.waiting) + len(level.raw) for level in stream._levels)
    assert held <= 2 * stream.latency + 2 * len(stream._levels)


def test_what_a_stream_cannot_do_is_said():
    with pytest.raises(InputError, match="whole video"):
        SFSegStream("paper")
    with pytest.raises(InputError, match="mode"):
        SFSegStream("published", "offline")
    with pytest.raises(InputError, match="window"):
        SFSegStream("published", "online", window=0)
    stream = SFSegStream("published")
    stream.push(np.zeros((4, 5)))
    with pytest.raises(InputError, match="alike"):
        stream.push(np.zeros((4, 6)))
    with pytest.raises(InputError, match="NaN"):
        stream.push(np.full((4, 5), np.nan))
