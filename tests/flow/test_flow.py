"""Flow, warp and the forward-backward check against analytic motion and SciPy."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from spectrack.errors import InputError
from spectrack.flow.estimators import DISFlow, FlowPairs, consistency_hw, warp


def texture(rng, height=96, width=128):
    smooth = gaussian_filter(rng.standard_normal((height, width, 3)), (2, 2, 0))
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return np.round(smooth * 255).astype(np.uint8)


def test_warp_equals_map_coordinates(rng):
    image = rng.random((40, 53, 2)).astype(np.float32)
    flow = rng.uniform(-8, 8, (40, 53, 2)).astype(np.float32)
    y, x = np.mgrid[:40, :53]
    for border, mode in ((0.0, "grid-constant"), (None, "nearest")):
        expected = np.stack(
            [
                map_coordinates(
                    image[..., c].astype(np.float64),
                    [y + flow[..., 1], x + flow[..., 0]],
                    order=1,
                    mode=mode,
                )
                for c in range(2)
            ],
            axis=2,
        )
        # OpenCV interpolates with weights in steps of 1/32.
        assert np.abs(warp(image, flow, border=border) - expected).max() < 0.07
        assert np.abs(warp(image, flow, border=border) - expected).mean() < 0.01


def test_warp_by_whole_pixels_is_exact(rng):
    mask = rng.random((20, 30)) > 0.5
    flow = np.zeros((20, 30, 2), np.float32)
    flow[...] = (3, -2)
    moved = warp(mask, flow, border=0.25)
    assert np.array_equal(moved[2:, :-3], mask[:-2, 3:].astype(np.float32))
    assert (moved[:2] == 0.25).all()
    assert (moved[:, -3:] == 0.25).all()
    labels = rng.integers(0, 9, (20, 30), dtype=np.uint8)
    half = flow + np.float32(0.3)
    assert np.array_equal(warp(labels, half, nearest=True)[2:, :-3], labels[:-2, 3:])


def test_warp_survives_far_flows():
    flow = np.full((5, 6, 2), 1e9, np.float32)
    assert (warp(np.ones((5, 6), np.float32), flow) == 0).all()


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_dis_finds_a_known_affine_motion(rng, scale):
    first = texture(rng, 160, 200)
    x = np.mgrid[:160, :200][1].astype(np.float32)
    # Where a point of the second frame was in the first: backward flow, known in closed form.
    truth = np.stack([0.03 * (x - 100) - 4, -0.02 * (x - 100) + 2.5], axis=2).astype(np.float32)
    second = warp(first, truth, border=None)
    found = DISFlow(scale=scale)(second, first)
    inner = (slice(24, -24), slice(24, -24))
    error = np.linalg.norm(found - truth, axis=2)[inner]
    assert np.median(error) < 0.3
    assert found.dtype == np.float32


def test_flow_brings_the_second_frame_back(rng):
    first = texture(rng)
    second = np.roll(first, (3, 5), axis=(0, 1))
    flow = DISFlow()(first, second)
    back = warp(second, flow).astype(float)
    inner = (slice(16, -16), slice(16, -16))
    before = np.abs(second.astype(float) - first)[inner].mean()
    assert np.abs(back - first)[inner].mean() < 0.1 * before


def test_consistency_is_the_formula():
    forward = np.zeros((30, 40, 2), np.float32)
    backward = np.zeros((30, 40, 2), np.float32)
    forward[..., 0], backward[..., 0] = 4.0, -3.0  # the way back misses by one pixel
    got = consistency_hw(forward, backward, sigma=2.0)
    assert np.allclose(got[:, :36], np.exp(-1 / 8), atol=1e-6)
    assert (got[:, 36:] == 0).all()  # these leave the frame
    assert consistency_hw(forward, -forward, 0.5)[:, :36].min() == 1


def test_consistency_is_low_where_a_moving_block_hides_the_ground(rng):
    ground, block = texture(rng, 160, 240), texture(rng, 80, 80)
    first, second = ground.copy(), ground.copy()
    first[40:120, 60:140], second[40:120, 72:152] = block, block
    flow = DISFlow()
    check = consistency_hw(flow(first, second), flow(second, first), 1.0)
    hidden = check[48:112, 142:150].mean()  # ground that the block moves onto
    assert hidden < 0.5 * check[48:112, 70:130].mean()
    assert hidden < 0.5 * check[48:112, 180:220].mean()


@pytest.mark.parametrize("preset", ["medium", "fast", "ultrafast"])
@pytest.mark.parametrize("size", [(1, 1), (9, 7), (8, 200), (15, 16), (33, 47), (300, 3)])
def test_any_size_gives_finite_flow(rng, size, preset):
    frame = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    flow = DISFlow(preset)(frame, frame)
    assert flow.shape == (*size, 2)
    assert np.isfinite(flow).all()


def test_constant_frames_do_not_move():
    grey = np.full((50, 60, 3), 90, np.uint8)
    assert np.abs(DISFlow()(grey, grey)).max() < 1e-3


def test_pairs_are_found_once_and_the_cache_is_bounded(rng):
    calls = []

    def estimator(first, second):
        calls.append(1)
        return np.full((*first.shape[:2], 2), len(calls), np.float32)

    frame = texture(rng, 8, 8)
    pairs = FlowPairs(estimator, capacity=2)
    first = pairs(0, frame, frame)
    assert pairs(0, frame, frame) is first
    assert len(calls) == 2
    assert first.forward_hw2[0, 0, 0] == 1
    assert first.backward_hw2[0, 0, 0] == 2
    for key in (1, 2, 3):
        pairs(key, frame, frame)
        assert len(pairs) <= 2
    assert pairs(0, frame, frame) is not first


def test_bad_input_is_told(rng):
    frame = texture(rng, 20, 20)
    with pytest.raises(InputError, match="one size"):
        DISFlow()(frame, frame[:-1])
    with pytest.raises(InputError, match="uint8"):
        DISFlow()(frame.astype(float), frame.astype(float))
    with pytest.raises(InputError, match="preset"):
        DISFlow("exact")
    with pytest.raises(InputError, match="scale"):
        DISFlow(scale=0)
    with pytest.raises(InputError, match="do not fit"):
        warp(frame, np.zeros((3, 3, 2), np.float32))
    with pytest.raises(InputError, match="sigma"):
        consistency_hw(np.zeros((3, 3, 2), np.float32), np.zeros((3, 3, 2), np.float32), 0)
    with pytest.raises(InputError, match="cache"):
        FlowPairs(capacity=0)
