"""The networks look at one frame of several, and flow carries the mask between: what does it cost?

    python experiments/studies/looks_apart.py [--trackers A,B] [--every 1,2] [--quick]

``sftrack`` and ``sftrack-fast`` with their setting ``every``, from the first box: on the training
sequences of DAVIS-2016 that no shipped network learned from (every sixth, 240p), and on four clips
of the synthetic pond, in which the target is half hidden and passes a look-alike. Times are of the
processor, for all threads, in one run, means over the frames but the first.
"""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.common import Page, arguments
from experiments.studies.clips_with_truth import measured, of_davis, of_pond
from spectrack.datasets.davis import Davis2016
from spectrack.structures import Box, Target
from spectrack.tracking.table import make_tracker


def follow(frames_and_masks, name, every):
    """J and box IoU in percent, milliseconds, and the share of frames that were looked at."""
    tracker, found, spent, looked = make_tracker(name, every=every), [], [], 0
    for t, (frame, truth) in enumerate(frames_and_masks):
        if t == 0:
            tracker.init(frame, Target(Box.from_mask(truth)))
            continue
        started = time.process_time()
        p = tracker.update(frame)
        spent.append(1000 * (time.process_time() - started))
        looked += tracker.explanation.channels is not None
        found.append(measured(p, truth))
    scores = (100 * np.nanmean(found, axis=0)).tolist()
    return (*scores, float(np.mean(spent)), looked / len(found))


def main():
    def more(parser):
        parser.add_argument("--trackers", default="sftrack,sftrack-fast")
        parser.add_argument("--every", default="1,2,3,4")

    options = arguments(__doc__, more)
    page = Page("studies/looks_apart", "Looks of the networks in one frame of several")
    held_out = list(Davis2016(options.root, "train", "240p"))[5::6]
    names = held_out[:1] if options.quick else held_out
    data = Davis2016(options.root, "train", "240p", names)
    most = 5 if options.quick else None
    clips = {name: partial(of_davis, data[name], most) for name in names}
    pond = [f"pond {seed}" for seed in range(1 if options.quick else 4)]
    clips |= {name: partial(of_pond, seed, most) for seed, name in enumerate(pond)}
    facts, rows = {}, []
    for name in options.trackers.split(","):
        for every in (int(number) for number in options.every.split(",")):
            runs = {clip: follow(shown(), name, every) for clip, shown in clips.items()}
            facts[f"{name}, every {every}"] = runs
            row = [name, every]
            for group in (names, pond):
                j, overlap, spent, looked = np.mean([runs[n] for n in group], axis=0)
                each = " / ".join(f"{runs[n][0]:.0f}" for n in group)
                row += [each, f"{j:.1f}", f"{overlap:.1f}", f"{100 * looked:.0f}", f"{spent:.0f}"]
            rows.append(row)
            print(*row, flush=True)
    page.text(
        "From the first box, percent, means over the frames but the first; milliseconds of "
        f"processor time a frame. *Held out*: {', '.join(held_out)}, training sequences of "
        "DAVIS-2016 at 240p from which no network learned. *Pond*: clips of 60 frames in which the "
        "target is half hidden and passes a look-alike; the network learned from other clips of it."
    )
    columns = ["J of each", "J", "box IoU", "looked at", "ms"]
    groups = [f"{group}: {c}" for group in ("held out", "pond") for c in columns]
    page.table(["tracker", "every", *groups], rows)
    page.write(options, {"runs": facts}, seed=None)


if __name__ == "__main__":
    main()
