"""Combining the masks of several methods without learning: mean, median, majority.

Channels are arrays of shape (C, H, W) or (C, T, H, W): floats in [0, 1], or booleans and integers,
of which all but 0 is foreground. Every rule gives float32 of the shape without C, in [0, 1],
foreground from one half, so that ties fall to the foreground in all of them.

Where a method has no mask, ``present`` says so: booleans of shape (C,) for whole methods, or (C, T)
for single frames. What is absent has no vote, and its values are never read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError

Planes = NDArray[np.float32]


def mean(channels: NDArray[Any], present: NDArray[np.bool_] | None = None) -> Planes:
    """The arithmetic mean, the paper's basic ensemble (SFSeg++ paper, section 5.1.5).

    Args:
        channels: (C, H, W) or (C, T, H, W); see the top of this file.
        present: (C,) or (C, T); all where left out.

    Raises:
        InputError: If shapes do not fit, a frame has no channel, or values leave [0, 1].
    """
    return _combined(_mean, channels, present)


def median(channels: NDArray[Any], present: NDArray[np.bool_] | None = None) -> Planes:
    """The median; of an even number of channels the mean of the two in the middle.

    Args:
        channels: (C, H, W) or (C, T, H, W); see the top of this file.
        present: (C,) or (C, T); all where left out.

    Raises:
        InputError: If shapes do not fit, a frame has no channel, or values leave [0, 1].
    """
    return _combined(_median, channels, present)


def majority(channels: NDArray[Any], present: NDArray[np.bool_] | None = None) -> Planes:
    """The share of channels that say foreground, each by itself from one half.

    Args:
        channels: (C, H, W) or (C, T, H, W); see the top of this file.
        present: (C,) or (C, T); all where left out.

    Raises:
        InputError: If shapes do not fit, a frame has no channel, or values leave [0, 1].
    """
    return _combined(_majority, channels, present)


RULES: dict[str, Callable[..., Planes]] = {"mean": mean, "median": median, "majority": majority}
"""The rules by name, for tables and commands."""


def _combined(
    rule: Callable[[NDArray[Any]], Planes],
    channels: NDArray[Any],
    present: NDArray[np.bool_] | None,
) -> Planes:
    if channels.ndim not in (3, 4) or 0 in channels.shape:
        raise InputError(
            f"channels of shape {channels.shape} were given; expected (C, H, W) or (C, T, H, W)"
        )
    if present is None:
        return rule(_checked(channels))
    there = np.asarray(present, dtype=bool)
    # (C,) for any channels, (C, T) only for those that have a T.
    if there.shape not in {channels.shape[:axes] for axes in range(1, channels.ndim - 1)}:
        raise InputError(
            f"a presence of shape {there.shape} was given for channels of shape "
            f"{channels.shape}; give one value a channel, or one a channel and frame"
        )
    if not there.any(axis=0).all():
        empty = "" if there.ndim == 1 else f" in frame {int(np.argmin(there.any(axis=0)))}"
        raise InputError(f"no channel has a mask{empty}; give at least one")
    if there.ndim == 1:
        return rule(_checked(channels[there]))
    return np.stack([rule(_checked(channels[there[:, t], t])) for t in range(there.shape[1])])


def _checked(channels: NDArray[Any]) -> NDArray[Any]:
    """Floats as they are, everything else as booleans."""
    if not np.issubdtype(channels.dtype, np.floating):
        return channels if channels.dtype == bool else channels != 0
    # A NaN fails the comparison too.
    if not (channels.min() >= 0 and channels.max() <= 1):
        raise InputError("a channel holds NaN or leaves [0, 1]; give values in [0, 1]")
    return channels


def _mean(channels: NDArray[Any]) -> Planes:
    if channels.dtype == bool:
        return _share(channels)
    return channels.mean(axis=0, dtype=np.float32)


def _majority(channels: NDArray[Any]) -> Planes:
    return _share(channels if channels.dtype == bool else channels >= 0.5)


def _median(channels: NDArray[Any]) -> Planes:
    count = len(channels)
    if channels.dtype == bool:
        # Of zeros and ones the median is told by their number: 0, 1, or one half at a tie.
        lead = 2 * channels.sum(axis=0, dtype=np.int32) - count
        return (1 + np.sign(lead).astype(np.float32)) / 2
    middle = np.partition(channels, [(count - 1) // 2, count // 2], axis=0)
    pair: Planes = (middle[(count - 1) // 2] + middle[count // 2]).astype(np.float32) / 2
    return pair


def _share(votes: NDArray[np.bool_]) -> Planes:
    # Counted first and divided once, so that a tie is exactly one half.
    share: Planes = votes.sum(axis=0, dtype=np.int32).astype(np.float32) / np.float32(len(votes))
    return share
