"""The objects of a sequence, each beside the answers for it: by its id, or by best assignment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.evaluation.results import Result
from spectrack.metrics.assignment import assign
from spectrack.metrics.boundary import region_and_contour
from spectrack.metrics.protocols import MaskRules
from spectrack.structures import HardHW

NOTHING = -1
"""Number of an empty proposal: no file holds it."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoredObject:
    """One object, its truth alone and the answers for it alone.

    Args:
        name: Of the sequence, with the id as in ``dogs/2`` where it has several objects.
        object_id: In the truth.
        truth: The sequence as if it were of this object.
        result: The answers for it.
        frames: The frames that can be scored: behind the one in which it is given.
    """

    name: str
    object_id: int
    truth: VideoSequence
    result: Result
    frames: range

    def mask(self, index: int) -> HardHW:
        """Mask of a frame that must have one.

        Raises:
            InputError: If it has none.
        """
        mask = self.result.mask(index)
        if mask is None:
            raise InputError(
                f"frame {self.truth.stems[index]} of sequence {self.truth.name!r} has no mask in "
                f"{self.result.source}; give one for every frame"
            )
        return mask


def scored_objects(result: Result, sequence: VideoSequence, rules: MaskRules) -> list[ScoredObject]:
    """The objects of a sequence with the answers for them.

    Files are read once a frame as long as the objects are asked for one frame after the other.

    Args:
        result: The answers.
        sequence: The truth.
        rules: Which answers belong to which object, and whether the last frame counts.

    Returns:
        One an object, in the order of ids, without those that have no frame behind the one in
        which they are given that can be scored.
    """
    end = len(sequence) - (not rules.last)
    ids = sequence.object_ids
    several = len(ids) > 1
    if several:
        sequence = _read_once(sequence)
    if rules.objects == "assigned" and sequence.read_mask is not None:
        answers = _assigned(result, sequence, end)
    elif several:
        answers = {i: result.of_object(i) for i in ids}
    else:
        answers = dict.fromkeys(ids, result)
    out = []
    for i in ids:
        frames = range(sequence.starts[i] + 1, end)
        truth = _alone(sequence, i) if several else sequence
        if not _any_truth(truth, frames):
            continue
        name = f"{sequence.name}/{i}" if several else sequence.name
        out.append(ScoredObject(name, i, truth, answers[i], frames))
    return out


def _any_truth(sequence: VideoSequence, frames: range) -> bool:
    """Whether one of some frames can be scored."""
    if sequence.read_mask is None:  # whether boxes are known is told by their protocol
        return len(frames) > 0
    return any(i not in sequence.ignored and sequence.truth_mask(i) is not None for i in frames)


def _read_once(sequence: VideoSequence) -> VideoSequence:
    """The same sequence that keeps the objects of the last frame it read."""
    read, void = sequence.read_objects, sequence.read_void
    return replace(
        sequence,
        read_objects=None if read is None else lru_cache(1)(read),
        read_void=None if void is None else lru_cache(1)(void),
    )


def _alone(sequence: VideoSequence, object_id: int) -> VideoSequence:
    """A sequence as if it were of one of its objects."""
    masked = sequence.read_objects is not None or sequence.read_object is not None
    return replace(
        sequence,
        read_mask=(lambda index: sequence.truth_object(index, object_id)) if masked else None,
        read_objects=None,
        read_object=None,
        starts={1: sequence.starts[object_id]},
    )


def _assigned(result: Result, sequence: VideoSequence, end: int) -> dict[int, Result]:
    """The answers for each object where a method numbered what it found as it liked.

    Quality is the mean of J and F over the frames that are scored; a proposal is empty in frames
    where it does not occur. Where proposals are fewer than objects, empty ones make up for it, as
    in the benchmark's tool: they are right where an object is out of sight.
    """
    ids = sequence.object_ids
    proposals, quality, counted = _qualities(result, sequence, end)
    chosen = assign(quality / np.maximum(counted, 1))
    numbered = replace(result, read_ids=result.proposals)
    out = {}
    for object_id, place in zip(ids, chosen, strict=True):
        assert place is not None  # there are enough for all
        out[object_id] = numbered.of_object(proposals[place])
    return out


def _qualities(
    result: Result, sequence: VideoSequence, end: int
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Ids of the proposals, at least G, sums of (J + F) / 2 (P, G), and counted frames (G,)."""
    ids = sequence.object_ids
    sums: dict[int, np.ndarray] = {}
    nothing = np.zeros(len(ids))  # what an empty proposal has gathered
    counted = np.zeros(len(ids))
    for index in range(sequence.first_start + 1, end):
        truths = dict(_truths(sequence, index))
        if not truths:
            continue
        found = result.proposals(index)
        if found is None:
            raise InputError(
                f"frame {sequence.stems[index]} of sequence {sequence.name!r} has no mask in "
                f"{result.source}; give one for every frame"
            )
        here = [int(i) for i in np.unique(found) if i]
        empty = np.zeros(len(ids))
        for g, truth in truths.items():
            empty[g] = float(not truth.any())
            counted[g] += 1
        gained = {}
        for number in here:
            gained[number] = np.zeros(len(ids))
            for g, truth in truths.items():
                mask = without_void(found == number, sequence, index)
                gained[number][g] = sum(region_and_contour(mask, truth)) / 2
            sums.setdefault(number, nothing.copy())
        for number, row in sums.items():
            row += gained.get(number, empty)
        nothing += empty
    proposals = sorted(sums)
    lacking = max(0, len(ids) - len(proposals))
    quality = np.array([*(sums[number] for number in proposals), *[nothing] * lacking])
    return [*proposals, *[NOTHING] * lacking], quality.reshape(-1, len(ids)), counted


def _truths(sequence: VideoSequence, index: int) -> Iterator[tuple[int, HardHW]]:
    """Place and true mask of the objects that are scored in a frame."""
    if index in sequence.ignored:
        return
    for g, object_id in enumerate(sequence.object_ids):
        if index > sequence.starts[object_id]:
            truth = sequence.truth_object(index, object_id)
            if truth is not None:
                yield g, without_void(truth, sequence, index)


def without_void(mask_hw: HardHW, sequence: VideoSequence, index: int) -> HardHW:
    """A mask without the pixels that count for nobody."""
    void = sequence.truth_void(index)
    cut: HardHW = mask_hw if void is None else mask_hw & ~void
    return cut
