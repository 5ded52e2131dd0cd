"""The online filter against sparse matrices of whole windows, built from the formula."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy import ndimage, sparse

from spectrack.errors import InputError
from spectrack.spectral.guided.online import OnlineFilter, OnlineSettings
from spectrack.spectral.guided.stream import GuidedSettings, guided

SMALL = OnlineSettings(
    lengths=(1.0, 1.0, 1.0), reach=4, sharpness=300.0, contrast=0.02, level=0.4, window=9
)
HEIGHT, WIDTH, COUNT = 37, 45, 6


@pytest.fixture(scope="module")
def scene():
    """A textured square that moves over a textured ground, noisy masks, flows partly wrong."""
    rng = np.random.default_rng(3)
    ground = cv2.GaussianBlur(rng.random((HEIGHT, WIDTH, 3)), (5, 5), 0)
    frames, soft = [], np.zeros((COUNT, HEIGHT, WIDTH), np.float32)
    for t in range(COUNT):
        frame = ground.copy()
        frame[8:19, 3 + 3 * t : 15 + 3 * t] += 0.3
        frames.append((255 * np.clip(frame, 0, 1)).astype(np.uint8))
        soft[t, 8:19, 4 + 3 * t : 15 + 3 * t] = 0.9
        soft[t, 9:20, 3 + 3 * t : 16 + 3 * t] += (0.1 * rng.random((11, 13))).astype(np.float32)
    shift = 0.6 * rng.normal(size=(2, COUNT, HEIGHT, WIDTH, 2))
    forward, backward = (np.array([[[[[3.0, 0]]]], [[[[-3.0, 0]]]]]) + shift).astype(np.float32)
    forward[2, 10:14] += 8
    # Far outside the rectangle of the frame before, and trusted.
    backward[3, 9:12, 12:15] = (20, 12)
    forward[3, 20:25, 30:36] = (-20, -12)
    return frames, np.clip(soft, 0, 1), forward, backward


def colours(frame: np.ndarray) -> np.ndarray:
    """CIE Lab / 100 (D65) from the definition."""
    s = frame / 255
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    to_xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    t = linear @ np.array(to_xyz).T / np.array([0.95047, 1.0, 1.08883])
    x, y, z = np.moveaxis(np.where(t > (6 / 29) ** 3, np.cbrt(t), t * 841 / 108 + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1) / 100


def flatness(lab: np.ndarray, s: OnlineSettings) -> np.ndarray:
    """alpha of every pixel from the variance in 7 x 7 pixels of half the size."""
    if s.contrast == 0:
        return np.full(lab.shape[:2], s.sharpness)
    h, w = lab.shape[0] // 2, lab.shape[1] // 2
    half = lab[: 2 * h, : 2 * w].reshape(h, 2, w, 2, 3).mean(axis=(1, 3))
    mean = ndimage.uniform_filter(half, (7, 7, 1), mode="mirror")
    variance = ndimage.uniform_filter(half**2, (7, 7, 1), mode="mirror") - mean**2
    rows, cols = np.minimum(np.indices(lab.shape[:2]) // 2, np.array([h, w])[:, None, None] - 1)
    return s.sharpness * s.contrast / (s.contrast + variance.sum(axis=2)[rows, cols])


def matrix(frames, soft, forward, backward, s: OnlineSettings, both_ways: bool = True):
    """W of a window of frames, rows of idle pixels the identity; flows lead between neighbours.

    ``forward[t]`` goes from frame t - 1 to frame t, ``backward[t]`` from t to t - 1.
    """
    count, (height, width) = len(frames), frames[0].shape[:2]
    ys, xs = (a.ravel() for a in np.indices((height, width)))
    size = height * width
    lab = [colours(f) for f in frames]
    at, to, weight = [], [], []
    for t in range(count):
        grey = np.rint(255 * soft[t]).astype(int)
        moves = ndimage.maximum_filter(grey, footprint=CROSS) - ndimage.minimum_filter(
            grey, footprint=CROSS
        )
        near = ndimage.maximum_filter(moves > 0, 2 * s.reach + 1, mode="constant").ravel()
        for u, radius in ((t, s.radius), (t - 1, s.side_radius), (t + 1, s.side_radius)):
            if not 0 <= u < count or (u > t and not both_ways):
                continue
            cy, cx, trust = ys, xs, np.ones(size)
            if u != t:
                flow, back = (backward[t], forward[t]) if u < t else (forward[u], backward[u])
                cx = xs + np.rint(flow[..., 0]).astype(int).ravel()
                cy = ys + np.rint(flow[..., 1]).astype(int).ravel()
                inside = (cx >= 0) & (cx < width) & (cy >= 0) & (cy < height)
                seen = back[np.clip(cy, 0, height - 1), np.clip(cx, 0, width - 1)]
                gap = ((flow.reshape(-1, 2) + seen) ** 2).sum(axis=1)
                trust = inside * np.exp(-gap / (2 * s.flow_sigma**2))
            for dy in range(-radius, radius + 1):
                for dx in range(-radius, radius + 1):
                    if abs(dy) + abs(dx) == 2 * radius > 0:
                        continue
                    y, x = cy + s.step * dy, cx + s.step * dx
                    kept = near & (y >= 0) & (y < height) & (x >= 0) & (x < width)
                    here = np.flatnonzero(kept)
                    y, x = y[here], x[here]
                    apart = ((lab[t].reshape(-1, 3)[here] - lab[u][y, x]) ** 2).sum(axis=1)
                    alpha = flatness(lab[t], s).ravel()[here]
                    w = trust[here] / (1 + alpha * apart / 4) ** 4
                    w *= np.exp(-2 * (dy**2 + dx**2) / max(radius, 1) ** 2)
                    at.append(t * size + here)
                    to.append(u * size + y * width + x)
                    weight.append(np.rint(255 * w))
    indices = np.concatenate(at), np.concatenate(to)
    links = sparse.coo_array((np.concatenate(weight), indices), (count * size,) * 2).tocsr()
    degree = np.asarray(links.sum(axis=1)).ravel()
    idle = sparse.diags_array((degree == 0).astype(float))
    return sparse.diags_array(1 / np.maximum(degree, 1)) @ links + idle


CROSS = np.ones((3, 3), bool)


def level_to_half(x: np.ndarray, level: float) -> np.ndarray:
    a = (1 - level) / level
    return a * x / (a * x + 1 - x)


def expected(scene, s: OnlineSettings, cuts: tuple[int, ...] = ()) -> np.ndarray:
    """Every frame as the last of its own window, each window from the start."""
    frames, soft, forward, backward = scene
    size, out, held = soft[0].size, [], list(soft.astype(float))
    for t in range(len(frames)):
        first = max([0, t - s.window + 1, *[c for c in cuts if c <= t]])
        if s.recursive:
            first = max(first, t - 1)
        part = slice(first, t + 1)
        w = matrix(frames[part], soft[part], forward[part], backward[part], s)
        x = np.concatenate([v.ravel() for v in held[part]])
        for tau in s.lengths:
            new = x + tau * (w @ x - x)
            if s.recursive:
                new[:-size] = x[:-size]
            x = new
        last = np.clip(x[-size:].reshape(soft[0].shape), 0, 1)
        if s.recursive:
            held[t] = last
        out.append(level_to_half(last, s.level))
    return np.stack(out)


def run(scene, s: OnlineSettings, cuts: tuple[int, ...] = ()) -> np.ndarray:
    frames, soft, forward, backward = scene
    online, out = OnlineFilter(frames[0].shape[1::-1], s), []
    for t in range(len(frames)):
        flows = (None, None) if t == 0 or t in cuts else (forward[t], backward[t])
        out.append(online.push(frames[t], soft[t], *flows))
    return np.stack(out)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lengths": (1.0,)},
        {"lengths": (0.8, 1.9, 0.9, 1.1)},
        {"lengths": (1.0,) * 4, "window": 2},
        {"window": 3},
        {"window": 1},
        {"recursive": True},
        {"recursive": True, "window": 1},
        {"radius": 1, "side_radius": 2, "step": 1},
        {"side_radius": 0, "contrast": 0.0},
        {"reach": 60},
    ],
)
def test_equals_sweeping_every_window(scene, changes) -> None:
    s = replace(SMALL, **changes)
    got, want = run(scene, s), expected(scene, s)
    # One byte of a weight may round the other way in float32.
    np.testing.assert_allclose(got, want, atol=8e-3)
    assert np.abs(got - want).mean() < 1e-4
    assert np.abs(want - level_to_half(scene[1].astype(float), s.level)).max() > 0.05


@pytest.mark.parametrize("recursive", [False, True])
def test_a_frame_without_flow_starts_anew(scene, recursive: bool) -> None:
    s = replace(SMALL, recursive=recursive)
    got = run(scene, s, cuts=(3,))
    np.testing.assert_allclose(got, expected(scene, s, cuts=(3,)), atol=8e-3)
    assert np.abs(got[3:] - run(scene, s)[3:]).max() > 0.01
    frames, soft, forward, backward = scene
    online = OnlineFilter((WIDTH, HEIGHT), s)
    for t in range(3):
        online.push(frames[t], soft[t], forward[t], backward[t])
    online.reset()
    again = online.push(frames[3], soft[3], forward[3], backward[3])
    np.testing.assert_array_equal(again, got[3])


def test_equals_the_last_frame_of_the_offline_filter(scene) -> None:
    frames, soft, forward, backward = scene
    offline = GuidedSettings(
        cycles=(4,), changes=(0.0,), reach=7, sharpness=500.0, contrast=0.01, level=0.45
    )
    online = OnlineSettings(
        lengths=offline.lengths, reach=7, sharpness=500.0, contrast=0.01, level=0.45
    )
    got = run(scene, online)
    for t in range(COUNT):
        pairs = list(zip(forward[1 : t + 1], backward[1 : t + 1], strict=True))
        want = guided(frames[: t + 1], soft[: t + 1], pairs, offline)[-1]
        np.testing.assert_allclose(got[t], want, atol=2e-6)


@pytest.mark.parametrize("recursive", [False, True])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_masks_stay(scene, value: float, recursive: bool) -> None:
    frames, soft, forward, backward = scene
    whole = np.full_like(soft, value)
    s = replace(SMALL, recursive=recursive)
    np.testing.assert_array_equal(run((frames, whole, forward, backward), s), value)


def test_masks_that_come_and_go(scene) -> None:
    frames, soft, forward, backward = scene
    some = soft.copy()
    some[[0, 3, 4]] = 0
    gone = frames, some, forward, backward
    np.testing.assert_allclose(run(gone, SMALL), expected(gone, SMALL), atol=8e-3)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 7), (5, 3)])
def test_smallest_frames(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    online = OnlineFilter(size, OnlineSettings())
    flow = np.zeros((size[1], size[0], 2), np.float32)
    for _ in range(4):
        frame = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        out = online.push(frame, rng.random(flow.shape[:2], dtype=np.float32), flow, flow)
        assert out.shape == flow.shape[:2]
        assert ((out >= 0) & (out <= 1)).all()


def test_no_steps_only_move_the_level(scene) -> None:
    s = replace(SMALL, lengths=())
    want = level_to_half(scene[1].astype(float), s.level)
    np.testing.assert_allclose(run(scene, s), want, atol=1e-6)


def test_what_the_caller_does_with_his_arrays_afterwards_does_not_matter(scene) -> None:
    frames, soft, forward, backward = scene
    want = run(scene, SMALL)
    online = OnlineFilter((WIDTH, HEIGHT), SMALL)
    frame, mask = np.empty_like(frames[0]), np.empty_like(soft[0])
    for t in range(COUNT):
        frame[:], mask[:] = frames[t], soft[t]
        got = online.push(frame, mask, forward[t], backward[t])
        np.testing.assert_array_equal(got, want[t])
        frame[:], mask[:], got[:] = 0, 0, 0


@pytest.mark.parametrize(
    ("changes", "most"),
    [({}, 4), ({"window": 3}, 3), ({"recursive": True}, 2), ({"window": 1}, 1)],
)
def test_frames_held_do_not_grow(changes, most: int) -> None:
    online = OnlineFilter((12, 10), replace(SMALL, **changes))
    frame, soft = np.zeros((10, 12, 3), np.uint8), np.zeros((10, 12), np.float32)
    soft[3:7, 4:9] = 1
    flow = np.zeros((10, 12, 2), np.float32)
    counts = []
    for _ in range(300):
        online.push(frame, soft, flow, flow)
        counts.append(online.held)
    assert counts[most:] == [most] * (300 - most)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lengths", (1.0, 0.0)),
        ("lengths", (float("nan"),)),
        ("window", 0),
        ("window", 1.5),
        ("reach", 0),
        ("level", 0),
    ],
)
def test_settings_out_of_range(field: str, value) -> None:
    with pytest.raises(InputError, match=field):
        OnlineSettings(**{field: value})


def test_bad_input(scene) -> None:
    frames, soft, forward, backward = scene
    with pytest.raises(InputError, match="0x4"):
        OnlineFilter((0, 4))
    online = OnlineFilter((WIDTH, HEIGHT))
    with pytest.raises(InputError, match="NaN or leaves"):
        online.push(frames[0], np.where(soft[0] > 0.5, np.float32(np.nan), soft[0]))
    with pytest.raises(InputError, match="masks of shape"):
        online.push(frames[0], soft[0][1:])
    with pytest.raises(InputError, match="frame of shape"):
        online.push(frames[0][:, 1:], soft[0])
    with pytest.raises(InputError, match="flow of shape"):
        online.push(frames[0], soft[0], forward[0], backward[0][1:])
