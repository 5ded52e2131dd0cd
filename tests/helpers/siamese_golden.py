"""Golden arrays and published weights of Siamese trackers, beside the project.

Frames of the golden arrays are made by a formula; channels are stored as blue, green, red.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from golden import spec_folder
from golden_notes import note

GOLDEN = spec_folder().parent / "siamese_and_others" / "golden"
BOX_A, BOX_B = (130, 90, 64, 44), (141, 84, 70, 46)


def weights_folder() -> Path:
    """Where published weights that are at hand should be."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "weights"
    return Path(os.environ.get("SPECTRACK_WEIGHTS", beside))


@cache
def _arrays(name: str) -> dict[str, np.ndarray] | None:
    path = GOLDEN / f"{name}.npz"
    if not path.is_file():
        return None
    with np.load(path) as stored:
        return dict(stored)


def siamese_golden(name: str) -> dict[str, np.ndarray]:
    """The arrays of ``NAME.npz``; the test is skipped where they are absent."""
    found = _arrays(name)
    if found is None:
        pytest.skip(f"golden file {name}.npz not found in {GOLDEN}; set SPECTRACK_SPEC")
    return found


def met(file: str, key: str, value: ArrayLike, *, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Assert that an array of ``FILE.npz`` is met, number by number; the error is noted.

    Args:
        file: Name without suffix.
        key: Of the array in it.
        value: Ours; of the same shape but for axes of length one and flattening.
        rtol: Tolerance over each stored number.
        atol: Tolerance beside it.
    """
    stored = siamese_golden(file)[key]
    meet(file, key, value, stored, rtol=rtol, atol=atol)


def meet(
    file: str, key: str, value: ArrayLike, stored: np.ndarray, *, rtol: float, atol: float
) -> None:
    """As :func:`met`, for an array that is at hand."""
    stored = np.asarray(stored, np.float64)
    ours = np.asarray(value, np.float64)
    assert ours.size == stored.size, f"{file} {key}: {ours.shape} in place of {stored.shape}"
    ours = ours.reshape(stored.shape)
    peak = max(float(np.abs(stored).max(initial=0)), 1e-12)
    error = float(np.abs(ours - stored).max(initial=0))
    note(file, key, stored.shape, error / peak, rtol + atol / peak)
    np.testing.assert_allclose(ours, stored, rtol=rtol, atol=atol, err_msg=f"{file} {key}")


def published_weights(name: str) -> Path:
    """A file of published weights; the test is skipped where it is absent."""
    path = weights_folder() / name
    if not path.is_file():
        pytest.skip(f"published weights not found at {path}; set SPECTRACK_WEIGHTS")
    return path


def _triangle(n: np.ndarray, period: int) -> np.ndarray:
    return np.abs(np.mod(n, 2 * period) - period)


def golden_frame(width: int, height: int, ox: int = 0, oy: int = 0, box=None) -> np.ndarray:
    """A textured frame, shifted by (ox, oy), with an elliptic target in a box; uint8 BGR."""
    y, x = np.mgrid[0:height, 0:width]
    fx, fy = x + ox, y + oy
    frame = np.empty((height, width, 3), np.int64)
    for c in range(3):
        coarse = _triangle(2 * fx + fy + 40 * c, 70) + _triangle(fx * fy // 64 + 23 * c, 50)
        frame[..., c] = 30 + coarse + _triangle(3 * fy - fx + 11 * c * c, 31)
    if box is not None:
        bx, by, bw, bh = box
        u, v = 2 * (x - bx) - bw + 1, 2 * (y - by) - bh + 1
        inside = u**2 * bh**2 + v**2 * bw**2 < bw**2 * bh**2
        odd = (8 * (x - bx) // bw + 6 * (y - by) // bh) % 2 == 1
        for c, (light, dark) in enumerate(((40, 200), (60, 90), (220, 20))):
            value = np.where(odd, light, dark) + _triangle(5 * (x - bx) + 3 * (y - by), 20)
            frame[..., c][inside] = value[inside]
    return frame.clip(0, 255).astype(np.uint8)


def frames_ab() -> tuple[np.ndarray, np.ndarray]:
    """The pair of frames most golden arrays are of, BGR; the target is at BOX_A in the first."""
    return golden_frame(320, 240, 0, 0, BOX_A), golden_frame(320, 240, 5, -3, BOX_B)
