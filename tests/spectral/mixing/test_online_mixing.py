"""Mixing from past frames alone, against the formula written out in float64."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.spectral.mixing.mixing import MixStream
from spectrack.spectral.mixing.online import OnlineMixer
from spectrack.spectral.mixing.settings import MixingSettings

SETTINGS = MixingSettings(
    names=("a", "b", "c"), weights=(1.5, 3.0, 2.5), bias=-3.0, agreement=2.0, reach=2
)


@pytest.fixture(scope="module")
def maps_tchw() -> np.ndarray:
    """Noisy soft copies of a moving square in the middle; channel c leaves it half way."""
    rng, out = np.random.default_rng(5), np.zeros((8, 3, 24, 32), np.uint8)
    for t in range(8):
        for c in range(3):
            left = 7 + t + (6 if c == 2 and t > 3 else 0)
            out[t, c, 8:16, left : left + 9] = rng.integers(100, 256, (8, 9))
            out[t, c, 5:19, 5:28] ^= (rng.random((14, 23)) < 0.04).astype(np.uint8) * 255
    return out


def expected(s: MixingSettings, maps_tchw: np.ndarray, present_tc: np.ndarray):
    """W_it, a_it, S_m and disagreement of each frame, from the docstrings of the two modules."""
    maps, iou = maps_tchw / 255, np.zeros(present_tc.shape)
    for t, seen in enumerate(present_tc):
        majority = maps[t, seen].mean(axis=0) >= 0.5 if seen.any() else None
        for c in np.flatnonzero(seen):
            inter = maps[t, c][majority].sum()
            iou[t, c] = (inter + 1) / (maps[t, c].sum() + majority.sum() - inter + 1)
    for t, seen in enumerate(present_tc):
        past = slice(max(0, t - s.reach), t + 1)
        times = present_tc[past]
        mean = (iou[past] * times).sum(axis=0) / np.maximum(times.sum(axis=0), 1)
        a = np.where(seen, mean, 0)
        w = np.where(seen, np.array(s.weights) * np.maximum(a, 0.02) ** s.agreement, 0)
        w *= sum(s.weights) / w.sum() if seen.any() else 0
        soft = 1 / (1 + np.exp(-(np.tensordot(w, maps[t], 1) + s.bias)))
        share = w / (w.sum() or 1)
        level = np.tensordot(share, maps[t], 1)
        spread = (np.tensordot(share, maps[t] ** 2, 1) - level**2).sum()
        yield w, a, soft, 2 * spread / level.sum() if seen.any() else 0


@pytest.mark.parametrize("reach", [0, 2, 50])
@pytest.mark.parametrize("as_type", ["bytes", "floats"])
def test_equals_the_formula(maps_tchw: np.ndarray, reach: int, as_type: str) -> None:
    s = MixingSettings(
        names=SETTINGS.names, weights=SETTINGS.weights, bias=-3.0, agreement=2.0, reach=reach
    )
    present = np.random.default_rng(2).random((8, 3)) < 0.75
    present[4] = False
    mixer = OnlineMixer(s)
    results = expected(s, maps_tchw, present)
    for maps, seen, want in zip(maps_tchw, present, results, strict=True):
        given = maps if as_type == "bytes" else (maps / 255).astype(np.float32)
        got = mixer.push(given, seen)
        np.testing.assert_allclose(got.weights_c, want[0], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(got.agreement_c, want[1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(got.soft_hw, want[2], atol=1e-5)
        assert got.disagreement == pytest.approx(want[3], rel=1e-3, abs=1e-5)


def test_a_channel_that_leaves_the_others_loses_weight_at_once(maps_tchw: np.ndarray) -> None:
    mixer = OnlineMixer(SETTINGS)
    weight = [mixer.push(maps).weights_c[2] for maps in maps_tchw]
    assert weight[4] < 0.92 * weight[3]
    assert weight[6] < 0.6 * weight[3]


def test_the_last_frame_of_a_stream_has_no_future_either(maps_tchw: np.ndarray) -> None:
    mixer = OnlineMixer(SETTINGS)
    for t in range(len(maps_tchw)):
        online, stream = mixer.push(maps_tchw[t]), MixStream(SETTINGS, (32, 24))
        ready = [m for maps in maps_tchw[: t + 1] for m in stream.push(maps)] + stream.flush()
        np.testing.assert_allclose(online.weights_c, ready[-1].weights_c, rtol=1e-6)
        np.testing.assert_array_equal(online.soft_hw, ready[-1].soft_hw)


def test_a_part_that_holds_everything_is_enough(maps_tchw: np.ndarray) -> None:
    whole, part = OnlineMixer(SETTINGS), OnlineMixer(SETTINGS)
    for t, maps in enumerate(maps_tchw):
        a, b = whole.push(maps), part.push(maps[:, 5 - t % 3 : 20, 4 : 28 + t % 4])
        np.testing.assert_allclose(a.weights_c, b.weights_c, rtol=1e-6)
        np.testing.assert_allclose(
            a.soft_hw[5 - t % 3 : 20, 4 : 28 + t % 4], b.soft_hw, rtol=0, atol=1e-6
        )
        assert a.disagreement == pytest.approx(b.disagreement, rel=1e-4)


def test_reset_forgets_and_little_is_held(maps_tchw: np.ndarray) -> None:
    mixer = OnlineMixer(SETTINGS)
    first = mixer.push(maps_tchw[4])
    held = []
    for k in range(300):
        mixer.push(maps_tchw[k % 8])
        held.append(mixer.held)
    assert held[1:] == [3] * 299
    mixer.reset()
    np.testing.assert_array_equal(mixer.push(maps_tchw[4]).weights_c, first.weights_c)


@pytest.mark.parametrize("shape", [(2, 4, 5), (3, 4), (3, 0, 5)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected 3 maps"):
        OnlineMixer(SETTINGS).push(np.zeros(shape, np.uint8))


def test_values_and_flags_that_do_not_fit() -> None:
    mixer = OnlineMixer(SETTINGS)
    with pytest.raises(InputError, match="NaN or leaves"):
        mixer.push(np.full((3, 4, 5), np.nan, np.float32))
    with pytest.raises(InputError, match="flags"):
        mixer.push(np.zeros((3, 4, 5), np.uint8), [True])
    assert mixer.held == 0
