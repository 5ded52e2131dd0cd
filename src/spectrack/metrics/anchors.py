"""VOT with many starts (2020 to 2022): anchors, accuracy, robustness, segments for EAO.

A tracker is started at anchors, frames 50 apart, and runs from each to that end of the video which
is farther away; it is never started again (Kristan et al., ECCV workshops 2020, section 3.1). It
has failed where the overlap fell to at most 0.1 and did not rise above it in ten frames in a row;
the failure is the first of them. *Accuracy* is the mean overlap before the failure, *robustness*
the share of the run before it. In a video, runs weigh by the frames that were used; over videos,
accuracy weighs by the frames before failures and robustness by the length of the video.

What the paper leaves open, and how it is here: the frame of the anchor belongs to the length of a
run and to what was followed, but is no prediction, so accuracy starts behind it. Frames without
truth never count as missed and end a row of missed ones; their overlap is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectrack.errors import InputError
from spectrack.metrics.expected_overlap import Segment

FloatT = NDArray[np.float64]

ANCHOR_GAP = 50
FAILED_BELOW, PATIENCE = 0.1, 10
"""Overlap up to which a frame is missed; missed frames in a row that make a failure."""


class Anchor(NamedTuple):
    """Where a run starts, and which way it goes."""

    frame: int
    backward: bool

    def frames(self, total: int) -> range:
        """The frames of the run in its order, the anchor first, in a video of so many frames."""
        return range(self.frame, -1, -1) if self.backward else range(self.frame, total)


def place_anchors(
    total: int, gap: int = ANCHOR_GAP, visible: Callable[[int], bool] = lambda _: True
) -> list[Anchor]:
    """Anchors of a video: its first frame, every 50th, and the last one.

    A run goes forward from an anchor in the first half, backward from one in the second. An anchor
    whose target is out of sight is moved on in the direction of its run to the first frame that
    shows it (the challenge moved them by hand), and left out where none does or two would meet.

    Args:
        total: Frames of the video.
        gap: Frames between anchors.
        visible: Whether a frame has truth.

    Raises:
        InputError: If there is no frame, or the gap is not positive.
    """
    if total < 1 or gap < 1:
        raise InputError(
            f"{total} frames and a gap of {gap} were given; expected at least 1 of both"
        )
    found: list[Anchor] = []
    for frame in sorted({*range(0, total, gap), total - 1}):
        backward = frame > total - 1 - frame
        wanted = Anchor(frame, backward)
        shown = next((at for at in wanted.frames(total) if visible(at)), None)
        if shown is not None and Anchor(shown, backward) not in found:
            found.append(Anchor(shown, backward))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class AnchoredRun:
    """One run from one anchor.

    Args:
        anchor: Where it started and which way it went.
        frames: Frames of the whole video.
        overlaps: Overlap with the truth in the order of the run, in [0, 1], the frame of the anchor
            first (its value is not looked at); NaN where there is no truth.

    Raises:
        InputError: If there are not as many overlaps as frames of the run.
    """

    anchor: Anchor
    frames: int
    overlaps: FloatT

    def __post_init__(self) -> None:
        wanted = len(self.anchor.frames(self.frames))
        if np.shape(self.overlaps) != (wanted,):
            raise InputError(
                f"overlaps of shape {np.shape(self.overlaps)} were given for a run from frame "
                f"{self.anchor.frame} of {self.frames}; expected {wanted}, one a frame of the run"
            )

    def followed(self, below: float = FAILED_BELOW, patience: int = PATIENCE) -> int:
        """Frames before the failure, the anchor among them; all of them where there was none."""
        return frames_before_failure(self.overlaps, below, patience)

    def segment(self, below: float = FAILED_BELOW, patience: int = PATIENCE) -> Segment:
        """The run up to its failure."""
        until = self.followed(below, patience)
        return Segment(self.overlaps[:until], until < len(self.overlaps))


def frames_before_failure(
    overlaps: NDArray[Any], below: float = FAILED_BELOW, patience: int = PATIENCE
) -> int:
    """How many frames of a run lie before its failure.

    Args:
        overlaps: Shape (N,), the frame of the start first, which is never missed; NaN where there
            is no truth.
        below: A frame is missed up to this overlap.
        patience: So many missed frames in a row are a failure, at the first of them.
    """
    missed = np.asarray(overlaps, dtype=np.float64) <= below  # NaN is not
    missed[:1] = False
    if missed.size < patience:
        return int(missed.size)
    # The row ends at a frame where the count of missed ones grew by all of the last frames.
    counted = np.concatenate([[0], np.cumsum(missed)])
    ends = np.flatnonzero(counted[patience:] - counted[:-patience] == patience)
    return int(ends[0]) if ends.size else int(missed.size)


@dataclass(frozen=True, slots=True)
class AnchorScore:
    """Figures of one video, or of a data set.

    Args:
        accuracy: Mean overlap before failures, in [0, 1]; NaN where nothing was followed.
        robustness: Share of the runs before failures, in [0, 1].
        predicted: Frames that accuracy is the mean of.
        frames: Frames of the video, or of all videos.
    """

    accuracy: float
    robustness: float
    predicted: int
    frames: int


def anchor_score(
    runs: Sequence[AnchoredRun], below: float = FAILED_BELOW, patience: int = PATIENCE
) -> AnchorScore:
    """Accuracy and robustness of the runs over one video.

    Args:
        runs: One from each anchor.
        below: A frame is missed up to this overlap.
        patience: Missed frames in a row that make a failure.

    Raises:
        InputError: If there is no run, or they are of videos of different lengths.
    """
    if not runs or len({run.frames for run in runs}) > 1:
        raise InputError(
            f"{len(runs)} runs over videos of different lengths, or none, were given; expected the "
            "runs of one video"
        )
    followed = [run.followed(below, patience) for run in runs]
    overlap = sum(
        float(np.nansum(run.overlaps[1:until])) for run, until in zip(runs, followed, strict=True)
    )
    predicted = sum(until - 1 for until in followed)
    return AnchorScore(
        accuracy=overlap / predicted if predicted else math.nan,
        robustness=sum(followed) / sum(len(run.overlaps) for run in runs),
        predicted=predicted,
        frames=runs[0].frames,
    )


def anchor_total(scores: Sequence[AnchorScore]) -> AnchorScore:
    """Figures of a data set from those of its videos.

    Args:
        scores: One a video, at least one.
    """
    there = [score for score in scores if score.predicted]
    predicted, frames = sum(s.predicted for s in there), sum(s.frames for s in scores)
    return AnchorScore(
        accuracy=sum(s.accuracy * s.predicted for s in there) / predicted if there else math.nan,
        robustness=sum(s.robustness * s.frames for s in scores) / frames if frames else math.nan,
        predicted=predicted,
        frames=frames,
    )


def anchor_segments(
    runs: Mapping[str, Sequence[AnchoredRun]],
    below: float = FAILED_BELOW,
    patience: int = PATIENCE,
) -> Iterator[Segment]:
    """All runs of all videos up to their failures, for :func:`~expected_overlap.eao_curve`."""
    for of_video in runs.values():
        for run in of_video:
            yield run.segment(below, patience)
