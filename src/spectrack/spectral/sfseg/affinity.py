"""Affinities between two pixels that turn into few convolutions.

The wanted affinity is ``exp(-alpha (f_i - f_j)^2)`` (SFSeg++ paper, Eq. 1). Whatever splits into
``sum_r w_r phi_r(f_i) phi_r(f_j)`` costs one convolution a term. The paper takes the first-order
Taylor expansion: three terms. A short cosine series, fitted once per alpha, is closer with fewer:
``cos(w (f_i - f_j)) = cos cos + sin sin`` has two, is bounded and, its weights being positive,
positive semi-definite.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError

Affinity = Literal["taylor", "cosine2", "cosine3", "cosine5"]
AFFINITIES: tuple[Affinity, ...] = ("taylor", "cosine2", "cosine3", "cosine5")
"""Names say how many convolutions a single feature channel costs; ``taylor`` needs three."""

_FITS: dict[tuple[str, float], tuple[tuple[float, ...], float]] = {
    ("cosine2", 0.25): ((0.0, 0.99762), 0.67888),
    ("cosine2", 0.5): ((0.0, 0.99134), 0.92342),
    ("cosine2", 1.0): ((0.0, 0.97117), 1.21417),
    ("cosine2", 2.0): ((0.0, 0.91914), 1.51149),
    ("cosine2", 4.0): ((0.0, 0.82728), 1.75854),
    ("cosine2", 8.0): ((0.0, 0.72764), 1.95395),
    ("cosine3", 0.25): ((0.65054, 0.34943), 1.19487),
    ("cosine3", 0.5): ((0.63543, 0.36435), 1.64959),
    ("cosine3", 1.0): ((0.60782, 0.39069), 2.22726),
    ("cosine3", 2.0): ((0.56099, 0.43041), 2.89184),
    ("cosine3", 4.0): ((0.49071, 0.47260), 3.53935),
    ("cosine3", 8.0): ((0.40261, 0.49545), 4.06114),
    ("cosine5", 0.25): ((0.53023, 0.43713, 0.03264), 0.93831),
    ("cosine5", 0.5): ((0.50088, 0.45128, 0.04780), 1.24651),
    ("cosine5", 1.0): ((0.50893, 0.45143, 0.03938), 1.80722),
    ("cosine5", 2.0): ((0.47583, 0.46851, 0.05414), 2.39166),
    ("cosine5", 4.0): ((0.42830, 0.48469, 0.08052), 3.04964),
    ("cosine5", 8.0): ((0.37079, 0.48488, 0.12798), 3.73332),
}


@dataclass(frozen=True)
class CosineSeries:
    """``k(d) = sum_n coefficients[n] cos(n frequency d)``, d the difference of two features.

    Attributes:
        coefficients: Weight of each harmonic, the constant first.
        frequency: Angle of the first harmonic for a difference of 1, in radians.
    """

    coefficients: tuple[float, ...]
    frequency: float

    def __call__(self, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        """The affinity of two pixels whose features differ by ``difference`` (one channel)."""
        angle = self.frequency * np.asarray(difference, dtype=np.float64)
        series = [c * np.cos(n * angle) for n, c in enumerate(self.coefficients)]
        return np.asarray(sum(series), dtype=np.float64)

    def waves(self, channels: int) -> list[tuple[float, tuple[float, ...]]]:
        """The product of the series over all channels, written as a sum of plane waves.

        ``prod_c k(d_c) = sum_w weight_w cos(wave_w . d)``: a true joint affinity. A wave costs two
        convolutions (cosine and sine), the zero wave one.

        Args:
            channels: Number of feature channels C, at least 1.

        Returns:
            Pairs of a weight and a wave vector of length C in radians.
        """
        order = len(self.coefficients) - 1
        amplitude = {0: self.coefficients[0]}
        for n in range(1, order + 1):
            amplitude[n] = amplitude[-n] = self.coefficients[n] / 2
        found = []
        for vector in itertools.product(range(-order, order + 1), repeat=channels):
            first = next((n for n in vector if n), 0)
            weight = float(np.prod([amplitude[n] for n in vector]))
            if first < 0 or weight == 0:  # a wave and its opposite are the same cosine
                continue
            doubled = weight * (2.0 if first else 1.0)
            found.append((doubled, tuple(self.frequency * n for n in vector)))
        return found


def cosine_series(affinity: str, alpha: float) -> CosineSeries:
    """The fitted series for one alpha and features in [0, 1].

    For features of another range R use ``alpha * R**2`` and features divided by R.

    Args:
        affinity: ``cosine2``, ``cosine3`` or ``cosine5``.
        alpha: Sharpness of ``exp(-alpha d^2)``, 0 or more. Common values come from a table, others
            are fitted on first use (a fraction of a second).

    Returns:
        The series with the smallest maximum error over d in [0, 1].

    Raises:
        InputError: Unknown affinity, or alpha below 0.
    """
    harmonics = {"cosine2": 1, "cosine3": 1, "cosine5": 2}
    if affinity not in harmonics:
        raise InputError(f"The affinity '{affinity}' is no cosine series; give {list(harmonics)}.")
    if not (np.isfinite(alpha) and alpha >= 0):
        raise InputError(f"alpha is {alpha}; give a number of 0 or more.")
    if alpha == 0:
        return CosineSeries((0.0, 1.0), 0.0)
    known = _FITS.get((affinity, float(alpha)))
    if known is None:
        return _fit(harmonics[affinity], affinity != "cosine2", float(alpha))
    return CosineSeries(*known)


@lru_cache(maxsize=64)
def _fit(harmonics: int, constant: bool, alpha: float) -> CosineSeries:
    from scipy.optimize import linprog

    difference = np.linspace(0, 1, 129)
    wanted = np.exp(-alpha * difference**2)
    order = np.arange(0 if constant else 1, harmonics + 1)

    def best(frequency: float) -> tuple[float, NDArray[np.float64]]:
        # For a given frequency the minimax fit is a linear programme in weights and error.
        basis = np.cos(frequency * difference[:, None] * order)
        slack = -np.ones((len(difference), 1))
        rows = np.block([[basis, slack], [-basis, slack]])
        cost = np.r_[np.zeros(len(order)), 1.0]
        limits = np.r_[wanted, -wanted]
        solution = linprog(cost, rows, limits, bounds=(0, None)).x
        return float(solution[-1]), solution[:-1]

    # The error has several dips in the frequency: look everywhere first, then closer and closer.
    low, high = np.array([0.1, 1.5]) * min(np.sqrt(2 * alpha), 3.4)
    for _ in range(5):
        grid = np.linspace(low, high, 25)
        found = grid[int(np.argmin([best(w)[0] for w in grid]))]
        step = grid[1] - grid[0]
        low, high = found - step, found + step
    weights = best(float(found))[1]
    coefficients = tuple(float(c) for c in (weights if constant else np.r_[0.0, weights]))
    return CosineSeries(coefficients, float(found))
