"""How well a tracker of boxes follows sequences that were held out from its training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from spectrack.datasets.base import VideoSequence
from spectrack.storage import Progress
from spectrack.tracking.base import Tracker

T = TypeVar("T")
EVERY = 6
"""One of so many sequences is held out."""


def hold_out(items: Sequence[T], every: int = EVERY) -> tuple[list[T], list[T]]:
    """What is learned from, and every so many-th, the last of each group, held out."""
    kept = [item for n, item in enumerate(items) if n % every != every - 1]
    return kept, list(items[every - 1 :: every])


def box_overlap(tracker: Tracker, video: VideoSequence) -> float:
    """Mean IoU with the true boxes after the first frame; a target not found counts 0."""
    overlaps = []
    with video.frames() as frames:
        for number, frame in enumerate(frames):
            if number == 0:
                tracker.init(frame, video.target())
                continue
            found, truth = tracker.update(frame).box, video.truth_box(number)
            if truth is not None:
                overlaps.append(0.0 if found is None else found.iou(truth))
    return float(np.mean(overlaps)) if overlaps else 0.0


def box_overlaps(
    tracker: Tracker, videos: Iterable[VideoSequence], progress: Progress | None = None
) -> dict[str, float]:
    """:func:`box_overlap` of several, by name.

    Args:
        tracker: Started anew for each.
        videos: With masks or boxes.
        progress: Called with sequences done and in all.
    """
    every = list(videos)
    found = {}
    for number, video in enumerate(every, 1):
        found[video.name] = round(box_overlap(tracker, video), 4)
        if progress is not None:
            progress(number, len(every))
    return found
