"""How well a network follows sequences that were held out of its training, and which those are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from spectrack.datasets.base import VideoSequence
from spectrack.errors import InputError
from spectrack.metrics.regions import jaccard
from spectrack.storage import Progress
from spectrack.trackers.pixelwise.network import Pixelwise
from spectrack.trackers.pixelwise.settings import PixelwiseSettings
from spectrack.trackers.pixelwise.tracker import PixelwiseTracker

T = TypeVar("T")


def fold_of(items: Sequence[T], folds: int, number: int, seed: int) -> tuple[list[T], list[T]]:
    """What a fold learns from, and what is held out of it (section 3.3).

    Args:
        items: All of them; each is held out of one fold.
        folds: How many.
        number: Of the fold, from 0.
        seed: Deals the items out at random.

    Raises:
        InputError: If there are fewer items than folds.
    """
    if len(items) < folds:
        raise InputError(f"{folds} folds of {len(items)} videos were asked for; ask for fewer")
    order = np.random.default_rng(seed).permutation(len(items))
    apart = {int(n) for n in order[number::folds]}
    return (
        [item for n, item in enumerate(items) if n not in apart],
        [item for n, item in enumerate(items) if n in apart],
    )


def mean_overlaps_of_masks(
    network: Pixelwise,
    videos: Sequence[VideoSequence],
    settings: PixelwiseSettings,
    progress: Progress | None = None,
) -> dict[str, float]:
    """Mean J of each video after its first frame, from its true mask on, by name."""
    tracker = PixelwiseTracker(replace(settings, device="cpu"), network)
    found = {}
    for number, video in enumerate(videos):
        scores = []
        with video.frames() as frames:
            for t, frame in enumerate(frames):
                if t == 0:
                    tracker.init(frame, video.target(give_mask=True))
                    continue
                hard, truth = tracker.update(frame).hard_mask(), video.truth_mask(t)
                if truth is not None and hard is not None:
                    scores.append(jaccard(hard, truth))
        found[video.name] = round(float(np.mean(scores)), 4) if scores else 0.0
        if progress is not None:
            progress(number + 1, len(videos))
    return found
