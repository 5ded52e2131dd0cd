"""One step as filtering against the matrix of the graph, for every affinity."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import reference_spectral as truth
from spectrack.errors import InputError
from spectrack.spectral.sfseg import graph
from spectrack.spectral.sfseg.affinity import CosineSeries, cosine_series
from spectrack.spectral.sfseg.gaussian import kernel_taps
from spectrack.spectral.sfseg.power import cosine_step, frame_range, smooth, taylor_step, unit_norm

KERNELS = [(5, 5, 5), (3, 7, 7), (1, 3, 9), (11, 1, 1)]


def tensors(*arrays):
    return [torch.from_numpy(a) for a in arrays]


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(5)
    shape = (6, 11, 13)
    return rng.random(shape), rng.random(shape), rng.random((3, *shape))


@pytest.mark.parametrize("kernel", KERNELS)
def test_smooth_is_correlation_with_zeros_outside(volume, kernel):
    x = volume[2]
    found = smooth(torch.from_numpy(x), kernel_taps(kernel)).numpy()
    np.testing.assert_allclose(found, truth.smooth(x, kernel), atol=1e-14)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize(("p", "alpha"), [(0.1, 0.2), (0.5, 1.0), (2.0, 4.0), (0.0, 0.0)])
def test_equation_7_is_the_product_with_the_matrix_of_equation_2(
    volume, kernel, channels, p, alpha
):
    x, soft, feature = volume[0], volume[1], volume[2][:channels]
    matrix = graph.adjacency(soft, feature, p=p, alpha=alpha, kernel=kernel, affinity=graph.taylor)
    expected = (matrix @ x.ravel()).reshape(x.shape)
    found = taylor_step(*tensors(x, soft**p, feature), kernel_taps(kernel), alpha).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("affinity", ["cosine2", "cosine3", "cosine5"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_cosine_step_is_the_sum_over_neighbours(volume, affinity, channels):
    x, soft, feature = volume[0], volume[1], volume[2][:channels]
    series = cosine_series(affinity, 1.0)
    expected = truth.kernel_sum(
        x, soft, feature, 0.5, (3, 5, 3), lambda d: np.prod(series(d), axis=0)
    )
    taps = kernel_taps((3, 5, 3))
    found = cosine_step(*tensors(x, soft**0.5, feature), taps, series).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("affinity", "alpha", "error"),
    [
        ("cosine2", 0.25, 0.0024), ("cosine2", 1.0, 0.029), ("cosine2", 8.0, 0.273),
        ("cosine3", 1.0, 0.0015), ("cosine3", 4.0, 0.037), ("cosine5", 2.0, 0.00155),
        ("cosine2", 1.5, 0.055), ("cosine3", 1.5, 0.0052), ("cosine3", 0.1, 2e-4),
    ],
)  # fmt: skip
def test_cosine_fits_the_exponential(affinity, alpha, error):
    d = np.linspace(-1, 1, 801)
    assert np.abs(cosine_series(affinity, alpha)(d) - np.exp(-alpha * d**2)).max() <= error


def test_waves_of_the_spec_for_three_channels():
    waves = CosineSeries((0.0, 1.0), 1.0).waves(3)
    assert len(waves) == 4
    assert {weight for weight, _ in waves} == {0.25}


def test_cosines_come_closer_to_equation_1_than_taylor():
    soft, _, _ = truth.scene()
    feature = np.random.default_rng(6).random(soft.shape)
    _, exact = graph.leading_eigenvector(graph.adjacency(soft, feature))
    angle = {}
    for affinity in ("taylor", "cosine2", "cosine3"):

        def kernel(squared, alpha, affinity=affinity):
            if affinity == "taylor":
                return graph.taylor(squared, alpha)
            return cosine_series(affinity, alpha)(np.sqrt(squared))

        _, other = graph.leading_eigenvector(graph.adjacency(soft, feature, affinity=kernel))
        angle[affinity] = graph.angle_degrees(exact, other)
    assert angle["cosine2"] < angle["taylor"]
    assert angle["cosine3"] < angle["taylor"] / 10


def test_norms():
    x = torch.tensor([[[3.0, 4.0]], [[0.0, 0.0]]], dtype=torch.float64)
    torch.testing.assert_close(unit_norm(x), x / 5)
    torch.testing.assert_close(unit_norm(0 * x), 0 * x)
    expected = truth.per_frame(x.numpy())
    np.testing.assert_allclose(frame_range(x).numpy(), expected, atol=1e-15)
    assert (frame_range(x)[1] == 0).all()


def test_unknown_series_is_refused():
    with pytest.raises(InputError, match="cosine2"):
        cosine_series("taylor", 1.0)
    with pytest.raises(InputError, match="alpha"):
        cosine_series("cosine2", -1.0)
