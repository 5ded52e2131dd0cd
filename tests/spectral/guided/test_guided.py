"""The guided filter against a plain float64 transcription of its formula, and its edge cases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.flow.estimators import warp
from spectrack.spectral.guided.kernels import fill_lab
from spectrack.spectral.guided.links import active_pixels
from spectrack.spectral.guided.stream import GUIDED_PRESETS, GuidedSettings, GuidedStream, guided

SMALL = GuidedSettings(
    cycles=(3,), changes=(0.0,), reach=5, contrast=0.0, sharpness=200.0, level=0.5
)
GATED = replace(SMALL, cycles=(1, 2, 1), changes=(0.0, 0.05, 0.4))


def lab_float64(frame_hwc: np.ndarray) -> np.ndarray:
    """CIE Lab / 100 from the definition (IEC 61966-2-1 and CIE 15), D65."""
    s = frame_hwc / 255
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    xyz = linear @ np.array(
        [
            [0.4124564, 0.2126729, 0.0193339],
            [0.3575761, 0.7151522, 0.1191920],
            [0.1804375, 0.0721750, 0.9503041],
        ]
    )
    t = xyz / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t * (29 / 6) ** 2 / 3 + 4 / 29)
    fx, fy, fz = np.moveaxis(f, -1, 0)
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=-1) / 100


def truth(
    frames, soft, forward, backward, s: GuidedSettings, fixed=(), guide_thw=None
) -> np.ndarray:
    """The whole video at once, pixel by pixel; weights rounded to 1/255 as documented."""
    count, height, width = soft.shape
    guide = np.zeros(soft.shape) if guide_thw is None else guide_thw.astype(np.float64)
    if guide_thw is not None:
        known = np.isin(range(count), fixed)[:, None, None]
        share = np.array(shares(soft, guide_thw, backward, s.share))[:, None, None]
        soft = np.where(known, soft, (1 - share) * soft + share * guide).astype(np.float32)
    lab = [lab_float64(f) for f in frames]
    links: dict[tuple[int, int, int], list[tuple[float, int, int, int]]] = {}
    for t in set(range(count)) - set(fixed):
        rows, cols = active_pixels(soft[t][None], s.reach)
        for y, x in zip(rows.tolist(), cols.tolist(), strict=True):
            found = []
            for u, radius in ((t, s.radius), (t - 1, s.side_radius), (t + 1, s.side_radius)):
                if not 0 <= u < count:
                    continue
                cy, cx, trust = y, x, 1.0
                if u != t:
                    flow, back = (backward[t], forward[u]) if u < t else (forward[t], backward[u])
                    cx, cy = x + round(float(flow[y, x, 0])), y + round(float(flow[y, x, 1]))
                    if not (0 <= cy < height and 0 <= cx < width):
                        continue
                    gap = flow[y, x] + back[cy, cx]
                    trust = np.exp(-(gap @ gap) / (2 * s.flow_sigma**2))
                for dy in range(-radius, radius + 1):
                    for dx in range(-radius, radius + 1):
                        yy, xx = cy + dy * s.step, cx + dx * s.step
                        corner = abs(dy) + abs(dx) == 2 * radius > 0
                        if 0 <= yy < height and 0 <= xx < width and not corner:
                            d2 = ((lab[t][y, x] - lab[u][yy, xx]) ** 2).sum()
                            g = np.exp(-2 * (dx**2 + dy**2) / max(radius, 1) ** 2)
                            e = guide[t, y, x] - guide[u, yy, xx]
                            w = trust * g / (1 + s.sharpness * d2 / 4 + s.guidance * e**2 / 4) ** 4
                            found.append((round(255 * w), u, yy, xx))
            links[t, y, x] = found
    values = soft.astype(np.float64)
    states = []
    for n in s.cycles:
        for i in range(n):
            tau = 1.4 / (2 * np.cos(np.pi * (2 * i + 1) / (4 * n + 2)) ** 2)
            new = values.copy()
            for (t, y, x), found in links.items():
                total = sum(w for w, *_ in found)
                if total:
                    mean = sum(w * values[u, yy, xx] for w, u, yy, xx in found) / total
                    new[t, y, x] += tau * (mean - values[t, y, x])
            values = new
        values = np.clip(values, 0, 1)
        states.append(values)
    was, now = soft >= s.level, states[0] >= s.level
    change = [1 - (a & b).sum() / max((a | b).sum(), 1) for a, b in zip(was, now, strict=True)]
    around = s.iterations - s.cycles[0]
    out = []
    for t in range(count):
        told = set(range(max(0, t - around), min(t + around + 1, count))) - set(fixed)
        near = np.mean([change[u] for u in told] or [0.0])
        depth = np.interp(near, s.changes, range(len(s.changes)))
        low = int(depth)
        high = min(low + 1, len(states) - 1)
        out.append(states[low][t] + (depth - low) * (states[high][t] - states[low][t]))
    return np.stack(out)


def shares(soft, guide, backward, most) -> list[float]:
    """How far a guide is believed, by its definition: means over all frames so far."""
    found, steadier = [most / 2], []
    for t in range(1, len(soft)):
        overlaps = []
        for maps in (soft, guide):
            a, b = warp(maps[t - 1], backward[t]) >= 0.5, maps[t] >= 0.5
            overlaps.append((a & b).sum() / (a | b).sum())
        steadier.append(overlaps[1] - overlaps[0])
        found.append(most * np.clip(0.5 + np.mean(steadier) / 0.04, 0, 1))
    return found


@pytest.fixture
def scene(rng):
    """Four small frames with smooth colours, a noisy soft mask and flows that partly disagree."""
    count, height, width = 4, 19, 23
    base = np.kron(rng.random((5, 6, 3)), np.ones((4, 4, 1)))[:height, :width]
    frames = [
        (255 * np.clip(np.roll(base, t, axis=1) + 0.02 * rng.random(base.shape), 0, 1)).astype(
            np.uint8
        )
        for t in range(count)
    ]
    soft = np.zeros((count, height, width), np.float32)
    for t in range(count):
        soft[t, 6:13, 5 + t : 14 + t] = 1
    soft = np.abs(soft - (rng.random(soft.shape) < 0.03)).astype(np.float32)
    forward = (np.array([1.0, 0.0]) + 0.7 * rng.normal(size=(count, height, width, 2))).astype(
        np.float32
    )
    backward = (np.array([-1.0, 0.0]) + 0.7 * rng.normal(size=(count, height, width, 2))).astype(
        np.float32
    )
    forward[1, 3:9] += 6
    return frames, soft, forward, backward


def test_lab_is_the_definition(rng):
    frame = rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)
    out = np.full((13, 15, 3), 7, np.float32)
    fill_lab(frame, 2, out, (1, 9), (0, 10))
    np.testing.assert_allclose(out[3:-2, 2:-3], lab_float64(frame)[1:, :10], atol=5e-5)
    assert (out[:3] == 7).all()
    assert (out[:, -3:] == 7).all()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"radius": 1, "side_radius": 2, "step": 1},
        {"side_radius": 0},
        {"radius": 0},
        {"cycles": GATED.cycles, "changes": GATED.changes},
    ],
)
def test_equals_the_transcription(scene, changes):
    frames, soft, forward, backward = scene
    s = replace(SMALL, **changes)
    got = guided(frames, soft, list(zip(forward, backward, strict=True))[:-1], s)
    back = np.concatenate([np.zeros_like(backward[:1]), backward[:-1]])
    want = truth(frames, soft, forward, back, s)
    # One byte of a weight may round the other way in float32.
    np.testing.assert_allclose(got, want, atol=5e-3)
    assert np.abs(got - want).mean() < 1e-4


@pytest.mark.parametrize("fixed", [(0,), (2,), (1, 2), (0, 3)])
def test_known_masks_are_kept_and_felt(scene, fixed):
    frames, soft, forward, backward = scene
    s = replace(GATED, changes=(0.0, 0.01, 0.1), level=0.42)
    back = np.concatenate([np.zeros_like(backward[:1]), backward[:-1]])
    pairs = list(zip(forward, backward, strict=True))[:-1]
    got = guided(frames, soft, pairs, s, fixed)
    want = truth(frames, soft, forward, back, s, fixed)
    rise = (1 - s.level) / s.level
    want = rise * want / (1 + (rise - 1) * want)
    for t in fixed:
        np.testing.assert_array_equal(got[t], soft[t])
    rest = [t for t in range(4) if t not in fixed]
    np.testing.assert_allclose(got[rest], want[rest], atol=1e-2)
    free = guided(frames, soft, pairs, s)
    assert np.abs(got[rest] - free[rest]).max() > 0.01  # and it is no small matter


def test_a_known_mask_parts_the_video(scene):
    """What lies on one side of it is as if the other side were not there."""
    frames, soft, forward, backward = scene
    s = replace(SMALL, cycles=(4,))
    pairs = list(zip(forward, backward, strict=True))[:-1]
    whole = guided(frames, soft, pairs, s, fixed=[2])
    before = guided(frames[:3], soft[:3], pairs[:2], s, fixed=[2])
    after = guided(frames[2:], soft[2:], pairs[2:], s, fixed=[0])
    np.testing.assert_array_equal(whole, np.concatenate([before, after[1:]]))


@pytest.mark.parametrize(("guidance", "share"), [(30.0, 0.0), (0.0, 0.4), (30.0, 0.4)])
def test_a_guide_keeps_pixels_apart_and_takes_its_share(scene, rng, guidance, share):
    frames, soft, forward, backward = scene
    s = replace(SMALL, guidance=guidance, share=share)
    # Nearly as steady as the mask, so that its share is neither none nor all.
    guide = np.clip(soft + 0.3 * rng.random(soft.shape) - 0.15, 0, 1).astype(np.float32)
    guide[:, 4:9, 3:8] = 0.8
    back = np.concatenate([np.zeros_like(backward[:1]), backward[:-1]])
    pairs = list(zip(forward, backward, strict=True))[:-1]
    got = guided(frames, soft, pairs, s, fixed=[2], guide_thw=guide)
    want = truth(frames, soft, forward, back, s, [2], guide)
    if share:
        assert len({0, share, *shares(soft, guide, back, share)[1:]}) == 5
    np.testing.assert_array_equal(got[2], soft[2])
    np.testing.assert_allclose(got, want, atol=5e-3)
    assert np.abs(got - want).mean() < 1e-4
    plain = guided(frames, soft, pairs, s, fixed=[2])
    assert np.abs(got - plain).max() > 0.05


def test_a_guide_that_is_even_tells_nothing(scene):
    frames, soft, forward, backward = scene
    pairs = list(zip(forward, backward, strict=True))[:-1]
    s = replace(SMALL, guidance=30.0)
    even = np.full_like(soft, 0.7)
    got = guided(frames, soft, pairs, s, guide_thw=even)
    np.testing.assert_array_equal(got, guided(frames, soft, pairs, s))


def test_more_iterations_than_frames_and_several_maps(scene):
    frames, soft, forward, backward = scene
    s = replace(SMALL, cycles=(4, 5), changes=(0.0, 1e-9))
    pairs = list(zip(forward, backward, strict=True))[:-1]
    both = np.stack([soft, 1 - soft])
    together = guided(frames, both, pairs, s)
    alone = guided(frames, soft, pairs, s)
    np.testing.assert_allclose(together[0], alone, atol=1e-6)
    # Constants are kept, so the complement stays the complement.
    np.testing.assert_allclose(together[0] + together[1], 1, atol=1e-5)


def test_stream_is_delayed_by_the_iterations_and_can_be_used_again(scene):
    frames, soft, forward, backward = scene
    stream = GuidedStream((23, 19), 1, replace(SMALL, cycles=(2,)))
    runs = []
    for _ in range(2):
        counts, out = [], []
        for t in range(4):
            flows = (forward[t - 1], backward[t - 1]) if t else (None, None)
            ready = stream.push(frames[t], soft[t], *flows)
            counts.append(len(ready))
            out += ready
        assert counts == [0, 0, 1, 1]
        out += stream.flush()
        runs.append(np.stack(out))
    np.testing.assert_array_equal(runs[0], runs[1])


def test_level_becomes_one_half(scene):
    frames, soft, *_ = scene
    plain = guided(frames, soft, None, SMALL)
    raised = guided(frames, soft, None, replace(SMALL, level=0.3))
    np.testing.assert_array_equal(raised >= 0.5, plain >= np.float32(0.3))
    np.testing.assert_array_equal(raised[soft == plain] >= 0.5, soft[soft == plain] >= 0.5)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_masks_stay(scene, value):
    frames, soft, forward, backward = scene
    out = guided(
        frames,
        np.full_like(soft, value),
        list(zip(forward, backward, strict=True))[:-1],
        GUIDED_PRESETS["colour"],
    )
    np.testing.assert_array_equal(out, value)


def test_one_frame_and_one_pixel():
    frame = np.full((1, 1, 3), 90, np.uint8)
    out = guided([frame], np.ones((1, 1, 1), np.float32), None, SMALL)
    np.testing.assert_array_equal(out, 1)


def test_no_iterations_gives_the_input_back(scene):
    frames, soft, *_ = scene
    s = replace(SMALL, cycles=(), changes=())
    np.testing.assert_allclose(guided(frames, soft, None, s), soft, atol=1e-6)


def test_flow_that_is_not_finite_is_not_trusted(scene):
    frames, soft, forward, _ = scene
    bad = np.full_like(forward, np.nan)
    out = guided(frames, soft, list(zip(bad, bad, strict=True))[:-1], SMALL)
    np.testing.assert_allclose(out, guided(frames, soft, None, SMALL), atol=1e-6)


def test_fills_a_hole_and_removes_a_speck():
    """What the filter is for: one bad frame is put right by its neighbours."""
    frames = np.full((5, 40, 50, 3), 60, np.uint8)
    frames[:, 10:30, 12:36] = (200, 80, 40)
    soft = np.zeros((5, 40, 50), np.float32)
    soft[:, 10:30, 12:36] = 1
    damaged = soft.copy()
    damaged[2, 15:20, 18:24] = 0
    damaged[2, 34:37, 42:46] = 1
    still = np.zeros((40, 50, 2), np.float32)
    out = guided(frames, damaged, [(still, still)] * 4)
    np.testing.assert_array_equal(out >= 0.5, soft >= 0.5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sharpness", -1),
        ("sharpness", float("nan")),
        ("contrast", -0.1),
        ("guidance", -1),
        ("share", 1.5),
        ("radius", -1),
        ("step", 0),
        ("cycles", (2, 1.5, 3)),
        ("cycles", (2, 3)),
        ("changes", (0.1, 0.1, 0.2)),
        ("reach", 0),
        ("flow_sigma", 0),
        ("level", 1),
    ],
)
def test_settings_out_of_range(field, value):
    with pytest.raises(InputError, match=field):
        GuidedSettings(**{field: value})


def test_bad_input(scene):
    frames, soft, forward, backward = scene
    stream = GuidedStream((23, 19))
    for bad in (np.nan, 1.5, -0.1):
        wrong = soft[0].copy()
        wrong[3, 3] = bad
        with pytest.raises(InputError, match="NaN or leaves"):
            stream.push(frames[0], wrong)
    with pytest.raises(InputError, match="masks of shape"):
        stream.push(frames[0], soft[0][:-1])
    with pytest.raises(InputError, match="a guide of shape"):
        stream.push(frames[0], soft[0], guide_hw=soft[0][:-1])
    with pytest.raises(InputError, match="a guide holds NaN"):
        stream.push(frames[0], soft[0], guide_hw=np.full_like(soft[0], np.nan))
    two = GuidedStream((23, 19), 2, replace(SMALL, share=0.5))
    with pytest.raises(InputError, match="2 masks were given with one guide"):
        two.push(frames[0], soft[:2], guide_hw=soft[0])
    with pytest.raises(InputError, match="3 guides were given for 4 masks"):
        guided(frames, soft, None, SMALL, guide_thw=soft[:3])
    with pytest.raises(InputError, match="frame of shape"):
        stream.push(frames[0].astype(np.float32), soft[0])
    stream.push(frames[0], soft[0])
    with pytest.raises(InputError, match="flow of shape"):
        stream.push(frames[1], soft[1], forward[0][:-1], backward[0])
    with pytest.raises(InputError, match="0 masks"):
        GuidedStream((23, 19), 0)
