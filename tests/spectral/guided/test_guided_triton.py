"""The guided filter's kernels for GPUs against the compiled loops of the CPU.

Without a GPU they run in Triton's interpreter, on a few pixels.
"""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.spectral.guided.settings import GUIDED_PRESETS, GuidedSettings, Taps
from spectrack.spectral.guided.stream import GuidedFrame, GuidedStream, guided

pytest.importorskip("triton", reason="Triton is not installed; pip install triton")
if not torch.cuda.is_available() and os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("no CUDA device, and TRITON_INTERPRET is not 1", allow_module_level=True)
SHORT = replace(
    GuidedSettings(), cycles=(1, 1), changes=(0.0, 0.05), reach=4, radius=1, side_radius=1
)


@pytest.fixture
def video(rng):
    """Noisy colours, two masks, a small flow; some of it points outside."""
    frames = rng.integers(0, 256, (4, 20, 24, 3), dtype=np.uint8)
    rows, cols = np.mgrid[:20, :24]
    soft = np.stack(
        [
            [np.hypot(rows - cy, cols - cx - t) < 6 for t in range(4)]
            for cy, cx in ((8, 7), (11, 14))
        ]
    )
    frames[soft[0]] //= 4
    flows = [tuple(rng.normal(0, 1.5, (2, 20, 24, 2)).astype(np.float32)) for _ in range(3)]
    noisy = 0.8 * soft + 0.2 * rng.random(soft.shape)
    return frames, noisy.astype(np.float32), flows


@pytest.mark.parametrize("flowing", [True, False])
def test_it_meets_the_compiled_loops(video, flowing):
    frames, soft, flows = video
    given = flows if flowing else None
    expected = guided(frames, soft, given, SHORT)
    found = guided(frames, soft, given, SHORT, kernel="triton")
    assert np.abs(expected - soft).max() > 0.1  # it did something
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize(("masks", "share"), [(2, 0.0), (1, 0.3)])
def test_a_guide_is_felt_alike(video, masks, share):
    frames, soft, flows = video
    plain, soft = replace(SHORT, sharpness=100.0), soft[:masks]
    told = replace(plain, guidance=40.0, share=share)
    guide = np.roll(soft[0], 3, axis=2)
    expected = guided(frames, soft, flows, told, guide_thw=guide)
    found = guided(frames, soft, flows, told, kernel="triton", guide_thw=guide)
    assert np.abs(expected - guided(frames, soft, flows, plain)).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_known_frames_stay_to_the_last_bit(video):
    frames, soft, flows = video
    found = guided(frames, soft, flows, SHORT, fixed={2}, kernel="triton")
    np.testing.assert_array_equal(found[:, 2], soft[:, 2])
    expected = guided(frames, soft, flows, SHORT, fixed={2})
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_masks_that_go_together_are_those_that_go_alone(video):
    """Each on its own has fewer active pixels; what both may change, they change alike."""
    frames, soft, flows = video
    frames, soft = frames[:2], soft[:, :2]
    wide = replace(SHORT, reach=40)  # all pixels are active
    both = guided(frames, soft, flows[:1], wide, kernel="triton")
    for m in range(2):
        alone = guided(frames, soft[m], flows[:1], wide, kernel="triton")
        np.testing.assert_allclose(both[m], alone, atol=1e-6)


def test_weights_are_the_same_bytes(video):
    from spectrack.spectral.guided.triton import TritonFrame

    frames, soft, flows = video
    taps, weights = Taps(24, SHORT), []
    for kind in (GuidedFrame, TritonFrame):
        first, second = (kind(frames[t], soft[:, t], taps, SHORT) for t in range(2))
        first.link(second, *flows[0], before=False)
        found = first._weights if kind is GuidedFrame else first._weights.cpu().numpy().T
        weights.append(found.astype(int))
    assert weights[0].shape[1] == taps.count
    assert (weights[0][:, -len(taps.side) :] > 0).any()
    # Products in another order round another way, at a tie.
    assert np.abs(weights[0] - weights[1]).max() <= 1
    assert (weights[0] != weights[1]).mean() < 1e-3


def test_empty_masks_and_unknown_kernels(video):
    frames, soft, flows = video
    assert not guided(frames, soft * 0, flows, SHORT, kernel="triton").any()
    with pytest.raises(InputError, match="numba or triton"):
        GuidedStream((24, 20), settings=GUIDED_PRESETS["colour"], kernel="cuda")
