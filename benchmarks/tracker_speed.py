"""How fast every tracker of the table follows one target, and the class its row should name.

    OMP_NUM_THREADS=1 python benchmarks/tracker_speed.py [--root DAVIS] [--frames 14]
        [--sequences car-roundabout,cows] [--trackers flow,csrt]

Frames of 854 x 480 are decoded before the clock starts, and the first ones, in which kernels are
compiled, are left out. The clock is the processor time of this process, so that a busy machine
hardly changes what is found. A rate is that of all sequences together; what depends on the size of
the target, as OpenCV's trackers do, varies a lot between them. Trackers whose weights are absent
are left out, and so is `external`, which reads answers.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from spectrack.datasets.davis import Davis2016
from spectrack.errors import InputError
from spectrack.structures import Target
from spectrack.tracking.table import TRACKERS, make_tracker

WARM = 4
"""Frames before the clock starts."""


def class_of(rate: float) -> str:
    """The speed class of so many frames a second, as the table of trackers has it."""
    return "fast" if rate > 30 else "medium" if rate >= 5 else "slow"


def seconds_a_frame(name: str, frames: list[Any], target: Target) -> float:
    """Of processor time, once the tracker is warm."""
    tracker = make_tracker(name)
    tracker.init(frames[0], target)
    for frame in frames[1 : WARM + 1]:
        tracker.update(frame)
    begin = time.process_time()
    for frame in frames[WARM + 1 :]:
        tracker.update(frame)
    return (time.process_time() - begin) / (len(frames) - WARM - 1)


def main() -> None:
    """Print a line for each tracker: frames a second, its class, and what its row says."""
    parser = argparse.ArgumentParser(description=__doc__)
    shared = Path(__file__).resolve().parents[2] / "shared" / "data" / "davis2016"
    parser.add_argument("--root", type=Path, default=shared)
    parser.add_argument("--sequences", default="car-roundabout,cows,scooter-black")
    parser.add_argument("--frames", type=int, default=14)
    parser.add_argument("--trackers", default=",".join(n for n in TRACKERS if n != "external"))
    options = parser.parse_args()
    clips = []
    names = options.sequences.split(",")
    for video in Davis2016(options.root, "val", "480p", names).values():
        with video.frames() as source:
            frames = [frame for frame, _ in zip(source, range(options.frames), strict=False)]
        clips.append((frames, video.target()))
    print("tracker        frames/s  class   in the table")
    for name in options.trackers.split(","):
        try:
            seconds = [seconds_a_frame(name, *clip) for clip in clips]
        except InputError as error:
            print(f"{name:14s} {error}")
            continue
        rate, said = len(seconds) / sum(seconds), TRACKERS[name].speed
        print(f"{name:14s} {rate:8.1f}  {class_of(rate):6s}  {said}", flush=True)


if __name__ == "__main__":
    main()
