"""Table of the tracker ``flow`` over DAVIS-2016: J, box IoU and speed of every sequence.

    python experiments/studies/flow_tracker.py --root DAVIS [--split val] [--resolution 480p]
        [--sequences dog,libby] [--give-mask]

First and last frames do not count (DAVIS rule); means are over frames, then over sequences. Speed
is given by the wall clock and by the processor time of all threads, which other work on the machine
disturbs less. The box of a frame is the one predicted; its truth is the box of the true mask.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from spectrack.datasets.davis import Davis2016
from spectrack.metrics.regions import box_iou, jaccard
from spectrack.structures import Box
from spectrack.tracking.table import make_tracker


def follow(sequence, tracker_name, give_mask):
    """Scores of one sequence and the seconds the tracker alone took."""
    tracker = make_tracker(tracker_name)
    regions, boxes, wall, cpu = [], [], 0.0, 0.0
    with sequence.frames() as frames:
        for index, frame in enumerate(frames):
            clocks = time.perf_counter(), time.process_time()
            if index == 0:
                prediction = tracker.init(frame, sequence.target(give_mask))
            else:
                prediction = tracker.update(frame)
            wall += time.perf_counter() - clocks[0]
            cpu += time.process_time() - clocks[1]
            truth = sequence.truth_mask(index)
            if truth is not None:
                mask = prediction.hard_mask()
                regions.append(jaccard(np.zeros_like(truth) if mask is None else mask, truth))
                boxes.append(box_iou(prediction.box, Box.from_mask(truth)))
    return regions, boxes, wall / len(sequence), cpu / len(sequence)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", required=True)
    parser.add_argument("--split", default="val")
    parser.add_argument("--resolution", default="480p")
    parser.add_argument("--sequences", type=lambda text: text.split(","))
    parser.add_argument("--tracker", default="flow")
    parser.add_argument("--give-mask", action="store_true")
    options = parser.parse_args()
    names = options.sequences
    dataset = Davis2016(options.root, options.split, options.resolution, names)
    print(f"{'sequence':20} {'J first':>8} {'J':>7} {'box IoU':>8} {'ms':>6} {'cpu ms':>7}")
    rows = []
    for name, sequence in dataset.items():
        regions, boxes, wall, cpu = follow(sequence, options.tracker, options.give_mask)
        counted = slice(1, -1)
        rows.append((regions[0], np.mean(regions[counted]), np.mean(boxes[counted]), wall, cpu))
        show(name, rows[-1])
    show("mean", np.mean(rows, axis=0))


def show(name, row):
    """Print one line of the table."""
    first, region, box, wall, cpu = row
    text = f"{name:20} {first:8.3f} {region:7.3f} {box:8.3f} {1e3 * wall:6.0f} {1e3 * cpu:7.0f}"
    print(text, flush=True)


if __name__ == "__main__":
    main()
