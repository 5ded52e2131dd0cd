"""Mixing against Eq. 9 and the formula of the agreement, written out in float64."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.spectral.mixing.mixing import MixStream, agreement, frame_weights, to_bytes
from spectrack.spectral.mixing.online import OnlineMixer
from spectrack.spectral.mixing.settings import MixingSettings

NAMES = ("a", "b", "c", "d")


def channels(frames: int = 9, seed: int = 0, soft: bool = True) -> np.ndarray:
    """Noisy copies of a moving square, (T, C, H, W); channel d is mostly wrong."""
    rng = np.random.default_rng(seed)
    out = np.zeros((frames, 4, 21, 33), np.float32)
    for t in range(frames):
        truth = np.zeros((21, 33), bool)
        truth[5:15, 5 + t : 16 + t] = True
        for c in range(4):
            flip = rng.random(truth.shape) < (0.05, 0.1, 0.15, 0.6)[c]
            value = (truth ^ flip).astype(np.float32)
            out[t, c] = value * rng.random(truth.shape) if soft else value
    return np.rint(out * 255) / np.float32(255)


def run(settings: MixingSettings, maps_tchw: np.ndarray, present_tc: np.ndarray | None = None):
    stream, out = MixStream(settings, (33, 21)), []
    for t, frame in enumerate(maps_tchw):
        out += stream.push(frame, None if present_tc is None else present_tc[t])
    return out + stream.flush()


def expected(settings: MixingSettings, maps_tchw: np.ndarray, present_tc: np.ndarray):
    """The formulas of the module, frame by frame, in float64."""
    maps = maps_tchw.astype(np.float64)
    iou = np.zeros(present_tc.shape)
    for t, seen in enumerate(present_tc):
        if not seen.any():
            continue
        majority = maps[t, seen].mean(axis=0) >= 0.5
        for c in np.flatnonzero(seen):
            inter = maps[t, c][majority].sum()
            iou[t, c] = (inter + 1) / (maps[t, c].sum() + majority.sum() - inter + 1)
    results = []
    for t, seen in enumerate(present_tc):
        near = slice(max(0, t - settings.reach), t + settings.reach + 1)
        w = np.zeros(4)
        for c in np.flatnonzero(seen):
            a = iou[near, c][present_tc[near, c]].mean()
            w[c] = settings.weights[c] * max(a, 0.02) ** settings.agreement
        w *= sum(settings.weights) / w.sum() if w.sum() else 0
        logit = np.tensordot(w, maps[t], 1) + settings.bias
        results.append((w, 1 / (1 + np.exp(-logit))))
    return results


def test_paper_form_is_equation_9() -> None:
    settings = MixingSettings(names=NAMES, weights=(3.0, 1.5, -0.5, 0.25), bias=-2.0)
    maps = channels()
    for frame, mixed in zip(maps, run(settings, maps), strict=True):
        logit = sum(w * s for w, s in zip(settings.weights, frame.astype(np.float64), strict=True))
        np.testing.assert_allclose(mixed.soft_hw, 1 / (1 + np.exp(2.0 - logit)), atol=2e-6)


@pytest.mark.parametrize("reach", [0, 1, 3, 20])
def test_agreement_leads_the_weights(reach: int) -> None:
    settings = MixingSettings(
        names=NAMES, weights=(2.0, 2.0, 2.0, 2.0), bias=-4.0, agreement=3.0, reach=reach
    )
    maps = channels()
    present = np.random.default_rng(1).random((len(maps), 4)) < 0.7
    present[:, 0] |= ~present.any(axis=1)
    maps[~present] = 0.7  # what stands in a missing channel must not matter
    found = run(settings, maps, present)
    assert len(found) == len(maps)
    for mixed, (weights, soft) in zip(found, expected(settings, maps, present), strict=True):
        np.testing.assert_allclose(mixed.weights_c, weights, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(mixed.soft_hw, soft, atol=1e-5)


def test_robust_mixing_ignores_what_disagrees() -> None:
    mixed = run(MixingSettings.robust(NAMES), channels(soft=False))[4]
    assert mixed.weights_c[3] < 0.05 * mixed.weights_c[:3].min()
    assert mixed.weights_c.sum() == pytest.approx(8)


def test_all_channels_missing_gives_the_bias_alone() -> None:
    present = np.ones((3, 4), bool)
    present[1] = False
    mixed = run(MixingSettings.robust(NAMES), channels(3), present)[1]
    np.testing.assert_allclose(mixed.soft_hw, 1 / (1 + np.exp(4.0)), rtol=1e-5)
    assert mixed.disagreement == 0


def test_disagreement_is_twice_variance_over_mean() -> None:
    settings = MixingSettings(names=NAMES, weights=(1.0, 2.0, 3.0, 4.0), bias=-5.0)
    maps = channels(1)
    share = np.array([0.1, 0.2, 0.3, 0.4])
    mean = np.tensordot(share, maps[0].astype(np.float64), 1)
    variance = np.tensordot(share, maps[0].astype(np.float64) ** 2, 1) - mean**2
    (mixed,) = run(settings, maps)
    assert mixed.disagreement == pytest.approx(min(1, 2 * variance.sum() / mean.sum()), rel=1e-4)
    same = np.repeat(maps[:, :1] > 0.5, 4, axis=1)
    assert run(settings, same)[0].disagreement == pytest.approx(0, abs=1e-5)


def test_pairwise_map_has_its_own_weights_where_given() -> None:
    settings = MixingSettings(
        names=NAMES, weights=(1.0,) * 4, bias=-2.0, pairwise_weights=(0.5, 0, 0, 1.0)
    )
    maps = channels(1)
    (mixed,) = run(settings, maps)
    logit = 0.5 * maps[0, 0] + maps[0, 3] - 2.0
    np.testing.assert_allclose(mixed.pairwise_hw, 1 / (1 + np.exp(-logit)), atol=2e-6)
    assert settings.parameters == 9
    shared = run(MixingSettings(names=NAMES, weights=(1.0,) * 4, bias=-2.0), maps)[0]
    assert shared.pairwise_hw is shared.soft_hw


def test_empty_channels_agree_when_all_are_empty() -> None:
    empty = np.zeros((4, 21, 33), np.uint8)
    np.testing.assert_array_equal(agreement(empty, np.ones(4, bool)), 1)


def test_cancelling_weights_keep_their_size() -> None:
    weights, seen = np.array([1.0, -1.0]), np.ones(2, bool)
    found = frame_weights(weights, np.array([0.5, 0.5]), seen, 2.0)
    np.testing.assert_allclose(found, weights)


def test_weights_that_follow_the_size_are_not_mixed_as_if_they_did_not() -> None:
    sized = MixingSettings(names=("a",), weights=(8.0,), bias=-4.0, sizes=(1.0,))
    for mixer in (lambda s: MixStream(s, (33, 21)), OnlineMixer):
        with pytest.raises(InputError, match="follow the size of the target"):
            mixer(sized)
        mixer(sized.at_size(90.0))


def test_stream_can_be_used_again_after_flush() -> None:
    settings = MixingSettings.robust(NAMES)
    stream, maps = MixStream(settings, (33, 21)), channels(5)
    first = [m for f in maps for m in stream.push(f)] + stream.flush()
    again = [m for f in maps for m in stream.push(f)] + stream.flush()
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.soft_hw, b.soft_hw)


def test_matching_reorders_and_refuses_other_channels() -> None:
    settings = MixingSettings(names=NAMES, weights=(1.0, 2.0, 3.0, 4.0), bias=0.0)
    assert settings.matched_to(["d", "a", "c", "b"]).weights == (4.0, 1.0, 3.0, 2.0)
    with pytest.raises(InputError, match=r"a, b, c, d and the masks are a, b, c, e"):
        settings.matched_to(["a", "b", "c", "e"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": ()},
        {"names": ("a", "a"), "weights": (1.0, 1.0)},
        {"weights": (1.0,)},
        {"bias": float("nan")},
        {"agreement": -1.0},
        {"reach": -1},
        {"pairwise_weights": (1.0,)},
    ],
)
def test_settings_that_cannot_be(wrong: dict) -> None:
    good = {"names": ("a", "b"), "weights": (1.0, 2.0), "bias": 0.0}
    with pytest.raises(InputError):
        MixingSettings(**{**good, **wrong})


@pytest.mark.parametrize("value", [np.nan, -0.1, 1.5])
def test_values_outside_the_unit_interval_are_refused(value: float) -> None:
    maps = np.zeros((4, 21, 33), np.float32)
    maps[2, 3, 4] = value
    with pytest.raises(InputError, match="NaN or leaves"):
        MixStream(MixingSettings.robust(NAMES), (33, 21)).push(maps)


def test_shapes_and_types_that_do_not_fit() -> None:
    stream = MixStream(MixingSettings.robust(NAMES), (33, 21))
    with pytest.raises(InputError, match="expected"):
        stream.push(np.zeros((3, 21, 33), np.uint8))
    with pytest.raises(InputError, match="flags"):
        stream.push(np.zeros((4, 21, 33), np.uint8), np.ones(3, bool))
    with pytest.raises(InputError, match="int64"):
        to_bytes(np.zeros((1, 2, 2), np.int64))
