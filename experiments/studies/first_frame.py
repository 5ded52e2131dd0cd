"""The network of masks in boxes learns what the target looks like in the first frame: what for?

    python experiments/studies/first_frame.py [--trackers A,B] [--steps 0,20] [--quick]

``sftrack`` and ``sftrack-fast`` with their setting ``fine_tune``, from the first box and from the
first mask: on the training sequences of DAVIS-2016 that no shipped network learned from (every
sixth, 240p), and on four clips of the synthetic pond, in which the target is half hidden and passes
a look-alike. Seconds are those of the first frame, by the clock and of the processors together.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from experiments.studies.clips_with_truth import measured, of_davis, of_pond
from spectrack.datasets.davis import Davis2016
from spectrack.structures import Box, Target
from spectrack.tracking.table import make_tracker

SOON = 10
"""Frames after the first whose J is told by itself."""


def follow(frames_and_masks, name, steps, from_mask):
    """J, that of the first frames, box IoU in percent; seconds of the first frame, both ways."""
    tracker, found, first = make_tracker(name, fine_tune=steps), [], ()
    for t, (frame, truth) in enumerate(frames_and_masks):
        if t == 0:
            began = time.perf_counter(), time.process_time()
            tracker.init(frame, Target(Box.from_mask(truth), truth if from_mask else None))
            first = time.perf_counter() - began[0], time.process_time() - began[1]
            continue
        found.append(measured(tracker.update(frame), truth))
    j, overlap = 100 * np.nanmean(found, axis=0)
    soon = 100 * float(np.mean([one[0] for one in found[:SOON]]))
    return (float(j), soon, float(overlap), *first)


def main():
    def more(parser):
        parser.add_argument("--trackers", default="sftrack,sftrack-fast")
        parser.add_argument("--steps", default="0,20")

    options = arguments(__doc__, more)
    page = Page("studies/first_frame", "Learning what the target looks like in the first frame")
    held_out = list(Davis2016(options.root, "train", "240p"))[5::6]
    names = held_out[:1] if options.quick else held_out
    data = Davis2016(options.root, "train", "240p", names)
    most = 3 if options.quick else None
    clips = {name: partial(of_davis, data[name], most) for name in names}
    pond = [f"pond {seed}" for seed in range(1 if options.quick else 4)]
    clips |= {name: partial(of_pond, seed, most) for seed, name in enumerate(pond)}
    trackers, starts = options.trackers.split(","), ("box", "mask")
    if options.quick:
        trackers, starts = trackers[:1], starts[1:]
    facts, rows = {}, []
    for name, start in product(trackers, starts):
        for steps in (int(number) for number in options.steps.split(",")):
            runs = {
                clip: follow(shown(), name, steps, start == "mask") for clip, shown in clips.items()
            }
            facts[f"{name}, from the {start}, {steps} steps"] = runs
            row = [name, start, steps]
            for group in (names, pond):
                j, soon, overlap, *_ = np.mean([runs[n] for n in group], axis=0)
                each = " / ".join(f"{runs[n][0]:.0f}" for n in group)
                row += [each, f"{j:.1f}", f"{soon:.1f}", f"{overlap:.1f}"]
            *_, seconds, spent = np.mean(list(runs.values()), axis=0)
            rows.append([*row, f"{seconds:.1f}", f"{spent:.1f}"])
            print(*rows[-1], flush=True)
    page.text(
        f"Percent, means over the frames but the first; *soon* are the first {SOON} of them. *Held "
        f"out*: {', '.join(held_out)}, training sequences of DAVIS-2016 at 240p from which no "
        "network learned. *Pond*: clips of 60 frames in which the target is half hidden and passes "
        "a look-alike; the network learned from other clips of it. Seconds of the first frame, by "
        "the clock, beside whatever else ran, and of the processors together. Steps are those of a "
        "mask made in the box; a given one is learned in twice as many. Their number, the rate and "
        "what views are made of were chosen on these clips."
    )
    columns = ["J of each", "J", "soon", "box IoU"]
    groups = [f"{group}: {c}" for group in ("held out", "pond") for c in columns]
    page.table(["tracker", "from the", "steps", *groups, "seconds", "of processors"], rows)
    page.write(options, {"runs": facts}, seed=0)


if __name__ == "__main__":
    main()
