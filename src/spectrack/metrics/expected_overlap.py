"""Expected average overlap (EAO) of VOT: how well a target is followed over so many frames.

Sources: Kristan et al., ICCV workshops 2015, section 3.2 (restarted runs) and ECCV workshops 2020,
section 3.1 (anchors). Both cut the work of a tracker into segments, each from a frame in which the
target is given to the failure, or to the end of the video. The curve says, for n = 1, 2, ..., the
mean overlap over the first n frames after the start, averaged over the segments that say something
about n frames: a segment that ended in a failure goes on with overlap 0 for ever, one that ended
with the video counts only up to its length. EAO is the mean of the curve over an interval of
lengths that are typical of the data set.

What the papers leave open, and how it is here: the frame of the start is no prediction, so n
counts the frames after it; both ends of the interval belong to it; all segments weigh the same; a
length that no segment reaches is left out of the mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError

FloatT = NDArray[np.float64]

EAO_INTERVALS: dict[str, tuple[int, int]] = {
    # VOT2014 and before have no EAO; the figures stand in the reports of the challenges.
    "vot2015": (108, 371),
    "vot2016": (108, 371),
    "vot2017": (100, 356),
    "vot2018": (100, 356),
    "vot2019": (46, 291),
    "vot2020": (115, 755),
    "vot2021": (115, 755),
    "vot2022": (115, 755),
}
"""Shortest and longest length of the challenges; see :func:`eao_interval` for other data."""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """What a tracker did from one start to its failure, or to the end of the video.

    Args:
        overlaps: Overlap of every frame from the start on, shape (N,), in [0, 1]; number 0 is the
            frame of the start and is not looked at; the frame of the failure and all after it are
            left out. NaN, for frames without truth, counts as 0.
        failed: Whether the segment ended by a failure.
    """

    overlaps: FloatT
    failed: bool


def eao_curve(segments: Iterable[Segment], longest: int) -> FloatT:
    """Expected average overlap over the first n frames after a start.

    Args:
        segments: Of all videos.
        longest: The largest n, >= 1.

    Returns:
        Shape (longest + 1,), in [0, 1]; number n is for n frames. NaN for n = 0, and where no
        segment says anything.

    Raises:
        InputError: If ``longest`` < 1 or a segment is not one-dimensional with a start.
    """
    if longest < 1:
        raise InputError(f"a longest length of {longest} was given; expected at least 1 frame")
    n = np.arange(longest + 1)
    total, active = np.zeros(longest + 1), np.zeros(longest + 1)
    for segment in segments:
        overlaps = np.nan_to_num(np.asarray(segment.overlaps, dtype=np.float64))
        if overlaps.ndim != 1 or overlaps.size == 0:
            raise InputError(
                f"a segment of shape {overlaps.shape} was given; expected one overlap a frame, "
                "the frame of the start first"
            )
        summed = np.concatenate([[0.0], np.cumsum(overlaps[1:])])
        until = longest if segment.failed else min(longest, summed.size - 1)
        reached = np.minimum(n[1 : until + 1], summed.size - 1)
        total[1 : until + 1] += summed[reached] / n[1 : until + 1]
        active[1 : until + 1] += 1
    return np.divide(total, active, out=np.full(longest + 1, np.nan), where=active > 0)


def eao(curve: NDArray[Any], interval: tuple[int, int]) -> float:
    """Mean of the curve over an interval of lengths, both ends included.

    Args:
        curve: As :func:`eao_curve` gives it.
        interval: Shortest and longest length, frames.

    Raises:
        InputError: If the interval is empty or leaves the curve, or no length in it was reached.
    """
    low, high = interval
    if not 1 <= low <= high < len(curve):
        raise InputError(
            f"lengths from {low} to {high} were given for a curve of 1 to {len(curve) - 1} frames; "
            "expected an interval inside of it"
        )
    values = np.asarray(curve, dtype=np.float64)[low : high + 1]
    reached = values[~np.isnan(values)]
    if reached.size == 0:
        raise InputError(
            f"no video has {low} frames after a start, so expected overlap does not exist there; "
            "give longer videos or another interval"
        )
    return float(reached.mean())


def eao_interval(lengths: Sequence[int]) -> tuple[int, int]:
    """The interval of typical lengths of a data set (VOT2015, section 3.2).

    The density of the lengths is estimated with Gaussian kernels (Scott's bandwidth, which the
    paper leaves open); the interval is the shortest run of whole lengths, both of whose ends are
    equally dense, that holds half of the density. Videos of one length have only that.

    Args:
        lengths: Frames of every video.

    Raises:
        InputError: If there is no video, or one without frames.
    """
    values = np.asarray(lengths, dtype=np.float64)
    if values.size == 0 or values.min() < 1:
        raise InputError("lengths of videos were expected, one at least and each at least 1 frame")
    spread = float(values.std(ddof=1)) if values.size > 1 else 0.0
    if spread == 0:
        return int(values[0]), int(values[0])
    width = spread * values.size ** (-1 / 5)
    places = np.arange(1, math.ceil(values.max() + 4 * width) + 1)
    density = np.exp(-0.5 * ((places[:, None] - values) / width) ** 2).sum(axis=1)
    density /= density.sum()
    # Grown from the mode towards the denser neighbour, so both ends stay about equally dense.
    low = high = int(density.argmax())
    held = density[low]
    while held < 0.5:
        before = density[low - 1] if low > 0 else -1.0
        after = density[high + 1] if high + 1 < density.size else -1.0
        if before > after:
            low -= 1
            held += before
        else:
            high += 1
            held += after
    return int(places[low]), int(places[high])
