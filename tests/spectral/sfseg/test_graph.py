"""The explicit graph against loops and dense algebra, and Figure 4 of the SFSeg++ paper."""

from __future__ import annotations

import numpy as np
import pytest

import reference_spectral as truth
from spectrack.errors import InputError
from spectrack.spectral.sfseg import graph


@pytest.fixture(scope="module")
def tiny():
    rng = np.random.default_rng(3)
    return rng.random((3, 4, 5)), rng.random((2, 3, 4, 5))


@pytest.mark.parametrize("kernel", [(3, 3, 5), (1, 5, 3), (7, 9, 11)])
def test_every_entry_is_equation_1(tiny, kernel):
    soft, feature = tiny
    matrix = graph.adjacency(soft, feature, p=0.4, alpha=2.0, kernel=kernel).toarray()
    gauss = [truth.gauss(k) for k in kernel]
    places = list(np.ndindex(soft.shape))
    for row, i in enumerate(places):
        for column, j in enumerate(places):
            steps = [b - a + k // 2 for a, b, k in zip(i, j, kernel, strict=True)]
            inside = all(0 <= s < k for s, k in zip(steps, kernel, strict=True))
            near = np.prod([g[s] for g, s in zip(gauss, steps, strict=True)]) if inside else 0
            distance = ((feature[(slice(None), *i)] - feature[(slice(None), *j)]) ** 2).sum()
            expected = (soft[i] * soft[j]) ** 0.4 * np.exp(-2 * distance) * near
            assert matrix[row, column] == pytest.approx(expected, abs=1e-15)


def test_lanczos_finds_the_leading_eigenvector(tiny):
    matrix = graph.adjacency(*tiny)
    value, vector = graph.leading_eigenvector(matrix)
    values, vectors = np.linalg.eigh(matrix.toarray())
    assert value == pytest.approx(values[-1])
    assert abs(vectors[:, -1] @ vector) == pytest.approx(1)
    assert (vector > 0).all()  # Perron-Frobenius
    iterated = graph.power_iteration(matrix, np.ones(len(vector)), 500)
    assert graph.angle_degrees(iterated, vector) < 1e-3


def test_figure_4_a_wrong_start_converges_to_the_exact_eigenvector():
    soft, feature, _ = truth.scene()
    _, exact = graph.leading_eigenvector(graph.adjacency(soft, feature))
    x = truth.start_at(70, exact).reshape(soft.shape)
    assert graph.angle_degrees(x, exact) == pytest.approx(70)
    angle, overlap = {}, {}
    for iteration in range(1, 101):
        x = truth.taylor(x, soft, feature[None], 0.5, 1.0, (5, 5, 5))
        x /= np.linalg.norm(x)
        found, wanted = x > x.max() / 2, exact.reshape(x.shape) > exact.max() / 2
        angle[iteration] = graph.angle_degrees(x, exact)
        overlap[iteration] = (found & wanted).sum() / (found | wanted).sum()
    expected = {1: 24.5, 5: 6.6, 10: 3.0, 20: 1.0, 50: 0.33, 100: 0.31}
    for iteration, degrees in expected.items():
        # The scene's noise is free, so the curve is met up to a quarter.
        assert angle[iteration] == pytest.approx(degrees, rel=0.25)
    assert angle[100] < 1
    assert overlap[1] < 0.7 < 0.95 < overlap[50]


def test_angle_keeps_its_digits():
    a = np.array([1.0, 0.0])
    assert graph.angle_degrees(a, [1.0, 1e-9]) == pytest.approx(np.degrees(1e-9))
    assert graph.angle_degrees(a, [-3.0, 0.0]) == pytest.approx(180)
    with pytest.raises(InputError, match="zero vector"):
        graph.angle_degrees(a, [0.0, 0.0])


def test_a_graph_too_large_is_refused():
    with pytest.raises(InputError, match="too large"):
        graph.adjacency(np.zeros((50, 480, 854)))


def test_shapes_must_match():
    with pytest.raises(InputError, match="same time"):
        graph.adjacency(np.zeros((2, 3, 4)), np.zeros((2, 3, 5)))
    with pytest.raises(InputError, match="time, height, width"):
        graph.adjacency(np.zeros((3, 4)))
