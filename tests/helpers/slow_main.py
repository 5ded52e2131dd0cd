"""The command line with a tracker and a recipe so slow that a test can stop them half-way.

Run it as ``python slow_main.py ARGUMENTS``; the videos named ``b*`` are refined slowly. Worker
processes load this file too, so they know the recipe.
"""

from __future__ import annotations

import signal
import sys
import time

from spectrack.cli import main
from spectrack.refinement.presets import PRESETS, Preset
from spectrack.structures import Box, Prediction
from spectrack.tracking.table import TRACKERS, TrackerEntry
from spectrack.tracks import Track
from still_tracker import StillTracker


class SlowTracker(StillTracker):
    def _update(self, frame_hwc):
        time.sleep(1)
        return super()._update(frame_hwc)


def slow_recipe(frames, masks, preset, progress):
    track = Track(frames.size_wh)
    for index in range(len(frames)):
        if frames.name.startswith("b"):
            time.sleep(3)  # long enough for "a" to end first on a busy machine, too
        mask = masks[index] >= 0.5
        track.append(Prediction(Box.from_mask(mask), mask), frames.stems[index])
    return track


TRACKERS["slow"] = TrackerEntry("slow_main:SlowTracker", "slow", "masks")
PRESETS["slow"] = Preset("slow_main:slow_recipe", "slow")

if __name__ == "__main__":
    # Whoever starts the tests may have told children to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
