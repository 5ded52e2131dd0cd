"""Every way to get a mask or a box, behind init(frame, target) and update(frame)."""

from spectrack.trackers.base import TRACKERS, Tracker, TrackerEntry, make_tracker
from spectrack.trackers.loop import run, run_many

__all__ = ["TRACKERS", "Tracker", "TrackerEntry", "make_tracker", "run", "run_many"]
