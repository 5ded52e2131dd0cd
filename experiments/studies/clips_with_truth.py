"""Frames with their true masks, as studies of trackers show them: of DAVIS, and of the pond."""

from __future__ import annotations

import numpy as np

from spectrack.datasets.synthetic.scene import make_clip
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.structures import Box

SIZE_WH = (428, 240)


def of_davis(sequence, most):
    """Frames and masks of a sequence; at most so many after the first, all for None."""
    with sequence.frames() as frames:
        for t, frame in enumerate(frames):
            if most is not None and t > most:
                return
            yield frame, sequence.truth_mask(t)


def of_pond(seed, most):
    """Frames and masks of a clip of the synthetic pond, 60 or so many after the first."""
    clip = make_clip(60 if most is None else most + 1, SIZE_WH, seed)
    return zip(clip.frames_thwc, clip.masks_thw, strict=True)


def measured(p, truth):
    """J of an answer, and the IoU of its box, which is NaN where nothing is to be seen."""
    true_box, hard = Box.from_mask(truth), p.hard_mask()
    overlap = np.nan if true_box is None else 0.0
    if true_box is not None and p.box is not None:
        overlap = box_iou(p.box, true_box)
    return jaccard(np.zeros_like(truth) if hard is None else hard, truth), overlap
