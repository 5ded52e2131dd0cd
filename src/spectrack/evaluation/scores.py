"""What scoring gives: scores of objects frame by frame, and their means over a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.metrics.success import BoxScore
from spectrack.metrics.summary import NO_SUMMARY, Summary, Sums, seen_and_unseen, summarise

MEASURES = ("J", "F", "box_iou", "tcont", "tcont_self", "T")


@dataclass(frozen=True, eq=False)
class SequenceScore:
    """Scores of one object in one sequence.

    Args:
        name: Of the sequence; with the object's id, as ``dogs/2``, where it has several.
        stems: File stems of the scored frames, N.
        values: Measure (one of :data:`MEASURES`) to one score a frame, float64 of shape (N,);
            NaN where a frame has no truth. Methods of boxes alone have no J and F.
        fps: Frames per second of the run, where it was timed.
        boxes: Scores by a protocol of box tracking, where they were asked for.
        video: Name of the sequence, where ``name`` is not that.
        frames: Frames of the whole sequence; the scored ones and two more where left out.
        category: What the object is, where the data set tells.
    """

    name: str
    stems: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    fps: float | None = None
    boxes: BoxScore | None = None
    video: str | None = None
    frames: int | None = None
    category: str | None = None

    def summary(self, measure: str) -> Summary:
        """Mean, recall and decay of a measure; NaN where no frame has it."""
        scores = self.values[measure]
        return NO_SUMMARY if np.isnan(scores).all() else summarise(scores)


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of a whole data set.

    Args:
        result: Name of what was scored.
        dataset: Name of the data set.
        sequences: One score for every object of every sequence, in the data set's order; so all
            objects weigh the same in means, as in DAVIS-2017.
        protocol: Name of the protocol that boxes were scored by, where they were.
        seen: Categories that were seen in training, where the protocol tells them from others.
        long_term: ``f``, ``precision``, ``recall`` and ``threshold`` of VOT-LT, where the protocol
            asks for them.
    """

    result: str
    dataset: str
    sequences: tuple[SequenceScore, ...] = field(default=())
    protocol: str | None = None
    seen: frozenset[str] | None = None
    long_term: Mapping[str, float] | None = None

    @property
    def measures(self) -> list[str]:
        """The measures that every object has."""
        return [m for m in MEASURES if all(m in s.values for s in self.sequences)]

    def sums(self, measure: str) -> Sums:
        """What averages over the objects are made of; add those of parts of a data set."""
        return Sums.of(*(sequence.summary(measure) for sequence in self.sequences))

    def mean(self, measure: str) -> float:
        """Mean over objects."""
        return self.sums(measure).mean

    def groups(self) -> dict[str, float]:
        """J and F of seen and unseen categories, and G, the mean of the four (YouTube-VOS).

        Empty where the protocol does not ask for them or categories are not known.
        """
        kinds = [s.category for s in self.sequences]
        if self.seen is None or None in kinds or not {"J", "F"} <= set(self.measures):
            return {}
        means = {m: [s.summary(m).mean for s in self.sequences] for m in ("J", "F")}
        return seen_and_unseen(means["J"], means["F"], [kind in self.seen for kind in kinds])

    @property
    def boxes(self) -> list[BoxScore]:
        """Scores of boxes, one an object; empty where one has none."""
        there = [s.boxes for s in self.sequences if s.boxes is not None]
        return there if len(there) == len(self.sequences) else []

    def box_figures(self) -> dict[str, float]:
        """Figures of :class:`BoxScore`, each a mean over objects; empty without boxes."""
        every = [boxes.figures for boxes in self.boxes]
        return {name: float(np.mean([one[name] for one in every])) for name in (every or [{}])[0]}

    def box_curve(self, name: str) -> NDArray[np.float64]:
        """Mean over objects of one of the curves of :class:`BoxScore`.

        Raises:
            InputError: If boxes were not scored.
        """
        if not self.boxes:
            raise InputError(f"{self.result} has no scores of boxes; score it by a protocol")
        return np.mean([boxes.curves[name] for boxes in self.boxes], axis=0, dtype=np.float64)

    @property
    def fps(self) -> float | None:
        """Frames per second over all sequences, None where one was not timed."""
        timed = {s.video or s.name: (s.frames or len(s.stems) + 2, s.fps) for s in self.sequences}
        if not timed or not all(rate for _, rate in timed.values()):
            return None
        frames = sum(count for count, _ in timed.values())
        return frames / sum(count / rate for count, rate in timed.values() if rate)
