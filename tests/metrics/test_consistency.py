"""TCONT against a loop over pixels, and on masks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from spectrack.errors import InputError
from spectrack.metrics.consistency import carried_mean, carried_means, tcont


def slow_tcont(masks, forward, backward, truths, threshold):
    """Whole-pixel flows, one pixel at a time."""
    total, height, width = masks.shape

    def fetch(mask, y, x, flow):
        px, py = x + int(flow[y, x, 0]), y + int(flow[y, x, 1])
        return mask[py, px] if 0 <= px < width and 0 <= py < height else 0.0

    out = []
    for t in range(1, total - 1):
        both = union = 0
        for y in range(height):
            for x in range(width):
                past = fetch(masks[t - 1], y, x, backward[t - 1])
                future = fetch(masks[t + 1], y, x, forward[t])
                on = (float(past) + float(masks[t, y, x]) + float(future)) / 3 >= threshold - 1e-6
                both += on and truths[t, y, x]
                union += on or truths[t, y, x]
        out.append(both / union if union else 1.0)
    return out


@pytest.mark.parametrize("threshold", [0.3, 0.5, 2 / 3, 1.0])
def test_equals_a_loop_over_pixels(rng, threshold):
    masks = (rng.random((5, 9, 12)) < 0.6).astype(np.float32)
    truths = rng.random((5, 9, 12)) < 0.5
    forward, backward = rng.integers(-3, 4, (2, 4, 9, 12, 2)).astype(np.float32)
    found = tcont(masks, forward, backward, truths, threshold)
    np.testing.assert_allclose(found, slow_tcont(masks, forward, backward, truths, threshold))
    found = tcont(masks, forward, backward, threshold=threshold)
    own = masks >= threshold
    np.testing.assert_allclose(found, slow_tcont(masks, forward, backward, own, threshold))


def moving_square(frames=6, step=2):
    masks = np.zeros((frames, 30, 40), dtype=bool)
    for t in range(frames):
        masks[t, 10:20, 5 + step * t : 15 + step * t] = True
    forward = np.zeros((frames - 1, 30, 40, 2), dtype=np.float32)
    forward[..., 0] = step
    return masks, forward, -forward


def test_masks_that_move_with_the_flow_are_consistent():
    masks, forward, backward = moving_square()
    assert tcont(masks, forward, backward).tolist() == [1.0] * 4
    assert tcont(masks, forward, backward, masks).tolist() == [1.0] * 4
    # The direction of the flows matters.
    assert tcont(masks, forward, backward, threshold=0.9).tolist() == [1.0] * 4
    assert tcont(masks, backward, forward, threshold=0.9).max() < 0.5


def test_flicker_is_inconsistent():
    masks, forward, backward = moving_square()
    flicker = masks.copy()
    flicker[3] = False
    # Frame 3 is carried over from both sides though it is empty; 2 and 4 still have two of three.
    assert tcont(flicker, forward, backward).tolist() == [1.0, 1.0, 0.0, 1.0]
    assert tcont(flicker, forward, backward, masks).tolist() == [1.0] * 4
    assert tcont(flicker, forward, backward, masks, 0.9).tolist() == [1.0, 0.0, 0.0, 0.0]


def test_mean_is_soft_and_sub_pixel():
    masks, _, _ = moving_square(3, 1)
    half = np.zeros((30, 40, 2), dtype=np.float32)
    half[..., 0] = 0.5
    mean = carried_mean(masks[0], masks[1], masks[2], half, half)
    # Row through the square: frame 0 covers 5-14, frame 1 6-15, frame 2 7-16.
    row = (
        np.convolve(masks[0, 12], [0.5, 0.5], "full")[1:] + masks[1, 12]
        + np.convolve(masks[2, 12], [0.5, 0.5], "full")[1:]
    ) / 3  # fmt: skip
    np.testing.assert_allclose(mean[12], row, atol=1e-6)
    assert mean.dtype == np.float32


def test_streams_hold_three_masks(rng):
    """A generator is enough, and nothing is read ahead of need."""
    masks, forward, backward = moving_square(5)
    read = []

    def stream():
        for t, mask in enumerate(masks):
            read.append(t)
            yield mask

    means = carried_means(stream(), zip(forward, backward, strict=True))
    next(means)
    assert read == [0, 1, 2]
    assert len(list(means)) == 2


def test_short_videos_have_no_score():
    masks, forward, backward = moving_square(2)
    assert tcont(masks, forward, backward).shape == (0,)
    assert tcont(masks[:1], forward[:0], backward[:0]).shape == (0,)


def test_refuses_what_does_not_fit():
    masks, forward, backward = moving_square()
    with pytest.raises(InputError, match="forward and backward flows"):
        tcont(masks, forward, backward[:-1])
    with pytest.raises(InputError, match="steps between masks"):
        tcont(masks[:-1], forward, backward)
    with pytest.raises(InputError, match="results and truth"):
        tcont(masks, forward, backward, masks[:-1])
    with pytest.raises(InputError, match="threshold"):
        tcont(masks, forward, backward, threshold=0)
    with pytest.raises(InputError, match="flow"):
        tcont(masks, forward[:, :-1], backward)
