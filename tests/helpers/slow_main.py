"""The command line with a tracker and a recipe so slow that a test can stop them half-way.

Run it as ``python slow_main.py ARGUMENTS``; the videos named ``b*`` are refined slowly. Worker
processes load this file too, so they know the recipe.

``SLOW_SECONDS`` is how long a slow frame takes; a test that stops the program half-way says longer
than it waits. In the folder ``SLOW_PIDS`` every process leaves a file named by the video that it
refines and its own id; with ``SLOW_DEAF`` it does not hear when it is told to stop, as in a long
computation; ``SLOW_NO_KERNEL`` takes away what only Linux can do.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from pathlib import Path

from spectrack import workers
from spectrack.cli import main
from spectrack.commands import console
from spectrack.refinement.presets import PRESETS, Preset
from spectrack.structures import Box, Prediction
from spectrack.tracking.table import TRACKERS, TrackerEntry
from spectrack.tracks import Track
from still_tracker import StillTracker

SECONDS = float(os.environ.get("SLOW_SECONDS", "0"))


class SlowTracker(StillTracker):
    def _update(self, frame_hwc):
        time.sleep(SECONDS)
        return super()._update(frame_hwc)


def slow_recipe(frames, masks, preset, progress):
    if "SLOW_PIDS" in os.environ:
        Path(os.environ["SLOW_PIDS"], f"{frames.name}-{os.getpid()}").touch()
    if "SLOW_DEAF" in os.environ:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    seconds = SECONDS if frames.name.startswith("b") else 0
    track = Track(frames.size_wh)
    for index in range(len(frames)):
        time.sleep(seconds)
        mask = masks[index] >= 0.5
        track.append(Prediction(Box.from_mask(mask), mask), frames.stems[index])
    return track


if "SLOW_NO_KERNEL" in os.environ:
    workers._ask_kernel = lambda: None
TRACKERS["slow"] = TrackerEntry("slow_main:SlowTracker", "slow", "masks")
PRESETS["slow"] = Preset("slow_main:slow_recipe", "slow")

if __name__ == "__main__":
    console.LOG_INTERVAL = math.inf  # what it says does not depend on how long it takes
    # Whoever starts the tests may have told children to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
