"""The doubt of a frame: how much its mask is worth a look, from what the filter saw.

    doubt = 1 - exp(-2 sum of the parts)       in [0, 1]

- *disagreement*: where several methods were fused, 1 - the mean of their agreement with the
  majority under their weights (W_it and a_it of :mod:`spectrack.spectral.mixing.mixing`).
- *directions*: where an object was followed from two sides, 1 - IoU of both answers.
- *score*: where a tracker followed it, 1 - its score.
- *change*: 1 - IoU of the mask before and after the filter. A mask that fits its video stays.
- *weakness*: 1 - the mean of the filtered map inside the mask: the spectral response is weak
  where a pixel's neighbours in space and time do not support it.
- *jump*: (1 - a / b)^2 for the area of the mask and its median over the frames around, a the
  smaller one. Halving or doubling counts 1/4, vanishing 1.

Each is in [0, 1]; they count alike and nothing in it is learned. A mask that is empty before and
after the filter is not weak: there is nothing to see. The doubt orders frames; it is no estimate
of their error. How well it does is measured in ``docs/results/studies/doubt.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

REASONS = {
    "disagreement": "methods disagree",
    "directions": "forward and backward disagree",
    "score": "tracker is unsure",
    "change": "mask does not fit the video",
    "weakness": "weak response",
    "jump": "mask jumped",
}
"""The parts of the doubt, and what each is called when it is the reason for a look."""

AROUND = 12
"""Frames on each side that tell the usual area."""
USEFUL = 20
"""How far a correction is believed to reach, frames."""

Doubts = NDArray[np.float64]


class DoubtMeter:
    """Takes down the parts of the doubt while the masks of a video go by; a few numbers a frame."""

    def __init__(self) -> None:
        self._disagreement: list[float] = []
        self._change: list[float] = []
        self._weakness: list[float] = []
        self._areas: list[float] = []  # NaN where the object is not there

    def disagree(self, disagreement: float) -> None:
        """How much the fused methods disagree in the next frame; may be ahead of :meth:`add`."""
        self._disagreement.append(disagreement)

    def add(
        self, before_hw: NDArray[np.bool_], after_hw: NDArray[np.float32], pixel: float = 1.0
    ) -> None:
        """The next frame.

        Args:
            before_hw: Hard mask before the filter, (H, W).
            after_hw: Filtered map in [0, 1], (H, W); the mask is where it reaches one half.
            pixel: Area of one of these pixels, where their size changes from frame to frame.
        """
        hard_hw = after_hw >= 0.5
        area, union = np.count_nonzero(hard_hw), np.count_nonzero(hard_hw | before_hw)
        both = np.count_nonzero(hard_hw & before_hw)
        self._change.append(1 - both / union if union else 0.0)
        response = float(after_hw[hard_hw].mean()) if area else 0.0
        self._weakness.append(1 - response if union else 0.0)
        self._areas.append(int(area) * pixel)

    def skip(self) -> None:
        """The next frame, in which the object is not there: no doubt about it."""
        self._change.append(0.0)
        self._weakness.append(0.0)
        self._areas.append(np.nan)

    def parts(self) -> dict[str, Doubts]:
        """The parts of the doubt by name, each (T,)."""
        parts = {"disagreement": np.array(self._disagreement)} if self._disagreement else {}
        return parts | {
            "change": np.array(self._change),
            "weakness": np.array(self._weakness),
            "jump": jumps(np.array(self._areas)),
        }

    def info(self) -> dict[str, Any]:
        """``doubt``, one number a frame, and ``doubt_parts``, as ``track.json`` keeps them."""
        parts = self.parts()
        kept = {name: [round(float(v), 4) for v in values] for name, values in parts.items()}
        return {"doubt": [round(float(v), 4) for v in doubt(parts)], "doubt_parts": kept}


def doubt(parts: Mapping[str, Doubts]) -> Doubts:
    """The formula of the module.

    Args:
        parts: Some or all of the keys of ``REASONS``, each (T,) in [0, 1].

    Returns:
        (T,) in [0, 1].
    """
    total: Doubts = np.sum([np.clip(values, 0, 1) for values in parts.values()], axis=0)
    return 1 - np.exp(-2 * total)


def jumps(areas_t: NDArray[Any]) -> Doubts:
    """How far each area is from the median of those around it, squared.

    Args:
        areas_t: Areas of the masks, (T,); NaN where there is none to be judged.

    Returns:
        (T,) in [0, 1]; 0 where both are zero, or there is nothing to be judged.
    """
    areas = np.asarray(areas_t, dtype=np.float64)
    there = ~np.isnan(areas)
    usual = np.zeros_like(areas)
    for t in np.flatnonzero(there):
        around = areas[max(0, t - AROUND) : t + AROUND + 1]
        usual[t] = np.median(around[~np.isnan(around)])
    areas = np.where(there, areas, 0)
    large = np.maximum(areas, usual)
    ratio = np.divide(np.minimum(areas, usual), large, out=np.ones_like(areas), where=large > 0)
    return (1 - ratio) ** 2


def most_doubtful(doubt_t: NDArray[Any], count: int, apart: int) -> list[int]:
    """The frames most worth a look, spread over the video.

    Frames that no neighbour exceeds are taken from the highest doubt down, each at least
    ``apart`` frames from those before it.

    Args:
        doubt_t: Doubt of every frame, (T,).
        count: How many at most.
        apart: Least distance in frames, >= 1.

    Returns:
        Frame numbers, most doubtful first; fewer than ``count`` where the video has no more.
    """
    values = np.asarray(doubt_t, dtype=np.float64)
    padded = np.pad(values, 1, constant_values=-np.inf)
    peaks = np.flatnonzero((values >= padded[:-2]) & (values >= padded[2:]))
    chosen: list[int] = []
    for t in peaks[np.argsort(-values[peaks], kind="stable")]:
        if len(chosen) == count:
            break
        if all(abs(int(t) - other) >= apart for other in chosen):
            chosen.append(int(t))
    return chosen


def most_useful(
    doubt_t: NDArray[Any], count: int, apart: int, reach: int = USEFUL
) -> list[tuple[int, float]]:
    """The frames whose correction promises most, where the frames around follow it.

    A correction in frame t is taken to answer the share 1 - |s - t| / reach of the doubt of every
    frame s near it. The frame that answers most comes first; the next is chosen as if it were
    corrected.

    Args:
        doubt_t: Doubt of every frame, (T,); 0 where nothing is there or the mask is known.
        count: How many at most.
        apart: Least distance in frames, >= 1.
        reach: How far a correction is believed to reach, frames.

    Returns:
        Frame numbers and the sum of doubts that each answers, most useful first.
    """
    left = np.array(doubt_t, dtype=np.float64)
    known = left == 0
    kernel = np.clip(1 - np.abs(np.arange(1 - reach, reach)) / reach, 0, 1)
    free = ~known
    chosen: list[tuple[int, float]] = []
    while len(chosen) < count and free.any():
        gain = np.convolve(left, kernel, "full")[reach - 1 : reach - 1 + len(left)]
        t = int(np.argmax(np.where(free, gain, -np.inf)))
        chosen.append((t, float(gain[t])))
        around = np.arange(len(left)) - t
        left *= 1 - np.clip(1 - np.abs(around) / reach, 0, 1)
        free &= np.abs(around) >= apart
    return chosen


def reasons(parts: Mapping[str, Doubts], index: int) -> list[str]:
    """Why a frame is doubtful, in words.

    Args:
        parts: As for :func:`doubt`.
        index: Number of the frame.

    Returns:
        The part that stands out most from its own median over the video, and those that do so at
        least half as much; empty where none does.
    """
    excess = {name: float(v[index] - np.median(v)) for name, v in parts.items()}
    most = max(excess.values(), default=0.0)
    order = sorted(excess, key=lambda name: -excess[name])
    return [REASONS[name] for name in order if most > 0 and excess[name] >= most / 2]
