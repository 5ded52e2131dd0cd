"""Pairs that Siamese trackers learn from: a target's template, and where to search for it.

Two frames of one clip not far apart, or of two clips where nothing is to be found (Zhu et al.,
Distractor-aware Siamese Networks, ECCV 2018, section 3.2). What is cut out of them, and what the
network should answer, is the tracker's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrack.training.data.clips import View
from spectrack.training.data.samples import ClipChoice, Sample, Source, sample_chance


@dataclass(frozen=True, eq=False)
class Pair:
    """Two views.

    Attributes:
        template: Shows the target.
        search: Shows where to search, and something there.
        same: Whether that is the target.
    """

    template: View
    search: View
    same: bool


def draw_partner(visible_t: NDArray[np.bool_], rng: np.random.Generator, reach: int) -> list[int]:
    """Two frames in which a target is in sight, not far apart; they may be the same.

    Args:
        visible_t: bool (T,), true somewhere.
        rng: Where chance comes from.
        reach: At most so many frames in sight lie between them.
    """
    seen = np.flatnonzero(visible_t)
    first = int(rng.integers(len(seen)))
    low, high = max(first - reach, 0), min(first + reach, len(seen) - 1)
    return [int(seen[first]), int(seen[rng.integers(low, high + 1)])]


class SiamesePairs:
    """Random samples of pairs.

    Args:
        sources: Where clips come from.
        count: Samples in an epoch.
        make: A pair to a sample.
        reach: See :func:`draw_partner`.
        negative: Chance of a pair of two targets.
        seed: The same samples in every epoch. Left out, every epoch has new ones, drawn from
            torch's global generator.

    Raises:
        InputError: If no clip shows anything.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        count: int,
        make: Callable[[Pair, np.random.Generator], Sample],
        *,
        reach: int = 100,
        negative: float = 0.2,
        seed: int | None = None,
    ) -> None:
        told = "no clip shows its object; give one that does"
        self._clips = ClipChoice(sources, 0, told)
        self._count, self._make, self._seed = count, make, seed
        self._reach, self._negative = reach, negative

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        """A sample, drawn from torch's global generator, or by the seed and its number."""
        rng = sample_chance(self._seed, index)
        return self._make(self.draw(rng), rng)

    def draw(self, rng: np.random.Generator) -> Pair:
        """A random pair."""
        clip = self._clips.draw(rng)
        first, second = draw_partner(clip.visible_t, rng, self._reach)
        if rng.random() >= self._negative or self._clips.count < 2:
            return Pair(clip.view(first), clip.view(second), True)
        other = self._clips.draw(rng)
        while other is clip:
            other = self._clips.draw(rng)
        shown = int(rng.choice(np.flatnonzero(other.visible_t)))
        return Pair(clip.view(first), other.view(shown), False)
