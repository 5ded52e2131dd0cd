"""The differentiable guided filter against the stream, its own matrix, and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from spectrack.errors import InputError
from spectrack.spectral.guided.stream import GuidedSettings, guided
from spectrack.spectral.guided.window import GuidedWindow, guided_differentiable

SETTINGS = GuidedSettings(cycles=(2, 3), changes=(-2.0, -1.0), reach=4)


def scene(frames: int = 4, size: tuple[int, int] = (19, 23), seed: int = 0):
    """A bright square that moves by a pixel a frame, its soft masks, and the flow."""
    rng = np.random.default_rng(seed)
    images, masks = [], []
    for t in range(frames):
        image = rng.integers(60, 80, (*size, 3))
        image[5:13, 4 + t : 12 + t] += 100
        images.append(image.astype(np.uint8))
        mask = np.full(size, 0.2, np.float32)
        mask[4:12, 5 + t : 14 + t] = 0.8
        masks.append(mask + 0.1 * rng.random(size, dtype=np.float32))
    flow = np.zeros((*size, 2), np.float32)
    flow[..., 0] = 1
    return images, np.stack(masks), [(flow, -flow)] * (frames - 1)


def test_forward_is_the_stream() -> None:
    images, soft, flows = scene()
    window = GuidedWindow(images, soft, flows, SETTINGS)
    found = guided_differentiable(torch.from_numpy(soft), window).numpy()
    np.testing.assert_allclose(found, guided(images, soft, flows, SETTINGS), atol=2e-6)
    assert np.abs(found - soft).max() > 0.1


def test_transposed_is_the_transpose_of_the_matrix() -> None:
    images, soft, flows = scene(3, (7, 9))
    window = GuidedWindow(images, soft, flows, GuidedSettings(cycles=(2,), changes=(0.0,), reach=2))
    size = soft.size
    columns = np.eye(size, dtype=np.float32).reshape(size, *soft.shape)
    matrix = np.stack([window.apply(c).ravel() for c in columns], axis=1)
    transposed = np.stack([window.apply_transposed(c).ravel() for c in columns], axis=1)
    np.testing.assert_allclose(transposed, matrix.T, atol=1e-6)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-5)  # constants are kept


@pytest.mark.parametrize("linked", [True, False])
def test_gradient_against_finite_differences(linked: bool) -> None:
    images, soft, flows = scene()
    window = GuidedWindow(images, soft, flows if linked else None, SETTINGS)
    rng = np.random.default_rng(1)
    toward = torch.from_numpy(rng.standard_normal(soft.shape).astype(np.float32))
    x = torch.from_numpy(soft).requires_grad_()
    (guided_differentiable(x, window) * toward).sum().backward()
    step = torch.from_numpy(rng.standard_normal(soft.shape).astype(np.float32))
    ends = [
        float((guided_differentiable(x.detach() + h * step, window) * toward).double().sum())
        for h in (-1e-3, 1e-3)
    ]
    assert x.grad is not None
    assert float((x.grad * step).sum()) == pytest.approx((ends[1] - ends[0]) / 2e-3, rel=2e-2)


def test_numbers_that_do_not_fit() -> None:
    images, soft, flows = scene()
    with pytest.raises(InputError, match="flows"):
        GuidedWindow(images, soft, flows[:-1], SETTINGS)
    with pytest.raises(InputError, match="masks"):
        GuidedWindow(images, soft[:-1], flows, SETTINGS)
    window = GuidedWindow(images, soft, flows, SETTINGS)
    with pytest.raises(InputError, match="expected"):
        window.apply(soft[:, 1:])
