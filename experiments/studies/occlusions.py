"""Inputs of SFTrack++ through occlusions and look-alikes: J and box IoU on the synthetic pond.

    python experiments/studies/occlusions.py [--clips N] [--quick]

Clips of 60 frames, seeds 0 and on: a koi passes below lily pads, beside another of its colours.
The network of masks in boxes learned from clips of seeds 100 to 111 of the same pond, so the
figures compare inputs and say little of how well such things are followed elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from spectrack.datasets.synthetic.scene import make_clip
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.structures import Box, Target
from spectrack.tracking.table import make_tracker

INPUTS = ("fear,flow", "fear", "flow", "fear,carried", "nanotrack,flow")
SIZE_WH = (428, 240)


def follow(inputs, clip):
    """Mean J and box IoU over the frames but the first."""
    tracker = make_tracker("sftrack", inputs=inputs)
    j, iou = [], []
    for t, (frame, truth) in enumerate(zip(clip.frames_thwc, clip.masks_thw, strict=True)):
        box = Box.from_mask(truth)
        if t == 0:
            tracker.init(frame, Target(box))
            continue
        p = tracker.update(frame)
        hard = p.hard_mask()
        j.append(jaccard(np.zeros_like(truth) if hard is None else hard, truth))
        iou.append(box_iou(p.box, box) if p.box is not None and box is not None else 0.0)
    return float(np.mean(j)), float(np.mean(iou))


def main():
    options = arguments(__doc__, lambda p: p.add_argument("--clips", type=int, default=4))
    page = Page("studies/occlusions", "Inputs of SFTrack++ through occlusions and look-alikes")
    count, frames = (1, 6) if options.quick else (options.clips, 60)
    clips = [make_clip(frames, SIZE_WH, seed) for seed in range(count)]
    facts = {name: [follow(name, clip) for clip in clips] for name in INPUTS}
    page.text(
        f"J / box IoU of `sftrack` from the first box on {count} clips of {frames} frames of the "
        "synthetic pond, in which the target is half hidden and passes a look-alike."
    )
    page.table(
        ["inputs", *(f"seed {seed}" for seed in range(count)), "mean"],
        [
            [
                name,
                *(f"{100 * j:.0f} / {100 * iou:.0f}" for j, iou in found),
                " / ".join(f"{100 * v:.1f}" for v in np.mean(found, axis=0)),
            ]
            for name, found in facts.items()
        ],
    )
    page.write(options, facts, seed=0)


if __name__ == "__main__":
    main()
