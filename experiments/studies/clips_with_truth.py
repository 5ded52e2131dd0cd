"""Frames with their true masks, as studies of trackers show them: of DAVIS, and of the pond."""

from __future__ import annotations

from spectrack.datasets.synthetic.scene import make_clip

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
