"""Measures of masks over time: TCONT along the flow of the frames, and T of contours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise, tee

import numpy as np
from numpy.typing import NDArray

from spectrack.datasets.base import VideoSequence
from spectrack.evaluation.objects import ScoredObject
from spectrack.flow.estimators import FlowEstimator, FlowHW2
from spectrack.metrics.consistency import carried_means, carried_overlap
from spectrack.metrics.stability import contour_stability
from spectrack.structures import FrameHWC

Rows = NDArray[np.float64]


def score_consistency(
    objects: Sequence[ScoredObject], sequence: VideoSequence, estimator: FlowEstimator
) -> list[tuple[Rows, Rows]]:
    """TCONT of every object with respect to the truth and to the result itself.

    The frames are gone through once, whatever the number of objects.

    Args:
        objects: What is scored.
        sequence: Whose frames the flow is of.
        estimator: The flow.

    Returns:
        Two values for each scored frame of an object; NaN beside a missing first or last mask, and
        in the first and the last frame of the video.
    """
    total = len(sequence)
    ends = [one.result.mask(0) is not None for one in objects]
    first = 0 if all(ends) else 1
    last = total if all(one.result.mask(total - 1) is not None for one in objects) else total - 1
    rows = [(np.full(total, np.nan), np.full(total, np.nan)) for _ in objects]
    with sequence.frames() as frames:
        flows = tee(_flows(islice(frames, first, last), estimator), len(objects))
        streams = [
            carried_means(map(one.mask, range(first, last)), flow)
            for one, flow in zip(objects, flows, strict=True)
        ]
        # In step: no more than a pair of flows is held back for any of them.
        for index, carried in enumerate(zip(*streams, strict=True), first + 1):
            for one, (mean, own), (to_truth, to_self) in zip(objects, carried, rows, strict=True):
                truth = one.truth.truth_mask(index)
                if truth is not None:
                    to_truth[index] = carried_overlap(mean, truth)
                to_self[index] = carried_overlap(mean, own)
    spans = [slice(one.frames.start, one.frames.stop) for one in objects]
    return [(a[span], b[span]) for (a, b), span in zip(rows, spans, strict=True)]


def score_stability(one: ScoredObject) -> Rows:
    """T from every scored frame to the next one; NaN at the last and where a mask is empty."""
    values = np.full(len(one.frames), np.nan)
    masks = (one.result.mask(i) for i in one.frames)  # frames without truth may have none
    for place, (before, after) in enumerate(pairwise(masks)):
        if before is not None and after is not None:
            values[place] = contour_stability(before, after)
    return values


def _flows(
    frames: Iterable[FrameHWC], estimator: FlowEstimator
) -> Iterator[tuple[FlowHW2, FlowHW2]]:
    """Forward and backward flow between neighbours."""
    for first, second in pairwise(frames):
        yield estimator(first, second), estimator(second, first)
