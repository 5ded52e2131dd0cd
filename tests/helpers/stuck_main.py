"""The command line with a tracker ``stuck`` that answers for four frames and then never again.

Run it as ``python stuck_main.py ARGUMENTS``: a test can stop it where it wants to.
"""

from __future__ import annotations

import math
import signal
import sys
import time

from spectrack.cli import main
from spectrack.commands import console
from spectrack.tracking.table import TRACKERS, TrackerEntry
from still_tracker import StillTracker

ANSWERS = 4


class StuckTracker(StillTracker):
    def _init(self, frame_hwc, target):
        self._answers = 1
        return super()._init(frame_hwc, target)

    def _update(self, frame_hwc):
        while self._answers == ANSWERS:
            time.sleep(3600)
        self._answers += 1
        return super()._update(frame_hwc)


if __name__ == "__main__":
    console.LOG_INTERVAL = math.inf  # what it says does not depend on how long it takes
    TRACKERS["stuck"] = TrackerEntry("stuck_main:StuckTracker", "stuck", "masks")
    # Whoever starts the tests may have told children to ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
