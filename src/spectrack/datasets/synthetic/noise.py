"""Noise on the masks of a method, or in place of them (SFSeg++ paper, section 5.1.5).

The paper names three kinds and leaves details open; these are ours:

- ``uniform``: U[0, 0.1] is added to every pixel, and the range [0, 1.1] brought back to [0, 1]. The
  range is fixed: a frame's own minimum and maximum would turn an empty mask into full noise.
- ``salt_pepper``: a pixel becomes 0 or 1, equally likely, with probability 0.2.
- ``rectangles``: one rectangle a frame, black or white, equally likely, fills 2 to 5 % of it and
  keeps 100 pixels from its edges (of 480 rows; less in smaller frames, in proportion).

A channel that is replaced by noise has nothing of the method left: values U[0, 1]; pixels 0 or 1;
or a rectangle on a ground of one half. All of them are one half on average, so that noise moves no
mean, it only blurs it.

Noise depends on seed, channel and frame alone: frames may come in any order, or alone.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError

NoiseKind = Literal["uniform", "salt_pepper", "rectangles"]
NOISE_KINDS: tuple[NoiseKind, ...] = get_args(NoiseKind)

UNIFORM = 0.1
SALT_PEPPER = 0.2
AREA = (0.02, 0.05)
MARGIN, MARGIN_ROWS = 100, 480
SLIMMEST = 3.0  # a side of a rectangle is at most so many times the other, where the frame allows


def disturb(
    soft_hw: NDArray[np.float32], kind: NoiseKind, seed: int, channel: int, frame: int
) -> NDArray[np.float32]:
    """A soft mask with noise on it ("noisy" in Table 4).

    Args:
        soft_hw: float32 (H, W) in [0, 1]; left as it is.
        kind: One of ``NOISE_KINDS``.
        seed: Of the experiment; 0 or more.
        channel: Which method, from 0.
        frame: Which frame, from 0.

    Returns:
        float32 (H, W) in [0, 1].

    Raises:
        InputError: If the kind is unknown, a number is negative, or the mask is not (H, W).
    """
    soft = np.asarray(soft_hw, dtype=np.float32)
    rng = _generator(soft.shape, kind, seed, channel, frame)
    if kind == "uniform":
        noisy = rng.random(soft.shape, dtype=np.float32)
        noisy *= UNIFORM
        noisy += soft
        noisy /= 1 + UNIFORM
        # Rounding may put a pixel a digit above 1.
        return np.minimum(noisy, 1, out=noisy)
    if kind == "salt_pepper":
        chance = rng.random(soft.shape, dtype=np.float32)
        salt = (chance < SALT_PEPPER / 2).astype(np.float32)
        return np.where(chance < SALT_PEPPER, salt, soft)
    return _with_rectangle(soft.copy(), rng)


def replace(
    shape_hw: tuple[int, int], kind: NoiseKind, seed: int, channel: int, frame: int
) -> NDArray[np.float32]:
    """Noise alone, in place of a soft mask ("noise" in Table 4).

    Args:
        shape_hw: Height and width, pixels.
        kind: One of ``NOISE_KINDS``.
        seed: Of the experiment; 0 or more.
        channel: Which method, from 0.
        frame: Which frame, from 0.

    Returns:
        float32 (H, W) in [0, 1], one half on average.

    Raises:
        InputError: If the kind is unknown, a number is negative, or the shape is not (H, W).
    """
    rng = _generator(shape_hw, kind, seed, channel, frame)
    if kind == "uniform":
        return rng.random(shape_hw, dtype=np.float32)
    if kind == "salt_pepper":
        return rng.integers(0, 2, shape_hw, dtype=np.uint8).astype(np.float32)
    return _with_rectangle(np.full(shape_hw, 0.5, dtype=np.float32), rng)


def _generator(
    shape: tuple[int, ...], kind: str, seed: int, channel: int, frame: int
) -> np.random.Generator:
    if kind not in NOISE_KINDS:
        raise InputError(f"noise {kind!r} is unknown; choose one of {', '.join(NOISE_KINDS)}")
    if min(seed, channel, frame) < 0:
        raise InputError(
            f"seed {seed}, channel {channel} and frame {frame} were given; give numbers from 0"
        )
    if len(shape) != 2 or 0 in shape:
        raise InputError(f"a mask of shape {tuple(shape)} was given; expected (height, width)")
    return np.random.default_rng([seed, channel, frame])


def _with_rectangle(soft_hw: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Paint one rectangle into the mask given, which is changed."""
    rows, columns = soft_hw.shape
    margin = int(MARGIN * min(1.0, min(rows, columns) / MARGIN_ROWS))
    free_rows, free_columns = rows - 2 * margin, columns - 2 * margin
    area = rng.uniform(*AREA) * rows * columns
    slimness = math.exp(rng.uniform(-1, 1) * math.log(SLIMMEST))
    # Short enough for the free part, and tall enough for the width to fit there as well.
    low, high = math.ceil(area / free_columns), free_rows
    height = min(max(round(math.sqrt(area * slimness)), low, 1), high)
    width = min(max(round(area / height), 1), free_columns)
    top = margin + int(rng.integers(free_rows - height + 1))
    left = margin + int(rng.integers(free_columns - width + 1))
    soft_hw[top : top + height, left : left + width] = rng.integers(2)
    return soft_hw
