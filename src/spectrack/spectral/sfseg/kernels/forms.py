"""What enters the filter and what is made of the filtered, for each affinity.

A *form* tells numba at compile time which affinity to build: ``None`` no pairwise term, a float32
alpha for Taylor (Eq. 2), a tuple for a cosine series. The number of planes to filter follows: 1, 3,
and 2, 3 or 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload
from numpy.polynomial import Polynomial

from spectrack.spectral.sfseg.affinity import CosineSeries

OPTIONS: dict[str, Any] = {
    "nogil": True,
    "fastmath": True,
    "error_model": "numpy",
    "cache": True,
}

SIGMOID = tuple(np.float32(c) for c in (0.249999866, -0.020828985, 0.00206108007, -1.73510085e-4))
"""``(sigmoid(z) - 1/2) / z`` as a polynomial in ``z^2``, for z in [0, 1]: fitted at Chebyshev
nodes; the sigmoid's error is 1.3e-7."""


def cosine_form(series: CosineSeries) -> tuple[Any, ...]:
    """The form of a cosine series of one channel with values in [0, 1].

    Cosine and sine of the first harmonic become polynomials in the squared distance from one half,
    long enough for an error below 1e-7; higher harmonics follow from them.
    """
    reach = 0.5 * abs(series.frequency)
    nodes = 0.5 * reach**2 * (1 + np.cos(np.pi * (np.arange(200) + 0.5) / 200))
    angle = np.sqrt(np.maximum(nodes, 1e-30))
    found: list[tuple[np.float32, ...]] = []
    for wanted in (np.cos(angle), np.sin(angle) / angle):
        for degree in range(2, 9):
            fit = Polynomial.fit(nodes, wanted, degree, domain=[0, max(reach**2, 1e-12)])
            if np.abs(fit(nodes) - wanted).max() < 5e-8:
                break
        # Rewritten for x = feature - 1/2 in place of the angle.
        powers = np.asarray(fit.convert().coef, np.float64) * series.frequency ** (
            2 * np.arange(degree + 1)
        )
        found.append(tuple(np.float32(c) for c in powers))
    cosine, sine = found
    sine = tuple(np.float32(c * series.frequency) for c in sine)
    weights = series.coefficients if series.coefficients[0] else series.coefficients[1:]
    return tuple(np.float32(w) for w in weights), cosine, sine


@njit(**OPTIONS)
def horner(z: Any, coefficients: Any) -> Any:
    """Polynomial, lowest power first; at least two coefficients."""
    value = coefficients[len(coefficients) - 1] * z + coefficients[len(coefficients) - 2]
    for power in range(len(coefficients) - 3, -1, -1):
        value = value * z + coefficients[power]
    return value


def squash(z: Any, curve: Any) -> Any:
    """Soft-binarisation of normalised values: nothing for ``None``, else ``SIGMOID``."""
    raise NotImplementedError("compiled by numba only")


@overload(squash, strict=False)
def _squash(z: Any, curve: Any) -> Any:
    if isinstance(curve, types.NoneType):
        return lambda z, curve: z
    return lambda z, curve: z * horner(z * z, curve) + np.float32(0.5)


def enter(form: Any, v: Any, f: Any, centre: Any) -> Any:
    """The planes to be filtered, from ``v = u . x`` and the feature of the same pixels."""
    raise NotImplementedError("compiled by numba only")


@overload(enter, strict=False)
def _enter(form: Any, v: Any, f: Any, centre: Any) -> Any:
    if isinstance(form, types.NoneType):
        return lambda form, v, f, centre: (v,)

    if isinstance(form, types.Float):

        def taylor(form: Any, v: Any, f: Any, centre: Any) -> Any:
            d = f - centre
            dv = d * v
            return v, dv, d * dv

        return taylor

    def cosine(form: Any, v: Any, f: Any, centre: Any) -> Any:
        return _waves(form[0], v, *_turn(form, f))

    return cosine


def leave(form: Any, planes: Any, u: Any, f: Any, centre: Any) -> Any:
    """The raw result of a step from the filtered planes."""
    raise NotImplementedError("compiled by numba only")


@overload(leave, strict=False)
def _leave(form: Any, planes: Any, u: Any, f: Any, centre: Any) -> Any:
    if isinstance(form, types.NoneType):
        return lambda form, planes, u, f, centre: u * planes[0]

    if isinstance(form, types.Float):

        def taylor(form: Any, planes: Any, u: Any, f: Any, centre: Any) -> Any:
            d = f - centre
            v, dv, ddv = planes
            return u * (v - form * (d * (d * v - (dv + dv)) + ddv))

        return taylor

    def cosine(form: Any, planes: Any, u: Any, f: Any, centre: Any) -> Any:
        c, s = _turn(form, f)
        return u * _gather(form[0], planes, c, s)

    return cosine


@njit(**OPTIONS)
def _turn(form: Any, f: Any) -> Any:
    """Cosine and sine of the first harmonic; the angle is counted from feature 1/2."""
    half = f - np.float32(0.5)
    square = half * half
    return horner(square, form[1]), half * horner(square, form[2])


def _waves(weights: Any, v: Any, c: Any, s: Any) -> Any:
    raise NotImplementedError("compiled by numba only")


@overload(_waves, strict=False)
def _waves_of(weights: Any, v: Any, c: Any, s: Any) -> Any:
    if len(weights) == 1:
        return lambda weights, v, c, s: (v * c, v * s)
    if len(weights) == 2:
        return lambda weights, v, c, s: (v, v * c, v * s)

    def five(weights: Any, v: Any, c: Any, s: Any) -> Any:
        vc, vs = v * c, v * s
        return v, vc, vs, vc * c - vs * s, vc * s + vs * c

    return five


def _gather(weights: Any, planes: Any, c: Any, s: Any) -> Any:
    raise NotImplementedError("compiled by numba only")


@overload(_gather, strict=False)
def _gather_of(weights: Any, planes: Any, c: Any, s: Any) -> Any:
    if len(weights) == 1:
        return lambda weights, planes, c, s: weights[0] * (c * planes[0] + s * planes[1])
    if len(weights) == 2:

        def three(weights: Any, planes: Any, c: Any, s: Any) -> Any:
            return weights[0] * planes[0] + weights[1] * (c * planes[1] + s * planes[2])

        return three

    def five(weights: Any, planes: Any, c: Any, s: Any) -> Any:
        first = weights[1] * (c * planes[1] + s * planes[2])
        double = c * c - s * s
        sine = c * s
        second = weights[2] * (double * planes[3] + (sine + sine) * planes[4])
        return weights[0] * planes[0] + first + second

    return five
