"""The command line with trackers that never move or that fail, for tests of the TraX protocol.

Run it as ``python trax_main.py ARGUMENTS``.
"""

from __future__ import annotations

import sys

from spectrack.cli import main
from spectrack.errors import InputError
from spectrack.structures import Prediction
from spectrack.tracking.table import TRACKERS, TrackerEntry
from still_tracker import StillTracker


class StillBoxes(StillTracker):
    def _init(self, frame_hwc, target):
        self._answer = Prediction(target.box, score=0.25)
        return self._answer


class Refusing(StillTracker):
    def _update(self, frame_hwc):
        raise InputError("this frame is too dark; give a lighter one")


class Failing(StillTracker):
    def _update(self, frame_hwc):
        raise ZeroDivisionError("a mistake of ours")


class Losing(StillTracker):
    def _update(self, frame_hwc):
        return Prediction(None, found=False, score=0.75)


for cls, gives in (
    (StillTracker, "masks"),
    (StillBoxes, "boxes"),
    (Refusing, "masks"),
    (Failing, "masks"),
    (Losing, "masks"),
):
    TRACKERS[cls.__name__] = TrackerEntry(f"trax_main:{cls.__name__}", cls.__name__, gives)

if __name__ == "__main__":
    sys.modules["trax_main"] = sys.modules["__main__"]
    sys.exit(main())
