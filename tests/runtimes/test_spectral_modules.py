"""The spectral steps in plain operations against the library's own kernels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.runtimes.guided import GuidedFilter
from spectrack.runtimes.spectral import SFSegStep
from spectrack.spectral.guided.kernels import fill_lab
from spectrack.spectral.guided.links import active_pixels
from spectrack.spectral.guided.settings import GuidedSettings
from spectrack.spectral.guided.window import GuidedWindow, guided_differentiable
from spectrack.spectral.sfseg.filter import sfseg
from spectrack.spectral.sfseg.settings import SFSegSettings


@pytest.mark.parametrize("shape", [(3, 20, 24), (5, 17, 31)])
def test_steps_of_power_iteration_are_those_of_the_filter(shape):
    random = np.random.default_rng(0)
    soft, feature = random.random(shape, np.float32), random.random((3, *shape), np.float32)
    settings = SFSegSettings(iterations=4, continuous_iterations=4)
    wanted = sfseg(soft, feature, settings)
    step = SFSegStep(settings)
    x = torch.from_numpy(soft)
    unary = x**settings.p
    for _ in range(settings.iterations):
        x = step(x, unary, torch.from_numpy(feature))
    assert np.abs((x / x.max()).numpy() - np.asarray(wanted)).max() < 1e-5


def lab_of(frame_hwc):
    out = np.empty((frame_hwc.shape[0] + 2, frame_hwc.shape[1] + 2, 3), np.float32)
    fill_lab(frame_hwc, 1, out, (0, frame_hwc.shape[0]), (0, frame_hwc.shape[1]))
    return torch.from_numpy(out[1:-1, 1:-1].transpose(2, 0, 1).copy())


@pytest.mark.parametrize(("shape", "reach"), [((3, 24, 30), 5), ((2, 40, 26), 32)])
def test_the_guided_filter_is_that_of_the_compiled_loops(shape, reach):
    random = np.random.default_rng(1)
    times, height, width = shape
    frames = random.integers(0, 256, (times, height, width, 3)).astype(np.uint8)
    soft = np.zeros(shape, np.float32)
    soft[:, 8:18, 6:19] = random.random((times, 10, 13), np.float32)
    ahead, behind = (random.normal(0, 1.5, (times, height, width, 2)) for _ in range(2))
    ahead, behind = ahead.astype(np.float32), behind.astype(np.float32)
    settings = GuidedSettings(reach=reach, sharpness=40.0)
    flows = [(ahead[t], behind[t + 1]) for t in range(times - 1)]
    window = GuidedWindow(list(frames), soft, flows, settings)
    wanted = guided_differentiable(torch.from_numpy(soft), window)

    active = torch.zeros(shape)
    for plane, one in zip(active, soft, strict=True):
        rows, cols = active_pixels(one[None], reach)
        plane[torch.from_numpy(rows).long(), torch.from_numpy(cols).long()] = 1
    found = GuidedFilter(settings)(
        torch.from_numpy(soft),
        torch.stack([lab_of(frame) for frame in frames]),
        active,
        torch.from_numpy(ahead).permute(0, 3, 1, 2),
        torch.from_numpy(behind).permute(0, 3, 1, 2),
    )
    assert (found - torch.from_numpy(soft)).abs().max() > 0.05
    # a weight at the edge of two bytes may fall to either
    assert (found - wanted).abs().max() < 2e-3
